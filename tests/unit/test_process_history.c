/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of {events, question, answer}: which process had a pid at a time, and what it was then. */
#include "attribution/process_history.h"

#include "attribution/windows.h"
#include "process_table_fixture.h"
#include "random.h"

#define SECOND NS_PER_SECOND
#define NOW    (1000 * SECOND)

enum what { END, SEED, FORK, EXEC, MAP, RENAME, NETNS, EXIT, LOST };

/* At NOW + at: pid did it. */
struct step {
	enum what what;
	int64_t at;
	int pid, other;          /* parent, thread or namespace */
	const char *name, *path; /* path NULL: not mapped */
};

/* What pid was at NOW + at. */
struct answer {
	int64_t at;
	int pid;
	bool known;
	int parent;
	const char *name, *executable; /* NULL: not known */
	uint32_t netns;
};

struct scenario {
	const char *title;
	struct step steps[12];
	struct answer answers[8];
};

static struct process_history history;

static void begin_history(uint32_t max, bool follows_namespaces)
{
	process_table_free(history.processes);
	history = (struct process_history){ .follows_namespaces = follows_namespaces,
		                            .processes = open_table(fake_proc, max) };
}

static struct process *add(enum trace_event_kind kind, const struct step *step, const char *text)
{
	/* Not NUL-terminated, and gone afterwards, as from a ring. */
	char *copy = strdup(text ? text : "");
	struct process *process;
	struct trace_event event = {
		.kind = kind,
		.pid = step->pid,
		.tid = step->pid,
		.parent_pid = step->other,
		.executed = step->what == EXEC,
		.netns = (uint32_t)step->other,
		.time_ns = NOW + step->at,
		.since_ns = NOW + step->at,
		.boottime_ns = NOW + step->at + 7 * SECOND + 5 * NS_PER_MS,
		.text = copy,
		.text_length = strlen(copy),
	};

	copy[event.text_length] = 'x';
	process = process_history_add(&history, &event);
	free(copy);
	return process;
}

/* pid is a shell of user 0 in namespace 5, child of 1, since the first tick. */
static void seed(int pid, int64_t at)
{
	struct process *process;
	char name[64], text[256];

	snprintf(name, sizeof name, "%d/stat", pid);
	snprintf(text, sizeof text, "%d (bash) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0\n",
	         pid);
	fake_put(name, text);
	snprintf(name, sizeof name, "%d/status", pid);
	snprintf(text, sizeof text, "Tgid:\t%d\nUid:\t0\t0\t0\t0\n", pid);
	fake_put(name, text);
	snprintf(name, sizeof name, "%d/exe", pid);
	fake_link(name, "/usr/bin/bash");
	snprintf(name, sizeof name, "%d/ns/net", pid);
	fake_link(name, "net:[5]");
	process = need(process_table_get(history.processes, pid, NULL));
	process_table_seed(history.processes, process, NOW + at);
}

static void take(const struct step *step)
{
	struct step map = *step;

	switch (step->what) {
	case SEED:
		seed(step->pid, step->at);
		break;
	case FORK:
		add(TRACE_EVENT_FORK, step, NULL);
		break;
	case EXEC:
		add(TRACE_EVENT_NAME, step, step->name);
		map.what = MAP;
		if (step->path)
			add(TRACE_EVENT_IMAGE, &map, step->path);
		break;
	case MAP:
		add(TRACE_EVENT_IMAGE, step, step->path);
		break;
	case RENAME:
		add(TRACE_EVENT_NAME, step, step->name);
		break;
	case NETNS:
		add(TRACE_EVENT_NETNS, step, NULL);
		break;
	case EXIT:
		add(TRACE_EVENT_EXIT, step, step->name);
		break;
	case LOST:
		add(TRACE_EVENT_LOST_PROCESSES, step, NULL);
		break;
	case END:
		break;
	}
}

static const struct process *find(int pid, int64_t at)
{
	struct process *process = process_table_at(history.processes, pid, NOW + at);

	while (process && process->former && NOW + at < process->since_ns)
		process = process->former;
	return process;
}

static bool same(const char *known, const char *wanted)
{
	return wanted ? is(known, wanted) : !known;
}

static bool holds(const struct answer *answer)
{
	const struct process *process = find(answer->pid, answer->at);

	if (!answer->known)
		return !process;
	return process && process->parent_pid == answer->parent &&
	       same(process->name, answer->name) && same(process->executable, answer->executable) &&
	       (answer->netns == 0 || process->netns == answer->netns);
}

