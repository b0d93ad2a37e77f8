/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner of a packet's end as a line of a comment in a pcapng file:
 *
 *	sockline: end=source process.pid=4242 process.name=curl user.id=1000
 *
 * A space stands between the members, and in no value. sockline(8) has the keys.
 */
#ifndef SOCKLINE_CAPTURE_OWNER_TEXT_H
#define SOCKLINE_CAPTURE_OWNER_TEXT_H

#include "base/buf.h"
#include "capture/owner_facts.h"

#define OWNER_TEXT_MAX 4096 /* bytes of a line: longer ones are not read */

enum owner_text_end {
	OWNER_TEXT_ANY, /* the line does not say which */
	OWNER_TEXT_SOURCE,
	OWNER_TEXT_DESTINATION,
};

/* What the owner is of. */
struct owner_text_place {
	enum owner_text_end end;
	uint8_t tunnel_depth; /* of the packet, which can be in tunnels; 0 = it is in none */
};

bool owner_text_begins(const char *line, size_t length);
/* The place that such a line names, and the bytes before what is about the process alone. */
struct owner_text_place owner_text_place(const char *line, size_t length, size_t *before);
/*
 * The texts of facts point into scratch, which has room for OWNER_TEXT_MAX bytes. False: it is
 * no such line.
 */
bool owner_text_parse(const char *line, size_t length, char *scratch, struct owner_facts *facts);

/* Appends the line without LF. method: how the owner is known, as attribution_method_name(). */
void owner_text_append(struct buf *buf, struct owner_text_place place,
                       const struct owner_facts *facts, const char *method);

#endif
