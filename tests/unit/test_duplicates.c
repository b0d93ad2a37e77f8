/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/duplicates.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define NOW   (1000 * NS_PER_SECOND)
#define NETNS 7u

static struct packet packet(uint64_t number)
{
	return (struct packet){
		.time_ns = NOW,
		.number = number,
		.netns = NETNS,
		.ifindex = 2,
		.network = PACKET_IPV4,
		.tuple = { .source_port = 5000, .destination_port = 53, .protocol = IPPROTO_UDP },
		.ip_length = 40,
		.ip_id = 4711,
	};
}

/* What it says of a second packet after the first one, which has the number 1. */
static uint64_t second(struct packet again, bool *same_netns)
{
	struct duplicates *duplicates = duplicates_new(&(struct hash_key){ { 1, 2 } });
	struct packet first = packet(1);
	uint64_t number;

	duplicates_check(duplicates, &first, duplicates_expect(duplicates, &first), same_netns);
	number = duplicates_check(duplicates, &again, duplicates_expect(duplicates, &again),
	                          same_netns);
	duplicates_free(duplicates);
	return number;
}

/* Copies in several namespaces, in any order: in each the first one counts. */
static void test_namespaces(void)
{
	static const struct {
		uint32_t netns, ifindex;
		bool counted;
	} copies[] = { { 8, 2, false }, { 7, 2, false }, { 7, 3, true }, { 7, 4, true },
		       { 9, 2, false }, { 7, 3, true },  { 8, 3, true }, { 9, 3, true },
		       { 6, 2, false }, { 6, 3, true },  { 7, 4, true } };
	struct duplicates *duplicates = duplicates_new(&(struct hash_key){ { 1, 2 } });
	bool right = true;

	for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
		struct packet copy = packet(i + 1);
		bool counted = false;
		uint64_t number;

		copy.netns = copies[i].netns;
		copy.ifindex = copies[i].ifindex;
		number = duplicates_check(duplicates, &copy, duplicates_expect(duplicates, &copy),
		                          &counted);
		right = right && number == (i > 0) && counted == copies[i].counted;
	}
	CHECK(right, "copies in several namespaces: each counts it once");
	duplicates_free(duplicates);
}

int main(void)
{
	struct packet again = packet(2);
	bool same = false;

	again.ifindex = 3;
	again.time_ns += DUPLICATES_WINDOW_NS - 1;
	CHECK(second(again, &same) == 1 && same, "the same on another interface");
	again.time_ns = NOW - DUPLICATES_WINDOW_NS + 1;
	CHECK_EQUAL(second(again, &same), 1, "though it was captured before");
	again.time_ns = NOW + DUPLICATES_WINDOW_NS;
	CHECK_EQUAL(second(again, &same), 0, "not long after");

	again = packet(2);
	CHECK_EQUAL(second(again, &same), 0, "on the same interface it is another one");
	again.netns++;
	CHECK(second(again, &same) == 1 && !same,
	      "an interface of another namespace, with the same number");
	again = packet(2);
	again.ifindex = 3;
	again.ip_id++;
	CHECK_EQUAL(second(again, &same), 0, "another packet of the flow");
	again = packet(2);
	again.ifindex = 3;
	again.network = PACKET_ARP;
	CHECK_EQUAL(second(again, &same), 0, "only IP has copies");
	test_namespaces();
	duplicates_free(NULL);
	return check_done();
}