#define BASH "bash", "/usr/bin/bash"

static const struct scenario scenarios[] = {
	{ "a short life",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { FORK, 100, 60, 50, NULL, NULL },
	    { EXEC, 200, 60, 0, "curl", "/usr/bin/curl" },
	    { MAP, 201, 60, 0, NULL, "/lib64/ld-linux-x86-64.so.2" },
	    { EXIT, 300, 60, 0, "curl", NULL } },
	  { { 99, 60, false, 0, NULL, NULL, 0 },
	    { 100, 60, true, 50, BASH, 5 },
	    { 199, 60, true, 50, BASH, 5 },
	    { 200, 60, true, 50, "curl", "/usr/bin/curl", 5 },
	    { 400, 60, true, 50, "curl", "/usr/bin/curl", 5 },
	    { 200, 50, true, 1, BASH, 5 } } },
	{ "four images, each at its time",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { FORK, 10, 60, 50, NULL, NULL },
	    { EXEC, 20, 60, 0, "sudo", "/usr/bin/sudo" },
	    { EXEC, 30, 60, 0, "env", "/usr/bin/env" },
	    { EXEC, 40, 60, 0, "run.sh", "/bin/sh" },
	    { EXEC, 50, 60, 0, "curl", "/usr/bin/curl" },
	    { EXIT, 60, 60, 0, "curl", NULL } },
	  { { 15, 60, true, 50, BASH, 0 },
	    { 25, 60, true, 50, "sudo", "/usr/bin/sudo", 0 },
	    { 39, 60, true, 50, "env", "/usr/bin/env", 0 },
	    { 40, 60, true, 50, "run.sh", "/bin/sh", 0 },
	    { 55, 60, true, 50, "curl", "/usr/bin/curl", 0 },
	    { 99, 60, true, 50, "curl", "/usr/bin/curl", 0 } } },
	{ "names without exec, mappings without exec, an unknown parent",
	  { { FORK, 0, 60, 50, NULL, NULL },
	    { RENAME, 1, 60, 0, "worker", NULL },
	    { MAP, 2, 60, 0, NULL, "/lib/plugin.so" },
	    { EXEC, 3, 60, 0, "x", "/tmp/x (deleted)" },
	    { RENAME, 4, 61, 0, "ghost", NULL },
	    { EXEC, 5, 60, 0, "y", NULL } },
	  { { 0, 60, true, 50, NULL, NULL, 0 },
	    { 2, 60, true, 50, "worker", NULL, 0 },
	    { 3, 60, true, 50, "x", "/tmp/x", 0 },
	    { 5, 60, true, 50, "y", NULL, 0 },
	    { 4, 61, false, 0, NULL, NULL, 0 } } },
	{ "the exit of a process that was there before, and its pid again",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { EXIT, 10, 50, 0, "bash", NULL },
	    { FORK, 20, 50, 1, NULL, NULL },
	    { EXEC, 21, 50, 0, "next", "/bin/next" } },
	  { { -5, 50, true, 1, BASH, 0 },
	    { 15, 50, true, 1, BASH, 0 },
	    { 20, 50, true, 1, NULL, NULL, 0 },
	    { 21, 50, true, 1, "next", "/bin/next", 0 } } },
	{ "exec by a thread: the first thread's exit is not the end",
	  { { FORK, 0, 60, 50, NULL, NULL },
	    { EXIT, 1, 60, 0, NULL, NULL },
	    { EXEC, 2, 60, 0, "next", "/bin/next" } },
	  { { 3, 60, true, 50, "next", "/bin/next", 0 } } },
	{ "one pid, three processes",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { FORK, 10, 60, 50, NULL, NULL },
	    { EXEC, 20, 60, 0, "first", "/bin/first" },
	    { EXIT, 30, 60, 0, "first", NULL },
	    { FORK, 40, 60, 50, NULL, NULL },
	    { EXEC, 50, 60, 0, "second", "/bin/second" },
	    { FORK, 60, 60, 50, NULL, NULL } },
	  { { 9, 60, false, 0, NULL, NULL, 0 },
	    { 39, 60, true, 50, "first", "/bin/first", 0 },
	    { 50, 60, true, 50, "second", "/bin/second", 0 },
	    { 59, 60, true, 50, "second", "/bin/second", 0 },
	    { 60, 60, true, 50, BASH, 0 } } },
	{ "what was read from /proc may be the image that an event reports later",
	  { { SEED, 10, 50, 0, NULL, NULL }, { EXEC, 5, 50, 0, "bash", "/usr/bin/bash" } },
	  { { 4, 50, true, 1, NULL, NULL, 0 }, { 5, 50, true, 1, BASH, 0 } } },
	{ "events know more than a second look",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { EXEC, 1, 50, 0, "zsh", "/bin/zsh" },
	    { SEED, 2, 50, 0, NULL, NULL } },
	  { { 0, 50, true, 1, BASH, 0 }, { 2, 50, true, 1, "zsh", "/bin/zsh", 0 } } },
	{ "namespaces of a process, its threads and its children",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { FORK, 0, 60, 50, NULL, NULL },
	    { NETNS, 0, 60, 6, NULL, NULL },
	    { FORK, 0, 61, 60, NULL, NULL } },
	  { { 0, 50, true, 1, BASH, 5 },
	    { 0, 60, true, 50, BASH, 6 },
	    { 0, 61, true, 60, BASH, 6 } } },
	{ "a loss",
	  { { SEED, 0, 50, 0, NULL, NULL },
	    { FORK, 10, 60, 50, NULL, NULL },
	    { LOST, 30, 0, 0, NULL, NULL },
	    { EXEC, 50, 60, 0, "other", "/bin/other" },
	    { SEED, 60, 50, 0, NULL, NULL },
	    { FORK, 70, 70, 50, NULL, NULL } },
	  { { 30, 60, true, 50, BASH, 0 },
	    { 31, 60, false, 0, NULL, NULL, 0 },
	    { 50, 60, false, 0, NULL, NULL, 0 },
	    { 30, 50, true, 1, BASH, 0 },
	    { 40, 50, false, 0, NULL, NULL, 0 },
	    { 60, 50, true, 1, BASH, 0 },
	    { 70, 70, true, 50, BASH, 0 } } },
};

