/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets by the kernel's address of them, since they were connected: the ends, which a
 * send does not report, the process that sent last, and how much was sent. Pure, bounded: where
 * all places are taken, one that was not found lately makes room.
 */
#ifndef SOCKLINE_ATTRIBUTION_TRACED_SOCKETS_H
#define SOCKLINE_ATTRIBUTION_TRACED_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"

struct traced_sockets;

struct traced_socket {
	uint64_t socket; /* never 0 */
	uint64_t hash;   /* of its tuple, as struct socket_history has it */
	struct inet_address source;
	int64_t opened_ns; /* it has these ends since then */
	int64_t used_ns;
	uint64_t bytes;   /* that were sent from it, as far as it is counted */
	int pid;          /* of the process that connected it, or sent last; 0 = none did */
	uint32_t stream;  /* number in struct sent_bytes; 0 = it has none */
	uint32_t counted; /* as socket_history.counted: its bytes are known; 0 = not all are */
	bool reversed;
	bool found; /* private: since the hand passed */
};

struct traced_sockets *traced_sockets_new(const struct hash_key *key); /* NULL: no memory */
void traced_sockets_free(struct traced_sockets *sockets);

/* The latest of an address counts. */
void traced_sockets_put(struct traced_sockets *sockets, const struct traced_socket *socket);
/* NULL = not known. Valid until the next put; pid and used_ns may be changed. */
struct traced_socket *traced_sockets_find(struct traced_sockets *sockets, uint64_t socket);
/* Ends, as struct traced_socket has them, that a socket has since some time from from_ns to to_ns. */
struct traced_socket_ends {
	uint64_t hash;
	struct inet_address source;
	int64_t from_ns, to_ns;
	bool reversed;
};
/* The one that has these. NULL: none has, or several have. */
const struct traced_socket *traced_sockets_with_ends(const struct traced_sockets *sockets,
                                                     const struct traced_socket_ends *ends);
/* A put or find will follow. */
void traced_sockets_prefetch(const struct traced_sockets *sockets, uint64_t socket);
/* After lost events: an address may belong to another socket by now. */
void traced_sockets_clear(struct traced_sockets *sockets);

#endif
