/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "capture/capture_set.h"
#include "capture/decode.h"
#include "events/encode.h"
#include "host.h"
#include "output/file.h"
#include "output/sink.h"
#include "report.h"
#include "stream/emitter.h"
#include "stream/listener_watch.h"
#include "stream/snapshot.h"
#include "stream/stream.h"

#define SINK_CAPACITY   (4u << 20)
#define ROOM_FOR_TURN   (1u << 20) /* packets are taken while the sink has this much room */
#define PACKETS_A_TURN  512
#define WORK_BUDGET_NS  (2 * NS_PER_MS)
#define STOP_NS         (900 * NS_PER_MS) /* a stop takes less than a second, whatever the reader does */
#define DRAIN_NS        (300 * NS_PER_MS) /* of it, for what is still in the capture rings */
#define FLUSH_PENDING   (64u << 10)
#define CAPTURE_TIMEOUT_MS 100

struct run {
	const struct options *options;
	const struct log *log;
	struct loop *loop;
	struct hash_key key;
	int output_fd; /* of -o; -1 = standard output */
	struct sink *sink;
	struct loop_source *sink_source;
	uint32_t sink_events;
	struct encoder *encoder;
	struct emitter *emitter;
	struct host *host;
	struct stream *stream;
	struct capture_set *captures;
	struct snapshot *snapshot;
	struct listener_watch *listeners;
	struct loop_source *signals;
	struct report_sources report;
	uint64_t packets;
	int64_t flushed_ns;
	const char *stop_reason; /* NULL while running */
	bool started;            /* run_started is out */
	int status;
};

static bool is_replay(const struct run *run)
{
	return run->options->read_file != NULL;
}

static int64_t now_ns(const struct run *run)
{
	return is_replay(run) ? stream_time_ns(run->stream) : clock_monotonic_ns();
}

static int64_t time_ns(const struct run *run)
{
	return is_replay(run) ? stream_time_ns(run->stream) : clock_realtime_ns();
}

static void stop(struct run *run, const char *reason)
{
	if (run->stop_reason)
		return;
	run->stop_reason = reason;
	loop_stop(run->loop, 0);
}

static void start_records(struct run *run, int64_t first_ns)
{
	if (run->started)
		return;
	run->started = true;
	run->report.started_ns = is_replay(run) ? first_ns : clock_monotonic_ns();
	run->report.reported_ns = run->report.started_ns;
	report_run_started(&run->report, first_ns);
}

static void on_packet(void *context, const struct capture_origin *origin,
                      const struct capture_packet *captured)
{
	struct run *run = context;
	struct packet packet;

	packet.time_ns = captured->time_ns;
	packet.number = ++run->packets;
	packet.netns = origin->netns;
	packet.ifindex = origin->ifindex;
	decode_packet(origin->link_type, captured->bytes, captured->captured, captured->length, &packet);
	start_records(run, packet.time_ns);
	stream_packet(run->stream, &packet);
	if (run->packets == run->options->count) {
		capture_set_break(run->captures);
		stop(run, "count");
	}
}

static void emit_log(struct run *run, enum event_action action, struct event_log *content)
{
	struct event event = {.action = action, .time_ns = time_ns(run)};

	event.log = *content;
	emitter_emit(run->emitter, &event);
}

static void on_capture_change(void *context, const char *interface, bool back, const char *reason)
{
	struct run *run = context;
	struct event_log content = {
	    .level = back ? "info" : "warning",
	    .message = back ? "capture resumed" : "capture lost, waiting for the interface to come back",
	    .error_message = reason,
	    .interface = interface,
	};

	emit_log(run, back ? EVENT_CAPTURE_RESUMED : EVENT_CAPTURE_LOST, &content);
	log_warning(run->log, "%s: %s%s%s", interface, content.message, reason ? ": " : "",
	            reason ? reason : "");
}

static bool is_ready(void *context)
{
	struct run *run = context;

	return run->options->drop_when_slow || emitter_room(run->emitter) >= ROOM_FOR_TURN;
}

static void on_overrun(void *context, const char *where, uint64_t lost)
{
	struct run *run = context;
	struct event_log content = {
	    .level = "warning",
	    .message = "netlink messages were lost, resynchronising",
	    .count = lost,
	    .where = where,
	};

	emit_log(run, EVENT_NETLINK_OVERRUN, &content);
}

static void on_destroyed(void *context, const struct socket *socket)
{
	struct run *run = context;

	if (run->stream)
		stream_socket_destroyed(run->stream, socket);
}

/* ---- output ---- */

