/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/flow_key.h"

/* First: musl's asks the kernel's headers to leave out what it has itself. */
#include <netinet/in.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include "connections/connection.h"
#include "events/community_id.h"

enum {
	ICMP_ROUTER_ADVERTISEMENT = 9,     /* RFC 1256 */
	ICMPV6_ROUTER_ADVERTISEMENT = 134, /* RFC 4861 4.2 */
};

static bool is_icmp(const struct packet *packet)
{
	return packet->tuple.protocol == IPPROTO_ICMP || packet->tuple.protocol == IPPROTO_ICMPV6;
}

static bool is_whole_ip(const struct packet *packet)
{
	return (packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6) &&
	       !packet->is_later_fragment;
}

bool flow_key_of(const struct packet *packet, struct tuple *key)
{
	if (!is_whole_ip(packet))
		return false;
	*key = packet->tuple;
	if (inet_has_ports(packet->tuple.protocol))
		return packet->has_ports;
	if (is_icmp(packet)) {
		key->source_port = packet->icmp_id;
		key->destination_port = packet->icmp_id;
		return packet->has_icmp_id;
	}
	return packet->status == DECODE_OK;
}

uint32_t flow_key_lane(const struct packet *packet)
{
	uint32_t lane = packet_lane(packet);

	if (packet->tunnel_lane == 0 && packet->network == PACKET_IPV6 &&
	    (inet_is_v4(&packet->tuple.source) || inet_is_v4(&packet->tuple.destination)))
		lane |= CONNECTION_LANE_MAPPED;
	return lane;
}

static bool is_reply(const struct packet *packet)
{
	if (packet->tuple.protocol == IPPROTO_ICMP)
		return packet->icmp_type == ICMP_ECHOREPLY ||
		       packet->icmp_type == ICMP_TIMESTAMPREPLY ||
		       packet->icmp_type == ICMP_INFO_REPLY ||
		       packet->icmp_type == ICMP_ADDRESSREPLY;
	return packet->icmp_type == ICMPV6_ECHO_REPLY;
}

bool flow_key_is_refusal(const struct packet *packet)
{
	return packet->has_tcp && packet->tcp_sequence == 0 &&
	       (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_ACK)) ==
	               (TCP_FLAG_RST | TCP_FLAG_ACK);
}

enum flow_key_sender flow_key_sender(const struct packet *packet)
{
	if (is_icmp(packet))
		return is_reply(packet) ? FLOW_KEY_RESPONDER : FLOW_KEY_INITIATOR;
	if (!packet->has_tcp)
		return FLOW_KEY_INITIATOR;
	if (flow_key_is_refusal(packet))
		return FLOW_KEY_RESPONDER;
	if (!(packet->tcp_flags & TCP_FLAG_SYN))
		return FLOW_KEY_UNKNOWN;
	return packet->tcp_flags & TCP_FLAG_ACK ? FLOW_KEY_RESPONDER : FLOW_KEY_INITIATOR;
}

static bool is_v4(const struct packet *packet)
{
	return packet->tuple.protocol == IPPROTO_ICMP;
}

static bool is_of_destination(const struct packet *packet)
{
	return packet->icmp_type == (is_v4(packet) ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH);
}

static bool is_of_header(const struct packet *packet)
{
	return packet->icmp_type == (is_v4(packet) ? ICMP_PARAMETERPROB : ICMPV6_PARAMPROB);
}

static bool is_of_time(const struct packet *packet)
{
	return packet->icmp_type == (is_v4(packet) ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEED);
}

bool flow_key_is_error(const struct packet *packet)
{
	return packet->has_icmp_inner &&
	       (is_of_destination(packet) || is_of_header(packet) || is_of_time(packet) ||
	        (!is_v4(packet) && packet->icmp_type == ICMPV6_PKT_TOOBIG));
}

bool flow_key_is_message(const struct packet *packet)
{
	return is_whole_ip(packet) && is_icmp(packet) && packet->has_icmp && !packet->has_icmp_id &&
	       !flow_key_is_error(packet);
}

bool flow_key_is_by_hand(const struct packet *packet)
{
	return flow_key_is_message(packet) &&
	       packet->icmp_type ==
	               (is_v4(packet) ? ICMP_ROUTER_ADVERTISEMENT : ICMPV6_ROUTER_ADVERTISEMENT);
}

bool flow_key_error_is_final(const struct packet *packet)
{
	return is_of_destination(packet) || is_of_header(packet);
}

bool flow_key_error_is_of_host(const struct packet *packet)
{
	return is_of_destination(packet) &&
	       packet->icmp_code == (is_v4(packet) ? ICMP_HOST_UNREACH : ICMPV6_ADDR_UNREACH);
}

enum connection_reason flow_key_error(const struct packet *packet)
{
	bool v4 = is_v4(packet);

	if (!packet->has_icmp_inner)
		return CONNECTION_REASON_NONE;
	if (is_of_time(packet) || is_of_header(packet))
		return CONNECTION_UNREACHABLE;
	if (!is_of_destination(packet) || (v4 && packet->icmp_code == ICMP_FRAG_NEEDED))
		return CONNECTION_REASON_NONE;
	if (v4 ? packet->icmp_code == ICMP_PORT_UNREACH || packet->icmp_code == ICMP_PROT_UNREACH
	       : packet->icmp_code == ICMPV6_PORT_UNREACH)
		return CONNECTION_REFUSED;
	return CONNECTION_UNREACHABLE;
}

bool flow_key_has_community_id(const struct packet *packet)
{
	if (!is_whole_ip(packet))
		return false;
	if (inet_has_ports(packet->tuple.protocol))
		return packet->has_ports;
	if (is_icmp(packet))
		return packet->has_icmp;
	return packet->status == DECODE_OK;
}

void flow_key_community_id(const struct packet *packet, uint16_t seed, char *text)
{
	struct tuple tuple = packet->tuple;
	/* The specification hashes ports for TCP, UDP, SCTP and ICMP, not for UDP-Lite. */
	bool has_ports = inet_has_ports(tuple.protocol) && tuple.protocol != IPPROTO_UDPLITE;

	if (is_icmp(packet)) {
		tuple.source_port = packet->icmp_type;
		tuple.destination_port = packet->icmp_code;
		has_ports = true;
	}
	community_id_of(seed, &tuple, packet->network == PACKET_IPV4, has_ports, text);
}
