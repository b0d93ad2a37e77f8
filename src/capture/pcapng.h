/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of pcapng files (draft-ietf-opsawg-pcapng). libpcap reads only files whose interfaces
 * have one link type and one snapshot length, and drops what stands beside the packets. Pure and
 * bounded: no byte outside a block is read.
 */
#ifndef SOCKLINE_CAPTURE_PCAPNG_H
#define SOCKLINE_CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/origin.h"
#include "decode/packet.h"

#define PCAPNG_HEAD           12 /* bytes of a block that say how long it is */
#define PCAPNG_BLOCK_MAX      (16u << 20)
#define PCAPNG_INTERFACES_MAX 65536 /* of a section */

struct pcapng;

struct pcapng_packet {
	bool has_time;
	int64_t time_ns; /* INT64_MAX: of later than 64 bits hold */
	uint32_t captured, length;
	const uint8_t *bytes; /* in the block */
	int link_type;        /* DLT_* */
	uint32_t interface;   /* of the origin; 0 = not known */
	enum packet_direction direction;
	struct packet_owners owners;
};

/* origin is borrowed. NULL: no memory. */
struct pcapng *pcapng_new(struct origin *origin);
void pcapng_free(struct pcapng *pcapng);

/*
 * The length of the block that begins with these PCAPNG_HEAD bytes; of a section, the byte order is
 * taken from them. 0: no block of a pcapng file begins so.
 */
size_t pcapng_length(struct pcapng *pcapng, const uint8_t *head);
/*
 * Takes in a whole block. 1: it is a packet; 0: it is none; -EBADMSG: pcapng_problem says why not;
 * -ENOMEM. bytes may be changed: pseudo-headers get the byte order of this machine.
 */
int pcapng_block(struct pcapng *pcapng, uint8_t *block, size_t length,
                 struct pcapng_packet *packet);
const char *pcapng_problem(const struct pcapng *pcapng);

/* What statistics blocks and packets say so far. */
struct pcapng_drops {
	uint64_t dropped, interface_dropped;
};
struct pcapng_drops pcapng_drops(const struct pcapng *pcapng);

#endif
