/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owners, where tracepoints are to be had: else all is skipped. */
#include "attribution/trace_owners.h"

#include <sched.h>
#include <sys/wait.h>

#include "check.h"
#include "processes/process_table.h"

#define MANY 10000 /* each some 400 bytes of a ring of 1 MiB */

static struct {
	int forks, exits, lost;
} lived;

static void on_lived(void *context, const struct trace_event *event, struct process *process)
{
	(void)context;
	(void)process;
	lived.forks += event->kind == TRACE_EVENT_FORK && event->parent_pid == getpid();
	lived.exits += event->kind == TRACE_EVENT_EXIT;
	lived.lost += event->kind == TRACE_EVENT_LOST_PROCESSES;
}

static pid_t begin(void)
{
	pid_t pid = vfork(); /* quicker than fork */

	if (pid == 0)
		_exit(0);
	return pid;
}

static void begin_and_end(int count)
{
	while (count-- > 0)
		waitpid(begin(), NULL, 0);
}

static struct trace_owners *open_or_skip(struct process_table *processes)
{
	struct trace_owners_options options = {
		.key = { { 1, 1 } }, .processes = processes, .namespaces = true, .lived = on_lived
	};
	struct error error = { .text = "" };
	struct trace_owners *owners;

	if (trace_owners_open(&owners, &options, &error) == 0)
		return owners;
	CHECK(error.text[0] != '\0', "a reason is given # SKIP %s", error.text);
	exit(check_done());
}

static void lose(struct trace_owners *owners)
{
	begin_and_end(MANY);
	trace_owners_drain(owners);
	begin_and_end(1); /* the kernel reports a loss when there is room again */
	trace_owners_drain(owners);
}

/* What was lost is counted, with what filled the rings, and each process of these events is reported. */
static void test_lost(struct trace_owners *owners)
{
	struct trace_flood_source source;

	begin_and_end(3);
	trace_owners_drain(owners);
	CHECK(lived.lost > 0 || (lived.forks == 3 && lived.exits >= 3),
	      "lives and ends of processes are reported: %d, %d", lived.forks, lived.exits);
	for (int i = 0; i < 3 && lived.lost == 0; i++)
		lose(owners);
	CHECK(lived.lost > 0 && trace_owners_counters(owners).lost > 0, "a loss, too: %llu",
	      (unsigned long long)trace_owners_counters(owners).lost);
	source = trace_owners_take_flood(owners);
	/* Which process filled the rings is in test_trace_flood: here other tests may have, too. */
	CHECK(!source.has_uid || source.uid == getuid(), "and its user, or none that is known");
	source = trace_owners_take_flood(owners);
	CHECK(!source.process && !source.has_uid, "the next one counts anew");
	trace_owners_expire(owners);
	lived.forks = 0;
	begin_and_end(3);
	trace_owners_drain(owners);
	CHECK_EQUAL(lived.forks, 3, "and it goes on");
}

int main(void)
{
	struct hash_key key = { { 1, 1 } };
	struct process_table *processes;
	struct trace_owners *owners;
	cpu_set_t one;

	if (process_table_new(&processes, "/proc", 65536, &key, NULL) != 0)
		return EXIT_FAILURE;
	owners = open_or_skip(processes);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one); /* the rings are for a CPU each */
	test_lost(owners);
	trace_owners_close(owners);
	trace_owners_close(NULL);
	process_table_free(processes);
	return check_done();
}
