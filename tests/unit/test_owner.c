/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of attribution: the processes that share a socket, and what several have alike. */
#include "attribution/owner.h"

#include <string.h>

#include "check.h"

#define EXEC_NS 1000

/* Never freed by a reference: processes lie on this test's own table. */
#define KEPT .references = 1000000

static char front[] = "front", back[] = "back", app[] = "/app";

/* The second was "front" as well before it ran another program, and the third is of another user. */
static struct process before = { KEPT, .name = front, .cgroup = app, .has_uid = true, .uid = 5 };
static struct process processes[] = {
	{ KEPT, .name = front, .cgroup = app, .has_uid = true, .uid = 5 },
	{ KEPT, .name = back, .cgroup = app, .has_uid = true, .uid = 5, .since_wall_ns = EXEC_NS,
	  .former = &before },
	{ KEPT, .name = front, .cgroup = app, .has_uid = true, .uid = 6 },
	{ KEPT, .name = front },
};

static void test_common(void)
{
	static const struct {
		const char *title;
		int count, numbers[3];
		int64_t wall_ns;
		const char *name, *cgroup;
		bool user, any;
	} cases[] = {
		{ "one alone", 1, { 0 }, EXEC_NS, front, app, true, true },
		{ "before the exec of one", 2, { 0, 1 }, EXEC_NS - 1, front, app, true, true },
		{ "since its exec", 2, { 0, 1 }, EXEC_NS, NULL, app, true, true },
		{ "first the one that executed", 2, { 1, 0 }, EXEC_NS, NULL, app, true, true },
		{ "of two users", 3, { 0, 1, 2 }, EXEC_NS - 1, front, app, false, true },
		{ "one with a name alone", 2, { 3, 0 }, EXEC_NS, front, NULL, false, true },
		{ "nothing", 2, { 3, 1 }, EXEC_NS, NULL, NULL, false, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct owner owner = { 0 }, copied = { 0 };
		struct owner_common common = { .count = cases[i].count };
		struct owner_alike alike;

		for (int number = 0; number < cases[i].count; number++)
			common.processes[number] = &processes[cases[i].numbers[number]];
		CHECK(owner_set_common(&owner, &common) == 0 && owner_copy(&copied, &owner) == 0 &&
		              owner_common_at(copied.common, cases[i].wall_ns, &alike) ==
		                      cases[i].any,
		      "alike: %s", cases[i].title);
		CHECK(alike.name == cases[i].name && alike.cgroup == cases[i].cgroup &&
		              (alike.uid && *alike.uid == 5) == cases[i].user,
		      "alike: %s: name %s, cgroup %s, user %d", cases[i].title,
		      alike.name ? alike.name : "-", alike.cgroup ? alike.cgroup : "-",
		      alike.uid != NULL);
		owner_clear(&owner);
		owner_clear(&copied);
	}
	CHECK(processes[0].references == 1000000 && processes[1].references == 1000000,
	      "all references are given back");
}

static void test_shared(void)
{
	static const int three[] = { 10, 20, 30 }, two[] = { 10, 40 };
	struct owner owner = { 0 }, copied = { 0 };

	CHECK(owner_set_shared(&owner, three, 3) == 0 && owner.shared_count == 3 &&
	              memcmp(owner.shared_pids, three, sizeof three) == 0,
	      "three processes share it");
	CHECK(owner_set_shared(&owner, two, 2) == 0 && owner_copy(&copied, &owner) == 0 &&
	              copied.shared_count == 2 && copied.shared_pids != owner.shared_pids &&
	              memcmp(copied.shared_pids, two, sizeof two) == 0,
	      "then two others, also in a copy");
	CHECK(owner_set_shared(&owner, NULL, 0) == 0 && owner.shared_count == 0 &&
	              !owner.shared_pids,
	      "then one alone");
	owner_clear(&copied);
	owner_clear(&owner);
}

int main(void)
{
	test_common();
	test_shared();
	return check_done();
}
