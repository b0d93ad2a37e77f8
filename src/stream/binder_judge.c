/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Owners that move: packets of an end that several processes use, or whose owner has exited. */
#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/snippet.h"
#include "stream/binder_private.h"

#define MOVES_REPORTED 16 /* changes of owners that are reported, of a connection */

/* Never 0: owner.since_ms. */
static uint32_t to_ms(int64_t ns)
{
	return (uint32_t)(ns / NS_PER_MS) | 1;
}

/* Those that have the socket beside its process, where that was looked at. */
static void take_sharers(struct connection *connection, struct owner *owner,
                         const struct owner *found)
{
	if (found->inode == 0 || owner_same_shared(found, owner) ||
	    owner_set_shared(owner, found->shared_pids, found->shared_count) != 0)
		return;
	snippet_drop(&connection->snippet);
}

/* Another process has the end now: the record of it names that. Returns whether it is another. */
static bool move(struct connection *connection, enum connection_end end, struct owner *found)
{
	struct owner *owner = &connection->owners[end];

	if (found->process == owner->process) {
		take_sharers(connection, owner, found);
		owner_clear(found);
		return false;
	}
	owner_clear(owner);
	*owner = *found;
	binder_keep_socket(connection, end);
	connection->binding.orphaned &= (uint8_t) ~(1u << end) & 3;
	return true;
}

/* Its owner has exited, and what becomes of the socket is not known yet. */
static bool exits(const struct connection *connection, enum connection_end end)
{
	const struct process *process = connection->owners[end].process;

	return process && process->exited_ns != 0 && !(connection->binding.orphaned & 1u << end);
}

/* The same before the packet. */
static bool is_orphan(const struct connection *connection, enum connection_end end, int64_t seen_ns)
{
	return exits(connection, end) && connection->owners[end].process->exited_ns <= seen_ns;
}

/* With BINDER_AMBIGUOUS and such, here alone: whatever changes until then, the next packet asks. */
#define ASK_AGAIN 64u

/* A UDP end that several processes were seen with is judged by that. */
static bool may_lose(const struct connection *connection, enum connection_end end)
{
	if (connection->reason != CONNECTION_REASON_NONE)
		return false;
	if (connection->tuple.protocol == IPPROTO_UDP)
		return !connection->binding.contested && !connection->fanned_out;
	return connection->tuple.protocol == IPPROTO_TCP &&
	       !(connection->tcp.seen[end] & (TCP_FLAG_FIN | TCP_FLAG_RST));
}

/*
 * Which processes have the socket, by their descriptors. True: its process has it no more; one
 * that it closed itself was shut down first.
 */
static bool has_lost(const struct binder *binder, struct connection *connection,
                     enum connection_end end, const struct attribution_question *question,
                     unsigned *doubtful)
{
	struct owner *owner = &connection->owners[end];
	unsigned held;

	if (!may_lose(connection, end))
		return false;
	held = attribution_look_at_holders(binder->options.attribution, question, owner);
	if (held & ATTRIBUTION_SILENT) /* that no process was seen to send means nothing */
		*doubtful &= ~(BINDER_AMBIGUOUS << end);
	if (held & ATTRIBUTION_NOW_OTHERS)
		snippet_drop(&connection->snippet);
	if (held & ATTRIBUTION_DOUBTFUL)
		*doubtful |= BINDER_AMBIGUOUS << end;
	if (held & ATTRIBUTION_DOUBTFUL && held & ATTRIBUTION_NOW_OTHERS) {
		owner->since_ms = to_ms(clock_monotonic_ns());
		connection->binding.handed = 1;
	}
	if (held & ATTRIBUTION_LOOK_AGAIN)
		*doubtful |= ASK_AGAIN;
	return held & ATTRIBUTION_LOST;
}

/* The socket that is there now has followed that of the owner, with the same ends. */
static bool is_of_next(const struct owner *owner, const struct owner *found)
{
	return owner->inode != 0 && found->inode != 0 && owner->inode != found->inode;
}

