/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/snippet.h"
#include "connections/connection_extra.h"
#include "stream/stream_private.h"

#define TRAFFIC_MAX 65536 /* processes */
/*
 * Timers report while the sink has this much room. However many connections end in the
 * same second, each has its record: those that find no room are closed a turn later.
 */
#define ROOM_FOR_TIMERS (256u << 10)

int64_t stream_time_ns(const struct stream *stream)
{
	return stream->options.replay ? stream->packet_time_ns : clock_realtime_ns();
}

/* The clock of the connection table: never goes back, whatever the wall clock does. */
static int64_t table_time_ns(const struct stream *stream)
{
	return stream->options.replay ? stream->packet_time_ns : clock_monotonic_ns();
}

void stream_emit_connection(struct stream *stream, enum event_action action, int64_t time_ns,
                            struct connection *connection)
{
	struct event event = { .action = action, .time_ns = time_ns };

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		if (connection->owners[end].method == ATTRIBUTION_TRACEPOINT)
			connection->evidence |= CONNECTION_FROM_TRACEPOINTS;
		if (connection->owners[end].from_proc_net)
			connection->evidence |= CONNECTION_FROM_PROC_NET;
	}
	event.connection.connection = connection;
	emitter_emit(stream->options.emitter, &event);
}

void stream_emit_state(struct stream *stream, struct connection *connection,
                       enum socket_state previous, int64_t time_ns)
{
	struct event event = { .action = EVENT_CONNECTION_STATE_CHANGED, .time_ns = time_ns };

	event.connection.connection = connection;
	event.connection.previous = previous;
	emitter_emit(stream->options.emitter, &event);
}

/* No packet came since the last report. */
static bool is_idle(const struct connection *connection)
{
	const struct connection_count *now = connection->counts;
	const struct connection_extra *then = connection->extra;

	return then && now[0].packets == then->reported[0].packets &&
	       now[1].packets == then->reported[1].packets;
}

static void emit_update(struct stream *stream, struct connection *connection, int64_t time_ns)
{
	bool is_live = stream_add_live_info(stream, connection);

	stream_emit_connection(stream, EVENT_CONNECTION_UPDATED, time_ns, connection);
	if (is_live)
		connection_extra_drop_tcp_info(connection);
	connection_extra_mark_reported(connection);
	connection->reported_ns = time_ns;
}

static void emit_end(struct stream *stream, struct connection *connection, int64_t time_ns)
{
	if (stream->traffic)
		traffic_attributed(stream->traffic, connection);
	if (!stream->options.replay)
		stream_add_last_info(stream, connection);
	stream_emit_connection(stream, EVENT_CONNECTION_CLOSED, time_ns, connection);
	connection->reported_ns = time_ns; /* the counts are kept when late packets come */
	/* It is found for a while yet, and seldom has another record. */
	snippet_drop(&connection->snippet);
}

void stream_emit_closed(struct stream *stream, struct connection *connection, int64_t time_ns)
{
	stream_drop_ports(stream, connection);
	binder_closing(stream->binder, connection,
	               clock_step_monotonic_ns(&stream->clock, connection->last_ns));
	emit_end(stream, connection, time_ns);
}

void stream_hold_closed(struct stream *stream, struct connection *connection)
{
	stream_drop_ports(stream, connection);
	binder_held(stream->binder, connection,
	            clock_step_monotonic_ns(&stream->clock, connection->last_ns));
	connection_table_hold(stream->connections, connection);
}

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	struct stream *stream = context;

	switch (change) {
	case CONNECTION_CHANGE_UPDATED:
		if (is_idle(connection))
			break;
		emit_update(stream, connection, stream_time_ns(stream));
		break;
	case CONNECTION_CHANGE_SETTLED:
		binder_settled(stream->binder, connection);
		emit_end(stream, connection, connection->last_ns);
		break;
	case CONNECTION_CHANGE_CLOSED:
		stream_emit_closed(stream, connection, stream_time_ns(stream));
		break;
	}
}

bool stream_has_room(void *context)
{
	const struct stream *stream = context;

	return emitter_room(stream->options.emitter) >= ROOM_FOR_TIMERS;
}

static void on_bound(void *context, struct connection *connection)
{
	struct stream *stream = context;

	stream_note_sockets(stream, connection);
	stream_note_echo(stream, connection);
	if (stream->traffic)
		traffic_attributed(stream->traffic, connection);
	stream_emit_connection(stream, EVENT_CONNECTION_ATTRIBUTED, stream_time_ns(stream),
	                       connection);
}

