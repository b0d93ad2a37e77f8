/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/ocsf.h"

#include <stdio.h>

#include "base/clock.h"
#include "events/ocsf_parts.h"
#include "version.h"

#define OCSF_VERSION "1.8.0"

bool ocsf_has(enum event_action action)
{
	switch (action) {
	case EVENT_EXISTING_SOCKET:
	case EVENT_SNAPSHOT_COMPLETED:
	case EVENT_PROCESS_TRAFFIC:
	case EVENT_CAPTURE_STATS:
	case EVENT_RUN_STARTED:
	case EVENT_RUN_STOPPED:
	case EVENT_OUTPUT_OPENED:
		return false;
	default:
		return true;
	}
}

void ocsf_time(struct writer *writer, const struct key *key, const struct key *exact,
               int64_t time_ns)
{
	encode_writer_i64(writer, key, time_ns / NS_PER_MS);
	encode_cache_time(writer, exact, time_ns);
}

static void write_class(struct writer *writer, enum ocsf_class class, struct ocsf_value activity)
{
	const char *name, *category;
	char type[64];

	switch (class) {
	case OCSF_PROCESS_ACTIVITY:
		name = "Process Activity";
		category = "System Activity";
		break;
	case OCSF_NETWORK_ACTIVITY:
		name = category = "Network Activity";
		break;
	case OCSF_DNS_ACTIVITY:
		name = "DNS Activity";
		category = "Network Activity";
		break;
	default:
		name = "Base Event";
		category = "Uncategorized";
		break;
	}
	snprintf(type, sizeof type, "%s: %s", name, activity.caption);
	writer_u64(writer, KEY("class_uid"), (uint64_t) class);
	writer_name(writer, KEY("class_name"), name);
	writer_u64(writer, KEY("category_uid"), (uint64_t) class / 1000);
	writer_name(writer, KEY("category_name"), category);
	writer_u64(writer, KEY("activity_id"), activity.number);
	writer_name(writer, KEY("activity_name"), activity.caption);
	writer_u64(writer, KEY("type_uid"), 100 * (uint64_t) class + activity.number);
	writer_name(writer, KEY("type_name"), type);
}

static void write_labels(struct writer *writer, char *const *labels)
{
	if (!labels[0])
		return;
	writer_array(writer, KEY("tags"));
	for (int i = 0; labels[i]; i += 2) {
		writer_object(writer, ELEMENT);
		encode_writer_c_string(writer, KEY("name"), labels[i], RAW_NONE);
		encode_writer_c_string(writer, KEY("value"), labels[i + 1], RAW_NONE);
		writer_object_end(writer);
	}
	writer_array_end(writer);
}

static void write_product(struct writer *writer)
{
	writer_object(writer, KEY("product"));
	writer_literal(writer, "name", "sockline");
	writer_literal(writer, "vendor_name", "sockline");
	writer_name(writer, KEY("version"), SOCKLINE_VERSION);
	writer_object_end(writer);
}

static void write_metadata(struct writer *writer, const struct event *event)
{
	static const char *const profiles[] = { "container", "datetime", "host" };
	const struct encoder *encoder = writer->record->encoder;
	char uid[40];

	snprintf(uid, sizeof uid, "%016llx-%llu", (unsigned long long)encoder->run_id,
	         (unsigned long long)event->sequence);
	writer_object(writer, KEY("metadata"));
	writer_literal(writer, "version", OCSF_VERSION);
	writer_name(writer, KEY("uid"), uid);
	writer_count(writer, KEY("sequence"), event->sequence);
	writer_name(writer, KEY("event_code"), event_action_name(event->action));
	writer_name(writer, KEY("log_name"), event_class(event->action)->dataset);
	write_product(writer);
	writer_array(writer, KEY("profiles"));
	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
		writer_name(writer, ELEMENT, profiles[i]);
	writer_array_end(writer);
	write_labels(writer, encoder->labels);
	if (writer->record->cut != 0)
		encode_writer_bool(writer, KEY("is_truncated"), true);
	writer_object_end(writer);
}

