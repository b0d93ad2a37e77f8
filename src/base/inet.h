/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet addresses and 5-tuples in one canonical form.
 *
 * Every address is 16 bytes in network byte order; IPv4 is stored IPv4-mapped
 * (::ffff:a.b.c.d, RFC 4291 2.5.5.2). So a dual-stack socket, which the kernel
 * reports with mapped addresses, and the IPv4 packet that belongs to it have
 * the same tuple without further thought.
 */
#ifndef SOCKLINE_BASE_INET_H
#define SOCKLINE_BASE_INET_H

#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"

#define INET_TEXT_MAX 46 /* longest text with its NUL, as INET6_ADDRSTRLEN */

struct inet_address {
	uint8_t bytes[16];
};

/*
 * No padding, so that it can be hashed and compared as bytes: reserved stays 0.
 * For packets and connections source -> destination; for sockets the source is
 * the local end. Ports are in host byte order; 0 where the protocol has none.
 */
struct tuple {
	struct inet_address source;
	struct inet_address destination;
	uint16_t source_port;
	uint16_t destination_port;
	uint8_t protocol; /* IPPROTO_*, the number in the IP header */
	uint8_t reserved[3];
};

void inet_from_v4(struct inet_address *address, const void *four_bytes);
void inet_from_v6(struct inet_address *address, const void *sixteen_bytes);

/* TCP, UDP, UDP-Lite, SCTP and DCCP: two ports begin the header. */
static inline bool inet_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

/* Its addresses mean something on one link alone: another link may have the same. */
bool tuple_is_of_link(const struct tuple *tuple);
bool inet_is_unspecified(const struct inet_address *address); /* 0.0.0.0 or :: */
bool inet_is_loopback(const struct inet_address *address);    /* 127/8 or ::1 */
bool inet_is_multicast(const struct inet_address *address);   /* 224/4 or ff00::/8 */

/* Parses IPv4 or IPv6 text. False when it is neither; *address then unchanged. */
bool inet_parse(const char *text, struct inet_address *address);

/*
 * Writes dotted quad, or IPv6 in the form of RFC 5952, with a NUL; text holds
 * INET_TEXT_MAX bytes. Returns the length without the NUL. No library call:
 * it runs once or twice for every connection.
 */
size_t inet_format(const struct inet_address *address, char *text);
/* As IPv6 also when it is mapped, then in hexadecimal: ::ffff:a00:1. */
size_t inet_format_v6(const struct inet_address *address, char *text);

/* Comparing costs a packet less than a call. */

static inline bool inet_is_v4(const struct inet_address *address) /* mapped, see above */
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, prefix, sizeof prefix) == 0;
}

static inline bool inet_equal(const struct inet_address *a, const struct inet_address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The same address, as far as both are known: one that is unspecified may be any. */
static inline bool inet_may_equal(const struct inet_address *a, const struct inet_address *b)
{
	return inet_equal(a, b) || inet_is_unspecified(a) || inet_is_unspecified(b);
}

/* True when both addresses are IPv4. */
static inline bool tuple_is_v4(const struct tuple *tuple)
{
	return inet_is_v4(&tuple->source) && inet_is_v4(&tuple->destination);
}

static inline bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* The same tuple seen from the other end. */
static inline struct tuple tuple_reverse(const struct tuple *tuple)
{
	return (struct tuple){
		.source = tuple->destination,
		.destination = tuple->source,
		.source_port = tuple->destination_port,
		.destination_port = tuple->source_port,
		.protocol = tuple->protocol,
	};
}

static inline bool tuple_is_reverse(const struct tuple *a, const struct tuple *b)
{
	return inet_equal(&a->source, &b->destination) && inet_equal(&a->destination, &b->source) &&
	       a->source_port == b->destination_port && a->destination_port == b->source_port &&
	       a->protocol == b->protocol;
}

/*
 * An order of the two ends: of a tuple and its reverse just one is before, unless they
 * are equal. As memcmp does, of addresses and then ports.
 */
static inline bool tuple_is_before(const struct tuple *tuple)
{
	uint64_t source[2], destination[2];

	memcpy(source, &tuple->source, sizeof source);
	memcpy(destination, &tuple->destination, sizeof destination);
	for (int i = 0; i < 2; i++)
		if (source[i] != destination[i])
			return be64toh(source[i]) < be64toh(destination[i]);
	return tuple->source_port < tuple->destination_port;
}

/* The hash of one direction in one network namespace. */
static inline uint64_t tuple_hash(const struct hash_key *hash_key, uint32_t netns,
                                  const struct tuple *tuple)
{
	const struct {
		struct tuple tuple;
		uint32_t netns;
	} bytes = { *tuple, netns };

	return hash_siphash(hash_key, &bytes, sizeof bytes, 1, 3);
}

#endif
