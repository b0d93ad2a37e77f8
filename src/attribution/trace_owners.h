/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's tracepoints saw processes do with sockets, asked by tuple
 * and time: who opened, sent from, or last closed this end. No system call on
 * a packet's path; the answer stands also when socket and process are long gone.
 */
#ifndef SOCKLINE_ATTRIBUTION_TRACE_OWNERS_H
#define SOCKLINE_ATTRIBUTION_TRACE_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/failed_connects.h"
#include "attribution/process_changes.h"
#include "attribution/question.h"
#include "attribution/trace_flood.h"
#include "base/error.h"
#include "base/hash.h"
#include "processes/process_table.h"
#include "tracepoints/trace_event.h"

struct helper;
struct trace_owners;

/* Whether a namespace has an address; UNKNOWN: it is not captured, or not yet. */
enum trace_owners_address {
	TRACE_OWNERS_ADDRESS_UNKNOWN,
	TRACE_OWNERS_ADDRESS_ABSENT,
	TRACE_OWNERS_ADDRESS_PRESENT,
};

struct trace_owners_options {
	struct hash_key key;
	struct process_table *processes; /* borrowed */
	struct process_changes *changes; /* what the connector reports; borrowed; NULL = nothing */
	bool namespaces;       /* there are several network namespaces: follow each process's */
	struct helper *helper; /* see tracepoints.h; borrowed */
	/*
	 * What became of processes, for those who keep track: TRACE_EVENT_FORK, _NAME after exec,
	 * _SETTLED, _EXIT; and _LOST_PROCESSES. process: NULL where it is not surely known.
	 */
	void (*lived)(void *context, const struct trace_event *event, struct process *process);
	void (*listens)(void *context, int pid); /* it has a new listening socket; NULL = no call */
	/* At that time, monotonic; NULL = UNKNOWN. */
	enum trace_owners_address (*address)(void *context, uint32_t netns,
	                                     const struct inet_address *address, int64_t at_ns);
	void *context;
};

struct trace_owners_counters {
	uint64_t samples, lost; /* struct tracepoints_counters */
	uint64_t evicted;       /* what was seen, forgotten before its time */
};

/* As tracepoints_open. Reads every process of /proc once. */
int trace_owners_open(struct trace_owners **result, const struct trace_owners_options *options,
                      struct error *error);
void trace_owners_close(struct trace_owners *owners);
/* A second network namespace appeared: from now on each process's is followed. 0 or -errno. */
int trace_owners_follow_namespaces(struct trace_owners *owners, struct error *error);
int trace_owners_fd(
	const struct trace_owners
		*owners); /* it changes with trace_owners_follow_namespaces; readable: drain soon */

/* Takes in what happened up to now; no system call in the usual case. */
void trace_owners_drain(struct trace_owners *owners);
/* The same, once for a packet of TCP, whatever is asked about it. */
void trace_owners_drain_for(struct trace_owners *owners,
                            const struct attribution_question *question);
/* Half of a ring was written since it was last drained. */
bool trace_owners_is_urgent(const struct trace_owners *owners);
void trace_owners_expire(struct trace_owners *owners); /* once a second */

/* A question about this tuple, either end first, comes in a moment. */
void trace_owners_expect(struct trace_owners *owners, const struct tuple *tuple);
/*
 * The process that used the local end question->tuple.source. False: nobody was seen, or not
 * surely one. *process is borrowed until the process table is next called.
 */
bool trace_owners_find(struct trace_owners *owners, const struct attribution_question *question,
                       struct process **process);
/*
 * The process that sent a datagram, or opened the TCP socket of a SYN, that a shaper or address
 * resolution may have held back for a while. For when no socket is left: the one
 * that is could send it without being seen.
 */
bool trace_owners_find_queued(struct trace_owners *owners,
                              const struct attribution_question *question,
                              struct process **process);
/*
 * For an end that received a datagram, and whose socket is gone: the only process that was seen
 * to send from it to the other end, before or after.
 */
bool trace_owners_find_receiver(struct trace_owners *owners,
                                const struct attribution_question *question,
                                struct process **process);
/*
 * How often an end was seen with another process than before. As long as that does not change,
 * owners that are known stand.
 */
uint32_t trace_owners_changes(const struct trace_owners *owners);
bool trace_owners_changed_since(const struct trace_owners *owners, int64_t since_ns);
/* Were several processes seen to use the end since the connection began? */
bool trace_owners_is_contested(struct trace_owners *owners,
                               const struct attribution_question *question);
