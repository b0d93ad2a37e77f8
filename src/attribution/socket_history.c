/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/socket_history_private.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>

#include "attribution/pending_connects.h"
#include "attribution/traced_sockets.h"
#include "attribution/windows.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/table.h"
#include "sockets/socket.h"

/* connect() calls that wait for an answer, of all processes. */
#define PENDING_CONNECTS_MAX 16384
#define LENGTH_FIRST         2048

struct socket_history *socket_history_new(uint32_t max, const struct hash_key *key)
{
	struct socket_history *history = calloc(1, sizeof *history);

	if (!history)
		return NULL;
	history->key = *key;
	history->max = history->length = max;
	while (history->length > LENGTH_FIRST && history->length % 2 == 0)
		history->length /= 2;
	history->index = table_new(max);
	history->pending_connects = pending_connects_new(PENDING_CONNECTS_MAX, key);
	history->failed_connects = failed_connects_new();
	history->traced_sockets = traced_sockets_new(key);
	history->sent_bytes = sent_bytes_new();
	history->counted = 1;
	/* Written before they are read; pages that are not touched cost nothing. */
	history->sightings = aligned_alloc(PAGES_LINE, max * sizeof *history->sightings);
	if (!history->index || !history->pending_connects || !history->failed_connects ||
	    !history->traced_sockets || !history->sent_bytes || !history->sightings) {
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
	failed_connects_free(history->failed_connects);
	traced_sockets_free(history->traced_sockets);
	sent_bytes_free(history->sent_bytes);
	free(history->sightings);
	free(history);
}

/* Both ends of a TCP connection on this host hash alike, so that they lie together. */
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

uint64_t socket_history_hash(struct socket_history *history, const struct tuple *tuple,
                             bool *reversed)
{
	/* Alike for both ends. */
	struct hashed *hashed =
		&history->hashed[(tuple->source_port ^ tuple->destination_port) % HASHED];

	if (tuple_equal(&hashed->tuple, tuple)) {
		*reversed = hashed->reversed;
	} else if (tuple->protocol == IPPROTO_TCP && tuple_is_reverse(&hashed->tuple, tuple)) {
		*reversed = !hashed->reversed;
	} else {
		hashed->tuple = *tuple;
		hashed->hash = hash_of(history, tuple, &hashed->reversed);
		*reversed = hashed->reversed;
	}
	return hashed->hash;
}

static void remove_tail(struct socket_history *history)
{
	table_remove(history->index, history->sightings[history->tail].hash, history->tail);
	history->tail = (history->tail + 1) % history->length;
	history->count--;
}

static void note_evicted(struct socket_history *history, const struct sighting *sighting)
{
	history->counters.evicted++;
	if (sighting->last_ns > history->evicted_ns)
		history->evicted_ns = sighting->last_ns;
}

/* Doubles the ring when it is full: what had begun at its start again now follows its end. */
static bool lengthen(struct socket_history *history)
{
	if (history->length == history->max)
		return false;
	for (uint32_t from = 0, to = history->length; from < history->tail; from++, to++) {
		history->sightings[to] = history->sightings[from];
		/* An entry goes, so that there is room for one. */
		table_remove(history->index, history->sightings[to].hash, from);
		table_insert(history->index, history->sightings[to].hash, to);
	}
	history->length *= 2;
	return true;
}

static void push(struct socket_history *history, const struct sighting *sighting)
{
	uint32_t number = (history->tail + history->count) % history->length;

	if (table_insert(history->index, sighting->hash, number) != 0) {
		note_evicted(history, sighting); /* out of memory */
		return;
	}
	history->sightings[number] = *sighting;
	history->count++;
}

/* The latest of the same tuple, as far as namespaces and devices are known. */
static struct sighting *find_previous(struct socket_history *history,
                                      const struct sighting *sighting)
{
	struct table_cursor cursor = table_cursor(history->index, sighting->hash);
	bool routed = sighting->kinds & SOCKET_HISTORY_ROUTED;
	struct sighting *latest = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct sighting *other = &history->sightings[number];

		if (other->hash == sighting->hash && other->reversed == sighting->reversed &&
		    other->netns == sighting->netns &&
		    inet_equal(&other->source, &sighting->source) &&
		    (!routed || other->ifindex == sighting->ifindex) &&
		    (!latest || other->last_ns >= latest->last_ns))
			latest = other;
	}
	return latest;
}

