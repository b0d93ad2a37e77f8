/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes have a TCP socket at the time of a packet, by their descriptors alone: process
 * 10 was found with it, and its children are 20 and such. As a table of what happens and what is answered.
 */
#include <netinet/in.h>

#include "attribution/attribution.h"
#include "attribution/trace_owners.h"
#include "proc_fd_fixture.h"

#define INODE     300
#define STEPS_MAX 10
#define LOST      ATTRIBUTION_LOST
#define OTHERS    ATTRIBUTION_NOW_OTHERS
#define DOUBTFUL  ATTRIBUTION_DOUBTFUL
#define AGAIN     ATTRIBUTION_LOOK_AGAIN

enum what {
	END,
	FORK,  /* of `other`, at that time */
	HAS,   /* it has the socket */
	DROPS, /* and not any more */
	ENDED, /* at that time */
	GONE,  /* its end is not reported yet */
	OVER,  /* process 10 has exited at that time */
	BATCH, /* other packets were read */
	ASK    /* of that time: `other` is answered, and these processes have it */
};

struct step {
	enum what what;
	int pid; /* ASK: none */
	int64_t at_ms;
	int other;
	const char *shared;
};

struct test_case {
	const char *title;
	struct step steps[STEPS_MAX];
};

/* clang-format off */
static const struct test_case cases[] = {
	{ "alone", { { ASK, 0, 100, 0, "" } } },
	{ "it has closed it", { { DROPS, 10, 0, 0, 0 }, { ASK, 0, 100, LOST, "" } } },
	{ "it closes it, and later packets are read",
	  { { ASK, 0, 100, 0, "" }, { DROPS, 10, 0, 0, 0 }, { BATCH, 0, 0, 0, 0 }, { ASK, 0, 101, LOST, "" } } },
	{ "it has closed it, and a child that had it ends",
	  { { FORK, 20, 100, 10, 0 }, { DROPS, 10, 0, 0, 0 }, { ASK, 0, 150, LOST | DOUBTFUL | AGAIN, "" },
	    { ENDED, 20, 400, 0, 0 }, { ASK, 0, 399, LOST | DOUBTFUL | AGAIN, "" }, { ASK, 0, 401, LOST, "" } } },
	{ "a child has it as well",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 200, OTHERS, "10 20" }, { ASK, 0, 201, 0, "10 20" } } },
	{ "a child that was not there yet",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 50, AGAIN, "" }, { ASK, 0, 200, OTHERS, "10 20" } } },
	{ "a child that closed it, just forked and long after",
	  { { FORK, 20, 100, 10, 0 }, { ASK, 0, 150, DOUBTFUL | AGAIN, "" }, { ASK, 0, 500, 0, "" } } },
	{ "a child that ended since, and before",
	  { { FORK, 20, 100, 10, 0 }, { ENDED, 20, 400, 0, 0 }, { ASK, 0, 399, DOUBTFUL | AGAIN, "" }, { ASK, 0, 401, 0, "" } } },
	{ "a child that has just ended",
	  { { FORK, 20, 100, 10, 0 }, { GONE, 20, 0, 0, 0 }, { ASK, 0, 500, DOUBTFUL | AGAIN, "" } } },
	{ "a child has it no more: it had it until some time",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 300, OTHERS, "10 20" }, { DROPS, 20, 0, 0, 0 },
	    { BATCH, 0, 0, 0, 0 }, { ASK, 0, 500, OTHERS | DOUBTFUL, "" }, { ASK, 0, 600, 0, "" } } },
	{ "a child of the child",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 300, OTHERS, "10 20" }, { FORK, 30, 350, 20, 0 },
	    { HAS, 30, 0, 0, 0 }, { BATCH, 0, 0, 0, 0 }, { ASK, 0, 500, OTHERS, "10 20 30" } } },
	{ "another child has it instead",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 300, OTHERS, "10 20" }, { DROPS, 20, 0, 0, 0 },
	    { FORK, 30, 350, 10, 0 }, { HAS, 30, 0, 0, 0 }, { BATCH, 0, 0, 0, 0 }, { ASK, 0, 700, OTHERS | DOUBTFUL, "10 30" } } },
	{ "a child that was just forked and has it",
	  { { FORK, 20, 100, 10, 0 }, { HAS, 20, 0, 0, 0 }, { ASK, 0, 101, OTHERS, "10 20" } } },
	{ "a child from before the connection has ended, a later one closed it",
	  { { FORK, 20, -500, 10, 0 }, { GONE, 20, 0, 0, 0 }, { FORK, 30, 100, 10, 0 }, { ASK, 0, 600, 0, "" } } },
	{ "it has exited: another rule finds the next one",
	  { { DROPS, 10, 0, 0, 0 }, { OVER, 10, 50, 0, 0 }, { ASK, 0, 100, 0, "" } } },
	{ "a child of another process", { { FORK, 20, 100, 11, 0 }, { ASK, 0, 150, 0, "" } } },
	{ "a child from before the connection", { { FORK, 20, -500, 10, 0 }, { ASK, 0, 10, 0, "" } } },
};
/* clang-format on */

