/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/attribution.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "attribution/attribution_private.h"
#include "attribution/existing_owners.h"
#include "attribution/recent.h"
#include "attribution/sentinel_owners.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"
#include "base/pages.h"
#include "interfaces/interfaces.h"
#include "sockets/sock_diag.h"

#define RECENT_MAX 65536

int attribution_new(struct attribution **result, const struct attribution_options *options,
                    struct error *error)
{
	struct attribution *attribution = calloc(1, sizeof *attribution);

	if (!attribution)
		goto no_memory;
	attribution->options = *options;
	attribution->full_walk_wanted = true; /* the first one, in slices as all others */
	attribution->recent = recent_new(RECENT_MAX, &options->key);
	attribution->misses = calloc(ATTRIBUTION_MISSES, sizeof *attribution->misses);
	if (!attribution->recent || !attribution->misses)
		goto no_memory;
	/* By pid: where processes come and go each place is used in the course of an hour. */
	pages_populate(&attribution->forks, sizeof attribution->forks);
	*result = attribution;
	return 0;
no_memory:
	attribution_free(attribution);
	return error_set(error, ENOMEM, "out of memory");
}

void attribution_free(struct attribution *attribution)
{
	if (!attribution)
		return;
	recent_free(attribution->recent);
	existing_owners_free(attribution->existing);
	free(attribution->misses);
	free(attribution->raw.sockets);
	free(attribution->sctp.sockets);
	free(attribution->listed.sockets);
	free(attribution->namespaces);
	free(attribution);
}

void attribution_unknown(struct owner *owner, enum attribution_reason reason)
{
	owner->method = ATTRIBUTION_UNKNOWN;
	owner->reason = reason;
}

void attribution_withdraw(const struct attribution_question *question, struct owner *owner,
                          enum attribution_reason reason)
{
	owner_clear(owner);
	owner->netns = question->netns;
	attribution_unknown(owner, reason);
}

int attribution_find_socket(struct attribution *attribution,
                            const struct attribution_namespace *namespace,
                            const struct attribution_question *question, struct socket *socket)
{
	int64_t now = clock_monotonic_ns();
	struct attribution_miss *miss;
	uint64_t hash;
	int result;

	hash = hash_bytes(&attribution->options.key, &question->tuple, sizeof question->tuple);
	miss = &attribution->misses[(hash ^ question->netns) % ATTRIBUTION_MISSES];
	if (now - miss->time_ns < WINDOW_MISS_NS && miss->netns == question->netns &&
	    tuple_equal(&miss->tuple, &question->tuple)) {
		attribution->counters.cached_misses++;
		return -ENOENT;
	}
	attribution->counters.queries++;
	result = namespace->diag
	                 ? sock_diag_find(namespace->diag, &question->tuple, question->ifindex,
	                                  false, socket)
	                 : attribution_listed_find(attribution, namespace, question, socket);
	if (result == -ENOENT) {
		attribution->counters.misses++;
		*miss = (struct attribution_miss){ question->tuple, question->netns, now };
	}
	return result;
}

void attribution_set_traced(const struct attribution_question *question, struct process *process,
                            struct owner *owner)
{
	owner_clear(owner);
	owner->method = ATTRIBUTION_TRACEPOINT;
	owner->process = process_ref(process);
	owner->netns = question->netns;
}

/* Somebody was watching when it happened: no need to look anything up. */
static bool traced(struct attribution *attribution, const struct attribution_question *question,
                   struct owner *owner)
{
	struct process *process;
	uint8_t protocol = question->tuple.protocol;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE &&
	    !question->has_icmp_id)
		return false;
	if (attribution->options.trace_owners &&
	    trace_owners_find(attribution->options.trace_owners, question, &process)) {
		/* trace_owners remembers by itself: trace_owners_find_past. */
		attribution_set_traced(question, process, owner);
		return true;
	}
	if (!attribution_find_sighted(attribution, question, owner))
		return false;
	attribution_remember(attribution, question->netns, &question->tuple, owner,
	                     question->seen_ns);
	return true;
}

/* Its sender is gone, and was longer ago than a packet takes that does not wait. */
static void ask_for_queued(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	struct process *process;

	if (attribution->options.trace_owners && owner->method == ATTRIBUTION_UNKNOWN &&
	    (owner->reason == ATTRIBUTION_NO_SOCKET || owner->reason == ATTRIBUTION_TIME_WAIT) &&
	    trace_owners_find_queued(attribution->options.trace_owners, question, &process))
		attribution_set_traced(question, process, owner);
	/* It may have left its socket to a child, which sent the datagram. */
	if (owner->method == ATTRIBUTION_TRACEPOINT &&
	    attribution_may_share(attribution, question, owner))
		attribution_withdraw(question, owner, ATTRIBUTION_AMBIGUOUS);
}

