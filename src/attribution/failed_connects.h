/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of connect(2) that made no TCP connection, as tracepoints report them: a socket that went
 * from SYN_SENT to CLOSE, and one for which no route was found, which does not get that far.
 * Packets need not show either. Pure, bounded, in the order of their ends.
 */
#ifndef SOCKLINE_ATTRIBUTION_FAILED_CONNECTS_H
#define SOCKLINE_ATTRIBUTION_FAILED_CONNECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "tracepoints/trace_event.h"

struct failed_connects;

struct failed_connect {
	/* Local end -> remote end. What was not chosen yet is 0: port, or address and port. */
	struct tuple tuple;
	uint32_t netns; /* 0 = not known */
	int pid;        /* of the process that called connect(2) */
	/* TRACE_EVENT_NO_ROUTE: -errno of the last table; 0: the socket was in SYN_SENT. */
	int error;
	int64_t began_ns, ended_ns; /* monotonic */
};

struct failed_connects *failed_connects_new(void); /* NULL: no memory */
void failed_connects_free(struct failed_connects *connects);

/* A socket left SYN_SENT for CLOSE. False: there is no room. */
bool failed_connects_add(struct failed_connects *connects, const struct failed_connect *connect);
/*
 * TRACE_EVENT_NO_ROUTE. Several tables may be looked into for one connect(2), and again when the
 * source address is known: that is one. False: there is no room.
 */
bool failed_connects_add_lookup(struct failed_connects *connects, const struct trace_event *event,
                                uint32_t netns);
/* A thread took a socket to SYN_SENT: a later table had the route that others had not. */
void failed_connects_found_route(struct failed_connects *connects, const struct trace_event *event);
/* The next that ended before that time; false: there is none. */
bool failed_connects_take(struct failed_connects *connects, int64_t before_ns,
                          struct failed_connect *connect);
/* Events were lost, and a route may have been found: what may still go on is forgotten. */
void failed_connects_lost(struct failed_connects *connects);

#endif
