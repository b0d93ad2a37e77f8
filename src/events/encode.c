/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode.h"

#include <errno.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "events/encode_narrow.h"
#include "events/encode_parts.h"
#include "events/ocsf.h"
#include "events/text.h"
#include "events/zeek.h"

#define PASSWD_PATH "/etc/passwd"

_Static_assert(sizeof(struct memo) == MEMO_SIZE, "no padding");

static bool copy_names(struct encoder *encoder, const struct encoder_options *options)
{
	const char *const *labels = options->labels;

	encoder->host_name = strdup(options->host_name);
	encoder->host_id = options->host_id ? strdup(options->host_id) : NULL;
	if (!encoder->host_name || (options->host_id && !encoder->host_id))
		return false;
	for (int i = 0; labels && labels[i] && i < 2 * ENCODER_LABELS_MAX; i++)
		if (!(encoder->labels[i] = strdup(labels[i])))
			return false;
	return true;
}

struct encoder *encoder_new(const struct encoder_options *options)
{
	struct encoder *encoder = calloc(1, sizeof *encoder);

	if (!encoder)
		return NULL;
	encoder->users = encode_users_new(options->passwd ? options->passwd : PASSWD_PATH);
	if (!encoder->users || !copy_names(encoder, options) ||
	    buf_init(&encoder->scratch, EVENT_LINE_MAX) != 0) {
		encoder_free(encoder);
		return NULL;
	}
	encoder->record.encoder = encoder->pieces_record.encoder = encoder;
	encoder->run_id = options->run_id;
	encoder->community_id_seed = options->community_id_seed;
	encoder->format = options->format;
	encoder->fields = options->fields;
	encoder->own_fields = options->own_fields;
	return encoder;
}

void encoder_free(struct encoder *encoder)
{
	if (!encoder)
		return;
	buf_free(&encoder->scratch);
	encode_users_free(encoder->users);
	for (int i = 0; encoder->labels[i]; i++)
		free(encoder->labels[i]);
	free(encoder->host_id);
	free(encoder->host_name);
	free(encoder);
}

/*
 * Writes a record. Those that come in numbers are appended; the others need not be fast. The
 * most frequent ones write the frame too, and have a function of their own for narrow records.
 */
static const struct {
	void (*write)(struct writer *writer, const struct event *event);
	bool frequent;
	void (*write_narrow)(struct writer *writer, const struct event *event); /* or NULL */
} records[EVENT_ACTION_COUNT] = {
	[EVENT_PACKET] = { encode_packet_event, true, encode_narrow_packet },
	[EVENT_CONNECTION_OPENED] = { encode_connection_event, true, encode_narrow_connection },
	[EVENT_CONNECTION_STATE_CHANGED] = { encode_connection_event, true,
	                                     encode_narrow_connection },
	[EVENT_CONNECTION_UPDATED] = { encode_connection_event, true, encode_narrow_connection },
	[EVENT_CONNECTION_ATTRIBUTED] = { encode_connection_event, true, encode_narrow_connection },
	[EVENT_CONNECTION_CLOSED] = { encode_connection_event, true, encode_narrow_connection },
	[EVENT_DNS_TRANSACTION] = { encode_dns_event, true, NULL },
	[EVENT_EXISTING_SOCKET] = { encode_socket_event, true, NULL },
	[EVENT_SNAPSHOT_COMPLETED] = { encode_socket_event, false, NULL },
	[EVENT_LISTENING_STARTED] = { encode_socket_event, true, NULL },
	[EVENT_LISTENING_STOPPED] = { encode_socket_event, true, NULL },
	[EVENT_PROCESS_TRAFFIC] = { encode_process_traffic, false, NULL },
	[EVENT_PROCESS_STARTED] = { encode_process_life, false, NULL },
	[EVENT_PROCESS_EXECUTED] = { encode_process_life, false, NULL },
	[EVENT_PROCESS_ENDED] = { encode_process_life, false, NULL },
	[EVENT_CAPTURE_STATS] = { encode_report_stats, false, NULL },
	[EVENT_RUN_STARTED] = { encode_report_run, false, NULL },
	[EVENT_RUN_STOPPED] = { encode_report_stats, false, NULL },
	[EVENT_OUTPUT_OPENED] = { encode_report_log, false, NULL },
	[EVENT_RECORDS_DROPPED] = { encode_report_log, false, NULL },
	[EVENT_NETLINK_OVERRUN] = { encode_report_log, false, NULL },
	[EVENT_CAPTURE_LOST] = { encode_report_log, false, NULL },
	[EVENT_CAPTURE_RESUMED] = { encode_report_log, false, NULL },
	[EVENT_NETNS_OPENED] = { encode_report_log, false, NULL },
	[EVENT_LIMIT_REACHED] = { encode_report_log, false, NULL },
	[EVENT_TRACEPOINTS_OVERRUN] = { encode_report_log, false, NULL },
	[EVENT_HELPER_LOST] = { encode_report_log, false, NULL },
	[EVENT_CLOCK_STEP] = { encode_report_log, false, NULL },
};

bool encoder_has(const struct encoder *encoder, enum event_action action)
{
	switch (encoder->format) {
	case ENCODER_ZEEK:
		return zeek_has(action);
	case ENCODER_OCSF:
		return ocsf_has(action);
	default:
		return true;
	}
}