/* It prolongs the previous one: same process, shortly before. The beginning of a send is not known. */
static bool prolongs(const struct sighting *previous, const struct sighting *sighting)
{
	return sighting_is_same_process(previous, sighting) &&
	       (previous->kinds == SOCKET_HISTORY_SENT) ==
	               (sighting->kinds == SOCKET_HISTORY_SENT) &&
	       sighting->first_ns <= previous->last_ns + WINDOW_SAME_SIGHTING_NS &&
	       sighting->first_ns >= previous->first_ns - WINDOW_SAME_SIGHTING_NS;
}

static void note_change(struct socket_history *history, const struct sighting *previous,
                        const struct sighting *sighting)
{
	if (sighting_is_same_process(previous, sighting) ||
	    !(sighting->kinds & SOCKET_HISTORY_USED))
		return;
	history->changes++;
	history->changed_ns = sighting->last_ns;
}

/* same: what find_previous() says. */
static void enter_after(struct socket_history *history, struct sighting *same,
                        const struct sighting *sighting)
{
	if (same && !prolongs(same, sighting)) {
		note_change(history, same, sighting);
	} else if (same) {
		history->counters.merged++;
		same->kinds |= sighting->kinds;
		if (same->life == 0)
			same->life = sighting->life;
		if (sighting->sole_holder_since_ns > same->sole_holder_since_ns)
			same->sole_holder_since_ns = sighting->sole_holder_since_ns;
		if (sighting->first_ns < same->first_ns)
			same->first_ns = sighting->first_ns;
		if (sighting->last_ns > same->last_ns)
			same->last_ns = sighting->last_ns;
		return;
	}
	if (history->count == history->length && !lengthen(history)) {
		note_evicted(history, &history->sightings[history->tail]);
		remove_tail(history);
	}
	push(history, sighting);
}

static void enter(struct socket_history *history, const struct sighting *sighting)
{
	enter_after(history, find_previous(history, sighting), sighting);
}

/* A first use: until then a lookup alone had its owner. A soon one is seen by the confirming look. */
static void note_first(struct socket_history *history, const struct traced_socket *socket,
                       int64_t used_ns, const struct sighting *sighting)
{
	if (socket && (socket->pid != 0 || sighting->last_ns - used_ns < WINDOW_CONFIRM_NS))
		return;
	history->changes++;
	history->changed_ns = sighting->last_ns;
}

/*
 * What it sends from now on is reported by its address alone. counted: 0 = what it sent before is not
 * known.
 */
static void trace_socket(struct socket_history *history, uint64_t address,
                         const struct sighting *sighting, int pid, uint32_t counted)
{
	struct traced_socket socket = {
		.socket = address,
		.hash = sighting->hash,
		.source = sighting->source,
		.opened_ns = sighting->last_ns,
		.used_ns = sighting->last_ns,
		.pid = pid,
		.counted = counted,
		.reversed = sighting->reversed,
	};

	traced_sockets_put(history->traced_sockets, &socket);
}

/* The senders are counted from now on; all up to now was sent by `before`. */
static void open_stream(struct socket_history *history, struct traced_socket *socket,
                        const struct sighting *sending, const struct sent_bytes_sender *before)
{
	const struct sent_bytes_stream stream = { .hash = socket->hash,
		                                  .source = socket->source,
		                                  .opened_ns = socket->used_ns,
		                                  .netns = sending->netns,
		                                  .reversed = socket->reversed };

	socket->stream = sent_bytes_open(history->sent_bytes, &stream, before);
}

/* Where one process has the socket alone, as most do, all that leaves it is its own. */
static void count_bytes(struct socket_history *history, struct traced_socket *socket,
                        uint32_t bytes, const struct sighting *sending)
{
	const struct sent_bytes_sender sender = { .time_ns = sending->last_ns,
		                                  .pid = sending->pid,
		                                  .netns = sending->netns };
	const struct sent_bytes_sender before = { .time_ns = socket->used_ns,
		                                  .pid = socket->pid,
		                                  .netns = sending->netns };
	uint64_t from = socket->bytes;
	bool is_another = socket->pid != 0 && socket->pid != sending->pid;

	socket->bytes += bytes;
	/* One that has made room does not come again: it would lack the senders of before. */
	if (socket->stream == 0 && (is_another || sending->sole_holder_since_ns > socket->used_ns))
		open_stream(history, socket, sending, is_another ? &before : &sender);
	sent_bytes_add(history->sent_bytes, socket->stream, &sender, from, socket->bytes);
}

/*
 * Most send again and again, which changes nothing. The first send since a fork shows which of the
 * processes that have the socket since then goes on.
 */
static void enter_send(struct socket_history *history, uint64_t address, uint32_t bytes,
                       struct sighting *sending)
{
	struct traced_socket *socket = traced_sockets_find(history->traced_sockets, address);
	int64_t used_ns, forked_ns = sending->sole_holder_since_ns;

