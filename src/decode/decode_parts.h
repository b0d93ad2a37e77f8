/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to decode*.c: the three layers of the decoder and the one way in
 * which they read. Each layer begins at cursor->offset and leaves there the
 * offset of what follows.
 */
#ifndef SOCKLINE_DECODE_DECODE_PARTS_H
#define SOCKLINE_DECODE_DECODE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/packet.h"

struct decode_cursor {
	const uint8_t *bytes;
	size_t offset;    /* of the next header; never above limit */
	size_t limit;     /* readable bytes: captured, and not behind the datagram's end */
	size_t end;       /* where the headers so far say the data ends; may be above wire */
	size_t wire;      /* bytes on the wire */
	unsigned headers; /* that may still be followed */
	const struct packet_tag *tag; /* not among the bytes; NULL = none */
};

/* What follows the link header. ARP and IP by EtherType, whatever the link type. */
#define DECODE_ETHER_NONE 0 /* nothing that is decoded */
#define DECODE_ETHER_IPV4 0x0800
#define DECODE_ETHER_ARP  0x0806
#define DECODE_ETHER_IPV6 0x86dd
/* On the way there. */
#define DECODE_ETHER_VLAN     0x8100 /* 802.1Q */
#define DECODE_ETHER_SERVICE  0x88a8 /* 802.1ad */
#define DECODE_ETHER_QINQ     0x9100 /* the same before there was a standard */
#define DECODE_ETHER_TYPE_MIN 1536   /* smaller numbers are 802.3 lengths and the like */

/* Every status but DECODE_OK means that there is nothing for the next layer. */
enum decode_status decode_link(struct decode_cursor *cursor, int link_type, struct packet *packet,
                               uint16_t *ether_type);
/* From packet->ether_type, just read, through tags to the one that names the network protocol. */
enum decode_status decode_link_ether_type(struct decode_cursor *cursor, struct packet *packet,
                                          uint16_t *ether_type);
/* From an 802.2 header on. */
enum decode_status decode_link_snap(struct decode_cursor *cursor, struct packet *packet,
                                    uint16_t *ether_type);
enum decode_status decode_link_ppp(struct decode_cursor *cursor, struct packet *packet,
                                   uint16_t *ether_type);
/* Labels, and what follows them. */
enum decode_status decode_encapsulation_mpls(struct decode_cursor *cursor, struct packet *packet,
                                             uint16_t *ether_type);
/* The rarer link types. */
enum decode_status decode_encapsulation(struct decode_cursor *cursor, int link_type,
                                        struct packet *packet, uint16_t *ether_type);
/* The cooked headers. */
enum decode_status decode_cooked_sll(struct decode_cursor *cursor, struct packet *packet,
                                     uint16_t *ether_type);
enum decode_status decode_cooked_sll2(struct decode_cursor *cursor, struct packet *packet,
                                      uint16_t *ether_type);
enum decode_status decode_network(struct decode_cursor *cursor, uint16_t ether_type,
                                  struct packet *packet);
/* Only after IPv4 and IPv6. */
enum decode_status decode_transport(struct decode_cursor *cursor, struct packet *packet);

/* The bounds check: size readable bytes at the cursor, or NULL. Does not move. */
static inline const uint8_t *decode_fetch(const struct decode_cursor *cursor, size_t size)
{
	return size <= cursor->limit - cursor->offset ? cursor->bytes + cursor->offset : NULL;
}

/*
 * Why a fetch of size bytes failed: they were there but not captured, or no
 * room was left for them. In a fragment there need not be: the rest may follow.
 */
static inline enum decode_status decode_short(const struct decode_cursor *cursor, size_t size,
                                              const struct packet *packet)
{
	return size <= cursor->end - cursor->offset || packet->is_fragment ? DECODE_TRUNCATED
	                                                                   : DECODE_MALFORMED;
}

/* Bytes from the cursor to the end of the data, as far as they were on the wire. */
static inline uint32_t decode_remaining(const struct decode_cursor *cursor)
{
	size_t end = cursor->end < cursor->wire ? cursor->end : cursor->wire;

	return (uint32_t)(end - cursor->offset);
}

/* What follows is in this. */
static inline void decode_set_tunnel(struct packet *packet, enum packet_tunnel tunnel, uint32_t id)
{
	packet->tunnel = tunnel;
	packet->tunnel_id = id;
	packet->has_tunnel_id = true;
	packet->tunnel_depth++;
}

static inline uint16_t decode_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t decode_be32(const uint8_t *bytes)
{
	return (uint32_t)decode_be16(bytes) << 16 | decode_be16(bytes + 2);
}

#endif
