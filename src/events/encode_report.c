/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

/* A host may have many interfaces: so many are listed when a record is too long with all. */
#define CAPTURES_CUT 16

static void write_captures(struct writer *writer, const struct event_stats *stats)
{
	int count = stats->capture_count;

	if (count > CAPTURES_CUT && writer_cuts(writer, CUT_CAPTURE))
		count = CAPTURES_CUT;
	writer_array(writer, KEY("capture"));
	for (int i = 0; i < count; i++) {
		const struct event_capture_counters *capture = &stats->captures[i];

		writer_object(writer, ELEMENT);
		if (capture->name)
			encode_writer_c_string(writer,
			                       capture->is_file ? KEY("file") : KEY("interface"),
			                       capture->name, RAW_CAPTURES);
		else
			writer_count(writer, KEY("removed"), capture->removed);
		if (capture->unlisted > 0)
			writer_count(writer, KEY("unlisted"), capture->unlisted);
		if (capture->netns > 0)
			writer_decimal(writer, KEY("netns"), capture->netns);
		writer_count(writer, KEY("received"), capture->received);
		writer_count(writer, KEY("dropped"), capture->dropped);
		writer_count(writer, KEY("interface_dropped"), capture->interface_dropped);
		if (stats->final && !capture->is_file)
			writer_count(writer, KEY("unread"), capture->unread);
		if (capture->buffer_bytes > 0)
			writer_count(writer, KEY("buffer_bytes"), capture->buffer_bytes);
		writer_object_end(writer);
	}
	writer_array_end(writer);
}

/* One counter, under the name that it has in its group of struct event_stats. */
#define COUNT(group, member) writer_count(writer, KEY(#member), stats->group.member)
/* One of an array of counters, by name and place. */
#define COUNT_AT(name, array, place) writer_count(writer, KEY(name), stats->array[place])

static void write_record_counts(struct writer *writer, const struct event_stats *stats)
{
	writer_object(writer, KEY("decode"));
	COUNT_AT("ok", packets.decode, DECODE_OK);
	COUNT_AT("truncated", packets.decode, DECODE_TRUNCATED);
	COUNT_AT("malformed", packets.decode, DECODE_MALFORMED);
	COUNT_AT("unsupported", packets.decode, DECODE_UNSUPPORTED);
	writer_object_end(writer);
	writer_object(writer, KEY("records"));
	COUNT(records, written);
	COUNT(records, deselected);
	COUNT(records, dropped);
	COUNT(records, truncated);
	COUNT(records, bytes);
	writer_object_end(writer);
	if (!stats->write.wanted)
		return;
	writer_object(writer, KEY("write"));
	COUNT(write, packets);
	COUNT(write, dropped);
	COUNT(write, bytes);
	writer_object_end(writer);
}

static void write_owner_counts(struct writer *writer, const struct event_stats *stats)
{
	writer_object(writer, KEY("attribution"));
	COUNT_AT("socket", owners.methods, ATTRIBUTION_SOCKET);
	COUNT_AT("listener", owners.methods, ATTRIBUTION_LISTENER);
	COUNT_AT("recent", owners.methods, ATTRIBUTION_RECENT);
	COUNT_AT("kernel", owners.methods, ATTRIBUTION_KERNEL);
	COUNT_AT("guess", owners.methods, ATTRIBUTION_GUESS);
	COUNT_AT("tracepoint", owners.methods, ATTRIBUTION_TRACEPOINT);
	COUNT_AT("capture", owners.methods, ATTRIBUTION_CAPTURE);
	COUNT_AT("unknown", owners.methods, ATTRIBUTION_UNKNOWN);
	writer_object_end(writer);
	writer_object(writer, KEY("unknown"));
	COUNT_AT("no_permission", owners.reasons, ATTRIBUTION_NO_PERMISSION);
	COUNT_AT("exited", owners.reasons, ATTRIBUTION_EXITED);
	COUNT_AT("other_netns", owners.reasons, ATTRIBUTION_OTHER_NETNS);
	COUNT_AT("time_wait", owners.reasons, ATTRIBUTION_TIME_WAIT);
	COUNT_AT("forwarded", owners.reasons, ATTRIBUTION_FORWARDED);
	COUNT_AT("ambiguous", owners.reasons, ATTRIBUTION_AMBIGUOUS);
	COUNT_AT("no_socket", owners.reasons, ATTRIBUTION_NO_SOCKET);
	COUNT_AT("raw_socket", owners.reasons, ATTRIBUTION_RAW_SOCKET);
	COUNT_AT("pending", owners.reasons, ATTRIBUTION_PENDING);
	COUNT_AT("replay", owners.reasons, ATTRIBUTION_REPLAY);
	writer_object_end(writer);
}

