/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the history of sockets. */
#include <netinet/in.h>

#include "attribution/socket_history_private.h"

static bool answers(const struct sighting *sighting, const struct socket_history_question *question)
{
	return (sighting->kinds & question->kinds) && sighting->first_ns <= question->to_ns &&
	       sighting->last_ns >= question->from_ns &&
	       (question->pid == 0 || question->pid == sighting->pid) &&
	       inet_may_equal(&sighting->source, &question->tuple.source) &&
	       (sighting->netns == question->netns || sighting->netns == 0 || question->netns == 0);
}

static void join(struct socket_history_match *match, const struct sighting *sighting)
{
	if (sighting->first_ns < match->first_ns)
		match->first_ns = sighting->first_ns;
	if (sighting->last_ns > match->last_ns)
		match->last_ns = sighting->last_ns;
	match->kinds |= sighting->kinds;
	if (match->netns == 0)
		match->netns = sighting->netns;
}

void socket_history_expect(struct socket_history *history, const struct tuple *tuple)
{
	bool reversed;

	table_prefetch(history->index, socket_history_hash(history, tuple, &reversed));
}

/* Another process may have been seen in that time, too. */
static bool is_incomplete(const struct socket_history *history,
                          const struct socket_history_question *question)
{
	bool lost = history->lost_to_ns != 0 && history->lost_to_ns >= question->from_ns &&
	            history->lost_from_ns <= question->to_ns;

	return lost || (history->evicted_ns != 0 && history->evicted_ns >= question->from_ns);
}

enum socket_history_answer socket_history_find(struct socket_history *history,
                                               const struct socket_history_question *question,
                                               struct socket_history_match *match)
{
	bool reversed;
	uint64_t hash = socket_history_hash(history, &question->tuple, &reversed);
	struct socket_history_match found = { .pid = 0 };
	const struct sighting *last = NULL;
	struct table_cursor cursor;
	uint32_t number;

	socket_history_enter_all(history);
	cursor = table_cursor(history->index, hash);
	while (table_next(&cursor, &number)) {
		const struct sighting *sighting = &history->sightings[number];

		if (sighting->hash != hash || sighting->reversed != reversed ||
		    !answers(sighting, question))
			continue;
		if (last && !sighting_is_same_process(last, sighting))
			return SOCKET_HISTORY_AMBIGUOUS;
		/* Only its close speaks for it, and the socket may have been another's by a fork. */
		if (!(sighting->kinds & question->kinds & SOCKET_HISTORY_USED) &&
		    sighting->sole_holder_since_ns >= question->from_ns)
			return SOCKET_HISTORY_AMBIGUOUS;
		last = sighting;
		if (found.pid == 0)
			found = (struct socket_history_match){ .pid = sighting->pid,
				                               .first_ns = sighting->first_ns,
				                               .last_ns = sighting->last_ns };
		join(&found, sighting);
	}
	if (found.pid == 0)
		return SOCKET_HISTORY_NONE;
	*match = found;
	return is_incomplete(history, question) ? SOCKET_HISTORY_INCOMPLETE : SOCKET_HISTORY_FOUND;
}

/* A walk over the sightings of a question; those of the packet's interface come before others. */
struct walk {
	struct table_cursor cursor;
	uint64_t hash;
	bool reversed;
	bool has_device; /* one is of the packet's interface */
};

static const struct sighting *next(struct socket_history *history,
                                   const struct socket_history_question *question,
                                   struct walk *walk)
{
	uint32_t number;

	while (table_next(&walk->cursor, &number)) {
		const struct sighting *sighting = &history->sightings[number];

		if (sighting->hash == walk->hash && sighting->reversed == walk->reversed &&
		    answers(sighting, question) &&
		    (!walk->has_device || sighting->ifindex == question->ifindex))
			return sighting;
	}
	return NULL;
}

static struct walk begin_walk(struct socket_history *history,
                              const struct socket_history_question *question)
{
	struct walk walk = { .hash = socket_history_hash(history, &question->tuple,
		                                         &walk.reversed) };
	const struct sighting *sighting;
	bool has_device = false;

	socket_history_enter_all(history);
	walk.cursor = table_cursor(history->index, walk.hash);
	if (question->ifindex == 0 || question->tuple.protocol == IPPROTO_TCP)
		return walk;
	while ((sighting = next(history, question, &walk)))
		has_device |= sighting->ifindex == question->ifindex;
	walk.has_device = has_device;
	walk.cursor = table_cursor(history->index, walk.hash);
	return walk;
}

static enum socket_history_answer answer_one(const struct socket_history *history,
                                             const struct socket_history_question *question,
                                             const struct sighting *one, bool several,
                                             struct socket_history_match *match)
{
	if (!one)
		return SOCKET_HISTORY_NONE;
	*match = (struct socket_history_match){ .pid = one->pid,
		                                .netns = one->netns,
		                                .kinds = one->kinds,
		                                .first_ns = one->first_ns,
		                                .last_ns = one->last_ns,
		                                .several = several };
	return is_incomplete(history, question) ? SOCKET_HISTORY_INCOMPLETE : SOCKET_HISTORY_FOUND;
}

