/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lookup costs with few and with many entries, ns of CPU, the median and
 * the least and most: the index alone (base/table) and connections in their table.
 *
 *	bench_tables [ENTRIES]...     1000, 100000 and 1000000 without
 *
 * hit: one found after another in random order. batched: the same, but the
 * lines of BATCH keys are fetched before the first of them is looked for, as
 * packets are. counted: batched, and a packet is counted in each. chained: each
 * waits for the one before. miss: none is there.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "connections/connection_table.h"

#include "random.h"

#define BATCH   32
#define RUNS    5
#define LOOKUPS 1000000

static const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *table, uint32_t entries, const char *what, double *ns, int runs)
{
	qsort(ns, (size_t)runs, sizeof *ns, ascending);
	printf("%-12s %8" PRIu32 " %-10s %8.1f %8.1f %8.1f ns\n", table, entries, what,
	       ns[runs / 2], ns[0], ns[runs - 1]);
	fflush(stdout);
}

/* Keys of the index alone are numbers; every second one is there. */
struct numbers {
	uint32_t entries;
	uint64_t *keys;
	struct table *table;
};

static uint64_t hash_of(uint64_t value)
{
	return hash_bytes(&key, &value, sizeof value);
}

static uint32_t find_number(const struct numbers *numbers, uint64_t value)
{
	struct table_cursor cursor = table_cursor(numbers->table, hash_of(value));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (numbers->keys[number] == value)
			return number;
	return 0;
}

static double insert_numbers(struct numbers *numbers)
{
	int64_t start = clock_cpu_ns();

	for (uint32_t i = 0; i < numbers->entries; i++) {
		numbers->keys[i] = 2 * (uint64_t)i;
		if (table_insert(numbers->table, hash_of(numbers->keys[i]), i) != 0)
			exit(EXIT_FAILURE);
	}
	return (double)(clock_cpu_ns() - start) / numbers->entries;
}

static double find_numbers(const struct numbers *numbers, unsigned odd)
{
	struct random random = { .state = 7 };
	int64_t start = clock_cpu_ns();
	uint32_t sum = 0;

	for (int i = 0; i < LOOKUPS; i++)
		sum += find_number(numbers,
		                   2 * (uint64_t)random_below(&random, numbers->entries) + odd);
	__asm__ volatile("" : : "r"(sum));
	return (double)(clock_cpu_ns() - start) / LOOKUPS;
}

static double find_numbers_batched(const struct numbers *numbers)
{
	struct random random = { .state = 7 };
	int64_t start = clock_cpu_ns();
	uint32_t sum = 0;

	for (int i = 0; i < LOOKUPS; i += BATCH) {
		uint64_t wanted[BATCH];

		for (int j = 0; j < BATCH; j++) {
			wanted[j] = 2 * (uint64_t)random_below(&random, numbers->entries);
			table_prefetch(numbers->table, hash_of(wanted[j]));
		}
		for (int j = 0; j < BATCH; j++)
			sum += find_number(numbers, wanted[j]);
	}
	__asm__ volatile("" : : "r"(sum));
	return (double)(clock_cpu_ns() - start) / LOOKUPS;
}

static void bench_index(uint32_t entries)
{
	struct numbers numbers = { .entries = entries };
	double ns[4][RUNS];

	for (int run = 0; run < RUNS; run++) {
		numbers.keys = malloc(entries * sizeof *numbers.keys);
		numbers.table = table_new(entries);
		if (!numbers.keys || !numbers.table)
			exit(EXIT_FAILURE);
		ns[0][run] = insert_numbers(&numbers);
		ns[1][run] = find_numbers(&numbers, 0);
		ns[2][run] = find_numbers_batched(&numbers);
		ns[3][run] = find_numbers(&numbers, 1);
		table_free(numbers.table);
		free(numbers.keys);
	}
	report("table", entries, "insert", ns[0], RUNS);
	report("table", entries, "hit", ns[1], RUNS);
	report("table", entries, "batched", ns[2], RUNS);
	report("table", entries, "miss", ns[3], RUNS);
}

/* Connection n, and with `absent` one that is not there. Made anew each time: no array in the cache. */
static struct tuple tuple_of(uint32_t n, bool absent)
{
	uint32_t client = htonl(0x0a000000 + n / 28000), server = htonl(0xc6336401 + n % 300);
	struct tuple tuple = {
		.protocol = IPPROTO_TCP,
		.source_port = (uint16_t)(32768 + n % 28000),
		.destination_port = absent ? 80 : 443,
	};

	inet_from_v4(&tuple.source, &client);
	inet_from_v4(&tuple.destination, &server);
	return tuple;
}