static void emit_output_opened(struct run *run, uint64_t repaired)
{
	struct event_log content = {
	    .level = "info",
	    .message = "output opened",
	    .path = run->options->output_file,
	    .repaired_bytes = repaired,
	};

	emit_log(run, EVENT_OUTPUT_OPENED, &content);
	if (repaired > 0)
		log_warning(run->log, "%s: a broken last line of %llu bytes was removed",
		            run->options->output_file, (unsigned long long)repaired);
}

static void on_output_ready(void *context, uint32_t events)
{
	struct run *run = context;

	if (events & (EPOLLERR | EPOLLHUP))
		sink_check(run->sink);
	else
		sink_flush(run->sink);
}

/* EPOLLERR and EPOLLHUP are always watched; EPOLLOUT only while something waits. */
static void watch_output(struct run *run)
{
	uint32_t events = sink_pending(run->sink) > 0 ? EPOLLOUT : 0;

	if (!run->sink_source || events == run->sink_events)
		return;
	run->sink_events = events;
	loop_modify(run->sink_source, events);
}

static void reopen_output(struct run *run)
{
	struct error error = {0};
	uint64_t repaired = 0;
	int fd;

	if (!run->options->output_file)
		return;
	fd = file_open(run->options->output_file, &repaired, &error);
	if (fd >= 0 && sink_replace_fd(run->sink, fd, clock_monotonic_ns() + NS_PER_SECOND, &error) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		log_error(run->log, "%s; the old file stays in use", error.text);
		return;
	}
	close(run->output_fd);
	run->output_fd = fd;
	emit_output_opened(run, repaired);
}

static int open_output(struct run *run, struct error *error)
{
	int result;

	run->output_fd = -1;
	if (run->options->output_file) {
		uint64_t repaired = 0;

		run->output_fd = file_open(run->options->output_file, &repaired, error);
		if (run->output_fd < 0)
			return run->output_fd;
	}
	result = sink_new(&run->sink, run->output_fd >= 0 ? run->output_fd : STDOUT_FILENO, SINK_CAPACITY,
	                  error);
	if (result != 0 || sink_fd(run->sink) < 0)
		return result;
	run->sink_source = loop_add_fd(run->loop, sink_fd(run->sink), 0, on_output_ready, run);
	if (!run->sink_source && errno != EPERM)
		return error_set(error, errno, "epoll: %s", strerror(errno));
	return 0;
}

/* ---- timers and signals ---- */

static void on_signal(void *context, int signal_number)
{
	struct run *run = context;

	switch (signal_number) {
	case SIGHUP:
		reopen_output(run);
		break;
	case SIGUSR1:
		if (run->started)
			report_stats(&run->report, time_ns(run), now_ns(run));
		break;
	default:
		stop(run, "signal");
		break;
	}
}

static void on_stats(void *context, uint32_t expirations)
{
	struct run *run = context;

	(void)expirations;
	report_stats(&run->report, time_ns(run), now_ns(run));
}

static void on_second(void *context, uint32_t expirations)
{
	struct run *run = context;

	(void)expirations;
	if (run->host)
		host_tick(run->host);
	if (run->listeners)
		listener_watch_refresh(run->listeners);
}

static void on_duration(void *context, uint32_t expirations)
{
	(void)expirations;
	stop(context, "duration");
}

static int add_timers(struct run *run, struct error *error)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, 0};
	const struct options *options = run->options;
	bool ok;

	signal(SIGPIPE, SIG_IGN); /* EPIPE and EFBIG tell the sink */
	signal(SIGXFSZ, SIG_IGN);
	run->signals = loop_add_signals(run->loop, signals, on_signal, run);
	ok = run->signals != NULL;
	if (!is_replay(run)) {
		ok = ok && loop_add_timer(run->loop, NS_PER_SECOND, NS_PER_SECOND, on_second, run);
		if (options->stats_interval_ns > 0 && run->stream)
			ok = ok && loop_add_timer(run->loop, options->stats_interval_ns,
			                          options->stats_interval_ns, on_stats, run);
	}
	if (options->duration_ns > 0)
		ok = ok && loop_add_timer(run->loop, options->duration_ns, 0, on_duration, run);
	return ok ? 0 : error_set(error, errno, "timers and signals: %s", strerror(errno));
}

/* ---- the turn ---- */

static void dispatch_captures(struct run *run, bool *more)
{
	struct error error = {0};
	bool ended = false;
	int result = 0;

	capture_set_watch(run->captures, is_ready(run));
	*more |= capture_set_dispatch(run->captures, PACKETS_A_TURN, &ended, &result, &error);
	if (result < 0) {
		log_error(run->log, "%s", error.text);
		run->status = EXIT_FAILURE;
		stop(run, "error");
	} else if (ended) {
		stop(run, "end_of_file");
	}
}

