/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "interfaces/interface_table.h"

#include "check.h"
#include "random.h"

#define ADDRESSES 2000
#define MS        INT64_C(1000000)

static struct interface make(uint32_t ifindex, const char *name)
{
	struct interface interface = { .ifindex = ifindex, .type = 1, .up = true };

	snprintf(interface.name, sizeof(interface.name), "%s", name);
	return interface;
}

static void set(struct interface_table *table, uint32_t ifindex, const char *name)
{
	struct interface interface = make(ifindex, name);

	if (interface_table_set(table, &interface) != 0)
		exit(EXIT_FAILURE);
}

static struct inet_address address(const char *text)
{
	struct inet_address address = { { 0 } };

	inet_parse(text, &address);
	return address;
}

static bool is_local(const struct interface_table *table, const char *text)
{
	struct inet_address wanted = address(text);

	return interface_table_is_local(table, &wanted);
}

static void add(struct interface_table *table, const char *text, uint32_t ifindex)
{
	struct inet_address new = address(text);

	if (interface_table_add_address(table, &new, ifindex) != 0)
		exit(EXIT_FAILURE);
}

static uint32_t link_of(struct interface_table *table, uint32_t ifindex, uint16_t outer,
                        uint16_t inner)
{
	const uint16_t vlans[2] = { outer, inner };

	return interface_table_link(table, ifindex, vlans, 2);
}

/*
 * 1 eth0, below VLAN 2 (tag 10) and 3 (tag 20) and macvlan 4; 5 is a VLAN of 2 (tag 7). Bridge 9
 * has the ports 2 and 8, whose veth peer is 6.
 */
static void test_links(void)
{
	static const struct interface interfaces[] = {
		{ .ifindex = 9 },
		{ .ifindex = 8, .master = 9, .link = 6 },
		{ .ifindex = 6, .link = 8 },
		{ .ifindex = 1 },
		{ .ifindex = 2, .link = 1, .vlan = 10, .master = 9 },
		{ .ifindex = 3, .link = 1, .vlan = 20 },
		{ .ifindex = 4, .link = 1 },
		{ .ifindex = 5, .link = 2, .vlan = 7 },
		{ .ifindex = 7 },
	};
	struct interface_table *table = interface_table_new();
	struct interface alone = { .ifindex = 2, .link = 1, .vlan = 10 };

	for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++)
		interface_table_set(table, &interfaces[i]);
#define LINK(...) link_of(table, __VA_ARGS__)
	CHECK(LINK(9, 0, 0) == LINK(8, 0, 0) && LINK(9, 0, 0) == LINK(2, 0, 0),
	      "a bridge and its ports");
	CHECK_EQUAL(LINK(6, 0, 0), LINK(9, 0, 0), "the peer of a veth that is one");
	CHECK_EQUAL(LINK(4, 0, 0), LINK(1, 0, 0), "a macvlan and what is below");
	CHECK_EQUAL(LINK(1, 10, 0), LINK(9, 0, 0), "a VLAN and its tag below");
	CHECK_EQUAL(LINK(1, 0, 10), LINK(9, 0, 0), "a priority is no tag");
	CHECK(LINK(1, 10, 7) == LINK(5, 0, 0) && LINK(2, 7, 0) == LINK(5, 0, 0), "two tags");
	CHECK(LINK(2, 0, 0) != LINK(3, 0, 0) && LINK(2, 0, 0) != LINK(1, 0, 0) &&
	              LINK(5, 0, 0) != LINK(2, 0, 0),
	      "each tag is a link of its own");
	CHECK(LINK(1, 30, 0) != LINK(1, 31, 0) && LINK(1, 30, 0) != LINK(1, 0, 0) &&
	              LINK(1, 30, 31) != LINK(1, 31, 30),
	      "without an interface, too");
	CHECK(LINK(7, 0, 0) != LINK(1, 0, 0) && LINK(7, 0, 0) != LINK(9, 0, 0), "others are apart");
	CHECK(LINK(100, 0, 0) != LINK(7, 0, 0), "so is what is not known");
	interface_table_set(table, &alone);
	CHECK(LINK(2, 0, 0) != LINK(9, 0, 0) && LINK(1, 10, 0) == LINK(2, 0, 0),
	      "a port that has left");
	interface_table_delete(table, 3);
	CHECK(LINK(1, 20, 0) != LINK(3, 0, 0), "a VLAN that is deleted");
	interface_table_free(table);
}

