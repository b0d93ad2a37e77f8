/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of socket_history share; no other file includes it. */
#ifndef SOCKLINE_ATTRIBUTION_SOCKET_HISTORY_PRIVATE_H
#define SOCKLINE_ATTRIBUTION_SOCKET_HISTORY_PRIVATE_H

#include "attribution/failed_connects.h"
#include "attribution/pending_connects.h"
#include "attribution/sent_bytes.h"
#include "attribution/socket_history.h"
#include "attribution/traced_sockets.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/table.h"

/*
 * Where a sighting belongs in the index is far away in memory: while it comes,
 * this many that follow are decoded.
 */
#define COMING 16

/* Tuples that are not hashed again; a power of two. */
#define HASHED 16

struct sighting {
	uint64_t hash;              /* of what hash_of says: 64 bits stand for that */
	struct inet_address source; /* may be unspecified */
	int64_t first_ns, last_ns;
	union {
		/* CLOSED: of struct process; INT64_MAX: not known. SENT: until it is entered */
		int64_t sole_holder_since_ns;
		int64_t ifindex; /* SOCKET_HISTORY_ROUTED: of the device; 0 = any */
	};
	int pid;
	uint32_t netns;
	uint32_t queued_ms; /* when it came to the head of the ring; wraps */
	uint8_t kinds;
	bool reversed; /* hash_of turned it round */
	uint16_t life; /* with pid: which of the processes that had it in turn */
};
_Static_assert(sizeof(struct sighting) == PAGES_LINE, "a sighting is a cache line");

/* What an event says, beside or in place of a sighting, about the socket at an address. */
enum coming_about {
	COMING_SEEN,     /* nothing */
	COMING_OPENED,   /* the process has connected it */
	COMING_ACCEPTED, /* it has these ends; no sighting */
	COMING_RECEIVED, /* the process has read from it */
	COMING_SENT,     /* the process has sent: a sighting of the ends that are known of it */
};

struct coming {
	struct sighting sighting;
	uint64_t socket;
	uint32_t bytes; /* COMING_SENT */
	enum coming_about about;
};

/*
 * A ring in the order of queued_ms; the tail is the oldest. It is as long as what has not expired
 * ever was: at full length all of its pages would be touched in the course of hours, however
 * little happens.
 */
struct socket_history {
	struct hash_key key;
	struct table *index;
	struct pending_connects *pending_connects;
	struct failed_connects *failed_connects;
	struct traced_sockets *traced_sockets;
	struct sent_bytes *sent_bytes;
	uint32_t counted; /* grows when sends may have gone unreported; never 0 */
	struct sighting *sightings;
	uint32_t max, length, tail, count;
	struct coming coming[COMING]; /* a ring, too, of those that are not entered yet */
	uint32_t coming_tail, coming_count;
	/* By their ports. All events of a short connection come at once, and its questions. */
	struct hashed {
		struct tuple tuple;
		uint64_t hash;
		bool reversed;
	} hashed[HASHED];
	int64_t lost_from_ns, lost_to_ns; /* events are missing in between; 0 = none */
	int64_t evicted_ns;               /* of the latest sighting that made room */
	int64_t changed_ns;               /* of the latest sighting of another process */
	uint32_t changes;
	struct socket_history_counters counters;
};

static inline uint32_t sighting_ms(int64_t ns)
{
	return (uint32_t)(ns / NS_PER_MS);
}

static inline bool sighting_is_same_process(const struct sighting *a, const struct sighting *b)
{
	return a->pid == b->pid && (a->life == b->life || a->life == 0 || b->life == 0);
}

/*
 * Both ends of a TCP connection on this host hash alike, so that they lie together. The local
 * address of others is no part: a socket may have had none yet.
 */
uint64_t socket_history_hash(struct socket_history *history, const struct tuple *tuple,
                             bool *reversed);
/*
 * What an event says, at its time; it is entered when what it belongs to has come from memory.
 * With a socket: that is what it is about; otherwise 0.
 */
void socket_history_take_in(struct socket_history *history, enum coming_about about,
                            uint64_t socket, uint32_t bytes, const struct sighting *sighting,
                            int64_t time_ns);
/* What was added up to now is found. */
void socket_history_enter_all(struct socket_history *history);

#endif
