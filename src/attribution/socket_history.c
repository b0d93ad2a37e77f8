/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/socket_history.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>

#include "attribution/pending_connects.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/table.h"
#include "sockets/socket.h"

/* connect() calls that wait for an answer, of all processes. */
#define PENDING_CONNECTS_MAX 16384

/*
 * Where a sighting belongs in the index is far away in memory: while it comes,
 * this many that follow are decoded.
 */
#define COMING 16

struct sighting {
	uint64_t hash;              /* of what hash_of says: 64 bits stand for that */
	struct inet_address source; /* may be unspecified */
	int64_t first_ns, last_ns;
	int64_t alone_ns; /* SOCKET_HISTORY_CLOSED: sole_holder_since_ns; INT64_MAX: not known */
	int pid;
	uint32_t netns;
	uint32_t queued_ms; /* when it came to the head of the ring; wraps */
	uint8_t kinds;
	bool reversed; /* hash_of turned it round */
};
_Static_assert(sizeof(struct sighting) == PAGES_LINE, "a sighting is a cache line");

/* A ring in the order of queued_ms; the tail is the oldest. */
struct socket_history {
	struct hash_key key;
	struct table *index;
	struct pending_connects *pending_connects;
	struct sighting *sightings;
	uint32_t max, tail, count;
	struct sighting coming[COMING]; /* a ring, too, of those that are not entered yet */
	uint32_t coming_tail, coming_count;
	struct asked { /* last: of both ends of a connection, and again when it closes */
		struct tuple tuple;
		uint64_t hash;
		bool reversed;
	} asked;
	int64_t lost_from_ns, lost_to_ns; /* events are missing in between; 0 = none */
	int64_t evicted_ns;               /* of the latest sighting that made room */
	struct socket_history_counters counters;
};

struct socket_history *socket_history_new(uint32_t max, const struct hash_key *key)
{
	struct socket_history *history = calloc(1, sizeof *history);

	if (!history)
		return NULL;
	history->key = *key;
	history->max = max;
	history->index = table_new(max);
	history->pending_connects = pending_connects_new(PENDING_CONNECTS_MAX, key);
	/* Written before they are read; pages that are not touched cost nothing. */
	history->sightings = aligned_alloc(PAGES_LINE, max * sizeof *history->sightings);
	if (!history->index || !history->pending_connects || !history->sightings) {
		socket_history_free(history);
		return NULL;
	}
	return history;
}

void socket_history_free(struct socket_history *history)
{
	if (!history)
		return;
	table_free(history->index);
	pending_connects_free(history->pending_connects);
	free(history->sightings);
	free(history);
}

/*
 * Both ends of a TCP connection on this host hash alike, so that they lie together.
 * Of others the local address is no part: a socket may have had none yet.
 */
static uint64_t hash_of(const struct socket_history *history, const struct tuple *tuple,
                        bool *reversed)
{
	const size_t start = offsetof(struct tuple, destination);
	struct tuple turned;

	*reversed = false;
	if (tuple->protocol != IPPROTO_TCP)
		return hash_siphash(&history->key, (const char *)tuple + start,
		                    sizeof *tuple - start, 1, 3);
	*reversed = !tuple_is_before(tuple);
	turned = *reversed ? tuple_reverse(tuple) : *tuple;
	return hash_siphash(&history->key, &turned, sizeof turned, 1, 3);
}

/* hash_of, for questions. */
static uint64_t hash_asked(struct socket_history *history, const struct tuple *tuple,
                           bool *reversed)
{
	struct asked *asked = &history->asked;
	bool same = tuple_equal(&asked->tuple, tuple);

	if (!same && tuple->protocol == IPPROTO_TCP && tuple_is_reverse(&asked->tuple, tuple)) {
		*reversed = !asked->reversed;
		return asked->hash;
	}
	if (!same) {
		asked->tuple = *tuple;
		asked->hash = hash_of(history, tuple, &asked->reversed);
	}
	*reversed = asked->reversed;
	return asked->hash;
}

/* The same local address, as far as both are known. */
static bool fits(const struct inet_address *a, const struct inet_address *b)
{
	return inet_equal(a, b) || inet_is_unspecified(a) || inet_is_unspecified(b);
}

static uint32_t milliseconds(int64_t ns)
{
	return (uint32_t)(ns / NS_PER_MS);
}

static void remove_tail(struct socket_history *history)
{
	table_remove(history->index, history->sightings[history->tail].hash, history->tail);
	history->tail = (history->tail + 1) % history->max;
	history->count--;
}

static void note_evicted(struct socket_history *history, const struct sighting *sighting)
{
	history->counters.evicted++;
	if (sighting->last_ns > history->evicted_ns)
		history->evicted_ns = sighting->last_ns;
}

static void push(struct socket_history *history, const struct sighting *sighting)
{
	uint32_t number = (history->tail + history->count) % history->max;

	if (table_insert(history->index, sighting->hash, number) != 0) {
		note_evicted(history, sighting); /* out of memory */
		return;
	}
	history->sightings[number] = *sighting;
	history->count++;
}

