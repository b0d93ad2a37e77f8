/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c and stream_packet.c share; nobody else includes it. */
#ifndef SOCKLINE_STREAM_STREAM_PRIVATE_H
#define SOCKLINE_STREAM_STREAM_PRIVATE_H

#include "stream/duplicates.h"
#include "stream/final_info.h"
#include "stream/fragments.h"
#include "stream/port_ends.h"
#include "stream/stream.h"
#include "stream/traffic.h"

#define STREAM_DEATHS 16

/* Of a socket that was connected, as the kernel told it. */
struct death {
	struct connection_key key; /* local end first */
	int64_t told_ns;
	bool has_tcp_info;
	struct socket_tcp_info tcp_info;
};

struct stream {
	struct stream_options options;
	struct connection_table *connections;
	struct binder *binder;
	struct duplicates *duplicates;
	struct fragments *fragments;
	struct port_ends *port_ends;
	struct final_info *finals;
	struct death deaths[STREAM_DEATHS]; /* a ring of those that wait for their connection */
	uint32_t deaths_tail, deaths_count;
	struct traffic *traffic; /* NULL: not asked for */
	int64_t traffic_ns;      /* when it was last reported, in the table's time */
	int64_t packet_time_ns;  /* of the latest packet; never back in a replay */
	int64_t tick_ns;         /* replay: when timers may be due again */
	bool wants_packets, wants_states;
	struct stream_counters counters;
};

void stream_emit_connection(struct stream *stream, enum event_action action, int64_t time_ns,
                            struct connection *connection);
/* All deaths that were told stand in the connections afterwards. */
void stream_take_deaths(struct stream *stream);
void stream_emit_closed(struct stream *stream, struct connection *connection, int64_t time_ns);

#endif
