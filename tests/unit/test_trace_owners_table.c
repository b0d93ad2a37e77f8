/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Owners by tracepoints as a table: events of the kernel, a question, the answer. No privileges. */
#include "attribution/trace_owners.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"
#include "process_table_fixture.h"
#include "sockets/socket.h"
#include "tracepoints/tracepoints.h"

#define EVENTS_MAX 4
#define NETNS      4026531840u

enum { TCP = IPPROTO_TCP, UDP = IPPROTO_UDP, ICMP = IPPROTO_ICMP };
/*
 * What a process does; HEADER: it sends what it made by hand, OPEN is the way of connect() from CLOSED
 * to ESTABLISHED. SEND: 100 bytes from the socket that 7 has opened, or that was accepted.
 */
enum act { NOTHING, ROUTE, HEADER, OPEN, ACCEPT, RECEIVE, SEND, CLOSE, FORK, END, MOVE, LOSE };
/*
 * MOMENT: does 7 send the very packet? FIRST: the first that was seen with the end of UDP. SENT: 7, if
 * any was seen to send from TCP in the 20 ms before the packet, or later. USER: of several, that of a
 * packet without data. BYTE: the sender of the 100th byte.
 */
enum ask { USER, FIND, QUEUED, RECEIVER, LAST, PAST, SINCE, HEIR, MOMENT, FIRST, SENT, BYTE };

struct case_event {
	enum act act;
	int pid; /* began a minute before; 8 is in another network namespace, 10 in none that is known */
	int64_t at_ms; /* from the moment of the packet */
	uint16_t port;
};

struct test_case {
	const char *title;
	int protocol;
	struct case_event events[EVENTS_MAX];
	enum ask ask;
	/*
	 * s: the sender's, r: the responder's, u: since when is not known, f: the address is of
	 * neither namespace, a, l: the other namespace has the address too, or lacks it.
	 */
	const char *end;
	int pid; /* the answer; 0 = none, -1 = SINCE, and it may be one of several */
};

