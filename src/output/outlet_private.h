/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What outlet.c and outlet_peer.c share. */
#ifndef SOCKLINE_OUTPUT_OUTLET_PRIVATE_H
#define SOCKLINE_OUTPUT_OUTLET_PRIVATE_H

#include "output/outlet.h"
#include "output/peer.h"

struct outlet {
	struct outlet_options options;
	bool compressed;
	bool gathers;      /* for the interval, also when the caller is idle */
	int fd;            /* of the file at the path, -1 = none */
	bool created;      /* that file, by outlet_new */
	struct peer *peer; /* that the path is the address of; NULL = none */
	bool attached;     /* the sink has the peer's socket, or had it until it failed */
	bool silent;       /* the failure of its last attempt was reported */
	struct loop *loop;
	struct sink *sink;
	struct loop_source *source; /* NULL: never has to be waited for */
	bool full;                  /* more is written when the source says that there is room */
	uint32_t events;            /* that source waits for */
	int64_t flushed_ns;
	int64_t period;       /* of the file, see rotation_period() */
	int64_t rotate_at_ns; /* monotonic: after a rotation that failed */
	struct outlet_changes changes;
};

/* Watches the descriptor in the loop. 0 or -errno. */
int outlet_watch(struct outlet *outlet, int fd, uint32_t events);

/* outlet_peer.c: the sink, without a descriptor; its connections begin in outlet_turn(). 0 or -errno. */
int outlet_open_peer(struct outlet *outlet, struct error *error);
/* What the reader may not have had is kept: by now it may be more. */
void outlet_keep_unread(struct outlet *outlet);
/* Until the next attempt; -1: it is connected, or there is no peer. */
int64_t outlet_peer_timeout_ns(const struct outlet *outlet);

#endif