/*
 * When the process began to use the tuple, for sure. A send is reported when it is done, and may have
 * begun long before: what another process read meanwhile was before it.
 */
static int64_t began_ns(const struct sighting *sighting)
{
	return sighting->kinds == SOCKET_HISTORY_SENT ? sighting->last_ns : sighting->first_ns;
}

enum socket_history_answer
socket_history_find_latest(struct socket_history *history,
                           const struct socket_history_question *question,
                           struct socket_history_match *match)
{
	struct walk walk = begin_walk(history, question);
	const struct sighting *latest = NULL, *sighting;
	int64_t other_ns = INT64_MIN; /* when another than the latest was seen last */
	bool several = false;

	while ((sighting = next(history, question, &walk))) {
		const struct sighting *earlier = sighting;

		if (!latest || began_ns(sighting) > began_ns(latest)) {
			earlier = latest;
			latest = sighting;
		}
		if (!earlier || sighting_is_same_process(earlier, latest))
			continue;
		several = true;
		if (earlier->last_ns > other_ns)
			other_ns = earlier->last_ns;
	}
	if (several && other_ns >= question->apart_ns)
		return SOCKET_HISTORY_AMBIGUOUS;
	return answer_one(history, question, latest, several, match);
}

enum socket_history_answer socket_history_find_first(struct socket_history *history,
                                                     const struct socket_history_question *question,
                                                     struct socket_history_match *match)
{
	struct walk walk = begin_walk(history, question);
	const struct sighting *first = NULL, *sighting;
	bool several = false;

	while ((sighting = next(history, question, &walk))) {
		several |= first && !sighting_is_same_process(first, sighting);
		if (!first || sighting->first_ns < first->first_ns)
			first = sighting;
	}
	return answer_one(history, question, first, several, match);
}

/* The counted socket that has the ends since some time from from_ns to to_ns. NULL: none, or not one alone. */
static const struct traced_socket *find_counted(struct socket_history *history,
                                                const struct socket_history_question *question)
{
	struct traced_socket_ends ends = { .source = question->tuple.source,
		                           .from_ns = question->from_ns,
		                           .to_ns = question->to_ns };
	const struct traced_socket *socket;

	ends.hash = socket_history_hash(history, &question->tuple, &ends.reversed);
	socket = traced_sockets_with_ends(history->traced_sockets, &ends);
	return socket && socket->counted == history->counted ? socket : NULL;
}

/* Only one process was seen to send from the socket: what is reported of it is all its own. */
static enum socket_history_answer find_only_sender(struct socket_history *history,
                                                   const struct socket_history_question *question,
                                                   uint32_t offset,
                                                   struct socket_history_match *match)
{
	const struct traced_socket *socket = find_counted(history, question);

	if (!socket || socket->pid == 0 || socket->stream != 0 || question->netns != 0 ||
	    (int32_t)(offset - (uint32_t)socket->bytes) >= 0)
		return SOCKET_HISTORY_NONE;
	*match = (struct socket_history_match){ .pid = socket->pid,
		                                .kinds = SOCKET_HISTORY_SENT,
		                                .first_ns = socket->used_ns,
		                                .last_ns = socket->used_ns };
	return SOCKET_HISTORY_FOUND;
}

enum socket_history_answer socket_history_find_sent(struct socket_history *history,
                                                    const struct socket_history_question *question,
                                                    uint32_t offset,
                                                    struct socket_history_match *match)
{
	struct sent_bytes_stream stream = { .source = question->tuple.source,
		                            .netns = question->netns };
	struct sent_bytes_sender sender;

	socket_history_enter_all(history);
	stream.hash = socket_history_hash(history, &question->tuple, &stream.reversed);
	switch (sent_bytes_find(history->sent_bytes, &stream, question->from_ns, offset, &sender)) {
	case SENT_BYTES_NONE:
		return find_only_sender(history, question, offset, match);
	case SENT_BYTES_BEYOND:
		return SOCKET_HISTORY_INCOMPLETE;
	case SENT_BYTES_FOUND:
		break;
	}
	*match = (struct socket_history_match){ .pid = sender.pid,
		                                .netns = sender.netns,
		                                .kinds = SOCKET_HISTORY_SENT,
		                                .first_ns = sender.time_ns,
		                                .last_ns = sender.time_ns };
	return SOCKET_HISTORY_FOUND;
}

bool socket_history_count_sent(struct socket_history *history,
                               const struct socket_history_question *question,
                               struct socket_history_sent *sent)
{
	const struct traced_socket *socket;

	socket_history_enter_all(history);
	socket = find_counted(history, question);
	if (!socket)
		return false;
	*sent = (struct socket_history_sent){ .bytes = socket->bytes, .pid = socket->pid };
	return true;
}