/*
 * No socket is left that received it, or its holder is not found yet. The only process that was seen
 * with these ends has or had the socket, unless another one has followed that.
 */
static void ask_for_receiver(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner)
{
	struct process *process;
	struct socket successor;

	if (!attribution->options.trace_owners || question->sender || question->fanned_out ||
	    owner->method != ATTRIBUTION_UNKNOWN ||
	    (owner->reason != ATTRIBUTION_NO_SOCKET && owner->reason != ATTRIBUTION_PENDING) ||
	    question->died_again)
		return;
	if (question->died &&
	    (!namespace->diag || sock_diag_find(namespace->diag, &question->tuple,
	                                        question->ifindex, false, &successor) != -ENOENT))
		return;
	if (trace_owners_find_receiver(attribution->options.trace_owners, question, &process))
		attribution_set_traced(question, process, owner);
}

/* Several may have accepted, or the one that did may have handed the socket to its child. */
static bool may_be_another(struct attribution *attribution,
                           const struct attribution_question *question, const struct owner *owner)
{
	struct proc_fd_holders now = { 0 };
	int64_t forked_ns =
		owner->process ? forks_latest(&attribution->forks, owner->process->pid) : 0;
	bool forked = forked_ns >= question->seen_ns - WINDOW_FORK_NS;

	if (owner->method == ATTRIBUTION_LISTENER)
		return forked || owner->shared_count > 0;
	if (owner->method != ATTRIBUTION_SOCKET || !forked ||
	    forked_ns > question->seen_ns + WINDOW_HANDOVER_NS)
		return false;
	return proc_fd_find(attribution->options.fds, owner->inode, &now) != 0 || now.count == 0 ||
	       now.processes[0] != owner->process;
}

/* It sent the datagrams of this end, and none of its children did. */
static bool sends_alone(struct attribution *attribution,
                        const struct attribution_question *question, const struct owner *owner)
{
	struct process *process;

	return attribution->options.trace_owners &&
	       trace_owners_find_receiver(attribution->options.trace_owners, question, &process) &&
	       process == owner->process;
}

void attribution_forked(struct attribution *attribution, int parent_pid, int pid, int64_t time_ns)
{
	children_put(&attribution->children, parent_pid, pid, time_ns);
	forks_put(&attribution->forks, parent_pid, time_ns);
	attribution->forked++;
}

bool attribution_forked_after(const struct attribution *attribution, int pid, int64_t seen_ns)
{
	return children_forked_ns(&attribution->children, pid) > seen_ns + WINDOW_TRACE_EXACT_NS;
}

bool attribution_may_outlive(const struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct process *process)
{
	int64_t since_ns = question->since_ns - WINDOW_FORK_NS;

	if (attribution->options.trace_owners || question->tuple.protocol != IPPROTO_TCP)
		return false;
	return children_forked_ns(&attribution->children, process->pid) >= since_ns ||
	       forks_latest(&attribution->forks, process->pid) >= since_ns;
}

void attribution_forks_lost(struct attribution *attribution)
{
	forks_lost(&attribution->forks, clock_monotonic_ns());
}

bool attribution_last_holder(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner)
{
	struct process *process = NULL;
	struct owner seen = { 0 };
	bool changed;

	if (attribution->options.trace_owners &&
	    trace_owners_find_last(attribution->options.trace_owners, question, &process)) {
		if (owner->process == process)
			return false;
		attribution_set_traced(question, process, owner);
		return true;
	}
	/* One of several that had it was sighted; which of them used it last is not known. */
	if (!owner->was_shared && owner->shared_count == 0 &&
	    attribution->options.sentinel_owners &&
	    sentinel_owners_find(attribution->options.sentinel_owners, question, &seen)) {
		changed = owner->process != seen.process;
		owner_clear(owner);
		*owner = seen;
		return changed;
	}
	if (!owner->was_shared && (!may_be_another(attribution, question, owner) ||
	                           sends_alone(attribution, question, owner)))
		return false;
	if (attribution->options.guess) {
		owner->method = ATTRIBUTION_GUESS;
		return false;
	}
	attribution_withdraw(question, owner, ATTRIBUTION_AMBIGUOUS);
	return true;
}

