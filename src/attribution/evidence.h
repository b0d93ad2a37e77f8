/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was seen with which tuple, and when: the events of tracepoints.h that name
 * a socket's end, kept for a while. Pure, bounded. It never guesses: what two
 * processes may have done is ambiguous, and what lost events may have changed is
 * incomplete.
 */
#ifndef SOCKLINE_ATTRIBUTION_EVIDENCE_H
#define SOCKLINE_ATTRIBUTION_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/lineage.h"
#include "base/hash.h"
#include "base/inet.h"
#include "tracepoints/trace_event.h"

struct evidence;

#define EVIDENCE_KEEP_NS (INT64_C(30) * 1000000000)
/* The same process seen again with the same tuple within this time is one sighting that lasts. */
#define EVIDENCE_MERGE_NS (INT64_C(100) * 1000000)

/* How the process was seen. */
#define EVIDENCE_ROUTED   1u /* TRACE_EVENT_ROUTE: it connects or sends, at that moment */
#define EVIDENCE_OPENED   2u /* it took the TCP socket to SYN_SENT: time of that */
#define EVIDENCE_RECEIVED 4u /* it read from the TCP socket */
/*
 * It shut down or closed the TCP socket: the last who had it. When a fork after
 * from_ns may have shared the socket, that alone is ambiguous.
 */
#define EVIDENCE_CLOSED 8u
#define EVIDENCE_USED   (EVIDENCE_ROUTED | EVIDENCE_OPENED | EVIDENCE_RECEIVED)

struct evidence_question {
	struct tuple tuple;     /* local end -> remote end */
	uint32_t netns;         /* sightings known to be in another one do not count; 0 = any */
	unsigned kinds;         /* which sightings count */
	int64_t from_ns, to_ns; /* monotonic, both included */
};

struct evidence_match {
	int pid;
	uint32_t netns; /* 0 = not known */
	unsigned kinds; /* of all sightings that fit */
	int64_t first_ns, last_ns;
};

enum evidence_answer {
	EVIDENCE_NONE,
	EVIDENCE_FOUND,      /* all sightings that fit are of one process */
	EVIDENCE_AMBIGUOUS,  /* they are of several */
	EVIDENCE_INCOMPLETE, /* they are of one, but of from_ns to to_ns not all is known any more */
};

struct evidence_counters {
	uint64_t added;
	uint64_t merged;   /* into a sighting that was there */
	uint64_t unjoined; /* transitions from SYN_SENT whose beginning was not seen */
	uint64_t expired;
	uint64_t evicted; /* before their time, openings too */
};

/* max: sightings. NULL: no memory. */
struct evidence *evidence_new(uint32_t max, const struct hash_key *key);
void evidence_free(struct evidence *evidence);

/* Facts in the order of time, other kinds are ignored. process: of event->pid; NULL = not known. */
void evidence_add(struct evidence *evidence, const struct trace_event *event,
                  const struct lineage_process *process);
/* Of this tuple, either end first, will be asked: what is known of it is fetched meanwhile. */
void evidence_expect(struct evidence *evidence, const struct tuple *tuple);
/*
 * A sighting without local address fits any. *match is filled for FOUND and
 * INCOMPLETE. A pid is a process only together with the time: lineage_find.
 */
enum evidence_answer evidence_find(struct evidence *evidence,
                                   const struct evidence_question *question,
                                   struct evidence_match *match);
void evidence_expire(struct evidence *evidence, int64_t now_ns);

const struct evidence_counters *evidence_counters(struct evidence *evidence);
uint32_t evidence_count(struct evidence *evidence);

#endif
