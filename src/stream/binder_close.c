/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out about the owners of a connection that has ended. */
#include "attribution/windows.h"
#include "stream/binder_private.h"

/* After these its process closed it, and other sockets may have the same ends. */
static bool is_over(const struct connection *connection)
{
	return connection->reason == CONNECTION_FIN || connection->reason == CONNECTION_RESET ||
	       connection->reason == CONNECTION_SOCKET_CLOSED;
}

/* A server that forks has the connection served, and closed, by a child. */
static bool ask_last(struct binder *binder, struct connection *connection, enum connection_end end,
                     int64_t last_ns)
{
	struct attribution_question question = binder_question(binder, connection, end);
	const struct owner *owner = &connection->owners[end];
	bool changed;

	if (owner->since_ms != 0 && !owner->was_shared) /* it was found after all that was seen */
		return false;
	binder_ask_of_socket(connection, end, &question);
	if (is_over(connection))
		question.until_ns = last_ns + WINDOW_LAST_PACKET_NS;
	changed = attribution_last_holder(binder->options.attribution, &question,
	                                  &connection->owners[end]);
	binder_keep_socket(connection, end);
	return changed;
}

/* The far end of the network is no process's of this host, and not counted. */
static void count(struct binder *binder, struct connection *connection)
{
	bool forwarded =
		!connection->local[CONNECTION_SOURCE] && !connection->local[CONNECTION_DESTINATION];

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct owner *owner = &connection->owners[end];

		if (!connection->local[end] && !(forwarded && end == CONNECTION_SOURCE))
			continue;
		binder->counters.owners.methods[owner->method]++;
		binder->counters.owners.reasons[owner->reason]++;
	}
	connection->binding.attributable = false;
}

/* The process had the socket no more, and the one that had it was not found. */
static bool give_up(struct connection *connection, enum connection_end end)
{
	struct owner *owner = &connection->owners[end];
	uint32_t netns = owner->netns;

	if (!owner->lost)
		return false;
	owner_clear(owner);
	owner->netns = netns;
	owner->reason = ATTRIBUTION_AMBIGUOUS;
	return true;
}

static void look_last(struct binder *binder, struct connection *connection, int64_t last_ns)
{
	bool changed = false;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		if (binder->options.attribution && connection->binding.attributable)
			changed |= binder_ask_again(binder, connection, end, 0);
		if (binder->options.attribution && connection->local[end] &&
		    (end == CONNECTION_DESTINATION || connection->binding.contested))
			changed |= ask_last(binder, connection, end, last_ns);
		changed |= give_up(connection, end);
	}
	if (changed)
		binder_report(binder, connection);
}

void binder_closing(struct binder *binder, struct connection *connection, int64_t last_ns)
{
	look_last(binder, connection, last_ns);
	count(binder, connection);
}

void binder_held(struct binder *binder, struct connection *connection, int64_t last_ns)
{
	look_last(binder, connection, last_ns);
	connection->life.over = true;
	connection->binding.attributable =
		connection->binding.attributable &&
		(binder_worth_asking(connection, CONNECTION_SOURCE) ||
	         binder_worth_asking(connection, CONNECTION_DESTINATION));
}

void binder_settled(struct binder *binder, struct connection *connection)
{
	bool changed = false;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
		changed |= connection->binding.attributable &&
		           binder_ask_again(binder, connection, end, 0);
	if (changed)
		binder_report(binder, connection);
	count(binder, connection);
}
