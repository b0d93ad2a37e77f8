/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "events/fields.h"
#include "output/file.h"

#define SINK_CAPACITY  (4u << 20)
#define LIVE_NICE      (-10)
#define NAMESPACES_MAX 1024
#define MINUTE_NS      (60 * NS_PER_SECOND)

/* First of all: threads that are made later inherit the blocked signals. */
static int add_signals(struct run *run, struct error *error)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, 0 };

	signal(SIGPIPE, SIG_IGN); /* the sink takes EPIPE and EFBIG */
	signal(SIGXFSZ, SIG_IGN);
	run->signals = loop_add_signals(run->loop, signals, run_on_signal, run);
	return run->signals ? 0 : error_set(error, errno, "signals: %s", strerror(errno));
}

static int add_timers(struct run *run, struct error *error)
{
	const struct options *options = run->options;
	bool ok = true;

	if (!run_is_replay(run)) {
		run_open_clock(run);
		ok = ok &&
		     loop_add_timer(run->loop, NS_PER_SECOND, NS_PER_SECOND, run_on_second, run) &&
		     loop_add_timer(run->loop, MINUTE_NS, MINUTE_NS, run_on_minute, run);
		if (options->stats_interval_ns > 0 && run->stream)
			ok = ok && loop_add_timer(run->loop, options->stats_interval_ns,
			                          options->stats_interval_ns, run_on_stats, run);
	}
	if (options->duration_ns > 0)
		ok = ok && loop_add_timer(run->loop, options->duration_ns, 0, run_on_duration, run);
	if (options->snapshot_interval_ns > 0)
		ok = ok && loop_add_timer(run->loop, options->snapshot_interval_ns,
		                          options->snapshot_interval_ns, run_on_interval, run);
	return ok ? 0 : error_set(error, errno, "timers: %s", strerror(errno));
}

/* Signals are blocked and delivered when the loop is back. */
bool run_waits_for_reader(void *context)
{
	const struct run *run = context;
	sigset_t pending;

	return run->waits_for_reader && sigpending(&pending) == 0 &&
	       !sigismember(&pending, SIGINT) && !sigismember(&pending, SIGTERM);
}

static void complete(void *context, struct process *process)
{
	struct run *run = context;

	host_complete(run->host, process);
}

static enum encoder_format format_of(const struct options *options)
{
	switch (options->format) {
	case OPTIONS_FORMAT_TEXT:
		return ENCODER_TEXT;
	case OPTIONS_FORMAT_ZEEK:
		return ENCODER_ZEEK;
	case OPTIONS_FORMAT_OCSF:
		return ENCODER_OCSF;
	case OPTIONS_FORMAT_ECS:
		return ENCODER_ECS;
	case OPTIONS_FORMAT_AUTO:
		break;
	}
	/* Lines of text have no fields to choose from. */
	return !options->output_file && !options->fields && isatty(STDOUT_FILENO) ? ENCODER_TEXT
	                                                                          : ENCODER_ECS;
}

/* machine-id(5), which others have as host.id, too. NULL: there is none. */
static const char *read_machine_id(char id[64])
{
	FILE *file = fopen("/etc/machine-id", "re");
	bool good = file && fgets(id, 64, file);

	if (file)
		fclose(file);
	if (good)
		id[strcspn(id, "\n")] = '\0';
	return good && strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32 ? id : NULL;
}

static int open_emitter(struct run *run, struct error *error)
{
	struct encoder_options encoder_options = { 0 };
	struct emitter_options emitter_options = {
		.sink = run->sink,
		.events = run->options->events,
		.flush_each = run->options->flush_each,
		.waits = run_waits_for_reader,
		.complete = run_is_replay(run) ? NULL : complete,
		.named = (run->options->events & EMITTER_LIFECYCLE) ? run_on_process_named : NULL,
		.selection = selection_is_empty(&run->selection) ? NULL : &run->selection,
		.context = run,
	};
	char host_name[256] = "localhost", machine_id[64];

	gethostname(host_name, sizeof host_name - 1);
	encoder_options.host_name = host_name;
	encoder_options.host_id = read_machine_id(machine_id);
	encoder_options.labels = (const char *const *)run->options->labels;
	encoder_options.format = format_of(run->options);
	encoder_options.fields = run->options->fields;
	encoder_options.own_fields = run->options->own_fields;
	encoder_options.run_id = run_id(run);
	run->encoder = encoder_new(&encoder_options);
	if (run_is_shown(run, encoder_options.format == ENCODER_TEXT &&
	                                      run->options->summary == OPTIONS_SHOWN_AUTO
	                              ? OPTIONS_SHOWN
	                              : run->options->summary))
		run->summary = summary_new(&run->key);
	emitter_options.encoder = run->encoder;
	emitter_options.packets = run->packets;
	emitter_options.summary = run->summary;
	run->emitter = run->encoder ? emitter_new(&emitter_options) : NULL;
	return run->emitter ? 0 : error_set(error, ENOMEM, "out of memory");
}

