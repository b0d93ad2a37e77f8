/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process listened when a connection came in that none has accepted, by what tracepoints report:
 * as a table. Process 20 listens on port 80 when it is asked for. No privileges.
 */
#include <netinet/in.h>

#include "attribution/attribution.h"
#include "attribution/trace_owners.h"
#include "proc_fd_fixture.h"
#include "sockets/listener_table.h"
#include "sockets/lister.h"
#include "tracepoints/tracepoints.h"

#define NETNS   77u
#define TICK_NS (10 * NS_PER_MS)

enum act { NOTHING, LISTEN, CEASE, LOSE, LIST };
enum child { NONE, BEFORE, AFTER, ORPHAN };

struct test_case {
	const char *title;
	enum act act;
	uint16_t port;
	int64_t at_ms; /* from the moment of the first packet */
	enum child
		child; /* process 21 has the listening socket as well, and is found with it first */
	int listening; /* 0 = none is known */
	bool died;     /* a socket of that port without a peer was destroyed since the packet */
};

static const struct test_case cases[] = {
	{ "it listens", NOTHING, 0, 0, NONE, 20, false },
	{ "it began to before", LISTEN, 80, -5, NONE, 20, false },
	{ "one began to after the packet", LISTEN, 80, 5, NONE, 0, false },
	{ "one began to, on another port", LISTEN, 81, 5, NONE, 20, false },
	{ "one began to, on a port that is not known", LISTEN, 0, 5, NONE, 0, false },
	{ "one ceased to after the packet", CEASE, 80, 5, NONE, 0, false },
	{ "one ceased to before", CEASE, 80, -5, NONE, 20, false },
	{ "reports were lost until before", LOSE, 0, -5, NONE, 20, false },
	{ "reports were lost: another may have listened", LOSE, 0, 5, NONE, 0, false },
	{ "reports were lost, but it was listed before", LIST, 0, 5, NONE, 20, false },
	{ "a socket of the port died: none ceased to", NOTHING, 0, 0, NONE, 20, true },
	{ "the same, and one ceased to", CEASE, 80, 5, NONE, 0, true },
	{ "the same, and reports were lost", LIST, 0, 5, NONE, 0, true },
	{ "a child of before is found: its parent has it, too", NOTHING, 0, 0, BEFORE, 20, false },
	{ "a child that was forked since is found: its parent", NOTHING, 0, 0, AFTER, 20, false },
	{ "and its parent does not listen", NOTHING, 0, 0, ORPHAN, 0, false },
};

static const struct test_case *current;
static int64_t packet_ns;

/* In place of perf events. */
int tracepoints_open(struct tracepoints **tracepoints, const struct tracepoints_options *options,
                     struct error *error)
{
	(void)options;
	(void)error;
	*tracepoints = NULL;
	return 0;
}

void tracepoints_close(struct tracepoints *tracepoints)
{
	(void)tracepoints;
}

int tracepoints_fd(const struct tracepoints *tracepoints)
{
	(void)tracepoints;
	return -1;
}

const struct tracepoints_counters *tracepoints_counters(const struct tracepoints *tracepoints)
{
	static const struct tracepoints_counters none;

	(void)tracepoints;
	return &none;
}

long tracepoints_drain(struct tracepoints *tracepoints, tracepoints_callback *callback,
                       void *context)
{
	struct trace_event event = {
		.kind = TRACE_EVENT_STATE,
		.process_context = true,
		.pid = 99,
		.tid = 99,
		.socket = 4096,
		.time_ns = packet_ns + current->at_ms * NS_PER_MS,
		.tuple = { .protocol = IPPROTO_TCP, .source_port = current->port },
	};

	(void)tracepoints;
	switch (current->act) {
	case NOTHING:
		return 0;
	case LISTEN:
		event.old_state = SOCKET_CLOSED;
		event.new_state = SOCKET_LISTEN;
		break;
	case CEASE:
		event.old_state = SOCKET_LISTEN;
		event.new_state = SOCKET_CLOSED;
		break;
	case LOSE:
	case LIST:
		event.kind = TRACE_EVENT_LOST_SOCKETS;
		event.since_ns = event.time_ns - NS_PER_MS;
		break;
	}
	callback(context, &event);
	return 1;
}

static void on_lived(void *context, const struct trace_event *event, struct process *process)
{
	(void)context;
	(void)event;
	(void)process;
}