/* clang-format off */
static const struct test_case cases[] = {
	{ "nothing was seen", UDP, { { NOTHING, 0, 0, 0 } }, FIND, "s", 0 },
	{ "UDP: it sent the datagram", UDP, { { ROUTE, 7, 0, 1000 } }, FIND, "s", 7 },
	{ "UDP: from another port", UDP, { { ROUTE, 7, 0, 1001 } }, FIND, "s", 0 },
	{ "UDP: it sent to this end, from which nothing is known", UDP, { { ROUTE, 7, 0, 1000 } }, FIND, "", 0 },
	{ "UDP: in another namespace", UDP, { { ROUTE, 8, 0, 1000 } }, FIND, "s", 0 },
	{ "UDP: two sent from the port at that time", UDP, { { ROUTE, 7, 0, 1000 }, { ROUTE, 9, 0, 1000 } }, FIND, "s", 0 },
	{ "UDP: another sent later", UDP, { { ROUTE, 7, 0, 1000 }, { ROUTE, 9, 10, 1000 } }, FIND, "s", 7 },
	{ "UDP: another sent long before", UDP, { { ROUTE, 9, -30, 1000 }, { ROUTE, 7, 0, 1000 } }, FIND, "s", 7 },
	{ "UDP: it sent long before", UDP, { { ROUTE, 7, -30, 1000 } }, FIND, "s", 0 },
	{ "UDP: reports were lost, another may have sent", UDP, { { ROUTE, 7, 0, 1000 }, { LOSE, 0, 1, 0 } }, FIND, "s", 0 },
	{ "UDP: a shaper held it for two seconds", UDP, { { ROUTE, 7, -2000, 1000 } }, QUEUED, "s", 7 },
	{ "UDP: a shaper held it, but two sent", UDP, { { ROUTE, 9, -2500, 1000 }, { ROUTE, 7, -2000, 1000 } }, QUEUED, "s", 0 },
	{ "UDP: another sent before a shaper can have held it", UDP, { { ROUTE, 9, -9000, 1000 }, { ROUTE, 7, -2000, 1000 } }, QUEUED, "s", 7 },
	{ "UDP: a connected socket sends without a route", UDP, { { ROUTE, 7, -9000, 1000 } }, QUEUED, "s", 7 },
	{ "UDP: its process was gone when the datagram was sent", UDP, { { ROUTE, 7, -9000, 1000 }, { END, 7, -5000, 0 } }, QUEUED, "s", 0 },
	{ "UDP: its process ended just before", UDP, { { ROUTE, 7, -9000, 1000 }, { END, 7, -5, 0 } }, QUEUED, "s", 7 },
	{ "UDP: it was seen at the packet", UDP, { { ROUTE, 7, -50, 1000 }, { ROUTE, 7, 0, 1000 } }, MOMENT, "s", 7 },
	{ "UDP: it was seen at the packet, and later", UDP, { { ROUTE, 7, 0, 1000 }, { ROUTE, 7, 20, 1000 } }, MOMENT, "s", 7 },
	{ "UDP: only a millisecond before", UDP, { { ROUTE, 7, -1, 1000 } }, MOMENT, "s", 0 },
	{ "UDP: before and after, and not at the packet", UDP, { { ROUTE, 7, -20, 1000 }, { ROUTE, 7, 20, 1000 } }, MOMENT, "s", 0 },
	{ "UDP: another was, at the packet", UDP, { { ROUTE, 7, -5, 1000 }, { ROUTE, 9, 0, 1000 } }, MOMENT, "s", 0 },
	{ "UDP: the first that had the end", UDP, { { ROUTE, 9, -900, 1000 }, { ROUTE, 7, -1, 1000 } }, FIRST, "s", 9 },
	{ "UDP: the first came after the packet", UDP, { { ROUTE, 7, 50, 1000 } }, FIRST, "s", 0 },
	{ "UDP: the end received", UDP, { { ROUTE, 7, -9000, 1000 } }, QUEUED, "", 0 },
	{ "UDP: the receiver is the one that sent from there", UDP, { { ROUTE, 7, 40, 1000 } }, RECEIVER, "", 7 },
	{ "UDP: the receiver, two sent from there", UDP, { { ROUTE, 7, 40, 1000 }, { ROUTE, 9, -40, 1000 } }, RECEIVER, "", 0 },
	{ "UDP: the receiver was gone", UDP, { { ROUTE, 7, -90, 1000 }, { END, 7, -50, 0 } }, RECEIVER, "", 0 },
	{ "TCP: no receiver of datagrams", TCP, { { ROUTE, 7, 0, 1000 } }, RECEIVER, "", 0 },
	{ "ICMP: the route of an echo has no identifier", ICMP, { { ROUTE, 7, 0, 0 } }, FIND, "s", 7 },
	{ "ICMP: two sent there", ICMP, { { ROUTE, 7, 0, 0 }, { ROUTE, 9, -5, 0 } }, FIND, "s", 0 },
	{ "ICMP: it made the header by hand", ICMP, { { HEADER, 7, 0, 0 } }, FIND, "s", 7 },
	{ "ICMP: two made theirs by hand", ICMP, { { HEADER, 7, 0, 0 }, { HEADER, 9, -5, 0 } }, FIND, "s", 0 },
	{ "ICMP: one of two made it by hand", ICMP, { { ROUTE, 7, 0, 0 }, { HEADER, 9, -5, 0 } }, FIND, "s", 0 },
	{ "ICMP: two of three did not", ICMP, { { ROUTE, 7, 0, 0 }, { ROUTE, 8, -5, 0 }, { ROUTE, 9, -5, 0 }, { HEADER, 9, 0, 0 } }, FIND, "s", 0 },
	{ "ICMP: one process does either", ICMP, { { ROUTE, 7, 0, 0 }, { HEADER, 7, -5, 0 } }, FIND, "s", 7 },
	{ "ICMP: made by hand elsewhere", ICMP, { { HEADER, 8, 0, 0 } }, FIND, "s", 0 },
	{ "TCP: it opened the connection", TCP, { { OPEN, 7, 0, 1000 } }, FIND, "s", 7 },
	{ "TCP: it opened one in another namespace", TCP, { { OPEN, 8, 0, 1000 } }, FIND, "sl", 0 },
	{ "TCP: a route is no proof", TCP, { { ROUTE, 7, 0, 1000 } }, FIND, "s", 0 },
	{ "TCP: when it began is not known", TCP, { { OPEN, 7, 0, 1000 } }, FIND, "su", 0 },
	{ "TCP: opened long before: the tuple of another one", TCP, { { OPEN, 7, -30, 1000 } }, FIND, "s", 0 },
	{ "TCP: and its SYN was held back", TCP, { { OPEN, 7, -2000, 1000 } }, QUEUED, "s", 7 },
	{ "TCP: held back, since when is not known", TCP, { { OPEN, 7, -2000, 1000 } }, QUEUED, "su", 0 },
	{ "TCP: held back, but of the responder", TCP, { { OPEN, 7, -2000, 1000 } }, QUEUED, "sr", 0 },
	{ "TCP: the responder reads", TCP, { { RECEIVE, 7, 20, 1000 } }, FIND, "r", 7 },
	{ "TCP: two read from it, the server is the first", TCP, { { RECEIVE, 7, 20, 1000 }, { RECEIVE, 9, 30, 1000 } }, FIND, "r", 7 },
	{ "TCP: the responder closes", TCP, { { CLOSE, 7, 20, 1000 } }, FIND, "r", 7 },
	{ "TCP: one reads, its parent closes", TCP, { { RECEIVE, 7, 20, 1000 }, { CLOSE, 9, 30, 1000 } }, FIND, "r", 7 },
	{ "TCP: the last that had it", TCP, { { CLOSE, 7, 20, 1000 } }, LAST, "s", 7 },
	{ "TCP: the last one reads what another opened", TCP, { { OPEN, 7, -5, 1000 }, { RECEIVE, 9, 20, 1000 } }, LAST, "s", 9 },
	{ "TCP: one sends, and another reads before the packet", TCP, { { OPEN, 7, -9, 1000 }, { RECEIVE, 9, -5, 1000 } }, USER, "s", 9 },
	{ "TCP: the other reads after it", TCP, { { OPEN, 7, -9, 1000 }, { RECEIVE, 9, 5, 1000 } }, USER, "s", 7 },
	{ "TCP: the responder reads, in a namespace of its own", TCP, { { RECEIVE, 8, 20, 1000 } }, FIND, "rl", 8 },
	{ "TCP: where the same addresses are", TCP, { { RECEIVE, 8, 20, 1000 } }, FIND, "ra", 0 },
	{ "TCP: of which nothing is known", TCP, { { RECEIVE, 8, 20, 1000 } }, FIND, "r", 0 },
	{ "TCP: to which a child of this one moved", TCP, { { FORK, 7, -100, 0 }, { MOVE, 20, -90, 0 }, { RECEIVE, 20, 20, 1000 } }, FIND, "r", 20 },
	{ "TCP: and where the same addresses are", TCP, { { FORK, 7, -100, 0 }, { MOVE, 20, -90, 0 }, { RECEIVE, 20, 20, 1000 } }, FIND, "ra", 0 },
	{ "TCP: a child of another one", TCP, { { FORK, 8, -100, 0 }, { RECEIVE, 20, 20, 1000 } }, FIND, "r", 0 },
	{ "TCP: that is the far end of a forwarded connection", TCP, { { RECEIVE, 8, 20, 1000 } }, FIND, "rfl", 0 },
	{ "TCP: one of the same namespace, a transparent proxy", TCP, { { RECEIVE, 7, 20, 1000 } }, FIND, "rfl", 7 },
	{ "TCP: forwarded, and closed in another namespace", TCP, { { CLOSE, 8, 20, 1000 } }, FIND, "rfl", 0 },
	{ "UDP: nothing is closed", UDP, { { CLOSE, 7, 20, 1000 } }, LAST, "s", 0 },
	{ "TCP: long ago", TCP, { { OPEN, 7, -9000, 1000 } }, PAST, "s", 7 },
	{ "TCP: long ago, two had it", TCP, { { OPEN, 7, -9000, 1000 }, { RECEIVE, 9, -8000, 1000 } }, PAST, "s", 0 },
	{ "UDP: no past", UDP, { { ROUTE, 7, -9000, 1000 } }, PAST, "s", 0 },
	{ "TCP: none was seen with it in the second before", TCP, { { OPEN, 7, -9000, 1000 } }, SINCE, "su", 0 },
	{ "TCP: it was seen to close it", TCP, { { CLOSE, 7, -20, 1000 } }, SINCE, "su", 7 },
	{ "TCP: it was seen to read, and to close it later", TCP, { { RECEIVE, 7, -20, 1000 }, { CLOSE, 7, 20, 1000 } }, SINCE, "ru", 7 },
	{ "TCP: two were seen with it", TCP, { { RECEIVE, 7, -20, 1000 }, { CLOSE, 9, 20, 1000 } }, SINCE, "ru", -1 },
	{ "TCP: it closes a socket of another namespace", TCP, { { CLOSE, 8, -20, 1000 } }, SINCE, "sul", 8 },
	{ "TCP: of a forwarded connection, in another namespace", TCP, { { CLOSE, 8, -20, 1000 } }, SINCE, "sufl", 0 },
	{ "TCP: reports were lost, another may have had it", TCP, { { CLOSE, 7, -20, 1000 }, { LOSE, 0, -9, 0 } }, SINCE, "su", -1 },
	{ "TCP: it opened the socket of one that exited, and may have closed it since", TCP, { { OPEN, 7, -500, 1000 }, { RECEIVE, 9, -400, 1000 }, { END, 9, -10, 0 } }, HEIR, "", 0 },
	{ "TCP: it opened it a moment ago", TCP, { { OPEN, 7, -12, 1000 }, { RECEIVE, 9, -11, 1000 }, { END, 9, -10, 0 } }, HEIR, "s", 0 },
	{ "TCP: it read from it before the other exited", TCP, { { OPEN, 9, -500, 1000 }, { RECEIVE, 7, -400, 1000 }, { END, 9, -10, 0 } }, HEIR, "r", 0 },
	{ "TCP: it reads from it since the other exited", TCP, { { OPEN, 7, -500, 1000 }, { END, 9, -10, 0 }, { RECEIVE, 7, -5, 1000 } }, HEIR, "", 7 },
	{ "TCP: it reads from it later", TCP, { { RECEIVE, 9, -400, 1000 }, { END, 9, -10, 0 }, { RECEIVE, 7, 5, 1000 } }, HEIR, "u", 7 },
	{ "TCP: it closes it", TCP, { { OPEN, 7, -500, 1000 }, { END, 9, -10, 0 }, { CLOSE, 7, -1, 1000 } }, HEIR, "s", 7 },
	{ "TCP: none has sent", TCP, { { ACCEPT, 7, -500, 1000 }, { RECEIVE, 7, -400, 1000 } }, SENT, "rs", 0 },
	{ "TCP: a send that is reported after its packet", TCP, { { ACCEPT, 7, -500, 1000 }, { SEND, 9, 90, 1000 } }, SENT, "rs", 7 },
	{ "TCP: one that may have begun after it", TCP, { { ACCEPT, 7, -500, 1000 }, { SEND, 9, 210, 1000 } }, SENT, "rs", 0 },
	{ "TCP: one from a socket that is not known", TCP, { { SEND, 9, 0, 1000 } }, SENT, "rs", 0 },
	{ "TCP: the process that opened it has sent before", TCP, { { OPEN, 7, -500, 1000 }, { SEND, 7, -400, 1000 } }, SENT, "s", 0 },
	{ "TCP: it has sent before, and forked", TCP, { { OPEN, 7, -500, 1000 }, { SEND, 7, -400, 1000 }, { FORK, 7, -20, 0 } }, SENT, "s", 0 },
	{ "TCP: it has forked, and sends again", TCP, { { OPEN, 7, -500, 1000 }, { SEND, 7, -400, 1000 }, { FORK, 7, -20, 0 }, { SEND, 7, 1, 1000 } }, SENT, "s", 7 },
	{ "TCP: the first that it sends after it has forked", TCP, { { OPEN, 7, -500, 1000 }, { FORK, 7, -20, 0 }, { SEND, 7, -1, 1000 } }, SENT, "s", 7 },
	{ "TCP: a byte that nothing reports", TCP, { { OPEN, 7, -9, 1000 } }, BYTE, "s", 0 },
	{ "TCP: that is reported long after its packet", TCP, { { OPEN, 7, -9, 1000 }, { SEND, 7, 150, 1000 } }, BYTE, "s", 7 },
	{ "TCP: another one sent before", TCP, { { OPEN, 7, -9, 1000 }, { SEND, 9, 1, 1000 }, { SEND, 7, 2, 1000 } }, BYTE, "s", 9 },
	{ "TCP: the one that accepted it alone", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 9, 1, 1000 } }, BYTE, "s", 9 },
	{ "TCP: one of a namespace that lacks the address", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 8, 1, 1000 } }, BYTE, "sl", 8 },
	{ "TCP: one of another that has it too", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 8, 1, 1000 } }, BYTE, "sa", 0 },
	{ "TCP: one of which nothing is known", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 8, 1, 1000 } }, BYTE, "s", 0 },
	{ "TCP: the far end of a forwarded connection", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 8, 1, 1000 } }, BYTE, "sfl", 0 },
	{ "TCP: its namespace is not known", TCP, { { ACCEPT, 7, -9, 1000 }, { SEND, 10, 1, 1000 } }, BYTE, "s", 0 },
	{ "TCP: of a connection of before", TCP, { { OPEN, 7, -50, 1000 }, { SEND, 7, -40, 1000 } }, BYTE, "s", 0 },
	{ "TCP: of one that came after the packet", TCP, { { OPEN, 7, 9, 1000 }, { SEND, 7, 10, 1000 } }, BYTE, "s", 0 },
	{ "UDP: it sent before the other exited", UDP, { { ROUTE, 7, -12, 1000 }, { END, 9, -10, 0 } }, HEIR, "s", 0 },
	{ "UDP: it received, and sent before the other exited", UDP, { { ROUTE, 7, -500, 1000 }, { END, 9, -10, 0 } }, HEIR, "", 0 },
	{ "UDP: it sends since the other exited", UDP, { { ROUTE, 7, -500, 1000 }, { END, 9, -10, 0 }, { ROUTE, 7, -1, 1000 } }, HEIR, "s", 7 },
	{ "UDP: it receives, and sent since the other exited", UDP, { { END, 9, -10, 0 }, { ROUTE, 7, -5, 1000 } }, HEIR, "", 7 },
	{ "a process whose namespace was known later, and is another", UDP, { { ROUTE, 10, 0, 1000 }, { MOVE, 10, 1, 0 } }, FIND, "s", 0 },
	{ "a process whose namespace is not known", UDP, { { ROUTE, 10, 0, 1000 } }, FIND, "s", 10 },
	{ "a process that moved to another namespace", UDP, { { MOVE, 7, -100, 0 }, { ROUTE, 7, 0, 1000 } }, FIND, "s", 0 },
};
/* clang-format on */

