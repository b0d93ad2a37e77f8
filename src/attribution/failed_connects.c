/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/failed_connects.h"

#include <stdlib.h>

#include "attribution/windows.h"
#include "base/ring.h"

#define CONNECTS_MAX 4096 /* a power of two; they are taken after half a second */
#define THREADS      1024 /* a power of two; by thread ids, which are given out in turn */

struct attempt {
	struct failed_connect connect;
	int tid;
	uint32_t table;             /* the first one that was looked into */
	struct inet_address source; /* ... from this address */
	bool cancelled;
};

struct failed_connects {
	struct ring ring;
	uint64_t last_of_thread[THREADS]; /* number of its latest lookup + 1; 0 = none */
	struct attempt attempts[CONNECTS_MAX];
};

struct failed_connects *failed_connects_new(void)
{
	struct failed_connects *connects =
		calloc(1, sizeof *connects); /* untouched pages cost nothing */

	if (connects)
		connects->ring = ring_of(CONNECTS_MAX);
	return connects;
}

void failed_connects_free(struct failed_connects *connects)
{
	free(connects);
}

static struct attempt *attempt_at(struct failed_connects *connects, uint64_t number)
{
	return &connects->attempts[ring_place(&connects->ring, number)];
}

static struct attempt *add(struct failed_connects *connects, const struct failed_connect *connect)
{
	struct attempt *attempt;

	if (!ring_reserve(&connects->ring, connects->attempts, sizeof *connects->attempts))
		return NULL;
	attempt = attempt_at(connects, connects->ring.next++);
	*attempt = (struct attempt){ .connect = *connect };
	return attempt;
}

bool failed_connects_add(struct failed_connects *connects, const struct failed_connect *connect)
{
	return add(connects, connect) != NULL;
}

static uint64_t *last_of(struct failed_connects *connects, int tid)
{
	return &connects->last_of_thread[(unsigned)tid % THREADS];
}

/* The latest lookup of that thread, if it was for the same end. */
static struct attempt *find_last(struct failed_connects *connects, const struct trace_event *event)
{
	uint64_t number = *last_of(connects, event->tid);
	struct attempt *attempt;

	if (number <= connects->ring.first)
		return NULL;
	attempt = attempt_at(connects, number - 1);
	if (attempt->tid != event->tid || attempt->cancelled ||
	    attempt->connect.tuple.destination_port != event->tuple.destination_port ||
	    !inet_equal(&attempt->connect.tuple.destination, &event->tuple.destination))
		return NULL;
	return attempt;
}

/* A table is looked into once for each source. */
static bool goes_on(const struct attempt *attempt, const struct trace_event *event)
{
	return event->time_ns - attempt->connect.ended_ns < WINDOW_CONNECTING_NS &&
	       (event->table != attempt->table ||
	        !inet_equal(&event->tuple.source, &attempt->source));
}

bool failed_connects_add_lookup(struct failed_connects *connects, const struct trace_event *event,
                                uint32_t netns)
{
	struct attempt *attempt = find_last(connects, event);
	struct failed_connect connect = {
		.tuple = event->tuple,
		.netns = netns,
		.pid = event->pid,
		.error = event->error,
		.began_ns = event->time_ns,
		.ended_ns = event->time_ns,
	};

	if (attempt && goes_on(attempt, event)) {
		attempt->connect.tuple = event->tuple;
		attempt->connect.error = event->error;
		attempt->connect.ended_ns = event->time_ns;
		return true;
	}
	attempt = add(connects, &connect);
	if (!attempt)
		return false;
	attempt->tid = event->tid;
	attempt->table = event->table;
	attempt->source = event->tuple.source;
	*last_of(connects, event->tid) = connects->ring.next;
	return true;
}

void failed_connects_found_route(struct failed_connects *connects, const struct trace_event *event)
{
	struct attempt *attempt = find_last(connects, event);

	if (attempt && event->time_ns - attempt->connect.ended_ns < WINDOW_CONNECTING_NS)
		attempt->cancelled = true;
}

bool failed_connects_take(struct failed_connects *connects, int64_t before_ns,
                          struct failed_connect *connect)
{
	while (ring_count(&connects->ring) > 0) {
		const struct attempt *attempt = attempt_at(connects, connects->ring.first);

		if (attempt->connect.ended_ns >= before_ns)
			return false;
		connects->ring.first++;
		if (attempt->cancelled)
			continue;
		*connect = attempt->connect;
		return true;
	}
	return false;
}

void failed_connects_lost(struct failed_connects *connects)
{
	for (uint64_t number = connects->ring.first; number < connects->ring.next; number++) {
		struct attempt *attempt = attempt_at(connects, number);

		attempt->cancelled |= attempt->connect.error != 0;
	}
}
