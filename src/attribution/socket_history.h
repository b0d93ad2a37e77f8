/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process was seen with which tuple, and when: the events of tracepoints.h that name
 * a socket's end, kept for a while. Pure, bounded. It never guesses: what two
 * processes may have done is ambiguous, and what lost events may have changed is
 * incomplete.
 */
#ifndef SOCKLINE_ATTRIBUTION_SOCKET_HISTORY_H
#define SOCKLINE_ATTRIBUTION_SOCKET_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/failed_connects.h"
#include "base/hash.h"
#include "base/inet.h"
#include "processes/process.h"
#include "tracepoints/trace_event.h"

struct socket_history;

/* How the process was seen. */
#define SOCKET_HISTORY_ROUTED   1u /* TRACE_EVENT_ROUTE: it connects or sends, at that moment */
#define SOCKET_HISTORY_OPENED   2u /* it took the TCP socket to SYN_SENT: time of that */
#define SOCKET_HISTORY_RECEIVED 4u /* it read from the TCP socket */
/*
 * It shut down or closed the TCP socket: the last who had it. When a fork after
 * from_ns may have shared the socket, that alone is ambiguous.
 */
#define SOCKET_HISTORY_CLOSED 8u
/* It was the first to send from the TCP socket, or after another process did. */
#define SOCKET_HISTORY_SENT 16u
#define SOCKET_HISTORY_USED                                                                        \
	(SOCKET_HISTORY_ROUTED | SOCKET_HISTORY_OPENED | SOCKET_HISTORY_RECEIVED |                 \
	 SOCKET_HISTORY_SENT)

struct socket_history_question {
	struct tuple tuple;     /* local end -> remote end */
	uint32_t netns;         /* sightings known to be in another one do not count; 0 = any */
	unsigned kinds;         /* which sightings count */
	int64_t from_ns, to_ns; /* monotonic, both included */
	/*
	 * socket_history_find_latest: a process that was seen at this time or later makes the
	 * answer ambiguous, if the latest is another. INT64_MAX: none does.
	 */
	int64_t apart_ns;
	uint32_t ifindex; /* of the packet; 0 = any. See socket_history_find_latest */
	int pid;          /* sightings of others do not count; 0 = of any */
};

struct socket_history_match {
	int pid;
	uint32_t netns; /* 0 = not known */
	unsigned kinds; /* of all sightings that fit */
	int64_t first_ns, last_ns;
	bool several; /* other processes were seen, too */
};

enum socket_history_answer {
	SOCKET_HISTORY_NONE,
	SOCKET_HISTORY_FOUND,     /* all sightings that fit are of one process */
	SOCKET_HISTORY_AMBIGUOUS, /* they are of several */
	SOCKET_HISTORY_INCOMPLETE, /* they are of one, but of from_ns to to_ns not all is known any more */
};

struct socket_history_counters {
	uint64_t added;
	uint64_t merged;   /* into a sighting that was there */
	uint64_t unjoined; /* transitions from SYN_SENT whose beginning was not seen */
	uint64_t expired;
	uint64_t evicted; /* before their time, pending_connects too */
};

/* max: sightings. NULL: no memory. */
struct socket_history *socket_history_new(uint32_t max, const struct hash_key *key);
void socket_history_free(struct socket_history *history);

/* Facts in the order of time, other kinds are ignored. process: of event->pid; NULL = not known. */
void socket_history_add(struct socket_history *history, const struct trace_event *event,
                        const struct process *process);
/* The next call of connect(2) that failed and ended before that time; false: there is none. */
bool socket_history_take_failed(struct socket_history *history, int64_t before_ns,
                                struct failed_connect *connect);
/* A question about this tuple will come, either end first: what is known is fetched meanwhile. */
void socket_history_expect(struct socket_history *history, const struct tuple *tuple);
/*
 * A sighting without local address fits any. *match is filled for FOUND and
 * INCOMPLETE. A pid is a process only together with the time: process_table_at.
 */
enum socket_history_answer socket_history_find(struct socket_history *history,
                                               const struct socket_history_question *question,
                                               struct socket_history_match *match);
/*
 * The process that began to use the tuple last, up to to_ns: a packet of that time is its own.
 * Where some of the sightings are of the packet's interface, the others do not count.
 */
enum socket_history_answer
socket_history_find_latest(struct socket_history *history,
                           const struct socket_history_question *question,
                           struct socket_history_match *match);
/* The first that used it, from from_ns on. */
enum socket_history_answer socket_history_find_first(struct socket_history *history,
                                                     const struct socket_history_question *question,
                                                     struct socket_history_match *match);
/*
 * The process that sent the byte at that offset of the stream tuple.source -> tuple.destination, since
 * from_ns. FOUND; NONE: not known; INCOMPLETE: several sent before it, and it is not reported yet. With
 * netns 0 also of a socket, opened by to_ns, that one process alone was seen to send from.
 */
enum socket_history_answer socket_history_find_sent(struct socket_history *history,
                                                    const struct socket_history_question *question,
                                                    uint32_t offset,
                                                    struct socket_history_match *match);
/* What was reported of sends from a TCP socket. */
struct socket_history_sent {
	uint64_t bytes;
	int pid; /* of the process that sent last, or connected it; 0 = none did */
};
/* The socket is the one that has the tuple since some time from from_ns to to_ns. False: it is not counted. */
bool socket_history_count_sent(struct socket_history *history,
                               const struct socket_history_question *question,
                               struct socket_history_sent *sent);
/* Some sends from now on, or up to now, are not reported: what was counted of sockets does not go on. */
void socket_history_uncount(struct socket_history *history);
/*
 * How often a tuple was seen with another process than before, and when that was last: as long
 * as there is no such change, owners that are known stand.
 */
uint32_t socket_history_changes(struct socket_history *history);
int64_t socket_history_changed_ns(const struct socket_history *history);
void socket_history_expire(struct socket_history *history, int64_t now_ns);

const struct socket_history_counters *socket_history_counters(struct socket_history *history);
uint32_t socket_history_count(struct socket_history *history);

#endif
