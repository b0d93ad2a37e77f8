/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/process_history.h"

#include "base/clock.h"
#include "check.h"
#include "random.h"

#define SECOND NS_PER_SECOND
#define NOW    (1000 * SECOND)
#define TICK   (10 * NS_PER_MS)

static const struct hash_key key = { { 1, 2 } };
static struct process_history *history;

static void begin(uint32_t max, bool follows_namespaces)
{
	process_history_free(history);
	history = process_history_new(max, &key, follows_namespaces);
}

static void add_fork(int pid, int parent, int64_t time_ns)
{
	struct trace_event event = { .kind = TRACE_EVENT_FORK,
		                     .pid = pid,
		                     .tid = pid,
		                     .parent_pid = parent,
		                     .time_ns = time_ns,
		                     .boottime_ns = time_ns + 7 * SECOND };

	process_history_add(history, &event);
}

static void add_text(enum trace_event_kind kind, int pid, const char *text, bool executed,
                     int64_t time_ns)
{
	/* Not NUL-terminated, and gone afterwards, as from a ring. */
	char *copy = strdup(text);
	struct trace_event event = { .kind = kind,
		                     .pid = pid,
		                     .tid = pid,
		                     .executed = executed,
		                     .time_ns = time_ns,
		                     .cgroup_id = 99,
		                     .text = copy,
		                     .text_length = strlen(text) };

	copy[strlen(text)] = 'x';
	process_history_add(history, &event);
	free(copy);
}

static void add_exec(int pid, const char *name, const char *path, int64_t time_ns)
{
	add_text(TRACE_EVENT_NAME, pid, name, true, time_ns);
	add_text(TRACE_EVENT_IMAGE, pid, path, false, time_ns + 1);
	add_text(TRACE_EVENT_IMAGE, pid, "/lib64/ld-linux-x86-64.so.2", false, time_ns + 2);
}

static void add_netns(int pid, int tid, uint32_t netns, int64_t time_ns)
{
	struct trace_event event = { .kind = TRACE_EVENT_NETNS,
		                     .pid = pid,
		                     .tid = tid,
		                     .netns = netns,
		                     .time_ns = time_ns };

	process_history_add(history, &event);
}

static void add_loss(int64_t since_ns, int64_t time_ns)
{
	struct trace_event event = { .kind = TRACE_EVENT_LOST_PROCESSES,
		                     .since_ns = since_ns,
		                     .time_ns = time_ns };

	process_history_add(history, &event);
}

static void seed(int pid, int64_t time_ns)
{
	static char name[] = "bash", executable[] = "/usr/bin/bash", parent_name[] = "sshd";
	struct process process = { .pid = pid,
		                   .parent_pid = 1,
		                   .netns = 5,
		                   .name = name,
		                   .executable = executable,
		                   .parent_name = parent_name };

	process_history_seed(history, &process, time_ns);
}

static bool is(const struct process_history_process *process, int parent, const char *name,
               const char *executable)
{
	return process && process->parent_pid == parent && strcmp(process->name, name) == 0 &&
	       (executable ? process->executable && strcmp(process->executable, executable) == 0
	                   : !process->executable);
}

static const struct process_history_process *find(int pid, int64_t time_ns)
{
	return process_history_find(history, pid, time_ns);
}