static void hold(int pid, bool holds)
{
	char name[48];

	snprintf(name, sizeof name, "%d/fd/5", pid);
	fake_link(name, holds ? "socket:[300]" : "/dev/null");
}

static const char *shared_of(const struct owner *owner)
{
	static char text[64];
	size_t length = 0;

	text[0] = '\0';
	for (int i = 0; i < owner->shared_count; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "%s%d",
		                           i ? " " : "", owner->shared_pids[i]);
	return text;
}

static void ask(const struct test_case *one, const struct step *step,
                struct attribution *attribution, struct owner *owner, int64_t base_ns)
{
	struct attribution_question question = {
		.since_ns = base_ns,
		.seen_ns = base_ns + step->at_ms * NS_PER_MS,
	};
	unsigned answer = attribution_look_at_holders(attribution, &question, owner);

	CHECK_EQUAL(answer, step->other, "%s: after %d ms", one->title, (int)step->at_ms);
	if (!(answer & LOST))
		CHECK(strcmp(shared_of(owner), step->shared) == 0, "%s: after %d ms: \"%s\"",
		      one->title, (int)step->at_ms, step->shared);
	if (answer & OTHERS && answer & DOUBTFUL)
		CHECK(owner->was_shared, "%s: that it was shared is noted", one->title);
}

static void begin_process(int pid, bool holds)
{
	fake_process(pid, "p", 1, 600);
	hold(pid, holds);
}

/* With process 10, and its socket if it has that. */
static struct attribution *begin_attribution(struct fixture *fixture,
                                             struct attribution_options *options, bool has_socket)
{
	struct attribution *attribution = NULL;
	struct error error;

	begin_process(10, has_socket);
	*fixture = begin(fake_proc, 100, 100);
	options->processes = fixture->table;
	options->fds = fixture->fds;
	if (attribution_new(&attribution, options, &error) != 0)
		fake_fail(error.text);
	return attribution;
}

static void test_case_of(const struct test_case *one)
{
	int64_t base_ns = clock_monotonic_ns() - NS_PER_SECOND;
	struct attribution_options options = { .key = key, .sees_all_processes = true };
	struct attribution *attribution;
	struct fixture fixture;
	struct owner owner = { .method = ATTRIBUTION_SOCKET, .inode = INODE };

	fake_remove("10");
	fake_remove("20");
	fake_remove("30");
	attribution = begin_attribution(&fixture, &options, true);
	attribution_changes(attribution);
	proc_fd_scan_process(fixture.fds, 10);
	owner.process = process_ref(process_table_get(fixture.table, 10, NULL));
	for (const struct step *step = one->steps; step->what != END; step++) {
		int64_t at_ns = base_ns + step->at_ms * NS_PER_MS;

		switch (step->what) {
		case FORK:
			begin_process(step->pid, false);
			attribution_forked(attribution, step->other, step->pid, at_ns);
			CHECK(attribution_forked_after(attribution, step->pid, at_ns - NS_PER_MS) &&
			              !attribution_forked_after(attribution, step->pid, at_ns) &&
			              !attribution_forked_after(attribution, 99, 0),
			      "%s: packets of before its fork are not its own", one->title);
			break;
		case HAS:
		case DROPS:
			hold(step->pid, step->what == HAS);
			break;
		case ENDED:
			attribution_exited(attribution, step->pid, at_ns);
			break;
		case GONE:
			fake_remove("20");
			break;
		case OVER:
			owner.process->exited_ns = at_ns;
			break;
		case BATCH:
			attribution_changes(attribution);
			break;
		case ASK:
			ask(one, step, attribution, &owner, base_ns);
			break;
		case END:
			break;
		}
	}
	owner_clear(&owner);
	attribution_free(attribution);
	finish(&fixture);
}

