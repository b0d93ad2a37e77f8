/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What only some connections need, apart from struct connection, which is as small as can be. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_EXTRA_H
#define SOCKLINE_CONNECTIONS_CONNECTION_EXTRA_H

#include "connections/connection.h"
#include "sockets/socket.h"

/* How one end's TCP went, by the packets. */
struct tcp_figures {
	uint32_t retransmissions; /* segments that it sent again */
	uint32_t out_of_order;    /* that others overtook */
	uint32_t duplicate_acks;  /* RFC 5681 section 2 */
	uint32_t zero_windows;    /* segments in which it offered none */
};

#define TCP_HOLES_MAX 4

/* Sequence numbers of an end that were passed over. */
struct tcp_hole {
	uint32_t start, end;
	int64_t since_ns; /* packet time */
};

/* What tcp_quality.h keeps of connections in which something was lost, sent again or overtaken. */
struct tcp_trouble {
	struct tcp_figures figures[2];
	uint32_t repeated[2]; /* of the retransmissions, those with payload */
	uint32_t gaps[2];     /* holes of an end that the other has confirmed */
	struct tcp_hole holes[2][TCP_HOLES_MAX];
	uint8_t hole_count[2];
	uint8_t length;   /* of: */
	char history[20]; /* what goes on where flow.history ends */
};

/* ICMP errors that quoted packets of it: type and code of the latest that counts. */
struct icmp_errors {
	uint32_t count;
	uint8_t type, code;
};

/* The socket of an end, where NAT makes another tuple of its own: see connection_table_set_socket. */
struct connection_socket {
	struct tuple tuple; /* this end as source */
	uint32_t netns;     /* 0 = none is known */
	uint64_t hash;
};

/* What was listed of a connection that existed when the capture began. */
struct connection_past {
	struct {
		uint64_t inode, cookie; /* of the socket of [end]; both 0: it was not listed */
	} sockets[2];
	bool has_totals;
	/* Then, of the local (source on loopback) socket: */
	struct socket_totals totals;
	char congestion_control[SOCKET_CONGESTION_SIZE];
};

struct connection_extra {
	struct connection_count reported[2]; /* counts at the last report that had them */
	struct icmp_errors icmp_errors;
	struct tcp_trouble *trouble; /* NULL: there was none */
	/* The kernel's own numbers of the local (source on loopback) socket; NULL: not reported. */
	struct socket_tcp_info *tcp_info;
	struct connection_socket *sockets; /* [end]; NULL: NAT makes no other of either tuple */
	struct connection_past *past;      /* NULL: it did not exist, as far as is known */
	/* The local (source on loopback) socket has it, when the kernel was asked last; "": never. */
	char congestion_control[SOCKET_CONGESTION_SIZE];
};

/* All zero at first; the connection owns it. NULL when memory is short. */
struct connection_extra *connection_extra(struct connection *connection);
struct tcp_trouble *connection_extra_trouble(struct connection *connection); /* the same */
void connection_extra_free(struct connection_extra *extra);                  /* NULL is fine */

/* Its counts of now are those that were reported. */
void connection_extra_mark_reported(struct connection *connection);

/* NULL: the kernel has reported none. */
static inline const struct socket_tcp_info *
connection_extra_tcp_info(const struct connection *connection)
{
	return connection->extra ? connection->extra->tcp_info : NULL;
}
/* NULL: the end has the tuple of the connection, or its socket is not known. */
static inline const struct connection_socket *
connection_extra_socket(const struct connection *connection, enum connection_end end)
{
	const struct connection_socket *socket =
		connection->translated ? &connection->extra->sockets[end] : NULL;

	return socket && socket->netns != 0 ? socket : NULL;
}
/* NULL: it was not listed. */
static inline const struct connection_past *
connection_extra_past(const struct connection *connection)
{
	return connection->extra ? connection->extra->past : NULL;
}

/* NULL: there were none. */
static inline const struct icmp_errors *
connection_extra_icmp_errors(const struct connection *connection)
{
	const struct connection_extra *extra = connection->extra;

	return extra && extra->icmp_errors.count > 0 ? &extra->icmp_errors : NULL;
}
/* False when memory is short. */
bool connection_extra_set_tcp_info(struct connection *connection,
                                   const struct socket_tcp_info *info);
/* What the kernel said of a socket that is still there is not kept beyond its record. */
void connection_extra_drop_tcp_info(struct connection *connection);
/* name: of SOCKET_CONGESTION_SIZE; "" changes nothing. */
void connection_extra_set_congestion(struct connection *connection, const char *name);
/* The same; its congestion control is that of the connection. */
bool connection_extra_set_past(struct connection *connection, const struct connection_past *past);

#endif