static void test_short_life(void)
{
	const struct process_history_process *process;

	begin(100, true);
	seed(50, NOW);
	add_fork(60, 50, NOW + 100);
	process = find(60, NOW + 100);
	CHECK(is(process, 50, "bash", "/usr/bin/bash") && process->netns == 5,
	      "a child is as its parent");
	add_exec(60, "curl", "/usr/bin/curl", NOW + 200);
	CHECK(is(find(60, NOW + 200), 50, "curl", "/usr/bin/curl"), "until it runs exec");
	CHECK(is(find(50, NOW + 200), 1, "bash", "/usr/bin/bash"),
	      "which is nothing to its parent");
	add_text(TRACE_EVENT_EXIT, 60, "curl", false, NOW + 300);
	process = find(60, NOW + 400);
	CHECK(is(process, 50, "curl", "/usr/bin/curl") && process->exited_ns == NOW + 300 &&
	              process->cgroup_id == 99 && process->netns == 5 &&
	              process->started_ns == NOW + 100 + 7 * SECOND &&
	              strcmp(process->parent_name, "bash") == 0,
	      "all that is known of a process that is gone");
	CHECK(!find(60, NOW + 99), "before its fork it was not");
	process_history_expire(history, NOW + 300 + PROCESS_HISTORY_KEEP_NS);
	CHECK(find(60, NOW + 300), "kept for thirty seconds");
	process_history_expire(history, NOW + 301 + PROCESS_HISTORY_KEEP_NS);
	CHECK(!find(60, NOW + 300) && find(50, NOW) && process_history_count(history) == 1,
	      "then forgotten");
}

static void test_names(void)
{
	char longest[PROCESS_HISTORY_PATH_MAX + 1];

	begin(100, true);
	add_fork(60, 50, NOW);
	CHECK(is(find(60, NOW), 50, "", NULL) && process_history_counters(history)->orphans == 1,
	      "of an unknown parent nothing is inherited");
	add_text(TRACE_EVENT_NAME, 60, "worker", false, NOW + 1);
	CHECK(is(find(60, NOW + 1), 50, "worker", NULL), "a new name is no exec");
	add_text(TRACE_EVENT_IMAGE, 60, "/lib/plugin.so", false, NOW + 2);
	CHECK(is(find(60, NOW + 2), 50, "worker", NULL), "nor is a mapping an executable");
	add_exec(60, "a name of more than fifteen", "/tmp/x (deleted)", NOW + 3);
	CHECK(is(find(60, NOW + 3), 50, "a name of more ", "/tmp/x") &&
	              find(60, NOW + 3)->executable_deleted,
	      "a long name, a deleted executable");
	memset(longest, 'x', sizeof longest);
	longest[0] = '/';
	longest[PROCESS_HISTORY_PATH_MAX] = '\0';
	add_exec(60, "y", longest, NOW + 4);
	CHECK(is(find(60, NOW + 4), 50, "y", NULL), "a path that is too long is not known");
	longest[PROCESS_HISTORY_PATH_MAX - 1] = '\0';
	add_exec(60, "y", longest, NOW + 5);
	CHECK(is(find(60, NOW + 5), 50, "y", longest), "the longest one that is");
	add_text(TRACE_EVENT_EXIT, 60, "", false, NOW + 6);
	CHECK(is(find(60, NOW + 6), 50, "y", longest), "an exit without a name keeps it");
	add_text(TRACE_EVENT_NAME, 61, "ghost", true, NOW + 7);
	CHECK(!find(61, NOW + 7), "a process whose fork was not seen");
}

static void test_exec_by_thread(void)
{
	begin(100, true);
	add_fork(60, 50, NOW);
	add_text(TRACE_EVENT_EXIT, 60, "", false, NOW + 1);
	add_exec(60, "next", "/bin/next", NOW + 2);
	CHECK(is(find(60, NOW + 3), 50, "next", "/bin/next") && find(60, NOW + 3)->exited_ns == 0,
	      "the first thread ended because another one runs exec");
	process_history_expire(history, NOW + 3 * PROCESS_HISTORY_KEEP_NS);
	CHECK(find(60, NOW + 3), "the process lives on");
}

static void test_reuse(void)
{
	begin(100, true);
	seed(50, NOW);
	add_fork(60, 50, NOW + 10);
	add_exec(60, "first", "/bin/first", NOW + 20);
	add_text(TRACE_EVENT_EXIT, 60, "first", false, NOW + 30);
	add_fork(60, 50, NOW + 40);
	add_exec(60, "second", "/bin/second", NOW + 50);
	CHECK(is(find(60, NOW + 39), 50, "first", "/bin/first"), "the first with this pid");
	CHECK(is(find(60, NOW + 40), 50, "second", "/bin/second"), "the second");
	add_fork(60, 50, NOW + 60);
	CHECK(is(find(60, NOW + 60), 50, "bash", "/usr/bin/bash") &&
	              is(find(60, NOW + 59), 50, "second", "/bin/second"),
	      "the third, though no exit was told of");
	CHECK(!find(60, NOW + 9), "nobody had it before");
}