/* The packet's owner is not decided by that answer, and the next packet asks again. */
static unsigned doubt_of(enum connection_end end, const struct owner *found)
{
	return (found->reason == ATTRIBUTION_PENDING ? BINDER_PENDING : BINDER_AMBIGUOUS) << end |
	       ASK_AGAIN;
}

/* The process that is gone may have sent the packet, or one that has its socket. */
static bool is_undecided(const struct attribution_question *question, const struct owner *found)
{
	return found->method == ATTRIBUTION_UNKNOWN &&
	       (found->reason == ATTRIBUTION_PENDING || (found->reason == ATTRIBUTION_AMBIGUOUS &&
	                                                 question->tuple.protocol == IPPROTO_TCP));
}

/* A child that the orphan left its UDP socket to, and that is gone as well, may have sent it. */
static bool may_be_heirs(const struct binder *binder, struct owner *orphan,
                         const struct attribution_question *question)
{
	return question->sender && question->tuple.protocol == IPPROTO_UDP &&
	       question->seen_ns > orphan->process->exited_ns + WINDOW_EXITING_NS &&
	       attribution_may_share(binder->options.attribution, question, orphan);
}

/*
 * A process that shared the orphan's socket has it alone, then: one that has its descriptor, or is
 * seen to use it since. Where there is none, the orphan was the last that had it.
 */
static bool inherit(struct binder *binder, struct connection *connection, enum connection_end end,
                    const struct attribution_question *question, unsigned *doubtful)
{
	struct attribution_question since = *question;
	struct owner found = { 0 };

	since.heir_ns = connection->owners[end].process->exited_ns;
	if (attribution_find_heir(binder->options.attribution, &since, &found) &&
	    !is_of_next(&connection->owners[end], &found)) {
		/* What waits in the socket is the orphan's, and leaves it among what others send. */
		if (question->tuple.protocol == IPPROTO_TCP)
			connection->binding.contested = 1;
		if (found.process == connection->owners[end].process)
			*doubtful |= ASK_AGAIN;
		if (!move(connection, end, &found))
			return false;
		/* Another child of the orphan's may have it as well. */
		if (has_lost(binder, connection, end, question, doubtful))
			*doubtful |= BINDER_AMBIGUOUS << end | ASK_AGAIN;
		return true;
	}
	if (is_undecided(question, &found)) {
		*doubtful |= doubt_of(end, &found);
	} else if (may_be_heirs(binder, &connection->owners[end], question)) {
		*doubtful |= BINDER_AMBIGUOUS << end | ASK_AGAIN;
	} else if (attribution_may_outlive(binder->options.attribution, question,
	                                   connection->owners[end].process)) {
		*doubtful |= ASK_AGAIN;
		if (question->sender && (question->has_payload || question->has_fin))
			*doubtful |= BINDER_AMBIGUOUS << end;
	} else {
		connection->binding.orphaned |= 1u << end & 3;
	}
	owner_clear(&found);
	return false;
}

/* A UDP socket of another process may be the next one with the same ends; a child's is its parent's. */
static bool may_succeed(const struct connection *connection, const struct owner *owner,
                        const struct owner *found)
{
	if (found->process == owner->process || is_of_next(owner, found))
		return false;
	return connection->tuple.protocol == IPPROTO_TCP ||
	       (found->shared_count == 0 && found->process->parent_pid == owner->process->pid);
}

/*
 * Nothing reports that a process hands its socket on and closes it: a look at the descriptor shows
 * it later. The one that has it then is the owner of later packets; those between the two
 * looks are of either. A socket that no process has is closed, by its owner as far as is known.
 */
static bool succeed(struct binder *binder, struct connection *connection, enum connection_end end,
                    const struct attribution_question *question, unsigned *doubtful)
{
	struct owner *owner = &connection->owners[end];
	struct attribution_question since = *question;
	struct owner found = { 0 };

	since.heir_ns = question->seen_ns; /* what was seen before is over */
	if (attribution_find_heir(binder->options.attribution, &since, &found) &&
	    may_succeed(connection, owner, &found)) {
		found.since_ms = to_ms(clock_monotonic_ns());
		connection->binding.handed = 1;
		return move(connection, end, &found);
	}
	if (found.process != owner->process && found.inode != 0 && found.inode == owner->inode) {
		/* A listing of before may have a socket that was closed since: then nobody has it. */
		owner->lost = found.process || !found.from_proc_net;
		*doubtful |= doubt_of(end, &found);
	} else if (owner->lost) { /* another process had it, and it is closed by now */
		*doubtful |= BINDER_AMBIGUOUS << end | ASK_AGAIN;
	}
	owner_clear(&found);
	return false;
}

