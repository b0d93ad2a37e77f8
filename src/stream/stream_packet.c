/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a packet through the stream. */
#include <netinet/in.h>

#include "base/clock.h"
#include "base/snippet.h"
#include "events/community_id.h"
#include "stream/flow_key.h"
#include "stream/passage.h"
#include "stream/stream_tunnel.h"

#define SERVICE_PORTS 1024 /* System Ports, RFC 6335 section 6 */

static enum connection_direction direction_of(const struct connection *connection, bool known)
{
	bool source = connection->local[CONNECTION_SOURCE];
	bool destination = connection->local[CONNECTION_DESTINATION];

	if (source && destination) /* as on loopback: whichever end began, this host did */
		return CONNECTION_EGRESS;
	if (!known || (!source && !destination))
		return CONNECTION_DIRECTION_UNKNOWN;
	return source ? CONNECTION_EGRESS : CONNECTION_INGRESS;
}

/* The other end of a port that is for services, else the end that is seen first. */
static enum connection_end likely_end(const struct packet *packet)
{
	return packet->tuple.source_port < SERVICE_PORTS &&
	                       packet->tuple.destination_port >= SERVICE_PORTS
	               ? CONNECTION_DESTINATION
	               : CONNECTION_SOURCE;
}

/*
 * Which end began it. Met in its middle, a TCP connection shows that only by the sockets of its
 * local ends; otherwise the direction is unknown, and the source a guess. That of a UDP
 * connection that existed is not known.
 */
static enum connection_end sender_end(const struct stream *stream, const struct packet *packet,
                                      const struct locality *locality,
                                      const struct stream_existing *existing, bool *known)
{
	struct tuple reversed = tuple_reverse(&packet->tuple);
	enum flow_key_sender sender = flow_key_sender(packet);
	enum socket_role role = SOCKET_ROLE_UNKNOWN;

	*known = packet->has_tcp || existing->fit != EXISTING_BEFORE;
	if (!*known)
		return likely_end(packet);
	if (sender != FLOW_KEY_UNKNOWN)
		return sender == FLOW_KEY_INITIATOR ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	if (existing->fit == EXISTING_BEFORE && existing->connection.oriented)
		return tuple_equal(&packet->tuple, &existing->connection.tuple)
		               ? CONNECTION_SOURCE
		               : CONNECTION_DESTINATION;
	if (locality->destination)
		role = attribution_find_role(stream->options.attribution, packet->netns, &reversed,
		                             packet->ifindex);
	if (role != SOCKET_ROLE_UNKNOWN)
		return role == SOCKET_RESPONDER ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	if (locality->source)
		role = attribution_find_role(stream->options.attribution, packet->netns,
		                             &packet->tuple, packet->ifindex);
	if (role != SOCKET_ROLE_UNKNOWN)
		return role == SOCKET_INITIATOR ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	*known = false;
	return likely_end(packet);
}

static bool is_udp(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_UDP;
}

/* As duplicates_check() wants it. */
static uint32_t link_of(struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;

	if (passage->copy_hash == 0 || !tuple_is_of_link(&packet->tuple))
		return 0;
	stream_look_around(stream, passage);
	if (!passage->namespace)
		return 0;
	return interfaces_link(passage->namespace->interfaces, packet->ifindex, packet->vlans,
	                       packet->vlan_count);
}

