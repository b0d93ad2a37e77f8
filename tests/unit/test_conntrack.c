/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What an entry of connection tracking says of the socket behind a packet's addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "check.h"
#include "sockets/conntrack.h"

struct message {
	_Alignas(4) char bytes[1024];
	size_t length;
};

static void put(struct message *message, uint16_t type, const void *data, size_t size)
{
	struct nlattr header = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type };

	memcpy(message->bytes + message->length, &header, sizeof header);
	memcpy(message->bytes + message->length + NLA_HDRLEN, data, size);
	message->length += NLA_ALIGN(NLA_HDRLEN + size);
}

static void put_tuple(struct message *message, uint16_t type, const struct tuple *tuple)
{
	struct message addresses = { .length = 0 }, ports = { .length = 0 }, nest = { .length = 0 };
	bool v4 = tuple_is_v4(tuple);
	size_t size = v4 ? 4 : 16;
	uint16_t source = htons(tuple->source_port), destination = htons(tuple->destination_port);

	put(&addresses, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple->source.bytes + 16 - size, size);
	put(&addresses, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple->destination.bytes + 16 - size,
	    size);
	put(&ports, CTA_PROTO_NUM, &tuple->protocol, 1);
	put(&ports, CTA_PROTO_SRC_PORT, &source, sizeof source);
	put(&ports, CTA_PROTO_DST_PORT, &destination, sizeof destination);
	put(&nest, CTA_TUPLE_IP | NLA_F_NESTED, addresses.bytes, addresses.length);
	put(&nest, CTA_TUPLE_PROTO | NLA_F_NESTED, ports.bytes, ports.length);
	put(message, type | NLA_F_NESTED, nest.bytes, nest.length);
}

static struct message entry(const struct tuple *original, const struct tuple *reply)
{
	struct message message = { .length = NLMSG_ALIGN(sizeof(struct nfgenmsg)) };

	put_tuple(&message, CTA_TUPLE_ORIG, original);
	put_tuple(&message, CTA_TUPLE_REPLY, reply);
	return message;
}

static struct tuple tuple_of(const char *source, uint16_t source_port, const char *destination,
                             uint16_t destination_port)
{
	struct tuple tuple = {
		.source_port = source_port,
		.destination_port = destination_port,
		.protocol = IPPROTO_TCP,
	};

	inet_parse(source, &tuple.source);
	inet_parse(destination, &tuple.destination);
	return tuple;
}

static void check_parse(const char *name, const struct tuple *original, const struct tuple *reply,
                        const struct tuple *wire, const struct tuple *expected)
{
	struct message message = entry(original, reply);
	struct tuple socket = { .protocol = 0 };
	int result = conntrack_parse(message.bytes, message.length, wire, &socket);

	CHECK_EQUAL(result, expected ? 0 : -ENOENT, "%s", name);
	CHECK(!expected || tuple_equal(&socket, expected), "%s: the socket's tuple", name);
}

static void test_translations(void)
{
	struct tuple original = tuple_of("10.0.0.1", 4000, "198.51.100.1", 80);
	struct tuple reply = tuple_of("10.0.0.2", 8080, "10.0.0.1", 4000);
	struct tuple wire = tuple_reverse(&reply), other = tuple_of("10.0.0.3", 1, "10.0.0.1", 2);

	check_parse("what a process sends is rewritten", &original, &reply, &wire, &original);
	check_parse("what comes to a port is redirected", &original, &reply,
	            &(struct tuple){
			    original.destination, original.source, 80, 4000, IPPROTO_TCP, { 0 } },
	            &reply);
	check_parse("an entry of another connection", &original, &reply, &other, NULL);
	reply = tuple_reverse(&original);
	check_parse("nothing is translated", &original, &reply, &original, NULL);
	original = tuple_of("fd00::1", 4000, "fd00::80", 80);
	reply = tuple_of("fd00::2", 80, "fd00::1", 4000);
	wire = tuple_reverse(&reply);
	check_parse("IPv6", &original, &reply, &wire, &original);
}

static void test_cut_answers(void)
{
	struct tuple original = tuple_of("10.0.0.1", 4000, "198.51.100.1", 80);
	struct tuple reply = tuple_of("10.0.0.2", 8080, "10.0.0.1", 4000), socket;
	struct tuple wire = tuple_reverse(&reply);
	struct message message = entry(&original, &reply);
	int found = 0;

	for (size_t length = 0; length < message.length; length++)
		found += conntrack_parse(message.bytes, length, &wire, &socket) == 0;
	CHECK_EQUAL(found, 0, "an answer that is cut says nothing");
}

int main(void)
{
	test_translations();
	test_cut_answers();
	return check_done();
}
