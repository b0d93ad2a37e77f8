/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_table.h"

#include <errno.h>

#include "attribution/windows.h"
#include "base/snippet.h"
#include "process_table_fixture.h"

#define CONTAINER "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"

static void test_fields(void)
{
	struct process_table *table;
	struct process *process, *other;
	int reason = 0;

	fake_put("sys/kernel/random/boot_id", "0bb58b47-5f5c-4bd7-8a4b-1a2a5a5b3b1f\n");
	fake_process(100, "parent", 0, 500);
	fake_link("100/exe", "/opt/parent (deleted)");
	fake_process(101, "child", 100, 600);
	fake_put("101/cgroup", "0::/system.slice/docker-" CONTAINER ".scope\n");
	fake_link("101/exe", "/opt/x (deleted)");
	fake_put("101/ns/dummy", "");
	fake_link("101/ns/net", "net:[4026531840]");
	fake_process(102, "orphan", 100, 400);
	table = open_table(fake_proc, 100);
	process = process_table_get(table, 101, &reason);
	CHECK(process && process->pid == 101 && process->parent_pid == 100 &&
	              process->start_ticks == 600,
	      "numbers of a process");
	CHECK(process && is(process->name, "child") && is(process->executable, "/opt/x") &&
	              process->executable_deleted,
	      "its executable was deleted, and is so called");
	CHECK(process && is(process->cgroup, "/system.slice/docker-" CONTAINER ".scope") &&
	              is(process->container_id, CONTAINER),
	      "its cgroup and container");
	CHECK(process && process->has_uid && process->uid == 1101, "the effective user");
	CHECK(process && process->netns == 4026531840u, "its network namespace");
	CHECK(process && is(process->parent_name, "parent") &&
	              is(process->parent_executable, "/opt/parent"),
	      "its parent's name and executable");
	CHECK(process && process->start_ns % (10 * NS_PER_MS) == 0 && process->start_ns > 0,
	      "it started at a full tick");
	CHECK(process && process->references == 1 && process->generation == 0 && !process->snippet,
	      "it is new");
	other = process_table_get(table, 102, &reason);
	CHECK(other && !other->parent_name && !other->parent_executable &&
	              other->parent_entity_id == 0 && !other->executable && !other->cgroup &&
	              !other->container_id && other->netns == 0,
	      "a parent that is younger than its child is not the parent");
	fake_process(103, "orphan", 101, 400);
	other = process_table_get(table, 103, &reason);
	CHECK(other && other->parent_pid == 101 && !other->parent_name,
	      "nor one that is in the table");
	fake_process(106, "grandchild", 101, 700);
	other = process_table_get(table, 106, &reason);
	CHECK(other && process && is(other->parent_name, "child") &&
	              is(other->parent_executable, "/opt/x") &&
	              other->parent_entity_id == process->entity_id,
	      "an older one is, from the table");
	other = process_table_find(table, 101, 0);
	CHECK(other == process && other == process_table_find(table, 101, 600) &&
	              !process_table_find(table, 101, 601) && !process_table_find(table, 107, 0),
	      "find knows the pid and the start time");
	CHECK(!process_table_get(table, 107, &reason) && reason == -ENOENT, "no such process");
	fake_process(104, "thread", 100, 700);
	fake_put("104/status", "Name:\tx\nTgid:\t101\nUid:\t0\t0\t0\t0\n");
	CHECK(!process_table_get(table, 104, &reason) && reason == -ENOENT,
	      "a thread is no process");
	fake_put("105/stat", "rubbish");
	CHECK(!process_table_get(table, 105, &reason) && reason == -ENOENT, "nor is rubbish");
	CHECK(process_table_counters(table)->read == 4 &&
	              process_table_counters(table)->vanished == 3,
	      "four were read, three not");
	other = process_table_get(table, 100, &reason);
	CHECK(other && process && process->parent_entity_id == other->entity_id,
	      "the parent's entity_id is its own");
	process_table_free(table);
}

