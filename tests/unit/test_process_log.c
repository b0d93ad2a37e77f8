/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes have records of their start, other programs and end, with which times, in order. */
#include "stream/process_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "check.h"

#define STATUS_WAIT_NS (100 * NS_PER_MS)

static struct event written[16384];
static int written_count;
static char first_uids[16];

/* In place of the emitter. */
void emitter_emit(struct emitter *emitter, struct event *event)
{
	struct process *process = event->life.process;

	(void)emitter;
	if (written_count < 16)
		first_uids[written_count] = (char)process_at(process, event->life.state_ns)->uid;
	written[written_count++] = *event;
}

/* A process that was forked a second ago, as user 1. */
static struct process *process_forked(int pid)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process) {
		printf("Bail out! out of memory\n");
		exit(EXIT_FAILURE);
	}
	process->references = 1;
	process->pid = pid;
	process->followed = true;
	process->forked_ns = clock_monotonic_ns() - NS_PER_SECOND;
	process->uid = 1;
	return process;
}

/* Runs another program from then on, as user 2 as soon as that has its ids. */
static void execute(struct process *process, int64_t time_ns)
{
	process_change(process, time_ns);
	process->executed_ns = time_ns;
	process_change(process, time_ns + NS_PER_MS);
	process->uid++;
	process->settled_ns = time_ns + 2 * NS_PER_MS;
}

static struct process_log *begin(bool all)
{
	struct process_log *log = process_log_new(NULL, all);

	written_count = 0;
	if (!log) {
		printf("Bail out! out of memory\n");
		exit(EXIT_FAILURE);
	}
	return log;
}

/* The actions that were written, as letters. */
static const char *letters(void)
{
	static char text[32];
	int i;

	for (i = 0; i < written_count && i < 31; i++)
		text[i] = written[i].action == EVENT_PROCESS_STARTED    ? 's'
		          : written[i].action == EVENT_PROCESS_EXECUTED ? 'x'
		                                                        : 'e';
	text[i] = '\0';
	return text;
}

/* Within what two readings of the clocks may differ. */
static bool is_near(int64_t wall_ns, int64_t monotonic_ns)
{
	int64_t off = wall_ns - (monotonic_ns + clock_realtime_ns() - clock_monotonic_ns());

	return off > -20 * NS_PER_MS && off < 20 * NS_PER_MS;
}

static void test_all(void)
{
	struct process *process = process_forked(10);
	struct process_log *log = begin(true);
	int64_t executed_ns = process->forked_ns + 100 * NS_PER_MS;
	int64_t now_ns = clock_monotonic_ns();

	process_log_started(log, process, process->forked_ns);
	CHECK(process_log_write(log, now_ns) == -1 && strcmp(letters(), "s") == 0,
	      "a fork is written at once");
	CHECK(is_near(written[0].time_ns, process->forked_ns), "with the time of the fork");
	execute(process, executed_ns);
	process_log_executed(log, process, executed_ns);
	CHECK(process_log_write(log, executed_ns) == STATUS_WAIT_NS && written_count == 1,
	      "an exec waits for its ids");
	process_log_settled(log, process, executed_ns + 2 * NS_PER_MS);
	CHECK(process_log_write(log, executed_ns) == -1 && strcmp(letters(), "sx") == 0,
	      "and is written with them");
	CHECK(is_near(written[1].time_ns, executed_ns) && first_uids[0] == 1 && first_uids[1] == 2,
	      "at its own time, as the user that it made");
	process->exited_ns = now_ns;
	process_log_ended(log, process, now_ns);
	CHECK(process_log_write(log, now_ns) == STATUS_WAIT_NS && written_count == 2,
	      "an end waits for its status");
	process->end.has_code = true;
	CHECK(process_log_write(log, now_ns) == -1 && strcmp(letters(), "sxe") == 0,
	      "and is written with it");
	written_count = 0;
	process_log_executed(log, process, now_ns);
	process_log_ended(log, process, now_ns);
	process_log_settled(log, process, now_ns);
	CHECK(process_log_write(log, now_ns) == -1 && strcmp(letters(), "xe") == 0,
	      "arguments may come after the end");
	CHECK_EQUAL(process->references, 1, "nothing of it is kept");
	process_log_free(log);
	process_unref(process);
}