static void test_scenarios(void)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		const struct scenario *scenario = &scenarios[i];

		begin_history(100, true);
		for (const struct step *step = scenario->steps; step->what != END; step++)
			take(step);
		for (const struct answer *answer = scenario->answers; answer->pid != 0; answer++) {
			const struct process *got = find(answer->pid, answer->at);

			CHECK(holds(answer), "%s: %d at %lld is %s, got %d %s %s", scenario->title,
			      answer->pid, (long long)answer->at, answer->name ? answer->name : "-",
			      got ? got->parent_pid : -1, got && got->name ? got->name : "-",
			      got && got->executable ? got->executable : "-");
		}
	}
}

/* A thread or the process (tid == pid) is in this network namespace now. */
static void move(int tid, int64_t netns, int64_t at)
{
	struct trace_event event = { .kind = TRACE_EVENT_NETNS,
		                     .pid = 50,
		                     .tid = tid,
		                     .netns = (uint32_t)netns,
		                     .time_ns = NOW + at };

	process_history_add(&history, &event);
}

/* Threads in different network namespaces: the process is in none that is sure, for good. */
static void test_threads_in_namespaces(void)
{
	begin_history(100, true);
	seed(50, 0);
	move(50, 6, 10);
	CHECK_EQUAL(find(50, 11)->netns, 6, "the process moves");
	move(51, 6, 20);
	CHECK_EQUAL(find(50, 21)->netns, 6, "a thread follows it");
	move(51, 7, 30);
	CHECK_EQUAL(find(50, 31)->netns, 0, "a thread goes elsewhere");
	move(50, 8, 40);
	CHECK_EQUAL(find(50, 41)->netns, 0, "which its first thread does not make undone");
	begin_history(100, false);
	seed(50, 0);
	move(50, 6, 10);
	CHECK_EQUAL(find(50, 11)->netns, 5, "one namespace alone: events of it do not count");
}

static void test_parent_as_it_was(void)
{
	const struct process *process;

	begin_history(100, true);
	take(&(struct step){ SEED, 0, 50, 0, NULL, NULL });
	take(&(struct step){ FORK, 10, 60, 50, NULL, NULL });
	take(&(struct step){ EXEC, 20, 50, 0, "zsh", "/bin/zsh" });
	process = find(60, 30);
	CHECK(process && is(process->parent_name, "bash") &&
	              is(process->parent_executable, "/usr/bin/bash") &&
	              process->parent_entity_id == find(50, 30)->entity_id,
	      "the parent as it was when it forked");
	CHECK(find(50, 10)->sole_holder_since_ns == NOW + 10 &&
	              process->sole_holder_since_ns == NOW + 10,
	      "parent and child share what the parent had");
}

