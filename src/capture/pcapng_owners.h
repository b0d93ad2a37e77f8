/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process a packet of a pcapng file is of. Private to pcapng*.c. Read are the comments of
 * sockline and ptcpdump, the option of draft-ietf-opsawg-pcapng for process and thread, the process
 * blocks of macOS, and the comments of etl2pcapng, which name the process that ran, not the owner.
 */
#ifndef SOCKLINE_CAPTURE_PCAPNG_OWNERS_H
#define SOCKLINE_CAPTURE_PCAPNG_OWNERS_H

#include "capture/origin.h"
#include "decode/packet.h"
#include "capture/pcapng_parts.h"

#define PCAPNG_COMMENTS_MAX  16    /* of a packet that are looked into */
#define PCAPNG_PROCESSES_MAX 65536 /* blocks of a section that are kept */

struct pcapng_owners {
	struct origin *origin;
	uint32_t *processes; /* owners by the place of their blocks in the section */
	uint32_t count, capacity;
};

/* What the options of one packet say. The pointers are into its block. */
struct pcapng_stated {
	struct process_text comments[PCAPNG_COMMENTS_MAX];
	int comment_count;
	uint32_t pid; /* 0 = not known */
	bool has_process;
	uint32_t process; /* place of its block */
};

void pcapng_owners_free(struct pcapng_owners *owners);
void pcapng_owners_begin_section(struct pcapng_owners *owners);
/* The body of a process block. 0 or -ENOMEM; one that is of no use keeps its place. */
int pcapng_owners_add_process(struct pcapng_owners *owners, const uint8_t *body, size_t length,
                              bool swapped);

/* An option of a packet; others than those above are none of its business. */
void pcapng_owners_take(struct pcapng_stated *stated, const struct pcapng_options *option);
/* Finds out what they say together. */
struct packet_owners pcapng_owners_find(struct pcapng_owners *owners,
                                        const struct pcapng_stated *stated);

#endif
