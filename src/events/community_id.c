/* SPDX-License-Identifier: Apache-2.0 */
#include "events/community_id.h"

#include <netinet/in.h>
#include <sha1.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#include "base/buf.h"

/* Types that are request and answer of each other; any other message goes one way. */
struct pair {
	uint8_t request, answer;
};

static const struct pair icmp_pairs[] = {
	{ 8, 0 }, { 10, 9 }, { 13, 14 }, { 15, 16 }, { 17, 18 },
};
static const struct pair icmp6_pairs[] = {
	{ 128, 129 }, { 130, 131 }, { 133, 134 }, { 135, 136 }, { 139, 140 }, { 144, 145 },
};

/* False: none. */
static bool counterpart(const struct pair *pairs, size_t count, uint16_t type, uint16_t *other)
{
	for (size_t i = 0; i < count; i++) {
		if (type == pairs[i].request || type == pairs[i].answer) {
			*other = type == pairs[i].request ? pairs[i].answer : pairs[i].request;
			return true;
		}
	}
	return false;
}

/* Numbers, not memory: on loopback the addresses are equal and the ports decide. */
static bool in_order(const struct tuple *tuple)
{
	int order = memcmp(&tuple->source, &tuple->destination, sizeof tuple->source);

	return order < 0 || (order == 0 && tuple->source_port <= tuple->destination_port);
}

static void add_be16(SHA1_CTX *sha1, uint16_t value)
{
	uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	SHA1Update(sha1, bytes, sizeof bytes);
}

/* Mapped IPv4 addresses compare like the 4 bytes that are hashed of them. */
static void add_address(SHA1_CTX *sha1, const struct inet_address *address, bool v4)
{
	if (v4)
		SHA1Update(sha1, address->bytes + 12, 4);
	else
		SHA1Update(sha1, address->bytes, 16);
}

static void hash(uint16_t seed, const struct tuple *tuple, bool has_ports, uint8_t *digest)
{
	uint8_t protocol[2] = { tuple->protocol, 0 };
	bool v4 = tuple_is_v4(tuple);
	SHA1_CTX sha1;

	SHA1Init(&sha1);
	add_be16(&sha1, seed);
	add_address(&sha1, &tuple->source, v4);
	add_address(&sha1, &tuple->destination, v4);
	SHA1Update(&sha1, protocol, sizeof protocol);
	if (has_ports) {
		add_be16(&sha1, tuple->source_port);
		add_be16(&sha1, tuple->destination_port);
	}
	SHA1Final(digest, &sha1);
}

void community_id(uint16_t seed, const struct tuple *tuple, bool has_ports, char *text)
{
	struct tuple ordered = *tuple;
	struct buf out = { .data = text, .capacity = COMMUNITY_ID_SIZE - 1 };
	uint8_t digest[SHA1_DIGEST_LENGTH];
	bool one_way = false;

	switch (tuple->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		break;
	case IPPROTO_ICMP:
		one_way = !counterpart(icmp_pairs, sizeof icmp_pairs / sizeof *icmp_pairs,
		                       tuple->source_port, &ordered.destination_port);
		break;
	case IPPROTO_ICMPV6:
		one_way = !counterpart(icmp6_pairs, sizeof icmp6_pairs / sizeof *icmp6_pairs,
		                       tuple->source_port, &ordered.destination_port);
		break;
	default:
		has_ports = false;
		break;
	}
	if (!has_ports)
		ordered.source_port = ordered.destination_port = 0;
	if (!(one_way && has_ports) && !in_order(&ordered))
		ordered = tuple_reverse(&ordered);
	hash(seed, &ordered, has_ports, digest);
	buf_append_literal(&out, "1:");
	buf_append_base64(&out, digest, sizeof digest);
	text[out.length] = '\0';
}
