/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

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

void encode_tuple_protocol(struct writer *writer, bool v4, uint8_t protocol)
{
	if (v4)
		writer_literal(writer, "type", "ipv4");
	else
		writer_literal(writer, "type", "ipv6");
	/* Not known, or hop-by-hop options were the last thing captured. */
	if (protocol == 0)
		return;
	writer_name(writer, KEY("transport"), protocols[protocol]);
	writer_decimal(writer, KEY("iana_number"), protocol);
}

bool encode_tuple_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP;
}

void encode_tuple_end(struct writer *writer, const struct inet_address *address, uint16_t port,
                      bool has_port)
{
	char text[INET_TEXT_MAX];
	size_t length = inet_format(address, text);

	writer_text(writer, KEY("ip"), text, length);
	if (has_port)
		writer_u64(writer, KEY("port"), port);
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

/* As ECS asks: RFC 7042 2.1, upper case with hyphens. */
static void format_mac(const uint8_t *six_bytes, char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (int i = 0; i < 6; i++) {
		text[3 * i] = digits[six_bytes[i] >> 4];
		text[3 * i + 1] = digits[six_bytes[i] & 15];
		if (i < 5)
			text[3 * i + 2] = '-';
	}
}

void encode_tuple_mac(struct writer *writer, const uint8_t *six_bytes)
{
	unsigned slot = (six_bytes[5] ^ six_bytes[4]) % MAC_MEMOS;
	struct mac_memo *memo = &writer->encoder->macs[slot];

	if (memcmp(memo->address, six_bytes, sizeof memo->address) != 0) {
		memcpy(memo->address, six_bytes, sizeof memo->address);
		format_mac(six_bytes, memo->text);
	}
	writer_text(writer, KEY("mac"), memo->text, sizeof memo->text);
}

void encode_tuple_observer(struct writer *writer, const char *name, uint32_t ifindex)
{
	writer_object(writer, KEY("observer"));
	writer_object(writer, KEY("ingress"));
	writer_object(writer, KEY("interface"));
	encode_writer_c_string(writer, KEY("name"), name, RAW_INTERFACE_NAME);
	if (ifindex > 0)
		writer_decimal(writer, KEY("id"), ifindex);
	writer_object_end(writer);
	writer_object_end(writer);
	writer_object_end(writer);
}
