/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/run_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/heap.h"

#define ROOM_FOR_TURN   (1u << 20) /* packets are taken while the sink has this much room */
#define PACKETS_AT_ONCE 128 /* their records stay in the nearer caches until they are written */
#define TIMES_A_TURN    4
#define WORK_BUDGET_NS  (2 * NS_PER_MS)
#define PACE_NS         (10 * NS_PER_MS)
/* A stop takes less than a second with all the closing, whatever the reader does. */
#define STOP_NS (600 * NS_PER_MS)
/* While a reader is waited for: what comes this soon came with the first, timeout(1) sends two. */
#define SIGNAL_NS (100 * NS_PER_MS)

static int64_t now_ns(const struct run *run)
{
	return run_is_replay(run) ? stream_time_ns(run->stream) : clock_monotonic_ns();
}

static int64_t time_ns(const struct run *run)
{
	return run_is_replay(run) ? stream_time_ns(run->stream) : clock_realtime_ns();
}

void run_stop(struct run *run, enum event_stop reason)
{
	if (run->stop != EVENT_STOP_NONE)
		return;
	run->stop = reason;
	loop_stop(run->loop, 0);
}

static void start_records(struct run *run, int64_t first_ns)
{
	if (run->started)
		return;
	run->started = true;
	run->report.started_ns = run_is_replay(run) ? first_ns : clock_monotonic_ns();
	run->report.reported_ns = run->report.started_ns;
	report_run_started(&run->report, first_ns);
}

void run_catch_up(void *context, int64_t packets_ns)
{
	struct run *run = context;

	host_catch_up(run->host, packets_ns);
	run_processes_write(run);
}

void run_on_packet(void *context, const struct packet *packet, const uint8_t *bytes)
{
	struct run *run = context;

	start_records(run, packet->time_ns);
	stream_add_packet(run->stream, packet, bytes);
	if (packet->number == run->options->count) {
		capture_set_break(run->captures);
		run_stop(run, EVENT_STOP_COUNT);
	}
}

void run_emit_log(struct run *run, enum event_action action, struct event_log *content)
{
	struct event event = { .action = action, .time_ns = time_ns(run) };

	event.log = *content;
	emitter_emit(run->emitter, &event);
}

void run_on_capture_change(void *context, const char *interface, bool back, const char *reason)
{
	struct run *run = context;
	struct event_log content = {
		.level = back ? "info" : "warning",
		.message = back ? "capture resumed"
		                : "capture lost, waiting for the interface to come back",
		.error_message = reason,
		.interface = interface,
	};

	stream_pass_packets(run->stream);
	run_emit_log(run, back ? EVENT_CAPTURE_RESUMED : EVENT_CAPTURE_LOST, &content);
	log_warning(run->log, "%s: %s%s%s", interface, content.message, reason ? ": " : "",
	            reason ? reason : "");
}

bool run_is_ready(void *context)
{
	struct run *run = context;

	return run->options->drop_when_slow ||
	       (emitter_room(run->emitter) >= ROOM_FOR_TURN && run_packets_have_room(run));
}

void run_on_overrun(void *context, const char *where, uint64_t lost)
{
	struct run *run = context;
	struct event_log content = {
		.level = "warning",
		.message = "netlink messages were lost, resynchronising",
		.count = lost,
		.where = where,
	};

	run_emit_log(run, EVENT_NETLINK_OVERRUN, &content);
}

void run_on_trace_lost(void *context, uint64_t lost, const struct trace_flood_source *source)
{
	char message[160];
	struct event_log content = {
		.level = "warning",
		.message = message,
		.count = lost,
		.where = "tracepoints",
		.process = source->process,
		.has_uid = source->has_uid,
		.uid = source->uid,
	};
	int length =
		snprintf(message, sizeof message,
	                 "events of tracepoints were lost: owners of that time may be unknown");

	if (source->process)
		length += snprintf(message + length, sizeof message - (size_t)length,
		                   "; most came from process %d", source->process->pid);
	if (source->has_uid)
		snprintf(message + length, sizeof message - (size_t)length, "%s of user %u",
		         source->process ? "" : "; most came from processes", source->uid);
	run_emit_log(context, EVENT_TRACEPOINTS_OVERRUN, &content);
}

void run_on_destroyed(void *context, const struct socket *socket)
{
	struct run *run = context;

	if (run->stream)
		stream_socket_destroyed(run->stream, socket);
}

void run_on_destroyed_lost(void *context, int64_t since_ns)
{
	struct run *run = context;

	if (run->stream)
		stream_sockets_lost(run->stream, since_ns);
}

void run_on_listed(void *context, const struct socket *socket)
{
	struct run *run = context;

	if (run->stream)
		stream_socket_listed(run->stream, socket);
}

void run_on_all_listed(void *context, uint32_t netns, int64_t began_ns)
{
	struct run *run = context;

	if (run->stream)
		stream_sockets_listed(run->stream, netns, began_ns);
}

