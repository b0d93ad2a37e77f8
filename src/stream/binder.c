/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/binder_private.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/snippet.h"
#include "connections/connection_extra.h"

#define FORWARDED_LEVEL 2 /* what is forwarded is looked at once more */
#define REFINEMENTS     4 /* looks at a listener's connection when its end speaks */

struct binder *binder_new(const struct binder_options *options)
{
	struct binder *binder = calloc(1, sizeof *binder);

	if (binder)
		binder->options = *options;
	return binder;
}

void binder_free(struct binder *binder)
{
	if (!binder)
		return;
	for (int level = 0; level < LEVELS; level++)
		free(binder->levels[level].entries);
	free(binder);
}

static enum connection_end other_end(enum connection_end end)
{
	return end == CONNECTION_SOURCE ? CONNECTION_DESTINATION : CONNECTION_SOURCE;
}

/*
 * What a lookup finds is of now. A socket may have been destroyed, and another one have got its port,
 * since the reports were read that came before the packet.
 */
static bool died_meanwhile(const struct binder *binder, const struct connection *connection,
                           const struct owner *owner, struct attribution_question *question)
{
	if (!binder->options.read_ended || question->died ||
	    (owner->method != ATTRIBUTION_SOCKET && owner->method != ATTRIBUTION_LISTENER))
		return false;
	binder->options.read_ended(binder->options.context);
	binder_count_destroyed(binder, connection, question);
	return question->died;
}

/* Where NAT is, the socket that is found may be the successor of one that was destroyed, too. */
static void resolve(const struct binder *binder, const struct connection *connection,
                    struct attribution_question *question, struct owner *owner)
{
	struct attribution_question translated = *question;

	attribution_resolve(binder->options.attribution, question, owner);
	if (died_meanwhile(binder, connection, owner, question))
		attribution_resolve(binder->options.attribution, question, owner);
	if (!owner_translated(owner) || question->died)
		return;
	translated.tuple = *owner_translated(owner);
	translated.netns = owner->netns;
	binder_count_destroyed(binder, connection, &translated);
	if (!translated.died)
		return;
	question->died = translated.died;
	question->died_again = translated.died_again;
	attribution_resolve(binder->options.attribution, question, owner);
}

static bool is_forwarded(const struct connection *connection)
{
	return !connection->local[CONNECTION_SOURCE] && !connection->local[CONNECTION_DESTINATION];
}

static bool is_ambiguous(const struct owner *owner)
{
	return owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_AMBIGUOUS;
}

/* One of several that wait on a port: known when it has accepted, or answers. */
static bool is_one_of_several(const struct connection *connection, enum connection_end end)
{
	return end == CONNECTION_DESTINATION && is_ambiguous(&connection->owners[end]) &&
	       !connection->fanned_out;
}

/* All that is known is who waits on the port: one, or several. */
static bool is_awaited(const struct connection *connection, enum connection_end end)
{
	return connection->owners[end].method == ATTRIBUTION_LISTENER ||
	       is_one_of_several(connection, end);
}

/* A datagram came to it, and no socket was found; what it sends names its owner. */
static bool is_silent(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];

	return connection->tuple.protocol != IPPROTO_TCP && end == CONNECTION_DESTINATION &&
	       connection->local[end] && owner->method == ATTRIBUTION_UNKNOWN;
}

/* An answer that the next look may improve: not found yet, or only the listener. */
static bool provisional(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];

	if (is_awaited(connection, end))
		return true;
	return owner->method == ATTRIBUTION_UNKNOWN &&
	       (owner->reason == ATTRIBUTION_PENDING || owner->reason == ATTRIBUTION_NO_SOCKET ||
	        owner->reason == ATTRIBUTION_EXITED || owner->reason == ATTRIBUTION_TIME_WAIT ||
	        owner->reason == ATTRIBUTION_NO_PERMISSION);
}

/* A socket that is gone leaves its listener, and what is remembered: less than its holder was. */
static int worth(const struct owner *owner)
{
	switch (owner->method) {
	case ATTRIBUTION_UNKNOWN:
		return 0;
	case ATTRIBUTION_GUESS:
	case ATTRIBUTION_LISTENER:
		return 1;
	case ATTRIBUTION_RECENT:
		return 2;
	case ATTRIBUTION_SOCKET:
	case ATTRIBUTION_KERNEL:
	case ATTRIBUTION_CAPTURE:
	case ATTRIBUTION_TRACEPOINT:
		break;
	}
	return 3;
}

