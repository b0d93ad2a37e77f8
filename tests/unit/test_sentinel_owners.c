/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Sightings of the sentinel's threads as a table: what was reported, what is asked, the answer. */
#include "attribution/sentinel_owners.h"

#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "process_table_fixture.h"

#define SIGHTINGS_MAX 3
#define MS            NS_PER_MS
#define NETNS         4026531840u

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP };
/* A socket died on the port since; the end is a server's; the other end is all of a link. */
enum { DIED = 1, ACCEPTED = 2, TO_ALL = 4 };
#define BORN_NOW 66 /* this process */

struct case_sighting {
	enum sentinel_how how;
	int pid;       /* 0: none; it began at tick 100 + pid */
	int64_t at_ms; /* from the moment of the question's packet */
	uint32_t netns;
	uint16_t port;
	int unknown; /* the process is not reported with it */
	int no_inode;
	uint32_t ifindex; /* the question's packet is on 3 */
};

struct test_case {
	const char *title;
	int protocol;
	struct case_sighting sightings[SIGHTINGS_MAX];
	int how;        /* DIED, ACCEPTED */
	int64_t age_ms; /* how long before now the packet was */
	int pid;        /* the answer; 0 = none */
};

/* clang-format off */
static const struct test_case cases[] = {
	{ "a socket that was open in a process", TCP, { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "nothing was seen", TCP, { { 0 } }, 0, 50, 0 },
	{ "another tuple", TCP, { { SENTINEL_SOCKET, 7, 0, NETNS, 1001, 0, 0, 0 } }, 0, 50, 0 },
	{ "another namespace", TCP, { { SENTINEL_SOCKET, 7, 0, NETNS + 1, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "a process that is not known", TCP, { { SENTINEL_SOCKET, 77, 0, NETNS, 1000, 1, 0, 0 } }, 0, 50, 0 },
	{ "a child that was forked for the connection", TCP, { { SENTINEL_CHILD, 8, 30, NETNS, 1000, 0, 0, 0 } }, ACCEPTED, 50, 8 },
	{ "a listener is looked up when asked for", TCP, { { SENTINEL_LISTENER, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "a port that others may share", UDP, { { SENTINEL_PORT, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "TCP: the newest of two is the one that has it now", TCP,
	  { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 }, { SENTINEL_CHILD, 8, 10, NETNS, 1000, 0, 0, 0 } }, ACCEPTED, 50, 8 },
	{ "TCP: the newest of two, whatever came first", TCP,
	  { { SENTINEL_CHILD, 8, 10, NETNS, 1000, 0, 0, 0 }, { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 } }, ACCEPTED, 50, 8 },
	{ "TCP: one that had the tuple long before", TCP, { { SENTINEL_SOCKET, 7, -100, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "TCP: the clocks may differ", TCP, { { SENTINEL_SOCKET, 7, -15, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "UDP: the sender of the datagram", UDP, { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "UDP: the nearest of two", UDP,
	  { { SENTINEL_SOCKET, 7, -15, NETNS, 1000, 0, 0, 0 }, { SENTINEL_SOCKET, 8, -1, NETNS, 1000, 0, 0, 0 } }, 0, 50, 8 },
	{ "UDP: the nearest of two, whatever came first", UDP,
	  { { SENTINEL_SOCKET, 8, -1, NETNS, 1000, 0, 0, 0 }, { SENTINEL_SOCKET, 7, -15, NETNS, 1000, 0, 0, 0 } }, 0, 50, 8 },
	{ "UDP: the sender of a later datagram says nothing of this one", UDP,
	  { { SENTINEL_SOCKET, 7, 10, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "UDP: one that sent long before", UDP, { { SENTINEL_SOCKET, 7, -30, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "UDP: the sender of a moment before", UDP, { { SENTINEL_SOCKET, 7, -10, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "UDP: a socket died on the port meanwhile, so that was another's", UDP,
	  { { SENTINEL_SOCKET, 7, -10, NETNS, 1000, 0, 0, 0 } }, DIED, 50, 0 },
	{ "TCP: a server's socket that died is no other's tuple", TCP, { { SENTINEL_SOCKET, 7, -10, NETNS, 1000, 0, 0, 0 } }, DIED | ACCEPTED, 50, 7 },
	{ "TCP: a client's socket died: that may have been another's", TCP, { { SENTINEL_SOCKET, 7, -10, NETNS, 1000, 0, 0, 0 } }, DIED, 50, 0 },
	{ "TCP: a client's is the one nearest to its first packet", TCP,
	  { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 }, { SENTINEL_SOCKET, 8, 10, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "to all of a link: the sender on the packet's interface", UDP,
	  { { SENTINEL_SOCKET, 7, -5, NETNS, 1000, 0, 0, 3 }, { SENTINEL_SOCKET, 8, 0, NETNS, 1000, 0, 0, 4 } }, TO_ALL, 50, 7 },
	{ "to all of a link: the sender on another interface", UDP, { { SENTINEL_SOCKET, 8, 0, NETNS, 1000, 0, 0, 4 } }, TO_ALL, 50, 0 },
	{ "to one: its socket, whichever way it goes", UDP, { { SENTINEL_SOCKET, 8, 0, NETNS, 1000, 0, 0, 4 } }, 0, 50, 8 },
	{ "one that may not have been there yet, when the thread looked late", UDP,
	  { { SENTINEL_SOCKET, BORN_NOW, 0, NETNS, 1000, 0, 0, 0 } }, 0, 1, 0 },
	{ "a process that was not there yet", TCP, { { SENTINEL_SOCKET, BORN_NOW, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 0 },
	{ "the socket was another's before", TCP,
	  { { SENTINEL_SOCKET, 7, -5, NETNS, 1000, 0, 0, 0 }, { SENTINEL_SOCKET, BORN_NOW, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 7 },
	{ "kept for 30 seconds", UDP, { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 29000, 7 },
	{ "and no longer", UDP, { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 0, 0, 0 } }, 0, 31000, 0 },
	{ "given up for time: found here", TCP, { { SENTINEL_UNRESOLVED, 9, 0, NETNS, 1000, 0, 0, 0 } }, 0, 50, 9 },
	{ "given up, and the socket is not known either", UDP, { { SENTINEL_UNRESOLVED, 9, 0, NETNS, 1000, 0, 1, 0 } }, 0, 50, 0 },
};
/* clang-format on */

static const struct test_case *now_tested;
static int64_t packet_ns;
static int listener_pid, resolved;
static struct process_table *processes;

static uint64_t ticks_of(int pid)
{
	if (pid == BORN_NOW)
		return (uint64_t)(clock_boottime_ns() / (NS_PER_SECOND / sysconf(_SC_CLK_TCK)));
	return 100 + (uint64_t)pid;
}

static struct tuple tuple_of(int protocol, uint16_t port)
{
	struct tuple tuple = { .protocol = (uint8_t)protocol,
		               .source_port = port,
		               .destination_port = 53 };

	inet_parse("192.0.2.1", &tuple.source);
	inet_parse("192.0.2.2", &tuple.destination);
	return tuple;
}

/* In place of the threads: hands over what the case has. */
long sentinel_drain(struct sentinel *sentinel, const struct sentinel_callbacks *callbacks)
{
	(void)sentinel;
	for (int i = 0; i < SIGHTINGS_MAX && now_tested->sightings[i].pid != 0; i++) {
		const struct case_sighting *one = &now_tested->sightings[i];
		struct sentinel_process process = {
			.pid = one->pid,
			.start_ticks = ticks_of(one->pid),
			.name = "seen",
		};
		struct sentinel_sighting sighting = {
			.how = one->how,
			.tuple = tuple_of(now_tested->protocol, one->port),
			.netns = one->netns,
			.ifindex = one->ifindex,
			.inode = one->no_inode ? 0 : 5000 + (uint64_t)one->pid,
			.cookie = 6,
			.has_uid = true,
			.uid = 1000,
			.pid = one->pid,
			.start_ticks = process.start_ticks,
			/* A datagram's sighting is late: the packet's own time counts. */
			.time_ns = packet_ns + (now_tested->protocol == TCP ? one->at_ms : 40) * MS,
		};

		if (now_tested->how & TO_ALL)
			inet_parse("255.255.255.255", &sighting.tuple.destination);
		sighting.packet_ns =
			packet_ns + one->at_ms * MS + clock_realtime_ns() - clock_monotonic_ns();
		if (!one->unknown)
			callbacks->process(callbacks->context, &process);
		callbacks->sighting(callbacks->context, &sighting);
	}
	return 0;
}

void sentinel_listener(struct sentinel *sentinel, int pid)
{
	(void)sentinel;
	listener_pid = pid;
}

/* The process that holds the socket is the one whose pid is in the inode. */
static void resolve(void *context, const struct socket *socket, int64_t seen_ns,
                    struct owner *owner)
{
	const struct process_memory memory = { .pid = (int)socket->inode - 5000,
		                               .start_ticks = 1,
		                               .exited_ns = seen_ns };

	resolved++;
	CHECK(context == &resolved && socket->inode != 0 && socket->cookie == 6 &&
	              socket->netns == NETNS,
	      "the socket that is asked for is the one that was seen");
	owner->method = ATTRIBUTION_SOCKET;
	owner->process = process_ref(process_table_remember(processes, &memory));
}

static void test_case_of(const struct test_case *one)
{
	const struct hash_key seed = { { 3, 4 } };
	struct sentinel_owners *owners = sentinel_owners_new(NULL, processes, &seed);
	struct attribution_question question = {
		.netns = NETNS,
		.tuple = tuple_of(one->protocol, 1000),
		.died = one->how & DIED,
		.responder = one->how & ACCEPTED,
		.ifindex = 3,
	};
	struct owner owner = { 0 };
	bool found;

	if (one->how & TO_ALL)
		inet_parse("255.255.255.255", &question.tuple.destination);
	now_tested = one;
	packet_ns = question.seen_ns = clock_monotonic_ns() - one->age_ms * MS;
	sentinel_owners_drain(owners, resolve, &resolved);
	found = sentinel_owners_find(owners, &question, &owner);
	CHECK_EQUAL(found ? owner.process->pid : 0, one->pid, "%s", one->title);
	if (found && one->sightings[0].how == SENTINEL_SOCKET)
		CHECK(owner.method == ATTRIBUTION_SOCKET && owner.has_uid && owner.uid == 1000 &&
		              owner.cookie == 6 && owner.netns == NETNS &&
		              owner.inode == 5000 + (uint64_t)one->pid &&
		              owner.process->start_ticks == 100 + (uint64_t)one->pid &&
		              strcmp(owner.process->name, "seen") == 0,
		      "%s: all of the socket is in the answer", one->title);
	owner_clear(&owner);
	sentinel_owners_free(owners);
}

/* A listener that a thread gave up on is found here, and handed to the threads. */
static void test_listener(void)
{
	static const struct test_case one = {
		"", TCP, { { SENTINEL_UNRESOLVED_LISTENER, 9, 0, NETNS, 1000, 0, 0, 0 } }, 0, 0, 0
	};

	test_case_of(&one);
	CHECK_EQUAL(listener_pid, 9, "the threads learn which process listens");
}

/* A pid that is another process's by now is not the one that was seen. */
static void test_reused_pid(void)
{
	static const struct test_case one = {
		"the process as it was seen, not the one that has its pid now",
		TCP,
		{ { SENTINEL_SOCKET, 21, 0, NETNS, 1000, 0, 0, 0 } },
		0,
		0,
		21
	};

	fake_process(21, "other", 1, 5);
	CHECK(process_table_get(processes, 21, NULL) != NULL, "another process has the pid");
	test_case_of(&one);
}

/* More than it keeps: the oldest makes room, and the newest are found. */
static void test_bound(void)
{
	struct test_case one = { "the newest of very many",
		                 TCP,
		                 { { SENTINEL_SOCKET, 7, 0, NETNS, 1000, 1, 0, 0 } },
		                 0,
		                 0,
		                 7 };
	const struct hash_key seed = { { 3, 4 } };
	struct sentinel_owners *owners = sentinel_owners_new(NULL, processes, &seed);
	struct attribution_question question = { .netns = NETNS };
	struct owner owner = { 0 };

	now_tested = &one;
	for (int i = 0; i < 80000; i++) {
		one.sightings[0].port = (uint16_t)i;
		packet_ns = question.seen_ns = clock_monotonic_ns();
		sentinel_owners_drain(owners, resolve, &resolved);
	}
	question.tuple = tuple_of(TCP, one.sightings[0].port);
	CHECK(sentinel_owners_find(owners, &question, &owner) && owner.process->pid == 7, "%s",
	      one.title);
	owner_clear(&owner);
	sentinel_owners_free(owners);
}

int main(void)
{
	fake_begin();
	fake_put("sys/kernel/random/boot_id", "0bb58b47-5f5c-4bd7-8a4b-1a2a5a5b3b1f\n");
	processes = open_table(fake_proc, 1000);
	process_table_follow_execs(processes, true);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		test_case_of(&cases[i]);
	CHECK_EQUAL(resolved, 1, "a socket that is known is looked up, no other");
	test_listener();
	test_reused_pid();
	test_bound();
	process_table_free(processes);
	fake_remove("");
	return check_done();
}
