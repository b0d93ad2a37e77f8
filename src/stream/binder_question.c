/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about an end of a connection. */
#include <netinet/in.h>

#include "connections/connection_extra.h"
#include "connections/tcp_quality.h"
#include "stream/binder_private.h"
#include "stream/destroyed.h"

/*
 * How many sockets that this end could have been were destroyed since? The initiator of a TCP
 * connection has one of its own, which the whole tuple finds or not.
 */
void binder_count_destroyed(const struct binder *binder, const struct connection *connection,
                            struct attribution_question *question)
{
	const struct destroyed *destroyed = binder->options.destroyed;
	bool is_exact = question->tuple.protocol == IPPROTO_TCP && !question->responder;
	struct destroyed_times times;

	if (!destroyed || is_exact || !destroyed_any_since(destroyed, connection->seen_ns))
		return;
	times = destroyed_last(destroyed, question->netns, &question->tuple, connection->seen_ns);
	question->died = times.last_ns >= connection->seen_ns;
	question->died_again = times.previous_ns >= connection->seen_ns;
}

struct attribution_question binder_question_alone(const struct connection *connection,
                                                  enum connection_end end)
{
	const struct connection_past *past = connection_extra_past(connection);

	return (struct attribution_question){
		.inode = past ? past->sockets[end].inode : 0,
		.cookie = past ? past->sockets[end].cookie : 0,
		.netns = connection->netns,
		.tuple = connection_tuple_of(connection, end),
		.ifindex = connection->ifindex,
		.responder = end == CONNECTION_DESTINATION,
		.gone = end == CONNECTION_DESTINATION && connection->gone,
		.sender = connection->counts[end == CONNECTION_DESTINATION].packets > 0,
		.fanned_out = connection->fanned_out && end == CONNECTION_DESTINATION,
		.foreign = connection->binding.proxied,
		.has_icmp_id = connection->has_icmp_id && end == CONNECTION_SOURCE,
		.icmp_id = connection->icmp_id,
		.since_ns = connection->midway ? 0 : connection->seen_ns,
		.seen_ns = connection->seen_ns,
		.asked_ns = connection->asked_ns,
	};
}

struct attribution_question binder_question(const struct binder *binder,
                                            const struct connection *connection,
                                            enum connection_end end)
{
	struct attribution_question question = binder_question_alone(connection, end);

	binder_count_destroyed(binder, connection, &question);
	return question;
}

void binder_ask_of_socket(const struct connection *connection, enum connection_end end,
                          struct attribution_question *question)
{
	const struct connection_socket *socket = connection_extra_socket(connection, end);
	const struct owner *owner = &connection->owners[end];

	if (socket) {
		question->tuple = socket->tuple;
		question->netns = socket->netns;
	} else if (owner_translated(owner) && owner->netns != 0) {
		question->tuple = *owner_translated(owner);
		question->netns = owner->netns;
	}
}

/* Data in a SYN (RFC 7413) may have been sent before its socket was known. */
static bool has_offset(const struct connection *connection, enum connection_end from,
                       const struct packet *packet)
{
	return packet->has_tcp && packet->payload > 0 && !(packet->tcp_flags & TCP_FLAG_SYN) &&
	       !connection->midway && !connection->flow.syn_data &&
	       connection->flow.letters[from] & TCP_SEEN_SYN;
}

struct attribution_question binder_question_of_packet(const struct connection *connection,
                                                      enum connection_end end, bool sender,
                                                      const struct packet *packet, int64_t seen_ns)
{
	struct attribution_question question = binder_question_alone(connection, end);

	question.seen_ns = seen_ns;
	question.ifindex = packet->ifindex;
	question.sender = sender;
	question.has_fin = packet->has_tcp && packet->tcp_flags & TCP_FLAG_FIN;
	question.has_payload = packet->payload > 0;
	question.has_offset = sender && has_offset(connection, end, packet);
	if (question.has_offset)
		question.offset = packet->tcp_sequence - connection->first[end];
	binder_ask_of_socket(connection, end, &question);
	return question;
}