/*
 * Where several fitted, one that is left proves nothing: the others may have ended. An
 * accepted TCP socket does, and who was seen.
 */
static bool proves_nothing(const struct connection *connection, enum connection_end end,
                           const struct owner *owner)
{
	if (!is_one_of_several(connection, end) || owner->method == ATTRIBUTION_TRACEPOINT)
		return false;
	return connection->tuple.protocol != IPPROTO_TCP || owner->method != ATTRIBUTION_SOCKET;
}

/* What is in common goes with the reason. */
static void take_common(struct owner *owner, struct owner *better)
{
	if (owner->has_common || better->has_common) {
		struct owner before = *owner;

		owner->has_common = better->has_common;
		owner->common = better->common;
		better->has_common = before.has_common;
		better->common = before.common;
	}
}

void binder_keep_socket(struct connection *connection, enum connection_end end)
{
	const struct connection_socket *socket = connection_extra_socket(connection, end);
	struct owner *owner = &connection->owners[end];

	if (socket && !owner->has_common && !owner_translated(owner) &&
	    owner_set_translated(owner, &socket->tuple) == 0)
		owner->netns = socket->netns;
}

/* The same process with the same socket, and more is known of those that share it. */
static bool is_looked_at(const struct owner *owner, const struct owner *better)
{
	return owner->process && owner->process == better->process &&
	       owner->method == better->method && owner->inode == better->inode &&
	       better->shared_count == 0 &&
	       (owner->shared_count > 0 || owner->was_shared || owner->since_ms != 0);
}

/* Takes the better of two answers; true when the reader must hear of it. */
static bool improve(struct connection *connection, enum connection_end end, struct owner *better)
{
	struct owner *owner = &connection->owners[end];
	bool reports;

	if (proves_nothing(connection, end, better)) {
		owner_clear(better);
		return false;
	}
	if (better->method == ATTRIBUTION_UNKNOWN && owner->method == ATTRIBUTION_UNKNOWN) {
		if (owner->reason != better->reason || better->has_common)
			take_common(owner, better);
		owner->reason = better->reason;
		if (better->shared_count > 0 && owner->shared_count == 0) {
			owner->shared_count = better->shared_count;
			owner->shared_pids = better->shared_pids;
			better->shared_count = 0;
			better->shared_pids = NULL;
		}
	}
	if (better->method == ATTRIBUTION_UNKNOWN || worth(better) < worth(owner) ||
	    is_looked_at(owner, better)) {
		owner_clear(better);
		return false;
	}
	connection->binding.changes = 0;
	reports = owner->process != better->process || owner->method == ATTRIBUTION_UNKNOWN;
	owner_clear(owner);
	*owner = *better;
	binder_keep_socket(connection, end);
	return reports;
}

/* Looked at once more: a child may have been handed what its parent had accepted. */
static bool unconfirmed(const struct connection *connection, enum connection_end end)
{
	return end == CONNECTION_DESTINATION && connection->tuple.protocol == IPPROTO_TCP &&
	       connection->owners[end].method == ATTRIBUTION_SOCKET &&
	       !connection->binding.confirmed;
}

static bool is_pending(const struct connection *connection, enum connection_end end)
{
	const struct owner *owner = &connection->owners[end];

	return owner->method == ATTRIBUTION_UNKNOWN && owner->reason == ATTRIBUTION_PENDING;
}

bool binder_worth_asking(const struct connection *connection, enum connection_end end)
{
	if (connection->life.over)
		return connection->local[end] && is_pending(connection, end);
	return connection->local[end] &&
	       (provisional(connection, end) || unconfirmed(connection, end));
}

/*
 * Packets are of the socket that was there at the first look, whose holder was not found yet.
 * Another one that is there later has taken its port. That the first one was destroyed may not
 * be reported yet: the kernel reports it from a work queue. A server's connection has a listener
 * first, and then a socket of its own.
 */
static bool is_of_successor(const struct connection *connection, enum connection_end end,
                            const struct owner *found)
{
	const struct owner *first = &connection->owners[end];
	uint8_t protocol = connection->tuple.protocol;
	bool is_initiator =
		protocol == IPPROTO_TCP && end == CONNECTION_SOURCE && !connection->midway;

	return (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE || is_initiator) &&
	       first->method == ATTRIBUTION_UNKNOWN && first->inode != 0 && found->inode != 0 &&
	       found->inode != first->inode;
}

