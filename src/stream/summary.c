/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/table.h"
#include "base/utf8.h"
#include "inspect/names.h"

#define NAME_MAX_BYTES 64 /* of a process; an address is shorter */
#define LINE_MAX_BYTES (6 * NAME_MAX_BYTES + 128)

struct sum {
	uint8_t length;
	char name[NAME_MAX_BYTES]; /* any bytes */
	uint64_t connections, failures, bytes;
};

/* Sums by name; the first is for what comes when all others are taken. */
struct sums {
	struct table *table;
	struct sum *entries;
	uint32_t count;
};

struct summary {
	struct hash_key key;
	struct sum all;
	struct sums programs, far_ends;
	uint64_t unknown[ATTRIBUTION_REPLAY + 1]; /* connections, by reason */
};

static bool sums_init(struct sums *sums)
{
	sums->table = table_new(SUMMARY_NAMES_MAX);
	sums->entries = calloc(SUMMARY_NAMES_MAX + 1, sizeof *sums->entries);
	if (sums->entries) {
		strcpy(sums->entries[0].name, "others");
		sums->entries[0].length = 6;
		sums->count = 1;
	}
	return sums->table && sums->entries;
}

struct summary *summary_new(const struct hash_key *key)
{
	struct summary *summary = calloc(1, sizeof *summary);

	if (!summary)
		return NULL;
	summary->key = *key;
	if (!sums_init(&summary->programs) || !sums_init(&summary->far_ends)) {
		summary_free(summary);
		return NULL;
	}
	return summary;
}

void summary_free(struct summary *summary)
{
	if (!summary)
		return;
	table_free(summary->programs.table);
	table_free(summary->far_ends.table);
	free(summary->programs.entries);
	free(summary->far_ends.entries);
	free(summary);
}

static struct sum *find(struct sums *sums, const struct hash_key *key, const char *name,
                        size_t length)
{
	uint64_t hash = hash_bytes(key, name, length);
	struct table_cursor cursor = table_cursor(sums->table, hash);
	struct sum *fresh;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct sum *sum = &sums->entries[number];

		if (sum->length == length && memcmp(sum->name, name, length) == 0)
			return sum;
	}
	if (sums->count > SUMMARY_NAMES_MAX || table_insert(sums->table, hash, sums->count) != 0)
		return &sums->entries[0];
	fresh = &sums->entries[sums->count++];
	memcpy(fresh->name, name, length);
	fresh->length = (uint8_t)length;
	return fresh;
}

static void count(struct sum *sum, const struct connection *connection)
{
	sum->connections++;
	sum->failures += connection->outcome == CONNECTION_FAILURE;
	sum->bytes += connection->counts[CONNECTION_SOURCE].bytes +
	              connection->counts[CONNECTION_DESTINATION].bytes;
}

/* The program of each local end; on loopback one that has both counts once. */
static void add_programs(struct summary *summary, const struct connection *connection)
{
	const struct sum *before = NULL;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct owner *owner = &connection->owners[end];
		const struct process *then;
		struct sum *sum;
		size_t length;

		if (!connection->local[end])
			continue;
		summary->unknown[owner->reason] += owner->reason != ATTRIBUTION_REASON_NONE;
		then = owner_process_at(owner, connection->last_ns);
		if (!then || !then->name)
			continue;
		length = strnlen(then->name, NAME_MAX_BYTES);
		sum = find(&summary->programs, &summary->key, then->name, length);
		if (sum != before)
			count(sum, connection);
		before = sum;
	}
}

/*
 * The domain of the destination, where it is known; else the address of the end that is not of
 * this host, or of the responder where both are or neither is.
 */
static struct sum *far_end(struct summary *summary, const struct connection *connection)
{
	const bool *local = connection->local;
	const struct names *names = connection->names;
	char text[INET_TEXT_MAX];
	size_t length;

	if (names && names->texts[NAMES_DOMAIN].length > 0 &&
	    names->texts[NAMES_DOMAIN].length <= NAME_MAX_BYTES)
		return find(&summary->far_ends, &summary->key,
		            names->bytes + names->texts[NAMES_DOMAIN].offset,
		            names->texts[NAMES_DOMAIN].length);
	length = inet_format(local[CONNECTION_DESTINATION] && !local[CONNECTION_SOURCE]
	                             ? &connection->tuple.source
	                             : &connection->tuple.destination,
	                     text);
	return find(&summary->far_ends, &summary->key, text, length);
}

void summary_add(struct summary *summary, const struct event *event)
{
	const struct connection *connection;

	if (event->action != EVENT_CONNECTION_CLOSED)
		return;
	connection = event->connection.connection;
	count(&summary->all, connection);
	add_programs(summary, connection);
	count(far_end(summary, connection), connection);
}

static int by_bytes(const void *left, const void *right)
{
	const struct sum *const *a = left, *const *b = right;

	if ((*a)->bytes != (*b)->bytes)
		return (*a)->bytes < (*b)->bytes ? 1 : -1;
	return (*a)->connections < (*b)->connections ? 1 : -1;
}

struct printer {
	void (*print)(void *context, const char *line);
	void *context;
};

static void print_sum(const struct printer *printer, const struct sum *sum)
{
	char line[LINE_MAX_BYTES], name[6 * NAME_MAX_BYTES + 1];
	struct buf escaped = { .data = name, .capacity = sizeof name - 1 };

	utf8_append_log(&escaped, sum->name, sum->length);
	name[escaped.length] = '\0';
	snprintf(line, sizeof line, "  %-39s %11" PRIu64 " %8" PRIu64 " %15" PRIu64, name,
	         sum->connections, sum->failures, sum->bytes);
	printer->print(printer->context, line);
}

static void print_sums(const struct printer *printer, const struct sums *sums, const char *title)
{
	const struct sum **sorted = calloc(sums->count, sizeof(const struct sum *));
	char line[LINE_MAX_BYTES];
	uint32_t found = 0;

	for (uint32_t i = 0; sorted && i < sums->count; i++)
		if (sums->entries[i].connections > 0)
			sorted[found++] = &sums->entries[i];
	if (found > 0) {
		snprintf(line, sizeof line, "  %-39s %11s %8s %15s", title, "connections", "failed",
		         "bytes");
		printer->print(printer->context, line);
		qsort(sorted, found, sizeof(const struct sum *), by_bytes);
	}
	for (uint32_t i = 0; i < found && i < SUMMARY_SHOWN; i++)
		print_sum(printer, sorted[i]);
	free(sorted);
}

void summary_print(const struct summary *summary, void (*print)(void *context, const char *line),
                   void *context)
{
	const struct printer printer = { .print = print, .context = context };
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof line,
	         "%" PRIu64 " connections, %" PRIu64 " failed, %" PRIu64 " bytes",
	         summary->all.connections, summary->all.failures, summary->all.bytes);
	print(context, line);
	print_sums(&printer, &summary->programs, "program");
	print_sums(&printer, &summary->far_ends, "far end");
	for (int reason = ATTRIBUTION_REASON_NONE + 1; reason < ATTRIBUTION_REPLAY; reason++) {
		if (summary->unknown[reason] == 0)
			continue;
		snprintf(line, sizeof line, "  owner unknown (%s): %" PRIu64,
		         attribution_reason_name((enum attribution_reason)reason),
		         summary->unknown[reason]);
		print(context, line);
	}
}
