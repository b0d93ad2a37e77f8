/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The store of who had the sockets that were listed; the rules are in test_attribution. */
#include "attribution/existing_owners.h"

#include "check.h"

#define MAX 4

static const struct hash_key key = { { 7, 8 } };

/* Never freed by a reference: it lies on this test's own table. */
static struct process process = { .references = 1000, .pid = 1 };

static void test_order(void)
{
	struct existing_owners *owners = existing_owners_new(MAX, &key);

	CHECK(!existing_owners_first(owners) && !existing_owners_turn(owners), "empty");
	for (uint64_t inode = 10; inode < 13; inode++)
		existing_owners_add(owners, inode, 5);
	existing_owners_add(owners, 10, 6);
	existing_owners_add(owners, 0, 6);
	CHECK_EQUAL(existing_owners_count(owners), 3, "each once, and none without an inode");
	CHECK_EQUAL(existing_owners_first(owners)->inode, 10, "in their order");
	CHECK(!existing_owners_turn(owners), "none is looked at again before it was given out");
	existing_owners_pass(owners);
	existing_owners_pass(owners);
	CHECK_EQUAL(existing_owners_first(owners)->inode, 12, "those that are left");
	CHECK_EQUAL(existing_owners_turn(owners)->inode, 10, "in turn: the first");
	CHECK_EQUAL(existing_owners_turn(owners)->inode, 11, "the second");
	CHECK_EQUAL(existing_owners_turn(owners)->inode, 10, "and again");
	existing_owners_pass(owners);
	existing_owners_pass(owners);
	CHECK(!existing_owners_first(owners), "no more than there are");
	existing_owners_free(owners);
}

static void test_room(void)
{
	struct existing_owners *owners = existing_owners_new(MAX, &key);

	for (uint64_t inode = 10; inode < 10 + MAX; inode++)
		existing_owners_add(owners, inode, 5);
	existing_owners_pass(owners);
	existing_owners_set_process(existing_owners_find(owners, 10), &process);
	CHECK_EQUAL(process.references, 1001, "its process is counted");
	existing_owners_forget(owners, 12);
	CHECK(!existing_owners_find(owners, 12), "forgotten");
	existing_owners_add(owners, 20, 5);
	CHECK(!existing_owners_find(owners, 10) && existing_owners_find(owners, 20),
	      "the oldest makes room");
	CHECK_EQUAL(process.references, 1000, "its process is given back");
	CHECK_EQUAL(existing_owners_first(owners)->inode, 11, "the order stays");
	existing_owners_forget(owners, 11);
	existing_owners_add(owners, 21, 5);
	existing_owners_add(owners, 22, 5);
	CHECK(existing_owners_find(owners, 13) && existing_owners_find(owners, 22),
	      "what was forgotten makes room first");
	for (int i = 0; i < 100; i++)
		existing_owners_add(owners, 100 + (uint64_t)i, 5);
	CHECK(existing_owners_count(owners) == MAX && existing_owners_find(owners, 199) &&
	              !existing_owners_find(owners, 22),
	      "bounded");
	existing_owners_set_process(existing_owners_find(owners, 199), &process);
	existing_owners_free(owners);
	CHECK_EQUAL(process.references, 1000, "all are given back");
}

int main(void)
{
	test_order();
	test_room();
	return check_done();
}