static struct connection *open_connection(struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;
	const struct locality *locality = &passage->locality;
	struct stream_existing existing;
	struct connection *connection;
	enum connection_end end;
	bool known;

	if (stream->options.attribution)
		attribution_expect(stream->options.attribution, &packet->tuple);
	stream_look_around(stream, passage);
	existing = stream_take_existing(stream, passage);
	end = sender_end(stream, packet, locality, &existing, &known);
	if (end == CONNECTION_DESTINATION)
		passage->key.tuple = tuple_reverse(&passage->key.tuple);
	connection = connection_table_open(stream->connections, &passage->key, packet->time_ns,
	                                   passage->now_ns);
	if (!connection)
		return NULL;
	if (stream->traffic)
		traffic_opened(stream->traffic, connection);
	passage->from = end;
	passage->opened = true;
	connection->ifindex = packet->ifindex;
	connection->evidence = CONNECTION_FROM_PACKETS;
	connection->local[end] = locality->source;
	connection->local[!end] = locality->destination;
	connection->direction = direction_of(connection, known);
	connection->has_icmp_id = packet->has_icmp_id;
	connection->icmp_id = packet->icmp_id;
	connection->fanned_out = locality->fanned_out;
	connection->seen_ns = passage->seen_ns;
	connection->midway = packet->has_tcp && !(packet->tcp_flags & TCP_FLAG_SYN);
	if (connection->midway && !flow_key_is_refusal(packet))
		connection_table_met_midway(connection);
	stream_set_existing(stream, connection, &existing);
	stream_note_ports(stream, connection);
	stream_note_deaths(stream, connection, passage->now_ns);
	if (is_udp(&connection->tuple))
		stream_settle_destroyed(stream, connection, connection->seen_ns);
	if (!stream->options.no_community_ids)
		flow_key_community_id(packet, stream->options.community_id_seed,
		                      connection->community_id);
	return connection;
}

/*
 * A copy of a packet that was counted on another interface: a VLAN's interface shows it
 * without the tag that it has on the interface below.
 */
static struct connection *find_copied(struct stream *stream, struct passage *passage)
{
	struct connection_key key = passage->key;
	struct connection *connection;

	key.any_lane = true;
	connection = connection_table_find(stream->connections, &key, &passage->from);
	if (connection)
		connection_table_add_lane(connection, key.lane);
	return connection;
}

/* Another connection has the same tuple: the old socket must be gone, whoever reported that. */
static void replace_connection(struct stream *stream, struct connection *connection,
                               const struct passage *passage)
{
	enum connection_reason reason =
		stream->options.replay ? CONNECTION_REUSED : CONNECTION_SOCKET_CLOSED;

	if (connection_table_close(stream->connections, connection, reason, CONNECTION_SUCCESS,
	                           passage->now_ns))
		stream_emit_closed(stream, connection, passage->packet->time_ns);
	connection_table_forget(stream->connections, connection);
}

static bool is_of_another(struct stream *stream, struct connection *connection,
                          struct passage *passage)
{
	if (!stream->options.replay && is_udp(&connection->tuple))
		return stream_is_of_another_socket(stream, connection, passage);
	return connection_table_restarts(connection, passage->from, passage->packet);
}

/* The connection that this packet belongs to, a new one if need be; NULL when there is none. */
static struct connection *find_connection(struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;
	struct connection *connection;

	if (packet->is_later_fragment)
		return fragments_find(stream->fragments, packet, stream->connections,
		                      &passage->from);
	if (!passage->has_key)
		return NULL;
	connection = connection_table_find(stream->connections, &passage->key, &passage->from);
	if (passage->is_copy) {
		/* Where the tunnel ends, it is what its interface shows, and that opens it. */
		if (packet->is_shown)
			return connection;
		if (!connection)
			connection = find_copied(stream, passage);
	} else if (!connection) {
		connection = stream_find_looped(stream, passage);
	}
	if (connection && is_of_another(stream, connection, passage)) {
		replace_connection(stream, connection, passage);
		connection = NULL;
	}
	if (!connection)
		connection = open_connection(stream, passage);
	if (connection && packet->is_fragment)
		fragments_put(stream->fragments, packet, connection, passage->from);
	return connection;
}

static void account(struct stream *stream, const struct packet *packet)
{
	stream->counters.packets++;
	stream->counters.bytes += packet_wire_length(packet);
	stream->counters.decode[packet->status]++;
}

/* Packets are the clock: what is due before this one comes before it. */
static void advance_replay(struct stream *stream, struct passage *passage)
{
	stream->packet_time_ns = passage->now_ns;
	if (passage->now_ns < stream->tick_ns)
		return;
	stream_tick(stream, false);
	stream->tick_ns = (passage->now_ns / NS_PER_SECOND + 1) * NS_PER_SECOND;
}

