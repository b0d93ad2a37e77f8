/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of {events of both sources, question, answer}: which ids a process had at a time. */
#include "attribution/process_changes.h"

#include "attribution/process_history.h"
#include "process_table_fixture.h"

#define NOW     (1000 * NS_PER_SECOND)
#define INITIAL 4026531837 /* the first user namespace */

enum what { END, FORK, EXEC, IDS, EXIT, USER, GROUP, GONE, LOST, USERNS };

/* At NOW + at: pid 50, or its child 60, did it. USER and on come from the connector. */
struct step {
	enum what what;
	int64_t at;
	int pid;
	uint32_t a, b,
		c; /* IDS: uid, euid, gid. EXIT: tid. USER, GROUP: id, effective. GONE: tid, status */
};

/* "real/effective/group" at NOW + at; - for what is not known. */
struct answer {
	int64_t at;
	int pid;
	const char *text;
};

struct scenario {
	const char *title;
	bool alone; /* the connector is not to be had */
	int uid;    /* of process 50 */
	struct step steps[12];
	struct answer answers[6];
};

static struct process_history history;
static const struct scenario *scenario;

static void add_kernel_event(const struct step *step)
{
	static const enum trace_event_kind kinds[] = {
		[FORK] = TRACE_EVENT_FORK,    [EXEC] = TRACE_EVENT_NAME,
		[IDS] = TRACE_EVENT_SETTLED,  [EXIT] = TRACE_EVENT_EXIT,
		[USERNS] = TRACE_EVENT_NETNS,
	};
	struct trace_event event = {
		.kind = kinds[step->what],
		.executed = true,
		.ended = step->a != 0,
		.pid = step->pid,
		.tid = step->what == EXIT ? (int)step->a : step->pid,
		.parent_pid = step->what == FORK && step->a != 0 ? (int)step->a : 50,
		.netns = 5,
		.userns = step->what == USERNS ? step->a : 0,
		.time_ns = NOW + step->at,
		.boottime_ns = NOW + step->at + 5 * NS_PER_MS,
		.has_ids = true,
		.ids = { .uid = step->a, .euid = step->b, .gid = step->c },
		.text = "x",
		.text_length = 1,
	};

	process_history_add(&history, &event);
}

/* All that the connector has, whatever its time: it is read at the first event of a drain. */
static void read_connector(void *context)
{
	static const enum proc_event_kind kinds[] = {
		[USER] = PROC_EVENT_USER, [GROUP] = PROC_EVENT_GROUP
	};

	(void)context;
	for (const struct step *step = scenario->steps; step->what != END; step++) {
		struct proc_event event = {
			.pid = step->pid,
			.tid = step->pid,
			.id = step->a,
			.effective_id = step->b,
			.time_ns = NOW + step->at,
		};

		if (step->what == LOST)
			process_changes_lost(history.changes);
		if (step->what != USER && step->what != GROUP && step->what != GONE)
			continue;
		if (step->what == GONE) {
			event.tid = (int)step->a;
			event.wait_status = step->b;
			event.kind =
				event.tid == event.pid ? PROC_EVENT_EXIT : PROC_EVENT_THREAD_EXIT;
		} else {
			event.kind = kinds[step->what];
		}
		process_changes_add(history.changes, &event);
	}
}

static void put_status(int uid)
{
	char status[64];

	snprintf(status, sizeof status, "Tgid:\t50\nUid:\t%d\t%d\t0\t0\nGid:\t%d\t0\t0\t0\n", uid,
	         uid, uid);
	fake_put("50/status", status);
}

static void begin(void)
{
	struct process_changes_options options = { .read = read_connector };
	struct process *process;

	process_changes_free(history.changes);
	process_table_free(history.processes);
	history = (struct process_history){ .follows_namespaces = true,
		                            .processes = open_table(fake_proc, 100) };
	options.processes = history.processes;
	fake_put("50/stat", "50 (sh) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0\n");
	put_status(scenario->uid);
	fake_link("50/exe", "/bin/sh");
	process = need(process_table_get(history.processes, 50, NULL));
	process_table_seed(history.processes, process, NOW);
	process->ids_read_ns = NOW; /* then, and not when the test runs */
	if (scenario->alone)
		return;
	process_table_follow_ids(history.processes, true);
	history.changes = process_changes_new(&options);
}