static struct trace_event waiting[64];
static int waiting_count, lived;

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

long tracepoints_drain(struct tracepoints *tracepoints, tracepoints_callback *callback,
                       void *context)
{
	long count = waiting_count;

	(void)tracepoints;
	for (int i = 0; i < waiting_count; i++)
		callback(context, &waiting[i]);
	waiting_count = 0;
	return count;
}

const struct tracepoints_counters *tracepoints_counters(const struct tracepoints *tracepoints)
{
	static const struct tracepoints_counters none;

	(void)tracepoints;
	return &none;
}

static void on_lived(void *context, const struct trace_event *event, struct process *process)
{
	(void)context;
	(void)process;
	(void)event;
	lived++;
}

static struct tuple tuple_of(int protocol, uint16_t port)
{
	struct tuple tuple = { .protocol = (uint8_t)protocol,
		               .source_port = port,
		               .destination_port =
		                       protocol == ICMP || protocol == IPPROTO_RAW ? 0 : 53 };

	inet_parse("192.0.2.1", &tuple.source);
	inet_parse("192.0.2.2", &tuple.destination);
	return tuple;
}

static struct trace_event *put(enum trace_event_kind kind, int pid, int64_t time_ns)
{
	struct trace_event *event = &waiting[waiting_count++];

	*event = (struct trace_event){
		.kind = kind, .process_context = true, .pid = pid, .tid = pid, .time_ns = time_ns
	};
	return event;
}

