/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every decoded packet, however broken it was; for tests and fuzzers. */
#ifndef SOCKLINE_TESTS_DECODE_SANE_H
#define SOCKLINE_TESTS_DECODE_SANE_H

#include <string.h>

#include "decode/packet.h"

static inline bool decode_is_sane(const struct packet *packet)
{
	bool is_ip = packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6;
	uint64_t payload_end = (uint64_t)packet->payload_offset + packet->payload;

	return packet->captured <= packet->length && packet->ip_length <= packet->length &&
	       packet->payload <= packet->ip_length && payload_end <= packet->length &&
	       packet->vlan_count <= PACKET_VLANS_MAX &&
	       (is_ip || (packet->ip_length == 0 && packet->tuple.protocol == 0)) &&
	       (!packet->is_fragment || packet->has_fragment_id) &&
	       (!packet->is_later_fragment || (packet->is_fragment && !packet->has_ports)) &&
	       (packet->has_ports || packet->tuple.source_port == 0) &&
	       (!packet->has_tcp || (packet->has_ports && packet->tuple.protocol == 6)) &&
	       (!packet->has_icmp_id || packet->has_icmp) &&
	       (!packet->has_icmp_inner || packet->has_icmp);
}

/* To the byte, which is fair: decode_packet clears the padding too. */
static inline bool decode_is_same(const struct packet *a, const struct packet *b)
{
	return memcmp((const char *)a, (const char *)b, sizeof(*a)) == 0;
}

/*
 * prefix was decoded from the first bytes of what gave whole, with the same
 * length on the wire: it may know less, and nothing else.
 */
static inline bool decode_is_prefix(const struct packet *prefix, const struct packet *whole)
{
	const struct tuple *some = &prefix->tuple, *all = &whole->tuple;

	if (prefix->status != whole->status && prefix->status != DECODE_TRUNCATED)
		return false;
	if (prefix->has_mac && memcmp(prefix->source_mac, whole->source_mac, 6) != 0)
		return false;
	if (prefix->vlan_count > whole->vlan_count)
		return false;
	if (prefix->network != PACKET_NETWORK_NONE && prefix->network != whole->network)
		return false;
	if ((prefix->network == PACKET_IPV4 || prefix->network == PACKET_IPV6) &&
	    (!inet_equal(&some->source, &all->source) || prefix->ttl != whole->ttl ||
	     !inet_equal(&some->destination, &all->destination)))
		return false;
	if (prefix->ip_length != 0 && prefix->ip_length != whole->ip_length)
		return false;
	if (prefix->has_ports && !(whole->has_ports && tuple_equal(some, all)))
		return false;
	if (prefix->has_tcp && !(whole->has_tcp && prefix->tcp_flags == whole->tcp_flags &&
	                         prefix->tcp_sequence == whole->tcp_sequence &&
	                         prefix->tcp_window == whole->tcp_window))
		return false;
	if (prefix->has_icmp && !(whole->has_icmp && prefix->icmp_type == whole->icmp_type &&
	                          prefix->icmp_code == whole->icmp_code))
		return false;
	if (prefix->has_icmp_id && !(whole->has_icmp_id && prefix->icmp_id == whole->icmp_id))
		return false;
	if (prefix->has_icmp_inner &&
	    !(whole->has_icmp_inner && tuple_equal(&prefix->icmp_inner, &whole->icmp_inner)))
		return false;
	return prefix->payload == 0 || (prefix->payload == whole->payload &&
	                                prefix->payload_offset == whole->payload_offset);
}

#endif
