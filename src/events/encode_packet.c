/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include "events/encode_narrow.h"
#include "events/encode_parts.h"

static bool is_ip(const struct packet *packet)
{
	return packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6;
}

/*
 * Does the packet have the connection's tuple? An ICMP error hangs on the
 * connection it speaks of, a later fragment on that of the first one.
 */
static bool has_tuple_of(const struct packet *packet, const struct connection *connection,
                         bool from_source)
{
	const struct tuple *theirs = &connection->tuple, *ours = &packet->tuple;
	const struct inet_address *from = from_source ? &theirs->source : &theirs->destination;
	const struct inet_address *to = from_source ? &theirs->destination : &theirs->source;
	uint16_t from_port = from_source ? theirs->source_port : theirs->destination_port;
	uint16_t to_port = from_source ? theirs->destination_port : theirs->source_port;

	if (ours->protocol != theirs->protocol || packet->has_icmp_inner ||
	    packet->is_later_fragment || packet->has_ports != inet_has_ports(ours->protocol))
		return false;
	return inet_equal(&ours->source, from) && inet_equal(&ours->destination, to) &&
	       (!packet->has_ports ||
	        (ours->source_port == from_port && ours->destination_port == to_port));
}

/* What of a packet's record is the same for all packets of its connection. */
struct shared {
	const struct connection *connection; /* with the packet's tuple; NULL = none */
	const struct snippet *snippet;       /* its text; NULL = to be built */
};

WRITER_INLINE void write_network(struct writer *writer, const struct event_packet *event,
                                 const struct shared *shared)
{
	const struct packet *packet = event->packet;

	encode_tuple_network(writer, packet->network, packet->tuple.protocol, event->direction);
	if (event->community_id)
		writer_name(writer, KEY("community_id"), event->community_id);
	else if (shared->connection)
		encode_connection_write_piece(writer, shared->snippet, shared->connection,
		                              CONNECTION_PIECE_COMMUNITY_ID);
	if (packet->ip_length > 0)
		writer_u64(writer, KEY("bytes"), packet->ip_length);
	if (packet->vlan_count > 0)
		writer_call(writer, encode_tuple_vlans, packet->vlans, packet->vlan_count);
	writer_object_end(writer);
}

/* ARP for other than IPv4 leaves the address empty. */
static bool has_address(const struct packet *packet, const struct inet_address *address)
{
	return is_ip(packet) || (packet->network == PACKET_ARP && inet_is_v4(address));
}

/* One end; mac NULL: it has none. */
WRITER_INLINE void write_end(struct writer *writer, const struct key *key,
                             const struct event_packet *event, const struct shared *shared,
                             enum connection_end end, const uint8_t *mac)
{
	const struct packet *packet = event->packet;
	const struct tuple *tuple = &packet->tuple;
	bool source = end == CONNECTION_SOURCE;
	bool addressed = shared->connection ||
	                 has_address(packet, source ? &tuple->source : &tuple->destination);

	if ((!addressed && !mac) || !writer_wants(writer, key))
		return;
	writer_object(writer, key);
	if (shared->connection)
		encode_connection_write_piece(
			writer, WRITER_NARROW ? NULL : shared->snippet, shared->connection,
			source == event->from_source ? CONNECTION_PIECE_SOURCE
						     : CONNECTION_PIECE_DESTINATION);
	else if (addressed)
		writer_call(writer, encode_packet_address, packet, end);
	if (mac && writer_wants(writer, KEY("mac")))
		encode_tuple_mac(writer, mac);
	writer_object_end(writer);
}

/* All zeros is how loopback says that it has none. */
static const uint8_t *mac_of(const uint8_t *six_bytes, bool present)
{
	static const uint8_t none[6];

	return present && memcmp(six_bytes, none, sizeof none) != 0 ? six_bytes : NULL;
}

/* Narrow: are the ends without MAC addresses? */
WRITER_INLINE bool wants_no_mac(struct writer *writer)
{
	uint32_t mac = fields_tag("mac\":\"", 3);

	return !fields_may_want(writer_node(writer->level, KEY("source")), mac) &&
	       !fields_may_want(writer_node(writer->level, KEY("destination")), mac);
}

WRITER_INLINE void write_ends(struct writer *writer, const struct event_packet *event,
                              const struct shared *shared)
{
	const struct packet *packet = event->packet;

	if (WRITER_NARROW && shared->snippet && wants_no_mac(writer)) {
		encode_connection_write_piece(writer, shared->snippet, shared->connection,
		                              event->from_source ? CONNECTION_PIECE_ENDS
		                                                 : CONNECTION_PIECE_ENDS_BACK);
		return;
	}
	write_end(writer, KEY("source"), event, shared, CONNECTION_SOURCE,
	          mac_of(packet->source_mac, packet->has_mac));
	write_end(writer, KEY("destination"), event, shared, CONNECTION_DESTINATION,
	          mac_of(packet->destination_mac, packet->has_destination_mac));
}

