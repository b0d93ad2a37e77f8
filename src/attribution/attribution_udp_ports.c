/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams to ports that no socket has: a scan, or a neighbour that floods, would have the kernel
 * asked in vain for each. A few are, one at a time, so that also a socket that has just been opened
 * is found. When there are more, all sockets are listed instead, now and then: a listing shows
 * every socket that was open when it was made, so that it is an answer for the packets before it.
 * Those after it wait for the next one. Sockets that were closed between a packet and a listing
 * are reported as destroyed, and question->died is set.
 */
#include <errno.h>

#include "attribution/attribution_private.h"
#include "base/clock.h"

/*
 * Questions in vain take a 200th of the time at most, of which so much is kept for a burst. CPU
 * time counts: another process may have the processor meanwhile.
 */
#define SHARE 200
#define BURST (10 * NS_PER_MS)
#define MISS  5000 /* nanoseconds: an exact question takes 4 to 5 us */

static int64_t earn(struct attribution_budget *budget)
{
	int64_t now_ns = clock_monotonic_ns();
	int64_t most_ns = BURST > 2 * budget->listing_ns ? BURST : 2 * budget->listing_ns;

	budget->left_ns += (now_ns - budget->since_ns) / SHARE;
	budget->since_ns = now_ns;
	if (budget->left_ns > most_ns)
		budget->left_ns = most_ns;
	return budget->left_ns;
}

void attribution_udp_missed(struct attribution *attribution)
{
	attribution->budget.left_ns -= MISS;
}

/* A datagram to a group fits what is bound to the group or to any address. */
bool attribution_udp_fits(const struct socket *socket, const struct attribution_question *question)
{
	const struct tuple *tuple = &question->tuple;
	bool fits =
		listener_score(socket, &tuple->source, tuple->source_port, question->ifindex) > 0;

	if (question->fanned_out && socket->tuple.source_port == tuple->source_port)
		fits = fits || inet_is_unspecified(&socket->tuple.source);
	if (!inet_is_unspecified(&socket->tuple.destination))
		fits = fits && inet_equal(&socket->tuple.destination, &tuple->destination) &&
		       socket->tuple.destination_port == tuple->destination_port;
	return fits;
}

static bool any_fits(const struct listener_table *table,
                     const struct attribution_question *question)
{
	size_t count;
	const struct socket *sockets =
		listener_table_port(table, question->tuple.source_port, &count);

	for (size_t i = 0; i < count; i++)
		if (sockets[i].tuple.protocol == question->tuple.protocol &&
		    attribution_udp_fits(&sockets[i], question))
			return true;
	return false;
}

/* 0 or -errno. */
static int list(struct attribution *attribution, struct listener_table *table)
{
	struct attribution_budget *budget = &attribution->budget;
	int64_t began_ns = clock_thread_ns();
	int result = listener_table_refresh(table, NULL, NULL);

	attribution->counters.queries++;
	budget->listing_ns = clock_thread_ns() - began_ns;
	budget->left_ns -= budget->listing_ns;
	return result;
}

enum attribution_udp_ports attribution_udp_ports(struct attribution *attribution,
                                                 const struct attribution_namespace *namespace,
                                                 const struct attribution_question *question)
{
	struct listener_table *table = namespace->udp_listeners;

	if (listener_table_refreshed_ns(table) < question->seen_ns) {
		int64_t left_ns = earn(&attribution->budget);

		if (!question->fanned_out && (left_ns > BURST / 2 || any_fits(table, question)))
			return ATTRIBUTION_UDP_ASK;
		if (left_ns < attribution->budget.listing_ns)
			return ATTRIBUTION_UDP_LATER;
		if (list(attribution, table) != 0)
			return ATTRIBUTION_UDP_ASK;
	}
	return any_fits(table, question) ? ATTRIBUTION_UDP_LISTED : ATTRIBUTION_UDP_NONE;
}

int attribution_udp_listed(struct attribution *attribution, uint32_t netns, int64_t since_ns,
                           int64_t *listed_ns)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, netns);
	struct listener_table *table = namespace ? namespace->udp_listeners : NULL;
	int result = 0;

	if (!table)
		return -ENOENT;
	if (listener_table_refreshed_ns(table) <= since_ns) {
		if (earn(&attribution->budget) < attribution->budget.listing_ns)
			return -EAGAIN;
		result = list(attribution, table);
	}
	if (result == 0)
		*listed_ns = listener_table_refreshed_ns(table);
	return result;
}

/* A socket of the port may have the end, whatever it is connected to, and on whichever device. */
static bool may_have(const struct socket *socket, const struct tuple *tuple)
{
	return socket->tuple.protocol == tuple->protocol &&
	       listener_score(socket, &tuple->source, tuple->source_port, socket->ifindex) > 0;
}

/* It is surely not the one that the owner was found with. */
static bool is_other(const struct socket *socket, const struct owner *owner)
{
	if (owner->cookie != 0 && socket->cookie != 0)
		return owner->cookie != socket->cookie;
	return owner->inode != 0 && socket->inode != 0 && owner->inode != socket->inode;
}

bool attribution_udp_is_gone(const struct attribution *attribution, uint32_t netns,
                             const struct tuple *tuple, const struct owner *owner)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, netns);
	const struct socket *sockets;
	size_t count;

	if (!namespace || !namespace->udp_listeners || owner->reason == ATTRIBUTION_RAW_SOCKET)
		return false;
	sockets = listener_table_port(namespace->udp_listeners, tuple->source_port, &count);
	for (size_t i = 0; i < count; i++)
		if (may_have(&sockets[i], tuple) &&
		    (!is_other(&sockets[i], owner) ||
		     attribution_udp_is_connected(&sockets[i], tuple)))
			return false;
	return true;
}