static void test_identity(void)
{
	struct process_table *table = open_table(fake_proc, 100), *again = open_table(fake_proc, 7);
	struct process *first, *second;
	uint64_t id;

	first = need(process_table_get(table, 101, NULL));
	id = first->entity_id;
	CHECK(process_table_get(again, 101, NULL)->entity_id == id,
	      "equal in every run of one boot");
	CHECK(process_table_get(again, 100, NULL)->entity_id != id, "another pid, another id");
	process_ref(first);
	fake_remove("101");
	process_table_follow_execs(table, true);
	CHECK(!process_table_get(table, 101, NULL) && first->exited_ns > 0, "it has exited");
	CHECK(process_table_find(table, 101, 600) == first, "and is remembered");
	fake_process(101, "next", 1, 601);
	second = need(process_table_get(table, 101, NULL));
	CHECK(second != first && second->entity_id != id && is(second->name, "next") &&
	              is(first->name, "child"),
	      "the pid is another's now");
	CHECK(process_table_find(table, 101, 0) == second &&
	              process_table_find(table, 101, 600) == first,
	      "both are found");
	/* The same tick: even the start time is the same. */
	process_ref(second);
	fake_remove("101");
	fake_process(101, "third", 1, 601);
	CHECK(process_table_get(table, 101, NULL) != second && second->exited_ns > 0 &&
	              is(second->name, "next") &&
	              is(process_table_find(table, 101, 0)->name, "third"),
	      "a pid reused within one tick is another process");
	for (unsigned long long start = 602; start < 606; start++) {
		fake_remove("101");
		fake_process(101, "later", 1, start);
		process_table_get(table, 101, NULL);
		usleep(1000);
	}
	fake_remove("101");
	process_table_get(table, 101, NULL);
	CHECK(process_table_find(table, 101, 0)->start_ticks == 605,
	      "of all that had the pid, the last one is remembered first");
	process_unref(first);
	process_unref(second);
	process_table_free(table);
	process_table_free(again);
	fake_put("sys/kernel/random/boot_id", "9bb58b47-5f5c-4bd7-8a4b-1a2a5a5b3b1f\n");
	fake_process(101, "child", 100, 600);
	table = open_table(fake_proc, 100);
	CHECK(process_table_get(table, 101, NULL)->entity_id != id, "another boot, another id");
	id = process_table_get(table, 101, NULL)->entity_id;
	process_table_free(table);
	fake_put("self/timens_offsets", "monotonic  7  0\nboottime  1000  0\n");
	fake_process(101, "child", 100, 100600);
	table = open_table(fake_proc, 100);
	first = need(process_table_get(table, 101, NULL));
	CHECK(first->start_ticks == 100600 && first->entity_id == id,
	      "equal in another time namespace, where start times are others");
	process_table_free(table);
	fake_remove("self");
	fake_remove("sys");
	table = open_table(fake_proc, 100);
	CHECK(process_table_get(table, 101, NULL)->entity_id != 0,
	      "an id without a boot id as well");
	process_table_free(table);
}

static void test_exec(void)
{
	struct process_table *table;
	struct process *process;

	fake_process(110, "sh", 100, 600);
	fake_link("110/exe", "/bin/sh");
	table = open_table(fake_proc, 100);
	process = need(process_table_get(table, 110, NULL));
	process->snippet = calloc(1, sizeof *process->snippet);
	fake_process(110, "curl", 100, 600);
	fake_link("110/exe", "/usr/bin/curl");
	CHECK(process_table_get(table, 110, NULL) == process && is(process->name, "sh"),
	      "an old process is not read again at once");
	process_table_exec(table, 110, clock_monotonic_ns());
	CHECK(process_table_find(table, 110, 0) == process && is(process->name, "curl") &&
	              is(process->executable, "/usr/bin/curl") && process->former &&
	              is(process->former->name, "sh"),
	      "but when exec is announced: what it was before is kept");
	process_table_exec(table, 110, clock_monotonic_ns());
	CHECK(process->former->former && is(process->former->name, "curl") &&
	              is(process->name, "curl"),
	      "the same program once more is another image");
	CHECK(is(process->parent_name, "parent"), "the parent's name stays");
	fake_put("110/status", "Tgid:\t110\nUid:\t0\t5\t0\t0\n");
	process_table_exec(table, 110, clock_monotonic_ns());
	CHECK(process->uid == 5 && process->former->uid != 5, "a new user is a change");
	fake_process(110, "late", 100, 600);
	sleep(1);
	usleep(50000);
	CHECK(process_table_get(table, 110, NULL) == process && is(process->name, "late"),
	      "noticed after a second at the latest");
	process_table_exec(table, 111, clock_monotonic_ns());
	CHECK(!process_table_find(table, 111, 0), "exec of one that is gone");
	fake_process(111, "new", 100, 600);
	process_table_exec(table, 111, clock_monotonic_ns());
	CHECK(process_table_find(table, 111, 600), "exec reads a process that was not known");
	process_table_free(table);
}

/* All of them began before it. */
#define BOUNDS_NS (10 * NS_PER_SECOND)