static void write_source_counts(struct writer *writer, const struct event_stats *stats)
{
	writer_object(writer, KEY("lookups"));
	COUNT(host.lookups, queries);
	COUNT(host.lookups, misses);
	COUNT(host.lookups, cached_misses);
	writer_object_end(writer);
	writer_object(writer, KEY("netlink"));
	COUNT(host.netlink, overruns);
	COUNT(host.netlink, lost);
	COUNT(host.netlink, resyncs);
	COUNT(host.netlink, interrupted);
	writer_object_end(writer);
}

static void write_table_counts(struct writer *writer, const struct event_stats *stats)
{
	writer_object(writer, KEY("sockets"));
	COUNT(host.sockets, tracked);
	writer_object_end(writer);
	writer_object(writer, KEY("connections"));
	writer_count(writer, KEY("tracked"), stats->connections_tracked);
	COUNT(connections, opened);
	COUNT(connections, closed);
	COUNT(connections, evicted);
	writer_object_end(writer);
	writer_object(writer, KEY("processes"));
	COUNT(host.processes, tracked);
	COUNT(host.processes, evicted);
	COUNT(host.processes, scans);
	COUNT(host.processes, descriptors);
	COUNT(host.processes, vanished);
	COUNT(host.processes, permission_denied);
	writer_object_end(writer);
}

static void write_method_counts(struct writer *writer, const struct event_stats *stats)
{
	if (stats->host.tracepoints.present) {
		writer_object(writer, KEY("tracepoints"));
		COUNT(host.tracepoints, samples);
		COUNT(host.tracepoints, lost);
		COUNT(host.tracepoints, evicted);
		writer_object_end(writer);
	}
	if (stats->host.sentinel.present) {
		writer_object(writer, KEY("sentinel"));
		COUNT(host.sentinel, packets);
		COUNT(host.sentinel, resolved);
		COUNT(host.sentinel, unresolved);
		COUNT(host.sentinel, late);
		COUNT(host.sentinel, lost);
		writer_object_end(writer);
	}
}

void encode_report_stats(struct writer *writer, const struct event *any)
{
	const struct event_stats *stats = &any->stats;

	if (any->action == EVENT_RUN_STOPPED)
		writer_name(writer, KEY("reason"), event_stop_name(stats->stop));
	encode_record_host(writer, NULL);
	encode_record_sockline(writer);
	writer_object(writer, KEY("stats"));
	writer_ns(writer, KEY("uptime_ns"), stats->uptime_ns);
	writer_ns(writer, KEY("interval_ns"), stats->interval_ns);
	write_captures(writer, stats);
	COUNT(packets, packets);
	COUNT(packets, bytes);
	write_record_counts(writer, stats);
	write_owner_counts(writer, stats);
	write_source_counts(writer, stats);
	write_table_counts(writer, stats);
	write_method_counts(writer, stats);
	if (stats->rss_bytes > 0)
		writer_count(writer, KEY("rss_bytes"), stats->rss_bytes);
	if (stats->cpu_ns > 0)
		writer_count(writer, KEY("cpu_ns"), stats->cpu_ns);
	if (stats->final)
		encode_writer_bool(writer, KEY("final"), true);
	writer_object_end(writer);
}