void run_on_signal(void *context, int signal_number)
{
	struct run *run = context;

	switch (signal_number) {
	case SIGHUP:
		run_output_reopen(run);
		break;
	case SIGUSR1:
		if (run->started)
			report_stats(&run->report, time_ns(run), now_ns(run));
		break;
	case SIGCHLD:
		run_helper_look(run);
		run_command_look(run);
		break;
	default:
		run_command_signal(run, signal_number);
		break;
	}
}

void run_on_stats(void *context, uint32_t expirations)
{
	struct run *run = context;

	(void)expirations;
	stream_emit_traffic(run->stream);
	report_stats(&run->report, time_ns(run), now_ns(run));
	run_notify_status(run);
}

void run_on_second(void *context, uint32_t expirations)
{
	struct run *run = context;

	(void)expirations;
	run_check_clock(run);
	if (run->captures)
		capture_set_tick(run->captures);
	if (run->host)
		host_tick(run->host);
	for (int i = 0; i < run->watch_count; i++)
		listener_watch_refresh(run->watches[i].watch);
	run->listeners_ns = run->watch_count > 0 ? clock_monotonic_ns() : 0;
}

void run_on_minute(void *context, uint32_t expirations)
{
	(void)context;
	(void)expirations;
	heap_trim();
}

void run_on_duration(void *context, uint32_t expirations)
{
	(void)expirations;
	run_stop(context, EVENT_STOP_DURATION);
}

