/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Ping sockets that the kernel prints in the files of both families: each is reported once, in its own. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "sockets/proc_net_ping.h"

#define LINES_MAX 6

/* A line of either file; port 0 ends. */
struct line {
	int family, port;
	bool has_address;
	uint64_t inode;
};

struct test_case {
	const char *title;
	struct line lines[LINES_MAX];
	const char *reported;
};

#define FOUR AF_INET
#define SIX  AF_INET6

static const struct test_case cases[] = {
	{ "none", { { 0 } }, "" },
	{ "one of each, in buckets of their own",
	  { { FOUR, 1, true, 10 }, { SIX, 2, true, 20 } },
	  "4:10 6:20 " },
	{ "the one of IPv6 behind that of IPv4",
	  { { FOUR, 78, true, 10 }, { FOUR, 78, false, 20 }, { SIX, 78, true, 20 } },
	  "4:10 6:20 " },
	{ "the other way round, by the bucket",
	  { { FOUR, 14, true, 10 }, { SIX, 78, true, 20 }, { SIX, 14, false, 10 } },
	  "4:10 6:20 " },
	{ "neither has an address: the first of a bucket is of its file",
	  { { FOUR, 78, false, 10 }, { FOUR, 78, false, 20 }, { SIX, 78, false, 20 } },
	  "4:10 6:20 " },
	{ "and of IPv4",
	  { { FOUR, 14, false, 10 }, { SIX, 78, false, 20 }, { SIX, 14, false, 10 } },
	  "4:10 6:20 " },
	{ "two without address, one behind the other, are two",
	  { { FOUR, 14, false, 10 }, { FOUR, 78, false, 11 } },
	  "4:10 4:11 " },
	{ "first in no file",
	  { { FOUR, 1, true, 10 },
	    { FOUR, 65, false, 30 },
	    { SIX, 1, true, 20 },
	    { SIX, 65, false, 30 } },
	  "4:10 4:30 6:20 " },
};

static int write_down(void *context, const struct socket *socket)
{
	char *text = context;
	size_t length = strlen(text);

	snprintf(text + length, 200 - length, "%d:%d ", socket->family == FOUR ? 4 : 6,
	         (int)socket->inode);
	return 0;
}

static int stop(void *context, const struct socket *socket)
{
	(void)socket;
	return ++*(int *)context == 1 ? 7 : 0;
}

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct proc_net_ping ping = { .count = 0 };
		char reported[200] = "";
		int calls = 0;

		for (const struct line *line = cases[i].lines; line->port != 0; line++) {
			struct socket socket = { .family = (uint8_t)line->family,
				                 .inode = line->inode };

			socket.tuple.source_port = (uint16_t)line->port;
			if (line->has_address)
				socket.tuple.source.bytes[15] = 1;
			CHECK_EQUAL(proc_net_ping_add(&ping, &socket), 0, "%s: a line",
			            cases[i].title);
		}
		CHECK_EQUAL(proc_net_ping_report(&ping, write_down, reported), 0, "%s: all",
		            cases[i].title);
		CHECK(strcmp(reported, cases[i].reported) == 0, "%s: %s", cases[i].title, reported);
		CHECK_EQUAL(proc_net_ping_report(&ping, stop, &calls), ping.count > 0 ? 7 : 0,
		            "%s: a callback that ends it", cases[i].title);
		proc_net_ping_fini(&ping);
	}
	return check_done();
}
