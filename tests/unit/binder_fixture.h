/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The binder with an attribution of the tests' own: it gives the answers of each test, and counts. */
#ifndef SOCKLINE_TESTS_BINDER_FIXTURE_H
#define SOCKLINE_TESTS_BINDER_FIXTURE_H

#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "stream/binder.h"
#include "stream/destroyed.h"

#define NOW (1000 * NS_PER_SECOND)
#define SRC CONNECTION_SOURCE
#define DST CONNECTION_DESTINATION

static const struct hash_key key = { { 1, 1 } };
static struct process parent = { .references = 1000000, .pid = 100 };
static struct process child = { .references = 1000000, .pid = 101 };

/* What is answered for each end, and what was asked. */
static struct owner answers[2];
static struct attribution_question asked[2];
static int asked_count[2];
static struct owner last_holder; /* method UNKNOWN: nobody was seen */
static int64_t until_ns;         /* until when a last holder was asked for */
static int reported;
static int found_local;     /* connections of which an end was */
static bool proxy_is_there; /* a socket has an address that is not of this host */

void attribution_resolve(struct attribution *attribution,
                         const struct attribution_question *question, struct owner *owner)
{
	int end = question->responder ? DST : SRC;

	(void)attribution;
	asked[end] = *question;
	asked_count[end]++;
	if (owner_copy(owner, &answers[end]) != 0)
		exit(EXIT_FAILURE);
}

bool attribution_last_holder(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	until_ns = question->until_ns;
	if (last_holder.method == ATTRIBUTION_UNKNOWN || owner->process == last_holder.process)
		return false;
	return owner_copy(owner, &last_holder) == 0;
}

bool attribution_is_of_host(struct attribution *attribution,
                            const struct attribution_question *question)
{
	(void)attribution;
	return proxy_is_there && question->responder;
}

static bool contested, inherited, lost, holds;
static unsigned shared;         /* ATTRIBUTION_NOW_OTHERS and such */
static int64_t heir_ns;         /* since when an heir was asked for */
static struct owner user, heir; /* what is answered */

bool attribution_is_contested(struct attribution *attribution,
                              const struct attribution_question *question)
{
	(void)attribution;
	(void)question;
	return contested;
}

static int64_t changed_ns = INT64_MAX; /* when an end was seen with another process */

bool attribution_changed_since(const struct attribution *attribution, int64_t since_ns)
{
	(void)attribution;
	return changed_ns >= since_ns;
}

bool attribution_find_user(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	asked[question->responder ? DST : SRC] = *question;
	return (user.process || user.reason) && owner_copy(owner, &user) == 0;
}

bool attribution_may_outlive(const struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct process *process)
{
	(void)attribution;
	(void)question;
	(void)process;
	return false;
}

bool attribution_find_heir(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	heir_ns = question->heir_ns;
	inherited = true;
	return owner_copy(owner, &heir) == 0 && owner->process;
}

static bool left; /* to a child, perhaps */

bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return left;
}

bool attribution_holds(struct attribution *attribution, const struct process *process,
                       uint64_t inode)
{
	(void)attribution;
	(void)inode;
	return process == &parent && holds;
}

bool attribution_find_listening(struct attribution *attribution,
                                const struct attribution_question *question,
                                const struct process *unborn, struct owner *owner)
{
	(void)attribution;
	(void)unborn;
	owner->process = question->seen_ns == NOW - 1 ? process_ref(&parent) : NULL;
	return owner->process;
}

unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner)
{
	(void)attribution;
	(void)question;
	if (shared && owner->process == &parent)
		owner->was_shared = true;
	return (lost && owner->process == &parent ? ATTRIBUTION_LOST : 0) | shared;
}

static inline void on_bound(void *context, struct connection *connection)
{
	(void)context;
	(void)connection;
	reported++;
}

static inline void on_found_local(void *context, struct connection *connection)
{
	(void)context;
	found_local += connection->local[DST];
}

static inline void on_change(void *context, struct connection *connection,
                             enum connection_change change)
{
	(void)context;
	(void)connection;
	(void)change;
}

struct fixture {
	struct connection_table *connections;
	struct binder *binder;
};
static struct destroyed *destroyed;      /* of the next fixture */
static void (*on_lookup)(void *context); /* NULL: no socket ends meanwhile */

static inline struct owner answer(enum attribution_method method, struct process *process)
{
	return (struct owner){ .method = method, .process = process };
}

static inline struct owner unknown(enum attribution_reason reason)
{
	return (struct owner){ .reason = reason };
}

static inline struct fixture begin(bool replay)
{
	struct connection_table_options table_options = { .max_connections = 64,
		                                          .key = key,
		                                          .callback = on_change };
	struct binder_options options = {
		.callback = on_bound,
		.found_local = on_found_local,
		.destroyed = destroyed,
		.read_ended = on_lookup,
	};
	struct fixture fixture;

	fixture.connections = connection_table_new(&table_options);
	options.connections = fixture.connections;
	options.attribution =
		replay ? NULL : (struct attribution *)&fixture; /* never looked into */
	fixture.binder = binder_new(&options);
	if (!fixture.connections || !fixture.binder)
		exit(EXIT_FAILURE);
	answers[SRC] = answers[DST] = unknown(ATTRIBUTION_NO_SOCKET);
	last_holder = unknown(ATTRIBUTION_NO_SOCKET);
	memset(asked_count, 0, sizeof asked_count);
	reported = 0;
	return fixture;
}

static inline void finish(struct fixture *fixture)
{
	binder_free(fixture->binder);
	connection_table_free(fixture->connections);
}

static inline struct connection *open_one(struct fixture *fixture, uint8_t protocol, bool source,
                                          bool destination)
{
	struct tuple tuple = { .source_port = 1000, .destination_port = 80, .protocol = protocol };
	struct connection_key wanted;
	struct connection *connection;

	inet_parse("10.0.0.1", &tuple.source);
	inet_parse("10.0.0.2", &tuple.destination);
	wanted = connection_table_key(fixture->connections, 1, &tuple);
	connection = connection_table_open(fixture->connections, &wanted, NOW, NOW);
	connection->local[SRC] = source;
	connection->local[DST] = destination;
	connection->seen_ns = NOW;
	return connection;
}

static inline void bind_one(struct fixture *fixture, struct connection *connection)
{
	struct packet packet = { .ifindex = 3 };

	binder_bind(fixture->binder, connection, SRC, &packet, NOW);
}

/* From afar to this host. */
static inline struct connection *begin_bound(struct fixture *fixture, uint8_t protocol,
                                             struct owner first)
{
	struct connection *connection;

	*fixture = begin(false);
	connection = open_one(fixture, protocol, false, true);
	answers[DST] = first;
	bind_one(fixture, connection);
	return connection;
}

/* As the loop does: each time when the binder asked for it. Returns when nothing is due. */
static inline void run_until(struct fixture *fixture, int64_t *now, int64_t end)
{
	int64_t next = binder_retry(fixture->binder, *now);

	while (next >= 0 && *now + next <= end) {
		*now += next;
		next = binder_retry(fixture->binder, *now);
	}
	*now = end;
}

#endif
