/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A world of processes and sockets, which the tests of attribution make and ask about. */
#ifndef SOCKLINE_TESTS_ATTRIBUTION_FIXTURE_H
#define SOCKLINE_TESTS_ATTRIBUTION_FIXTURE_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribution/attribution.h"
#include "attribution/windows.h"
#include "proc_fd_fixture.h"
#include "sockets/listener_table.h"
#include "sockets/lister.h"

#define NETNS 77u
#define SRC   "10.0.0.1"
#define DST   "192.0.2.1"

/* The kernel's words for addresses in /proc/net: as memory of this machine holds them. */
static inline const char *word_of(const char *text)
{
	static char words[4][36];
	static int next;
	char *word = words[next++ % 4];
	struct inet_address address;
	uint32_t parts[4];

	inet_parse(text, &address);
	memcpy(parts, address.bytes, sizeof parts);
	if (inet_is_v4(&address))
		snprintf(word, sizeof words[0], "%08X", parts[3]);
	else
		snprintf(word, sizeof words[0], "%08X%08X%08X%08X", parts[0], parts[1], parts[2],
		         parts[3]);
	return word;
}

static char files[8][4096];
static const char *const file_names[8] = { "tcp",     "tcp6", "udp",  "udp6",
	                                   "udplite", "raw",  "icmp", "dev" };
enum { TCP, TCP6, UDP, UDP6, UDPLITE, RAW, ICMP };

static inline void add(int file, const char *local, uint16_t local_port, const char *remote,
                       uint16_t remote_port, enum socket_state state, unsigned inode)
{
	size_t length = strlen(files[file]);

	/* Those without inode belong to root for all that the file says. */
	snprintf(files[file] + length, sizeof files[0] - length,
	         "   0: %s:%04X %s:%04X %02X 00000000:00000000 00:00000000 00000000 %5u 0 %u 1\n",
	         word_of(local), local_port, word_of(remote), remote_port, state,
	         inode ? 1000u : 0u, inode);
}

static inline void hold(int pid, int fd, unsigned inode)
{
	char name[48], target[48];

	snprintf(name, sizeof name, "%d/fd/%d", pid, fd);
	snprintf(target, sizeof target, "socket:[%u]", inode);
	fake_link(name, target);
}

/* Begun anew for each case: sockets are listed, and all processes read, at the first question. */
static struct world {
	struct fixture processes;
	struct lister *lister;
	struct listener_table *listeners, *udp_listeners;
	struct attribution *attribution;
	int64_t late_ns; /* when that was seen which is LATE */
} world;

static inline void clear(void)
{
	fake_remove("");
	if (mkdir(fake_proc, 0700) != 0)
		fake_fail(fake_proc);
	for (int i = 0; i < 7; i++)
		snprintf(files[i], sizeof files[0], "  sl  local_address rem_address   st ...\n");
	fake_link("1/ns/pid", "pid:[4026531836]");
}

static bool guess, blind_to_forks;

