/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Data of a send that goes on: what attribution says of it is this test's own. */
#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"
#include "connections/tcp_quality.h"
#include "stream/binder_private.h"

#define NOW   (1000 * NS_PER_SECOND)
#define FIRST 5000 /* behind the SYN of the source */
#define SRC   CONNECTION_SOURCE

static struct process one = { .references = 1000, .pid = 20 };
static struct process another = { .references = 1000, .pid = 21 };

static struct {
	enum attribution_send send; /* of the first */
	uint32_t reported, asked_offset, changes;
	int asked, judged;
	bool moves;
} world;

enum attribution_send attribution_find_send(struct attribution *attribution,
                                            const struct attribution_question *question,
                                            const struct owner *owner, uint32_t *reported)
{
	(void)attribution;
	world.asked++;
	world.asked_offset = question->offset;
	*reported = world.reported;
	return owner->process == &one ? world.send : ATTRIBUTION_SEND_REPORTED;
}

uint32_t attribution_changes(struct attribution *attribution)
{
	(void)attribution;
	return world.changes;
}

unsigned binder_judge(struct binder *binder, struct connection *connection,
                      enum connection_end from, const struct packet *packet, int64_t seen_ns,
                      uint32_t changes)
{
	(void)binder;
	(void)packet;
	(void)seen_ns;
	world.judged += changes == world.changes;
	if (world.moves)
		connection->owners[from].process = &another;
	return 0;
}

static struct binder binder;
static struct connection connection;

static void begin(enum attribution_send send)
{
	memset(&world, 0, sizeof world);
	memset(&binder, 0, sizeof binder);
	memset(&connection, 0, sizeof connection);
	world.send = send;
	connection.id = 7;
	connection.tuple.protocol = IPPROTO_TCP;
	connection.local[SRC] = true;
	connection.first[SRC] = FIRST;
	connection.flow.letters[SRC] = TCP_SEEN_SYN;
	connection.owners[SRC].method = ATTRIBUTION_TRACEPOINT;
	connection.owners[SRC].process = &one;
}

static unsigned judge(uint32_t sequence)
{
	const struct packet packet = { .has_tcp = true, .payload = 1, .tcp_sequence = sequence };

	return binder_judge_send(&binder, &connection, SRC, &packet, NOW, 0);
}

static void test_answers(void)
{
	begin(ATTRIBUTION_SEND_MAY);
	CHECK(judge(FIRST + 3) == 0 && world.asked_offset == 3, "the owner may be in a send");
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	CHECK_EQUAL(judge(FIRST), BINDER_AMBIGUOUS << SRC, "it is not: another one may be");
	begin(ATTRIBUTION_SEND_UNCOUNTED);
	CHECK_EQUAL(judge(FIRST), 0, "what is not counted says nothing");
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	connection.owners[SRC].method = ATTRIBUTION_LISTENER;
	CHECK(judge(FIRST) == 0 && world.asked == 0, "its owner is not known to have the socket");
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	one.exited_ns = NOW;
	CHECK(judge(FIRST) == 0 && world.asked == 0,
	      "that its owner has exited is judged elsewhere");
	one.exited_ns = 0;
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	connection.flow.letters[SRC] = 0;
	CHECK(judge(FIRST) == 0 && world.asked == 0, "where its stream began is not known");
}

static void test_reported(void)
{
	begin(ATTRIBUTION_SEND_REPORTED);
	world.reported = 100;
	CHECK(judge(FIRST) == 0 && judge(FIRST + 99) == 0 && world.asked == 1,
	      "what is reported is asked for once");
	judge(FIRST + 100);
	CHECK_EQUAL(world.asked, 2, "the byte behind it is asked for");
	connection.id += REPORTED_SENDS;
	judge(FIRST + 50);
	CHECK_EQUAL(world.asked, 3, "so is another connection with the same place");
	begin(ATTRIBUTION_SEND_REPORTED);
	world.reported = 100;
	connection.first[SRC] = (uint32_t)-50;
	CHECK(judge((uint32_t)-1) == 0 && judge(49) == 0 && world.asked == 1,
	      "sequence numbers begin again");
}

static void test_changes(void)
{
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	world.changes = 1;
	world.moves = true;
	CHECK(judge(FIRST) == 0 && world.judged == 1 && world.asked == 2,
	      "a report that came meanwhile has another owner, whose send it is");
	begin(ATTRIBUTION_SEND_NOT_SEEN);
	CHECK(judge(FIRST) == BINDER_AMBIGUOUS << SRC && world.judged == 0,
	      "without a report nothing is judged again");
}

int main(void)
{
	test_answers();
	test_reported();
	test_changes();
	return check_done();
}
