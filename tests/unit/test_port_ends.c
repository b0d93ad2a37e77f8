/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/port_ends.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define NOW   (1000 * NS_PER_SECOND)
#define NETNS 7u
#define OTHER 8u

static const struct hash_key key = { { 1, 2 } };

static struct tuple end(uint16_t remote)
{
	return (struct tuple){ .source_port = 5000,
		               .destination_port = remote,
		               .protocol = IPPROTO_UDP };
}

static int64_t last(const struct port_ends *ends, uint32_t netns, int64_t seen_ns)
{
	struct tuple tuple = end(53);

	return port_ends_last(ends, netns, &tuple, seen_ns);
}

static void test_deaths(void)
{
	struct port_ends *ends = port_ends_new(&key);
	struct tuple open = end(0), connected = end(54);

	CHECK(port_ends_count(ends, 5000) == 0 && last(ends, NETNS, NOW) == 0, "nothing has died");
	port_ends_note(ends, NETNS, &connected, NOW);
	CHECK(last(ends, NETNS, NOW) == 0, "one that was connected elsewhere");
	port_ends_note(ends, NETNS, &open, NOW + 1);
	port_ends_note(ends, OTHER, &open, NOW + 2);
	CHECK(last(ends, NETNS, NOW) == NOW + 1 && last(ends, OTHER, NOW) == NOW + 2,
	      "one on the port, in each of two namespaces");
	CHECK(port_ends_any(ends, NOW + 2) && !port_ends_any(ends, NOW + 3), "the latest of all");
	CHECK(port_ends_count(ends, 5000) == 3 && port_ends_count(ends, 5001) == 0 &&
	              port_ends_since(ends, 5000, NOW + 1) && !port_ends_since(ends, 5000, NOW + 2),
	      "they are counted together");
	port_ends_free(ends);
}

static void test_lost(void)
{
	struct port_ends *ends = port_ends_new(&key);
	int64_t end_ns = NOW + 10 * NS_PER_SECOND;

	port_ends_lost(ends, NOW, end_ns);
	CHECK(port_ends_count(ends, 1) == 1 && port_ends_since(ends, 65535, end_ns - 1),
	      "word was lost: of any port");
	CHECK(port_ends_any(ends, end_ns) && !port_ends_any(ends, end_ns + 1), "until then");
	CHECK(last(ends, NETNS, NOW) == NOW && last(ends, NETNS, end_ns - 1) == end_ns - 1,
	      "just when a packet was seen, for all that is known");
	CHECK(last(ends, NETNS, end_ns + 1) == end_ns && last(ends, NETNS, NOW - 1) == end_ns,
	      "not before, nor after");
	port_ends_lost(ends, end_ns, end_ns + 5);
	CHECK(last(ends, NETNS, NOW) == NOW, "two losses in a row are one");
	port_ends_lost(ends, 2 * end_ns, 2 * end_ns + 5);
	CHECK(last(ends, NETNS, NOW) == 2 * end_ns + 5, "long after, another");
	port_ends_free(ends);
}

int main(void)
{
	test_deaths();
	test_lost();
	port_ends_free(NULL);
	return check_done();
}
