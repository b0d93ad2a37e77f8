/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of pcapng files (draft-ietf-opsawg-pcapng) to be written, in the byte order of this
 * machine; times are nanoseconds. Each function appends one whole block. Texts that are NULL or
 * empty, and numbers that are not known, are left out.
 */
#ifndef SOCKLINE_CAPTURE_PCAPNG_WRITE_H
#define SOCKLINE_CAPTURE_PCAPNG_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "decode/packet.h"

struct pcapng_write_section {
	const char *hardware, *os, *application, *comment;
};
void pcapng_write_section(struct buf *buf, const struct pcapng_write_section *section);

struct pcapng_write_interface {
	int link_type; /* DLT_* */
	uint32_t snaplen;
	const char *name, *description;
};
void pcapng_write_interface(struct buf *buf, const struct pcapng_write_interface *interface);

struct pcapng_write_packet {
	uint32_t interface; /* its place among those of the section, from 0 on */
	int64_t time_ns;
	const uint8_t *bytes;
	uint32_t captured, length;
	enum packet_direction direction;
	uint64_t id;      /* 0 = none */
	uint64_t dropped; /* between the packet before it on the interface and this one */
	const char *comment;
	uint16_t comment_length;
};
/* Bytes that such a block takes at most. */
#define PCAPNG_WRITE_PACKET_MAX(packet)                                                            \
	((size_t)(packet)->captured + (packet)->comment_length + 128)
void pcapng_write_packet(struct buf *buf, const struct pcapng_write_packet *packet);

struct pcapng_write_statistics {
	uint32_t interface;
	int64_t time_ns, start_ns; /* of the end, and of the beginning */
	uint64_t delivered;        /* packets that were handed over */
	bool has_kernel;           /* the next three are known */
	uint64_t received;         /* passed the filter */
	uint64_t dropped, interface_dropped;
};
void pcapng_write_statistics(struct buf *buf, const struct pcapng_write_statistics *statistics);

#endif