/* What is found after the connection has ended may be of the next one with the same ends. */
static bool is_too_late(const struct connection *connection, enum connection_end end,
                        const struct owner *found)
{
	uint64_t inode = connection->owners[end].inode;

	return connection->life.over && found->method != ATTRIBUTION_UNKNOWN &&
	       (inode == 0 || found->inode != inode);
}

bool binder_ask_again(struct binder *binder, struct connection *connection, enum connection_end end,
                      int64_t spoke_ns)
{
	struct attribution_question question;
	struct owner found = { 0 };

	if (!binder_worth_asking(connection, end))
		return false;
	question = binder_question(binder, connection, end);
	if (spoke_ns != 0 && question.tuple.protocol != IPPROTO_TCP)
		question.seen_ns = spoke_ns;
	resolve(binder, connection, &question, &found);
	if (spoke_ns == 0 && is_of_successor(connection, end, &found)) {
		owner_clear(&found);
		connection->owners[end].reason = ATTRIBUTION_NO_SOCKET;
		return false;
	}
	if (is_too_late(connection, end, &found)) {
		owner_clear(&found);
		return false;
	}
	/* An end that sent data had a socket of its own. With only listeners left, it is closed. */
	if (spoke_ns != 0 && (found.method == ATTRIBUTION_LISTENER || is_ambiguous(&found)))
		connection->gone = true;
	return improve(connection, end, &found);
}

void binder_report(struct binder *binder, struct connection *connection)
{
	snippet_drop(&connection->snippet);
	binder->options.callback(binder->options.context, connection);
}

static bool unsettled(const struct connection *connection)
{
	return binder_worth_asking(connection, CONNECTION_SOURCE) ||
	       binder_worth_asking(connection, CONNECTION_DESTINATION);
}

/* Neither address is of this host: is a socket of it there all the same? */
static bool find_proxy(struct binder *binder, struct connection *connection)
{
	bool found = false;

	if (!binder->options.attribution || !is_forwarded(connection))
		return false;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		struct attribution_question question =
			binder_question(binder, connection, (enum connection_end)end);

		question.foreign = true;
		connection->local[end] =
			attribution_is_of_host(binder->options.attribution, &question);
		found |= connection->local[end];
	}
	for (int end = CONNECTION_SOURCE; found && end <= CONNECTION_DESTINATION; end++)
		connection->owners[end].reason =
			connection->local[end] ? ATTRIBUTION_NO_SOCKET : ATTRIBUTION_REASON_NONE;
	connection->binding.proxied = found;
	if (found)
		connection->direction = connection->local[CONNECTION_DESTINATION]
		                                ? CONNECTION_INGRESS
		                                : CONNECTION_EGRESS;
	return found;
}

void binder_bind(struct binder *binder, struct connection *connection, enum connection_end from,
                 const struct packet *packet, int64_t now_ns)
{
	connection->asked_ns = now_ns;
	find_proxy(binder, connection);
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		if (!binder->options.attribution) {
			if (!connection->owners[end].process) /* the file does not state it */
				connection->owners[end].reason = ATTRIBUTION_REPLAY;
		} else if (connection->local[end]) {
			struct attribution_question question =
				binder_question(binder, connection, end);

			question.sender = (enum connection_end)end == from;
			question.ifindex = packet->ifindex;
			resolve(binder, connection, &question, &connection->owners[end]);
		} else if (!connection->local[other_end(end)]) {
			connection->owners[end].reason = ATTRIBUTION_FORWARDED;
		}
	}
	connection->binding.attributable = unsettled(connection);
	binder_ask_later(binder, connection, -1, now_ns);
	/* A proxy's socket comes after the packet that is read at once. */
	if (binder->options.attribution && is_forwarded(connection) &&
	    connection->tuple.protocol == IPPROTO_TCP) {
		connection->binding.attributable = true;
		binder_enqueue(binder, FORWARDED_LEVEL, connection, now_ns);
	}
}

static bool is_power_of_two(uint64_t number)
{
	return (number & (number - 1)) == 0;
}

