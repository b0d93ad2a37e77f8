/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What few packets have. */
#include "events/encode_parts.h"

/* Names as pcap_datalink_val_to_name(3PCAP) gives them; numbers are those of LINKTYPE_ on Linux. */
static const struct {
	int number;
	const char *name;
} link_types[] = {
	{ 0, "NULL" },
	{ 1, "EN10MB" },
	{ 6, "IEEE802" },
	{ 9, "PPP" },
	{ 10, "FDDI" },
	{ 12, "RAW" },
	{ 50, "PPP_SERIAL" },
	{ 51, "PPP_ETHER" },
	{ 104, "C_HDLC" },
	{ 105, "IEEE802_11" },
	{ 107, "FRELAY" },
	{ 108, "LOOP" },
	{ 113, "LINUX_SLL" },
	{ 127, "IEEE802_11_RADIO" },
	{ 187, "BLUETOOTH_HCI_H4" },
	{ 189, "USB_LINUX" },
	{ 220, "USB_LINUX_MMAPPED" },
	{ 227, "CAN_SOCKETCAN" },
	{ 228, "IPV4" },
	{ 229, "IPV6" },
	{ 239, "NFLOG" },
	{ 253, "NETLINK" },
	{ 258, "PKTAP" },
	{ 276, "LINUX_SLL2" },
};

static const char *link_type_name(int number)
{
	for (size_t i = 0; i < sizeof link_types / sizeof *link_types; i++) {
		if (link_types[i].number == number)
			return link_types[i].name;
	}
	return NULL;
}

static const char *const statuses[] = {
	[DECODE_TRUNCATED] = "truncated",
	[DECODE_MALFORMED] = "malformed",
	[DECODE_UNSUPPORTED] = "unsupported",
};

void encode_packet_address(struct writer *writer, const struct packet *packet,
                           enum connection_end end)
{
	const struct tuple *tuple = &packet->tuple;
	bool source = end == CONNECTION_SOURCE;
	const struct inet_address *address = source ? &tuple->source : &tuple->destination;
	uint16_t port = source ? tuple->source_port : tuple->destination_port;

	if (packet->network == PACKET_IPV6)
		encode_tuple_end_v6(writer, address, port, packet->has_ports);
	else
		encode_tuple_end(writer, address, port, packet->has_ports);
}

/* For packets whose network layer does not say it all. */
void encode_packet_link(struct writer *writer, const struct packet *packet)
{
	const char *name = link_type_name(packet->link_type);
	char ether_type[6] = "0x";
	struct buf digits = { .data = ether_type + 2, .capacity = 4 };

	writer_name(writer, KEY("decode"), statuses[packet->status]);
	if (name)
		writer_name(writer, KEY("link_type"), name);
	else
		writer_decimal(writer, KEY("link_type"), (uint64_t)packet->link_type);
	if (packet->ether_type > 0) {
		buf_append_hex(&digits, packet->ether_type, 4);
		writer_text(writer, KEY("ether_type"), ether_type, sizeof ether_type);
	}
}

void encode_packet_data(struct writer *writer, const struct event_packet *event)
{
	uint32_t length = event->payload_length;

	if (length > EVENT_PAYLOAD_MAX)
		length = EVENT_PAYLOAD_MAX;
	if (length < event->packet->payload)
		encode_writer_bool(writer, KEY("data_truncated"), true);
	encode_writer_base64(writer, KEY("data"), event->payload, length);
}

void encode_packet_icmp(struct writer *writer, const struct packet *packet)
{
	writer_object(writer, KEY("icmp"));
	writer_u64(writer, KEY("type"), packet->icmp_type);
	writer_u64(writer, KEY("code"), packet->icmp_code);
	if (packet->has_icmp_id)
		writer_u64(writer, KEY("id"), packet->icmp_id);
	writer_object_end(writer);
}

void encode_packet_arp(struct writer *writer, const struct packet *packet)
{
	writer_object(writer, KEY("arp"));
	writer_u64(writer, KEY("operation"), packet->arp_operation);
	writer_object_end(writer);
}

void encode_packet_fragment(struct writer *writer, const struct packet *packet)
{
	writer_object(writer, KEY("fragment"));
	if (packet->has_fragment_id)
		writer_u64(writer, KEY("id"), packet->fragment_id);
	writer_u64(writer, KEY("offset"), packet->fragment_offset);
	writer_object_end(writer);
}
