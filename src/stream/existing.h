/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of TCP and of connected UDP sockets that were there when the capture of their
 * namespace began: each until its first packet is read, or its socket is destroyed. Pure, bounded:
 * what finds no room is not known to have existed.
 */
#ifndef SOCKLINE_STREAM_EXISTING_H
#define SOCKLINE_STREAM_EXISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "connections/connection_extra.h"
#include "connections/connection_table.h"
#include "sockets/socket.h"

struct existing;

struct existing_connection {
	struct tuple tuple; /* source = initiator, if that is known */
	uint32_t netns;
	bool oriented;               /* which end is the initiator is known */
	bool opening;                /* a SYN was sent, and had no answer yet */
	bool announced;              /* a record has its id */
	int64_t listed_ns;           /* since the epoch: when the listing began */
	int64_t ended_ns;            /* monotonic: a socket of it was destroyed; 0 = not */
	struct connection_past past; /* totals: of the source's socket where that was listed */
};

struct existing *existing_new(uint32_t max); /* NULL: no memory */
void existing_free(struct existing *existing);

/* Does a connection go with such a socket, until the kernel reports its end? */
bool existing_is_wanted(const struct socket *socket);
/* key: of its tuple, local end first. The second socket of one connection is added to the first. */
void existing_add(struct existing *existing, const struct connection_key *key,
                  const struct socket *socket, int64_t listed_ns);
/* From either end; NULL: none. Valid until something is added or removed. */
struct existing_connection *existing_find(const struct existing *existing,
                                          const struct connection_key *key);
void existing_remove(struct existing *existing, const struct connection_key *key);

/*
 * What a first packet with its ends is part of. A SYN of before the listing began is that of the
 * socket that was listed, which is no older than the capture; a later one begins another connection,
 * but where it is one that had no answer and is sent again. A datagram of before the listing may be
 * the first one; one that was captured at seen_ns (monotonic), after the end of the socket was
 * reported, is another socket's.
 */
enum existing_fit {
	EXISTING_ANOTHER, /* it has ended, unseen */
	EXISTING_BEGUN,   /* of it, and it began after the capture did */
	EXISTING_BEFORE,  /* of it, and it existed */
};
enum existing_fit existing_fit_of(const struct existing_connection *existing,
                                  const struct packet *packet, int64_t seen_ns);

/* A socket of it was destroyed; packets of before that may still come. now_ns: monotonic. */
void existing_end(struct existing *existing, const struct connection_key *key, int64_t now_ns);
/* Removes the first that ended before that time; false: there is none. */
bool existing_take_ended(struct existing *existing, int64_t before_ns,
                         struct existing_connection *connection);
/* After reports were lost: TCP's are listed again, and then those that were not have ended. */
void existing_listed(struct existing *existing, const struct connection_key *key);
void existing_unlisted(struct existing *existing, uint32_t netns, int64_t now_ns);
/* The namespace is gone. */
void existing_forget(struct existing *existing, uint32_t netns);

/* The socket of that end was listed. */
static inline bool existing_has(const struct existing_connection *existing, enum connection_end end)
{
	return existing->past.sockets[end].inode != 0 || existing->past.sockets[end].cookie != 0;
}

uint32_t existing_count(const struct existing *existing); /* of those that can be found */

#endif