/*
 * A socket may have been opened since the datagrams that none received. As often as there are
 * twice as many as at the last look.
 */
static void ask_for_receiver(struct binder *binder, struct connection *connection,
                             enum connection_end end, int64_t seen_ns, int64_t now_ns)
{
	struct attribution_question question;
	struct owner found = { 0 };

	if (!is_power_of_two(connection->counts[other_end(end)].packets))
		return;
	question = binder_question(binder, connection, end);
	question.seen_ns = seen_ns;
	question.asked_ns = now_ns;
	resolve(binder, connection, &question, &found);
	if (found.reason == ATTRIBUTION_PENDING && found.inode == 0) {
		owner_clear(&found);
		return;
	}
	if (improve(connection, end, &found))
		binder_report(binder, connection);
	if (!binder_is_unreceived(connection, end))
		binder_ask_later(binder, connection, -1, now_ns);
}

void binder_packet(struct binder *binder, struct connection *connection, enum connection_end from,
                   const struct packet *packet, int64_t seen_ns, int64_t now_ns)
{
	enum connection_end to = other_end(from);

	if (connection->life.over)
		return;
	if (connection->binding.attributable && connection->local[to] &&
	    binder_is_unreceived(connection, to))
		ask_for_receiver(binder, connection, to, seen_ns, now_ns);
	/* Data from an end that had only a listener, or several: by now a process has accepted it. */
	if (!connection->binding.attributable || packet->payload == 0 ||
	    connection->binding.refinements >= REFINEMENTS ||
	    !(is_awaited(connection, from) || is_silent(connection, from) ||
	      unconfirmed(connection, from)))
		return;
	/* It was taken before that end was asked for: then the listener was all there was left. */
	if (now_ns == connection->asked_ns && connection->tuple.protocol == IPPROTO_TCP &&
	    !unconfirmed(connection, from)) {
		connection->gone = true;
		return;
	}
	connection->binding.refinements++;
	if (binder_ask_again(binder, connection, from, seen_ns))
		binder_report(binder, connection);
}

static bool is_same(const struct binder *binder, const struct owner *owner,
                    const struct owner *found)
{
	if (found->process == owner->process)
		return owner->process || owner->cookie == found->cookie;
	/* A walk over all processes would show it later. */
	return !found->process && found->inode != 0 && owner->process &&
	       attribution_holds(binder->options.attribution, owner->process, found->inode);
}

enum binder_now binder_who_now(struct binder *binder, const struct connection *connection,
                               enum connection_end end, bool sender, int64_t seen_ns)
{
	struct attribution_question question = binder_question(binder, connection, end);
	const struct owner *owner = &connection->owners[end];
	struct owner found = { 0 };
	enum binder_now now = BINDER_ANOTHER;

	question.seen_ns = seen_ns;
	question.since_ns = seen_ns;
	question.sender = sender;
	question.died = false; /* that another one is found is what is asked for */
	attribution_resolve(binder->options.attribution, &question, &found);
	if (is_same(binder, owner, &found))
		now = BINDER_SAME;
	else if (!found.process && found.reason == ATTRIBUTION_NO_SOCKET)
		now = BINDER_NO_SOCKET;
	else if (!found.process && (found.cookie == 0 || found.cookie == owner->cookie))
		now = BINDER_UNKNOWN;
	owner_clear(&found);
	return now;
}

/* One connection whose wait is over. */
void binder_look_again(struct binder *binder, int level, const struct waiting *waiting,
                       int64_t now_ns)
{
	struct connection *connection =
		connection_table_at(binder->options.connections, waiting->number, waiting->id);
	bool changed = false;

	if (!connection || !connection->binding.attributable)
		return;
	if (find_proxy(binder, connection))
		binder->options.found_local(binder->options.context, connection);
	changed |= binder_ask_again(binder, connection, CONNECTION_SOURCE, 0);
	changed |= binder_ask_again(binder, connection, CONNECTION_DESTINATION, 0);
	if (changed)
		binder_report(binder, connection);
	if (binder_level_wait_ns(level) >= WINDOW_CONFIRM_NS)
		connection->binding.confirmed = true;
	connection->binding.attributable = unsettled(connection);
	binder_ask_later(binder, connection, level, now_ns);
}

const struct binder_counters *binder_counters(const struct binder *binder)
{
	return &binder->counters;
}
