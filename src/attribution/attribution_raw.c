/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP and every other IP protocol: ping sockets by their identifier, raw
 * sockets by their protocol. The kernel itself answers echo requests and sends
 * errors, so only the requester's end of an echo and what a raw socket could
 * have sent or received has an owner.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "attribution/attribution_private.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"

#define CANDIDATES_MAX 16
/* Packets without a connection whose makers are looked for each second, some 10 us each. */
#define MAKERS_PER_SECOND 1000

static const struct attribution_list *list_sockets(struct attribution *attribution,
                                                   const struct attribution_namespace *namespace)
{
	attribution_list(&attribution->raw, namespace,
	                 SOCKET_KIND_BIT(SOCKET_RAW) | SOCKET_KIND_BIT(SOCKET_ICMP) |
	                         SOCKET_KIND_BIT(SOCKET_PACKET),
	                 UINT32_MAX);
	return &attribution->raw;
}

static bool address_fits(const struct socket *socket, const struct attribution_question *question)
{
	const struct inet_address *local = &socket->tuple.source,
				  *remote = &socket->tuple.destination;

	if (socket->ifindex != 0 && socket->ifindex != question->ifindex)
		return false;
	if (!inet_is_unspecified(local) && !inet_equal(local, &question->tuple.source))
		return false;
	return inet_is_unspecified(remote) || inet_equal(remote, &question->tuple.destination);
}

static bool fits(const struct socket *socket, const struct attribution_question *question)
{
	bool v4 = tuple_is_v4(&question->tuple);
	bool socket_v4 = socket->family == AF_INET;
	uint8_t protocol = question->tuple.protocol;

	if (v4 != socket_v4 || !address_fits(socket, question))
		return false;
	if (socket->kind == SOCKET_ICMP)
		return question->has_icmp_id && socket->tuple.source_port == question->icmp_id;
	if (socket->kind != SOCKET_RAW)
		return false;
	/* An IPPROTO_RAW socket sends any protocol and receives none, raw(7). */
	return socket->protocol == protocol ||
	       (question->sender && socket->protocol == IPPROTO_RAW);
}

/* The kernel saw its process send to this end, from a socket that makes the header itself. */
static bool find_by_hand(const struct attribution *attribution,
                         const struct attribution_question *question, struct owner *owner)
{
	struct process *process;

	if (!attribution->options.trace_owners ||
	    !trace_owners_find_raw(attribution->options.trace_owners, question, &process))
		return false;
	attribution_set_traced(question, process, owner);
	return true;
}

void attribution_raw_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner)
{
	const struct attribution_list *list = list_sockets(attribution, namespace);
	bool icmp = question->tuple.protocol == IPPROTO_ICMP ||
	            question->tuple.protocol == IPPROTO_ICMPV6;
	const struct socket *found[CANDIDATES_MAX];
	int count = 0, of_protocol = 0;

	/* The kernel itself joins groups by IGMP, whatever sockets of it there are. */
	if ((icmp && !question->has_icmp_id) ||
	    (question->tuple.protocol == IPPROTO_IGMP && question->sender)) {
		attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
		return;
	}
	/* A ping socket with this identifier is exact: nobody else may have it. */
	for (int pass = SOCKET_ICMP; count == 0 && pass >= SOCKET_RAW; pass--) {
		for (size_t i = 0; i < list->count; i++) {
			const struct socket *socket = &list->sockets[i];

			if (socket->kind != (enum socket_kind)pass || !fits(socket, question))
				continue;
			of_protocol += socket->protocol != IPPROTO_RAW;
			if (count < CANDIDATES_MAX)
				found[count] = socket;
			count++;
		}
	}
	/* Routes of a socket of the protocol are not reported, but for ICMP: that was asked. */
	if (count > 0 && of_protocol == 0 && !icmp && question->sender &&
	    find_by_hand(attribution, question, owner))
		return;
	attribution_name_common_holder(attribution, found, CANDIDATES_MAX, count,
	                               ATTRIBUTION_SOCKET, question->asked_ns, owner);
}

/*
 * A raw socket sends its own protocol, or with IPPROTO_RAW any; a packet socket all that leaves
 * there.
 */
static bool may_have_sent(const struct socket *socket, const struct attribution_question *question)
{
	if (socket->kind == SOCKET_PACKET)
		return socket->ifindex == 0 || socket->ifindex == question->ifindex;
	return socket->kind == SOCKET_RAW && fits(socket, question);
}

/*
 * Can it be made by hand? What the kernel sends without a socket, resets and errors, is
 * an answer, or belongs to what is over.
 */
static bool may_be_made(const struct attribution_question *question)
{
	uint8_t protocol = question->tuple.protocol;

	if (!question->sender || question->died || question->foreign)
		return false;
	if (protocol == IPPROTO_TCP)
		return !question->responder && question->since_ns != 0;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return question->has_icmp_id && !question->responder;
	return true;
}

static void name_senders(struct attribution *attribution,
                         const struct attribution_namespace *namespace,
                         const struct attribution_question *question, bool of_link,
                         struct owner *owner)
{
	const struct socket *found[CANDIDATES_MAX];
	const struct attribution_list *list;
	int count = 0;

	if (attribution_list_is_costly(&attribution->raw, namespace))
		return;
	list = list_sockets(attribution, namespace);
	for (size_t i = 0; i < list->count && count < CANDIDATES_MAX; i++)
		if ((!of_link || list->sockets[i].kind == SOCKET_PACKET) &&
		    may_have_sent(&list->sockets[i], question))
			found[count++] = &list->sockets[i];
	attribution_name_candidates(attribution, found, count, question->asked_ns,
	                            ATTRIBUTION_RAW_SOCKET, owner);
}

void attribution_raw_senders(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner)
{
	if (owner->method != ATTRIBUTION_UNKNOWN || owner->reason != ATTRIBUTION_NO_SOCKET ||
	    !may_be_made(question))
		return;
	if (!find_by_hand(attribution, question, owner))
		name_senders(attribution, namespace, question, false, owner);
}

void attribution_find_maker(struct attribution *attribution,
                            const struct attribution_question *question, bool of_link,
                            bool is_by_hand, struct owner *owner)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	struct attribution_question echo = *question;
	struct process *process;

	owner_clear(owner);
	owner->netns = question->netns;
	attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
	if (!namespace)
		return;
	/* Its route looks like that of an echo. */
	echo.has_icmp_id = true;
	if (is_by_hand && attribution->options.trace_owners &&
	    trace_owners_find(attribution->options.trace_owners, &echo, &process))
		attribution_set_traced(question, process, owner);
	else if (attribution_spend(&attribution->makers, MAKERS_PER_SECOND))
		name_senders(attribution, namespace, question, of_link, owner);
	else
		attribution_unknown(owner, ATTRIBUTION_PENDING);
}

int attribution_echo_is_gone(struct attribution *attribution,
                             const struct attribution_question *question, const struct owner *owner)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	struct attribution_list *list = &attribution->raw;

	if (!namespace)
		return false;
	if (list->netns != namespace->netns || list->listed_ns <= question->heir_ns) {
		if (clock_monotonic_ns() - list->listed_ns < WINDOW_RAW_TURN_NS)
			return -EAGAIN;
		list->listed_ns = 0;
		list_sockets(attribution, namespace);
	}
	if (!list->is_complete)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct socket *socket = &list->sockets[i];
		struct attribution_question on_device = *question;

		on_device.ifindex = socket->ifindex;
		if (fits(socket, &on_device) &&
		    (owner->inode == 0 || socket->inode == 0 || owner->inode == socket->inode))
			return false;
	}
	return true;
}