/* A process that was found with the socket by a lookup is not taken for its owner unread. */
static void test_unread(void)
{
	struct attribution_options options = { .key = key };
	struct attribution_question question = { .seen_ns = clock_monotonic_ns() };
	struct owner owner = { .method = ATTRIBUTION_SOCKET, .inode = INODE };
	struct attribution *attribution;
	struct fixture fixture;
	int stood = 0;

	attribution = begin_attribution(&fixture, &options, false);
	owner.process = process_ref(process_table_get(fixture.table, 10, NULL));
	for (int i = 0; i < 3000; i++)
		stood += !(attribution_look_at_holders(attribution, &question, &owner) &
		           (LOST | DOUBTFUL));
	CHECK_EQUAL(stood, 0, "no time to read it: it is not the owner for sure");
	owner_clear(&owner);
	attribution_free(attribution);
	finish(&fixture);
}

/* A server whose connection has a listener alone: a child that was forked since may send. */
static void test_acceptor(void)
{
	struct attribution_options options = { .key = key };
	struct attribution_question question = { .seen_ns = clock_monotonic_ns(), .sender = true };
	struct owner owner = { .method = ATTRIBUTION_LISTENER };
	struct attribution *attribution;
	struct fixture fixture;

	attribution = begin_attribution(&fixture, &options, false);
	owner.process = process_ref(process_table_get(fixture.table, 10, NULL));
	question.since_ns = question.seen_ns - 10 * NS_PER_MS;
	attribution_forked(attribution, 10, 20, question.seen_ns + NS_PER_MS);
	CHECK(!(attribution_look_at_holders(attribution, &question, &owner) & DOUBTFUL),
	      "a child that was born after a packet did not send it");
	attribution_forked(attribution, 10, 21, question.seen_ns - NS_PER_MS);
	CHECK(attribution_look_at_holders(attribution, &question, &owner) & DOUBTFUL,
	      "one that was there may have");
	question.sender = false;
	CHECK(!(attribution_look_at_holders(attribution, &question, &owner) & DOUBTFUL),
	      "what comes in is for who took the connection");
	owner_clear(&owner);
	attribution_free(attribution);
	finish(&fixture);
}

static int64_t sent_ns; /* of the send that is reported last; 0 = none */

bool trace_owners_sent_since(struct trace_owners *owners,
                             const struct attribution_question *question, int64_t since_ns)
{
	(void)owners;
	(void)question;
	return sent_ns >= since_ns;
}

static bool goes_on; /* a send that is not reported yet */

bool trace_owners_send_goes_on(struct trace_owners *owners,
                               const struct attribution_question *question)
{
	(void)owners;
	(void)question;
	return goes_on;
}

static int byte_sender; /* of the packet's data, by its place in the stream; 0 = not known */

bool trace_owners_sent_by(struct trace_owners *owners, const struct attribution_question *question,
                          const struct process *process)
{
	(void)owners;
	(void)question;
	return process->pid == byte_sender;
}

