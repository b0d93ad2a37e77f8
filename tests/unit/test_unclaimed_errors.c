/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/unclaimed_errors.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define BEGIN (100 * NS_PER_SECOND)

static struct unclaimed_error error_at(uint16_t port, uint32_t netns, int64_t after_ns)
{
	return (struct unclaimed_error){
		.tuple = { .protocol = IPPROTO_TCP, .source_port = port, .destination_port = 80 },
		.netns = netns,
		.seen_ns = BEGIN + after_ns,
		.reason = CONNECTION_BLOCKED,
		.code = (uint8_t)(after_ns / NS_PER_SECOND),
	};
}

/* Connects that begin together, each with two errors, as a SYN is sent again. */
static void check_many(struct unclaimed_errors *errors)
{
	const int64_t later_ns = 10 * NS_PER_SECOND;
	uint32_t counts[3] = { 0 }, count;

	for (int again = 0; again < 2; again++)
		for (uint16_t port = 1; port <= 4000; port++) {
			struct unclaimed_error error = error_at(port, 9, later_ns + again);

			unclaimed_errors_put(errors, &error);
		}
	for (uint16_t port = 1; port <= 4000; port++) {
		struct tuple tuple = error_at(port, 9, 0).tuple;

		unclaimed_errors_find(errors, 9, &tuple, BEGIN + later_ns, &count);
		counts[count < 2 ? count : 2]++;
	}
	CHECK(counts[2] == 4000, "those of 4000 connects at one time are kept: %u", counts[2]);
	CHECK(!unclaimed_errors_lack(errors, BEGIN), "none made room");
}

static void check_room(struct unclaimed_errors *errors)
{
	const struct unclaimed_error flood = error_at(2, 7, NS_PER_SECOND);
	struct tuple tuple = flood.tuple;
	uint32_t count;

	for (int i = 0; i < 50000; i++)
		unclaimed_errors_put(errors, &flood);
	CHECK(unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count) && count < 50000,
	      "room is bounded");
	tuple.source_port = 1;
	CHECK(!unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count), "the oldest make room");
	CHECK(unclaimed_errors_lack(errors, BEGIN + 10 * NS_PER_SECOND + 1),
	      "and are known to lack");
	CHECK(!unclaimed_errors_lack(errors, BEGIN + 10 * NS_PER_SECOND + 2),
	      "but not later than the last of them");
}

/* What little happens does not touch all of the room in the end, and is known for minutes. */
static void check_stays_small(const struct hash_key *key)
{
	struct unclaimed_errors *errors = unclaimed_errors_new(key);
	const int64_t minute_ns = 60 * NS_PER_SECOND;
	long before = check_pages_touched();
	int lacking = 0;

	for (int64_t i = 0; i < 30000; i++) {
		struct unclaimed_error error = error_at(1, 7, i * NS_PER_SECOND);

		unclaimed_errors_put(errors, &error);
		lacking += unclaimed_errors_lack(errors, error.seen_ns - 4 * minute_ns);
	}
	CHECK(check_pages_touched() - before < 64, "30,000 errors, one a second: %ld pages",
	      check_pages_touched() - before);
	CHECK_EQUAL(lacking, 0, "none of the last four minutes made room");
	unclaimed_errors_free(errors);
}

int main(void)
{
	const struct hash_key key = { { 1, 2 } };
	struct unclaimed_errors *errors = unclaimed_errors_new(&key);
	struct unclaimed_error put[] = { error_at(1, 7, 0), error_at(1, 7, NS_PER_SECOND),
		                         error_at(2, 7, NS_PER_SECOND),
		                         error_at(1, 8, 2 * NS_PER_SECOND) };
	const struct unclaimed_error *found;
	struct tuple tuple = put[0].tuple;
	uint32_t count = 9;

	check_stays_small(&key);
	CHECK(!unclaimed_errors_find(errors, 7, &tuple, 0, &count) && count == 0, "there is none");
	for (size_t i = 0; i < sizeof put / sizeof *put; i++)
		unclaimed_errors_put(errors, &put[i]);
	found = unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count);
	CHECK(found && found->code == 1 && count == 2, "the latest of two");
	found = unclaimed_errors_find(errors, 7, &tuple, BEGIN + 1, &count);
	CHECK(found && found->code == 1 && count == 1, "from a time on");
	CHECK(!unclaimed_errors_find(errors, 7, &tuple, BEGIN + 2 * NS_PER_SECOND, &count),
	      "an earlier one is of another attempt");
	tuple.source_port = 3;
	CHECK(!unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count), "another port");
	check_many(errors);
	check_room(errors);
	unclaimed_errors_free(errors);
	return check_done();
}