static int open_host(struct run *run, struct error *error)
{
	bool once =
		run->options->mode == OPTIONS_SNAPSHOT && run->options->snapshot_interval_ns == 0;
	struct host_options options = {
		.sockets = run->options->sockets,
		.key = run->key,
		.callbacks = { .namespace_found = run_on_namespace_found,
		               .namespace_opened = run_on_namespace_opened,
		               .namespace_closing = run_on_namespace_closing,
		               .socket_destroyed = run_on_destroyed,
		               .sockets_lost = run_on_destroyed_lost,
		               .socket_listed = run_on_listed,
		               .sockets_listed = run_on_all_listed,
		               .overrun = run_on_overrun,
		               .limit_reached = run_on_limit_reached,
		               .trace_lost = run_on_trace_lost,
		               .process_lived = run->process_log ? run_on_process : NULL,
		               .context = run },
		.method = once && run->options->method == HOST_METHOD_AUTO ? HOST_METHOD_LOOKUP
		                                                           : run->options->method,
		.once = once,
		.guess = run->options->guess,
		.hash = run->options->hash,
		.args = run->options->args,
		.all_processes = run->options->all_processes,
		.tree = run->tree,
		.at_once = run->options->mode == OPTIONS_SNAPSHOT,
		.netns_mode = run->options->netns_mode,
		.separated = run->helper_enters,
		.trace_helper = run->helper_opens_traces ? run->helper : NULL,
		.netns_paths = run->options->netns_paths,
		.netns_path_count = run->options->netns_path_count,
	};
	int count, result;

	if (run_is_replay(run))
		return 0;
	result = host_new(&run->host, run->loop, &options, error);
	if (result != 0)
		return result;
	if (run->options->self_test) /* prints them itself */
		return 0;
	for (const char *const *degraded = host_degraded(run->host, &count); count > 0; count--)
		log_warning(run->log, "%s", *degraded++);
	return 0;
}

/* Without tracepoints a socket must be looked up before it is closed. */
static bool needs_each_packet_at_once(const struct run *run)
{
	return run->host && host_method(run->host) == HOST_METHOD_LOOKUP;
}

/*
 * Rings fill while others have the processors: what little is needed is taken
 * first, where CAP_SYS_NICE allows that.
 */
static void raise_priority(const struct run *run)
{
	/* The helper's answers are waited for. */
	const id_t processes[] = { 0, run->helper ? (id_t)helper_pid(run->helper) : 0 };

	for (size_t i = 0; i < sizeof processes / sizeof *processes; i++)
		if (getpriority(PRIO_PROCESS, processes[i]) > LIVE_NICE)
			setpriority(PRIO_PROCESS, processes[i], LIVE_NICE);
}

static int open_captures(struct run *run, struct error *error)
{
	const struct options *options = run->options;
	struct capture_set_options set_options = {
	    .capture = {
	        .snaplen = options->snaplen,
	        .names = options->inspect,
	        .buffer_kib = run_ring_kib(options),
	        .timeout_ms = WINDOW_CAPTURE_MS,
	        .immediate = options->immediate || needs_each_packet_at_once(run),
	        .promiscuous = options->promiscuous,
	        .nonblocking = true,
	        .direction = options->direction,
	        .filter = options->filter,
	    },
	    .queue_bytes = run_queue_bytes(options),
	    .grown_kib = options->buffer_kib / RUN_OTHERS_PART / RUN_GROWN_MAX,
	    .grown_max = RUN_GROWN_MAX,
	    .packet = run_on_packet,
	    .change = run_on_capture_change,
	    .ready = run_is_ready,
	    .context = run,
	};
	uint32_t namespaces[NAMESPACES_MAX];
	int count, result = 0;

	run->captures = capture_set_new(run->loop, &set_options);
	if (!run->captures)
		return error_set(error, ENOMEM, "out of memory");
	if (run_is_replay(run))
		return run_open_file(run, error);
	raise_priority(run);
	count = host_namespaces(run->host, namespaces, NAMESPACES_MAX);
	for (int i = 0; result == 0 && i < count && i < NAMESPACES_MAX; i++) {
		int fd = host_namespace_fd(run->host, namespaces[i]);

		host_relieve(run->host);
		result = run_add_captures(run, namespaces[i], fd, error);
		if (result == 0)
			result = run_add_watch(run, namespaces[i], error);
		if (result == 0)
			run_add_existing(run, namespaces[i]);
		if (result != 0 && fd >= 0 && options->netns_path_count == 0)
			result = 0; /* a namespace can be gone by now, the own one cannot */
	}
	stream_set_captured(run->stream);
	return result;
}

/* Packets of other programs' files can be longer than those that are captured. */
static uint32_t frame_max(const struct run *run)
{
	if (!run->options->write_file)
		return 0;
	return run_is_replay(run) ? CAPTURE_WRITER_SNAPLEN_MAX : (uint32_t)run->options->snaplen;
}