static void test_interfaces(void)
{
	struct interface_table *table = interface_table_new();
	struct interface changed = make(7, "eth0");
	const struct interface *found;

	CHECK(!interface_table_find(table, 1), "empty");
	set(table, 7, "eth0");
	set(table, 1, "lo");
	set(table, 9, "wlan0");
	found = interface_table_find(table, 7);
	CHECK(found && strcmp(found->name, "eth0") == 0 && found->up && !found->deleted &&
	              strcmp(interface_table_find(table, 9)->name, "wlan0") == 0,
	      "found by index");
	CHECK(!interface_table_find(table, 8) && !interface_table_find(table, 10),
	      "others are not");

	const struct {
		const char *what;
		bool *flag;
	} flags[] = {
		{ "up", &changed.up },
		{ "running", &changed.running },
		{ "loopback", &changed.loopback },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		*flags[i].flag = !*flags[i].flag;
		interface_table_set(table, &changed);
		found = interface_table_find(table, 7);
		CHECK(found->up == changed.up && found->running == changed.running &&
		              found->loopback == changed.loopback,
		      "a change of %s", flags[i].what);
	}
	changed.master = 9;
	interface_table_set(table, &changed);
	CHECK_EQUAL(interface_table_find(table, 7)->master, 9, "a change of the master");
	set(table, 7, "renamed");
	CHECK_TEXT(interface_table_find(table, 7)->name, "renamed", "a new name");
	interface_table_free(table);
	interface_table_free(NULL);
}

static void test_deleted(void)
{
	struct interface_table *table = interface_table_new();
	int kept = 0;

	set(table, 1, "lo");
	set(table, 2, "tun0");
	interface_table_delete(table, 2);
	CHECK(interface_table_find(table, 2) && interface_table_find(table, 2)->deleted &&
	              !interface_table_find(table, 2)->up,
	      "what is deleted is remembered");
	CHECK_TEXT(interface_table_find(table, 2)->name, "tun0", "with its name");
	set(table, 3, "tun0");
	interface_table_delete(table, 99);
	interface_table_delete(table, 3);
	set(table, 2, "back");
	CHECK(!interface_table_find(table, 2)->deleted, "an index may come back");

	for (uint32_t i = 0; i < INTERFACE_TABLE_DELETED_MAX + 500; i++) {
		set(table, 1000 + i, "veth");
		interface_table_delete(table, 1000 + i);
	}
	for (uint32_t i = 0; i < INTERFACE_TABLE_DELETED_MAX + 500; i++)
		kept += interface_table_find(table, 1000 + i) != NULL;
	CHECK_EQUAL(kept, INTERFACE_TABLE_DELETED_MAX, "%d deleted are remembered, no more", kept);
	CHECK(!interface_table_find(table, 3) && !interface_table_find(table, 1499) &&
	              interface_table_find(table, 1500),
	      "the oldest go first");
	CHECK(interface_table_find(table, 1) && interface_table_find(table, 2), "the living stay");
	interface_table_free(table);
}

static void test_addresses(void)
{
	struct interface_table *table = interface_table_new();
	struct inet_address gone = address("10.0.0.1");

	set(table, 2, "eth0");
	set(table, 3, "eth1");
	CHECK(!is_local(table, "10.0.0.1"), "no addresses");
	CHECK(is_local(table, "127.0.0.1") && is_local(table, "127.4.5.6") &&
	              is_local(table, "::1"),
	      "loopback always is local");
	add(table, "10.0.0.1", 2);
	add(table, "fe80::1", 2);
	add(table, "fe80::1", 3);
	add(table, "10.0.0.1", 2);
	CHECK(is_local(table, "10.0.0.1") && is_local(table, "fe80::1") &&
	              !is_local(table, "10.0.0.2") && !is_local(table, "fe80::"),
	      "addresses");
	interface_table_delete(table, 2);
	CHECK(!is_local(table, "10.0.0.1") && is_local(table, "fe80::1"),
	      "they go with their interface, one that another has too stays");
	interface_table_remove_address(table, &gone, 2);
	add(table, "10.0.0.1", 3);
	interface_table_remove_address(table, &gone, 2);
	CHECK(is_local(table, "10.0.0.1"), "another interface's is not removed");
	interface_table_remove_address(table, &gone, 3);
	CHECK(!is_local(table, "10.0.0.1"), "removed");
	interface_table_free(table);
}

