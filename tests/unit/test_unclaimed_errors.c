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

int main(void)
{
	struct unclaimed_errors *errors = unclaimed_errors_new();
	struct unclaimed_error put[] = { error_at(1, 7, 0), error_at(1, 7, NS_PER_SECOND),
		                         error_at(2, 7, NS_PER_SECOND),
		                         error_at(1, 8, 2 * NS_PER_SECOND) };
	const struct unclaimed_error *found;
	struct tuple tuple = put[0].tuple;
	uint32_t count = 9;

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
	for (int i = 0; i < 5000; i++)
		unclaimed_errors_put(errors, &put[2]);
	tuple.source_port = 1;
	CHECK(!unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count), "the oldest make room");
	tuple.source_port = 2;
	CHECK(unclaimed_errors_find(errors, 7, &tuple, BEGIN, &count) && count < 5000,
	      "room is bounded");
	unclaimed_errors_free(errors);
	return check_done();
}