/* Quick, for each packet: the owners that are known need not be those of this packet. */
static bool may_have_moved(const struct stream *stream, const struct connection *connection,
                           const struct packet *packet)
{
	if (!stream->options.attribution)
		return false;
	return connection->binding.contested || connection->binding.handed ||
	       connection->binding.changes != binder_version(stream->changes) ||
	       (is_udp(&connection->tuple) && tuple_is_of_link(&connection->tuple) &&
	        packet->ifindex != connection->ifindex);
}

/* Quick, as well: its data may be of a send that goes on. */
static bool may_be_sending(const struct stream *stream, const struct passage *passage)
{
	return stream->options.attribution && passage->packet->has_tcp &&
	       passage->packet->payload > 0 && passage->connection->local[passage->from] &&
	       passage->connection->reason == CONNECTION_REASON_NONE;
}

/* What a packet is besides a part of its connection. */
static void report(struct stream *stream, struct passage *passage, uint64_t duplicate_of)
{
	bool is_repeated = duplicate_of != 0 || passage->is_copy;

	if (stream->traffic)
		stream_count_traffic(stream, passage);
	if (stream->wants_packets && !(is_repeated && stream->options.dedupe))
		stream_emit_packet(stream, passage, duplicate_of);
	if (stream->naming && naming_may_have_found(stream->naming, passage->packet))
		naming_found(stream->naming, passage->packet,
		             passage->is_copy ? NULL : passage->connection, passage->from);
}

/* To what it carries, which is next. */
static void pass_on(struct passage *passage)
{
	passage[1].outer = passage;
	if (passage->connection)
		passage->connection_id = passage->connection->id;
}

static void pass(struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;
	enum socket_state before = SOCKET_STATE_NONE;
	bool closed = false;
	struct connection *connection;
	uint64_t duplicate_of;

	if (!packet->is_outer)
		account(stream, packet);
	if (stream->options.replay)
		advance_replay(stream, passage);
	duplicate_of = duplicates_check(stream->duplicates, packet, passage->copy_hash,
	                                link_of(stream, passage), &passage->is_copy);
	if (stream->wants_packets)
		stream_look_around(stream, passage);
	connection = passage->connection = find_connection(stream, passage);
	if (connection)
		before = connection->state;
	if (connection && !passage->is_copy)
		closed = connection_table_account(stream->connections, connection, passage->from,
		                                  packet, passage->now_ns);
	if (packet->tunnel != PACKET_NO_TUNNEL)
		stream_tunnel_found(connection, passage->from, packet,
		                    passage->outer ? passage->outer->packet : NULL,
		                    stream_outer_connection(stream, passage));
	if (connection && packet_states_owners(packet))
		stream_bind_stated(stream, connection, passage->from, packet);
	if (passage->opened) {
		binder_bind(stream->binder, connection, passage->from, packet, passage->now_ns);
		stream_note_sockets(stream, connection);
		stream_note_echo(stream, connection);
		stream_note_untraced(stream, connection);
		if (stream->naming)
			naming_opened(stream->naming, connection);
		stream_emit_connection(stream, EVENT_CONNECTION_OPENED, packet->time_ns,
		                       connection);
	} else if (connection && connection->binding.attributable) {
		binder_packet(stream->binder, connection, passage->from, packet, passage->seen_ns,
		              passage->now_ns);
	}
	if (connection && may_have_moved(stream, connection, packet))
		passage->doubtful |= binder_judge(stream->binder, connection, passage->from, packet,
		                                  passage->seen_ns, stream->changes);
	if (connection && may_be_sending(stream, passage))
		passage->doubtful |= binder_judge_send(stream->binder, connection, passage->from,
		                                       packet, passage->seen_ns, stream->changes);
	if (connection && connection->binding.orphaned)
		passage->doubtful |= binder_ended(connection, passage->from, passage->seen_ns);
	if (stream->wants_states && connection && !passage->opened && connection->state != before)
		stream_emit_state(stream, connection, before, packet->time_ns);
	if (packet->is_outer)
		pass_on(passage);
	else
		report(stream, passage, duplicate_of);
	if (closed)
		stream_hold_closed(stream, connection);
	else if (!connection && !passage->is_copy)
		stream_apply_icmp_error(stream, packet, passage->now_ns);
}