static void use_cgroup(int pid, uint64_t id, int64_t at)
{
	struct trace_event event = { .kind = TRACE_EVENT_ROUTE,
		                     .pid = pid,
		                     .tid = pid,
		                     .process_context = true,
		                     .cgroup_id = id,
		                     .time_ns = NOW + at };

	process_history_add(&history, &event);
}

static void make_cgroup(uint64_t id, const char *path)
{
	struct trace_event event = { .kind = TRACE_EVENT_CGROUP,
		                     .cgroup_id = id,
		                     .text = path,
		                     .text_length = strlen(path) };

	process_history_add(&history, &event);
}

static void test_cgroups(void)
{
	static const char box[] =
		"/docker/"
		"0123abcd0123abcd0123abcd0123abcd0123abcd0123abcd0123abcd0123abcd";

	begin_history(100, true);
	make_cgroup(77, box);
	make_cgroup(78, "/other");
	take(&(struct step){ FORK, 0, 60, 50, NULL, NULL });
	use_cgroup(60, 77, 1);
	CHECK(is(find(60, 1)->cgroup, box) && is(find(60, 1)->container_id, box + 8),
	      "the cgroup that an event is of, and its container");
	take(&(struct step){ FORK, 2, 61, 60, NULL, NULL });
	CHECK(is(find(61, 2)->cgroup, box), "a child is in its parent's");
	use_cgroup(61, 78, 3);
	CHECK(is(find(61, 3)->cgroup, "/other") && !find(61, 3)->container_id &&
	              is(find(61, 2)->cgroup, box),
	      "until it is in another, and what it was in before stays");
	use_cgroup(61, 79, 4);
	CHECK(!find(61, 4)->cgroup, "one that is not known is not the one before");
	take(&(struct step){ EXIT, 5, 60, 0, NULL, NULL });
	CHECK(is(find(60, 9)->cgroup, box), "also when it has ended");
	use_cgroup(62, 1, 6);
	CHECK(!find(62, 6), "of a process that is not known");
}

static void test_texts(void)
{
	char longest[PROCESS_PATH_MAX + 1];

	begin_history(100, true);
	take(&(struct step){ FORK, 0, 60, 50, NULL, NULL });
	memset(longest, 'x', sizeof longest);
	longest[0] = '/';
	longest[PROCESS_PATH_MAX] = '\0';
	take(&(struct step){ EXEC, 4, 60, 0, "y", longest });
	CHECK(is(find(60, 4)->name, "y") && !find(60, 4)->executable,
	      "a path that is too long is not known");
	longest[PROCESS_PATH_MAX - 1] = '\0';
	take(&(struct step){ EXEC, 5, 60, 0, "y", longest });
	CHECK(is(find(60, 5)->executable, longest), "the longest one that is");
	take(&(struct step){ EXEC, 6, 60, 0, "z", "/memfd:z (deleted)" });
	CHECK(is(find(60, 6)->executable, "/memfd:z") && find(60, 6)->executable_deleted,
	      "a file that has no name");
	for (int i = 0; i < 20; i++)
		take(&(struct step){ RENAME, 10 + i, 60, 0, "again", NULL });
	CHECK(is(find(60, 29)->name, "again") && !find(60, 5)->name,
	      "of times before the states that are kept no name is known");
}

static void test_forgotten(void)
{
	begin_history(100, true);
	take(&(struct step){ SEED, 0, 50, 0, NULL, NULL });
	take(&(struct step){ FORK, 10, 60, 50, NULL, NULL });
	take(&(struct step){ EXIT, 20, 60, 0, NULL, NULL });
	process_table_expire(history.processes, NOW + 20 + WINDOW_PROCESS_KEEP_NS);
	CHECK(find(60, 20), "kept for thirty seconds");
	process_table_expire(history.processes, NOW + 21 + WINDOW_PROCESS_KEEP_NS);
	CHECK(!find(60, 20) && find(50, 0), "then forgotten");
	begin_history(10, true);
	take(&(struct step){ SEED, 0, 50, 0, NULL, NULL });
	for (int i = 0; i < 20; i++) {
		take(&(struct step){ FORK, i, 100 + i, 50, NULL, NULL });
		take(&(struct step){ EXIT, i, 100 + i, 0, "x", NULL });
	}
	CHECK(process_table_count(history.processes) == 10 && find(50, 0) && find(119, 20) &&
	              !find(110, 20) && process_table_counters(history.processes)->evicted == 11,
	      "those that ended first make room");
}