static void write_device(struct writer *writer)
{
	const struct encoder *encoder = writer->record->encoder;

	writer_object(writer, KEY("device"));
	encode_writer_c_string(writer, KEY("hostname"), encoder->host_name, RAW_HOST_NAME);
	writer_u64(writer, KEY("type_id"), 0);
	writer_literal(writer, "type", "Unknown");
	if (encoder->host_id) {
		encode_writer_c_string(writer, KEY("uid"), encoder->host_id, RAW_NONE);
		writer_object(writer, KEY("os"));
		writer_literal(writer, "name", "Linux");
		writer_u64(writer, KEY("type_id"), 200);
		writer_literal(writer, "type", "Linux");
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

void ocsf_begin(struct writer *writer, const struct event *event, enum ocsf_class class,
                struct ocsf_value activity, struct ocsf_value severity)
{
	writer_object(writer, ELEMENT);
	ocsf_time(writer, KEY("time"), KEY("time_dt"), event->time_ns);
	write_class(writer, class, activity);
	writer_u64(writer, KEY("severity_id"), severity.number);
	writer_name(writer, KEY("severity"), severity.caption);
	write_metadata(writer, event);
	write_device(writer);
}

void ocsf_status(struct writer *writer, enum connection_outcome outcome, const char *detail)
{
	static const char *const captions[] = {
		[CONNECTION_UNKNOWN] = "Unknown",
		[CONNECTION_SUCCESS] = "Success",
		[CONNECTION_FAILURE] = "Failure",
	};

	writer_u64(writer, KEY("status_id"), (uint64_t)outcome);
	writer_name(writer, KEY("status"), captions[outcome]);
	writer_name(writer, KEY("status_detail"), detail);
}

void ocsf_unmapped(struct writer *writer, const struct owner *owner, const uint16_t *vlans,
                   int vlan_count)
{
	writer_object(writer, KEY("unmapped"));
	if (vlans && vlan_count > 0) {
		writer_object(writer, KEY("network"));
		encode_tuple_vlans(writer, vlans, vlan_count);
		writer_object_end(writer);
	}
	if (owner && owner->process)
		ocsf_process_image(writer, owner);
	encode_record_sockline(writer);
}

void ocsf_end(struct writer *writer)
{
	encode_record_end(writer);
	writer_object_end(writer);
}

static struct ocsf_value severity_of(const char *level)
{
	if (level && strcmp(level, "error") == 0)
		return (struct ocsf_value){ 4, "High" };
	if (level && strcmp(level, "warning") == 0)
		return (struct ocsf_value){ 3, "Medium" };
	return OCSF_INFORMATIONAL;
}

/* What is in no class: the action is the activity's name. */
static void write_log(struct writer *writer, const struct event *event)
{
	const struct event_log *log = &event->log;
	const struct ocsf_value activity = { OCSF_OTHER, event_action_name(event->action) };

	ocsf_begin(writer, event, OCSF_BASE_EVENT, activity, severity_of(log->level));
	if (log->message && !writer_cuts(writer, CUT_MESSAGE))
		encode_writer_c_string(writer, KEY("message"), log->message, RAW_MESSAGE);
	if (log->error_message && !writer_cuts(writer, CUT_ERROR_MESSAGE))
		encode_writer_c_string(writer, KEY("status_detail"), log->error_message,
		                       RAW_ERROR_MESSAGE);
	if (log->count > 0)
		writer_count(writer, KEY("count"), log->count);
	ocsf_unmapped(writer, NULL, NULL, 0);
	ocsf_end(writer);
}

void ocsf_write(struct writer *writer, const struct event *event)
{
	if (event_is_of_life(event))
		ocsf_process_write(writer, event);
	else if (event->action == EVENT_DNS_TRANSACTION)
		ocsf_dns_write(writer, event);
	else if (event->action < EVENT_PROCESS_TRAFFIC)
		ocsf_network_write(writer, event);
	else
		write_log(writer, event);
}
