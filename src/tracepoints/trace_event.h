/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One thing the kernel said about a process at a moment. A plain value. */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_EVENT_H
#define SOCKLINE_TRACEPOINTS_TRACE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "sockets/socket.h"
#include "tracepoints/initial_stack.h"

enum trace_event_kind {
	/*
	 * A route was looked up for `tuple`: what connect() and each sendto() of an
	 * unconnected socket do just before the packet. The source address is
	 * unspecified when the socket has none yet. A raw socket that sends TCP, UDP, or a
	 * header of its own has the protocol IPPROTO_RAW and no ports. ifindex is that of the
	 * device it is bound to, or for which it sends, or 0. Not proof against malice: with
	 * RTM_GETROUTE any process makes the kernel look up a route for any tuple.
	 */
	TRACE_EVENT_ROUTE,
	/*
	 * connect() looked for a TCP route to `tuple`, and `table` has none, or one that forbids it:
	 * `error`. Another table may have one. The port of the source is 0 unless it is bound.
	 */
	TRACE_EVENT_NO_ROUTE,
	/*
	 * The TCP socket at `socket` went from old_state to new_state. The ports of
	 * CLOSED -> SYN_SENT are not known yet (source port 0). In process context
	 * `pid` did it, otherwise pid and tid are those of a bystander.
	 */
	TRACE_EVENT_STATE,
	/*
	 * The process read from the TCP socket `tuple`, `cookie`, so it has it: how the
	 * owner of an accepted socket shows itself while it lives.
	 */
	TRACE_EVENT_RECEIVE,
	/* The process sent from the TCP socket at `socket`: no tuple, see TRACE_EVENT_STATE. */
	TRACE_EVENT_SEND,
	TRACE_EVENT_FORK, /* pid is new; a process, not a thread. parent_pid, boottime_ns */
	TRACE_EVENT_NAME, /* text is the name (comm) from now on; executed: the process ran exec */
	TRACE_EVENT_IMAGE, /* code of the file `text` was mapped; the first after exec is the executable */
	TRACE_EVENT_NETNS, /* tid (a thread, or the process when it equals pid) is now in netns */
	/* The process ends, its sockets are closed after this; text is its name. */
	TRACE_EVENT_EXIT,
	TRACE_EVENT_SETTLED, /* an exec is done: its program has started; has_ids: with these `ids` */
	TRACE_EVENT_CGROUP, /* a control group was made: cgroup_id has the path `text` */
	/* `lost` events between since_ns and time_ns are missing, of the kinds above and below FORK. */
	TRACE_EVENT_LOST_SOCKETS,
	TRACE_EVENT_LOST_PROCESSES,
	TRACE_EVENT_OTHER, /* nothing to know, but that it was in a full ring */
};

struct trace_event {
	enum trace_event_kind kind;
	bool process_context;
	bool executed;
	bool has_ids;   /* SETTLED */
	bool ended;     /* EXIT: tid was the last of its threads; else others may outlive it */
	bool ring_full; /* there was no room behind the events that this one is among */
	uint8_t old_state, new_state; /* as enum socket_state */
	int16_t error;                /* NO_ROUTE: -errno */
	int pid;                      /* thread group id */
	int tid;
	int parent_pid;  /* of the process that forked it */
	uint32_t netns;  /* inode number */
	uint32_t userns; /* of the user namespace; 0 = not known */
	uint32_t ifindex;
	uint32_t table;      /* NO_ROUTE: of routes */
	uint32_t bytes;      /* SEND: so many */
	int64_t time_ns;     /* monotonic */
	int64_t boottime_ns; /* the same moment on CLOCK_BOOTTIME, at most microseconds off */
	int64_t since_ns;
	uint64_t lost;
	uint64_t socket; /* the kernel's address: an identity while the socket lives, no longer */
	uint64_t cookie; /* SO_COOKIE; 0 = not known */
	uint64_t
		cgroup_id; /* of the thread; 0 = not known. v2 unless perf_event is a v1 controller */
	struct tuple tuple; /* local end -> remote end */
	const char *text; /* not NUL-terminated; valid during the call that hands the event over */
	size_t text_length;
	struct initial_stack ids; /* SETTLED */
};

#endif
