/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* When a connection's owners are asked for again: soon, and then more and more rarely. */
#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "stream/binder_private.h"

/* Waits between attempts; each level is a queue in which all wait equally long. */
#define WAIT(ms) (ms) * NS_PER_MS,
static const int64_t level_wait_ns[] = { WINDOW_RETRY_WAITS_MS(WAIT) };
_Static_assert(sizeof level_wait_ns / sizeof level_wait_ns[0] == LEVELS, "one wait a level");
#define NO_SOCKET_LEVEL 2     /* once for what no socket received, as NAT may have been late */
#define LISTED_LEVEL    3     /* sockets are listed at most a little more often */
#define QUEUE_MAX       32768 /* a level, in connections; power of two */

int64_t binder_level_wait_ns(int level)
{
	return level_wait_ns[level];
}

void binder_enqueue(struct binder *binder, int level, const struct connection *connection,
                    int64_t now_ns)
{
	struct queue *queue = &binder->levels[level];

	if (!queue->entries) {
		queue->entries = malloc(QUEUE_MAX * sizeof *queue->entries);
		queue->ring = ring_of(QUEUE_MAX);
	}
	if (!queue->entries ||
	    !ring_reserve(&queue->ring, queue->entries, sizeof *queue->entries)) {
		binder->counters.forgotten++;
		return;
	}
	queue->entries[ring_place(&queue->ring, queue->ring.next++)] = (struct waiting){
		.id = connection->id,
		.number = connection_table_number(connection),
		.due_ns = now_ns + level_wait_ns[level],
	};
}

bool binder_is_unreceived(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];
	uint8_t protocol = connection->tuple.protocol;

	return (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) &&
	       owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_NO_SOCKET &&
	       connection->counts[end].packets == 0 && !connection->binding.proxied;
}

/* Whether a socket fits is known when all of them have been listed next. */
static bool is_unlisted(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];

	return connection->tuple.protocol != IPPROTO_TCP && owner->method == ATTRIBUTION_UNKNOWN &&
	       owner->reason == ATTRIBUTION_PENDING && owner->inode == 0;
}

/*
 * Its socket is known, and no walk over all processes since has ended: on a busy machine, where
 * walks are rare, that lasts longer than the levels do.
 */
static bool awaits_walk(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];

	return owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_PENDING &&
	       owner->inode != 0;
}

/* The first level after that one, -1 for none, at which asking again is of use. LEVELS: none. */
static int next_level(const struct connection *connection, int level)
{
	int next = LEVELS;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		int first = level + 1;

		if (!binder_worth_asking(connection, (enum connection_end)end))
			continue;
		if (binder_is_unreceived(connection, (enum connection_end)end))
			first = first > NO_SOCKET_LEVEL ? LEVELS : NO_SOCKET_LEVEL;
		else if (is_unlisted(connection, (enum connection_end)end) && first < LISTED_LEVEL)
			first = LISTED_LEVEL;
		if (first == LEVELS && awaits_walk(connection, (enum connection_end)end))
			first = LEVELS - 1;
		next = first < next ? first : next;
	}
	return next;
}

void binder_ask_later(struct binder *binder, struct connection *connection, int level,
                      int64_t now_ns)
{
	int next = next_level(connection, level);

	if (connection->binding.attributable && next < LEVELS)
		binder_enqueue(binder, next, connection, now_ns);
}

static const struct waiting *longest_waiting(const struct queue *queue)
{
	return ring_count(&queue->ring) > 0
	               ? &queue->entries[ring_place(&queue->ring, queue->ring.first)]
	               : NULL;
}

int64_t binder_retry(struct binder *binder, int64_t now_ns)
{
	int64_t next = -1;

	for (int level = 0; level < LEVELS; level++) {
		struct queue *queue = &binder->levels[level];
		const struct waiting *longest;

		while ((longest = longest_waiting(queue)) && longest->due_ns <= now_ns) {
			struct waiting waiting = *longest;

			queue->ring.first++;
			binder_look_again(binder, level, &waiting, now_ns);
		}
		if (longest) {
			int64_t wait = longest->due_ns - now_ns;

			if (next < 0 || wait < next)
				next = wait;
		}
	}
	return next;
}
