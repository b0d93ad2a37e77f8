/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/option_table.h"
#include "app/option_values.h"
#include "base/clock.h"
#include "version.h"
#include "security/capabilities.h"
#include "sockets/netlink.h"

#define CAPABILITIES_MAX    16
#define CAPTURES_LISTED_MAX 32 /* in one record; the others are summed up */

/* A line of /proc without its LF; NULL when it cannot be read. */
static const char *read_line(const char *path, char *text, int size)
{
	FILE *file = fopen(path, "re");
	const char *line;

	if (!file)
		return NULL;
	line = fgets(text, size, file);
	fclose(file);
	if (line)
		text[strcspn(text, "\n")] = '\0';
	return line;
}

static int kind_names(uint32_t kinds, const char **names)
{
	int count = 0;

	for (int i = 0; i < option_table_count; i++)
		if (option_table[i].kind == OPTION_BIT && (kinds & option_table[i].value))
			names[count++] = option_table[i].name;
	return count;
}

static struct event_texts texts_of(const struct selection *selection, enum selection_kind kind)
{
	const struct selection_list *list = &selection->lists[kind];

	return (struct event_texts){ .texts = list->texts, .count = list->count };
}

static void fill_selection(const struct selection *from, struct event_selection *to)
{
	to->pid = texts_of(from, SELECTION_PID);
	to->process = texts_of(from, SELECTION_PROCESS);
	to->user = texts_of(from, SELECTION_USER);
	to->container = texts_of(from, SELECTION_CONTAINER);
	to->cgroup = texts_of(from, SELECTION_CGROUP);
	to->port = texts_of(from, SELECTION_PORT);
}

/* Options of everything but the live host. events and kinds have room for their names. */
static void fill_config(const struct report_sources *sources, struct event_config *config,
                        const char **events, const char **kinds)
{
	const struct options *options = sources->options;

	config->file = options->read_file;
	config->filter = options->filter;
	config->events = events;
	config->event_count = option_values_event_names(options->events, events);
	config->snaplen = options->snaplen;
	config->payload = options->payload;
	config->community_id_seed = options->community_id_seed;
	config->sockets = option_table_word("sockets", options->sockets);
	config->attribution = "replay";
	config->attribution_why = "packets come from a file";
	if (sources->stream) {
		config->dedupe = options->dedupe;
		config->inspect = options->inspect;
		config->tunnels = options->tunnels;
		config->max_connections = options->max_connections;
		config->update_interval_ns = options->update_interval_ns;
		config->count = options->count;
		config->duration_ns = options->duration_ns;
	} else {
		config->kinds = kinds;
		config->kind_count = kind_names(options->kinds, kinds);
		config->listening = options->listening;
		config->interval_ns = options->snapshot_interval_ns;
		config->duration_ns = options->duration_ns;
	}
	config->stats_interval_ns = options->stats_interval_ns;
	config->flush_interval_ns = options->flush_interval_ns;
	config->flush_each = options->flush_each;
	fill_selection(&options->selection, &config->selection);
	config->fields = options->wanted;
	config->without = options->unwanted;
	config->max_memory_bytes = options->max_memory;
	config->command = options->command ? options->command[0] : NULL;
	config->on_slow_reader = option_table_word("on-slow-reader", options->drop_when_slow);
}

static void fill_live_config(const struct report_sources *sources, struct event_config *config)
{
	static const char *const any = "any";
	static const char *const netns_modes[] = {
		[HOST_NETNS_AUTO] = "auto",
		[HOST_NETNS_ALL] = "all",
		[HOST_NETNS_SELF] = "self",
		[HOST_NETNS_PATHS] = "paths",
	};
	const struct options *options = sources->options;

	config->attribution = option_table_word("attribution", host_method(sources->host));
	config->attribution_why = host_method_why(sources->host);
	config->netns = netns_modes[options->netns_mode];
	config->netns_paths = options->netns_paths;
	config->netns_path_count = options->netns_path_count;
	config->guess = options->guess;
	config->hash = options->hash;
	config->args = options->args;
	config->all_processes = options->all_processes;
	if (!sources->captures)
		return;
	config->direction = option_table_word("direction", options->direction);
	config->promiscuous = options->promiscuous;
	config->immediate_mode = options->immediate;
	config->buffer_bytes = (int64_t)options->buffer_kib * 1024;
	config->interfaces = options->interface_count > 0 ? options->interfaces : &any;
	config->interface_count = options->interface_count > 0 ? options->interface_count : 1;
}