static void put_processes(void)
{
	static const char *const names[] = {
		"tcp6", "udp", "udp6", "udplite", "raw", "icmp", "dev"
	};
	char name[32];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "net/%s", names[i]);
		fake_put(name, "  sl  local_address rem_address   st ...\n");
	}
	fake_put("net/tcp", "  sl  local_address rem_address   st ...\n"
	                    "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 "
	                    "00000000  1000 0 200 1\n");
	fake_process(20, "server", 1, 100);
	fake_link("20/fd/3", current->child == ORPHAN ? "/dev/null" : "socket:[200]");
	fake_link("21/fd/3", "socket:[200]");
}

static int listening(struct attribution *attribution)
{
	struct attribution_question question = {
		.netns = NETNS,
		.ifindex = 2,
		.tuple = { .protocol = IPPROTO_TCP, .source_port = 80, .destination_port = 5000 },
		.responder = true,
		.died = current->died,
		.since_ns = packet_ns,
		.seen_ns = packet_ns,
		.asked_ns = packet_ns,
	};
	struct owner owner = { 0 };
	int pid;

	inet_parse("10.0.0.1", &question.tuple.source);
	inet_parse("192.0.2.1", &question.tuple.destination);
	attribution_resolve(attribution, &question, &owner);
	pid = owner.process ? owner.process->pid : 0;
	CHECK(pid == 0 ? owner.reason == ATTRIBUTION_NO_SOCKET
	               : owner.method == ATTRIBUTION_LISTENER,
	      "%s: %s %s", current->title, attribution_method_name(owner.method),
	      attribution_reason_name(owner.reason));
	owner_clear(&owner);
	return pid;
}

static void put_child(struct fixture *fixture)
{
	struct process_fork fork = { .parent_pid = 20, .pid = 21 };

	process_table_seed(fixture->table, process_table_get(fixture->table, 20, NULL),
	                   packet_ns - NS_PER_SECOND);
	if (current->child == NONE) {
		proc_fd_scan_process(fixture->fds, 20);
		return;
	}
	fork.time_ns = packet_ns + (current->child == BEFORE ? -1 : 1) * 20 * NS_PER_MS;
	fork.boottime_ns = fork.time_ns;
	fake_process(21, "child", 20, (uint64_t)fork.boottime_ns / TICK_NS);
	process_table_fork(fixture->table, &fork);
	proc_fd_scan_process(fixture->fds, 21);
}

static void test_case_of(const struct test_case *one)
{
	struct attribution_options options = { .key = key, .sees_all_processes = true };
	struct trace_owners_options traces = { .key = key, .lived = on_lived };
	struct attribution_namespace space = { .netns = NETNS };
	struct attribution *attribution;
	struct error error = { 0 };
	struct fixture fixture;
	char path[PATH_MAX];

	current = one;
	packet_ns = INT64_MAX / 2; /* until then nothing has happened */
	put_processes();
	fixture = begin(fake_proc, 100, 100);
	proc_fd_ignore_sizes(fixture.fds);
	options.processes = traces.processes = fixture.table;
	options.fds = fixture.fds;
	fake_path(path, sizeof path, "net");
	if (trace_owners_open(&options.trace_owners, &traces, &error) != 0 ||
	    lister_new(&space.lister, LISTER_PROC, NULL, path, NETNS, &error) != 0 ||
	    attribution_new(&attribution, &options, &error) != 0)
		fake_fail(error.text);
	space.listeners = listener_table_new(space.lister, SOCKET_KIND_BIT(SOCKET_TCP), false);
	attribution_add_namespace(attribution, &space);
	packet_ns = clock_monotonic_ns() - 5 * TICK_NS;
	if (one->act == LIST) {
		listener_table_refresh(space.listeners, NULL, NULL);
		packet_ns = clock_monotonic_ns();
	}
	put_child(&fixture);
	CHECK_EQUAL(listening(attribution), one->listening, "%s", one->title);
	attribution_free(attribution);
	trace_owners_close(options.trace_owners);
	listener_table_free(space.listeners);
	lister_free(space.lister);
	finish(&fixture);
}

int main(void)
{
	fake_begin();
	fake_link("1/ns/pid", "pid:[4026531836]");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		test_case_of(&cases[i]);
	fake_remove("");
	return check_done();
}
