/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "processes/proc_fd.h"
#include "sockets/lister.h"

struct snapshot {
	struct snapshot_options options;
	uint64_t id;
	struct socket *sockets;
	size_t count, capacity, next;
	int64_t listed_ns; /* monotonic */
	bool complete, out_of_memory;
};

/* Waits for peers: what ss -l shows. */
static bool is_listening(const struct socket *socket)
{
	switch (socket->kind) {
	case SOCKET_TCP:
	case SOCKET_UNIX:
		return socket->state == SOCKET_LISTEN;
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_ICMP:
		return socket->state == SOCKET_CLOSED &&
		       inet_is_unspecified(&socket->tuple.destination);
	case SOCKET_PACKET:
	case SOCKET_NETLINK:
		return true;
	case SOCKET_KIND_COUNT:
		break;
	}
	return false;
}

static int collect(void *context, const struct socket *socket)
{
	struct snapshot *snapshot = context;

	if (snapshot->options.listening && !is_listening(socket))
		return 0;
	if (snapshot->count == snapshot->capacity) {
		size_t capacity = snapshot->capacity ? 2 * snapshot->capacity : 256;
		struct socket *sockets = realloc(snapshot->sockets, capacity * sizeof *sockets);

		if (!sockets)
			return -ENOMEM;
		snapshot->sockets = sockets;
		snapshot->capacity = capacity;
	}
	snapshot->sockets[snapshot->count++] = *socket;
	return 0;
}

int snapshot_new(struct snapshot **result, const struct snapshot_options *options,
                 const uint32_t *netns, int netns_count, uint64_t id, struct error *error)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);

	if (!snapshot)
		return error_set(error, ENOMEM, "out of memory");
	snapshot->options = *options;
	snapshot->id = id;
	snapshot->complete = true;
	snapshot->listed_ns = clock_monotonic_ns();
	for (int i = 0; i < netns_count; i++) {
		const struct attribution_namespace *namespace =
			attribution_find_namespace(options->attribution, netns[i]);
		bool complete = false;

		if (namespace &&
		    lister_run(namespace->lister, options->kinds, UINT32_MAX, options->tcp_info,
		               collect, snapshot, &complete) == -ENOMEM) {
			snapshot_free(snapshot);
			return error_set(error, ENOMEM, "out of memory for the list of sockets");
		}
		snapshot->complete &= complete;
	}
	*result = snapshot;
	return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->sockets);
	free(snapshot);
}

static void emit_socket(struct snapshot *snapshot, const struct socket *socket)
{
	struct event event = { .action = EVENT_EXISTING_SOCKET, .time_ns = clock_realtime_ns() };
	struct proc_fd_holders holders = { 0 };
	struct owner owner = { 0 };

	attribution_resolve_socket(snapshot->options.attribution, socket, snapshot->listed_ns,
	                           &owner, &holders);
	event.socket.socket = socket;
	event.socket.owner = &owner;
	event.socket.holders = (const struct process *const *)holders.processes;
	event.socket.holder_count = holders.count;
	event.socket.snapshot_id = snapshot->id;
	event.socket.snapshot_index = ++snapshot->next;
	emitter_emit(snapshot->options.emitter, &event);
	owner_clear(&owner);
}

bool snapshot_emit(struct snapshot *snapshot, size_t room)
{
	struct event event = { .action = EVENT_SNAPSHOT_COMPLETED };

	while (snapshot->next < snapshot->count) {
		if (emitter_room(snapshot->options.emitter) < room)
			return false;
		emit_socket(snapshot, &snapshot->sockets[snapshot->next]);
	}
	if (emitter_room(snapshot->options.emitter) < room)
		return false;
	event.time_ns = clock_realtime_ns();
	event.socket.snapshot_id = snapshot->id;
	event.socket.snapshot_index = snapshot->count;
	event.socket.complete = snapshot->complete;
	emitter_emit(snapshot->options.emitter, &event);
	return true;
}