static void advance_snapshot(struct run *run)
{
	if (!run->snapshot || !snapshot_emit(run->snapshot, ROOM_FOR_TURN))
		return;
	snapshot_free(run->snapshot);
	run->snapshot = NULL;
	if (run->options->mode == OPTIONS_SNAPSHOT)
		stop(run, "snapshot");
}

/* Idle, or much is waiting, or it has waited long: then write. */
static void flush_output(struct run *run, bool more)
{
	int64_t now = clock_monotonic_ns();

	if (!more || sink_pending(run->sink) >= FLUSH_PENDING ||
	    now - run->flushed_ns >= run->options->flush_interval_ns) {
		sink_flush(run->sink);
		run->flushed_ns = now;
	}
	watch_output(run);
	switch (sink_get_state(run->sink)) {
	case SINK_OPEN:
		break;
	case SINK_READER_GONE:
		stop(run, "reader_gone");
		break;
	case SINK_FAILED:
		log_error(run->log, "cannot write the output: %s", strerror(sink_error(run->sink)));
		run->status = EXIT_FAILURE;
		stop(run, "error");
		break;
	}
}

static int milliseconds(int64_t ns)
{
	return ns < 0 ? -1 : (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static int sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Called before each wait: does what there is to do, says how long the wait may last. */
static int turn(void *context)
{
	struct run *run = context;
	int timeout = -1;
	bool more = false;

	if (run->captures)
		dispatch_captures(run, &more);
	if (run->stream && !is_replay(run))
		timeout = milliseconds(stream_tick(run->stream));
	if (run->host && host_work(run->host, WORK_BUDGET_NS))
		more = true;
	advance_snapshot(run);
	emitter_announce(run->emitter, time_ns(run));
	flush_output(run, more);
	if (run->captures)
		timeout = sooner(timeout, capture_set_timeout_ms(run->captures));
	if (run->snapshot || (is_replay(run) && is_ready(run)))
		more = more || emitter_room(run->emitter) >= ROOM_FOR_TURN;
	if (sink_stalled(run->sink))
		timeout = sooner(timeout, 100);
	return more ? 0 : timeout;
}

/* ---- build, run, tear down ---- */

static int open_emitter(struct run *run, struct error *error)
{
	struct encoder_options encoder_options = {0};
	struct emitter_options emitter_options = {
	    .sink = run->sink,
	    .events = run->options->events,
	    .flush_each = run->options->flush_each,
	};
	char host_name[256] = "localhost";

	gethostname(host_name, sizeof host_name - 1);
	encoder_options.host_name = host_name;
	encoder_options.run_id = is_replay(run) ? 0 : hash_bytes(&run->key, "run", 3);
	run->encoder = encoder_new(&encoder_options);
	emitter_options.encoder = run->encoder;
	run->emitter = run->encoder ? emitter_new(&emitter_options) : NULL;
	return run->emitter ? 0 : error_set(error, ENOMEM, "out of memory");
}

static int open_host(struct run *run, struct error *error)
{
	struct host_options options = {
	    .sockets = run->options->sockets,
	    .key = run->key,
	    .callbacks = {.socket_destroyed = on_destroyed, .overrun = on_overrun, .context = run},
	};
	int count, result;

	if (is_replay(run))
		return 0;
	result = host_new(&run->host, run->loop, &options, error);
	if (result != 0)
		return result;
	for (const char *const *degraded = host_degraded(run->host, &count); count > 0; count--)
		log_warning(run->log, "%s", *degraded++);
	if (run->options->mode == OPTIONS_STREAM && (run->options->events & EMITTER_SOCKET)) {
		run->listeners = listener_watch_new(host_lister(run->host), host_attribution(run->host),
		                                    run->emitter);
		if (!run->listeners)
			return error_set(error, ENOMEM, "out of memory");
	}
	return 0;
}

static int open_captures(struct run *run, struct error *error)
{
	const struct options *options = run->options;
	struct capture_set_options set_options = {
	    .capture = {
	        .snaplen = options->snaplen,
	        .buffer_kib = options->buffer_kib,
	        .timeout_ms = CAPTURE_TIMEOUT_MS,
	        .immediate = options->immediate || !is_replay(run),
	        .promiscuous = options->promiscuous,
	        .direction = options->direction,
	        .filter = options->filter,
	    },
	    .packet = on_packet,
	    .change = on_capture_change,
	    .ready = is_ready,
	    .context = run,
	};
	int result = 0;

	run->captures = capture_set_new(run->loop, &set_options);
	if (!run->captures)
		return error_set(error, ENOMEM, "out of memory");
	if (is_replay(run))
		return capture_set_add_file(run->captures, options->read_file, error);
	if (options->interface_count == 0)
		return capture_set_add_live(run->captures, "any", host_netns(run->host), error);
	for (int i = 0; result == 0 && i < options->interface_count; i++)
		result = capture_set_add_live(run->captures, options->interfaces[i], host_netns(run->host), error);
	return result;
}

static int open_stream(struct run *run, struct error *error)
{
	struct stream_options options = {
	    .emitter = run->emitter,
	    .attribution = run->host ? host_attribution(run->host) : NULL,
	    .key = run->key,
	    .max_connections = run->options->max_connections,
	    .update_interval_ns = run->options->update_interval_ns,
	    .community_id_seed = run->options->community_id_seed,
	    .replay = is_replay(run),
	};

	return stream_new(&run->stream, &options, error);
}

static int open_snapshot(struct run *run, struct error *error)
{
	struct snapshot_options options = {
	    .attribution = host_attribution(run->host),
	    .emitter = run->emitter,
	    .kinds = run->options->kinds,
	    .listening = run->options->listening,
	    .tcp_info = true,
	};
	uint32_t netns = host_netns(run->host);
	int result = snapshot_new(&run->snapshot, &options, &netns, 1, 1, error);

	if (result == 0)
		host_walk_all(run->host);
	return result;
}

static int build(struct run *run, struct error *error)
{
	int result = 0;

	run->loop = loop_new();
	if (!run->loop)
		return error_set(error, errno, "epoll: %s", strerror(errno));
	if (!is_replay(run)) /* a replay repeats: its keys are zero */
		result = hash_key_random(&run->key);
	if (result != 0)
		return error_set(error, -result, "getrandom: %s", strerror(-result));
	if ((result = open_output(run, error)) != 0 || (result = open_emitter(run, error)) != 0 ||
	    (result = open_host(run, error)) != 0)
		return result;
	if (run->options->mode == OPTIONS_STREAM &&
	    ((result = open_stream(run, error)) != 0 || (result = open_captures(run, error)) != 0))
		return result;
	if (run->host && (run->options->events & EMITTER_SOCKET))
		result = open_snapshot(run, error);
	return result == 0 ? add_timers(run, error) : result;
}

static void free_run(struct run *run)
{
	snapshot_free(run->snapshot);
	capture_set_free(run->captures);
	listener_watch_free(run->listeners);
	stream_free(run->stream);
	host_free(run->host);
	emitter_free(run->emitter);
	encoder_free(run->encoder);
	loop_remove(run->sink_source);
	sink_free(run->sink);
	if (run->output_fd >= 0)
		close(run->output_fd);
	loop_free(run->loop);
}

/* The last records. From here on a second signal ends the program at once. */
static void finish(struct run *run)
{
	int64_t deadline = clock_monotonic_ns() + STOP_NS;
	enum sink_state state = sink_get_state(run->sink);

	loop_remove(run->signals);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (state == SINK_OPEN) {
		emitter_set_deadline(run->emitter, deadline);
		if (run->captures)
			capture_set_stop(run->captures, clock_monotonic_ns() + DRAIN_NS);
		start_records(run, time_ns(run));
		if (run->stream)
			stream_finish(run->stream);
		if (run->stream && run->options->stats_interval_ns > 0)
			report_stats(&run->report, time_ns(run), now_ns(run));
		report_run_stopped(&run->report, time_ns(run), now_ns(run), run->stop_reason);
		state = sink_drain(run->sink, deadline);
	}
	if (run->captures)
		report_closing_line(&run->report, run->log);
	if (state == SINK_READER_GONE)
		return;
	if (sink_pending(run->sink) > 0 || emitter_counters(run->emitter)->dropped > 0 ||
	    state == SINK_FAILED) {
		log_error(run->log, "output was lost: %llu records dropped, %llu bytes not written",
		          (unsigned long long)emitter_counters(run->emitter)->dropped,
		          (unsigned long long)sink_pending(run->sink));
		run->status = EXIT_FAILURE;
	}
}

int run_main(const struct options *options, const struct log *log)
{
	struct run run = {.options = options, .log = log, .output_fd = -1, .status = EXIT_SUCCESS};
	struct error error = {0};
	int result = build(&run, &error);

	if (result != 0) {
		log_error(log, "%s", error.text);
		free_run(&run);
		return EXIT_FAILURE;
	}
	run.report = (struct report_sources){
	    .options = options,
	    .host = run.host,
	    .captures = run.captures,
	    .stream = run.stream,
	    .emitter = run.emitter,
	    .encoder = run.encoder,
	    .sink = run.sink,
	};
	if (options->output_file)
		emit_output_opened(&run, 0);
	if (!is_replay(&run))
		start_records(&run, clock_realtime_ns());
	loop_set_prepare(run.loop, turn, &run);
	result = loop_run(run.loop);
	if (result < 0) {
		log_error(log, "epoll: %s", strerror(-result));
		run.status = EXIT_FAILURE;
	}
	finish(&run);
	free_run(&run);
	return run.status;
}