/* It is not known whose a packet was before the present owner was found. */
static void judge_handed(struct connection *connection, int64_t seen_ns, unsigned *doubtful)
{
	uint32_t seen_ms = to_ms(seen_ns);
	bool all_before = true;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		int32_t after_ms = (int32_t)(seen_ms - connection->owners[end].since_ms);

		if (connection->owners[end].since_ms == 0)
			continue;
		if (after_ms <= 0)
			*doubtful |= BINDER_AMBIGUOUS << end;
		all_before &= after_ms > WINDOW_HANDED_MS;
	}
	connection->binding.handed = !all_before;
}

/* The end's user at the packet. True when the owner is another now. */
static bool judge(struct binder *binder, struct connection *connection, enum connection_end end,
                  const struct attribution_question *question, unsigned *doubtful)
{
	struct owner found = { 0 };

	if (question->fanned_out || /* each of several has it, and none of them sends from there */
	    !attribution_find_user(binder->options.attribution, question, &found))
		return false;
	/* No route is looked up for what goes to a link: its socket is bound to the interface. */
	if (!found.process && tuple_is_of_link(&question->tuple) && question->sender)
		attribution_resolve(binder->options.attribution, question, &found);
	if (found.process)
		return move(connection, end, &found);
	*doubtful |= BINDER_AMBIGUOUS << end;
	owner_clear(&found);
	return false;
}

/*
 * Several processes have the UDP socket, or a child had it that was gone before the socket was
 * looked at: which of them sends is seen when it does.
 */
static bool is_shared_datagrams(const struct connection *connection, int end)
{
	const struct owner *owner = &connection->owners[end];

	return connection->tuple.protocol == IPPROTO_UDP && owner->method == ATTRIBUTION_SOCKET &&
	       (owner->shared_count > 0 ||
	        owner->process->sole_holder_since_ns >= connection->seen_ns);
}

/* A lookup found its owner; what uses the socket later may be another process. */
static bool is_looked_up(const struct connection *connection, int end, bool sender)
{
	return (connection->tuple.protocol == IPPROTO_TCP &&
	        connection->owners[end].method == ATTRIBUTION_SOCKET) ||
	       (sender && is_shared_datagrams(connection, end));
}

/* A connection is contested as a whole: it may be so at the other end alone, from which this one receives. */
static bool is_of_several(const struct binder *binder, const struct attribution_question *question)
{
	return question->sender || tuple_is_of_link(&question->tuple) ||
	       attribution_is_contested(binder->options.attribution, question);
}

/* Another process than before may have been seen to use an end. */
static void ask_contested(const struct binder *binder, struct connection *connection,
                          const struct attribution_question *question)
{
	if (!connection->binding.contested && !question->fanned_out)
		connection->binding.contested =
			attribution_is_contested(binder->options.attribution, question);
}

static void tell_move(struct binder *binder, struct connection *connection)
{
	if (connection->binding.moves == MOVES_REPORTED) {
		snippet_drop(&connection->snippet);
		return;
	}
	connection->binding.moves++;
	binder_report(binder, connection);
}

bool binder_is_unborn(const struct connection *connection, enum connection_end end, int64_t seen_ns)
{
	const struct process *process = connection->owners[end].process;

	return process && seen_ns != 0 && process_is_unborn(process, seen_ns);
}

unsigned binder_ended(const struct connection *connection, enum connection_end from,
                      int64_t seen_ns)
{
	enum connection_end end = !from;
	const struct process *process = connection->owners[end].process;

	if (!(connection->binding.orphaned & 1u << end) || !process ||
	    connection->tuple.protocol != IPPROTO_UDP ||
	    process->exited_ns + WINDOW_TRACE_EXACT_NS > seen_ns)
		return 0;
	return BINDER_GONE << end;
}

