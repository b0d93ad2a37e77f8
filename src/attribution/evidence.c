/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/evidence.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>

#include "attribution/openings.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/table.h"
#include "sockets/socket.h"

/* connect() calls that wait for an answer, of all processes. */
#define OPENINGS_MAX 16384

/*
 * Where a sighting belongs in the index is far away in memory: while it comes,
 * this many that follow are decoded.
 */
#define COMING 16

struct sighting {
	uint64_t hash;              /* of what hash_of says: 64 bits stand for that */
	struct inet_address source; /* may be unspecified */
	int64_t first_ns, last_ns;
	int64_t alone_ns; /* EVIDENCE_CLOSED: as in struct lineage_process; INT64_MAX: not known */
	int pid;
	uint32_t netns;
	uint32_t queued_ms; /* when it came to the head of the ring; wraps */
	uint8_t kinds;
	bool reversed; /* hash_of turned it round */
};
_Static_assert(sizeof(struct sighting) == PAGES_LINE, "a sighting is a cache line");

/* A ring in the order of queued_ms; the tail is the oldest. */
struct evidence {
	struct hash_key key;
	struct table *index;
	struct openings *openings;
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
	struct evidence_counters counters;
};

struct evidence *evidence_new(uint32_t max, const struct hash_key *key)
{
	struct evidence *evidence = calloc(1, sizeof *evidence);

	if (!evidence)
		return NULL;
	evidence->key = *key;
	evidence->max = max;
	evidence->index = table_new(max);
	evidence->openings = openings_new(OPENINGS_MAX, key);
	/* Written before they are read; pages that are not touched cost nothing. */
	evidence->sightings = aligned_alloc(PAGES_LINE, max * sizeof *evidence->sightings);
	if (!evidence->index || !evidence->openings || !evidence->sightings) {
		evidence_free(evidence);
		return NULL;
	}
	return evidence;
}

void evidence_free(struct evidence *evidence)
{
	if (!evidence)
		return;
	table_free(evidence->index);
	openings_free(evidence->openings);
	free(evidence->sightings);
	free(evidence);
}

/*
 * Both ends of a TCP connection on this host hash alike, so that they lie together.
 * Of others the local address is no part: a socket may have had none yet.
 */
static uint64_t hash_of(const struct evidence *evidence, const struct tuple *tuple, bool *reversed)
{
	const size_t start = offsetof(struct tuple, destination);
	struct tuple turned;

	*reversed = false;
	if (tuple->protocol != IPPROTO_TCP)
		return hash_siphash(&evidence->key, (const char *)tuple + start,
		                    sizeof *tuple - start, 1, 3);
	*reversed = !tuple_is_before(tuple);
	turned = *reversed ? tuple_reverse(tuple) : *tuple;
	return hash_siphash(&evidence->key, &turned, sizeof turned, 1, 3);
}

