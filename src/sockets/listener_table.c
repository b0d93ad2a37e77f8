/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/listener_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

struct listing {
	struct socket *sockets; /* sorted by compare */
	size_t count, capacity;
	int64_t *since_ns; /* of each: when the first listing began that has it */
};

struct listener_table {
	struct lister *lister;
	unsigned int kinds;
	bool connected;
	struct listing current;
	int64_t refreshed_ns, took_ns;
};

struct listener_table *listener_table_new(struct lister *lister, unsigned int kinds, bool connected)
{
	struct listener_table *table = calloc(1, sizeof(*table));

	if (table) {
		table->lister = lister;
		table->kinds = kinds;
		table->connected = connected;
	}
	return table;
}

void listener_table_free(struct listener_table *table)
{
	if (!table)
		return;
	free(table->current.sockets);
	free(table->current.since_ns);
	free(table);
}

/* By port first, so that a lookup is a binary search; the rest makes the order total. */
static int compare(const void *a, const void *b)
{
	const struct socket *first = a, *second = b;

	if (first->tuple.source_port != second->tuple.source_port)
		return first->tuple.source_port < second->tuple.source_port ? -1 : 1;
	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	return memcmp(&first->tuple, &second->tuple, sizeof first->tuple);
}

static int collect(void *context, const struct socket *socket)
{
	struct listing *listing = context;

	if (socket->kind != SOCKET_TCP && socket->tuple.source_port == 0)
		return 0;
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
		struct socket *sockets = realloc(listing->sockets, capacity * sizeof(*sockets));

		if (!sockets)
			return -ENOMEM;
		listing->sockets = sockets;
		listing->capacity = capacity;
	}
	listing->sockets[listing->count++] = *socket;
	return 0;
}

static void tell_differences(const struct listing *before, const struct listing *after,
                             listener_callback *callback, void *context)
{
	size_t old = 0, new = 0;

	while (old < before->count || new < after->count) {
		int order = old == before->count ? 1
		            : new == after->count
		                    ? -1
		                    : compare(&before->sockets[old], &after->sockets[new]);

		if (order < 0)
			callback(context, LISTENER_STOPPED, &before->sockets[old]);
		else if (order > 0)
			callback(context, LISTENER_STARTED, &after->sockets[new]);
		old += order <= 0;
		new += order >= 0;
	}
}

static bool note_since(struct listing *after, const struct listing *before, int64_t begin_ns)
{
	size_t old = 0;

	if (after->count == 0)
		return true;
	after->since_ns = malloc(after->count * sizeof *after->since_ns);
	if (!after->since_ns)
		return false;
	for (size_t new = 0; new < after->count; new ++) {
		int order = 1;

		while (old < before->count &&
		       (order = compare(&before->sockets[old], &after->sockets[new])) < 0)
			old++;
		after->since_ns[new] =
			old < before->count && order == 0 ? before->since_ns[old] : begin_ns;
	}
	return true;
}

/* Those of the kinds that are asked for. */
static int list(struct listener_table *table, unsigned int kinds, uint32_t states,
                struct listing *listing)
{
	bool complete = true;
	int result;

	kinds &= table->kinds;
	if (kinds == 0)
		return 0;
	result = lister_run(table->lister, kinds, states, false, collect, listing, &complete);
	/* Half a listing would report listeners as stopped that are not. */
	return result == 0 && !complete ? -EAGAIN : result;
}

int listener_table_refresh(struct listener_table *table, listener_callback *callback, void *context)
{
	uint32_t udp = 1u << SOCKET_CLOSED | (table->connected ? 1u << SOCKET_ESTABLISHED : 0);
	struct listing next = { 0 };
	int64_t begin_ns = clock_monotonic_ns();
	int result;

	result = list(table, SOCKET_KIND_BIT(SOCKET_TCP), 1u << SOCKET_LISTEN, &next);
	if (result == 0)
		result = list(table, ~SOCKET_KIND_BIT(SOCKET_TCP), udp, &next);
	if (result == 0 && next.count > 0)
		qsort(next.sockets, next.count, sizeof *next.sockets, compare);
	if (result == 0 && !note_since(&next, &table->current, begin_ns))
		result = -ENOMEM;
	if (result != 0) {
		free(next.sockets);
		return result;
	}
	if (callback)
		tell_differences(&table->current, &next, callback, context);
	free(table->current.sockets);
	free(table->current.since_ns);
	table->current = next;
	table->refreshed_ns = begin_ns;
	table->took_ns = clock_monotonic_ns() - begin_ns;
	return 0;
}

int64_t listener_table_refreshed_ns(const struct listener_table *table)
{
	return table->refreshed_ns;
}

int64_t listener_table_since_ns(const struct listener_table *table, const struct socket *socket)
{
	return table->current.since_ns[socket - table->current.sockets];
}

int64_t listener_table_took_ns(const struct listener_table *table)
{
	return table->took_ns;
}

/* As compute_score() in net/ipv4/inet_hashtables.c and net/ipv4/udp.c: address, device, then family. */
int listener_score(const struct socket *bound, const struct inet_address *local, uint16_t port,
                   uint32_t ifindex)
{
	const struct inet_address *address = &bound->tuple.source;
	int score = 1;

	if (bound->tuple.source_port != port || (bound->ifindex != 0 && bound->ifindex != ifindex))
		return 0;
	if (inet_is_unspecified(address)) {
		bool v4 = inet_is_v4(local);

		if (bound->family == AF_INET && !v4)
			return 0;
		if (bound->family == AF_INET6 && v4 && bound->v6only)
			return 0;
	} else if (inet_equal(address, local)) {
		score += 4;
	} else {
		return 0;
	}
	if (bound->ifindex != 0)
		score += 8;
	if (bound->family == (inet_is_v4(local) ? AF_INET : AF_INET6))
		score += 1;
	return score;
}

/* The place of its first socket, or of the first one above it. */
static size_t find_port(const struct listing *listing, uint16_t port)
{
	size_t low = 0, high = listing->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (listing->sockets[middle].tuple.source_port < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct socket *listener_table_port(const struct listener_table *table, uint16_t port,
                                         size_t *count)
{
	const struct listing *listing = &table->current;
	size_t first = find_port(listing, port), end = first;

	while (end < listing->count && listing->sockets[end].tuple.source_port == port)
		end++;
	*count = end - first;
	return *count > 0 ? &listing->sockets[first] : NULL;
}

int listener_table_find(const struct listener_table *table, const struct tuple *tuple,
                        uint32_t ifindex, const struct socket **found, int max)
{
	size_t listed;
	const struct socket *first = listener_table_port(table, tuple->source_port, &listed);
	int best = 0, count = 0;

	for (size_t i = 0; i < listed; i++) {
		const struct socket *socket = &first[i];
		int score = listener_score(socket, &tuple->source, tuple->source_port, ifindex);

		if (socket->tuple.protocol != tuple->protocol ||
		    socket->state == SOCKET_ESTABLISHED || score == 0 || score < best)
			continue;
		if (score > best)
			count = 0;
		best = score;
		if (count < max)
			found[count] = socket;
		count++;
	}
	return count;
}