static void write_list(struct writer *writer, const struct key *key, const char *const *texts,
                       int count, enum writer_raw raw)
{
	writer_array(writer, key);
	for (int i = 0; i < count; i++)
		encode_writer_c_string(writer, ELEMENT, texts[i], raw);
	writer_array_end(writer);
}

static void write_cuttable(struct writer *writer, const struct key *key, const char *text,
                           enum writer_cut cut, enum writer_raw raw)
{
	if (text && *text && !writer_cuts(writer, cut))
		encode_writer_c_string(writer, key, text, raw);
}

static void write_capture_options(struct writer *writer, const struct event_config *config)
{
	writer_name(writer, KEY("direction"), config->direction);
	encode_writer_bool(writer, KEY("promiscuous"), config->promiscuous);
	encode_writer_bool(writer, KEY("immediate_mode"), config->immediate_mode);
}

static void write_host_options(struct writer *writer, const struct event_config *config)
{
	writer_name(writer, KEY("netns"), config->netns);
	if (config->netns_path_count > 0 && !writer_cuts(writer, CUT_NETNS_PATHS))
		write_list(writer, KEY("netns_paths"), config->netns_paths,
		           config->netns_path_count, RAW_NONE);
	encode_writer_bool(writer, KEY("guess"), config->guess);
	encode_writer_bool(writer, KEY("hash"), config->hash);
	encode_writer_bool(writer, KEY("args"), config->args);
	encode_writer_bool(writer, KEY("all_processes"), config->all_processes);
}

static void write_stream_options(struct writer *writer, const struct event_config *config)
{
	encode_writer_bool(writer, KEY("dedupe"), config->dedupe);
	encode_writer_bool(writer, KEY("inspect"), config->inspect);
	encode_writer_bool(writer, KEY("tunnels"), config->tunnels);
	writer_u64(writer, KEY("max_connections"), config->max_connections);
	writer_ns(writer, KEY("update_interval_ns"), config->update_interval_ns);
	if (config->count > 0)
		writer_count(writer, KEY("count"), config->count);
	if (config->duration_ns > 0)
		writer_ns(writer, KEY("duration_ns"), config->duration_ns);
}

static void write_snapshot_options(struct writer *writer, const struct event_config *config)
{
	write_list(writer, KEY("kinds"), config->kinds, config->kind_count, RAW_NONE);
	encode_writer_bool(writer, KEY("listening"), config->listening);
	if (config->interval_ns > 0)
		writer_ns(writer, KEY("interval_ns"), config->interval_ns);
	if (config->max_connections == 0 && config->duration_ns > 0)
		writer_ns(writer, KEY("duration_ns"), config->duration_ns);
}

static void write_selected(struct writer *writer, const struct key *key, struct event_texts list)
{
	if (list.count > 0)
		write_list(writer, key, list.texts, list.count, RAW_NONE);
}

static void write_selection(struct writer *writer, const struct event_selection *selection)
{
	if (selection->pid.count + selection->process.count + selection->user.count +
	                    selection->container.count + selection->cgroup.count +
	                    selection->port.count ==
	            0 ||
	    writer_cuts(writer, CUT_SELECTION))
		return;
	writer_object(writer, KEY("selection"));
	write_selected(writer, KEY("pid"), selection->pid);
	write_selected(writer, KEY("process"), selection->process);
	write_selected(writer, KEY("user"), selection->user);
	write_selected(writer, KEY("container"), selection->container);
	write_selected(writer, KEY("cgroup"), selection->cgroup);
	write_selected(writer, KEY("port"), selection->port);
	writer_object_end(writer);
}

/* Paths with commas between them, which are plain ASCII. */
static void write_paths(struct writer *writer, const struct key *key, const char *paths,
                        enum writer_cut cut)
{
	if (!paths || writer_cuts(writer, cut))
		return;
	writer_array(writer, key);
	for (size_t length; *paths; paths += length + (paths[length] == ',')) {
		length = strcspn(paths, ",");
		writer_text(writer, ELEMENT, paths, length);
	}
	writer_array_end(writer);
}

