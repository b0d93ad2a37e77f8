/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program a process ran at the time of a packet, as a table: /proc is read and execs are
 * reported in any order, and the process may be gone by then. A name is right or not known.
 */
#include <unistd.h>

#include "process_table_fixture.h"

#define STEPS_MAX 12
#define MARKS     4
#define PID       300
#define TICKS     600

enum what {
	END,
	RUNS,   /* /proc has it with this name */
	GONE,   /* and not any more */
	MARK,   /* a moment, with 1 ms before and after */
	READ,   /* it is asked for */
	EXEC,   /* an exec of that moment is reported */
	EXITED, /* the exit, the same */
	SEEN,   /* with this name a thread saw it in that moment */
	LOST,   /* reports of execs */
	IS,     /* it had this name in that moment; NULL: not known */
};

struct step {
	enum what what;
	int mark;
	const char *name;
};

struct test_case {
	const char *title;
	int reported; /* execs are */
	struct step steps[STEPS_MAX];
};

/* clang-format off */
static const struct test_case cases[] = {
	{ "an exec that was reported when the process was gone", 1,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 0, 0 }, { MARK, 1, 0 }, { MARK, 2, 0 }, { GONE, 0, 0 },
	    { READ, 0, 0 }, { EXEC, 1, 0 }, { IS, 0, "wrap" }, { IS, 2, NULL } } },
	{ "the same, and the next program was seen", 1,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 0, 0 }, { MARK, 1, 0 }, { MARK, 2, 0 }, { GONE, 0, 0 },
	    { READ, 0, 0 }, { EXEC, 1, 0 }, { SEEN, 2, "send" }, { IS, 0, "wrap" }, { IS, 2, "send" } } },
	{ "it was seen between two execs", 1,
	  { { MARK, 0, 0 }, { MARK, 1, 0 }, { MARK, 2, 0 }, { SEEN, 1, "wrap" }, { EXEC, 2, 0 },
	    { IS, 1, "wrap" }, { MARK, 3, 0 }, { IS, 3, NULL } } },
	{ "it was seen, and then it was not known that it had run another since", 1,
	  { { MARK, 0, 0 }, { MARK, 1, 0 }, { EXEC, 1, 0 }, { SEEN, 0, "wrap" }, { MARK, 2, 0 },
	    { IS, 2, NULL } } },
	{ "one that sends and runs another program", 1,
	  { { MARK, 0, 0 }, { MARK, 1, 0 }, { RUNS, 0, "next" }, { EXEC, 1, 0 }, { MARK, 2, 0 },
	    { IS, 0, NULL }, { IS, 2, "next" } } },
	{ "two execs are reported when the second was read", 1,
	  { { MARK, 0, 0 }, { MARK, 1, 0 }, { MARK, 2, 0 }, { RUNS, 0, "send" }, { EXEC, 0, 0 },
	    { EXEC, 2, 0 }, { MARK, 3, 0 }, { IS, 1, NULL }, { IS, 3, "send" } } },
	{ "read when it had its new name, and its exec was not reported yet", 1,
	  { { MARK, 0, 0 }, { RUNS, 0, "next" }, { READ, 0, 0 }, { MARK, 1, 0 }, { EXEC, 1, 0 },
	    { IS, 0, NULL }, { IS, 1, "next" } } },
	{ "two that were read apart", 1,
	  { { MARK, 0, 0 }, { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 1, 0 }, { RUNS, 0, "send" },
	    { EXEC, 1, 0 }, { MARK, 2, 0 }, { IS, 0, "wrap" }, { IS, 2, "send" } } },
	{ "no exec is reported: it may have run another since it was read", 0,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 1, 0 }, { GONE, 0, 0 }, { READ, 0, 0 },
	    { IS, 1, NULL } } },
	{ "no exec is reported, and it was seen later", 0,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 1, 0 }, { MARK, 2, 0 }, { GONE, 0, 0 },
	    { READ, 0, 0 }, { SEEN, 2, "send" }, { IS, 1, "send" }, { MARK, 3, 0 }, { IS, 3, NULL } } },
	{ "all execs are reported: it has run no other", 1,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 1, 0 }, { GONE, 0, 0 }, { READ, 0, 0 },
	    { IS, 1, "wrap" } } },
	{ "reports were lost", 1,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 0, 0 }, { LOST, 0, 0 }, { IS, 0, NULL },
	    { READ, 0, 0 }, { MARK, 1, 0 }, { IS, 0, NULL }, { IS, 1, "wrap" } } },
	{ "reports were lost before it was read", 1,
	  { { MARK, 0, 0 }, { LOST, 0, 0 }, { RUNS, 0, "send" }, { READ, 0, 0 }, { MARK, 1, 0 },
	    { IS, 0, NULL }, { IS, 1, "send" } } },
	{ "an exec from before reports were lost says nothing of now", 1,
	  { { MARK, 0, 0 }, { MARK, 1, 0 }, { LOST, 0, 0 }, { RUNS, 0, "send" }, { EXEC, 0, 0 },
	    { IS, 1, NULL } } },
	{ "an exit that was noticed before it was reported", 1,
	  { { RUNS, 0, "wrap" }, { READ, 0, 0 }, { MARK, 0, 0 }, { GONE, 0, 0 }, { READ, 0, 0 },
	    { EXITED, 0, 0 }, { MARK, 1, 0 }, { EXEC, 1, 0 }, { IS, 0, "wrap" } } },
};
/* clang-format on */

