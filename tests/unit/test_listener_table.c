/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Listings come from a folder of this test's own, in the form of /proc/net. */
#include "sockets/listener_table.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"
#include "fake_proc.h"
#include "proc_net_words.h"

#define ANY4   "0.0.0.0"
#define ANY6   "::"
#define KINDS  (SOCKET_KIND_BIT(SOCKET_TCP) | SOCKET_KIND_BIT(SOCKET_UDP))
#define MAX    4
#define DEVICE 3

/* How compute_score() of the kernel orders them: only the order counts. */
static const struct {
	const char *bound;
	int family;
	bool v6only;
	uint32_t device;
	const char *local;
	uint32_t ifindex;
	int rank; /* 0: does not match; else higher is better, among those with the same local */
} scores[] = {
	{ ANY4, AF_INET, false, 0, "10.0.0.1", 2, 2 },
	{ "10.0.0.1", AF_INET, false, 0, "10.0.0.1", 2, 4 },
	{ "10.0.0.2", AF_INET, false, 0, "10.0.0.1", 2, 0 },
	{ ANY6, AF_INET6, false, 0, "10.0.0.1", 2, 1 },
	{ ANY6, AF_INET6, true, 0, "10.0.0.1", 2, 0 },
	{ "10.0.0.1", AF_INET6, false, 0, "10.0.0.1", 2, 3 }, /* bound to ::ffff:10.0.0.1 */
	{ ANY4, AF_INET, false, DEVICE, "10.0.0.1", DEVICE, 6 },
	{ ANY6, AF_INET6, false, DEVICE, "10.0.0.1", DEVICE, 5 },
	{ "10.0.0.1", AF_INET, false, DEVICE, "10.0.0.1", DEVICE, 7 },
	{ ANY4, AF_INET, false, DEVICE, "10.0.0.1", 2, 0 },
	{ ANY6, AF_INET6, false, 0, "2001:db8::1", 2, 11 },
	{ ANY6, AF_INET6, true, 0, "2001:db8::1", 2, 11 },
	{ "2001:db8::1", AF_INET6, false, 0, "2001:db8::1", 2, 12 },
	{ "2001:db8::2", AF_INET6, false, 0, "2001:db8::1", 2, 0 },
	{ ANY4, AF_INET, false, 0, "2001:db8::1", 2, 0 },
	{ "10.0.0.1", AF_INET, false, 0, "2001:db8::1", 2, 0 },
};
#define SCORES (sizeof scores / sizeof scores[0])

static int score(size_t number, uint16_t port)
{
	struct socket bound = { .family = (uint8_t)scores[number].family,
		                .v6only = scores[number].v6only,
		                .ifindex = scores[number].device,
		                .tuple.source_port = 80 };
	struct inet_address local;

	inet_parse(scores[number].bound, &bound.tuple.source);
	inet_parse(scores[number].local, &local);
	return listener_score(&bound, &local, port, scores[number].ifindex);
}

static void test_scores(void)
{
	for (size_t i = 0; i < SCORES; i++) {
		bool ordered = true;

		CHECK_EQUAL((score(i, 80) > 0), (scores[i].rank > 0), "%s %s %s: %s",
		            scores[i].bound, scores[i].family == AF_INET ? "v4" : "v6",
		            scores[i].local, scores[i].rank ? "fits" : "does not fit");
		CHECK_EQUAL(score(i, 81), 0, "but not on another port");
		for (size_t j = 0; j < SCORES; j++) {
			if (scores[i].rank == 0 || scores[j].rank == 0 ||
			    strcmp(scores[i].local, scores[j].local) != 0)
				continue;
			ordered = ordered && (scores[i].rank < scores[j].rank) ==
			                             (score(i, 80) < score(j, 80));
		}
		CHECK(ordered, "and in its place among the others");
	}
}

/* The files of one listing. */
static char tcp4[2048], tcp6[2048], udp4[2048];

static void put_all(void)
{
	fake_put("net/dev", "");
	fake_put("net/tcp", tcp4);
	fake_put("net/tcp6", tcp6);
	fake_put("net/udp", udp4);
}

static void clear_all(void)
{
	static const char heading[] = "  sl  local_address rem_address   st ...\n";

	memcpy(tcp4, heading, sizeof heading);
	memcpy(tcp6, heading, sizeof heading);
	memcpy(udp4, heading, sizeof heading);
}

static void add(char *file, const char *local, uint16_t port, unsigned state, unsigned inode)
{
	char *end = file + strlen(file);

	sprintf(end,
	        "  %d: %s:%04X %s:0000 %02X 00000000:00000000 00:00000000 00000000  0 0 %u 1\n", 0,
	        local, port, strlen(local) > 8 ? "00000000000000000000000000000000" : "00000000",
	        state, inode);
}

