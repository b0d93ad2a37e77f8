/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

/*
 * Keywords of the IANA protocol numbers registry, lower case. Not the file
 * /etc/protocols, so that a name means the same on every host. Others have
 * their number alone.
 */
static const char *const protocols[UINT8_MAX + 1] = {
	[1] = "icmp",  [2] = "igmp",       [4] = "ipv4",   [6] = "tcp",    [17] = "udp",
	[33] = "dccp", [41] = "ipv6",      [46] = "rsvp",  [47] = "gre",   [50] = "esp",
	[51] = "ah",   [58] = "ipv6-icmp", [88] = "eigrp", [89] = "ospf",  [97] = "etherip",
	[103] = "pim", [112] = "vrrp",     [115] = "l2tp", [132] = "sctp", [136] = "udplite",
};

const char *encode_tuple_protocol_name(uint8_t protocol)
{
	return protocols[protocol];
}

void encode_tuple_protocol(struct writer *writer, bool v4, uint8_t protocol)
{
	if (v4)
		writer_literal(writer, "type", "ipv4");
	else
		writer_literal(writer, "type", "ipv6");
	/* IPv6 has hop-by-hop options there, the last thing captured; in IPv4 it is a number. */
	if (protocol == 0 && !v4)
		return;
	writer_name(writer, KEY("transport"), protocols[protocol]);
	writer_decimal(writer, KEY("iana_number"), protocol);
}

static void write_end(struct writer *writer, const char *address, size_t length, uint16_t port,
                      bool has_port)
{
	writer_text(writer, KEY("ip"), address, length);
	if (has_port)
		writer_u64(writer, KEY("port"), port);
}

void encode_tuple_end(struct writer *writer, const struct inet_address *address, uint16_t port,
                      bool has_port)
{
	char text[INET_TEXT_MAX];
	size_t length = inet_format(address, text);

	write_end(writer, text, length, port, has_port);
}

void encode_tuple_end_v6(struct writer *writer, const struct inet_address *address, uint16_t port,
                         bool has_port)
{
	char text[INET_TEXT_MAX];
	size_t length = inet_format_v6(address, text);

	write_end(writer, text, length, port, has_port);
}

static void write_vlan(struct writer *writer, uint16_t id)
{
	writer_object(writer, KEY("vlan"));
	writer_decimal(writer, KEY("id"), id);
	writer_object_end(writer);
}

void encode_tuple_vlans(struct writer *writer, const uint16_t *ids, int count)
{
	write_vlan(writer, ids[0]);
	if (count == 1)
		return;
	writer_object(writer, KEY("inner"));
	write_vlan(writer, ids[1]);
	writer_object_end(writer);
}

void encode_tuple_direction(struct writer *writer, enum connection_direction direction)
{
	switch (direction) {
	case CONNECTION_INGRESS:
		writer_literal(writer, "direction", "ingress");
		break;
	case CONNECTION_EGRESS:
		writer_literal(writer, "direction", "egress");
		break;
	case CONNECTION_DIRECTION_UNKNOWN:
		writer_literal(writer, "direction", "unknown");
		break;
	}
}

static void write_direction(struct writer *writer, enum packet_direction direction)
{
	switch (direction) {
	case PACKET_INGRESS:
		encode_tuple_direction(writer, CONNECTION_INGRESS);
		break;
	case PACKET_EGRESS:
		encode_tuple_direction(writer, CONNECTION_EGRESS);
		break;
	case PACKET_DIRECTION_UNKNOWN:
	case PACKET_OTHERHOST:
		encode_tuple_direction(writer, CONNECTION_DIRECTION_UNKNOWN);
		break;
	}
}

void encode_tuple_write_network(struct writer *writer, const void *object, int which)
{
	uint8_t protocol = (uint8_t)(which >> 4);

	(void)object;
	writer_object(writer, KEY("network"));
	switch ((enum packet_network)(which >> 2 & 3)) {
	case PACKET_IPV4:
		encode_tuple_protocol(writer, true, protocol);
		break;
	case PACKET_IPV6:
		encode_tuple_protocol(writer, false, protocol);
		break;
	case PACKET_ARP:
		writer_literal(writer, "type", "arp");
		break;
	case PACKET_NETWORK_NONE:
		break;
	}
	write_direction(writer, (enum packet_direction)(which & 3));
}

/* As ECS asks: RFC 7042 2.1, upper case with hyphens. */
void encode_tuple_write_mac(struct writer *writer, const void *six_bytes, int piece)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *bytes = six_bytes;
	char text[3 * 6];

	(void)piece;
	for (int i = 0; i < 6; i++) {
		text[3 * i] = digits[bytes[i] >> 4];
		text[3 * i + 1] = digits[bytes[i] & 15];
		text[3 * i + 2] = '-';
	}
	writer_text(writer, KEY("mac"), text, sizeof text - 1);
}

void encode_tuple_observer(struct writer *writer, const char *name, int64_t number)
{
	writer_object(writer, KEY("observer"));
	writer_object(writer, KEY("ingress"));
	writer_object(writer, KEY("interface"));
	if (*name)
		encode_writer_c_string(writer, KEY("name"), name, RAW_INTERFACE_NAME);
	if (number >= 0)
		writer_decimal(writer, KEY("id"), (uint64_t)number);
	writer_object_end(writer);
	writer_object_end(writer);
	writer_object_end(writer);
}

const char *encode_tuple_tunnel_type(enum packet_tunnel type)
{
	static const char *const names[] = {
		[PACKET_MPLS] = "mpls",     [PACKET_PPPOE] = "pppoe", [PACKET_GRE] = "gre",
		[PACKET_ERSPAN] = "erspan", [PACKET_IPIP] = "ipip",   [PACKET_6IN4] = "6in4",
		[PACKET_4IN6] = "4in6",     [PACKET_6IN6] = "6in6",   [PACKET_VXLAN] = "vxlan",
		[PACKET_GENEVE] = "geneve", [PACKET_GTP] = "gtp",     [PACKET_L2TP] = "l2tp",
	};

	return names[type];
}

static void write_outer_end(struct writer *writer, const struct key *key,
                            const struct inet_address *address, uint16_t port, bool has_port)
{
	writer_object(writer, key);
	encode_tuple_end(writer, address, port, has_port);
	writer_object_end(writer);
}

void encode_tuple_tunnel(struct writer *writer, const struct tunnel *tunnel)
{
	const struct tuple *outer = &tunnel->outer;
	bool has_ports = inet_has_ports(outer->protocol);

	writer_object(writer, KEY("tunnel"));
	writer_name(writer, KEY("type"), encode_tuple_tunnel_type(tunnel->type));
	if (tunnel->has_id)
		writer_decimal(writer, KEY("id"), tunnel->id);
	if (tunnel->depth > 1)
		writer_u64(writer, KEY("depth"), tunnel->depth);
	if (tunnel->has_outer) {
		write_outer_end(writer, KEY("source"), &outer->source, outer->source_port,
		                has_ports);
		write_outer_end(writer, KEY("destination"), &outer->destination,
		                outer->destination_port, has_ports);
	}
	if (tunnel->ifindex > 0) {
		writer_object(writer, KEY("interface"));
		writer_decimal(writer, KEY("id"), tunnel->ifindex);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}
