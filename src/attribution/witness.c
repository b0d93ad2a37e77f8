/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/witness.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "attribution/evidence.h"
#include "attribution/lineage.h"
#include "base/clock.h"
#include "tracepoints/tracepoints.h"

#define SIGHTINGS_MAX 131072
#define LIVES_MAX     65536

/*
 * A packet's time is the wall clock's, an event's the monotonic one; both are
 * read one after the other, and a sender is seen a moment before its packet.
 */
#define BEFORE_NS (20 * NS_PER_MS)
#define AFTER_NS  (1 * NS_PER_MS)
/* A shaper holds packets back; what it holds for longer stays unknown. */
#define QUEUED_NS (3 * NS_PER_SECOND)

struct witness {
	struct witness_options options;
	struct tracepoints *tracepoints;
	struct evidence *evidence;
	struct lineage *lineage;
	int64_t tick_ns;
	bool relist; /* events were lost: who is who must be read anew */
};

/* Reads every process into the lineage, so that their children have a parent. */
static void seed(struct witness *witness)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		struct process *process;
		int64_t now = clock_monotonic_ns();

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = process_table_get(witness->options.processes,
		                            (int)strtol(entry->d_name, NULL, 10), NULL);
		if (process)
			lineage_seed(witness->lineage, process, now);
	}
	closedir(proc);
}

/* Opens the tracepoints and, after that, reads who is there: what begins meanwhile is told by events. */
static int start(struct witness *witness, struct error *error)
{
	struct tracepoints_options tracing = { .namespaces = witness->options.namespaces };
	int code;

	witness->lineage = lineage_new(LIVES_MAX, &witness->options.key, tracing.namespaces);
	if (!witness->lineage)
		return error_set(error, ENOMEM, "out of memory");
	code = tracepoints_open(&witness->tracepoints, &tracing, error);
	if (code == 0)
		seed(witness);
	return code;
}

int witness_open(struct witness **result, const struct witness_options *options,
                 struct error *error)
{
	struct witness *witness = calloc(1, sizeof *witness);
	int code;

	if (!witness)
		return error_set(error, ENOMEM, "out of memory");
	witness->options = *options;
	witness->tick_ns = NS_PER_SECOND / sysconf(_SC_CLK_TCK);
	witness->evidence = evidence_new(SIGHTINGS_MAX, &options->key);
	code = witness->evidence ? start(witness, error)
	                         : error_set(error, ENOMEM, "out of memory");
	if (code != 0) {
		witness_close(witness);
		return code;
	}
	*result = witness;
	return 0;
}

int witness_follow_namespaces(struct witness *witness, struct error *error)
{
	struct tracepoints *before = witness->tracepoints;
	struct lineage *lineage = witness->lineage;
	int code;

	if (witness->options.namespaces)
		return 0;
	witness_drain(witness);
	witness->options.namespaces = true;
	code = start(witness, error);
	if (code != 0) { /* the old ones go on */
		lineage_free(witness->lineage);
		witness->tracepoints = before;
		witness->lineage = lineage;
		witness->options.namespaces = false;
		return code;
	}
	tracepoints_close(before);
	lineage_free(lineage);
	return 0;
}

void witness_close(struct witness *witness)
{
	if (!witness)
		return;
	tracepoints_close(witness->tracepoints);
	lineage_free(witness->lineage);
	evidence_free(witness->evidence);
	free(witness);
}

int witness_fd(const struct witness *witness)
{
	return tracepoints_fd(witness->tracepoints);
}

static void on_trace_event(void *context, const struct trace_event *event)
{
	struct witness *witness = context;

	lineage_add(witness->lineage, event);
	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
		evidence_add(witness->evidence, event,
		             lineage_find(witness->lineage, event->pid, event->time_ns));
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		evidence_add(witness->evidence, event, NULL);
		break;
	case TRACE_EVENT_LOST_PROCESSES:
		evidence_add(witness->evidence, event, NULL);
		witness->relist = true;
		witness->options.lived(witness->options.context, event);
		break;
	case TRACE_EVENT_NAME:
		if (event->executed)
			witness->options.lived(witness->options.context, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_EXIT:
		witness->options.lived(witness->options.context, event);
		break;
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
		break;
	}
}

void witness_drain(struct witness *witness)
{
	tracepoints_drain(witness->tracepoints, on_trace_event, witness);
}

void witness_expire(struct witness *witness)
{
	int64_t now = clock_monotonic_ns();

	witness_drain(witness);
	evidence_expire(witness->evidence, now);
	lineage_expire(witness->lineage, now);
	if (witness->relist)
		seed(witness);
	witness->relist = false;
}

/* The table's process for what the lineage knows; NULL when it is not surely the same. */
static struct process *materialize(struct witness *witness, const struct lineage_process *life)
{
	struct process_table *processes = witness->options.processes;
	struct process_memory memory = {
		.pid = life->pid,
		.parent_pid = life->parent_pid,
		.name = life->name[0] ? life->name : NULL,
		.executable = life->executable,
		.executable_deleted = life->executable_deleted,
		.parent_name = life->parent_name[0] ? life->parent_name : NULL,
		.netns = life->netns,
		.cgroup_id = life->cgroup_id,
		.exited_ns = life->exited_ns,
	};
	struct process *process;
	uint64_t ticks;
	bool sure = lineage_start_ticks(life, witness->tick_ns, &ticks);

