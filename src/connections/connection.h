/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: both directions of a 5-tuple in one network namespace, by its packets. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_H
#define SOCKLINE_CONNECTIONS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/owner.h"
#include "base/inet.h"
#include "base/wheel.h"
#include "inspect/names.h"
#include "sockets/socket.h"

struct connection_tunnel;

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
	CONNECTION_UNREACHABLE,
	CONNECTION_BLOCKED, /* by this host: a firewall, or a route that forbids it */
	CONNECTION_REUSED,  /* its tuple began another one, and its end was not captured */
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

/*
 * What keeps connections of one tuple apart: VLAN ids, 0 = none, the outer one in the low 12
 * bits, and whether the packets are IPv6 although an address is IPv4-mapped (RFC 4942 2.2).
 * With the bit of a tunnel all others but that one are a hash of the tunnel and of the VLANs.
 */
#define CONNECTION_LANE_MAPPED      (1u << 24)
#define CONNECTION_LANE_TUNNEL      (1u << 25)
#define CONNECTION_LANE_VLAN(lane)  ((lane)&0xfffu)
#define CONNECTION_LANE_INNER(lane) ((lane) >> 12 & 0xfffu)
#define CONNECTION_LANES_MAX        2 /* two tags, one, none: three forms of a packet */

struct connection_count {
	uint64_t packets;
	uint64_t bytes; /* IP layer, as the headers say */
};

/* Connections of a table since its start. */
struct connection_counters {
	uint64_t opened, closed, evicted;
};

/* What tcp_state.h knows; all zero at the start. */
struct tcp_state {
	uint32_t fin_end[2]; /* the acknowledgement number that confirms the FIN of [end] */
	uint8_t seen[2];     /* flags seen from [end], or-ed */
	bool fin_confirmed[2];
	bool established; /* set at once for a connection met in its middle */
	bool reset;
	uint8_t reset_by : 1; /* enum connection_end */
	uint8_t ending : 1;   /* a FIN or a RST was seen, */
	uint8_t ended_by : 1; /* ... the first one from this end */
};

/* What tcp_quality.h knows of the segments; all zero at the start. By end, as the sender. */
struct tcp_flow {
	uint32_t next[2];       /* the sequence number behind the highest that it has sent */
	uint32_t acked[2];      /* the highest that it has confirmed */
	uint16_t window[2];     /* the last that it offered, unscaled */
	uint32_t handshake_us;  /* from the SYN to the ACK that completes it; 0 = not seen whole */
	uint8_t letters[2];     /* TCP_SEEN_* */
	uint8_t holes : 2;      /* 1 << end: something was not captured, or not yet */
	uint8_t unmeasured : 1; /* a segment could not be read whole: no figure is right */
	uint8_t syn_data : 1;   /* the source's SYN has data (RFC 7413) */
	uint8_t length;         /* of: */
	char history[12];       /* its first letters; those after them are in connection_extra.h */
};

struct connection_extra;

/*
 * By how often it is used: the first cache line of 64 bytes is what finds a connection and
 * says what it is waiting for, the second what each packet counts, the third what a segment of
 * TCP is compared with; a packet's record names the next three lines as well. From start_ns on
 * comes what is for a connection's beginning and end.
 * The members of a struct in it are one module's: others read them at most.
 */
struct connection {
	struct tuple tuple; /* source = initiator */
	uint32_t netns;
	uint32_t lane; /* CONNECTION_LANE_*, of its first packet */

	/* How far the owners of its ends are found: written by src/stream alone, see binder.h. */
	struct {
		/* Sockets of local UDP ports that are known not to concern this one. */
		uint16_t destroyed;
		/* binder_version(), when its owners were looked at last. */
		uint16_t changes : 15;
		uint16_t contested : 1; /* several processes were seen to use an end */
		bool attributable : 1;  /* an end is still worth asking for */
		bool confirmed : 1;     /* the responder's owner was the same a while later */
		bool proxied : 1; /* a local end has another's address: a transparent proxy's */
		uint8_t refinements : 3; /* times a listener's owner was looked at again */
		uint8_t orphaned : 2; /* 1 << end: its owner has exited, no other has the socket */
		uint8_t moves : 6; /* times that an owner became another, up to what is reported */
		bool outlived : 1; /* packets come for an end whose UDP socket is gone */
		bool handed : 1; /* an owner has a socket that was another's: see owner.since_ms */
	} binding;
	/* Where it stands between its opening and its place in the table being free again. */
	struct {
		bool in_use : 1;
		bool closed : 1;
		bool held : 1; /* closed by its packets; reported when late ones have come, too */
		bool late : 1; /* packets have come since its end was reported */
		bool over : 1; /* what is there now may be of the next one: see binder_held */
		uint8_t lane_count : 2; /* of lanes, below */
	} life;
	bool midway : 1;             /* it began before it was seen */
	bool gone : 1;               /* the responder's socket was there, and is not any more */
	bool dead : 1;               /* so is a local end's; no packet need show it */
	uint8_t listed : 2;          /* 1 << end: its socket is in the listing that is under way */
	bool fanned_out : 1;         /* it began with a packet to several: multicast or broadcast */
	bool routeless : 1;          /* there was no route: connect(2) chose no end of this host */
	bool translated : 1;         /* NAT: see connection_table_set_socket */
	uint8_t evidence;            /* CONNECTION_FROM_*, or-ed */
	enum socket_state state : 8; /* TCP, of the more advanced end; NONE for other protocols */
	enum connection_reason reason : 8;
	/* What an ICMP error said of it while it had no answer: REFUSED, UNREACHABLE, or none. */
	enum connection_reason error : 8;
	enum connection_direction direction : 4;
	enum connection_outcome outcome : 4;
	enum names_protocol protocol : 8; /* of the application, once it is certain */
	/* [end]: of this host. On loopback both are, otherwise one. */
	bool local[2];