static void write_config(struct writer *writer, const struct event_config *config)
{
	writer_object(writer, KEY("config"));
	if (config->file)
		write_cuttable(writer, KEY("file"), config->file, CUT_FILE, RAW_FILE);
	else if (!writer_cuts(writer, CUT_INTERFACES))
		write_list(writer, KEY("interfaces"), config->interfaces, config->interface_count,
		           RAW_INTERFACES);
	write_cuttable(writer, KEY("filter"), config->filter, CUT_FILTER, RAW_FILTER);
	write_list(writer, KEY("events"), config->events, config->event_count, RAW_NONE);
	if (config->snaplen > 0)
		writer_u64(writer, KEY("snaplen"), (uint64_t)config->snaplen);
	if (config->payload > 0)
		writer_u64(writer, KEY("payload"), config->payload);
	if (config->buffer_bytes > 0)
		writer_u64(writer, KEY("buffer_bytes"), (uint64_t)config->buffer_bytes);
	encode_writer_c_string(writer, KEY("attribution"), config->attribution, RAW_NONE);
	encode_writer_c_string(writer, KEY("attribution_why"), config->attribution_why, RAW_NONE);
	encode_writer_c_string(writer, KEY("sockets"), config->sockets, RAW_NONE);
	writer_u64(writer, KEY("community_id_seed"), config->community_id_seed);
	if (config->direction)
		write_capture_options(writer, config);
	if (config->netns)
		write_host_options(writer, config);
	if (config->max_memory_bytes > 0)
		writer_u64(writer, KEY("max_memory_bytes"), config->max_memory_bytes);
	if (config->max_connections > 0)
		write_stream_options(writer, config);
	if (config->kind_count > 0)
		write_snapshot_options(writer, config);
	write_selection(writer, &config->selection);
	write_paths(writer, KEY("fields"), config->fields, CUT_FIELDS);
	write_paths(writer, KEY("without"), config->without, CUT_WITHOUT);
	write_cuttable(writer, KEY("command"), config->command, CUT_COMMAND, RAW_NONE);
	writer_ns(writer, KEY("stats_interval_ns"), config->stats_interval_ns);
	writer_ns(writer, KEY("flush_interval_ns"), config->flush_interval_ns);
	encode_writer_bool(writer, KEY("flush_each"), config->flush_each);
	writer_name(writer, KEY("on_slow_reader"), config->on_slow_reader);
	writer_object_end(writer);
}

static void write_libraries(struct writer *writer, const struct event_run *run)
{
	writer_object(writer, KEY("libraries"));
	encode_writer_c_string(writer, KEY("libpcap"), run->libpcap, RAW_NONE);
	encode_writer_c_string(writer, KEY("libnl"), run->libnl, RAW_NONE);
	encode_writer_c_string(writer, KEY("json_c"), run->json_c, RAW_NONE);
	writer_object_end(writer);
}

