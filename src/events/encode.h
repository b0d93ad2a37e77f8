/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct event -> one line of JSON. Records that come in numbers (packets,
 * connections, sockets) are appended from pieces that hang on the objects they
 * describe; json-c (>= 0.15) makes the others, and any record on request. Both
 * ways run the same description of the record. The only module that includes
 * json.h.
 */
#ifndef SOCKLINE_EVENTS_ENCODE_H
#define SOCKLINE_EVENTS_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "events/event.h"

#define ENCODER_SLACK 64                               /* bytes behind a line may be overwritten */
#define ENCODER_ROOM  (EVENT_LINE_MAX + ENCODER_SLACK) /* so that much is needed for one */

#define ENCODER_LABELS_MAX     8
#define ENCODER_LABEL_NAME_MAX 64  /* of letters, digits, "_" and "-" */
#define ENCODER_LABELS_LENGTH  512 /* of all names and values: no record is cut because of them */

struct encoder;
struct fields;

/* What a line is. */
enum encoder_format {
	ENCODER_ECS,  /* all records: sockline-events(5) */
	ENCODER_TEXT, /* all records: text.h */
	ENCODER_ZEEK, /* some: zeek.h */
	ENCODER_OCSF, /* some: ocsf.h */
};

/* Strings are copied; the fields must outlive the encoder. */
struct encoder_options {
	const char *host_name; /* host.name */
	const char *host_id;   /* host.id; NULL = absent */
	/* Name and value in turn, UTF-8; NULL at the end; NULL = none. */
	const char *const *labels;
	uint64_t run_id;            /* sockline.run */
	uint16_t community_id_seed; /* for listed sockets; connections bring theirs */
	enum encoder_format format;
	/* Which fields are wanted; NULL: all. The other: of records about sockline itself. */
	const struct fields *fields, *own_fields;
	const char *passwd; /* NULL = /etc/passwd: user.name comes from this file alone */
};

struct encoder_counters {
	uint64_t truncated; /* records from which something was cut (sockline.truncated) */
};

/* NULL when memory is short. At most ENCODER_LABELS_MAX labels are taken. */
struct encoder *encoder_new(const struct encoder_options *options);
void encoder_free(struct encoder *encoder);

/* There are such lines; an event of which there are none must not be given to it. */
bool encoder_has(const struct encoder *encoder, enum event_action action);
/* How many lines an event has. The event's part is the one that is encoded: 0, 1, ... */
unsigned encoder_lines(const struct encoder *encoder, const struct event *event);

/*
 * Appends the event as one line of at most EVENT_LINE_MAX bytes, LF included.
 * 0; -ENOBUFS when line has less than ENCODER_ROOM; -ENOMEM; -EMSGSIZE when the
 * record is too long even with all cut that can be. On failure line is as it
 * was. Fragments are hung on the processes and connections of the event.
 */
int encoder_encode(struct encoder *encoder, const struct event *event, struct buf *line);
/*
 * The same record, of ENCODER_ECS, by json-c alone, without cached snippets and with all its
 * fields: slower, the oracle of the test that both say the same.
 */
int encoder_encode_tree(struct encoder *encoder, const struct event *event, struct buf *line);

const struct encoder_counters *encoder_counters(const struct encoder *encoder);
const char *encoder_library_version(void);

#endif