static int fill_privileges(const struct privileges *from, struct event_privilege *to)
{
	for (int i = 0; i < from->count; i++) {
		to[i].capability = capabilities_name(from->list[i].capability);
		to[i].feature = from->list[i].feature;
	}
	return from->count;
}

void report_run_started(const struct report_sources *sources, int64_t time_ns)
{
	const char *capabilities[CAPABILITIES_MAX], *events[OPTION_VALUES_EVENTS_MAX],
		*kinds[SOCKET_KIND_COUNT];
	struct event event = { .action = EVENT_RUN_STARTED, .time_ns = time_ns };
	struct event_privilege privileges[PRIVILEGES_MAX], helper_privileges[PRIVILEGES_MAX];
	struct event_run *run = &event.run;
	struct utsname system;
	char boot_id[64];

	run->version = SOCKLINE_VERSION;
	run->libpcap = capture_library_version();
	run->libnl = netlink_library_version();
	run->json_c = encoder_library_version();
	fill_config(sources, &run->config, events, kinds);
	if (sources->host) {
		fill_live_config(sources, &run->config);
		run->netns = host_netns(sources->host);
		run->degraded = host_degraded(sources->host, &run->degraded_count);
		run->capabilities = capabilities;
		run->capability_count = capabilities_names(capabilities_effective(), capabilities,
		                                           CAPABILITIES_MAX);
		run->privileges = privileges;
		run->privilege_count = fill_privileges(sources->privileges, privileges);
		run->helper_privileges = helper_privileges;
		run->helper_privilege_count =
			fill_privileges(sources->helper_privileges, helper_privileges);
		if (uname(&system) == 0)
			run->kernel = system.release;
		run->boot_id =
			read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id);
	}
	emitter_emit(sources->emitter, &event);
}

static void add_stream(const struct stream *stream, struct event_stats *stats)
{
	const struct connection_table *connections = stream_connections(stream);

	stats->packets = *stream_counters(stream);
	stats->owners = stream_binder_counters(stream)->owners;
	stats->connections = *connection_table_counters(connections);
	stats->connections_tracked = connection_table_count(connections);
}

static void add_packets(const struct report_sources *sources, struct event_stats *stats)
{
	const struct capture_writer_counters *counters = capture_writer_counters(sources->packets);

	stats->write.wanted = true;
	stats->write.packets = counters->packets;
	stats->write.dropped = counters->dropped;
	stats->write.bytes =
		sink_counters(sources->packets_sink).bytes + sink_pending(sources->packets_sink);
}

