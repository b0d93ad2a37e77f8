/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings of sockets. Where there is no sock_diag: the same questions answered from a
 * listing of /proc/net, which costs milliseconds and so is made a few times a second at
 * most. An owner may come later this way, never a wrong one: its descriptor is
 * verified all the same.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/attribution_private.h"
#include "attribution/windows.h"
#include "base/clock.h"

#define LISTING_SHARE 20 /* a listing takes a twentieth of the time at most */

int attribution_listed_add(void *context, const struct socket *socket)
{
	struct attribution_list *list = context;

	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		struct socket *sockets = realloc(list->sockets, capacity * sizeof *sockets);

		if (!sockets)
			return -ENOMEM; /* the question stays unanswered, which is not wrong */
		list->sockets = sockets;
		list->capacity = capacity;
	}
	list->sockets[list->count++] = *socket;
	return 0;
}

void attribution_list(struct attribution_list *list, const struct attribution_namespace *namespace,
                      uint32_t kinds, uint32_t states)
{
	int64_t now = clock_monotonic_ns();

	if (list->netns == namespace->netns && now - list->listed_ns <= WINDOW_RAW_LISTING_NS &&
	    list->listed_ns != 0)
		return;
	list->count = 0;
	list->netns = namespace->netns;
	list->listed_ns = now;
	list->is_complete = false;
	if (lister_run(namespace->lister, kinds, states, false, attribution_listed_add, list,
	               &list->is_complete) != 0)
		list->is_complete = false;
}

bool attribution_list_is_costly(const struct attribution_list *list,
                                const struct attribution_namespace *namespace)
{
	return list->listed_ns != 0 && list->netns != namespace->netns &&
	       clock_monotonic_ns() - list->listed_ns < WINDOW_RAW_TURN_NS;
}

static int compare_ports(const void *a, const void *b)
{
	const struct socket *first = a, *second = b;

	return first->tuple.source_port - second->tuple.source_port;
}

static void list_again(struct attribution_list *list, const struct attribution_namespace *namespace)
{
	int64_t started = clock_monotonic_ns();
	bool complete;

	list->count = 0;
	list->netns = namespace->netns;
	lister_run(namespace->lister,
	           SOCKET_KIND_BIT(SOCKET_TCP) | SOCKET_KIND_BIT(SOCKET_UDP) |
	                   SOCKET_KIND_BIT(SOCKET_UDPLITE),
	           UINT32_MAX, false, attribution_listed_add, list, &complete);
	if (list->count > 0)
		qsort(list->sockets, list->count, sizeof *list->sockets, compare_ports);
	list->listed_ns = clock_monotonic_ns();
	list->cost_ns = list->listed_ns - started;
}

static const struct attribution_list *current_list(struct attribution *attribution,
                                                   const struct attribution_namespace *namespace)
{
	struct attribution_list *list = &attribution->listed;
	int64_t age = clock_monotonic_ns() - list->listed_ns;

	if (list->listed_ns == 0 || list->netns != namespace->netns ||
	    (age > WINDOW_LISTING_NS && age > LISTING_SHARE * list->cost_ns))
		list_again(list, namespace);
	return list;
}

static enum socket_kind kind_of(uint8_t protocol)
{
	return protocol == IPPROTO_TCP   ? SOCKET_TCP
	       : protocol == IPPROTO_UDP ? SOCKET_UDP
	                                 : SOCKET_UDPLITE;
}

void attribution_listed_port(struct attribution *attribution,
                             const struct attribution_namespace *namespace, uint8_t protocol,
                             uint16_t port, socket_callback *callback, void *context)
{
	const struct attribution_list *list = current_list(attribution, namespace);

	for (size_t i = 0; i < list->count; i++)
		if (list->sockets[i].tuple.source_port == port &&
		    list->sockets[i].kind == kind_of(protocol))
			callback(context, &list->sockets[i]);
}

int attribution_listed_find(struct attribution *attribution,
                            const struct attribution_namespace *namespace,
                            const struct attribution_question *question, struct socket *socket)
{
	const struct attribution_list *list = current_list(attribution, namespace);
	const struct tuple *tuple = &question->tuple;
	const struct socket *best = NULL;
	int best_score = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct socket *candidate = &list->sockets[i];
		int score;

		if (candidate->kind != kind_of(tuple->protocol))
			continue;
		if (tuple_equal(&candidate->tuple, tuple)) {
			*socket = *candidate;
			return 0;
		}
		if (!inet_is_unspecified(&candidate->tuple.destination))
			continue;
		score = listener_score(candidate, &tuple->source, tuple->source_port,
		                       question->ifindex);
		if (score > best_score) {
			best_score = score;
			best = candidate;
		}
	}
	if (!best)
		return -ENOENT;
	*socket = *best;
	return 0;
}
