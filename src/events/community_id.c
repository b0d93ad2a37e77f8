/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/community_id.h"

#include <endian.h>
#include <netinet/in.h>
#include <nettle/sha1.h>
#include <stddef.h>
#include <string.h>

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

static uint8_t *put_be16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
	return to + 2;
}

/* Mapped IPv4 addresses compare like the 4 bytes that are hashed of them. */
static uint8_t *put_address(uint8_t *to, const struct inet_address *address, bool v4)
{
	size_t length = v4 ? 4 : 16;

	memcpy(to, address->bytes + 16 - length, length);
	return to + length;
}

/*
 * The message is short: with its padding (RFC 3174 4: a 1 bit, zeros, its length
 * in 64 bits) it is one block, and one step of nettle's (sha1_compress, as it is called
 * since 3.9), which uses the processor's instructions for it where there are such.
 */
static void hash(uint16_t seed, const struct tuple *tuple, bool v4, bool has_ports, uint8_t *digest)
{
	uint32_t state[] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint8_t block[SHA1_BLOCK_SIZE] = { 0 };
	uint8_t *to = put_be16(block, seed);

	to = put_address(to, &tuple->source, v4);
	to = put_address(to, &tuple->destination, v4);
	*to++ = tuple->protocol;
	*to++ = 0;
	if (has_ports) {
		to = put_be16(to, tuple->source_port);
		to = put_be16(to, tuple->destination_port);
	}
	*to = 0x80;
	block[SHA1_BLOCK_SIZE - 2] = (uint8_t)((to - block) * 8 >> 8);
	block[SHA1_BLOCK_SIZE - 1] = (uint8_t)((to - block) * 8);
	nettle_sha1_compress(state, block);
	for (size_t i = 0; i < sizeof state / sizeof *state; i++) {
		uint32_t word = htobe32(state[i]);

		memcpy(digest + i * sizeof word, &word, sizeof word);
	}
}

void community_id(uint16_t seed, const struct tuple *tuple, bool has_ports, char *text)
{
	community_id_of(seed, tuple, tuple_is_v4(tuple), has_ports, text);
}

void community_id_of(uint16_t seed, const struct tuple *tuple, bool v4, bool has_ports, char *text)
{
	struct tuple ordered = *tuple;
	struct buf out = { .data = text, .capacity = COMMUNITY_ID_SIZE - 1 };
	uint8_t digest[SHA1_DIGEST_SIZE];
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
	hash(seed, &ordered, v4, has_ports, digest);
	buf_append_literal(&out, "1:");
	buf_append_base64(&out, digest, sizeof digest);
	text[out.length] = '\0';
}