	if (!socket)
		return;
	used_ns = socket->used_ns;
	if (socket->counted == history->counted)
		count_bytes(history, socket, bytes, sending);
	socket->used_ns = sending->last_ns;
	if (socket->pid == sending->pid && used_ns >= forked_ns)
		return;
	sending->sole_holder_since_ns = 0;
	note_first(history, socket, used_ns, sending);
	socket->pid = sending->pid;
	sending->hash = socket->hash;
	sending->reversed = socket->reversed;
	sending->source = socket->source;
	/* It is reported when it is done: its packets have left by then. */
	sending->first_ns = used_ns + 1 > sending->last_ns - WINDOW_SENDING_NS
	                            ? used_ns + 1
	                            : sending->last_ns - WINDOW_SENDING_NS;
	history->counters.added++;
	enter(history, sending);
}

static void enter_received(struct socket_history *history, uint64_t address,
                           const struct sighting *sighting)
{
	const struct traced_socket *socket = traced_sockets_find(history->traced_sockets, address);
	struct sighting *previous = find_previous(history, sighting);

	if (!previous)
		note_first(history, socket, socket ? socket->used_ns : 0, sighting);
	enter_after(history, previous, sighting);
	if (!socket)
		trace_socket(history, address, sighting, 0, 0);
}

static void enter_first(struct socket_history *history)
{
	struct coming *first = &history->coming[history->coming_tail];
	struct sighting *sighting = &first->sighting;

	switch (first->about) {
	case COMING_SEEN:
		enter(history, sighting);
		break;
	case COMING_OPENED:
		enter(history, sighting);
		trace_socket(history, first->socket, sighting, sighting->pid, history->counted);
		break;
	case COMING_ACCEPTED:
		trace_socket(history, first->socket, sighting, 0, history->counted);
		break;
	case COMING_RECEIVED:
		enter_received(history, first->socket, sighting);
		break;
	case COMING_SENT:
		enter_send(history, first->socket, first->bytes, sighting);
		break;
	}
	history->coming_tail = (history->coming_tail + 1) % COMING;
	history->coming_count--;
}

void socket_history_enter_all(struct socket_history *history)
{
	while (history->coming_count > 0)
		enter_first(history);
}

void socket_history_take_in(struct socket_history *history, enum coming_about about,
                            uint64_t socket, uint32_t bytes, const struct sighting *sighting,
                            int64_t time_ns)
{
	struct coming *coming;

	if (history->coming_count == COMING)
		enter_first(history);
	coming = &history->coming[(history->coming_tail + history->coming_count++) % COMING];
	coming->about = about;
	coming->socket = socket;
	coming->bytes = bytes;
	coming->sighting = *sighting;
	coming->sighting.first_ns = coming->sighting.last_ns = time_ns;
	coming->sighting.queued_ms = sighting_ms(time_ns);
	if (about != COMING_SEEN)
		traced_sockets_prefetch(history->traced_sockets, socket);
	if (about == COMING_SENT || about == COMING_ACCEPTED)
		return;
	history->counters.added++;
	table_prefetch(history->index, sighting->hash);
}

void socket_history_uncount(struct socket_history *history)
{
	socket_history_enter_all(history);
	history->counted += history->counted == UINT32_MAX ? 2 : 1;
}

uint32_t socket_history_changes(struct socket_history *history)
{
	socket_history_enter_all(history);
	return history->changes;
}

int64_t socket_history_changed_ns(const struct socket_history *history)
{
	return history->changed_ns;
}

void socket_history_expire(struct socket_history *history, int64_t now_ns)
{
	socket_history_enter_all(history);
	while (history->count > 0) {
		struct sighting oldest = history->sightings[history->tail];

		/* The order within one millisecond is not known: they stay for another. */
		if ((int32_t)(sighting_ms(now_ns - WINDOW_HISTORY_KEEP_NS) - oldest.queued_ms) <= 0)
			return;
		remove_tail(history);
		if (oldest.last_ns + WINDOW_HISTORY_KEEP_NS > now_ns) {
			/* It was prolonged: it queues up again. */
			oldest.queued_ms = sighting_ms(oldest.last_ns);
			push(history, &oldest);
		} else {
			history->counters.expired++;
		}
	}
}

const struct socket_history_counters *socket_history_counters(struct socket_history *history)
{
	socket_history_enter_all(history);
	return &history->counters;
}

uint32_t socket_history_count(struct socket_history *history)
{
	socket_history_enter_all(history);
	return history->count;
}