static void write_observer(struct writer *writer, const struct event_run *run)
{
	writer_object(writer, KEY("observer"));
	writer_literal(writer, "product", "sockline");
	writer_literal(writer, "type", "sensor");
	encode_writer_c_string(writer, KEY("version"), run->version, RAW_NONE);
	if (run->kernel) {
		writer_object(writer, KEY("os"));
		encode_writer_c_string(writer, KEY("kernel"), run->kernel, RAW_NONE);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

static void write_privileges(struct writer *writer, const struct key *key,
                             const struct event_privilege *list, int count)
{
	if (count == 0)
		return;
	writer_array(writer, key);
	for (int i = 0; i < count; i++) {
		writer_object(writer, ELEMENT);
		writer_name(writer, KEY("capability"), list[i].capability);
		writer_name(writer, KEY("feature"), list[i].feature);
		writer_object_end(writer);
	}
	writer_array_end(writer);
}

void encode_report_run(struct writer *writer, const struct event *any)
{
	const struct event_run *run = &any->run;

	encode_record_host_booted(writer, run->boot_id);
	write_observer(writer, run);
	encode_record_sockline(writer);
	write_config(writer, &run->config);
	write_libraries(writer, run);
	write_list(writer, KEY("capabilities"), run->capabilities, run->capability_count, RAW_NONE);
	write_privileges(writer, KEY("privileges"), run->privileges, run->privilege_count);
	write_privileges(writer, KEY("helper_privileges"), run->helper_privileges,
	                 run->helper_privilege_count);
	if (!writer_cuts(writer, CUT_DEGRADED))
		write_list(writer, KEY("degraded"), run->degraded, run->degraded_count, RAW_NONE);
	if (run->netns > 0)
		writer_decimal(writer, KEY("netns"), run->netns);
}

static void write_output(struct writer *writer, const struct event_log *log)
{
	writer_object(writer, KEY("output"));
	writer_count(writer, KEY("repaired_bytes"), log->repaired_bytes);
	writer_object_end(writer);
}

static void write_loss(struct writer *writer, const struct event_log *log)
{
	writer_object(writer, KEY("loss"));
	writer_count(writer, KEY("count"), log->count);
	writer_name(writer, KEY("where"), log->where);
	writer_object_end(writer);
}

static void write_namespace(struct writer *writer, const struct event_log *log)
{
	writer_object(writer, KEY("namespace"));
	writer_decimal(writer, KEY("netns"), log->netns);
	if (log->age_ns > 0)
		writer_ns(writer, KEY("age_ns"), log->age_ns);
	writer_count(writer, KEY("missed_packets"), log->missed_packets);
	writer_object_end(writer);
}

static void write_limit(struct writer *writer, const struct event_log *log)
{
	writer_object(writer, KEY("limit"));
	writer_name(writer, KEY("name"), log->limit);
	writer_count(writer, KEY("max"), log->max);
	writer_count(writer, KEY("refused"), log->refused);
	writer_object_end(writer);
}

static void write_step(struct writer *writer, const struct event_log *log)
{
	writer_object(writer, KEY("clock"));
	encode_writer_i64(writer, KEY("step_ns"), log->step_ns);
	writer_object_end(writer);
}

/* Path and interface come from outside, and message may quote them. */
void encode_report_log(struct writer *writer, const struct event *any)
{
	const struct event_log *log = &any->log;

	encode_record_host(writer, NULL);
	if (log->interface)
		encode_tuple_observer(writer, log->interface, -1);
	if (log->path && !writer_cuts(writer, CUT_FILE_PATH)) {
		writer_object(writer, KEY("file"));
		encode_writer_c_string(writer, KEY("path"), log->path, RAW_FILE_PATH);
		writer_object_end(writer);
	}
	if (log->level) {
		writer_object(writer, KEY("log"));
		writer_name(writer, KEY("level"), log->level);
		writer_object_end(writer);
	}
	write_cuttable(writer, KEY("message"), log->message, CUT_MESSAGE, RAW_MESSAGE);
	if (log->error_message && !writer_cuts(writer, CUT_ERROR_MESSAGE)) {
		writer_object(writer, KEY("error"));
		encode_writer_c_string(writer, KEY("message"), log->error_message,
		                       RAW_ERROR_MESSAGE);
		writer_object_end(writer);
	}
	if (any->action == EVENT_LIMIT_REACHED) {
		writer_object(writer, KEY("user"));
		writer_decimal(writer, KEY("id"), log->uid);
		writer_object_end(writer);
	}
	if (any->action == EVENT_TRACEPOINTS_OVERRUN) {
		const struct owner source = {
			.process = log->process,
			.has_uid = log->has_uid,
			.uid = log->uid,
		};

		encode_owner_short(writer, &source);
	}
	encode_record_sockline(writer);
	if (any->action == EVENT_OUTPUT_OPENED && log->repaired_bytes > 0)
		write_output(writer, log);
	if (log->count > 0)
		write_loss(writer, log);
	if (any->action == EVENT_NETNS_OPENED)
		write_namespace(writer, log);
	if (any->action == EVENT_LIMIT_REACHED)
		write_limit(writer, log);
	if (any->action == EVENT_CLOCK_STEP)
		write_step(writer, log);
}
