/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Data of TCP that no reported send covers yet: a send goes on, which need not be the owner's. */
#include "stream/binder_private.h"

static bool is_known(const struct owner *owner)
{
	return (owner->method == ATTRIBUTION_TRACEPOINT || owner->method == ATTRIBUTION_SOCKET) &&
	       owner->process->exited_ns == 0;
}

/* Reports that came since are taken in: they may have another owner. */
static unsigned judge_again(struct binder *binder, struct connection *connection,
                            enum connection_end from, const struct packet *packet, int64_t seen_ns,
                            uint32_t *changes)
{
	uint32_t now = attribution_changes(binder->options.attribution);

	if (now == *changes)
		return 0;
	*changes = now;
	return binder_judge(binder, connection, from, packet, seen_ns, now);
}

static struct reported_sends *place_of(struct binder *binder, const struct connection *connection)
{
	return &binder->reported[connection->id % REPORTED_SENDS];
}

/* Most packets: what was found for one of before says that their data is reported. */
static bool is_reported(struct binder *binder, const struct connection *connection,
                        enum connection_end from, uint32_t sequence)
{
	const struct reported_sends *place = place_of(binder, connection);

	return place->id == connection->id && place->known[from] &&
	       (int32_t)(sequence - place->next[from]) < 0;
}

static enum attribution_send find_send(struct binder *binder, struct connection *connection,
                                       enum connection_end from,
                                       const struct attribution_question *question)
{
	struct reported_sends *place = place_of(binder, connection);
	uint32_t reported = 0;
	enum attribution_send send = attribution_find_send(binder->options.attribution, question,
	                                                   &connection->owners[from], &reported);

	if (send != ATTRIBUTION_SEND_REPORTED)
		return send;
	if (place->id != connection->id)
		*place = (struct reported_sends){ .id = connection->id };
	place->next[from] = connection->first[from] + reported;
	place->known[from] = true;
	return send;
}

unsigned binder_judge_send(struct binder *binder, struct connection *connection,
                           enum connection_end from, const struct packet *packet, int64_t seen_ns,
                           uint32_t changes)
{
	const struct owner *owner = &connection->owners[from];
	const struct process *process = owner->process;
	struct attribution_question question;
	enum attribution_send send;
	unsigned doubtful;

	if (!is_known(owner) || is_reported(binder, connection, from, packet->tcp_sequence))
		return 0;
	question = binder_question_of_packet(connection, from, true, packet, seen_ns);
	if (!question.has_offset)
		return 0;
	send = find_send(binder, connection, from, &question);
	if (send == ATTRIBUTION_SEND_UNCOUNTED)
		return 0;
	doubtful = judge_again(binder, connection, from, packet, seen_ns, &changes);
	if (owner->process != process && is_known(owner))
		send = find_send(binder, connection, from, &question);
	return doubtful | (send == ATTRIBUTION_SEND_NOT_SEEN ? BINDER_AMBIGUOUS << from : 0);
}