/* The sighting that this one prolongs: same process, same tuple, shortly before. */
static struct sighting *find_same(struct socket_history *history, const struct sighting *sighting)
{
	struct table_cursor cursor = table_cursor(history->index, sighting->hash);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct sighting *other = &history->sightings[number];

		if (other->hash == sighting->hash && other->reversed == sighting->reversed &&
		    other->pid == sighting->pid && other->netns == sighting->netns &&
		    inet_equal(&other->source, &sighting->source) &&
		    sighting->first_ns <= other->last_ns + SOCKET_HISTORY_MERGE_NS &&
		    sighting->first_ns >= other->first_ns - SOCKET_HISTORY_MERGE_NS)
			return other;
	}
	return NULL;
}

static void enter(struct socket_history *history, const struct sighting *sighting)
{
	struct sighting *same = find_same(history, sighting);

	if (same) {
		history->counters.merged++;
		same->kinds |= sighting->kinds;
		if (sighting->alone_ns > same->alone_ns)
			same->alone_ns = sighting->alone_ns;
		if (sighting->first_ns < same->first_ns)
			same->first_ns = sighting->first_ns;
		if (sighting->last_ns > same->last_ns)
			same->last_ns = sighting->last_ns;
		return;
	}
	if (history->count == history->max) {
		note_evicted(history, &history->sightings[history->tail]);
		remove_tail(history);
	}
	push(history, sighting);
}

static void enter_first(struct socket_history *history)
{
	enter(history, &history->coming[history->coming_tail]);
	history->coming_tail = (history->coming_tail + 1) % COMING;
	history->coming_count--;
}

static void enter_all(struct socket_history *history)
{
	while (history->coming_count > 0)
		enter_first(history);
}

static void add_sighting(struct socket_history *history, struct sighting *sighting, int64_t time_ns)
{
	history->counters.added++;
	sighting->first_ns = sighting->last_ns = time_ns;
	sighting->queued_ms = milliseconds(time_ns);
	table_prefetch(history->index, sighting->hash);
	if (history->coming_count == COMING)
		enter_first(history);
	history->coming[(history->coming_tail + history->coming_count++) % COMING] = *sighting;
}

/* What the event says of its process and its tuple. */
static struct sighting sighting_of(const struct socket_history *history,
                                   const struct trace_event *event, const struct process *process,
                                   uint8_t kind)
{
	bool reversed;
	uint64_t hash = hash_of(history, &event->tuple, &reversed);

	return (struct sighting){
		.hash = hash,
		.reversed = reversed,
		.source = event->tuple.source,
		.pid = event->pid,
		.netns = process ? process->netns : 0,
		.kinds = kind,
		.alone_ns = kind != SOCKET_HISTORY_CLOSED ? 0
		            : process                     ? process->sole_holder_since_ns
		                                          : INT64_MAX,
	};
}

/* A step by the process that holds the socket, and no tool's or interrupt's. */
static bool is_close(const struct trace_event *event)
{
	return event->process_context && event->tuple.destination_port != 0 &&
	       (event->new_state == SOCKET_FIN_WAIT_1 || event->new_state == SOCKET_LAST_ACK ||
	        event->new_state == SOCKET_CLOSED);
}

/*
 * Its ports are known: it has left SYN_SENT, or, where that was not told, it is
 * closed by who began it. (perf leaves out what happens in an interrupt of a task
 * whose perf_recursion is stuck: seen with Linux 6.18, at one task of a hundred.)
 */
static void add_opened(struct socket_history *history, const struct trace_event *event)
{
	struct sighting sighting;
	struct pending_connect pending_connect;
	bool left = event->old_state == SOCKET_SYN_SENT;

	if (!pending_connects_take(history->pending_connects, event->socket, &pending_connect)) {
		history->counters.unjoined += left;
		return;
	}
	if (event->tuple.source_port == 0 || (!left && pending_connect.pid != event->pid))
		return;
	sighting = sighting_of(history, event, NULL, SOCKET_HISTORY_OPENED);
	sighting.pid = pending_connect.pid;
	sighting.netns = pending_connect.netns;
	add_sighting(history, &sighting, pending_connect.time_ns);
}

static void add_state(struct socket_history *history, const struct trace_event *event,
                      const struct process *process)
{
	struct pending_connect pending_connect = { event->socket, event->pid,
		                                   process ? process->netns : 0, event->time_ns };

	if (event->socket == 0)
		return;
	if (event->new_state == SOCKET_SYN_SENT) {
		/* In no process's name: what was known of this address is of a former socket. */
		if (!event->process_context)
			pending_connects_take(history->pending_connects, event->socket,
			                      &pending_connect);
		else
			history->counters.evicted +=
				pending_connects_put(history->pending_connects, &pending_connect);
	} else if (event->old_state == SOCKET_SYN_SENT) {
		add_opened(history, event);
	} else if (is_close(event)) {
		struct sighting sighting =
			sighting_of(history, event, process, SOCKET_HISTORY_CLOSED);

		add_opened(history, event);
		add_sighting(history, &sighting, event->time_ns);
	}
}

