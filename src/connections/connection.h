/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: both directions of a 5-tuple in one network namespace, as the packets told it. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_H
#define SOCKLINE_CONNECTIONS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/owner.h"
#include "base/inet.h"
#include "base/wheel.h"
#include "sockets/socket.h"

enum connection_end { CONNECTION_SOURCE, CONNECTION_DESTINATION }; /* initiator, responder */

enum connection_reason {
	CONNECTION_REASON_NONE,
	CONNECTION_FIN,
	CONNECTION_RESET,
	CONNECTION_REFUSED,
	CONNECTION_TIMEOUT,
	CONNECTION_IDLE,
	CONNECTION_EVICTED,
	CONNECTION_SHUTDOWN,
	CONNECTION_SOCKET_CLOSED,
};

enum connection_outcome { CONNECTION_UNKNOWN, CONNECTION_SUCCESS, CONNECTION_FAILURE };

/* Host view: did this host initiate it? */
enum connection_direction {
	CONNECTION_DIRECTION_UNKNOWN,
	CONNECTION_INGRESS,
	CONNECTION_EGRESS,
};

/* Bits of connection.evidence: where we know it from. */
#define CONNECTION_FROM_PACKETS     1u
#define CONNECTION_FROM_SOCK_DIAG   2u
#define CONNECTION_FROM_PROC_NET    4u
#define CONNECTION_FROM_TRACEPOINTS 8u

struct connection_count {
	uint64_t packets;
	uint64_t bytes; /* IP layer, as the headers say */
};

/* What tcp_state.h knows; all zero at the start. */
struct tcp_state {
	uint32_t fin_end[2]; /* the acknowledgement number that confirms the FIN of [end] */
	uint8_t seen[2];     /* flags seen from [end], or-ed */
	bool fin_confirmed[2];
	bool established; /* set at once for a connection met in its middle */
	bool reset;
	enum connection_end reset_by;
};

struct connection {
	struct tuple tuple; /* source = initiator */
	uint32_t netns;
	uint32_t ifindex; /* where it was first seen */
	uint64_t id;      /* sockline.connection.id */
	int64_t start_ns; /* packet time, since the epoch */
	int64_t last_ns;  /* latest packet; never before start_ns */

	enum socket_state state; /* TCP, of the more advanced end; NONE for other protocols */
	enum connection_direction direction;
	enum connection_outcome outcome;
	enum connection_reason reason;
	unsigned evidence;

	struct connection_count
		counts[2]; /* by sender: [CONNECTION_SOURCE], [CONNECTION_DESTINATION] */
	struct connection_count reported[2]; /* the same at the last connection_updated */
	int64_t reported_ns;

	/*
	 * [end]: an end that is not of this host has method UNKNOWN and local false.
	 * Which end has an owner: on loopback both, else one.
	 */
	bool local[2];
	struct owner owners[2];
	int64_t asked_ns;    /* monotonic: when owners were first asked for; 0 = never */
	int64_t seen_ns;     /* monotonic: of the first packet */
	uint32_t port_ends;  /* of a local UDP port: those that are known not to concern this one */
	bool midway;         /* it began before it was seen */
	uint16_t icmp_id;    /* ICMP echo: the identifier; the tuple's ports carry it too */
	bool confirmed;      /* the responder's owner was the same a while later */
	bool attributable;   /* an end is still worth asking for, see stream/binder.h */
	uint8_t refinements; /* times a listener's owner was looked at again */
	bool gone;           /* the responder's socket had spoken, and was not there any more */

	bool has_tcp_info; /* the kernel's own numbers, of the local (source on loopback) socket */
	struct socket_tcp_info tcp_info;

	bool has_community_id;
	char community_id[32]; /* NUL-terminated, made once */

	struct fragment
		*fragment; /* encoded JSON, made once by the encoder; see events/fragment.h */

	/* Private to connection_table. */
	struct {
		uint64_t hash;
		uint64_t order;  /* of opening */
		uint32_t number; /* of this entry */
		uint32_t next_free;
		struct wheel_link timer;
		int64_t active_ns, update_ns; /* in the table's time */
		struct tcp_state tcp;
		bool in_use, closed;
	} internal;
};

#endif