static void test_seeds(void)
{
	begin(100, true);
	seed(50, NOW);
	CHECK(is(find(50, NOW - SECOND), 1, "bash", "/usr/bin/bash"),
	      "it was there before we looked");
	add_exec(50, "zsh", "/bin/zsh", NOW + 1);
	seed(50, NOW + 2);
	CHECK(is(find(50, NOW + 2), 1, "zsh", "/bin/zsh"), "events know more than a second look");
	/* The fork is in the ring, /proc was read in between. */
	seed(60, NOW + 10);
	add_fork(60, 50, NOW + 5);
	CHECK(is(find(60, NOW + 10), 50, "zsh", "/bin/zsh") &&
	              find(60, NOW + 10)->forked_ns == NOW + 5 &&
	              process_history_count(history) == 2,
	      "the fork of a process that was seeded already");
}

static void test_netns(void)
{
	begin(100, true);
	seed(50, NOW);
	add_fork(60, 50, NOW);
	add_netns(60, 60, 6, NOW);
	add_fork(61, 60, NOW);
	CHECK(find(60, NOW)->netns == 6 && find(61, NOW)->netns == 6 && find(50, NOW)->netns == 5,
	      "a change of namespace, and children after it");
	add_netns(60, 600, 6, NOW);
	CHECK_EQUAL(find(60, NOW)->netns, 6, "a thread in the same one");
	add_netns(60, 601, 7, NOW);
	add_netns(60, 60, 6, NOW);
	add_fork(62, 60, NOW);
	CHECK(find(60, NOW)->netns == 0 && find(62, NOW)->netns == 0, "threads in different ones");
	add_netns(62, 62, 6, NOW);
	CHECK_EQUAL(find(62, NOW)->netns, 6, "the child's own is told");
	begin(100, false);
	seed(50, NOW);
	add_netns(50, 50, 6, NOW);
	CHECK_EQUAL(find(50, NOW)->netns, 5, "not followed");
}

static void test_alone(void)
{
	begin(100, true);
	seed(50, NOW);
	CHECK_EQUAL(find(50, NOW)->alone_ns, NOW, "before it was seeded it may have forked");
	add_fork(60, 50, NOW + 1);
	CHECK(find(50, NOW + 1)->alone_ns == NOW + 1 && find(60, NOW + 1)->alone_ns == NOW + 1,
	      "parent and child share what the parent had");
	add_fork(61, 50, NOW + 2);
	CHECK(find(50, NOW + 2)->alone_ns == NOW + 2 && find(60, NOW + 2)->alone_ns == NOW + 1,
	      "the parent with each of its children");
}

static void test_loss(void)
{
	begin(100, true);
	seed(50, NOW);
	add_fork(60, 50, NOW + 10);
	add_fork(61, 50, NOW + 10);
	add_text(TRACE_EVENT_EXIT, 61, "gone", false, NOW + 20);
	add_loss(NOW + 30, NOW + 40);
	CHECK(find(60, NOW + 30) && find(61, NOW + 30), "what was before the loss stays true");
	CHECK(!find(60, NOW + 31) && !find(61, NOW + 31) && !find(50, NOW + 100),
	      "after it a pid may be another's");
	add_exec(60, "other", "/bin/other", NOW + 50);
	CHECK(!find(60, NOW + 50) && is(find(60, NOW + 30), 50, "bash", "/usr/bin/bash"),
	      "and events are of somebody unknown");
	seed(60, NOW + 60);
	CHECK(is(find(60, NOW + 60), 1, "bash", "/usr/bin/bash") &&
	              find(60, NOW + 30)->parent_pid == 50,
	      "until it is seeded anew");
	add_fork(70, 50, NOW + 70);
	CHECK(is(find(70, NOW + 70), 50, "", NULL), "a child of a parent that is not sure");
	process_history_expire(history, NOW + 41 + PROCESS_HISTORY_KEEP_NS);
	CHECK_EQUAL(process_history_count(history), 2, "what the loss ended is forgotten in time");
}