static struct process *remember(struct process_table *table, const char *name, int64_t time_ns)
{
	const struct process_memory memory = {
		.pid = PID,
		.start_ticks = TICKS,
		.name = name,
		.executable = name,
		.read_ns = time_ns,
		.exited_ns = clock_monotonic_ns(),
	};

	return process_table_remember(table, &memory);
}

static void check_name(const struct test_case *one, struct process *process, int64_t time_ns,
                       const char *name)
{
	const struct process *then = process_at(process, time_ns + clock_realtime_offset_ns());

	CHECK(name ? is(then->name, name) && is(then->executable, name)
	           : !then->name && !then->executable,
	      "%s: %s", one->title, name ? name : "not known");
}

static void test_case_of(const struct test_case *one)
{
	struct process_table *table = open_table(fake_proc, 100);
	int64_t marks[MARKS] = { 0 };

	process_table_follow_execs(table, one->reported);
	fake_remove("300");
	for (const struct step *step = one->steps; step->what != END; step++) {
		switch (step->what) {
		case RUNS:
			fake_process(PID, step->name, 1, TICKS);
			fake_link("300/exe", step->name);
			break;
		case GONE:
			fake_remove("300");
			break;
		case MARK:
			usleep(1000);
			marks[step->mark] = clock_monotonic_ns();
			usleep(1000);
			break;
		case READ:
			process_table_get(table, PID, NULL);
			break;
		case EXEC:
			process_table_exec(table, PID, marks[step->mark]);
			break;
		case EXITED:
			process_table_exited(table, PID, marks[step->mark]);
			CHECK_EQUAL(process_table_find(table, PID, TICKS)->exited_ns,
			            marks[step->mark], "%s: it ended then", one->title);
			break;
		case SEEN:
			need(remember(table, step->name, marks[step->mark] - NS_PER_MS / 2));
			break;
		case LOST:
			process_table_execs_lost(table);
			break;
		case IS:
			check_name(one, need(process_table_find(table, PID, TICKS)),
			           marks[step->mark], step->name);
			break;
		case END:
			break;
		}
	}
	process_table_free(table);
}

/* A pid that is used again: the exec of the first is not the second's. */
static void test_reused(void)
{
	struct process_table *table = open_table(fake_proc, 100);
	struct process *first, *second;
	int64_t exec_ns, exit_ns;

	process_table_follow_execs(table, true);
	fake_process(PID, "wrap", 1, TICKS);
	first = process_ref(need(process_table_get(table, PID, NULL)));
	usleep(1000);
	exec_ns = clock_monotonic_ns();
	exit_ns = exec_ns + 1;
	fake_remove("300");
	fake_process(
		PID, "other", 1,
		(unsigned long long)(clock_boottime_ns() / (NS_PER_SECOND / sysconf(_SC_CLK_TCK))));
	usleep(20000);
	second = process_ref(need(process_table_get(table, PID, NULL)));
	process_table_exec(table, PID, exec_ns);
	process_table_exited(table, PID, exit_ns);
	CHECK(!first->name && is(first->former->name, "wrap") && first->exited_ns == exit_ns,
	      "a pid that is used again: the first process ran another program, and ended");
	CHECK(second != first && is(second->name, "other") && second->exited_ns == 0,
	      "a pid that is used again: the second is what it was");
	process_unref(first);
	process_unref(second);
	process_table_free(table);
}

int main(void)
{
	fake_begin();
	fake_put("sys/kernel/random/boot_id", "0bb58b47-5f5c-4bd7-8a4b-1a2a5a5b3b1f\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		test_case_of(&cases[i]);
	test_reused();
	fake_remove("");
	return check_done();
}