	/* By sender: [CONNECTION_SOURCE], [CONNECTION_DESTINATION]. */
	struct connection_count counts[2] __attribute__((aligned(64)));
	int64_t last_ns;   /* latest packet; never before start_ns */
	int64_t active_ns; /* the same in the table's time; private to connection_table */
	struct tcp_state tcp;

	uint64_t id __attribute__((aligned(64))); /* sockline.connection.id */
	uint32_t ifindex;                         /* where it was first seen */
	uint16_t icmp_id; /* ICMP echo: the identifier; the tuple's ports carry it too */
	bool has_icmp_id; /* 0 is one */
	uint8_t carries;  /* enum packet_tunnel: its packets carry others */
	/* The encoder's: JSON of what is the same in all its records, see base/snippet.h. */
	struct snippet *snippet;
	struct tcp_flow flow; /* TCP, and the history of UDP */

	/* Private to connection_table; times are its own. */
	struct {
		uint32_t number; /* of this entry */
		uint32_t held_previous;
		uint32_t tag;   /* the upper half of its hash, all that the index has of it */
		uint32_t order; /* of opening; wraps */
		int64_t update_ns;
		uint32_t next_free; /* or the next that is held */
		struct wheel_link timer;
	} internal __attribute__((aligned(64)));

	/* [end]: an end that is not of this host has method UNKNOWN. */
	struct owner owners[2];

	/* Not for each packet. */
	int64_t start_ns;                     /* packet time, since the epoch */
	uint32_t lanes[CONNECTION_LANES_MAX]; /* of copies of its packets on other interfaces */
	int64_t asked_ns; /* monotonic: when owners were first asked for; 0 = never */
	int64_t seen_ns;  /* monotonic: of the first packet */
	int64_t reported_ns;
	uint32_t first[2]; /* TCP: the sequence number behind its SYN, see TCP_SEEN_SYN */

	struct connection_tunnel *tunnel; /* that its packets are in; NULL = none is known */
	struct names *names; /* what it is about, see inspect/names.h; NULL = nothing is known */
	struct connection_extra *extra; /* NULL = nothing of it was needed */
	char community_id[32];          /* NUL-terminated, from the beginning on */
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct connection, counts) == 64, "one cache line to find it");
_Static_assert(offsetof(struct connection, id) == 2 * 64, "and one to count in");
_Static_assert(offsetof(struct connection, internal) == 3 * 64, "and one for the state of TCP");
/* An even number of lines would leave the hot ones of all entries in few of a cache's sets. */
_Static_assert(sizeof(struct connection) / 64 % 2 == 1, "an odd number of cache lines");

/* As that end sees it: its own address and port are the source. */
static inline struct tuple connection_tuple_of(const struct connection *connection,
                                               enum connection_end end)
{
	return end == CONNECTION_SOURCE ? connection->tuple : tuple_reverse(&connection->tuple);
}

/* IPv4 on the wire, too. */
static inline bool connection_is_v4(const struct connection *connection)
{
	return !(connection->lane & CONNECTION_LANE_MAPPED) && tuple_is_v4(&connection->tuple);
}

/* Fetches the cache lines that a packet is counted in. */
static inline void connection_prefetch_counts(const struct connection *connection)
{
	__builtin_prefetch(connection->counts, 1);
	__builtin_prefetch(&connection->id, 1);
}

/* Those that naming needs for a packet in which something was found. */
static inline void connection_prefetch_names(const struct connection *connection)
{
	__builtin_prefetch(&connection->internal);
	__builtin_prefetch(&connection->names, 1);
}

#endif
