/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/duplicates.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define NOW   (1000 * NS_PER_SECOND)
#define NETNS 7u
#define LATE  500
#define ALIKE 4

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

	duplicates_check(duplicates, &first, duplicates_expect(duplicates, &first), 0, same_netns);
	number = duplicates_check(duplicates, &again, duplicates_expect(duplicates, &again), 0,
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
		                          0, &counted);
		right = right && number == (i > 0) && counted == copies[i].counted;
	}
	CHECK(right, "copies in several namespaces: each counts it once");
	duplicates_free(duplicates);
}

/* A multicast of one link; what routers pass may come again on any. */
static void test_links(void)
{
	struct duplicates *duplicates = duplicates_new(&(struct hash_key){ { 1, 2 } });
	struct packet on_va = packet(1), on_vlan = packet(2), below = packet(3), on_vc = packet(4);
	struct packet elsewhere = packet(5);
	bool same = false;

#define CHECKED(packet, link)                                                                      \
	duplicates_check(duplicates, &(packet), duplicates_expect(duplicates, &(packet)), link,    \
	                 &same)
	inet_parse("224.0.0.251", &on_va.tuple.destination);
	on_va.has_mac = true;
	on_va.source_mac[5] = 1;
	on_vlan.tuple = below.tuple = on_vc.tuple = elsewhere.tuple = on_va.tuple;
	on_vlan.has_mac = below.has_mac = on_vc.has_mac = elsewhere.has_mac = true;
	on_vlan.source_mac[5] = below.source_mac[5] = elsewhere.source_mac[5] = 1;
	on_vlan.ifindex = 3;
	below.ifindex = 4;
	elsewhere.netns++;
	CHECK_EQUAL(CHECKED(on_va, 2), 0, "the first");
	CHECK_EQUAL(CHECKED(on_vc, 2), 0, "of another address of the link layer it is no copy");
	CHECK_EQUAL(CHECKED(on_vlan, 70000), 0, "nor on another link");
	CHECK(CHECKED(below, 70000) == 2 && same, "on the same link it is");
	CHECK_EQUAL(CHECKED(elsewhere, 9), 2, "in another namespace links have other numbers");
	on_vc.has_mac = false;
	on_vc.ifindex = 5;
	CHECK_EQUAL(CHECKED(on_vc, 5), 0, "without such an address");
	on_vc.ifindex = 6;
	CHECK_EQUAL(CHECKED(on_vc, 6), 0, "the link alone tells");
	duplicates_free(duplicates);
}

/* What one namespace had in 100 ms is read before what another had. */
static void test_late(void)
{
	struct duplicates *duplicates = duplicates_new(&(struct hash_key){ { 1, 2 } });
	unsigned wrong = 0;

	for (uint64_t i = 0; i < 2 * LATE; i++) {
		struct packet one = packet(i + 1);
		bool same;

		one.netns = NETNS + (i >= LATE);
		one.ip_id = (uint16_t)(i % LATE);
		one.time_ns += (int64_t)(i % LATE) * NS_PER_MS / 10;
		wrong += duplicates_check(duplicates, &one, duplicates_expect(duplicates, &one), 0,
		                          &same) != (i < LATE ? 0 : i - LATE + 1);
	}
	CHECK_EQUAL(wrong, 0, "%d packets, and then their copies", LATE);
	duplicates_free(duplicates);
}

/* Reports of one host to its router are the same each time. */
static void test_alike(void)
{
	struct duplicates *duplicates = duplicates_new(&(struct hash_key){ { 1, 2 } });
	unsigned wrong = 0;

	for (uint64_t i = 0; i < 2 * ALIKE; i++) {
		struct packet one = packet(i + 1);
		bool same;

		one.netns = NETNS + (i >= ALIKE);
		one.time_ns += (int64_t)(i % ALIKE) * 20 * NS_PER_MS;
		wrong += duplicates_check(duplicates, &one, duplicates_expect(duplicates, &one), 0,
		                          &same) != (i < ALIKE ? 0 : i - ALIKE + 1);
	}
	CHECK_EQUAL(wrong, 0, "%d that are alike, and then their copies", ALIKE);
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
	again.ip_id--;
	again.content++;
	CHECK_EQUAL(second(again, &same), 0,
	            "and one without a number that carries something else");
	again = packet(2);
	again.ifindex = 3;
	again.network = PACKET_ARP;
	CHECK_EQUAL(second(again, &same), 0, "only IP has copies");
	test_namespaces();
	test_links();
	test_late();
	test_alike();
	duplicates_free(NULL);
	return check_done();
}