/* The address is of the socket that the process has opened. */
static uint64_t address_of(int pid)
{
	return 0xffff888100000000 + (uint64_t)pid * 4096;
}

static void put_state(const struct case_event *one, struct tuple tuple, int64_t time_ns,
                      enum socket_state from, enum socket_state to)
{
	struct trace_event *event = put(TRACE_EVENT_STATE, one->pid, time_ns);

	event->socket = address_of(one->pid);
	event->old_state = (uint8_t)from;
	event->new_state = (uint8_t)to;
	event->tuple = tuple;
}

static void put_event(const struct case_event *one, int protocol, int64_t packet_ns)
{
	int64_t time_ns = packet_ns + one->at_ms * NS_PER_MS;
	struct tuple tuple = tuple_of(protocol, one->port), unbound = tuple;

	switch (one->act) {
	case ROUTE:
		put(TRACE_EVENT_ROUTE, one->pid, time_ns)->tuple = tuple;
		break;
	case HEADER:
		put(TRACE_EVENT_ROUTE, one->pid, time_ns)->tuple = tuple_of(IPPROTO_RAW, one->port);
		break;
	case OPEN:
		unbound.source_port = 0;
		put_state(one, unbound, time_ns, SOCKET_CLOSED, SOCKET_SYN_SENT);
		put_state(one, tuple, time_ns + 1, SOCKET_SYN_SENT, SOCKET_ESTABLISHED);
		break;
	case ACCEPT:
		put_state(one, tuple, time_ns, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED);
		break;
	case SEND:
		put(TRACE_EVENT_SEND, one->pid, time_ns)->socket = address_of(7);
		waiting[waiting_count - 1].bytes = 100;
		break;
	case FORK:
		put(TRACE_EVENT_FORK, 20, time_ns)->parent_pid = one->pid;
		break;
	case RECEIVE:
		put(TRACE_EVENT_RECEIVE, one->pid, time_ns)->tuple = tuple;
		break;
	case CLOSE:
		put_state(one, tuple, time_ns, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1);
		break;
	case END:
		put(TRACE_EVENT_EXIT, one->pid, time_ns);
		break;
	case MOVE:
		put(TRACE_EVENT_NETNS, one->pid, time_ns)->netns = NETNS + 1;
		break;
	case LOSE:
		put(TRACE_EVENT_LOST_SOCKETS, 0, time_ns)->since_ns = time_ns - 2 * NS_PER_MS;
		break;
	case NOTHING:
		break;
	}
}