bool binder_find_listening(const struct binder *binder, const struct connection *connection,
                           enum connection_end end, int64_t seen_ns, struct owner *owner)
{
	struct attribution_question question;

	if (end != CONNECTION_DESTINATION || connection->midway)
		return false;
	question = binder_question(binder, connection, end);
	question.seen_ns = seen_ns;
	return attribution_find_listening(binder->options.attribution, &question,
	                                  connection->owners[end].process, owner);
}

/*
 * Quick, for most: the processes were seen to open and to use the connection, they live, and no end
 * was seen with another one since.
 */
static bool stands(const struct binder *binder, const struct connection *connection)
{
	if (connection->tuple.protocol != IPPROTO_TCP || connection->midway ||
	    connection->binding.contested || connection->binding.handed)
		return false;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct owner *owner = &connection->owners[end];

		if (connection->local[end] &&
		    (owner->method != ATTRIBUTION_TRACEPOINT || owner->process->exited_ns != 0 ||
		     attribution_forked_since(owner->process, connection->seen_ns)))
			return false;
	}
	return !attribution_changed_since(binder->options.attribution,
	                                  connection->seen_ns - WINDOW_TRACE_BEFORE_NS);
}

unsigned binder_judge(struct binder *binder, struct connection *connection,
                      enum connection_end from, const struct packet *packet, int64_t seen_ns,
                      uint32_t changes)
{
	bool changed = connection->binding.changes != binder_version(changes), moved = false;
	unsigned doubtful = 0;

	connection->binding.changes = binder_version(changes);
	if (stands(binder, connection))
		return 0;
	/* Each interface may have a socket of its own for these ends. */
	if (connection->tuple.protocol != IPPROTO_TCP && packet->ifindex != connection->ifindex)
		connection->binding.contested |= tuple_is_of_link(&connection->tuple) & 1;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		struct attribution_question question;
		bool lost;

		if (!connection->local[end])
			continue;
		question = binder_question_of_packet(connection, (enum connection_end)end,
		                                     (enum connection_end)end == from, packet,
		                                     seen_ns);
		if (changed)
			ask_contested(binder, connection, &question);
		if (changed && !connection->binding.contested &&
		    is_looked_up(connection, end, question.sender))
			moved |= judge(binder, connection, (enum connection_end)end, &question,
			               &doubtful);
		/* Its exit may be known when a packet of before is read: the next one may be after it. */
		if (is_shared_datagrams(connection, end) ||
		    (exits(connection, (enum connection_end)end) &&
		     !is_orphan(connection, (enum connection_end)end, seen_ns)))
			doubtful |= ASK_AGAIN;
		lost = changed &&
		       has_lost(binder, connection, (enum connection_end)end, &question, &doubtful);
		if (connection->owners[end].lost && !lost) /* nor does it get it back unseen */
			doubtful |= BINDER_AMBIGUOUS << end;
		/* The look takes in what was reported since: another process may have sent. */
		if (changed && connection->tuple.protocol == IPPROTO_TCP)
			ask_contested(binder, connection, &question);
		if (!connection->binding.contested && !lost &&
		    !(changed && is_orphan(connection, (enum connection_end)end, seen_ns)))
			continue;
		binder_count_destroyed(binder, connection, &question);
		if (connection->binding.contested && is_of_several(binder, &question))
			moved |= judge(binder, connection, (enum connection_end)end, &question,
			               &doubtful);
		if (changed && is_orphan(connection, (enum connection_end)end, seen_ns))
			moved |= inherit(binder, connection, (enum connection_end)end, &question,
			                 &doubtful);
		if (lost)
			moved |= succeed(binder, connection, (enum connection_end)end, &question,
			                 &doubtful);
	}
	if (connection->binding.handed)
		judge_handed(connection, seen_ns, &doubtful);
	if (moved)
		tell_move(binder, connection);
	if (doubtful & ASK_AGAIN)
		connection->binding.changes = 0;
	return doubtful & ~ASK_AGAIN;
}