static void test_bound(void)
{
	begin(10, true);
	seed(50, NOW);
	for (int i = 0; i < 20; i++) {
		add_fork(100 + i, 50, NOW + i);
		add_text(TRACE_EVENT_EXIT, 100 + i, "x", false, NOW + i);
	}
	CHECK(process_history_count(history) == 10 && find(50, NOW) && find(119, NOW + 20) &&
	              !find(110, NOW + 20) && process_history_counters(history)->evicted == 11,
	      "those that ended first make room");
	for (int i = 0; i < 20; i++)
		add_fork(200 + i, 50, NOW + i);
	CHECK(process_history_count(history) == 10 && !find(50, NOW) && find(219, NOW + 20),
	      "then those not heard of for longest");
}

static void test_ticks(void)
{
	static const struct {
		int64_t started_ns;
		bool sure;
		uint64_t ticks;
	} cases[] = {
		{ 0, false, 9 },
		{ 123 * TICK, false, 123 },
		{ 123 * TICK + 499999, false, 123 },
		{ 123 * TICK + 500000, true, 123 },
		{ 124 * TICK - 1, true, 123 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct process_history_process process = { .started_ns = cases[i].started_ns };
		uint64_t ticks = 9;

		CHECK(process_history_start_ticks(&process, TICK, &ticks) == cases[i].sure &&
		              ticks == cases[i].ticks,
		      "start time, case %zu", i);
	}
}

/* Many processes come and go under few pids: each time has its own. */
static void test_random(void)
{
	enum { PIDS = 20, STEPS = 20000 };
	struct random random = random_begin();
	struct {
		int64_t forked_ns;
		int number;
		bool alive;
	} now[PIDS] = { { 0, 0, false } };
	int wrong = 0, asked = 0;

	begin(1000, true);
	for (int step = 1; step < STEPS; step++) {
		int64_t time_ns = NOW + step * NS_PER_MS;
		int pid = (int)random_below(&random, PIDS);
		char name[16], path[32];

		snprintf(name, sizeof name, "p%d", step);
		snprintf(path, sizeof path, "/bin/p%d", step);
		if (now[pid].alive && random_below(&random, 2)) {
			add_text(TRACE_EVENT_EXIT, 1000 + pid, "", false, time_ns);
			now[pid].alive = false;
		} else {
			add_fork(1000 + pid, 1000 + (int)random_below(&random, PIDS), time_ns);
			add_exec(1000 + pid, name, path, time_ns);
			now[pid].forked_ns = time_ns;
			now[pid].number = step;
			now[pid].alive = true;
		}
		process_history_expire(history, time_ns);
		pid = (int)random_below(&random, PIDS);
		if (now[pid].number == 0)
			continue;
		const struct process_history_process *process = find(1000 + pid, time_ns + 10);

		snprintf(name, sizeof name, "p%d", now[pid].number);
		snprintf(path, sizeof path, "/bin/p%d", now[pid].number);
		asked++;
		wrong += !process || process->forked_ns != now[pid].forked_ns ||
		         strcmp(process->name, name) != 0 || !process->executable ||
		         strcmp(process->executable, path) != 0;
	}
	CHECK_EQUAL(wrong, 0, "%d questions about %d processes", asked, STEPS);
}

int main(void)
{
	test_short_life();
	test_names();
	test_exec_by_thread();
	test_reuse();
	test_seeds();
	test_netns();
	test_alone();
	test_loss();
	test_bound();
	test_ticks();
	test_random();
	process_history_free(history);
	return check_done();
}