static void on_found_local(void *context, struct connection *connection)
{
	struct stream *stream = context;

	/* In a tunnel, what carries it was counted. */
	if (stream->traffic && !connection->tunnel)
		traffic_found_local(stream->traffic, connection);
}

static void on_read_ended(void *context)
{
	struct stream *stream = context;

	stream->options.read_ended(stream->options.context);
}

int stream_new(struct stream **result, const struct stream_options *options, struct error *error)
{
	struct connection_table_options table_options = {
		.max_connections = options->max_connections,
		.update_interval_ns = options->update_interval_ns,
		.key = options->key,
		.id_key = options->id_key,
		.callback = on_change,
		/* A replay waits for its reader instead, and closes at the same packet each time. */
		.ready = options->replay ? NULL : stream_has_room,
	};
	struct binder_options binder_options = {
		.attribution = options->attribution,
		.callback = on_bound,
		.found_local = on_found_local,
		.read_ended = options->read_ended ? on_read_ended : NULL,
	};
	struct stream *stream = calloc(1, sizeof *stream);

	if (!stream)
		return error_set(error, ENOMEM, "out of memory");
	stream->options = *options;
	clock_step_init(&stream->clock);
	table_options.context = stream;
	stream->connections = connection_table_new(&table_options);
	binder_options.connections = stream->connections;
	binder_options.context = stream;
	stream->destroyed = destroyed_new(&options->key);
	binder_options.destroyed = stream->destroyed;
	stream->binder = binder_new(&binder_options);
	stream->duplicates = duplicates_new(&options->id_key);
	stream->fragments = fragments_new(&options->id_key);
	if (options->attribution)
		stream->ports = local_ports_new(&options->key, options->max_connections);
	if (options->sees_all && options->attribution)
		stream->errors = unclaimed_errors_new(&options->key);
	if (options->inspect)
		stream->naming =
			naming_new(&options->id_key, stream->connections, options->emitter);
	if (payload_store_init(&stream->payloads,
	                       options->frame_max > 0 ? options->frame_max : options->payload_max,
	                       options->frame_max > 0, STREAM_BATCH + STREAM_HELD_MAX) != 0 ||
	    !stream->connections || !stream->binder || !stream->duplicates || !stream->fragments ||
	    !stream->destroyed || (options->inspect && !stream->naming) ||
	    (options->attribution && !stream->ports) ||
	    (options->sees_all && options->attribution && !stream->errors)) {
		stream_free(stream);
		return error_set(error, ENOMEM, "out of memory");
	}
	stream->wants_packets = emitter_takes_packets(options->emitter);
	stream->wants_states = emitter_wants(options->emitter, EVENT_CONNECTION_STATE_CHANGED);
	if (options->takes_traffic || emitter_wants(options->emitter, EVENT_PROCESS_TRAFFIC))
		stream->traffic = traffic_new(TRAFFIC_MAX, options->max_connections);
	stream->traffic_ns = table_time_ns(stream);
	*result = stream;
	return 0;
}

void stream_set_captured(struct stream *stream)
{
	stream->captured_ns = clock_monotonic_ns();
}

void stream_set_origin(struct stream *stream, const struct origin *origin)
{
	stream->origin = origin;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	traffic_free(stream->traffic);
	naming_free(stream->naming);
	unclaimed_errors_free(stream->errors);
	existing_free(stream->existing);
	payload_store_fini(&stream->payloads);
	local_ports_free(stream->ports);
	destroyed_free(stream->destroyed);
	fragments_free(stream->fragments);
	duplicates_free(stream->duplicates);
	binder_free(stream->binder);
	connection_table_free(stream->connections);
	free(stream);
}

void stream_sockets_lost(struct stream *stream, int64_t since_ns)
{
	destroyed_lost(stream->destroyed, since_ns, clock_monotonic_ns());
}

void stream_socket_listed(struct stream *stream, const struct socket *socket)
{
	struct connection_key key =
		connection_table_key(stream->connections, socket->netns, &socket->tuple);
	enum connection_end from;
	struct connection *connection;

	/* What the kernel keeps of a socket that is gone. */
	if (socket->state == SOCKET_TIME_WAIT ||
	    (socket->state == SOCKET_FIN_WAIT_2 && socket->inode == 0))
		return;
	connection = connection_table_find(stream->connections, &key, &from);
	if (connection)
		connection->listed |= 1u << from & 3;
	else if (stream->existing)
		existing_listed(stream->existing, &key);
}

