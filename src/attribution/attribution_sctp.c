/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP and DCCP. The exact query finds the socket of an association by any two addresses of its
 * ends (sctp_diag_dump_one() in net/sctp/diag.c), and of DCCP what it finds of TCP. An association
 * begins with the third packet: until then, and until a process accepts it, it is the listener's.
 */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "base/clock.h"

/* As attribution_find_listeners. */
static int find_listeners(struct attribution *attribution,
                          const struct attribution_namespace *namespace,
                          const struct attribution_question *question,
                          const struct socket *found[ATTRIBUTION_LISTENERS_MAX])
{
	const struct tuple *tuple = &question->tuple;
	struct attribution_list *list = &attribution->sctp;
	int best = 1, count = 0;

	attribution_list(list, namespace,
	                 SOCKET_KIND_BIT(SOCKET_SCTP) | SOCKET_KIND_BIT(SOCKET_DCCP),
	                 1u << SOCKET_LISTEN);
	for (size_t i = 0; i < list->count; i++) {
		const struct socket *socket = &list->sockets[i];
		int score = listener_score(socket, &tuple->source, tuple->source_port,
		                           question->ifindex);

		if (socket->tuple.protocol != tuple->protocol || socket->state != SOCKET_LISTEN ||
		    score < best)
			continue;
		if (score > best)
			count = 0;
		best = score;
		if (count < ATTRIBUTION_LISTENERS_MAX)
			found[count] = socket;
		count++;
	}
	return count;
}

/* socket: that of the end, or NULL. */
static void resolve_responder(struct attribution *attribution,
                              const struct attribution_namespace *namespace,
                              const struct attribution_question *question,
                              const struct socket *socket, struct owner *owner)
{
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	enum attribution_method method = ATTRIBUTION_SOCKET;
	int count;

	if (attribution_list_is_costly(&attribution->sctp, namespace)) {
		attribution_unknown(owner, ATTRIBUTION_PENDING);
		return;
	}
	count = find_listeners(attribution, namespace, question, found);
	if (!socket) {
		attribution_name_common_holder(attribution, found, ATTRIBUTION_LISTENERS_MAX, count,
		                               ATTRIBUTION_LISTENER, question->asked_ns, owner);
		return;
	}
	for (int i = 0; i < count && i < ATTRIBUTION_LISTENERS_MAX; i++)
		if (found[i]->inode == socket->inode)
			method = ATTRIBUTION_LISTENER;
	attribution_name_holder(attribution, socket, method, question->asked_ns, owner, NULL);
}

static void resolve_initiator(struct attribution *attribution,
                              const struct attribution_question *question,
                              const struct socket *socket, struct owner *owner)
{
	if (!socket) {
		attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
		return;
	}
	attribution_name_holder(attribution, socket, ATTRIBUTION_SOCKET, question->asked_ns, owner,
	                        NULL);
	/* Read late, a packet meets the socket of a process that was not there yet. */
	if (owner->method == ATTRIBUTION_SOCKET &&
	    process_age_ns(owner->process) < clock_monotonic_ns() - question->seen_ns)
		attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
}

void attribution_sctp_resolve(struct attribution *attribution,
                              const struct attribution_namespace *namespace,
                              const struct attribution_question *question, struct owner *owner)
{
	struct socket socket;
	bool has;

	attribution_unknown(owner, ATTRIBUTION_NO_SOCKET);
	if (namespace->diag) {
		has = attribution_find_socket(attribution, namespace, question, &socket) == 0 &&
		      socket.state != SOCKET_LISTEN && socket.inode != 0;
		if (question->responder)
			resolve_responder(attribution, namespace, question, has ? &socket : NULL,
			                  owner);
		else
			resolve_initiator(attribution, question, has ? &socket : NULL, owner);
	}
	/* Programs with an SCTP of their own have raw sockets. */
	if (owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_NO_SOCKET)
		attribution_raw_resolve(attribution, namespace, question, owner);
}
