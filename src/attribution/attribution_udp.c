/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP and UDP-Lite: the exact query answers as if a packet arrived, so it is
 * right for what is received where one socket fits best. Where several fit, the kernel's
 * answer is right but for a BPF program that picks (SO_ATTACH_REUSEPORT_EBPF,
 * socket(7)), which is not asked. For those, for what is sent from an unconnected
 * socket, every socket on the port that fits is a candidate, and only a common holder
 * is a fact. What is sent to several is received by every socket that fits.
 */
#include <errno.h>

#include "attribution/attribution_private.h"
#include "attribution/windows.h"
#include "base/clock.h"
#include "processes/process.h"
#include "sockets/sock_diag.h"

#define CANDIDATES_MAX 16

struct candidates {
	const struct attribution_question *question;
	struct socket sockets[CANDIDATES_MAX];
	int count; /* may exceed what is kept */
};

static int collect(void *context, const struct socket *socket)
{
	struct candidates *candidates = context;

	if (!attribution_udp_fits(socket, candidates->question))
		return 0;
	if (candidates->count < CANDIDATES_MAX)
		candidates->sockets[candidates->count] = *socket;
	candidates->count++;
	return 0;
}

bool attribution_udp_is_connected(const struct socket *socket, const struct tuple *tuple)
{
	return socket->state == SOCKET_ESTABLISHED &&
	       inet_equal(&socket->tuple.destination, &tuple->destination) &&
	       socket->tuple.destination_port == tuple->destination_port;
}

static void resolve_candidates(struct attribution *attribution,
                               const struct attribution_namespace *namespace,
                               const struct attribution_question *question, bool listed,
                               struct owner *owner)
{
	struct candidates candidates = { .question = question };
	const struct socket *sockets[CANDIDATES_MAX], *first;
	size_t count;
	int result = 0;

	if (listed) {
		first = listener_table_port(namespace->udp_listeners, question->tuple.source_port,
		                            &count);
		for (size_t i = 0; i < count; i++)
			if (first[i].tuple.protocol == question->tuple.protocol)
				collect(&candidates, &first[i]);
	} else if (namespace->diag)
		result = sock_diag_list_port(namespace->diag, question->tuple.protocol,
		                             question->tuple.source_port, collect, &candidates);
	else
		attribution_listed_port(attribution, namespace, question->tuple.protocol,
		                        question->tuple.source_port, collect, &candidates);

	if (result != 0) { /* an incomplete list proves nothing */
		attribution_unknown(owner, ATTRIBUTION_AMBIGUOUS);
		return;
	}
	for (int i = 0; i < CANDIDATES_MAX; i++)
		sockets[i] = &candidates.sockets[i];
	if (question->fanned_out && !question->sender && candidates.count > 1 &&
	    candidates.count <= CANDIDATES_MAX) {
		attribution_name_all_holders(attribution, sockets, candidates.count,
		                             question->asked_ns, owner);
		return;
	}
	attribution_name_common_holder(attribution, sockets, CANDIDATES_MAX, candidates.count,
	                               ATTRIBUTION_SOCKET, question->asked_ns, owner);
}

static void resolve_receiver(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question,
                             const struct socket *socket, struct owner *owner)
{
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	enum attribution_method method = ATTRIBUTION_SOCKET;
	int count = attribution_find_listeners(namespace, &question->tuple, question->ifindex,
	                                       socket->inode, found);

	if (count > 1) {
		attribution_name_common_holder(attribution, found, ATTRIBUTION_LISTENERS_MAX, count,
		                               method, question->asked_ns, owner);
		if (owner->method != ATTRIBUTION_GUESS)
			return;
		method = ATTRIBUTION_GUESS; /* the kernel's is the better one */
		owner_clear(owner);
	}
	attribution_name_holder(attribution, socket, method, question->asked_ns, owner, NULL);
}

static void resolve_one(struct attribution *attribution,
                        const struct attribution_namespace *namespace,
                        const struct attribution_question *question, struct owner *owner)
{
	struct socket socket;
	int result = attribution_find_socket(attribution, namespace, question, &socket);

	if (result != 0) {
		attribution_udp_missed(attribution);
		attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
		return;
	}
	if (attribution_udp_is_connected(&socket, &question->tuple))
		attribution_name_holder(attribution, &socket, ATTRIBUTION_SOCKET,
		                        question->asked_ns, owner, NULL);
	else if (question->sender)
		resolve_candidates(attribution, namespace, question, false, owner);
	else
		resolve_receiver(attribution, namespace, question, &socket, owner);
}

static void resolve(struct attribution *attribution, const struct attribution_namespace *namespace,
                    const struct attribution_question *question, struct owner *owner)
{
	if (question->died) { /* and who had it was not seen */
		attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
		return;
	}
	switch (attribution_udp_ports(attribution, namespace, question)) {
	case ATTRIBUTION_UDP_NONE:
		attribution->counters.cached_misses++;
		attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
		return;
	case ATTRIBUTION_UDP_LATER:
		attribution_unknown(owner, ATTRIBUTION_PENDING);
		return;
	case ATTRIBUTION_UDP_LISTED:
		if (question->fanned_out)
			resolve_candidates(attribution, namespace, question, true, owner);
		else
			resolve_one(attribution, namespace, question, owner);
		return;
	case ATTRIBUTION_UDP_ASK:
		break;
	}
	if (question->fanned_out)
		resolve_candidates(attribution, namespace, question, false, owner);
	else
		resolve_one(attribution, namespace, question, owner);
}

void attribution_udp_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner)
{
	resolve(attribution, namespace, question, owner);
	/*
	 * Read late, a datagram meets a socket that was not there yet: surely so when its process
	 * was not.
	 */
	if (owner->method == ATTRIBUTION_SOCKET &&
	    process_began_after(owner->process, question->seen_ns + WINDOW_TRACE_EXACT_NS))
		attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
	if (owner->method == ATTRIBUTION_SOCKET && owner->inode == question->inode)
		attribution_forget_existing(attribution, question->inode);
	else if (owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_NO_SOCKET)
		attribution_find_existing(attribution, question, owner);
}