/* One interval is kept: it grows over what lies between two losses. */
static void add_loss(struct socket_history *history, const struct trace_event *event)
{
	bool forgotten = history->lost_to_ns + SOCKET_HISTORY_KEEP_NS < event->since_ns;

	if (history->lost_to_ns == 0 || forgotten || event->since_ns < history->lost_from_ns)
		history->lost_from_ns = event->since_ns;
	if (event->time_ns > history->lost_to_ns)
		history->lost_to_ns = event->time_ns;
	pending_connects_clear(history->pending_connects);
}

void socket_history_add(struct socket_history *history, const struct trace_event *event,
                        const struct process *process)
{
	struct sighting sighting;

	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
		sighting = sighting_of(history, event, process, SOCKET_HISTORY_ROUTED);
		add_sighting(history, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_RECEIVE:
		sighting = sighting_of(history, event, process, SOCKET_HISTORY_RECEIVED);
		add_sighting(history, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_STATE:
		add_state(history, event, process);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		add_loss(history, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_NAME:
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
	case TRACE_EVENT_EXIT:
	case TRACE_EVENT_CGROUP:
	case TRACE_EVENT_LOST_PROCESSES:
		break;
	}
}

static bool answers(const struct sighting *sighting, const struct socket_history_question *question)
{
	return (sighting->kinds & question->kinds) && sighting->first_ns <= question->to_ns &&
	       sighting->last_ns >= question->from_ns &&
	       fits(&sighting->source, &question->tuple.source) &&
	       (sighting->netns == question->netns || sighting->netns == 0 || question->netns == 0);
}

static void join(struct socket_history_match *match, const struct sighting *sighting)
{
	if (sighting->first_ns < match->first_ns)
		match->first_ns = sighting->first_ns;
	if (sighting->last_ns > match->last_ns)
		match->last_ns = sighting->last_ns;
	match->kinds |= sighting->kinds;
	if (match->netns == 0)
		match->netns = sighting->netns;
}

void socket_history_expect(struct socket_history *history, const struct tuple *tuple)
{
	bool reversed;

	table_prefetch(history->index, hash_asked(history, tuple, &reversed));
}

/* Another process may have been seen in that time, too. */
static bool is_incomplete(const struct socket_history *history,
                          const struct socket_history_question *question)
{
	bool lost = history->lost_to_ns != 0 && history->lost_to_ns >= question->from_ns &&
	            history->lost_from_ns <= question->to_ns;

	return lost || (history->evicted_ns != 0 && history->evicted_ns >= question->from_ns);
}

enum socket_history_answer socket_history_find(struct socket_history *history,
                                               const struct socket_history_question *question,
                                               struct socket_history_match *match)
{
	bool reversed;
	uint64_t hash = hash_asked(history, &question->tuple, &reversed);
	struct socket_history_match found = { .pid = 0 };
	struct table_cursor cursor;
	uint32_t number;

	enter_all(history);
	cursor = table_cursor(history->index, hash);
	while (table_next(&cursor, &number)) {
		const struct sighting *sighting = &history->sightings[number];

		if (sighting->hash != hash || sighting->reversed != reversed ||
		    !answers(sighting, question))
			continue;
		if (found.pid != 0 && sighting->pid != found.pid)
			return SOCKET_HISTORY_AMBIGUOUS;
		/* Only its close speaks for it, and the socket may have been another's by a fork. */
		if (!(sighting->kinds & question->kinds & SOCKET_HISTORY_USED) &&
		    sighting->alone_ns >= question->from_ns)
			return SOCKET_HISTORY_AMBIGUOUS;
		if (found.pid == 0)
			found = (struct socket_history_match){ .pid = sighting->pid,
				                               .first_ns = sighting->first_ns,
				                               .last_ns = sighting->last_ns };
		join(&found, sighting);
	}
	if (found.pid == 0)
		return SOCKET_HISTORY_NONE;
	*match = found;
	return is_incomplete(history, question) ? SOCKET_HISTORY_INCOMPLETE : SOCKET_HISTORY_FOUND;
}

void socket_history_expire(struct socket_history *history, int64_t now_ns)
{
	enter_all(history);
	while (history->count > 0) {
		struct sighting oldest = history->sightings[history->tail];

		/* The order within one millisecond is not known: they stay for another. */
		if ((int32_t)(milliseconds(now_ns - SOCKET_HISTORY_KEEP_NS) - oldest.queued_ms) <=
		    0)
			return;
		remove_tail(history);
		if (oldest.last_ns + SOCKET_HISTORY_KEEP_NS > now_ns) {
			/* It was prolonged: it queues up again. */
			oldest.queued_ms = milliseconds(oldest.last_ns);
			push(history, &oldest);
		} else {
			history->counters.expired++;
		}
	}
}

const struct socket_history_counters *socket_history_counters(struct socket_history *history)
{
	enter_all(history);
	return &history->counters;
}

uint32_t socket_history_count(struct socket_history *history)
{
	enter_all(history);
	return history->count;
}