/* Four processes, a minute ago. */
static void put_processes(int64_t packet_ns)
{
	int64_t begin_ns = packet_ns - 60 * NS_PER_SECOND;

	for (int pid = 7; pid <= 10; pid++) {
		struct trace_event *event = put(TRACE_EVENT_FORK, pid, begin_ns);

		event->parent_pid = 1;
		event->boottime_ns = begin_ns;
		if (pid != 10)
			put(TRACE_EVENT_NETNS, pid, begin_ns + 1)->netns =
				pid == 8 ? NETNS + 1 : NETNS;
	}
}

/* context: the end of the case. */
static enum trace_owners_address address_in(void *context, uint32_t netns,
                                            const struct inet_address *address, int64_t at_ns)
{
	const char *end = context;
	struct tuple asked = tuple_of(TCP, 1000);

	CHECK(netns == NETNS + 1 && inet_equal(address, &asked.source) && at_ns != 0,
	      "asked for the end's address in the namespace of the process");
	return strchr(end, 'a')   ? TRACE_OWNERS_ADDRESS_PRESENT
	       : strchr(end, 'l') ? TRACE_OWNERS_ADDRESS_ABSENT
	                          : TRACE_OWNERS_ADDRESS_UNKNOWN;
}

static int answer(struct trace_owners *owners, const struct test_case *one, int64_t packet_ns)
{
	bool knows_since = !strchr(one->end, 'u');
	struct attribution_question question = {
		.netns = NETNS,
		.tuple = tuple_of(one->protocol, one->protocol == ICMP ? 77 : 1000),
		.has_icmp_id = one->protocol == ICMP,
		.icmp_id = 77,
		.sender = strchr(one->end, 's'),
		.responder = strchr(one->end, 'r'),
		.foreign = strchr(one->end, 'f'),
		.since_ns = knows_since ? packet_ns : 0,
		.seen_ns = packet_ns,
		.asked_ns = packet_ns,
		.heir_ns = one->ask == HEIR ? packet_ns - 10 * NS_PER_MS : 0,
	};
	struct process *process = NULL;
	bool found = false;
	int first = 0;

	switch (one->ask) {
	case FIND:
		found = trace_owners_find(owners, &question, &process);
		break;
	case QUEUED:
		found = trace_owners_find_queued(owners, &question, &process);
		break;
	case RECEIVER:
		found = trace_owners_find_receiver(owners, &question, &process);
		break;
	case LAST:
		found = trace_owners_find_last(owners, &question, &process);
		break;
	case PAST:
		found = trace_owners_find_past(owners, &question, &process);
		break;
	case SINCE:
		switch (trace_owners_find_since(owners, &question, packet_ns - NS_PER_SECOND,
		                                &process)) {
		case TRACE_OWNERS_NONE:
			return 0;
		case TRACE_OWNERS_ONE:
			return process->pid;
		case TRACE_OWNERS_AMBIGUOUS:
			return -1;
		}
		break;
	case USER:
		found = trace_owners_find_user(owners, &question, &process) == TRACE_OWNERS_ONE;
		break;
	case MOMENT:
		return trace_owners_sends_at(owners, &question, 7) ? 7 : 0;
	case FIRST:
		return trace_owners_first_route(owners, &question, &first) != 0 ? first : 0;
	case SENT:
		return trace_owners_sent_since(owners, &question, packet_ns - 20 * NS_PER_MS) ? 7
		                                                                              : 0;
	case BYTE:
		question.has_offset = true;
		question.offset = 99;
		found = trace_owners_find_sent(owners, &question, &process) == TRACE_OWNERS_ONE;
		CHECK(trace_owners_sent_by(owners, &question, process) == found &&
		              !trace_owners_sent_by(owners, &question, NULL),
		      "%s: by it alone", one->title);
		break;
	case HEIR: /* as attribution asks, where no socket is left */
		found = trace_owners_find(owners, &question, &process) ||
		        trace_owners_find_queued(owners, &question, &process) ||
		        (!question.sender &&
		         trace_owners_find_receiver(owners, &question, &process));
		break;
	}
	return found ? process->pid : 0;
}