/* hash_of, for questions. */
static uint64_t hash_asked(struct evidence *evidence, const struct tuple *tuple, bool *reversed)
{
	struct asked *asked = &evidence->asked;
	bool same = tuple_equal(&asked->tuple, tuple);

	if (!same && tuple->protocol == IPPROTO_TCP && tuple_is_reverse(&asked->tuple, tuple)) {
		*reversed = !asked->reversed;
		return asked->hash;
	}
	if (!same) {
		asked->tuple = *tuple;
		asked->hash = hash_of(evidence, tuple, &asked->reversed);
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

static void remove_tail(struct evidence *evidence)
{
	table_remove(evidence->index, evidence->sightings[evidence->tail].hash, evidence->tail);
	evidence->tail = (evidence->tail + 1) % evidence->max;
	evidence->count--;
}

static void note_evicted(struct evidence *evidence, const struct sighting *sighting)
{
	evidence->counters.evicted++;
	if (sighting->last_ns > evidence->evicted_ns)
		evidence->evicted_ns = sighting->last_ns;
}

static void push(struct evidence *evidence, const struct sighting *sighting)
{
	uint32_t number = (evidence->tail + evidence->count) % evidence->max;

	if (table_insert(evidence->index, sighting->hash, number) != 0) {
		note_evicted(evidence, sighting); /* out of memory */
		return;
	}
	evidence->sightings[number] = *sighting;
	evidence->count++;
}

/* The sighting that this one prolongs: same process, same tuple, shortly before. */
static struct sighting *find_same(struct evidence *evidence, const struct sighting *sighting)
{
	struct table_cursor cursor = table_cursor(evidence->index, sighting->hash);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct sighting *other = &evidence->sightings[number];

		if (other->hash == sighting->hash && other->reversed == sighting->reversed &&
		    other->pid == sighting->pid && other->netns == sighting->netns &&
		    inet_equal(&other->source, &sighting->source) &&
		    sighting->first_ns <= other->last_ns + EVIDENCE_MERGE_NS &&
		    sighting->first_ns >= other->first_ns - EVIDENCE_MERGE_NS)
			return other;
	}
	return NULL;
}

static void enter(struct evidence *evidence, const struct sighting *sighting)
{
	struct sighting *same = find_same(evidence, sighting);

	if (same) {
		evidence->counters.merged++;
		same->kinds |= sighting->kinds;
		if (sighting->alone_ns > same->alone_ns)
			same->alone_ns = sighting->alone_ns;
		if (sighting->first_ns < same->first_ns)
			same->first_ns = sighting->first_ns;
		if (sighting->last_ns > same->last_ns)
			same->last_ns = sighting->last_ns;
		return;
	}
	if (evidence->count == evidence->max) {
		note_evicted(evidence, &evidence->sightings[evidence->tail]);
		remove_tail(evidence);
	}
	push(evidence, sighting);
}

static void enter_first(struct evidence *evidence)
{
	enter(evidence, &evidence->coming[evidence->coming_tail]);
	evidence->coming_tail = (evidence->coming_tail + 1) % COMING;
	evidence->coming_count--;
}

static void enter_all(struct evidence *evidence)
{
	while (evidence->coming_count > 0)
		enter_first(evidence);
}

static void add_sighting(struct evidence *evidence, struct sighting *sighting, int64_t time_ns)
{
	evidence->counters.added++;
	sighting->first_ns = sighting->last_ns = time_ns;
	sighting->queued_ms = milliseconds(time_ns);
	table_prefetch(evidence->index, sighting->hash);
	if (evidence->coming_count == COMING)
		enter_first(evidence);
	evidence->coming[(evidence->coming_tail + evidence->coming_count++) % COMING] = *sighting;
}

/* What the event says of its process and its tuple. */
static struct sighting sighting_of(const struct evidence *evidence, const struct trace_event *event,
                                   const struct lineage_process *process, uint8_t kind)
{
	bool reversed;
	uint64_t hash = hash_of(evidence, &event->tuple, &reversed);

	return (struct sighting){
		.hash = hash,
		.reversed = reversed,
		.source = event->tuple.source,
		.pid = event->pid,
		.netns = process ? process->netns : 0,
		.kinds = kind,
		.alone_ns = kind != EVIDENCE_CLOSED ? 0
		            : process               ? process->alone_ns
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
static void add_opened(struct evidence *evidence, const struct trace_event *event)
{
	struct sighting sighting;
	struct opening opening;
	bool left = event->old_state == SOCKET_SYN_SENT;

	if (!openings_take(evidence->openings, event->socket, &opening)) {
		evidence->counters.unjoined += left;
		return;
	}
	if (event->tuple.source_port == 0 || (!left && opening.pid != event->pid))
		return;
	sighting = sighting_of(evidence, event, NULL, EVIDENCE_OPENED);
	sighting.pid = opening.pid;
	sighting.netns = opening.netns;
	add_sighting(evidence, &sighting, opening.time_ns);
}

static void add_state(struct evidence *evidence, const struct trace_event *event,
                      const struct lineage_process *process)
{
	struct opening opening = { event->socket, event->pid, process ? process->netns : 0,
		                   event->time_ns };

	if (event->socket == 0)
		return;
	if (event->new_state == SOCKET_SYN_SENT) {
		/* In no process's name: what was known of this address is of a former socket. */
		if (!event->process_context)
			openings_take(evidence->openings, event->socket, &opening);
		else
			evidence->counters.evicted += openings_put(evidence->openings, &opening);
	} else if (event->old_state == SOCKET_SYN_SENT) {
		add_opened(evidence, event);
	} else if (is_close(event)) {
		struct sighting sighting = sighting_of(evidence, event, process, EVIDENCE_CLOSED);

		add_opened(evidence, event);
		add_sighting(evidence, &sighting, event->time_ns);
	}
}

/* One interval is kept: it grows over what lies between two losses. */
static void add_loss(struct evidence *evidence, const struct trace_event *event)
{
	bool forgotten = evidence->lost_to_ns + EVIDENCE_KEEP_NS < event->since_ns;

	if (evidence->lost_to_ns == 0 || forgotten || event->since_ns < evidence->lost_from_ns)
		evidence->lost_from_ns = event->since_ns;
	if (event->time_ns > evidence->lost_to_ns)
		evidence->lost_to_ns = event->time_ns;
	openings_clear(evidence->openings);
}

void evidence_add(struct evidence *evidence, const struct trace_event *event,
                  const struct lineage_process *process)
{
	struct sighting sighting;

	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
		sighting = sighting_of(evidence, event, process, EVIDENCE_ROUTED);
		add_sighting(evidence, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_RECEIVE:
		sighting = sighting_of(evidence, event, process, EVIDENCE_RECEIVED);
		add_sighting(evidence, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_STATE:
		add_state(evidence, event, process);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		add_loss(evidence, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_NAME:
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
	case TRACE_EVENT_EXIT:
	case TRACE_EVENT_LOST_PROCESSES:
		break;
	}
}

static bool answers(const struct sighting *sighting, const struct evidence_question *question)
{
	return (sighting->kinds & question->kinds) && sighting->first_ns <= question->to_ns &&
	       sighting->last_ns >= question->from_ns &&
	       fits(&sighting->source, &question->tuple.source) &&
	       (sighting->netns == question->netns || sighting->netns == 0 || question->netns == 0);
}

static void join(struct evidence_match *match, const struct sighting *sighting)
{
	if (sighting->first_ns < match->first_ns)
		match->first_ns = sighting->first_ns;
	if (sighting->last_ns > match->last_ns)
		match->last_ns = sighting->last_ns;
	match->kinds |= sighting->kinds;
	if (match->netns == 0)
		match->netns = sighting->netns;
}

void evidence_expect(struct evidence *evidence, const struct tuple *tuple)
{
	bool reversed;

	table_prefetch(evidence->index, hash_asked(evidence, tuple, &reversed));
}

/* Another process may have been seen in that time, too. */
static bool is_incomplete(const struct evidence *evidence, const struct evidence_question *question)
{
	bool lost = evidence->lost_to_ns != 0 && evidence->lost_to_ns >= question->from_ns &&
	            evidence->lost_from_ns <= question->to_ns;

	return lost || (evidence->evicted_ns != 0 && evidence->evicted_ns >= question->from_ns);
}

enum evidence_answer evidence_find(struct evidence *evidence,
                                   const struct evidence_question *question,
                                   struct evidence_match *match)
{
	bool reversed;
	uint64_t hash = hash_asked(evidence, &question->tuple, &reversed);
	struct evidence_match found = { .pid = 0 };
	struct table_cursor cursor;
	uint32_t number;

	enter_all(evidence);
	cursor = table_cursor(evidence->index, hash);
	while (table_next(&cursor, &number)) {
		const struct sighting *sighting = &evidence->sightings[number];

		if (sighting->hash != hash || sighting->reversed != reversed ||
		    !answers(sighting, question))
			continue;
		if (found.pid != 0 && sighting->pid != found.pid)
			return EVIDENCE_AMBIGUOUS;
		/* Only its close speaks for it, and the socket may have been another's by a fork. */
		if (!(sighting->kinds & question->kinds & EVIDENCE_USED) &&
		    sighting->alone_ns >= question->from_ns)
			return EVIDENCE_AMBIGUOUS;
		if (found.pid == 0)
			found = (struct evidence_match){ .pid = sighting->pid,
				                         .first_ns = sighting->first_ns,
				                         .last_ns = sighting->last_ns };
		join(&found, sighting);
	}
	if (found.pid == 0)
		return EVIDENCE_NONE;
	*match = found;
	return is_incomplete(evidence, question) ? EVIDENCE_INCOMPLETE : EVIDENCE_FOUND;
}

void evidence_expire(struct evidence *evidence, int64_t now_ns)
{
	enter_all(evidence);
	while (evidence->count > 0) {
		struct sighting oldest = evidence->sightings[evidence->tail];

		/* Of one millisecond it is not known which came first: they stay for another. */
		if ((int32_t)(milliseconds(now_ns - EVIDENCE_KEEP_NS) - oldest.queued_ms) <= 0)
			return;
		remove_tail(evidence);
		if (oldest.last_ns + EVIDENCE_KEEP_NS > now_ns) {
			/* It was prolonged: it queues up again. */
			oldest.queued_ms = milliseconds(oldest.last_ns);
			push(evidence, &oldest);
		} else {
			evidence->counters.expired++;
		}
	}
}

const struct evidence_counters *evidence_counters(struct evidence *evidence)
{
	enter_all(evidence);
	return &evidence->counters;
}

uint32_t evidence_count(struct evidence *evidence)
{
	enter_all(evidence);
	return evidence->count;
}