/* Forks just after a tick: /proc has the tick before, the same, another process's, or none. */
static void test_start(void)
{
	static const struct {
		int64_t into_tick, in_proc;
		uint64_t ticks;
		bool sure;
	} cases[] = {
		{ 0, 122, 122, true },       { 0, 123, 123, true },     { 0, 124, 123, false },
		{ 0, 0, 123, false },        { 499999, 0, 123, false }, { 500000, 122, 123, true },
		{ 9999999, 122, 123, true },
	};

	for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
		const struct process_fork fork = {
			.pid = 60 + i,
			.time_ns = NOW,
			.boottime_ns = 123 * 10 * NS_PER_MS + cases[i].into_tick,
		};
		const struct process *process, *again;
		char folder[16];
		uint64_t id;

		if (cases[i].in_proc != 0)
			fake_process(fork.pid, "x", 1, (unsigned long long)cases[i].in_proc);
		begin_history(100, true);
		process = need(process_table_fork(history.processes, &fork));
		id = process->entity_id;
		CHECK(process->start_ticks == cases[i].ticks &&
		              process->start_unsure != cases[i].sure && id != 0,
		      "start time, case %d", i);
		fake_process(fork.pid, "x", 1, cases[i].ticks);
		begin_history(100, true);
		again = need(process_table_get(history.processes, fork.pid, NULL));
		CHECK(again->entity_id == id, "the id is that of another run, case %d", i);
		snprintf(folder, sizeof folder, "%d", fork.pid);
		fake_remove(folder);
	}
}

/* Two of one pid within one tick of the clock: each has an id of its own, the first that of /proc. */
static void test_same_tick(void)
{
	const int64_t tick = 777 * 10 * NS_PER_MS;
	uint64_t ids[4];

	begin_history(100, true);
	for (int i = 0; i < 4; i++) {
		const struct process_fork fork = {
			.pid = 60,
			.time_ns = NOW + i * NS_PER_MS,
			/* The last one begins with the next tick. */
			.boottime_ns = tick + i * NS_PER_MS + (i == 3 ? 10 * NS_PER_MS : 0),
		};
		struct process *process = process_table_fork(history.processes, &fork);

		ids[i] = process->entity_id;
		process_table_ended(history.processes, process, fork.time_ns + 1000, 0);
	}
	CHECK(ids[0] != 0 && ids[1] != 0 && ids[2] != 0 && ids[0] != ids[1] && ids[1] != ids[2] &&
	              ids[0] != ids[2],
	      "three of one tick have three ids");
	begin_history(100, true);
	fake_put("60/stat", "60 (bash) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0\n");
	CHECK(process_table_get(history.processes, 60, NULL)->entity_id == ids[0],
	      "another run reads the first in /proc: the same id");
	CHECK(ids[3] != ids[0] && ids[3] != ids[1], "the next tick's has another");
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

	begin_history(1000, true);
	for (int step = 1; step < STEPS; step++) {
		int64_t at = step * NS_PER_MS;
		int pid = (int)random_below(&random, PIDS);
		const struct process *process;
		char name[16], path[32];

		snprintf(name, sizeof name, "p%d", step);
		snprintf(path, sizeof path, "/bin/p%d", step);
		if (now[pid].alive && random_below(&random, 2)) {
			take(&(struct step){ EXIT, at, 1000 + pid, 0, NULL, NULL });
			now[pid].alive = false;
		} else {
			take(&(struct step){ FORK, at, 1000 + pid,
			                     1000 + (int)random_below(&random, PIDS), NULL, NULL });
			take(&(struct step){ EXEC, at, 1000 + pid, 0, name, path });
			now[pid].forked_ns = NOW + at;
			now[pid].number = step;
			now[pid].alive = true;
		}
		pid = (int)random_below(&random, PIDS);
		if (now[pid].number == 0)
			continue;
		process = find(1000 + pid, at + 10);
		snprintf(name, sizeof name, "p%d", now[pid].number);
		snprintf(path, sizeof path, "/bin/p%d", now[pid].number);
		asked++;
		wrong += !process || process->forked_ns != now[pid].forked_ns ||
		         !is(process->name, name) || !is(process->executable, path);
	}
	CHECK(wrong == 0, "%d questions about %d processes", asked, STEPS);
}

int main(void)
{
	fake_begin();
	test_scenarios();
	test_threads_in_namespaces();
	test_parent_as_it_was();
	test_cgroups();
	test_texts();
	test_forgotten();
	test_start();
	test_same_tick();
	test_random();
	process_table_free(history.processes);
	fake_remove("");
	return check_done();
}