static uint64_t resident_bytes(void)
{
	char text[128], *resident;

	if (!read_line("/proc/self/statm", text, sizeof text))
		return 0;
	resident = strchr(text, ' '); /* the second number, in pages */
	return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static struct event_capture_counters of_capture(const struct capture_counters *counters,
                                                bool is_file)
{
	return (struct event_capture_counters){
		.is_file = is_file,
		.received = is_file ? counters->delivered : counters->received,
		.dropped = counters->dropped,
		.interface_dropped = counters->interface_dropped,
		.unread = is_file ? 0 : counters->received - counters->delivered,
	};
}

/* Those with the most loss come first, then those with the most packets. */
static int by_loss(const void *left, const void *right)
{
	const struct event_capture_counters *a = left, *b = right;

	if (a->dropped != b->dropped)
		return a->dropped < b->dropped ? 1 : -1;
	if (a->received != b->received)
		return a->received < b->received ? 1 : -1;
	return a->netns < b->netns ? -1 : a->netns > b->netns;
}

/* The last ones become one entry: a record is a line of bounded length. Returns how many are left. */
static int sum_up_last(struct event_capture_counters *list, int count)
{
	struct event_capture_counters *rest = &list[CAPTURES_LISTED_MAX];

	if (count <= CAPTURES_LISTED_MAX)
		return count;
	qsort(list, (size_t)count, sizeof *list, by_loss);
	for (int i = CAPTURES_LISTED_MAX + 1; i < count; i++) {
		rest->received += list[i].received;
		rest->dropped += list[i].dropped;
		rest->interface_dropped += list[i].interface_dropped;
		rest->unread += list[i].unread;
	}
	rest->name = NULL;
	rest->netns = 0;
	rest->buffer_bytes = 0;
	rest->unlisted = (uint64_t)(count - CAPTURES_LISTED_MAX);
	return CAPTURES_LISTED_MAX + 1;
}

/* For free; NULL: no memory. Those that are gone have one entry together: sums stay right. */
static struct event_capture_counters *list_captures(const struct report_sources *sources,
                                                    int *listed)
{
	struct capture_set *set = sources->captures;
	int count = set ? capture_set_count(set) : 0, removed;
	struct event_capture_counters *list = calloc((size_t)count + 1, sizeof *list);
	struct capture_counters counters;

	*listed = 0;
	if (!list || !set)
		return list;
	for (int i = 0; i < count; i++) {
		uint32_t netns = capture_set_netns(set, i);

		capture_set_counters(set, i, &counters);
		list[i] = of_capture(&counters, sources->options->read_file != NULL);
		list[i].name = capture_set_name(set, i);
		list[i].buffer_bytes = capture_set_buffer(set, i);
		if (sources->host && netns != host_netns(sources->host))
			list[i].netns = netns;
	}
	count = sum_up_last(list, count);
	removed = capture_set_removed(set, &counters);
	if (removed > 0) {
		list[count] = of_capture(&counters, false);
		list[count++].removed = (uint64_t)removed;
	}
	*listed = count;
	return list;
}

static void emit_stats(struct report_sources *sources, struct event *event, int64_t now_ns)
{
	struct event_stats *stats = &event->stats;
	struct event_capture_counters *captures = list_captures(sources, &stats->capture_count);
	struct sink_counters written = sink_counters(sources->sink);

	stats->captures = captures;
	stats->uptime_ns = now_ns - sources->started_ns;
	stats->interval_ns = now_ns - sources->reported_ns;
	stats->records.written = written.taken;
	stats->records.bytes = written.bytes + sink_pending(sources->sink);
	stats->records.dropped = emitter_counters(sources->emitter)->dropped;
	stats->records.deselected = emitter_counters(sources->emitter)->deselected;
	stats->records.truncated = encoder_counters(sources->encoder)->truncated;
	if (sources->packets)
		add_packets(sources, stats);
	if (sources->stream)
		add_stream(sources->stream, stats);
	if (sources->host) {
		host_read_counters(sources->host, &stats->host);
		stats->rss_bytes = resident_bytes();
		stats->cpu_ns = (uint64_t)clock_cpu_ns();
	}
	emitter_emit(sources->emitter, event);
	sources->reported_ns = now_ns;
	free(captures);
}

void report_stats(struct report_sources *sources, int64_t time_ns, int64_t now_ns)
{
	struct event event = { .action = EVENT_CAPTURE_STATS, .time_ns = time_ns };

	emit_stats(sources, &event, now_ns);
}

void report_run_stopped(struct report_sources *sources, int64_t time_ns, int64_t now_ns,
                        enum event_stop stop)
{
	struct event event = { .action = EVENT_RUN_STOPPED, .time_ns = time_ns };

	event.stats.final = true;
	event.stats.stop = stop;
	emit_stats(sources, &event, now_ns);
}

struct capture_counters report_captured(struct capture_set *captures)
{
	struct capture_counters total, counters;

	capture_set_removed(captures, &total);
	for (int i = 0; i < capture_set_count(captures); i++) {
		capture_set_counters(captures, i, &counters);
		total.delivered += counters.delivered;
		total.dropped += counters.dropped;
		total.interface_dropped += counters.interface_dropped;
	}
	return total;
}

void report_closing_line(const struct report_sources *sources, const struct log *log)
{
	struct capture_counters total = report_captured(sources->captures);
	uint64_t dropped = emitter_counters(sources->emitter)->dropped;

	log_info(log,
	         "%llu packets captured, %llu received, %llu dropped by the kernel, %llu by "
	         "interfaces; %llu records, %llu dropped",
	         (unsigned long long)stream_counters(sources->stream)->packets,
	         (unsigned long long)total.delivered, (unsigned long long)total.dropped,
	         (unsigned long long)total.interface_dropped,
	         (unsigned long long)sink_counters(sources->sink).lines,
	         (unsigned long long)dropped);
}