/* What is not captured happened without packets. */
static bool sees_all(const struct options *options)
{
	bool every_interface =
		options->interface_count == 0 ||
		(options->interface_count == 1 && strcmp(options->interfaces[0], "any") == 0);

	return every_interface && !options->filter && !options->read_file &&
	       options->direction == CAPTURE_INOUT;
}

static void read_ended(void *context)
{
	struct run *run = context;

	host_read_ended(run->host);
}

static int open_stream(struct run *run, struct error *error)
{
	static const struct hash_key repeated = { { 0, 0 } };
	struct stream_options options = {
		.emitter = run->emitter,
		.attribution = run->host ? host_attribution(run->host) : NULL,
		.key = run->key,
		.id_key = run_is_replay(run) ? repeated : run->key,
		.max_connections = run->options->max_connections,
		.update_interval_ns = run->options->update_interval_ns,
		.community_id_seed = run->options->community_id_seed,
		.no_community_ids = run->options->fields &&
		                    !fields_want(run->options->fields, "network.community_id"),
		.netns = run->host ? host_netns(run->host) : 0,
		.dedupe = run->options->dedupe,
		.inspect = run->options->inspect,
		.sees_all = sees_all(run->options),
		.tunnels = run->options->tunnels,
		.payload_max = run->options->payload,
		.frame_max = frame_max(run),
		.takes_traffic = run->options->top,
		.replay = run_is_replay(run),
		.guess = run->options->guess,
		.catch_up = run->host ? run_catch_up : NULL,
		.read_ended = run->host ? read_ended : NULL,
		.context = run,
	};

	return stream_new(&run->stream, &options, error);
}

static int open_outlet(struct run *run, struct error *error)
{
	struct outlet_options options = {
		.path = run->options->output_file,
		.capacity = SINK_CAPACITY,
		.flush_interval_ns = run->options->flush_interval_ns,
		.compress_level = run->options->compress_level,
		.rotation = run->options->rotation,
		.spool = run->options->spool_size,
		.helper = run->helper_opens_output || run->helper_connects_output ? run->helper
		                                                                  : NULL,
	};
	int result;

	if (run->options->top && !options.path) { /* the table has standard output */
		run->nowhere_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (run->nowhere_fd < 0)
			return error_set(error, errno, "/dev/null: %s", strerror(errno));
		snprintf(run->nowhere, sizeof run->nowhere, OUTLET_DESCRIPTOR "%d",
		         run->nowhere_fd);
		options.path = run->nowhere;
	}
	/* A self-test changes nothing on disk: it has a sink that it does not write to. */
	if (run->options->self_test && outlet_is_file(options.path)) {
		file_check(options.path, false, &run->output_missing);
		options.path = NULL;
	}
	result = outlet_new(&run->outlet, run->loop, &options, &run->repaired, error);
	if (result == 0)
		run->sink = outlet_sink(run->outlet);
	return result;
}

int run_build(struct run *run, struct error *error)
{
	int result = 0;

	run->loop = loop_new();
	if (!run->loop)
		return error_set(error, errno, "epoll: %s", strerror(errno));
	result = add_signals(run, error);
	if (result == 0)
		result = run_helper_watch(run, error);
	if (result != 0)
		return result;
	result = hash_key_random(&run->key);
	if (result != 0)
		return error_set(error, -result, "getrandom: %s", strerror(-result));
	result = run_top_open(run, error);
	if (result == 0)
		result = open_outlet(run, error);
	if (result == 0)
		result = run_packets_open(run, error);
	if (result != 0)
		return result;
	if ((result = run_command_follow(run, error)) != 0 ||
	    (result = open_emitter(run, error)) != 0 ||
	    (result = run_processes_open(run, error)) != 0 || (result = open_host(run, error)) != 0)
		return result;
	if (run->options->mode == OPTIONS_STREAM &&
	    ((result = open_stream(run, error)) != 0 || (result = open_captures(run, error)) != 0))
		return result;
	if (run->host && (run->options->events & EMITTER_SOCKET))
		result = run_take_snapshot(run, error);
	if (result == 0)
		result = add_timers(run, error);
	if (result == 0)
		result = run_progress_open(run, error);
	if (result == 0)
		run_notify_open(run);
	return result;
}

void run_free(struct run *run)
{
	snapshot_free(run->snapshot);
	capture_set_free(run->captures);
	for (int i = 0; i < run->watch_count; i++)
		listener_watch_free(run->watches[i].watch);
	free(run->watches);
	stream_free(run->stream);
	host_free(run->host);
	run_close_clock(run);
	run_notify_close(run);
	run_top_close(run);
	process_tree_free(run->tree);
	process_log_free(run->process_log);
	emitter_free(run->emitter);
	summary_free(run->summary);
	encoder_free(run->encoder);
	run_packets_close(run);
	outlet_free(run->outlet);
	run_helper_stop(run);
	loop_free(run->loop);
}