/* Returns whether there may be more. */
static bool dispatch_captures(struct run *run)
{
	struct error error = { 0 };
	bool ended = false, more;
	int result = 0;

	capture_set_watch(run->captures, run_is_ready(run));
	more = capture_set_dispatch(run->captures, PACKETS_AT_ONCE, &ended, &result, &error);
	stream_pass_packets(run->stream);
	if (result < 0) {
		log_error(run->log, "%s", error.text);
		run->status = EXIT_FAILURE;
		run_stop(run, EVENT_STOP_ERROR);
	} else if (ended) {
		run_stop(run, EVENT_STOP_END_OF_FILE);
	}
	return more && run->stop == EVENT_STOP_NONE;
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

/*
 * Packets come in blocks; reports that come singly meanwhile wait for them where they keep.
 * A slow reader must not wait.
 */
static void set_pace(struct run *run)
{
	int urgent[HOST_URGENT_MAX], count = 0;
	bool may_wait = run->host && host_may_wait(run->host, urgent, &count) &&
	                !run->options->immediate && !run->options->flush_each && !run->snapshot &&
	                !outlet_is_late(run->outlet);

	loop_set_pace(run->loop, may_wait ? PACE_NS : 0, urgent, count);
}

/* Returns whether there may be more. All else that a turn does can wait for some batches. */
static bool take_packets(struct run *run)
{
	bool more = dispatch_captures(run);

	for (int times = 1; more && times < TIMES_A_TURN; times++) {
		run_output_turn(run, true);
		run_packets_turn(run, true);
		more = dispatch_captures(run);
	}
	return more;
}

/* Nanoseconds until the next look; -1: no listener waits for one. */
static int64_t look_at_listeners(struct run *run)
{
	int64_t wait = -1, now;

	if (run->listeners_ns == 0)
		return -1;
	now = clock_monotonic_ns();
	if (now < run->listeners_ns)
		return run->listeners_ns - now;
	for (int i = 0; i < run->watch_count; i++) {
		int64_t next = listener_watch_look(run->watches[i].watch);

		if (next >= 0 && (wait < 0 || next < wait))
			wait = next;
	}
	run->listeners_ns = wait < 0 ? 0 : now + wait;
	return wait;
}

/* Called before each wait: does what there is to do, says how long the wait may last. */
static int turn(void *context)
{
	struct run *run = context;
	int timeout = -1;
	bool more = false;

	if (run->host)
		host_catch_up(run->host, HOST_NO_PACKETS);
	if (run->captures)
		more = take_packets(run);
	if (run->stream && !run_is_replay(run))
		timeout = milliseconds(stream_tick(run->stream, more || !run_is_ready(run)));
	timeout = sooner(timeout, milliseconds(run_processes_write(run)));
	timeout = sooner(timeout, milliseconds(run_processes_timeout_ns(run)));
	if (run->host && host_work(run->host, WORK_BUDGET_NS))
		more = true;
	timeout = sooner(timeout, milliseconds(look_at_listeners(run)));
	run_advance_snapshot(run, ROOM_FOR_TURN);
	emitter_announce(run->emitter, time_ns(run));
	run_output_turn(run, more);
	run_packets_turn(run, more);
	if (run->captures && run_is_ready(run))
		timeout = sooner(timeout, run_captures_timeout(run));
	if (run->snapshot || (run->stream && stream_is_behind(run->stream)))
		more = more || emitter_room(run->emitter) >= ROOM_FOR_TURN;
	timeout = sooner(timeout, milliseconds(outlet_timeout_ns(run->outlet)));
	timeout = sooner(timeout, milliseconds(run_packets_timeout_ns(run)));
	if (sink_stalled(run->sink))
		timeout = sooner(timeout, 100);
	set_pace(run);
	return more ? 0 : timeout;
}

/* All of a file, a snapshot or a count is what was asked for, however long its reader takes. */
static bool is_complete(enum event_stop reason)
{
	return reason == EVENT_STOP_END_OF_FILE || reason == EVENT_STOP_SNAPSHOT ||
	       reason == EVENT_STOP_COMMAND || reason == EVENT_STOP_COUNT;
}

/* From here on a signal ends the program at once. One that is pending has had its effect. */
static void unblock_signals(void)
{
	static const struct timespec at_once = { 0 };
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	while (sigtimedwait(&ends, NULL, &at_once) > 0)
		;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
}

/*
 * As long as the run waits for its reader. A signal ends that: then the reader has STOP_NS as in
 * any run.
 */
static enum sink_state drain(struct run *run, int64_t deadline)
{
	enum sink_state state = sink_flush(run->sink);

	while (state == SINK_OPEN && sink_pending(run->sink) > 0 && !sink_stalled(run->sink) &&
	       run_waits_for_reader(run)) {
		state = sink_drain(run->sink, clock_monotonic_ns() + SIGNAL_NS);
		deadline = clock_monotonic_ns() + STOP_NS;
	}
	if (state == SINK_OPEN && sink_pending(run->sink) > 0)
		state = sink_drain(run->sink, clock_monotonic_ns() + SIGNAL_NS);
	if (state == SINK_OPEN && sink_pending(run->sink) > 0) {
		unblock_signals();
		state = sink_drain(run->sink, deadline);
	}
	return state;
}

/* The last records. */
static void finish(struct run *run)
{
	int64_t deadline = clock_monotonic_ns() + STOP_NS;
	enum sink_state state = sink_get_state(run->sink);

	run_notify_stopping(run);
	run_progress_close(run);
	run_top_close(run);
	if (state == SINK_OPEN) {
		run->waits_for_reader = is_complete(run->stop);
		emitter_set_deadline(run->emitter, deadline);
		if (run->captures)
			capture_set_stop(run->captures, clock_monotonic_ns() + run_drain_ns(run));
		start_records(run, time_ns(run));
		if (run->host) /* no packet came after it perhaps, whose turn would have */
			host_catch_up(run->host, HOST_ALL);
		if (run->stream)
			stream_finish(run->stream);
		run_processes_finish(run);
		emitter_announce(run->emitter, time_ns(run));
		if (run->stream && run->options->stats_interval_ns > 0)
			report_stats(&run->report, time_ns(run), now_ns(run));
		report_run_stopped(&run->report, time_ns(run), now_ns(run), run->stop);
		state = drain(run, deadline);
	}
	run_packets_finish(run, time_ns(run), deadline);
	run_sum_up(run);
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
	struct run run = {
		.options = options,
		.log = log,
		.status = EXIT_SUCCESS,
		.clock_fd = -1,
		.waits_for_reader = options->read_file != NULL,
	};
	struct error error = { 0 };
	int result = run_command_start(&run, &error);

	run_raise_limits(); /* the command has been forked, and keeps its own */
	if (result == 0)
		result = run_helper_start(&run, &error);
	if (result == 0)
		result = run_build(&run, &error);
	if (result == 0)
		result = run_limit_memory(&run, &error);
	if (result == 0)
		result = run_confine(&run, &error);
	if (result == 0 && !options->self_test)
		result = run_packets_begin(&run, &error);
	if (result != 0) {
		run_explain_failure(log, &error);
		outlet_discard(run.outlet);
		outlet_discard(run.packets_outlet);
		run_free(&run);
		command_end(&run.command);
		return EXIT_FAILURE;
	}
	if (options->self_test) {
		result = run_self_test(&run);
		run_free(&run);
		return result;
	}
	run.report = (struct report_sources){
		.options = options,
		.host = run.host,
		.captures = run.captures,
		.stream = run.stream,
		.emitter = run.emitter,
		.encoder = run.encoder,
		.sink = run.sink,
		.packets = run.packets,
		.packets_sink = run.packets ? outlet_sink(run.packets_outlet) : NULL,
		.privileges = &run.privileges,
		.helper_privileges = &run.helper_privileges,
	};
	if (outlet_is_file(options->output_file))
		run_output_opened(&run, run.repaired);
	run_find_existing(&run);
	if (!run_is_replay(&run))
		start_records(&run, clock_realtime_ns());
	run_notify_ready(&run);
	run_greet(&run);
	run_top_begin(&run);
	run_command_begin(&run);
	loop_set_prepare(run.loop, turn, &run);
	result = loop_run(run.loop);
	if (result < 0) {
		log_error(log, "the event loop: %s", strerror(-result));
		run.status = EXIT_FAILURE;
		run.stop = EVENT_STOP_ERROR;
	}
	finish(&run);
	run_free(&run);
	return run_command_end(&run);
}
