/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/cgroup_files.h"
#include "processes/cgroup_paths.h"
#include "processes/proc_fd.h"
#include "sockets/lister.h"
#include "sockets/sock_diag.h"

#define CHUNK_SIZE 65536

struct listed {
	struct socket socket;
	uint64_t connection_id; /* 0 = none is known */
};

/* Details of sockets, one after the other. */
struct chunk {
	struct chunk *before;
	size_t used;
	_Alignas(8) char bytes[CHUNK_SIZE];
};

struct snapshot {
	struct snapshot_options options;
	uint64_t id;
	struct listed *sockets;
	size_t count, capacity, next;
	struct chunk *chunks;
	bool has_cgroups;
	struct cgroup_paths *cgroups; /* NULL = not known */
	int64_t listed_ns;            /* monotonic */
	int64_t began_ns;             /* the same by the wall clock */
	uint32_t incomplete, absent;
};

static const struct socket_details *keep_details(struct snapshot *snapshot,
                                                 const struct socket *socket)
{
	size_t size = (socket_details_size(socket->kind) + 7) & ~(size_t)7;
	struct chunk *chunk = snapshot->chunks;
	void *copy;

	if (!chunk || CHUNK_SIZE - chunk->used < size) {
		chunk = malloc(sizeof *chunk);
		if (!chunk)
			return NULL;
		chunk->before = snapshot->chunks;
		chunk->used = 0;
		snapshot->chunks = chunk;
	}
	copy = chunk->bytes + chunk->used;
	chunk->used += size;
	return memcpy(copy, socket->details, socket_details_size(socket->kind));
}

static int collect(void *context, const struct socket *socket)
{
	struct snapshot *snapshot = context;
	struct listed *kept;

	if (snapshot->options.listening && !socket_is_listening(socket))
		return 0;
	if (snapshot->count == snapshot->capacity) {
		size_t capacity = snapshot->capacity ? 2 * snapshot->capacity : 256;
		struct listed *sockets = realloc(snapshot->sockets, capacity * sizeof *sockets);

		if (!sockets)
			return -ENOMEM;
		snapshot->sockets = sockets;
		snapshot->capacity = capacity;
	}
	kept = &snapshot->sockets[snapshot->count];
	kept->socket = *socket;
	kept->connection_id = snapshot->options.stream
	                              ? stream_announce_existing(snapshot->options.stream, socket)
	                              : 0;
	if (socket->details) {
		kept->socket.details = keep_details(snapshot, socket);
		if (!kept->socket.details)
			return -ENOMEM;
	}
	snapshot->has_cgroups |= socket->cgroup_id > 0;
	snapshot->count++;
	return 0;
}

static int list(struct snapshot *snapshot, const uint32_t *netns, int netns_count)
{
	struct lister_request request = {
		.kinds = snapshot->options.kinds,
		.states = SOCK_DIAG_STATES_ALL,
		.extra = SOCK_DIAG_TCP_INFO | SOCK_DIAG_DETAILS,
	};
	int result = 0;

	snapshot->absent = snapshot->options.kinds;
	for (int i = 0; i < netns_count && result == 0; i++) {
		const struct attribution_namespace *namespace =
			attribution_find_namespace(snapshot->options.attribution, netns[i]);

		if (!namespace) {
			snapshot->incomplete = snapshot->options.kinds;
			continue;
		}
		result = lister_list(namespace->lister, &request, collect, snapshot);
		snapshot->incomplete |= request.failed;
		snapshot->absent &= request.absent;
	}
	return result;
}

/* Where they are not to be had, the numbers have to do. */
static void read_cgroups(struct snapshot *snapshot)
{
	int mount = cgroup_files_open();

	if (mount < 0)
		return;
	snapshot->cgroups = cgroup_paths_new(&snapshot->options.key);
	if (snapshot->cgroups)
		cgroup_paths_walk(snapshot->cgroups, mount, true);
	close(mount);
}

static const char *cgroup_of(const struct snapshot *snapshot, const struct socket *socket)
{
	const char *container;
	size_t length;

	if (!snapshot->cgroups || socket->cgroup_id == 0)
		return NULL;
	return cgroup_paths_find(snapshot->cgroups, socket->cgroup_id, &container, &length);
}

int snapshot_new(struct snapshot **result, const struct snapshot_options *options,
                 const uint32_t *netns, int netns_count, uint64_t id, struct error *error)
{
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);

	if (!snapshot)
		return error_set(error, ENOMEM, "out of memory");
	snapshot->options = *options;
	snapshot->id = id;
	snapshot->listed_ns = clock_monotonic_ns();
	snapshot->began_ns = clock_realtime_ns();
	if (list(snapshot, netns, netns_count) == -ENOMEM) {
		snapshot_free(snapshot);
		return error_set(error, ENOMEM, "out of memory for the list of sockets");
	}
	if (snapshot->has_cgroups)
		read_cgroups(snapshot);
	*result = snapshot;
	return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	while (snapshot->chunks) {
		struct chunk *chunk = snapshot->chunks;

		snapshot->chunks = chunk->before;
		free(chunk);
	}
	cgroup_paths_free(snapshot->cgroups);
	free(snapshot->sockets);
	free(snapshot);
}

static void emit_socket(struct snapshot *snapshot, const struct listed *listed)
{
	const struct socket *socket = &listed->socket;
	struct event event = { .action = EVENT_EXISTING_SOCKET, .time_ns = clock_realtime_ns() };
	struct proc_fd_holders holders = { 0 };
	struct owner owner = { 0 };

	attribution_resolve_socket(snapshot->options.attribution, socket, snapshot->listed_ns,
	                           &owner, &holders);
	event.socket.socket = socket;
	event.socket.owner = &owner;
	event.socket.holders = (const struct process *const *)holders.processes;
	event.socket.holder_count = holders.count;
	event.socket.connection_id = listed->connection_id;
	event.socket.cgroup = cgroup_of(snapshot, socket);
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
	event.socket.began_ns = snapshot->began_ns;
	event.socket.incomplete = snapshot->incomplete;
	event.socket.absent = snapshot->absent;
	emitter_emit(snapshot->options.emitter, &event);
	return true;
}
