/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of trace_owners share; no other file includes it. */
#ifndef SOCKLINE_ATTRIBUTION_TRACE_OWNERS_PRIVATE_H
#define SOCKLINE_ATTRIBUTION_TRACE_OWNERS_PRIVATE_H

#include "attribution/process_history.h"
#include "attribution/socket_history.h"
#include "attribution/trace_flood.h"
#include "attribution/trace_owners.h"
#include "tracepoints/tracepoints.h"

#define EXECUTED_MAX 256 /* others are read when they own something */

struct trace_owners {
	struct trace_owners_options options;
	struct tracepoints *tracepoints;
	struct socket_history *socket_history;
	struct process_history process_history;
	struct trace_flood flood;
	uint64_t switches; /* of struct tracepoints_counters, at the last drain */
	struct {
		struct tuple tuple;
		int64_t seen_ns;
		uint32_t offset;
	} drained_for; /* the packet of TCP that the rings were last drained for */
	bool relist;   /* events were lost: who is who must be read anew */
	/* Processes that ran exec during this drain: read when it is known that they go on. */
	int executed[EXECUTED_MAX];
	int executed_count;
	/* When a process last began, or ceased, to listen on a TCP port; 0: on one that is not known. */
	int64_t listening_ns[1 << 16]; /* untouched pages cost nothing */
	int64_t listening_lost_ns;     /* until then reports of that are missing; 0 = none is */
};

/* The process of a sighting; NULL when it is not surely known. */
struct process *trace_owners_process_of(struct trace_owners *owners,
                                        const struct attribution_question *question,
                                        const struct socket_history_match *match);
typedef enum socket_history_answer
trace_owners_find_function(struct socket_history *history,
                           const struct socket_history_question *question,
                           struct socket_history_match *match);
/* What is asked for, where the namespace of the question has no answer, of all others. */
enum socket_history_answer trace_owners_find_elsewhere(struct trace_owners *owners,
                                                       const struct attribution_question *question,
                                                       trace_owners_find_function *find,
                                                       const struct socket_history_question *asked,
                                                       struct socket_history_match *match);
/* Whether the process that was found in any namespace may use a socket of the question's. */
bool trace_owners_may_use(struct trace_owners *owners, const struct attribution_question *question,
                          const struct socket_history_match *match);
/* After a drain: sends may have gone unreported. */
void trace_owners_note_switches(struct trace_owners *owners);
/* Reads every process into the history, so that their children have a parent. */
void trace_owners_seed(struct trace_owners *owners);
/* Notes what TRACE_EVENT_STATE and _LOST_SOCKETS say of listening sockets; others do no harm. */
void trace_owners_note_listening(struct trace_owners *owners, const struct trace_event *event);
/* FOUND: *match is the sender of the byte at question->offset. INCOMPLETE: its send is not reported yet. */
enum socket_history_answer trace_owners_find_byte(struct trace_owners *owners,
                                                  const struct attribution_question *question,
                                                  struct socket_history_match *match);

#endif