void stream_sockets_listed(struct stream *stream, uint32_t netns, int64_t began_ns)
{
	connection_table_unlisted(stream->connections, netns, began_ns, clock_monotonic_ns());
	if (stream->existing)
		existing_unlisted(stream->existing, netns, clock_monotonic_ns());
}

/* -1 is never. */
static int64_t sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int64_t timers_time_ns(struct stream *stream, bool unread)
{
	int64_t now_ns = table_time_ns(stream);

	if (stream->options.replay)
		return now_ns;
	if (unread && stream->passed_ns < now_ns)
		now_ns = stream->passed_ns;
	if (now_ns > stream->timers_ns)
		stream->timers_ns = now_ns;
	return stream->timers_ns;
}

/* Ends that are held can wait for a slow reader, too. */
static int64_t settle(struct stream *stream, int64_t now_ns)
{
	while (stream->options.replay || stream_has_room(stream))
		if (!connection_table_settle_next(stream->connections, now_ns))
			return connection_table_settle_wait_ns(stream->connections, now_ns);
	stream->behind = true;
	return -1;
}

int64_t stream_tick(struct stream *stream, bool unread)
{
	int64_t now_ns = timers_time_ns(stream, unread), next_ns;

	stream_take_destroyed(stream);
	if (stream->naming)
		naming_expire(stream->naming, stream_time_ns(stream) - DNS_QUERIES_KEEP_NS);
	stream->behind = !connection_table_expire(stream->connections, now_ns);
	if (!stream_take_failed_connects(stream, now_ns - WINDOW_HELD_NS))
		stream->behind = true;
	if (!stream_end_existing(stream, now_ns - WINDOW_HELD_NS))
		stream->behind = true;
	next_ns = settle(stream, now_ns);
	if (stream->traffic &&
	    !traffic_emit(stream->traffic, stream->options.emitter, stream_has_room, stream))
		stream->behind = true;
	if (!stream->options.attribution)
		return next_ns;
	stream_await_echoes(stream, clock_monotonic_ns());
	next_ns = sooner(next_ns, stream_take_ports(stream, clock_monotonic_ns()));
	return sooner(next_ns, binder_retry(stream->binder, clock_monotonic_ns()));
}

bool stream_is_behind(const struct stream *stream)
{
	return stream->behind;
}

static bool emits_traffic(const struct stream *stream)
{
	return stream->traffic && emitter_wants(stream->options.emitter, EVENT_PROCESS_TRAFFIC);
}

/* The interval goes on when the records of the one before are still to be emitted. */
static void begin_traffic(struct stream *stream)
{
	int64_t now = table_time_ns(stream);

	if (traffic_begin(stream->traffic, stream->connections, stream_time_ns(stream),
	                  now - stream->traffic_ns))
		stream->traffic_ns = now;
}

void stream_emit_traffic(struct stream *stream)
{
	if (!emits_traffic(stream))
		return;
	begin_traffic(stream);
	if (!traffic_emit(stream->traffic, stream->options.emitter, stream_has_room, stream))
		stream->behind = true;
}

void stream_take_traffic(struct stream *stream, traffic_taker *taker, void *context)
{
	if (!stream->traffic)
		return;
	traffic_take(stream->traffic, stream->connections, taker, context);
	if (!emits_traffic(stream))
		traffic_forget_exited(stream->traffic);
}

/* What is left of the interval before, whatever the room, and what is open in the last one. */
static void begin_last_traffic(struct stream *stream)
{
	if (!emits_traffic(stream))
		return;
	traffic_emit(stream->traffic, stream->options.emitter, NULL, NULL);
	begin_traffic(stream);
}

void stream_finish(struct stream *stream)
{
	stream_release_packets(stream);
	stream_pass_packets(stream);
	stream_take_destroyed(stream);
	stream_take_failed_connects(stream, INT64_MAX);
	stream_end_existing(stream, INT64_MAX);
	begin_last_traffic(stream);
	if (stream->naming)
		naming_expire(stream->naming, INT64_MAX);
	connection_table_shutdown(stream->connections, table_time_ns(stream));
	/* An owner may be found as late as its connection is closed. */
	if (emits_traffic(stream))
		traffic_finish(stream->traffic, stream->options.emitter);
}

const struct packet_counters *stream_counters(const struct stream *stream)
{
	return &stream->counters;
}

const struct connection_table *stream_connections(const struct stream *stream)
{
	return stream->connections;
}

const struct binder_counters *stream_binder_counters(const struct stream *stream)
{
	return binder_counters(stream->binder);
}
