/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP: the exact query finds the socket, a TIME_WAIT or request minisock, or, for
 * a tuple that has none of its own, the listener on the local port
 * (__inet_lookup() in include/net/inet_hashtables.h). The packet's ifindex goes
 * with the query because 0 does not match sockets bound to a device.
 */
#include <errno.h>

#include "attribution/attribution_private.h"
#include "attribution/recent.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"
#include "sockets/sock_diag.h"

void attribution_tcp_listener(struct attribution *attribution,
                              const struct attribution_namespace *namespace,
                              const struct tuple *tuple, uint32_t ifindex, int64_t asked_ns,
                              struct owner *owner)
{
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	int count = attribution_find_listeners(namespace, tuple, ifindex, 0, found);

	attribution_name_common_holder(attribution, found, ATTRIBUTION_LISTENERS_MAX, count,
	                               ATTRIBUTION_LISTENER, asked_ns, owner);
}

static enum socket_role ask_socket(struct sock_diag *diag, const struct tuple *tuple,
                                   uint32_t ifindex)
{
	struct socket socket, again;

	if (sock_diag_find(diag, tuple, ifindex, true, &socket) != 0)
		return SOCKET_ROLE_UNKNOWN;
	/* With data on its way the numbers are of two moments. */
	if (socket.send_queue > 0 &&
	    (sock_diag_find(diag, tuple, ifindex, true, &again) != 0 || again.role != socket.role))
		return SOCKET_ROLE_UNKNOWN;
	return socket.role;
}

enum socket_role attribution_find_role(struct attribution *attribution, uint32_t netns,
                                       const struct tuple *tuple, uint32_t ifindex)
{
	const struct attribution_namespace *namespace =
		attribution ? attribution_find_namespace(attribution, netns) : NULL;
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	enum socket_role role = SOCKET_ROLE_UNKNOWN;

	ifindex = attribution_device(namespace, tuple, ifindex, 0);
	if (namespace && namespace->diag)
		role = ask_socket(namespace->diag, tuple, ifindex);
	if (role == SOCKET_ROLE_UNKNOWN && namespace &&
	    attribution_find_listeners(namespace, tuple, ifindex, 0, found) > 0)
		role = SOCKET_RESPONDER;
	return role;
}

/* A holder of the listener has most likely accepted: its newest descriptors come first. */
static void hint_acceptors(struct attribution *attribution,
                           const struct attribution_namespace *namespace,
                           const struct attribution_question *question)
{
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	int count = attribution_find_listeners(namespace, &question->tuple, question->ifindex, 0,
	                                       found);
	struct proc_fd_holders holders;

	for (int i = 0; i < count && i < ATTRIBUTION_LISTENERS_MAX; i++) {
		if (proc_fd_find(attribution->options.fds, found[i]->inode, &holders) != 0)
			continue;
		for (int holder = 0; holder < holders.count; holder++)
			proc_fd_hint(attribution->options.fds, holders.processes[holder]->pid);
	}
}

/* The owner of a connection that is met after its end. */
static bool find_traced_past(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner)
{
	struct process *process;

	if (!attribution->options.trace_owners || question->since_ns != 0 ||
	    !trace_owners_find_past(attribution->options.trace_owners, question, &process))
		return false;
	owner_clear(owner);
	owner->method = ATTRIBUTION_RECENT;
	owner->process = process_ref(process);
	owner->netns = question->netns;
	return true;
}

/* It was listed before: closed by the peer alone, it has a descriptor still. */
static bool find_listed_holder(struct attribution *attribution,
                               const struct attribution_question *question, struct owner *owner)
{
	struct socket socket = {
		.kind = SOCKET_TCP,
		.netns = question->netns,
		.inode = question->inode,
		.cookie = question->cookie,
	};

	if (question->inode == 0)
		return false;
	attribution_name_holder(attribution, &socket, ATTRIBUTION_SOCKET, question->asked_ns, owner,
	                        NULL);
	if (owner->method == ATTRIBUTION_SOCKET)
		return true;
	owner_clear(owner);
	owner->netns = question->netns;
	return false;
}

static bool differ(uint64_t one, uint64_t other)
{
	return one != 0 && other != 0 && one != other;
}

/* The ends are those of a later connection by now. */
static bool is_another(const struct attribution_question *question, const struct socket *socket)
{
	return socket->state != SOCKET_LISTEN && socket->state != SOCKET_TIME_WAIT &&
	       (differ(question->cookie, socket->cookie) || differ(question->inode, socket->inode));
}

/*
 * The socket is closed by now. The process that it came in to is still known when that is
 * the only one of the listener.
 */
static void resolve_gone(struct attribution *attribution,
                         const struct attribution_namespace *namespace,
                         const struct attribution_question *question,
                         enum attribution_reason reason, struct owner *owner)
{
	enum attribution_existing existing =
		attribution_find_existing(attribution, question, owner);
	const struct owner *before;

	if (existing == ATTRIBUTION_EXISTING_FOUND)
		return;
	before = existing == ATTRIBUTION_EXISTING_NONE
	                 ? recent_find(attribution->recent, question->netns, &question->tuple,
	                               question->since_ns, clock_monotonic_ns())
	                 : NULL;
	if (before && owner_copy(owner, before) == 0) {
		if (before->method != ATTRIBUTION_KERNEL)
			owner->method = ATTRIBUTION_RECENT;
		return;
	}
	if (find_traced_past(attribution, question, owner) ||
	    find_listed_holder(attribution, question, owner))
		return;
	if (question->responder)
		attribution_tcp_listener(attribution, namespace, &question->tuple,
		                         question->ifindex, question->asked_ns, owner);
	if (!owner_known(owner) && owner->reason != ATTRIBUTION_PENDING)
		attribution_unknown(owner, reason);
}