void attribution_expect(struct attribution *attribution, const struct tuple *tuple)
{
	if (attribution->options.trace_owners)
		trace_owners_expect(attribution->options.trace_owners, tuple);
}

static void resolve(struct attribution *attribution, const struct attribution_namespace *namespace,
                    const struct attribution_question *question, struct owner *owner)
{
	owner_clear(owner);
	owner->netns = question->netns;
	if (!namespace) {
		attribution_unknown(owner, ATTRIBUTION_OTHER_NETNS);
		return;
	}
	if (traced(attribution, question, owner))
		return;
	switch (question->tuple.protocol) {
	case IPPROTO_TCP:
		attribution_tcp_resolve(attribution, namespace, question, owner);
		ask_for_queued(attribution, question, owner);
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		attribution_udp_resolve(attribution, namespace, question, owner);
		ask_for_queued(attribution, question, owner);
		ask_for_receiver(attribution, namespace, question, owner);
		break;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		attribution_sctp_resolve(attribution, namespace, question, owner);
		break;
	default:
		attribution_raw_resolve(attribution, namespace, question, owner);
		break;
	}
}

void attribution_resolve(struct attribution *attribution, const struct attribution_question *asked,
                         struct owner *owner)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, asked->netns);
	struct attribution_question question = *asked, translated;

	question.ifindex =
		attribution_device(namespace, &asked->tuple, asked->ifindex, asked->seen_ns);
	resolve(attribution, namespace, &question, owner);
	if (!namespace)
		return;
	if (!attribution_nat_translate(attribution, namespace, &question, owner, &translated)) {
		attribution_raw_senders(attribution, namespace, &question, owner);
		return;
	}
	namespace = attribution_find_namespace(attribution, translated.netns);
	resolve(attribution, namespace, &translated, owner);
	owner_set_translated(owner, &translated.tuple);
}

void attribution_resolve_socket(struct attribution *attribution, const struct socket *socket,
                                int64_t asked_ns, struct owner *owner,
                                struct proc_fd_holders *holders)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, socket->netns);

	owner_clear(owner);
	if (holders)
		holders->count = 0;
	owner->netns = socket->netns;
	owner->cookie = socket->cookie;
	owner->uid = socket->uid;
	owner->has_uid = socket->has_uid;
	if (socket->kind == SOCKET_NETLINK && socket->port_id == 0) {
		/* The kernel's end: port 0 is its alone, netlink(7). It has an inode, too. */
		owner->method = ATTRIBUTION_KERNEL;
	} else if (socket->inode != 0) {
		/* A snapshot, which asks for all holders, has listed and then walked. */
		proc_fd_trust(attribution->options.fds, holders ? asked_ns : 0);
		attribution_name_holder(attribution, socket, ATTRIBUTION_SOCKET, asked_ns, owner,
		                        holders);
		proc_fd_trust(attribution->options.fds, 0);
	} else if (socket->kind == SOCKET_TCP && socket->state == SOCKET_TIME_WAIT) {
		attribution_unknown(owner, ATTRIBUTION_TIME_WAIT);
	} else if (socket->kind == SOCKET_TCP && namespace &&
	           (socket->state == SOCKET_ESTABLISHED || socket->state == SOCKET_CLOSE_WAIT ||
	            socket->state == SOCKET_SYN_RECEIVED ||
	            socket->state == SOCKET_NEW_SYN_RECEIVED)) {
		attribution_tcp_listener(attribution, namespace, &socket->tuple, socket->ifindex,
		                         asked_ns, owner);
	} else {
		attribution_unknown(owner,
		                    ATTRIBUTION_NO_SOCKET); /* no file: closed by its process */
	}
	attribution_remember(attribution, socket->netns, &socket->tuple, owner,
	                     clock_monotonic_ns());
}

void attribution_remember(struct attribution *attribution, uint32_t netns,
                          const struct tuple *tuple, const struct owner *owner, int64_t time_ns)
{
	if (tuple->protocol == IPPROTO_TCP &&
	    (owner->method == ATTRIBUTION_SOCKET || owner->method == ATTRIBUTION_TRACEPOINT))
		recent_put(attribution->recent, netns, tuple, owner, time_ns);
}

const struct attribution_counters *attribution_counters(const struct attribution *attribution)
{
	return &attribution->counters;
}