static void play(void)
{
	begin();
	if (history.changes)
		process_changes_begin(history.changes);
	for (const struct step *step = scenario->steps; step->what != END; step++)
		if (step->what <= EXIT || step->what == USERNS)
			add_kernel_event(step);
	if (history.changes)
		process_changes_end(history.changes, NOW + NS_PER_SECOND);
}

static size_t put(char *text, bool known, uint32_t number)
{
	return known ? (size_t)sprintf(text, "%u", (unsigned)number) : (size_t)sprintf(text, "-");
}

static const char *ids_of(int pid, int64_t at)
{
	static char text[64];
	const struct process *process = process_table_at(history.processes, pid, NOW + at);
	char *end = text;

	if (!process)
		return "none";
	while (process->former && NOW + at < process->since_ns)
		process = process->former;
	end += put(end, process->has_real_uid, process->real_uid);
	*end++ = '/';
	end += put(end, process->has_uid, process->uid);
	*end++ = '/';
	put(end, process->has_real_gid, process->real_gid);
	return text;
}

static const struct scenario scenarios[] = {
	{ "a child has what its parent had when it forked",
	  false,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 }, { USER, 5, 50, 7, 7, 0 }, { USER, 15, 50, 8, 8, 0 } },
	  { { 12, 60, "7/7/0" }, { 4, 50, "0/0/0" }, { 20, 50, "8/8/0" } } },
	{ "a program of another user, and the set-user-ID program of root that it runs",
	  false,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { GROUP, 20, 60, 6, 6, 0 },
	    { USER, 21, 60, 7, 7, 0 },
	    { EXEC, 30, 60, 0, 0, 0 },
	    { IDS, 31, 60, 7, 7, 6 },
	    { EXEC, 40, 60, 0, 0, 0 },
	    { USER, 41, 60, 7, 0, 0 },
	    { IDS, 42, 60, 7, 0, 6 } },
	  { { 15, 60, "0/0/0" }, { 25, 60, "7/7/6" }, { 35, 60, "7/7/6" }, { 45, 60, "7/0/6" } } },
	{ "root's own program, and one of root in a namespace of another user",
	  false,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { EXEC, 20, 60, 0, 0, 0 },
	    { IDS, 21, 60, 0, 0, 0 },
	    { USER, 30, 60, 7, 7, 0 },
	    { EXEC, 40, 60, 0, 0, 0 },
	    { IDS, 41, 60, 0, 0, 0 } },
	  { { 25, 60, "0/0/0" }, { 45, 60, "7/7/0" } } },
	{ "ids that were not in the sample, for the arguments are many",
	  false,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 }, { USER, 20, 60, 7, 7, 0 }, { EXEC, 30, 60, 0, 0, 0 } },
	  { { 35, 60, "7/7/0" } } },
	{ "the connector lost messages: nothing is known until a program begins",
	  false,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 }, { LOST, 11, 0, 0, 0, 0 }, { FORK, 20, 61, 0, 0, 0 } },
	  { { 25, 50, "-/-/-" }, { 25, 61, "-/-/-" } } },
	{ "alone: what speaks for the number of the host is taken, but not of whom may change it",
	  true,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { USERNS, 11, 60, INITIAL, 0, 0 },
	    { EXEC, 20, 60, 0, 0, 0 },
	    { IDS, 21, 60, 7, 7, 6 },
	    { EXEC, 30, 60, 0, 0, 0 },
	    { IDS, 31, 60, 7, 0, 6 },
	    { EXEC, 40, 60, 0, 0, 0 },
	    { IDS, 41, 60, 0, 0, 0 } },
	  { { 25, 60, "7/7/6" }, { 35, 60, "-/-/-" }, { 45, 60, "-/-/-" } } },
	{ "alone: a child of root may call setuid(2) at once, that of a user may not",
	  true,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { USERNS, 11, 60, INITIAL, 0, 0 },
	    { EXEC, 20, 60, 0, 0, 0 },
	    { IDS, 21, 60, 7, 7, 6 },
	    { FORK, 30, 61, 60, 0, 0 } },
	  { { 15, 60, "-/-/-" }, { 35, 61, "7/7/6" } } },
	{ "alone: root in an unknown namespace is anyone",
	  true,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 }, { EXEC, 20, 60, 0, 0, 0 }, { IDS, 21, 60, 0, 0, 0 } },
	  { { 15, 60, "-/-/-" }, { 25, 60, "-/-/-" } } },
	{ "alone: the number of another namespace, as of --user 1000 in a container",
	  true,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { USERNS, 11, 60, INITIAL, 0, 0 },
	    { EXEC, 20, 60, 0, 0, 0 },
	    { IDS, 21, 60, 1000, 1000, 1000 },
	    { USERNS, 30, 60, 77, 0, 0 },
	    { EXEC, 40, 60, 0, 0, 0 },
	    { IDS, 41, 60, 1000, 1000, 1000 } },
	  { { 25, 60, "1000/1000/1000" }, { 45, 60, "-/-/-" } } },
	{ "alone: a user's program, set-user-ID or not, in a namespace that is not known",
	  true,
	  1000,
	  { { FORK, 10, 60, 0, 0, 0 },
	    { EXEC, 20, 60, 0, 0, 0 },
	    { IDS, 21, 60, 1000, 1000, 1000 },
	    { EXEC, 30, 60, 0, 0, 0 },
	    { IDS, 31, 60, 1000, 0, 1000 },
	    { EXEC, 40, 60, 0, 0, 0 },
	    { IDS, 41, 60, 0, 0, 0 } },
	  { { 25, 60, "1000/1000/1000" }, { 35, 60, "-/-/-" }, { 45, 60, "-/-/-" } } },
	{ "alone: ids that were not in the sample: a change may be unseen",
	  true,
	  0,
	  { { FORK, 10, 60, 0, 0, 0 }, { EXEC, 30, 60, 0, 0, 0 } },
	  { { 35, 60, "-/-/-" } } },
};