	process = life->started_ns != 0 ? process_table_find(processes, life->pid, ticks) : NULL;
	if (!process && life->started_ns != 0 && !sure)
		process = process_table_find(processes, life->pid, ticks - 1);
	if (process)
		return process;
	if (life->exited_ns == 0) {
		process = process_table_get(processes, life->pid, NULL);
		/* Since before we looked: the one that has the pid now is the one that had it. */
		if (process && (life->started_ns == 0 || process->start_ticks == ticks ||
		                (!sure && process->start_ticks == ticks - 1)))
			return process;
		memory.exited_ns = clock_monotonic_ns(); /* gone, and its exit not yet drained */
	}
	if (life->started_ns == 0)
		return NULL;
	memory.start_ticks = ticks;
	memory.start_unsure = !sure;
	return process_table_remember(processes, &memory);
}

static bool ask(struct witness *witness, const struct evidence_question *question,
                struct process **process)
{
	const struct lineage_process *life;
	struct evidence_match match;

	if (evidence_find(witness->evidence, question, &match) != EVIDENCE_FOUND)
		return false;
	life = lineage_find(witness->lineage, match.pid, match.last_ns);
	if (!life || (life->netns != 0 && life->netns != question->netns))
		return false;
	*process = materialize(witness, life);
	return *process != NULL;
}

/* Asks for one kind of sighting; what the rings hold is taken in only when that is not enough. */
static bool ask_for(struct witness *witness, const struct attribution_question *question,
                    unsigned kinds, int64_t before_ns, int64_t to_ns, struct process **process)
{
	struct evidence_question asked = {
		.tuple = question->tuple,
		.netns = question->netns,
		.kinds = kinds,
		.from_ns = question->seen_ns - before_ns,
		.to_ns = to_ns,
	};

	/* The identifier of an echo is no part of its route. */
	if (question->has_icmp_id)
		asked.tuple.source_port = asked.tuple.destination_port = 0;
	if (ask(witness, &asked, process))
		return true;
	witness_drain(witness);
	return ask(witness, &asked, process);
}

void witness_expect(struct witness *witness, const struct tuple *tuple)
{
	evidence_expect(witness->evidence, tuple);
}

bool witness_find(struct witness *witness, const struct attribution_question *question,
                  struct process **process)
{
	int64_t sent_ns = question->seen_ns + AFTER_NS;

	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender &&
		       ask_for(witness, question, EVIDENCE_ROUTED, BEFORE_NS, sent_ns, process);
	if (question->since_ns == 0)
		return false;
	/* Route lookups can be had for any tuple by RTM_GETROUTE; a socket's state cannot. */
	if (!question->responder)
		return ask_for(witness, question, EVIDENCE_OPENED, BEFORE_NS, sent_ns, process);
	return witness_find_last(witness, question, process);
}

bool witness_find_queued(struct witness *witness, const struct attribution_question *question,
                         struct process **process)
{
	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender && ask_for(witness, question, EVIDENCE_ROUTED, QUEUED_NS,
		                                   question->seen_ns + AFTER_NS, process);
	/* A SYN may be sent again, too, and whoever opened the same tuple meanwhile was seen. */
	return question->since_ns != 0 && !question->responder &&
	       ask_for(witness, question, EVIDENCE_OPENED, QUEUED_NS, clock_monotonic_ns(),
	               process);
}

bool witness_find_last(struct witness *witness, const struct attribution_question *question,
                       struct process **process)
{
	int64_t now = clock_monotonic_ns();

	if (question->tuple.protocol != IPPROTO_TCP)
		return false;
	/* Who read from it had it; who closed it last may be the parent of who did. */
	return ask_for(witness, question, EVIDENCE_RECEIVED, BEFORE_NS, now, process) ||
	       ask_for(witness, question, EVIDENCE_CLOSED, BEFORE_NS, now, process);
}

bool witness_find_past(struct witness *witness, const struct attribution_question *question,
                       struct process **process)
{
	int64_t now = clock_monotonic_ns();

	return question->tuple.protocol == IPPROTO_TCP &&
	       ask_for(witness, question, EVIDENCE_OPENED | EVIDENCE_RECEIVED | EVIDENCE_CLOSED,
	               EVIDENCE_KEEP_NS, now, process);
}

struct witness_counters witness_counters(const struct witness *witness)
{
	const struct tracepoints_counters *tracepoints = tracepoints_counters(witness->tracepoints);

	return (struct witness_counters){
		.samples = tracepoints->samples,
		.lost = tracepoints->lost,
		.evicted = evidence_counters(witness->evidence)->evicted +
		           lineage_counters(witness->lineage)->evicted,
	};
}