struct heard {
	int started, stopped;
	uint16_t port; /* of the last */
	enum socket_kind kind;
};

static void on_listener(void *context, enum listener_change change, const struct socket *socket)
{
	struct heard *heard = context;

	heard->started += change == LISTENER_STARTED;
	heard->stopped += change == LISTENER_STOPPED;
	heard->port = socket->tuple.source_port;
	heard->kind = socket->kind;
}

static struct heard refresh(struct listener_table *table)
{
	struct heard heard = { 0 };
	int result;

	put_all();
	result = listener_table_refresh(table, on_listener, &heard);
	if (result != 0)
		CHECK(false, "refreshed: %d", result);
	return heard;
}

static bool is(struct heard heard, int started, int stopped)
{
	return heard.started == started && heard.stopped == stopped;
}

static void test_differences(struct lister *lister)
{
	struct listener_table *table = listener_table_new(lister, KINDS, false);
	struct heard heard;

	CHECK_EQUAL(listener_table_refreshed_ns(table), 0, "never refreshed");
	clear_all();
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 1);
	add(tcp4, PROC_NET_LOOPBACK4, 81, SOCKET_ESTABLISHED, 2);
	add(tcp6, PROC_NET_ANY6, 80, SOCKET_LISTEN, 3);
	add(udp4, PROC_NET_ANY4, 53, SOCKET_CLOSED, 4);
	add(udp4, PROC_NET_LOOPBACK4, 54, SOCKET_ESTABLISHED, 5); /* connected */
	add(udp4, PROC_NET_ANY4, 0, SOCKET_CLOSED, 6);            /* not bound */
	CHECK(is(refresh(table), 3, 0), "the first listing: what waits for peers");
	CHECK(listener_table_refreshed_ns(table) > 0, "refreshed");
	CHECK(is(refresh(table), 0, 0), "no difference");

	add(tcp4, PROC_NET_LOOPBACK4, 8080, SOCKET_LISTEN, 7);
	heard = refresh(table);
	CHECK(is(heard, 1, 0) && heard.port == 8080, "one more");
	clear_all();
	add(tcp6, PROC_NET_ANY6, 80, SOCKET_LISTEN, 3);
	add(tcp4, PROC_NET_LOOPBACK4, 8080, SOCKET_LISTEN, 7);
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 1);
	heard = refresh(table);
	CHECK(is(heard, 0, 1) && heard.port == 53 && heard.kind == SOCKET_UDP,
	      "one less, and another order, which does not matter");
	clear_all();
	add(tcp6, PROC_NET_ANY6, 80, SOCKET_LISTEN, 3);
	add(tcp4, PROC_NET_LOOPBACK4, 8080, SOCKET_LISTEN, 7);
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 9);
	CHECK(is(refresh(table), 1, 1), "another socket on the same port");
	clear_all();
	CHECK(is(refresh(table), 0, 3), "none left");
	listener_table_free(table);
}

/* Since when a port has a socket; 0: it has none. */
static int64_t since_of(const struct listener_table *table, uint16_t port)
{
	size_t count;
	const struct socket *socket = listener_table_port(table, port, &count);

	return count > 0 ? listener_table_since_ns(table, socket) : 0;
}

static void test_since(struct lister *lister)
{
	struct listener_table *table = listener_table_new(lister, KINDS, false);
	int64_t first_ns, second_ns;

	clear_all();
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 1);
	add(tcp4, PROC_NET_ANY4, 443, SOCKET_LISTEN, 2);
	refresh(table);
	first_ns = listener_table_refreshed_ns(table);
	add(tcp4, PROC_NET_ANY4, 8080, SOCKET_LISTEN, 3);
	refresh(table);
	second_ns = listener_table_refreshed_ns(table);
	CHECK(first_ns < second_ns && since_of(table, 80) == first_ns &&
	              since_of(table, 443) == first_ns,
	      "a socket is there since the first listing that has it");
	CHECK(since_of(table, 8080) == second_ns, "and a new one since the second");
	clear_all();
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 4);
	add(tcp4, PROC_NET_ANY4, 443, SOCKET_LISTEN, 2);
	refresh(table);
	CHECK(since_of(table, 80) == listener_table_refreshed_ns(table) &&
	              since_of(table, 443) == first_ns,
	      "another socket on the port is a new one");
	listener_table_free(table);
}