static void test_ids(void)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		scenario = &scenarios[i];
		play();
		for (const struct answer *answer = scenario->answers; answer->text; answer++)
			CHECK_TEXT(ids_of(answer->pid, answer->at), answer->text, "%s: %d at %d",
			           scenario->title, answer->pid, (int)answer->at);
	}
}

/* "end, code": - for what is not known. */
static const char *end_of(int pid)
{
	static char text[32];
	const struct process *process = process_table_find(history.processes, pid, 0);

	if (!process)
		return "none";
	snprintf(text, sizeof text, "%s %s%d", process->end.wall_ns > 0 ? "end" : "-",
	         process->end.has_code ? "" : "-", process->end.code);
	return text;
}

static const struct {
	struct scenario scenario;
	const char *end;
} ends[] = {
	{ { .title = "exit(3)",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { EXIT, 20, 60, 60, 0, 0 },
	               { GONE, 21, 60, 60, 3 << 8, 0 } } },
	  "end 3" },
	{ { .title = "a signal, with a core",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { EXIT, 20, 60, 60, 0, 0 },
	               { GONE, 21, 60, 60, 0x80 | 11, 0 } } },
	  "end 139" },
	{ { .title = "the status is not known",
	    .steps = { { FORK, 10, 60, 0, 0, 0 }, { EXIT, 20, 60, 60, 0, 0 } } },
	  "end -0" },
	{ { .title = "it may be outlived",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { EXIT, 20, 60, 0, 0, 0 },
	               { GONE, 21, 60, 60, 0, 0 } } },
	  "- -0" },
	{ { .title = "all threads at once",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { GONE, 19, 60, 60, 2 << 8, 0 },
	               { EXIT, 20, 60, 61, 0, 0 },
	               { GONE, 21, 60, 61, 2 << 8, 0 } } },
	  "end 2" },
	{ { .title = "the first thread ended earlier, with another status",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { GONE, 15, 60, 60, 0, 0 },
	               { EXIT, 20, 60, 61, 0, 0 },
	               { GONE, 21, 60, 61, 2 << 8, 0 } } },
	  "end -0" },
	{ { .title = "the first thread ended, for another ran exec",
	    .steps = { { FORK, 10, 60, 0, 0, 0 },
	               { GONE, 15, 60, 60, 9, 0 },
	               { EXEC, 16, 60, 0, 0, 0 },
	               { EXIT, 20, 60, 60, 0, 0 },
	               { GONE, 21, 60, 60, 1 << 8, 0 } } },
	  "end 1" },
	{ { .title = "it lives",
	    .steps = { { FORK, 10, 60, 0, 0, 0 }, { GONE, 15, 60, 61, 5 << 8, 0 } } },
	  "- -0" },
};

static void test_ends(void)
{
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		scenario = &ends[i].scenario;
		play();
		CHECK_TEXT(end_of(60), ends[i].end, "%s", scenario->title);
	}
}