static inline void open_world(void)
{
	struct attribution_options options = { .key = key,
		                               .sees_all_processes = true,
		                               .guess = guess,
		                               .reports_forks = !blind_to_forks };
	struct attribution_namespace space = { .netns = NETNS };
	struct error error;
	char path[PATH_MAX], name[32];

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "net/%s", file_names[i]);
		fake_put(name, files[i]);
	}
	world.processes = begin(fake_proc, 100, 1000);
	options.processes = world.processes.table;
	options.fds = world.processes.fds;
	fake_path(path, sizeof path, "net");
	if (lister_new(&world.lister, LISTER_PROC, NULL, path, NETNS, &error) != 0 ||
	    attribution_new(&world.attribution, &options, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	world.listeners = listener_table_new(world.lister, SOCKET_KIND_BIT(SOCKET_TCP), false);
	world.udp_listeners = listener_table_new(world.lister, SOCKET_KIND_BIT(SOCKET_UDP), true);
	space.lister = world.lister;
	space.listeners = world.listeners;
	space.udp_listeners = world.udp_listeners;
	attribution_add_namespace(world.attribution, &space);
}

static inline void close_world(void)
{
	attribution_free(world.attribution);
	listener_table_free(world.listeners);
	listener_table_free(world.udp_listeners);
	lister_free(world.lister);
	finish(&world.processes);
}

static inline struct attribution_question question(uint8_t protocol, const char *local,
                                                   uint16_t local_port, const char *remote,
                                                   uint16_t remote_port)
{
	struct attribution_question asked = {
		.netns = NETNS,
		.ifindex = 2,
		.tuple = { .protocol = protocol,
		           .source_port = local_port,
		           .destination_port = remote_port },
		.asked_ns = clock_monotonic_ns(),
		.seen_ns = clock_monotonic_ns(),
	};

	inet_parse(local, &asked.tuple.source);
	inet_parse(remote, &asked.tuple.destination);
	return asked;
}

/* "socket 10", "listener 20 (20 21)", "unknown ambiguous": the answer in words. */
static inline const char *answer(const struct attribution_question *asked)
{
	static char text[128];
	struct owner owner = { 0 };
	int length;

	attribution_resolve(world.attribution, asked, &owner);
	length = snprintf(text, sizeof text, "%s", attribution_method_name(owner.method));
	if (owner.reason != ATTRIBUTION_REASON_NONE)
		length += snprintf(text + length, sizeof text - (size_t)length, " %s",
		                   attribution_reason_name(owner.reason));
	if (owner.process)
		length += snprintf(text + length, sizeof text - (size_t)length, " %d",
		                   owner.process->pid);
	for (int i = 0; i < owner.shared_count; i++)
		length += snprintf(text + length, sizeof text - (size_t)length, "%s%d%s",
		                   i ? " " : " (", owner.shared_pids[i],
		                   i + 1 == owner.shared_count ? ")" : "");
	owner_clear(&owner);
	return text;
}

static inline void expect(const struct attribution_question *asked, const char *expected,
                          const char *title)
{
	const char *found = answer(asked);

	/* All sockets may be listed for a 200th of the time: where that takes long, it is put off. */
	for (int i = 1; i < check_slowdown() && strcmp(found, "unknown pending") == 0; i++) {
		sleep(1);
		found = answer(asked);
	}
	CHECK_TEXT(found, expected, "%s: %s", title, found);
}

enum how { PLAIN, RESPONDER, SENDER, DIED, FANNED_OUT, ELSEWHERE, LATE, ECHO_4711, ECHO_4712 };

/* A question and its answer. */
struct rule {
	const char *local;
	uint16_t local_port;
	const char *remote;
	uint16_t remote_port;
	enum how how;
	const char *expected, *title;
};

#define EXPECT_RULES(protocol, rules) expect_rules(protocol, rules, sizeof(rules) / sizeof *(rules))

static inline void expect_rules(uint8_t protocol, const struct rule *rules, size_t count)
{
	for (const struct rule *rule = rules; rule < rules + count; rule++) {
		struct attribution_question asked = question(
			protocol, rule->local, rule->local_port, rule->remote, rule->remote_port);

		asked.responder = rule->how == RESPONDER || rule->how == DIED;
		asked.died = rule->how == DIED;
		asked.sender = rule->how == SENDER;
		asked.fanned_out = rule->how == FANNED_OUT;
		asked.netns += rule->how == ELSEWHERE;
		if (rule->how == LATE)
			asked.seen_ns = world.late_ns;
		asked.has_icmp_id = rule->how >= ECHO_4711;
		asked.icmp_id = rule->how == ECHO_4711 ? 4711 : 4712;
		expect(&asked, rule->expected, rule->title);
	}
}

static const struct {
	uint16_t port;
	unsigned inode;
} existing[] = { { 5001, 301 }, { 5002, 302 }, { 5003, 303 }, { 80, 304 } };

#endif
