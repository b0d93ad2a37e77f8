/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/listener_watch.h"

#include <stdlib.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "sockets/listener_table.h"

struct watched {
	struct socket socket;
	struct owner owner;
	int64_t seen_ns; /* monotonic */
	bool announced;
};

struct listener_watch {
	struct listener_table *table;
	struct attribution *attribution;
	struct emitter *emitter;
	struct watched *watched;
	size_t count, capacity;
	int64_t look_ns; /* when holders are looked for again; 0 = none is */
	bool silent;     /* what the next listing shows was there before */
};

#define KINDS                                                                                      \
	(SOCKET_KIND_BIT(SOCKET_TCP) | SOCKET_KIND_BIT(SOCKET_UDP) |                               \
	 SOCKET_KIND_BIT(SOCKET_UDPLITE))

struct listener_watch *listener_watch_new(struct lister *lister, struct attribution *attribution,
                                          struct emitter *emitter)
{
	struct listener_watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	watch->attribution = attribution;
	watch->emitter = emitter;
	watch->table = listener_table_new(lister, KINDS, false);
	if (!watch->table) {
		free(watch);
		return NULL;
	}
	return watch;
}

void listener_watch_free(struct listener_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->count; i++)
		owner_clear(&watch->watched[i].owner);
	free(watch->watched);
	listener_table_free(watch->table);
	free(watch);
}

static void emit(struct listener_watch *watch, enum event_action action,
                 const struct watched *watched)
{
	struct event event = { .action = action, .time_ns = clock_realtime_ns() };
	const struct process *holder = watched->owner.process;

	event.socket.socket = &watched->socket;
	event.socket.owner = &watched->owner;
	event.socket.holders = &holder;
	event.socket.holder_count = holder ? 1 : 0;
	emitter_emit(watch->emitter, &event);
}

static void appeared(struct listener_watch *watch, const struct socket *socket, bool announced)
{
	struct watched *watched;

	if (watch->count == watch->capacity) {
		size_t capacity = watch->capacity ? 2 * watch->capacity : 32;
		struct watched *grown = realloc(watch->watched, capacity * sizeof *grown);

		if (!grown)
			return;
		watch->watched = grown;
		watch->capacity = capacity;
	}
	watched = &watch->watched[watch->count++];
	*watched = (struct watched){
		.socket = *socket,
		.seen_ns = clock_monotonic_ns(),
		.announced = announced,
	};
}

static void vanished(struct listener_watch *watch, const struct socket *socket)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *watched = &watch->watched[i];

		if (watched->socket.kind != socket->kind ||
		    watched->socket.inode != socket->inode ||
		    !tuple_equal(&watched->socket.tuple, &socket->tuple))
			continue;
		/* Nothing follows: it closed before its holder was found. */
		if (watched->owner.reason == ATTRIBUTION_PENDING)
			watched->owner.reason = ATTRIBUTION_NO_SOCKET;
		if (!watched->announced)
			emit(watch, EVENT_LISTENING_STARTED, watched);
		if (watched->owner.method == ATTRIBUTION_SOCKET)
			watched->owner.method = ATTRIBUTION_RECENT;
		emit(watch, EVENT_LISTENING_STOPPED, watched);
		owner_clear(&watched->owner);
		watch->watched[i] = watch->watched[--watch->count];
		return;
	}
}

static void on_change(void *context, enum listener_change change, const struct socket *socket)
{
	struct listener_watch *watch = context;

	switch (change) {
	case LISTENER_STARTED:
		appeared(watch, socket, watch->silent);
		break;
	case LISTENER_STOPPED:
		vanished(watch, socket);
		break;
	}
}

static void list(struct listener_watch *watch)
{
	if (listener_table_refresh(watch->table, on_change, watch) == 0)
		watch->silent = false;
}

void listener_watch_begin(struct listener_watch *watch)
{
	watch->silent = true;
	list(watch);
}

static bool waits(const struct watched *watched, int64_t now)
{
	return !watched->announced && watched->owner.reason == ATTRIBUTION_PENDING &&
	       now - watched->seen_ns < WINDOW_LISTENER_NS;
}

static void announce(struct listener_watch *watch, struct watched *watched)
{
	watched->announced = true;
	emit(watch, EVENT_LISTENING_STARTED, watched);
}

void listener_watch_refresh(struct listener_watch *watch)
{
	int64_t now = clock_monotonic_ns();

	list(watch);
	watch->look_ns = 0;
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *watched = &watch->watched[i];

		if (!owner_known(&watched->owner))
			attribution_resolve_socket(watch->attribution, &watched->socket,
			                           watched->seen_ns, &watched->owner, NULL);
		if (waits(watched, now))
			watch->look_ns = now + WINDOW_LISTENER_LOOK_NS;
		else if (!watched->announced)
			announce(watch, watched);
	}
}

int64_t listener_watch_look(struct listener_watch *watch)
{
	int64_t now;

	if (watch->look_ns == 0)
		return -1;
	now = clock_monotonic_ns();
	if (now < watch->look_ns)
		return watch->look_ns - now;
	watch->look_ns = 0;
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *watched = &watch->watched[i];
		struct owner found = { 0 };

		if (!waits(watched, now))
			continue;
		attribution_resolve_socket(watch->attribution, &watched->socket, watched->seen_ns,
		                           &found, NULL);
		/* That no process has it is a fact while it is listed. */
		if (found.method != ATTRIBUTION_SOCKET) {
			owner_clear(&found);
			watch->look_ns = now + WINDOW_LISTENER_LOOK_NS;
			continue;
		}
		owner_clear(&watched->owner);
		watched->owner = found;
		announce(watch, watched);
	}
	return watch->look_ns == 0 ? -1 : WINDOW_LISTENER_LOOK_NS;
}