static void test_case_of(const struct test_case *one)
{
	int64_t packet_ns = clock_monotonic_ns() - 200 * NS_PER_MS;
	struct trace_owners_options options = { .key = { { 3, 4 } },
		                                .processes = open_table(fake_proc, 1000),
		                                .namespaces = true,
		                                .lived = on_lived,
		                                .address = address_in };
	struct trace_owners *owners;
	struct error error = { 0 };
	char end[8];

	snprintf(end, sizeof end, "%s", one->end);
	options.context = end;
	if (trace_owners_open(&owners, &options, &error) != 0) {
		CHECK(false, "%s: %s", one->title, error.text);
		return;
	}
	waiting_count = 0; /* a case that asks nothing leaves some */
	put_processes(packet_ns);
	for (int i = 0; i < EVENTS_MAX; i++)
		put_event(&one->events[i], one->protocol, packet_ns);
	/* In the order of time, as tracepoints hand them over. */
	for (int i = 1; i < waiting_count; i++)
		for (int j = i; j > 0 && waiting[j].time_ns < waiting[j - 1].time_ns; j--) {
			struct trace_event event = waiting[j];

			waiting[j] = waiting[j - 1];
			waiting[j - 1] = event;
		}
	CHECK_EQUAL(answer(owners, one, packet_ns), one->pid, "%s", one->title);
	trace_owners_close(owners);
	process_table_free(options.processes);
}

