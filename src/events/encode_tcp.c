/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* How a TCP connection went: by the kernel's numbers and by its packets. */
#include <netinet/in.h>
#include <string.h>

#include "connections/connection_extra.h"
#include "connections/tcp_quality.h"
#include "events/encode_parts.h"

void encode_tcp_flags(struct writer *writer, const void *object, int flags)
{
	/* By bit, from the lowest on. */
	static const char names[8][4] = { "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr" };

	(void)object;
	writer_array(writer, KEY("flags"));
	for (unsigned bits = (unsigned)flags; bits > 0; bits &= bits - 1)
		writer_text(writer, ELEMENT, names[__builtin_ctz(bits)], 3);
	writer_array_end(writer);
}

void encode_tcp_figures(struct writer *writer, const struct socket_tcp_info *info)
{
	if (info->rtt_us > 0)
		writer_u64(writer, KEY("rtt_us"), info->rtt_us);
	if (info->rttvar_us > 0)
		writer_u64(writer, KEY("rttvar_us"), info->rttvar_us);
	if (info->min_rtt_us > 0)
		writer_u64(writer, KEY("min_rtt_us"), info->min_rtt_us);
	if (info->delivery_rate > 0)
		writer_count(writer, KEY("delivery_rate"), info->delivery_rate);
	writer_u64(writer, KEY("retransmits"), info->retransmits);
	writer_u64(writer, KEY("lost"), info->lost);
	writer_u64(writer, KEY("reordering"), info->reordering);
	writer_count(writer, KEY("bytes_acked"), info->bytes_acked);
	writer_count(writer, KEY("bytes_received"), info->bytes_received);
}

static bool is_measured(const struct connection *connection)
{
	return connection->tuple.protocol == IPPROTO_TCP &&
	       connection->counts[CONNECTION_SOURCE].packets +
	                       connection->counts[CONNECTION_DESTINATION].packets >
	               0 &&
	       !connection->flow.unmeasured;
}

static void write_end(struct writer *writer, const struct key *key,
                      const struct tcp_figures *figures)
{
	writer_object(writer, key);
	writer_u64(writer, KEY("retransmissions"), figures->retransmissions);
	writer_u64(writer, KEY("out_of_order"), figures->out_of_order);
	writer_u64(writer, KEY("duplicate_acks"), figures->duplicate_acks);
	writer_u64(writer, KEY("zero_windows"), figures->zero_windows);
	writer_object_end(writer);
}

/* ends: 1 << end; figures of the source, then of the destination. */
static void write_figures(struct writer *writer, const void *figures, int ends)
{
	const struct tcp_figures *both = figures;

	if (ends & 1 << CONNECTION_SOURCE)
		write_end(writer, KEY("source"), &both[CONNECTION_SOURCE]);
	if (ends & 1 << CONNECTION_DESTINATION)
		write_end(writer, KEY("destination"), &both[CONNECTION_DESTINATION]);
}

/* An end that sent nothing has none. Most of the others have figures of 0. */
static void write_measured(struct writer *writer, const struct connection *connection)
{
	static const struct tcp_figures none[2];
	const struct tcp_trouble *trouble = connection->extra ? connection->extra->trouble : NULL;
	const struct tcp_figures *figures = trouble ? trouble->figures : none;
	int ends = (connection->counts[CONNECTION_SOURCE].packets > 0) << CONNECTION_SOURCE |
	           (connection->counts[CONNECTION_DESTINATION].packets > 0)
	                   << CONNECTION_DESTINATION;

	if (memcmp(figures, none, sizeof none) == 0)
		encode_cache_memo(writer, &writer->record->encoder->untroubled[ends], write_figures,
		                  none, ends);
	else
		write_figures(writer, figures, ends);
}

static void write_at_start(struct writer *writer, const struct socket_totals *totals)
{
	writer_object(writer, KEY("at_start"));
	writer_count(writer, KEY("bytes_acked"), totals->bytes_acked);
	writer_count(writer, KEY("bytes_received"), totals->bytes_received);
	writer_u64(writer, KEY("segments_sent"), totals->segments_sent);
	writer_u64(writer, KEY("segments_received"), totals->segments_received);
	writer_object_end(writer);
}

void encode_tcp_connection(struct writer *writer, const struct connection *connection, bool totals)
{
	const struct socket_tcp_info *info = connection_extra_tcp_info(connection);
	const struct connection_past *past = connection_extra_past(connection);
	const char *congestion =
		totals && connection->extra ? connection->extra->congestion_control : "";
	bool at_start = past && past->has_totals;
	bool measured = totals && is_measured(connection);
	bool handshake = totals && connection->flow.handshake_us > 0;

	if (!info && !congestion[0] && !measured && !handshake && !at_start)
		return;
	writer_object(writer, KEY("tcp"));
	if (info)
		encode_tcp_figures(writer, info);
	if (congestion[0])
		encode_writer_c_string(writer, KEY("congestion_control"), congestion, RAW_NONE);
	if (handshake)
		writer_u64(writer, KEY("handshake_us"), connection->flow.handshake_us);
	if (measured)
		write_measured(writer, connection);
	if (at_start)
		write_at_start(writer, &past->totals);
	writer_object_end(writer);
}

void encode_tcp_history(struct writer *writer, const struct connection *connection)
{
	char history[TCP_HISTORY_MAX];
	size_t length = tcp_quality_history(connection, history);

	if (connection->tcp.ending)
		writer_name(writer, KEY("ended_by"),
		            connection->tcp.ended_by == CONNECTION_SOURCE ? "source"
		                                                          : "destination");
	if (length > 0)
		writer_text(writer, KEY("history"), history, length);
}
