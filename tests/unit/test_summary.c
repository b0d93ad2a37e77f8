/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/summary.h"

#include "check.h"
#include "example_event.h"

#define LINES 64

static const struct hash_key key = { { 1, 2 } };

struct lines {
	char text[LINES][512];
	int count;
};

static void keep(void *context, const char *line)
{
	struct lines *lines = context;

	if (lines->count < LINES)
		snprintf(lines->text[lines->count++], sizeof lines->text[0], "%s", line);
}

static struct lines lines_of(const struct summary *summary)
{
	struct lines lines = { .count = 0 };

	summary_print(summary, keep, &lines);
	return lines;
}

/* The number of the line that begins so; -1 = there is none. */
static int find(const struct lines *lines, const char *begin)
{
	for (int i = 0; i < lines->count; i++)
		if (strncmp(lines->text[i], begin, strlen(begin)) == 0)
			return i;
	return -1;
}

static void close_one(struct summary *summary, struct example *example, uint64_t bytes)
{
	struct event event = { .action = EVENT_CONNECTION_CLOSED };

	example->connection.counts[CONNECTION_SOURCE].bytes = bytes;
	event.connection.connection = &example->connection;
	summary_add(summary, &event);
}

static void test_sums(void)
{
	struct summary *summary = summary_new(&key);
	struct connection *connection;
	struct example example;
	struct lines lines;
	char evil[] = "a\033[31m";

	example_begin(&example);
	connection = &example.connection;
	close_one(summary, &example, 100);
	connection->outcome = CONNECTION_FAILURE;
	close_one(summary, &example, 20);
	connection->outcome = CONNECTION_SUCCESS;
	/* On loopback both ends have a program; of the same program it counts once. */
	connection->local[CONNECTION_DESTINATION] = true;
	connection->owners[CONNECTION_DESTINATION] = example.server;
	close_one(summary, &example, 1000);
	connection->owners[CONNECTION_DESTINATION] = example.client;
	close_one(summary, &example, 4);
	/* An owner that is not known, then a name with a control character. */
	connection->local[CONNECTION_DESTINATION] = false;
	connection->owners[CONNECTION_SOURCE] = (struct owner){ .reason = ATTRIBUTION_TIME_WAIT };
	close_one(summary, &example, 7);
	connection->owners[CONNECTION_SOURCE] = example.client;
	example.curl.name = evil;
	close_one(summary, &example, 1);

	lines = lines_of(summary);
	CHECK_TEXT(lines.text[0], "6 connections, 1 failed, 1132 bytes", "all of them");
	CHECK(find(&lines, "  curl ") == 2 && strstr(lines.text[2], " 4        1            1124"),
	      "the program with the most bytes comes first: %s", lines.text[2]);
	CHECK(find(&lines, "  sshd ") == 3 && strstr(lines.text[3], " 1        0            1000"),
	      "sshd has 1: %s", lines.text[3]);
	CHECK(find(&lines, "  a\\u001b[31m ") == 4, "a control character is escaped: %s",
	      lines.text[4]);
	CHECK(find(&lines, "  93.184.216.34 ") == 6 &&
	              strstr(lines.text[6], " 6        1            1132"),
	      "the far end: %s", lines.text[6]);
	CHECK(find(&lines, "  owner unknown (time_wait): 1") == 7, "why an owner is not known");
	CHECK_EQUAL(lines.count, 8, "and nothing else");
	example.curl.name = example.curl_name;
	example_end(&example);
	summary_free(summary);
}

/* Ten are shown, and memory is bounded. */
static void test_many(void)
{
	struct summary *summary = summary_new(&key);
	struct example example;
	struct lines lines;

	example_begin(&example);
	for (unsigned i = 0; i < SUMMARY_NAMES_MAX + 1000; i++) {
		uint8_t address[4] = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i };

		inet_from_v4(&example.connection.tuple.destination, address);
		close_one(summary, &example, 5);
	}
	lines = lines_of(summary);
	CHECK_EQUAL(lines.count, 1 + 1 + 1 + 1 + SUMMARY_SHOWN, "ten of very many far ends");
	CHECK(find(&lines, "  others ") == 4 && strstr(lines.text[4], " 1000 "),
	      "those beyond the limit together: %s", lines.text[4]);
	example_end(&example);
	summary_free(summary);
}

static void test_domain(void)
{
	struct summary *summary = summary_new(&key);
	struct example example;
	struct lines lines;

	example_begin(&example);
	names_free(example.connection.names);
	example.connection.names = NULL;
	close_one(summary, &example, 5);
	names_set_domain(&example.connection.names, NAMES_FROM_DNS, "www.example.org");
	close_one(summary, &example, 6);
	lines = lines_of(summary);
	CHECK(find(&lines, "  www.example.org  ") == 4 && find(&lines, "  93.184.216.34 ") == 5,
	      "a far end has the name that is known: %s", lines.text[4]);
	names_free(example.connection.names);
	example.connection.names = NULL;
	example_end(&example);
	summary_free(summary);
}

static void test_nothing(void)
{
	struct summary *summary = summary_new(&key);
	struct lines lines;
	struct example example;
	struct event event;

	example_begin(&example);
	event = example_event(&example, EVENT_CONNECTION_OPENED);
	summary_add(summary, &event);
	lines = lines_of(summary);
	CHECK(lines.count == 1 && find(&lines, "0 connections") == 0,
	      "what is not closed is not counted");
	example_end(&example);
	summary_free(summary);
}

int main(void)
{
	test_sums();
	test_many();
	test_domain();
	test_nothing();
	return check_done();
}