/* What the tuple does not distinguish. */
static void distinguish(struct connection_key *key, const struct packet *packet)
{
	key->lane = flow_key_lane(packet);
	key->any_lane = false;
	/* Two hosts can ping each other with one identifier. */
	if (packet->has_icmp_id) {
		key->from[CONNECTION_SOURCE] = flow_key_sender(packet) == FLOW_KEY_INITIATOR;
		key->from[CONNECTION_DESTINATION] = !key->from[CONNECTION_SOURCE];
	}
}

/* Live, what passes by in a tunnel is no copy of what is in none, or in another one. */
static uint64_t hash_copies(const struct stream *stream, const struct packet *packet)
{
	uint64_t hash;

	if (packet->is_shown)
		return 0;
	hash = duplicates_expect(stream->duplicates, packet);
	if (hash != 0 && packet->tunnel_lane != 0 && !stream->options.replay)
		hash ^= (uint64_t)packet->tunnel_lane * UINT64_C(0x9e3779b97f4a7c15);
	return hash;
}

/* Memory is slow and packets come in numbers: what is looked up for each is fetched for all at once. */
static void prefetch(const struct stream *stream, struct passage *passages, int count)
{
	const struct connection *expected[STREAM_BATCH];
	struct tuple tuple;

	for (int i = 0; i < count; i++) {
		const struct packet *packet = passages[i].packet;

		passages[i].copy_hash = packet->tunnel == PACKET_NO_TUNNEL
		                                ? duplicates_expect(stream->duplicates, packet)
		                                : hash_copies(stream, packet);
		passages[i].has_key = flow_key_of(packet, &tuple);
		if (!passages[i].has_key)
			continue;
		passages[i].key = connection_table_key(stream->connections, packet->netns, &tuple);
		distinguish(&passages[i].key, packet);
		connection_table_prefetch(stream->connections, &passages[i].key);
	}
	for (int i = 0; i < count; i++) {
		expected[i] = passages[i].has_key ? connection_table_prefetch_entry(
							    stream->connections, &passages[i].key)
		                                  : NULL;
		if (expected[i])
			connection_prefetch_counts(expected[i]);
	}
	if (stream->naming)
		naming_prefetch(stream->naming, stream->batch, count, expected);
	for (int i = 0; stream->wants_packets && i < count; i++) {
		if (!expected[i])
			continue;
		__builtin_prefetch(&expected[i]->owners[CONNECTION_SOURCE]);
		__builtin_prefetch(&expected[i]->owners[CONNECTION_DESTINATION]);
		snippet_prefetch(expected[i]->snippet);
	}
}

static void pass_batch(struct stream *stream, int count)
{
	const struct packet *packets = stream->batch;
	struct passage passages[STREAM_BATCH];
	bool replay = stream->options.replay;
	int64_t now_ns = replay ? 0 : clock_monotonic_ns();

	for (int i = 0; i < count; i++) {
		passages[i].packet = &packets[i];
		passages[i].outer = NULL;
		passages[i].has_looked = false;
		passages[i].namespace = NULL;
		passages[i].interface = stream_stated_interface(stream, &packets[i]);
		passages[i].locality = (struct locality){ .direction = packets[i].direction };
		passages[i].now_ns = replay ? stream->batch_ns[i] : now_ns;
		passages[i].seen_ns =
			replay ? 0 : clock_step_monotonic_ns(&stream->clock, packets[i].time_ns);
		passages[i].from = CONNECTION_SOURCE;
		passages[i].opened = false;
		passages[i].doubtful = 0;
		passages[i].is_copy = packets[i].is_shown;
	}
	if (stream->options.attribution)
		stream->changes = attribution_changes(stream->options.attribution);
	prefetch(stream, passages, count);
	stream_take_destroyed(stream);
	for (int i = 0; i < count; i++)
		pass(stream, &passages[i]);
}

void stream_pass_packets(struct stream *stream)
{
	int count = stream->batched;

	stream->batched = 0;
	if (count == 0)
		return;
	if (!stream->options.replay)
		clock_step_check(&stream->clock);
	stream->passed_ns =
		clock_step_monotonic_ns(&stream->clock, stream->batch[count - 1].time_ns);
	if (stream->options.catch_up)
		stream->options.catch_up(stream->options.context, stream->passed_ns);
	pass_batch(stream, count);
}