static void test_bounds(void)
{
	struct process_table *table;
	struct process *kept;
	int reason = 0;

	for (int pid = 200; pid < 220; pid++)
		fake_process(pid, "many", 100, 600);
	table = open_table(fake_proc, 8);
	kept = process_ref(process_table_get(table, 200, NULL));
	for (int pid = 201; pid < 208; pid++)
		process_table_get(table, pid, NULL);
	CHECK(process_table_count(table) == 8 && process_table_counters(table)->evicted == 0,
	      "full");
	process_table_exited(table, 205, BOUNDS_NS + 1000);
	process_table_exited(table, 204, BOUNDS_NS + 2000);
	process_table_exited(table, 204, BOUNDS_NS + 3000);
	process_table_exited(table, 999, BOUNDS_NS + 3000);
	process_table_get(table, 208, NULL);
	CHECK(!process_table_find(table, 205, 0) && process_table_find(table, 204, 0),
	      "the one that exited first goes first");
	process_table_get(table, 200, NULL);
	process_table_get(table, 209, NULL);
	process_table_get(table, 210, NULL);
	CHECK(!process_table_find(table, 204, 0) && !process_table_find(table, 201, 0) &&
	              process_table_find(table, 200, 0) == kept,
	      "then the one not used for longest");
	for (int pid = 211; pid < 219; pid++)
		process_table_get(table, pid, NULL);
	CHECK(process_table_count(table) == 8 && process_table_counters(table)->evicted == 11 &&
	              !process_table_find(table, 200, 0),
	      "never more than 8, all counted");
	CHECK(kept->references == 1 && is(kept->name, "many"), "a reference keeps a process");
	process_unref(kept);
	process_unref(NULL);
	process_table_exited(table, 218, BOUNDS_NS + 5000);
	process_table_exited(table, 217, BOUNDS_NS + 6000);
	process_table_expire(table, BOUNDS_NS + 5000 + WINDOW_PROCESS_KEEP_NS);
	CHECK(process_table_find(table, 218, 0), "kept for 30 s");
	process_table_expire(table, BOUNDS_NS + 5001 + WINDOW_PROCESS_KEEP_NS);
	CHECK(!process_table_find(table, 218, 0) && process_table_find(table, 217, 0),
	      "and no longer");
	fake_remove("215");
	process_table_expire(table, BOUNDS_NS + 7000);
	CHECK(process_table_find(table, 215, 0) &&
	              process_table_find(table, 215, 0)->exited_ns == BOUNDS_NS + 7000,
	      "an exit that was not reported is found out");
	fake_remove("214");
	fake_process(214, "other", 100, 601);
	process_table_expire(table, BOUNDS_NS + 7001);
	CHECK(process_table_find(table, 214, 600) &&
	              process_table_find(table, 214, 600)->exited_ns == BOUNDS_NS + 7001,
	      "also when the pid is another's by now");
	/* Announced too early, or of the first thread alone. */
	process_table_exited(table, 216, BOUNDS_NS + 8000);
	CHECK(process_table_get(table, 216, &reason) &&
	              process_table_get(table, 216, &reason) ==
	                      process_table_find(table, 216, 600) &&
	              process_table_find(table, 216, 600)->exited_ns == 0,
	      "one that is still there is taken back");
	CHECK(process_table_dir(table, process_table_find(table, 216, 0)) >= 0 &&
	              process_table_dir(table, process_table_find(table, 215, 0)) == -ESRCH,
	      "a directory for the living");
	process_table_free(table);
}

static void test_sees_all(void)
{
	static const struct {
		const char *first, *self; /* targets of ns/pid; NULL: none */
		bool visible, all;
	} cases[] = {
		{ "pid:[4026531836]", NULL, true, true },
		{ "pid:[4026532000]", "pid:[4026531836]", true, false },
		{ NULL, "pid:[4026531836]", true, true },
		{ NULL, "pid:[4026531837]", true, false },
		{ NULL, "pid:[4026531836]", false, false },
		{ NULL, NULL, true, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct process_table *table;

		fake_remove("1");
		fake_remove("self");
		if (cases[i].visible)
			fake_put("1/ns/dummy", "");
		if (cases[i].first)
			fake_link("1/ns/pid", cases[i].first);
		fake_put("self/ns/dummy", "");
		if (cases[i].self)
			fake_link("self/ns/pid", cases[i].self);
		table = open_table(fake_proc, 8);
		CHECK(process_table_sees_all(table) == cases[i].all, "sees all: %zu", i);
		process_table_free(table);
	}
}

static void test_failures(void)
{
	struct process_table *table = NULL;
	struct error error = { 0 };

	CHECK(process_table_new(&table, "/nonexistent", 10, &key, &error) == -ENOENT && !table &&
	              error.code == ENOENT && strstr(error.text, "/nonexistent"),
	      "no such directory");
	CHECK(process_table_new(&table, "/dev/null", 10, &key, &error) == -ENOTDIR, "no directory");
	CHECK(process_table_new(&table, "/proc", 0, &key, &error) == -EINVAL, "no room");
	process_table_free(NULL);
}

/* The sentinel reports a process when its exit was read already. */
static void test_exit_before(void)
{
	struct process_table *table = open_table(fake_proc, 100);
	struct process_memory memory = {
		.pid = 300,
		.start_ticks = 700,
		.name = "short",
		.read_ns = 1000,
		.exited_ns = 5000,
	};
	struct process *process;

	process_table_exited(table, 300, 2000);
	process = process_table_remember(table, &memory);
	CHECK(process && process->exited_ns == 2000, "one ended when it was reported to");
	memory.start_ticks = 800;
	memory.read_ns = 3000;
	process = process_table_remember(table, &memory);
	CHECK(process && process->exited_ns == 5000, "one that lived after that ended later");
	process_table_free(table);
}

int main(void)
{
	fake_begin();
	test_fields();
	test_identity();
	test_exec();
	test_bounds();
	test_exit_before();
	test_sees_all();
	fake_remove("");
	test_failures();
	return check_done();
}