WRITER_INLINE void write_packet(struct writer *writer, const struct event_packet *event,
                                bool has_data)
{
	const struct packet *packet = event->packet;

	if (!writer_wants(writer, KEY("packet")))
		return;
	writer_object(writer, KEY("packet"));
	writer_u64(writer, KEY("length"), packet_wire_length(packet));
	writer_u64(writer, KEY("captured"), packet_wire_captured(packet));
	if (is_ip(packet))
		writer_u64(writer, KEY("ttl"), packet->ttl);
	writer_count(writer, KEY("number"), packet->number);
	if (!is_ip(packet) || packet->status != DECODE_OK)
		writer_call(writer, encode_packet_link, packet);
	if (event->netns > 0)
		writer_decimal(writer, KEY("netns"), event->netns);
	if (event->duplicate_of > 0)
		writer_count(writer, KEY("duplicate_of"), event->duplicate_of);
	if (has_data)
		writer_call(writer, encode_packet_data, event);
	writer_object_end(writer);
}

WRITER_INLINE void write_tcp(struct writer *writer, const struct packet *packet)
{
	struct memo *flags;

	if (!writer_wants(writer, KEY("tcp")))
		return;
	flags = encode_cache_find(writer->record->encoder->flags, packet->tcp_flags);
	writer_object(writer, KEY("tcp"));
	encode_cache_memo(writer, flags, encode_tcp_flags, NULL, packet->tcp_flags);
	writer_u64(writer, KEY("seq"), packet->tcp_sequence);
	if (packet->tcp_flags & TCP_FLAG_ACK)
		writer_u64(writer, KEY("ack"), packet->tcp_acknowledgement);
	writer_u64(writer, KEY("window"), packet->tcp_window);
	writer_u64(writer, KEY("payload"), packet->payload);
	writer_object_end(writer);
}

WRITER_INLINE void write_udp(struct writer *writer, const struct packet *packet)
{
	writer_object(writer, KEY("udp"));
	writer_u64(writer, KEY("payload"), packet->payload);
	writer_object_end(writer);
}

WRITER_INLINE void write_transport(struct writer *writer, const struct packet *packet)
{
	if (packet->has_tcp)
		write_tcp(writer, packet);
	else if (packet->has_ports && (packet->tuple.protocol == IPPROTO_UDP ||
	                               packet->tuple.protocol == IPPROTO_UDPLITE))
		write_udp(writer, packet);
	else if (packet->has_icmp)
		writer_call(writer, encode_packet_icmp, packet);
	else if (packet->network == PACKET_ARP)
		writer_call(writer, encode_packet_arp, packet);
	if (packet->is_fragment)
		writer_call(writer, encode_packet_fragment, packet);
}

WRITER_INLINE void write_connection(struct writer *writer, const struct event_packet *event,
                                    const struct shared *shared)
{
	if (!event->connection || !writer_wants(writer, KEY("connection")))
		return;
	encode_connection_write_piece(writer, shared->snippet, event->connection,
	                              CONNECTION_PIECE_ID);
	if (event->outer)
		writer_id(writer, KEY("outer"), event->outer->id);
	writer_object_end(writer);
}

WRITER_INLINE bool wants_owner(struct writer *writer)
{
	return writer_wants(writer, KEY("process")) || writer_wants(writer, KEY("user")) ||
	       writer_wants(writer, KEY("container"));
}

/* With a writer in a register: see struct writer. */
WRITER_INLINE void write_event(struct writer *writer, const struct event *any)
{
	const struct event_packet *event = &any->packet;
	/* The owner of the sender's end when it is of this host, else of the receiver's. */
	const struct owner *owner = event->source ? event->source : event->destination;
	struct connection *connection = event->connection;
	bool has_data =
		event->payload && event->payload_length > 0 && !writer_cuts(writer, CUT_DATA);
	struct shared shared = { .connection = NULL };

	if (connection && has_tuple_of(event->packet, connection, event->from_source)) {
		shared.connection = connection;
		shared.snippet = encode_connection_snippet(writer, connection);
	}
	encode_record_host(writer, event->interface);
	write_network(writer, event, &shared);
	write_ends(writer, event, &shared);
	if (owner && (owner->process || owner->has_uid) && wants_owner(writer))
		writer_call(writer, encode_owner_short, owner);
	encode_record_sockline(writer);
	if (!has_data)
		write_packet(writer, event, false);
	write_transport(writer, event->packet);
	if (event->tunnel)
		writer_call(writer, encode_tuple_tunnel, event->tunnel);
	write_connection(writer, event, &shared);
	if (writer_wants(writer, KEY("attribution")))
		encode_owner_attribution(writer, owner,
		                         is_ip(event->packet) ? ATTRIBUTION_FORWARDED
		                                              : ATTRIBUTION_NO_SOCKET);
	if (event->source && event->destination && writer_wants(writer, KEY("peer")))
		writer_call(writer, encode_owner_peer, event->destination);
	/* Payload comes last, where whoever reads only the front of a line misses nothing else. */
	if (has_data)
		write_packet(writer, event, true);
}

#if WRITER_NARROW
void encode_narrow_packet(struct writer *outside, const struct event *any)
#else
void encode_packet_event(struct writer *outside, const struct event *any)
#endif
{
	struct writer own = writer_own(outside);

	encode_record_open(&own, any);
	write_event(&own, any);
	encode_record_close(&own);
	writer_return(outside, &own);
}