/* A send is reported when it is done: until then it may be that of a child, which has the socket, too. */
static void test_unreported(struct attribution *attribution, struct process *process)
{
	static const struct {
		const char *title;
		int64_t forked_ms, ended_ms, sent_ms, seen_ms;
		bool has_payload;
		unsigned answer;
		int shared; /* processes that have the socket, as far as known */
		bool goes_on;
		int byte_sender; /* the owner is 10 */
	} unreported[] = {
		{ "none has sent", 100, 0, 0, 150, true, DOUBTFUL | AGAIN, 0, false, 0 },
		{ "the last send was before the fork", 100, 0, 90, 150, true, DOUBTFUL | AGAIN, 0,
		  false, 0 },
		{ "a send since then is reported", 100, 0, 160, 150, true, 0, 0, false, 0 },
		{ "a packet without data", 100, 0, 0, 150, false, AGAIN, 0, false, 0 },
		{ "a packet of before the fork", 100, 0, 0, 50, true, AGAIN, 0, false, 0 },
		{ "the child had ended", 100, 140, 0, 150, true, AGAIN, 0, false, 0 },
		{ "the fork was before the connection", -900, 0, 0, 150, true, 0, 0, false, 0 },
		{ "two are known to have it", 100, 140, 0, 150, true, DOUBTFUL | AGAIN, 2, false,
		  0 },
		{ "and another send goes on", 100, 0, 160, 150, true, DOUBTFUL | AGAIN, 0, true,
		  0 },
		{ "that of the only one", 100, 140, 160, 150, true, AGAIN, 0, true, 0 },
		{ "its report comes after the packet", 100, 0, 0, 150, true, AGAIN, 0, false, 10 },
		{ "that names another one", 100, 0, 0, 150, true, DOUBTFUL | AGAIN, 0, false, 11 },
	};
	static const enum attribution_method methods[] = { ATTRIBUTION_TRACEPOINT,
		                                           ATTRIBUTION_SOCKET };
	int64_t base_ns = clock_monotonic_ns() - NS_PER_SECOND;
	int shared[] = { 10, 30 };

	for (size_t i = 0; i < sizeof unreported / sizeof *unreported; i++) {
		int64_t forked_ns = base_ns + unreported[i].forked_ms * NS_PER_MS;
		struct attribution_question question = {
			.tuple.protocol = IPPROTO_TCP,
			.sender = true,
			.has_payload = unreported[i].has_payload,
			.since_ns = base_ns,
			.seen_ns = base_ns + unreported[i].seen_ms * NS_PER_MS,
		};
		struct owner owner = { .method = methods[i % 2],
			               .process = process,
			               .shared_count = unreported[i].shared,
			               .shared_pids = shared };

		process->sole_holder_since_ns = forked_ns;
		attribution_forked(attribution, 10, 20, forked_ns);
		if (unreported[i].ended_ms)
			attribution_exited(attribution, 20,
			                   base_ns + unreported[i].ended_ms * NS_PER_MS);
		goes_on = unreported[i].goes_on;
		byte_sender = unreported[i].byte_sender;
		sent_ns = unreported[i].sent_ms ? base_ns + unreported[i].sent_ms * NS_PER_MS : 0;
		CHECK_EQUAL(attribution_look_at_holders(attribution, &question, &owner),
		            unreported[i].answer, "a send is reported later: %s",
		            unreported[i].title);
	}
}

/* Tracepoints report each send of TCP: descriptors are not looked at, but as long as none is. */
static void test_traced(void)
{
	struct attribution_options options = { .key = key };
	struct attribution_question question = { .tuple.protocol = IPPROTO_TCP,
		                                 .since_ns = NS_PER_SECOND };
	struct owner owner = { .method = ATTRIBUTION_SOCKET, .inode = INODE };
	struct attribution *attribution;
	struct fixture fixture;

	options.trace_owners = (struct trace_owners *)&options; /* see above */
	attribution = begin_attribution(&fixture, &options, false);
	owner.process = process_ref(process_table_get(fixture.table, 10, NULL));
	CHECK_EQUAL(attribution_look_at_holders(attribution, &question, &owner), 0,
	            "with tracepoints a holder of TCP is not looked for");
	test_unreported(attribution, owner.process);
	owner_clear(&owner);
	attribution_free(attribution);
	finish(&fixture);
}

int main(void)
{
	fake_begin();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		test_case_of(&cases[i]);
	test_unread();
	test_acceptor();
	test_traced();
	fake_remove("");
	return check_done();
}