unsigned encoder_lines(const struct encoder *encoder, const struct event *event)
{
	return encoder->format == ENCODER_ZEEK ? zeek_lines(event) : 1;
}

static inline void write_record(struct writer *writer, const struct event *event)
{
	const enum encoder_format format = writer->record->encoder->format;

	if (__builtin_expect(format == ENCODER_ZEEK, false)) {
		zeek_write(writer, event);
		return;
	}
	if (__builtin_expect(format == ENCODER_OCSF, false)) {
		ocsf_write(writer, event);
		return;
	}
	if (records[event->action].write_narrow) {
		records[event->action].write(writer, event);
		return;
	}
	encode_record_begin(writer, event);
	records[event->action].write(writer, event);
	encode_record_end(writer);
}

/* What one attempt at a record leaves out, and how it is made. */
struct attempt {
	bool tree, caching;
	const struct fields *fields; /* narrow: which are wanted */
	uint32_t cut;
};

static int end_tree(struct writer *writer, struct buf *line)
{
	size_t start = line->length;
	int result = encode_writer_print(writer, line);

	if (result != 0)
		return result;
	buf_append_char(line, '\n');
	if (writer->record->too_long || line->overflow || line->length - start > EVENT_LINE_MAX)
		return -EMSGSIZE;
	return 0;
}

/*
 * 0; -EMSGSIZE: longer than EVENT_LINE_MAX; -ENOMEM. On failure line may be longer than it was.
 * In place, as what most records are made by is constant there.
 */
static inline __attribute__((always_inline)) int
try(struct encoder *encoder, struct attempt attempt, const struct event *event, struct buf *line)
{
	struct record *record = &encoder->record;
	struct writer *writer = encode_writer_begin(
		record, attempt.tree ? NULL : line->data + line->length, EVENT_LINE_MAX);

	record->caching = attempt.caching;
	record->cut = attempt.cut;
	if (attempt.fields)
		encode_narrow_begin(record, attempt.fields);
	if (attempt.fields && records[event->action].write_narrow)
		records[event->action].write_narrow(writer, event);
	else
		write_record(writer, event);
	if (attempt.tree)
		return end_tree(writer, line);
	if (attempt.fields)
		encode_narrow_end(record);
	if (writer_is_full(writer))
		return -EMSGSIZE;
	writer->at[-1] = '\n'; /* the comma after the last member */
	line->length = (size_t)(writer->at - line->data);
	return 0;
}

/*
 * For records that do not fit at the first attempt: once without the caches, which
 * hide what could be cut, and then cut one thing after the other.
 */
static __attribute__((noinline)) int cut_and_try(struct encoder *encoder, struct attempt attempt,
                                                 const struct event *event, struct buf *line)
{
	size_t start = line->length;
	int result;

	while ((result = try(encoder, attempt, event, line)) == -EMSGSIZE) {
		uint32_t left = encoder->record.met & ~attempt.cut;

		line->length = start;
		line->overflow = false;
		if (left == 0)
			break;
		attempt.cut |= left & -left; /* the lowest bit: the next in the order of cutting */
	}
	if (result != 0)
		line->length = start;
	else if (attempt.cut != 0 || encoder->record.marked != 0 || encoder->record.raw_lost)
		encoder->counters.truncated++;
	return result;
}

/* Fields of a record that need not all be written; NULL: all are. */
static inline const struct fields *fields_of(const struct encoder *encoder,
                                             enum event_action action)
{
	/* Records about sockline itself are few, and a reader needs them to judge the others. */
	return action < EVENT_CAPTURE_STATS ? encoder->fields : encoder->own_fields;
}

static inline __attribute__((always_inline)) int
encode(struct encoder *encoder, struct attempt first, const struct event *event, struct buf *line)
{
	struct attempt again = { .tree = first.tree, .fields = first.fields };

	if (line->overflow || line->capacity - line->length < ENCODER_ROOM)
		return -ENOBUFS;
	if (encoder->format == ENCODER_TEXT)
		return text_format(event, line);
	encoder->time_ns = event->time_ns;
	encoder->owner_ns = event_owner_ns(event);
	if (!first.tree && try(encoder, first, event, line) == 0) {
		encoder->counters.truncated += encoder->record.raw_lost || encoder->record.marked;
		return 0;
	}
	return cut_and_try(encoder, again, event, line);
}

static __attribute__((noinline)) int encode_narrow(struct encoder *encoder,
                                                   const struct fields *fields,
                                                   const struct event *event, struct buf *line)
{
	return encode(encoder, (struct attempt){ .fields = fields }, event, line);
}

int encoder_encode(struct encoder *encoder, const struct event *event, struct buf *line)
{
	const struct fields *fields = fields_of(encoder, event->action);
	bool frequent = encoder->format != ENCODER_ECS || records[event->action].frequent;

	if (__builtin_expect(fields != NULL, false))
		return encode_narrow(encoder, fields, event, line);
	if (!frequent)
		return encoder_encode_tree(encoder, event, line);
	return encode(encoder, (struct attempt){ .caching = true }, event, line);
}

int encoder_encode_tree(struct encoder *encoder, const struct event *event, struct buf *line)
{
	return encode(encoder, (struct attempt){ .tree = true }, event, line);
}

const struct encoder_counters *encoder_counters(const struct encoder *encoder)
{
	return &encoder->counters;
}

const char *encoder_library_version(void)
{
	return json_c_version();
}
