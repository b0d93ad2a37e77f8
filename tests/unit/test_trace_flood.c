/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of events in full rings, and the process and user that are named for them. */
#include "attribution/trace_flood.h"

#include "attribution/process_history.h"
#include "process_table_fixture.h"

/* What happens; OTHER is an event of no kind that is looked at, SUDO a fork for user 1001. */
enum what { END, FORK, BEGIN, SUDO, USE, OTHER, EXIT, IRQ, ROOM, LOST };

#define SHELL   100  /* of user 1000 */
#define FLOOD   200  /* of user 1001 */
#define TWO     201  /* the same */
#define NOBODY  300  /* no process is known */
#define FIRST   1001 /* the first that is begun */
#define UNKNOWN (-1)

static const struct scenario {
	const char *title;
	struct {
		enum what what;
		int pid, times; /* FORK: a new child each time, which exits */
	} steps[6];
	int process; /* 0 = none is named */
	int uid;     /* UNKNOWN = none is named */
} scenarios[] = {
	{ "nothing was full", { { ROOM, FLOOD, 50 } }, 0, UNKNOWN },
	{ "one process", { { USE, FLOOD, 50 }, { USE, SHELL, 30 } }, FLOOD, 1001 },
	{ "what is not looked at fills a ring, too",
	  { { OTHER, FLOOD, 50 }, { USE, SHELL, 30 } },
	  FLOOD,
	  1001 },
	{ "half is not most", { { USE, FLOOD, 40 }, { USE, SHELL, 40 } }, 0, UNKNOWN },
	{ "several processes of a user",
	  { { USE, FLOOD, 30 }, { USE, TWO, 30 }, { USE, SHELL, 20 } },
	  0,
	  1001 },
	{ "a process that began meanwhile",
	  { { BEGIN, SHELL, 1 }, { USE, FIRST, 50 }, { USE, FLOOD, 30 } },
	  FIRST,
	  1000 },
	{ "a process that begins others",
	  { { FORK, FLOOD, 50 }, { USE, SHELL, 30 } },
	  FLOOD,
	  1001 },
	{ "a process that begins others for another user",
	  { { SUDO, SHELL, 50 }, { USE, SHELL, 30 } },
	  0,
	  1001 },
	{ "interrupts are nobody's", { { IRQ, FLOOD, 50 }, { USE, SHELL, 30 } }, 0, UNKNOWN },
	{ "what is not known may be of another",
	  { { USE, NOBODY, 50 }, { USE, SHELL, 40 } },
	  0,
	  UNKNOWN },
	{ "after a loss it is not sure which process it is",
	  { { USE, SHELL, 20 }, { LOST, 0, 1 }, { USE, FLOOD, 90 } },
	  SHELL,
	  1000 },
};

static struct process_history history;
static struct trace_flood flood;
static int64_t now_ns;
static int next_pid;

static void add(enum trace_event_kind kind, int pid, int parent_pid, bool full, bool irq)
{
	struct trace_event event = {
		.kind = kind,
		.pid = pid,
		.tid = pid,
		.parent_pid = parent_pid,
		.ring_full = full,
		.process_context = !irq,
		.time_ns = now_ns,
		.since_ns = now_ns,
		.boottime_ns = now_ns,
	};

	trace_flood_add(&flood, history.processes, &event, process_history_add(&history, &event));
	now_ns++;
}

static void begin(int pid, uint32_t uid)
{
	struct process *process;

	add(TRACE_EVENT_FORK, pid, 1, false, false);
	process = need(process_table_current(history.processes, pid));
	process->has_uid = process->has_real_uid = true;
	process->uid = 0; /* a set-user-ID program: whose it is counts */
	process->real_uid = uid;
}

static void run_step(enum what what, int pid)
{
	switch (what) {
	case FORK:
		add(TRACE_EVENT_FORK, ++next_pid, pid, true, false);
		add(TRACE_EVENT_OTHER, next_pid, 0, true, false);
		add(TRACE_EVENT_EXIT, next_pid, 0, true, false);
		break;
	case BEGIN:
	case SUDO:
		add(TRACE_EVENT_FORK, ++next_pid, pid, false, false);
		if (what == BEGIN)
			break;
		need(process_table_current(history.processes, next_pid))->real_uid = 1001;
		add(TRACE_EVENT_OTHER, next_pid, 0, true, false);
		add(TRACE_EVENT_EXIT, next_pid, 0, true, false);
		break;
	case USE:
	case IRQ:
		add(TRACE_EVENT_STATE, pid, 0, true, what == IRQ);
		break;
	case ROOM:
		add(TRACE_EVENT_STATE, pid, 0, false, false);
		break;
	case OTHER:
		add(TRACE_EVENT_OTHER, pid, 0, true, false);
		break;
	case EXIT:
		add(TRACE_EVENT_EXIT, pid, 0, true, false);
		break;
	case LOST:
		add(TRACE_EVENT_LOST_PROCESSES, 0, 0, true, false);
		break;
	case END:
		break;
	}
}

static void run_scenario(const struct scenario *scenario)
{
	struct trace_flood_source source;

	history = (struct process_history){ .processes = open_table(fake_proc, 1000) };
	process_table_follow_ids(history.processes, true);
	flood = (struct trace_flood){ .since_ns = 0 };
	now_ns = clock_monotonic_ns();
	next_pid = 1000;
	begin(SHELL, 1000);
	begin(FLOOD, 1001);
	begin(TWO, 1001);
	for (int i = 0; scenario->steps[i].what != END; i++)
		for (int times = 0; times < scenario->steps[i].times; times++)
			run_step(scenario->steps[i].what, scenario->steps[i].pid);
	source = trace_flood_take(&flood, history.processes);
	CHECK_EQUAL(source.process ? source.process->pid : 0, scenario->process, "%s: the process",
	            scenario->title);
	CHECK_EQUAL(source.has_uid ? (int)source.uid : UNKNOWN, scenario->uid, "%s: the user",
	            scenario->title);
	source = trace_flood_take(&flood, history.processes);
	CHECK(!source.process && !source.has_uid, "%s: that is all", scenario->title);
	process_table_free(history.processes);
}

int main(void)
{
	fake_begin();
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		run_scenario(&scenarios[i]);
	fake_remove("");
	return check_done();
}