static void test_listing(void)
{
	struct interface_table *table = interface_table_new();

	set(table, 1, "lo");
	set(table, 2, "a");
	set(table, 3, "b");
	add(table, "10.0.0.1", 2);
	add(table, "10.0.0.2", 2);
	interface_table_begin(table);
	set(table, 1, "lo");
	set(table, 3, "b");
	set(table, 4, "c");
	add(table, "10.0.0.2", 2);
	add(table, "10.0.0.3", 3);
	interface_table_sweep_interfaces(table);
	interface_table_sweep_addresses(table);
	CHECK(interface_table_find(table, 2)->deleted && !interface_table_find(table, 1)->deleted &&
	              !interface_table_find(table, 3)->deleted &&
	              !interface_table_find(table, 4)->deleted,
	      "what a listing does not have is deleted");
	CHECK(!is_local(table, "10.0.0.1") && is_local(table, "10.0.0.2") &&
	              is_local(table, "10.0.0.3"),
	      "its addresses alike");
	interface_table_begin(table);
	set(table, 1, "lo");
	set(table, 3, "b");
	set(table, 4, "c");
	add(table, "10.0.0.2", 2);
	add(table, "10.0.0.3", 3);
	interface_table_sweep_interfaces(table);
	interface_table_sweep_addresses(table);
	CHECK(interface_table_find(table, 2)->deleted && !interface_table_find(table, 4)->deleted &&
	              is_local(table, "10.0.0.2") && is_local(table, "10.0.0.3"),
	      "a listing without news is no change");

	interface_table_free(table);
	table = interface_table_new();
	for (uint32_t i = 1; i <= 3 * INTERFACE_TABLE_DELETED_MAX; i++)
		set(table, i, "many");
	interface_table_begin(table);
	for (uint32_t i = 1; i <= 3 * INTERFACE_TABLE_DELETED_MAX; i += 100)
		set(table, i, "many");
	interface_table_sweep_interfaces(table);
	uint32_t living = 0, deleted = 0;
	for (uint32_t i = 1; i <= 3 * INTERFACE_TABLE_DELETED_MAX; i++) {
		const struct interface *interface = interface_table_find(table, i);

		living += interface && !interface->deleted;
		deleted += interface && interface->deleted;
	}
	CHECK(living == (3 * INTERFACE_TABLE_DELETED_MAX + 99) / 100 &&
	              deleted == INTERFACE_TABLE_DELETED_MAX,
	      "%u live on, %u deleted, out of %d", living, deleted,
	      3 * INTERFACE_TABLE_DELETED_MAX);
	interface_table_free(table);
}

/* Against an array that is searched from end to end. */
static void test_random(void)
{
	struct random random = random_begin();
	struct interface_table *table = interface_table_new();
	bool model[ADDRESSES] = { false };
	struct inet_address one = address("10.0.0.0");
	int wrong = 0;

	for (int round = 0; round < 100000; round++) {
		uint32_t number = random_below(&random, ADDRESSES);

		one.bytes[14] = (uint8_t)(number >> 8);
		one.bytes[15] = (uint8_t)number;
		switch (random_below(&random, 3)) {
		case 0:
			model[number] = interface_table_add_address(table, &one, 2) == 0;
			break;
		case 1:
			interface_table_remove_address(table, &one, 2);
			model[number] = false;
			break;
		default:
			wrong += interface_table_is_local(table, &one) != model[number];
		}
	}
	CHECK_EQUAL(wrong, 0, "%d of 100,000 random steps are wrong", wrong);
	interface_table_free(table);
}

static void test_times(void)
{
	struct interface_table *table = interface_table_new();
	struct inet_address old = address("192.0.2.1"), new = address("192.0.2.2");

	add(table, "192.0.2.1", 2);
	interface_table_at(table, 50 * MS, 60 * MS);
	add(table, "192.0.2.2", 2);
	interface_table_at(table, 60 * MS, 90 * MS);
	interface_table_remove_address(table, &new, 2);
	CHECK(!is_local(table, "192.0.2.2"), "an address that was removed is not local");
	CHECK(interface_table_was_local(table, &new, 70 * MS), "it was, before");
	CHECK(interface_table_was_local(table, &new, 52 * MS), "from when it may have come");
	CHECK(!interface_table_was_local(table, &new, 40 * MS), "not earlier");
	CHECK(interface_table_was_local(table, &new, 89 * MS), "to when it may have gone");
	CHECK(!interface_table_was_local(table, &new, 100 * MS), "not later");
	CHECK(interface_table_was_local(table, &old, 1 * MS), "what was there at first always was");
	CHECK(interface_table_had_address(table, &new, 70 * MS) == 2, "which interface had it");
	CHECK(interface_table_had_address(table, &new, 100 * MS) == 0, "none, later");
	CHECK(interface_table_had_address(table, &old, 0) == 2, "which has it now");
	add(table, "192.0.2.1", 3);
	CHECK(interface_table_had_address(table, &old, 0) == 0, "of two neither is known to");
	interface_table_delete(table, 3);
	CHECK(interface_table_had_address(table, &old, 0) == 2, "one is left");
	interface_table_delete(table, 2);
	CHECK(!is_local(table, "192.0.2.1"), "the addresses of a deleted interface are not local");
	CHECK(interface_table_was_local(table, &old, 80 * MS), "they were");
	for (uint32_t i = 0; i < 2 * INTERFACE_TABLE_DELETED_MAX; i++) {
		struct inet_address one = new;

		one.bytes[14] = (uint8_t)(i >> 8);
		one.bytes[15] = (uint8_t)i;
		interface_table_at(table, (100 + i) * MS, (101 + i) * MS);
		if (interface_table_add_address(table, &one, 3) != 0)
			exit(EXIT_FAILURE);
		interface_table_remove_address(table, &one, 3);
	}
	CHECK(!interface_table_was_local(table, &old, 80 * MS), "the oldest are forgotten");
	interface_table_free(table);
}

int main(void)
{
	test_interfaces();
	test_links();
	test_deleted();
	test_addresses();
	test_listing();
	test_random();
	test_times();
	return check_done();
}