/*
 * The one of several that use the end which sent the packet of seen_ns (TCP data, a datagram),
 * or, for other packets of TCP, that used it last before.
 */
enum trace_owners_user { TRACE_OWNERS_NONE, TRACE_OWNERS_ONE, TRACE_OWNERS_AMBIGUOUS };
enum trace_owners_user trace_owners_find_user(struct trace_owners *owners,
                                              const struct attribution_question *question,
                                              struct process **process);
/*
 * Was it seen at the very packet of seen_ns that the process sends from this end of UDP? Where it
 * was seen before and after, that packet may be another one's.
 */
bool trace_owners_sends_at(struct trace_owners *owners, const struct attribution_question *question,
                           int pid);
/* The same since from_ns, where it alone may have sent since then. */
bool trace_owners_sends_since(struct trace_owners *owners,
                              const struct attribution_question *question, int pid,
                              int64_t from_ns);
/*
 * Was any process seen to send from this end's TCP socket since then? A send is reported when it
 * is done: its packets may be read sooner.
 */
bool trace_owners_sent_since(struct trace_owners *owners,
                             const struct attribution_question *question, int64_t since_ns);
/* Are sends from TCP sockets reported at all? Since Linux 6.3. */
bool trace_owners_reports_sends(const struct trace_owners *owners);
/*
 * The process that sent the byte of question->offset, which may have left the socket long after.
 * NONE: it is not known, or not reported yet.
 */
enum trace_owners_user trace_owners_find_sent(struct trace_owners *owners,
                                              const struct attribution_question *question,
                                              struct process **process);
/* Is that this process? The report of the send may be of after the packet. */
bool trace_owners_sent_by(struct trace_owners *owners, const struct attribution_question *question,
                          const struct process *process);
/* The same byte: the senders of others before it are known, and the send that it is of is not reported yet. */
bool trace_owners_send_goes_on(struct trace_owners *owners,
                               const struct attribution_question *question);
/* What was reported of sends from the socket of the packet, by now. False: it is not counted. */
struct socket_history_sent;
bool trace_owners_count_sent(struct trace_owners *owners,
                             const struct attribution_question *question,
                             struct socket_history_sent *sent);
/*
 * When the end of UDP was seen first up to the packet, and with which process: *pid, if that is
 * not 0. Returns 0: that is not known.
 */
int64_t trace_owners_first_route(struct trace_owners *owners,
                                 const struct attribution_question *question, int *pid);
/* The process that was seen to read from this end's TCP socket, shut it down or close it. */
bool trace_owners_find_last(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process);

/*
 * The process that was seen to use or close this end's TCP socket since then. AMBIGUOUS: several,
 * or it may have shared the socket, or not all of that time is known.
 */
enum trace_owners_user trace_owners_find_since(struct trace_owners *owners,
                                               const struct attribution_question *question,
                                               int64_t since_ns, struct process **process);

/* The only process seen with this end's TCP socket, however long ago: it may be gone. */
bool trace_owners_find_past(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process);

/*
 * The process that sent a packet from a raw socket, raw(7), to that address at that time: a route
 * is looked up for each. For when no socket has the ports that the packet has.
 */
bool trace_owners_find_raw(struct trace_owners *owners, const struct attribution_question *question,
                           struct process **process);

/*
 * Did a process begin, or cease, to listen on the TCP port after that time, in any namespace? LOST:
 * none was seen to, but reports are missing.
 */
enum trace_owners_listening {
	TRACE_OWNERS_LISTENING_SAME,
	TRACE_OWNERS_LISTENING_LOST,
	TRACE_OWNERS_LISTENING_CHANGED
};
enum trace_owners_listening trace_owners_listening(struct trace_owners *owners, uint16_t port,
                                                   int64_t after_ns);

/*
 * The next call of connect(2) that failed and ended before that time; false: there is none. The
 * process is NULL when it is not known any more. Where several namespaces are followed, the one it
 * was in is known.
 */
bool trace_owners_take_failed(struct trace_owners *owners, int64_t before_ns,
                              struct failed_connect *connect, struct process **process);

/* Where events come from that filled the rings since the last such call. */
struct trace_flood_source trace_owners_take_flood(struct trace_owners *owners);

struct trace_owners_counters trace_owners_counters(const struct trace_owners *owners);

#endif