/* What /proc reported of a child before its fork was taken in may be later than what follows. */
static void test_read_early(void)
{
	static const struct scenario early = {
		.title = "read early",
		.steps = { { FORK, 10, 60, 0, 0, 0 }, { USER, 20, 60, 7, 7, 0 } },
	};

	scenario = &early;
	begin();
	fake_put("60/stat", "60 (x) S 50 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100000 0 0\n");
	fake_put("60/status", "Tgid:\t60\nUid:\t7\t7\t7\t7\nGid:\t0\t0\t0\t0\n");
	need(process_table_get(history.processes, 60, NULL));
	process_changes_begin(history.changes);
	add_kernel_event(&early.steps[0]);
	process_changes_end(history.changes, NOW + NS_PER_SECOND);
	CHECK_TEXT(ids_of(60, 15), "0/0/0", "before the change it was its parent's user");
	CHECK_TEXT(ids_of(60, 25), "7/7/0", "and then the one that was read");
	fake_remove("60/stat");
	fake_remove("60/status");
}

/* Nothing is lost silently, and nothing is kept without bound. */
static void test_flood(void)
{
	struct proc_event event = { .kind = PROC_EVENT_USER, .pid = 50, .tid = 50 };

	scenario = &scenarios[0];
	begin();
	for (int i = 0; i < 100000; i++) {
		event.time_ns = NOW + 1000 + i;
		process_changes_add(history.changes, &event);
	}
	CHECK_TEXT(ids_of(50, 2000), "-/-/-", "more changes than there is room for");
}

/* Process 50 did something at NOW + at, and was read at NOW. Its ids now, and at NOW. */
static const struct {
	struct scenario scenario;
	int uid_now; /* in /proc; -1 = it is gone */
	int64_t at;
	const char *now, *before;
} confirmed[] = {
	{ { .title = "root that became another user", .alone = true }, 7, 1000, "7/7/7", "-/-/-" },
	{ { .title = "root that did not", .alone = true }, 0, 1000, "0/0/0", "0/0/0" },
	{ { .title = "root that is gone", .alone = true }, -1, 1000, "-/-/-", "-/-/-" },
	{ { .title = "root that was read just now", .alone = true }, 7, 5, "0/0/0", "0/0/0" },
	{ { .title = "root that ran a program since",
	    .alone = true,
	    .steps = { { EXEC, 2000 * NS_PER_MS, 50, 0, 0, 0 } } },
	  7,
	  1000,
	  "-/-/-",
	  "-/-/-" },
	{ { .title = "a user", .alone = true, .uid = 7 }, -1, 1000, "7/7/7", "7/7/7" },
	{ { .title = "root whose changes are reported" }, 7, 1000, "0/0/0", "0/0/0" },
};

static void test_confirmed(void)
{
	for (size_t i = 0; i < sizeof confirmed / sizeof *confirmed; i++) {
		int64_t at = confirmed[i].at * NS_PER_MS;
		struct process *process;

		scenario = &confirmed[i].scenario;
		play();
		if (confirmed[i].uid_now >= 0)
			put_status(confirmed[i].uid_now);
		else
			fake_remove("50");
		process = need(process_table_at(history.processes, 50, NOW + at));
		process->added.generation = process->generation + 1;
		process_table_confirm_ids(history.processes, process, NOW + at);
		CHECK(confirmed[i].uid_now > 0 || process_has_added(process),
		      "confirmed: %s: the hash of its program stays", scenario->title);
		CHECK_TEXT(ids_of(50, INT64_MAX / 2), confirmed[i].now, "confirmed: %s: now",
		           scenario->title);
		CHECK_TEXT(ids_of(50, 0), confirmed[i].before, "confirmed: %s: before",
		           scenario->title);
	}
}

/* What little happens does not touch all of the room in the end. */
static void test_stays_small(void)
{
	static const struct scenario quiet = { .title = "quiet" };
	struct proc_event event = { .kind = PROC_EVENT_EXIT, .pid = 999, .tid = 999 };
	long before;

	scenario = &quiet;
	begin();
	before = check_pages_touched();
	for (int64_t i = 0; i < 20000; i++) {
		event.time_ns = NOW + i;
		process_changes_add(history.changes, &event);
		process_changes_end(history.changes, event.time_ns);
	}
	CHECK(check_pages_touched() - before < 64, "20,000 changes one by one: %ld pages",
	      check_pages_touched() - before);
}

int main(void)
{
	fake_begin();
	test_stays_small();
	test_ids();
	test_confirmed();
	test_ends();
	test_read_early();
	test_flood();
	process_changes_free(history.changes);
	process_table_free(history.processes);
	fake_remove("");
	return check_done();
}
