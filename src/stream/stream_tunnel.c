/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream_tunnel.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "decode/decode_tunnel.h"
#include "connections/connection_tunnel.h"
#include "sockets/listener_table.h"
#include "stream/flow_key.h"
#include "stream/locality.h"

/* The same in both directions, whatever the ports are: of VXLAN and Geneve they are a hash. */
static bool is_by_addresses(enum packet_tunnel type)
{
	/* A virtual network has one number wherever it goes. */
	return type != PACKET_VXLAN && type != PACKET_GENEVE;
}

/* Each direction of GTP and of L2TP has a number of its own. */
static bool is_by_id(enum packet_tunnel type)
{
	return type != PACKET_GTP && type != PACKET_L2TP;
}

static uint32_t lane_of(const struct stream *stream, const struct packet *inner,
                        const struct packet *outer)
{
	struct {
		struct inet_address ends[2];
		uint32_t type, id, above, vlans;
	} key = { .type = inner->tunnel, .above = outer->tunnel_lane };
	bool in_order = tuple_is_before(&outer->tuple);

	if (is_by_id(inner->tunnel))
		key.id = inner->tunnel_id;
	if (is_by_addresses(inner->tunnel)) {
		key.ends[!in_order] = outer->tuple.source;
		key.ends[in_order] = outer->tuple.destination;
	}
	key.vlans = flow_key_lane(inner);
	return CONNECTION_LANE_TUNNEL | (key.vlans & CONNECTION_LANE_MAPPED) |
	       ((uint32_t)hash_bytes(&stream->options.id_key, &key, sizeof key) &
	        ~CONNECTION_LANE_MAPPED);
}

/* A socket of this namespace has the port; kernel's are among them. */
static bool has_socket(const struct attribution_namespace *namespace, const struct packet *outer,
                       const struct locality *locality)
{
	const struct tuple *tuple = &outer->tuple;
	uint16_t port = locality->destination ? tuple->destination_port : tuple->source_port;
	size_t count = 0;

	return tuple->protocol == IPPROTO_UDP && namespace->udp_listeners &&
	       listener_table_port(namespace->udp_listeners, port, &count) && count > 0;
}

enum end { ENDS_ELSEWHERE, ENDS_IN_INTERFACE, ENDS_IN_SOCKET };

static enum end end_of(const struct stream *stream, const struct packet *outer,
                       struct packet *inner)
{
	const struct attribution_namespace *namespace;
	const struct interface *interface;
	struct locality locality;

	if (!stream->options.attribution || outer->tunnel_lane != 0)
		return ENDS_ELSEWHERE;
	namespace = attribution_find_namespace(stream->options.attribution, outer->netns);
	if (!namespace)
		return ENDS_ELSEWHERE;
	locality = locality_of(namespace->interfaces, outer,
	                       clock_step_monotonic_ns(&stream->clock, outer->time_ns));
	if (!locality.source && !locality.destination)
		return ENDS_ELSEWHERE;
	interface = interfaces_find_tunnel(namespace->interfaces, inner, &outer->tuple);
	if (!interface)
		return has_socket(namespace, outer, &locality) ? ENDS_IN_SOCKET : ENDS_ELSEWHERE;
	inner->ends_here = true;
	inner->is_shown = stream->options.sees_all;
	inner->ifindex = interface->ifindex;
	return ENDS_IN_INTERFACE;
}

int stream_tunnel_open(const struct stream *stream, struct packet layers[STREAM_LAYERS_MAX],
                       const uint8_t *bytes)
{
	int last = 0;

	while (last + 1 < STREAM_LAYERS_MAX &&
	       decode_tunnel(&layers[last], bytes, &layers[last + 1])) {
		enum end end = end_of(stream, &layers[last], &layers[last + 1]);

		if (end == ENDS_IN_SOCKET)
			break;
		if (end == ENDS_ELSEWHERE)
			layers[last + 1].tunnel_lane =
				lane_of(stream, &layers[last + 1], &layers[last]);
		layers[last++].is_outer = true;
		/* What is in that one in turn, its interface shows. */
		if (layers[last].is_shown)
			break;
	}
	/* Other programs' files do not say of which of them the owner is that they state. */
	if (!layers[0].owners.has_depth && last > 0)
		layers[0].owners = (struct packet_owners){ 0 };
	for (int i = 1; i <= last; i++)
		layers[i].owners = layers[0].owners;
	return last + 1;
}

void stream_tunnel_found(struct connection *connection, enum connection_end from,
                         const struct packet *packet, const struct packet *outer,
                         struct connection *outer_connection)
{
	struct connection_tunnel *tunnel;

	if (outer_connection)
		outer_connection->carries = packet->tunnel;
	if (!connection || connection->tunnel)
		return;
	tunnel = connection->tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		return;
	tunnel->tunnel = tunnel_of(packet, outer);
	if (from == CONNECTION_DESTINATION)
		tunnel->tunnel.outer = tuple_reverse(&tunnel->tunnel.outer);
	if (outer_connection)
		tunnel->outer_id = outer_connection->id;
	for (int i = 0; i < packet->vlan_count; i++)
		tunnel->vlans[i] = packet->vlans[i];
	tunnel->vlan_count = packet->vlan_count;
}