static void test_find(struct lister *lister)
{
	struct listener_table *table = listener_table_new(lister, KINDS, false);
	struct tuple tuple = { .protocol = IPPROTO_TCP, .source_port = 80 };
	const struct socket *found[MAX];

	CHECK_EQUAL(listener_table_find(table, &tuple, 1, found, MAX), 0,
	            "before the first listing");
	clear_all();
	add(tcp4, PROC_NET_LOOPBACK4, 80, SOCKET_LISTEN, 1);
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 2);
	add(tcp6, PROC_NET_ANY6, 80, SOCKET_LISTEN, 3);
	add(tcp6, PROC_NET_ANY6, 81, SOCKET_LISTEN, 4);
	add(udp4, PROC_NET_LOOPBACK4, 80, SOCKET_CLOSED, 5);
	for (unsigned i = 0; i < MAX + 2; i++)
		add(tcp4, PROC_NET_ANY4, 82, SOCKET_LISTEN, 10 + i);
	refresh(table);
	inet_parse("127.0.0.1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 1,
	      "bound to the address, before those bound to any");
	inet_parse("10.0.0.1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 2,
	      "IPv4 before dual-stack");
	inet_parse("2001:db8::1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 3,
	      "IPv6");
	tuple.source_port = 81;
	inet_parse("10.0.0.1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 4,
	      "dual-stack alone");
	tuple.source_port = 82;
	CHECK_EQUAL(listener_table_find(table, &tuple, 1, found, MAX), MAX + 2,
	            "several alike: all are counted, %d are given", MAX);
	tuple.source_port = 83;
	CHECK_EQUAL(listener_table_find(table, &tuple, 1, found, MAX), 0, "nobody listens");
	tuple = (struct tuple){ .protocol = IPPROTO_UDP, .source_port = 80 };
	inet_parse("127.0.0.1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 5,
	      "UDP on the same port");
	listener_table_free(table);
}

/* All of a port, connected ones too. */
static void test_port(struct lister *lister)
{
	struct listener_table *table = listener_table_new(lister, KINDS, true);
	struct tuple tuple = { .protocol = IPPROTO_UDP, .source_port = 54 };
	const struct socket *found[MAX];
	size_t count;

	CHECK(!listener_table_port(table, 54, &count) && count == 0, "before the first listing");
	clear_all();
	add(udp4, PROC_NET_ANY4, 53, SOCKET_CLOSED, 1);
	add(udp4, PROC_NET_LOOPBACK4, 54, SOCKET_ESTABLISHED, 2);
	add(udp4, PROC_NET_LOOPBACK4, 54, SOCKET_CLOSED, 3);
	add(udp4, PROC_NET_ANY4, 56, SOCKET_CLOSED, 4);
	refresh(table);
	CHECK(listener_table_port(table, 54, &count)->inode == 2 && count == 2,
	      "both sockets of a port");
	inet_parse("127.0.0.1", &tuple.source);
	CHECK(listener_table_find(table, &tuple, 1, found, MAX) == 1 && found[0]->inode == 3,
	      "of which one waits for any");
	CHECK(!listener_table_port(table, 55, &count) && count == 0, "a port without sockets");
	CHECK(!listener_table_port(table, 57, &count) && count == 0, "above all ports");
	listener_table_free(table);
}

/* /proc/net goes away: the table stays as it was, nothing is said to have stopped. */
static void test_failure(struct lister *lister)
{
	struct listener_table *table = listener_table_new(lister, KINDS, false);
	struct tuple tuple = { .protocol = IPPROTO_TCP, .source_port = 80 };
	const struct socket *found[MAX];
	struct heard heard = { 0 };

	clear_all();
	add(tcp4, PROC_NET_ANY4, 80, SOCKET_LISTEN, 1);
	refresh(table);
	fake_remove("net");
	CHECK(listener_table_refresh(table, on_listener, &heard) != 0 && is(heard, 0, 0),
	      "a listing that fails");
	inet_parse("10.0.0.1", &tuple.source);
	CHECK_EQUAL(listener_table_find(table, &tuple, 1, found, MAX), 1, "leaves what is known");
	CHECK(is(refresh(table), 0, 0), "and makes no difference to the next");
	listener_table_free(table);
	listener_table_free(NULL);
}

int main(void)
{
	struct lister *lister = NULL;
	struct error error;
	char path[PATH_MAX];

	fake_begin();
	fake_path(path, sizeof path, "net");
	test_scores();
	if (lister_new(&lister, LISTER_PROC, NULL, path, 1, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		return EXIT_FAILURE;
	}
	test_differences(lister);
	test_since(lister);
	test_find(lister);
	test_port(lister);
	test_failure(lister);
	lister_free(lister);
	fake_remove("");
	return check_done();
}