static void ignore(void *context, struct connection *connection, enum connection_change change)
{
	(void)context;
	(void)connection;
	(void)change;
}

static double open_connections(struct connection_table *table, uint32_t entries)
{
	int64_t start = clock_cpu_ns();

	for (uint32_t i = 0; i < entries; i++) {
		struct tuple tuple = tuple_of(i, false);
		struct connection_key wanted = connection_table_key(table, 1, &tuple);

		if (!connection_table_open(table, &wanted, 1, 1))
			exit(EXIT_FAILURE);
	}
	return (double)(clock_cpu_ns() - start) / entries;
}

static double find_connections(const struct connection_table *table, uint32_t entries, bool absent,
                               bool chained)
{
	struct random random = { .state = 7 };
	int64_t start = clock_cpu_ns();
	uint64_t sum = 0;

	for (int i = 0; i < LOOKUPS; i++) {
		uint32_t n = random_below(&random, entries);
		struct tuple tuple;
		struct connection_key wanted;
		enum connection_end from;
		struct connection *found;

		if (chained)
			n += (uint32_t)(sum >> 32); /* 0, but only the one before can know */
		tuple = tuple_of(n, absent);
		wanted = connection_table_key(table, 1, &tuple);
		found = connection_table_find(table, &wanted, &from);
		sum = found ? found->netns + 1 : 0;
		__asm__ volatile("" : "+r"(sum)); /* the compiler does not know that it is small */
	}
	__asm__ volatile("" : : "r"(sum));
	return (double)(clock_cpu_ns() - start) / LOOKUPS;
}

static double find_connections_batched(const struct connection_table *table, uint32_t entries,
                                       bool counted)
{
	struct random random = { .state = 7 };
	int64_t start = clock_cpu_ns();
	uint64_t sum = 0;

	for (int i = 0; i < LOOKUPS; i += BATCH) {
		struct connection_key wanted[BATCH];
		enum connection_end from;

		for (int j = 0; j < BATCH; j++) {
			struct tuple tuple = tuple_of(random_below(&random, entries), false);

			wanted[j] = connection_table_key(table, 1, &tuple);
			connection_table_prefetch(table, &wanted[j]);
		}
		for (int j = 0; j < BATCH; j++) {
			const struct connection *expected =
				connection_table_prefetch_entry(table, &wanted[j]);

			if (counted)
				connection_prefetch_counts(expected);
		}
		for (int j = 0; j < BATCH; j++) {
			struct connection *found = connection_table_find(table, &wanted[j], &from);

			sum += found->netns;
			if (counted)
				found->counts[from].packets++;
		}
	}
	__asm__ volatile("" : : "r"(sum));
	return (double)(clock_cpu_ns() - start) / LOOKUPS;
}

static void bench_connections(uint32_t entries)
{
	const struct connection_table_options options = {
		.max_connections = entries,
		.key = key,
		.callback = ignore,
	};
	double ns[6][RUNS], each;
	size_t bytes = 0;

	for (int run = 0; run < RUNS; run++) {
		struct connection_table *table = connection_table_new(&options);

		if (!table)
			exit(EXIT_FAILURE);
		ns[0][run] = open_connections(table, entries);
		ns[1][run] = find_connections(table, entries, false, false);
		ns[2][run] = find_connections_batched(table, entries, false);
		ns[3][run] = find_connections_batched(table, entries, true);
		ns[4][run] = find_connections(table, entries, false, true);
		ns[5][run] = find_connections(table, entries, true, false);
		bytes = connection_table_bytes(table);
		connection_table_free(table);
	}
	report("connections", entries, "insert", ns[0], RUNS);
	report("connections", entries, "hit", ns[1], RUNS);
	report("connections", entries, "batched", ns[2], RUNS);
	report("connections", entries, "counted", ns[3], RUNS);
	report("connections", entries, "chained", ns[4], RUNS);
	report("connections", entries, "miss", ns[5], RUNS);
	each = (double)bytes / entries;
	printf("%-12s %8" PRIu32 " %-10s %8.1f %8.1f %8.1f bytes each\n", "connections", entries,
	       "memory", each, each, each);
}

int main(int argc, char **argv)
{
	static const uint32_t usual[] = { 1000, 100000, 1000000 };
	int count = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);

	for (int i = 0; i < count; i++) {
		uint32_t entries = argc > 1 ? (uint32_t)strtoul(argv[i + 1], NULL, 10) : usual[i];

		bench_index(entries);
		bench_connections(entries);
	}
	return EXIT_SUCCESS;
}