/* Calls of connect(2) that failed: of which namespace none knows is nowhere, unless there is one. */
static void test_failed(bool namespaces)
{
	static const struct {
		int pid;
		uint32_t netns[2]; /* where it was: with one namespace, and with several */
	} expected[] = {
		{ 7, { 0, NETNS } },
		{ 8, { 0, NETNS + 1 } },
		{ 9, { 0, NETNS } },
		{ 10, { 0, 0 } },
	};
	int64_t packet_ns = clock_monotonic_ns() - 2 * NS_PER_SECOND;
	struct trace_owners_options options = { .key = { { 3, 4 } },
		                                .processes = open_table(fake_proc, 1000),
		                                .namespaces = namespaces,
		                                .lived = on_lived };
	struct trace_owners *owners;
	struct error error = { 0 };
	struct failed_connect connect;
	struct process *process;

	if (trace_owners_open(&owners, &options, &error) != 0) {
		CHECK(false, "%s", error.text);
		return;
	}
	waiting_count = 0;
	put_processes(packet_ns);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		struct case_event one = { OPEN, expected[i].pid, (int64_t)i, 1000 };
		int64_t time_ns = packet_ns + one.at_ms * NS_PER_MS;
		struct tuple tuple = tuple_of(TCP, 0);

		put_state(&one, tuple, time_ns, SOCKET_CLOSED, SOCKET_SYN_SENT);
		tuple.source_port = 1000;
		put_state(&one, tuple, time_ns + 1, SOCKET_SYN_SENT, SOCKET_CLOSED);
	}
	trace_owners_drain(owners);
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		if (namespaces && expected[i].netns[1] == 0)
			continue;
		CHECK(trace_owners_take_failed(owners, INT64_MAX, &connect, &process) &&
		              connect.pid == expected[i].pid &&
		              connect.netns == expected[i].netns[namespaces],
		      "process %d, %s", expected[i].pid, namespaces ? "of several" : "of one");
	}
	CHECK(!trace_owners_take_failed(owners, INT64_MAX, &connect, &process),
	      "a process that may be in any namespace is in none");
	trace_owners_close(owners);
	process_table_free(options.processes);
}

int main(void)
{
	fake_begin();
	fake_put("sys/kernel/random/boot_id", "0bb58b47-5f5c-4bd7-8a4b-1a2a5a5b3b1f\n");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		test_case_of(&cases[i]);
	test_failed(false);
	test_failed(true);
	CHECK(lived > 4 * 30 && lived < 5 * 100, "forks and exits are handed on");
	fake_remove("");
	return check_done();
}