/* More programs than states are kept, all taken in at once. */
static void test_many(void)
{
	struct process *process = process_forked(10);
	struct process_log *log = begin(true);
	bool in_time = true;

	for (int i = 0; i < 3 * PROCESS_FORMER_MAX; i++) {
		int64_t time_ns = process->forked_ns + (i + 1) * 10 * NS_PER_MS;

		execute(process, time_ns);
		process_log_executed(log, process, time_ns);
		process_log_settled(log, process, time_ns + 2 * NS_PER_MS);
		in_time = in_time && written_count + PROCESS_FORMER_MAX / 2 > i;
	}
	CHECK(in_time, "a record is written while the state is kept that it is about");
	process_log_finish(log);
	CHECK_EQUAL(written_count, 3 * PROCESS_FORMER_MAX + 1, "each once");
	process_log_free(log);
	process_unref(process);
}

static void test_owners(void)
{
	struct process *process = process_forked(10), *other = process_forked(11);
	struct process_log *log = begin(false);
	int64_t offset_ns = clock_realtime_ns() - clock_monotonic_ns();
	int64_t named_ns = process->forked_ns + 50 * NS_PER_MS;
	int64_t executed_ns = process->forked_ns + 100 * NS_PER_MS;

	process_log_started(log, other, other->forked_ns);
	process_log_executed(log, other, executed_ns);
	process_log_ended(log, other, executed_ns);
	process_log_finish(log);
	CHECK(written_count == 0, "what no record names has none");

	/* All is over by the time at which its packet is read. */
	execute(process, executed_ns);
	process->exited_ns = executed_ns + 100 * NS_PER_MS;
	process_log_executed(log, process, executed_ns);
	process_log_ended(log, process, process->exited_ns);
	process_log_named(log, process, named_ns + offset_ns);
	CHECK(strcmp(letters(), "s") == 0 && first_uids[0] == 1,
	      "its start comes before the record that names it, as it was then");
	process_log_named(log, process, named_ns + offset_ns);
	process_log_write(log, clock_monotonic_ns());
	CHECK(strcmp(letters(), "sxe") == 0 && first_uids[1] == 2,
	      "once; what became of it meanwhile follows");
	CHECK(is_near(written[0].time_ns, process->forked_ns) &&
	              is_near(written[1].time_ns, executed_ns) &&
	              is_near(written[2].time_ns, process->exited_ns),
	      "each with its time");
	process_log_free(log);
	process_unref(process);
	process_unref(other);
}

static void test_goes_on(void)
{
	struct process *process = process_forked(10);
	struct process_log *log = begin(true);

	process->reported = true;
	process_log_ended(log, process, clock_monotonic_ns() - NS_PER_SECOND);
	process_log_finish(log);
	CHECK(written_count == 0, "the end of a thread is not that of a process that goes on");
	process_log_free(log);
	process_unref(process);
}

static void test_there_before(void)
{
	struct process *process = process_forked(10);
	struct process_log *log = begin(true);

	process->exited_ns = clock_monotonic_ns() - NS_PER_SECOND / 2;
	process_log_ended(log, process, process->exited_ns);
	process_log_finish(log);
	CHECK(strcmp(letters(), "se") == 0, "its start comes before its end");
	process->exited_ns = 0;
	process_log_free(log);
	process_unref(process);
}

static void test_bound(void)
{
	struct process *process = process_forked(10);
	struct process_log *log = begin(true);
	int64_t now_ns = clock_monotonic_ns();

	process->reported = true;
	process->exited_ns = now_ns;
	for (int i = 0; i < 10000; i++)
		process_log_ended(log, process, now_ns);
	CHECK(written_count == 10000 - 4096 && process->references == 1 + 4096,
	      "of too many that wait the first is written at once");
	process_log_free(log);
	CHECK_EQUAL(process->references, 1, "the others are let go of");
	process_log_free(NULL);
	process_unref(process);
}

int main(void)
{
	test_all();
	test_many();
	test_owners();
	test_goes_on();
	test_there_before();
	test_bound();
	return check_done();
}