/*
 * The holder began after the first packet of a connection that its end opened: it has the next one
 * with these ends, or was handed this one. What it has of a process that exited was asked for as such.
 */
static bool may_be_next(const struct attribution_question *question, const struct owner *owner)
{
	return owner->method == ATTRIBUTION_SOCKET && owner->shared_count == 0 &&
	       question->since_ns != 0 && question->heir_ns == 0 && !question->responder &&
	       process_began_after(owner->process, question->seen_ns + WINDOW_TRACE_EXACT_NS);
}

static void resolve(struct attribution *attribution, const struct attribution_namespace *namespace,
                    const struct attribution_question *question, struct owner *owner)
{
	struct socket socket;
	int result;

	if (question->gone && question->inode != 0) {
		resolve_gone(attribution, namespace, question, ATTRIBUTION_NO_SOCKET, owner);
		return;
	}
	if (question->gone) {
		attribution_tcp_listener(attribution, namespace, &question->tuple,
		                         question->ifindex, question->asked_ns, owner);
		return;
	}
	result = attribution_find_socket(attribution, namespace, question, &socket);
	if (result != 0 || is_another(question, &socket)) {
		resolve_gone(attribution, namespace, question, ATTRIBUTION_NO_SOCKET, owner);
		return;
	}
	switch (socket.state) {
	case SOCKET_LISTEN:
		/* One that was there when the capture began had a socket of its own. */
		if (question->responder && question->inode == 0)
			attribution_tcp_listener(attribution, namespace, &question->tuple,
			                         question->ifindex, question->asked_ns, owner);
		else
			resolve_gone(attribution, namespace, question, ATTRIBUTION_NO_SOCKET,
			             owner);
		return;
	case SOCKET_TIME_WAIT:
		resolve_gone(attribution, namespace, question, ATTRIBUTION_TIME_WAIT, owner);
		return;
	case SOCKET_ESTABLISHED:
	case SOCKET_CLOSE_WAIT:
	case SOCKET_SYN_RECEIVED:
	case SOCKET_NEW_SYN_RECEIVED:
		if (socket.inode == 0 && question->responder) { /* nobody has accepted it yet */
			attribution_tcp_listener(attribution, namespace, &question->tuple,
			                         question->ifindex, question->asked_ns, owner);
			owner->cookie = socket.cookie;
			return;
		}
		break;
	case SOCKET_STATE_NONE:
	case SOCKET_SYN_SENT:
	case SOCKET_FIN_WAIT_1:
	case SOCKET_FIN_WAIT_2:
	case SOCKET_CLOSED:
	case SOCKET_LAST_ACK:
	case SOCKET_CLOSING:
		break;
	}
	if (socket.inode == 0) { /* closed by its process, the kernel sends the rest */
		resolve_gone(attribution, namespace, question, ATTRIBUTION_NO_SOCKET, owner);
		owner->cookie = socket.cookie;
		return;
	}
	if (question->responder)
		hint_acceptors(attribution, namespace, question);
	attribution_name_holder(attribution, &socket, ATTRIBUTION_SOCKET, question->asked_ns, owner,
	                        NULL);
	if (may_be_next(question, owner)) {
		attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
		return;
	}
	attribution_remember(attribution, question->netns, &question->tuple, owner,
	                     question->seen_ns);
	if (owner->method == ATTRIBUTION_SOCKET)
		attribution_forget_existing(attribution, question->inode);
}

/* Every socket that took the connection, as far as it listens still, was listed before. */
static bool was_listed(const struct attribution_namespace *namespace,
                       const struct attribution_question *question)
{
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	int count = attribution_find_listeners(namespace, &question->tuple, question->ifindex, 0,
	                                       found);

	for (int i = 0; i < count && i < ATTRIBUTION_LISTENERS_MAX; i++)
		if (listener_table_since_ns(namespace->listeners, found[i]) > question->seen_ns)
			return false;
	return true;
}

/*
 * The socket that listens now may be the next one on the port. What tracepoints report of it has a
 * time of its own; that a socket was destroyed is reported later, and need not be about a listener:
 * MPTCP takes the peer from a connection before.
 */
static bool may_listen_since(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question)
{
	if (question->foreign)
		return true;
	if (!attribution->options.trace_owners)
		return question->died;
	switch (trace_owners_listening(attribution->options.trace_owners,
	                               question->tuple.source_port,
	                               question->seen_ns + WINDOW_TRACE_EXACT_NS)) {
	case TRACE_OWNERS_LISTENING_SAME:
		return false;
	case TRACE_OWNERS_LISTENING_LOST:
		return question->died || !was_listed(namespace, question);
	case TRACE_OWNERS_LISTENING_CHANGED:
		break;
	}
	return true;
}

/*
 * A child that was forked since has the listening socket as well, for a moment, and may be found
 * with it first. The parent has had it.
 */
static void name_older(struct attribution *attribution, const struct attribution_question *question,
                       struct owner *owner)
{
	struct process *child = process_ref(owner->process);

	attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
	attribution_find_listening(attribution, question, child, owner);
	process_unref(child);
}

void attribution_tcp_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner)
{
	resolve(attribution, namespace, question, owner);
	if (owner->method != ATTRIBUTION_LISTENER)
		return;
	if (may_listen_since(attribution, namespace, question))
		attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
	else if (process_began_after(owner->process, question->seen_ns + WINDOW_TRACE_EXACT_NS))
		name_older(attribution, question, owner);
}
