/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/socket_history.h"

#include <netinet/in.h>

#include "check.h"
#include "socket_history_fixture.h"

/* What is answered of one tuple that several processes use: {event, pid, time}, question, answer. */
static struct socket_history_question latest_at(struct tuple about, unsigned kinds, int64_t to_ns)
{
	return (struct socket_history_question){
		.tuple = about, .kinds = kinds, .to_ns = to_ns, .apart_ns = INT64_MAX
	};
}

static int latest_pid(struct socket_history_question question)
{
	struct socket_history_match match;

	switch (socket_history_find_latest(history, &question, &match)) {
	case SOCKET_HISTORY_FOUND:
		return match.pid;
	case SOCKET_HISTORY_AMBIGUOUS:
		return -1;
	case SOCKET_HISTORY_NONE:
	case SOCKET_HISTORY_INCOMPLETE:
		break;
	}
	return 0;
}

static void add_send(int pid, uint64_t socket, int64_t time_ns)
{
	struct trace_event event = { .kind = TRACE_EVENT_SEND,
		                     .process_context = true,
		                     .socket = socket,
		                     .pid = pid,
		                     .time_ns = time_ns };

	socket_history_add(history, &event, NULL);
}

static void add_bytes(int pid, uint32_t bytes, int64_t time_ns, const struct process *process)
{
	struct trace_event event = { .kind = TRACE_EVENT_SEND,
		                     .process_context = true,
		                     .socket = SOCKET,
		                     .pid = pid,
		                     .bytes = bytes,
		                     .time_ns = time_ns };

	socket_history_add(history, &event, process);
}

/* The process that sent the byte; 0: not known, -1: not reported yet. */
static int sender_of(struct tuple about, uint32_t offset)
{
	const struct socket_history_question question = { .tuple = about,
		                                          .from_ns = NOW,
		                                          .to_ns = NOW + 9 * SECOND };
	struct socket_history_match match;

	switch (socket_history_find_sent(history, &question, offset, &match)) {
	case SOCKET_HISTORY_FOUND:
		return match.pid;
	case SOCKET_HISTORY_INCOMPLETE:
		return -1;
	case SOCKET_HISTORY_NONE:
	case SOCKET_HISTORY_AMBIGUOUS:
		break;
	}
	return 0;
}

static void connect_at(struct tuple about, int pid, int64_t time_ns)
{
	struct tuple before = about;

	before.source_port = 0;
	add_state(before, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, pid, true, time_ns, NULL);
	add_state(about, SOCKET, SOCKET_SYN_SENT, SOCKET_ESTABLISHED, 1, false, time_ns + 5, NULL);
}

static void test_senders(void)
{
	const unsigned sends = SOCKET_HISTORY_OPENED | SOCKET_HISTORY_SENT;
	uint32_t changes;

	begin(64);
	connect_at(web(4000), 42, NOW);
	changes = socket_history_changes(history);
	add_send(42, SOCKET, NOW + SECOND);
	add_send(42, SOCKET + 64, NOW + SECOND);
	CHECK(socket_history_changes(history) == changes && socket_history_count(history) == 1,
	      "the process that connected sends, which says nothing new");
	add_send(43, SOCKET, NOW + 2 * SECOND);
	CHECK(socket_history_changes(history) == changes + 1 &&
	              socket_history_changed_ns(history) == NOW + 2 * SECOND,
	      "another sends");
	CHECK_EQUAL(latest_pid(latest_at(web(4000), sends, NOW + SECOND)), 42, "the first sends");
	CHECK_EQUAL(latest_pid(latest_at(web(4000), sends, NOW + 2 * SECOND - 1000)), 43,
	            "a send is reported after its packet has left");
	add_send(42, SOCKET, NOW + 3 * SECOND);
	CHECK_EQUAL(latest_pid(latest_at(web(4000), sends, NOW + 2 * SECOND + 1)), 43,
	            "the second sends");
	CHECK_EQUAL(latest_pid(latest_at(web(4000), sends, NOW + 4 * SECOND)), 42,
	            "the first again");
	add_state(web(4001), SOCKET + 128, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 7, false, NOW,
	          NULL);
	CHECK_EQUAL(latest_pid(latest_at(web(4001), SOCKET_HISTORY_USED, NOW + SECOND)), 0,
	            "who ran when a connection came in does not have it");
	add_send(44, SOCKET + 128, NOW + 1000);
	CHECK_EQUAL(latest_pid(latest_at(web(4001), sends, NOW + SECOND)), 44,
	            "who sends from what was accepted has it");
	add_loss(NOW + 5 * SECOND, NOW + 6 * SECOND);
	add_send(45, SOCKET, NOW + 7 * SECOND);
	CHECK_EQUAL(latest_pid(latest_at(web(4000), sends, NOW + 4 * SECOND)), 42,
	            "after a loss an address may be another socket's");
}

/* A process takes a request, and another one answers it: no report says when its send began. */
static void test_reader_and_sender(void)
{
	const unsigned uses = SOCKET_HISTORY_USED;
	struct trace_event read = { .kind = TRACE_EVENT_RECEIVE,
		                    .socket = SOCKET,
		                    .pid = 42,
		                    .time_ns = NOW + 10 * NS_PER_MS,
		                    .tuple = web(4000) };

	begin(64);
	add_state(web(4000), SOCKET, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 7, false, NOW, NULL);
	socket_history_add(history, &read, NULL);
	add_send(43, SOCKET, NOW + 20 * NS_PER_MS);
	CHECK_EQUAL(latest_pid(latest_at(web(4000), uses, NOW + 30 * NS_PER_MS)), 43,
	            "the one that answered used it last");
	read.time_ns = NOW + 40 * NS_PER_MS;
	socket_history_add(history, &read, NULL);
	CHECK_EQUAL(latest_pid(latest_at(web(4000), uses, NOW + 50 * NS_PER_MS)), 42,
	            "then the one that reads again");

	begin(64);
	add_state(web(4000), SOCKET, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 7, false, NOW, NULL);
	read.pid = 42;
	read.time_ns = NOW + 10 * NS_PER_MS;
	socket_history_add(history, &read, NULL);
	read.pid = 43;
	read.time_ns = NOW + 20 * NS_PER_MS;
	socket_history_add(history, &read, NULL);
	add_send(43, SOCKET, NOW + 40 * NS_PER_MS);
	CHECK_EQUAL(latest_pid(latest_at(web(4000), uses, NOW + 50 * NS_PER_MS)), 43,
	            "one that has read, too");
}

/* One process after the other, with the same ends. */
static void test_successors(void)
{
	int wrong = 0;

	begin(256);
	for (int i = 0; i < 60; i++)
		connect_at(web(4000), 100 + i, NOW + i * NS_PER_MS);
	for (int i = 0; i < 60; i++)
		wrong += latest_pid(latest_at(web(4000), SOCKET_HISTORY_OPENED,
		                              NOW + i * NS_PER_MS + 50000)) != 100 + i;
	CHECK_EQUAL(wrong, 0, "each has its time");
}

static void add_route(struct tuple about, int pid, uint32_t ifindex, int64_t time_ns,
                      const struct process *process)
{
	struct trace_event event = { .kind = TRACE_EVENT_ROUTE,
		                     .process_context = true,
		                     .ifindex = ifindex,
		                     .pid = pid,
		                     .time_ns = time_ns,
		                     .tuple = about };

	socket_history_add(history, &event, process);
}

static void test_answers(void)
{
	struct tuple dns = tuple("192.0.2.1", 53, "198.51.100.7", 5000, IPPROTO_UDP);
	struct process first = { .forked_ns = NOW - SECOND };
	struct process second = { .forked_ns = NOW + NS_PER_MS };
	struct socket_history_question question = latest_at(dns, SOCKET_HISTORY_ROUTED, NOW);
	struct socket_history_match match;

	begin(64);
	add_route(dns, 42, 0, NOW, NULL);
	add_route(dns, 43, 0, NOW + 20 * NS_PER_MS, NULL);
	add_route(dns, 42, 0, NOW + 40 * NS_PER_MS, NULL);
	for (int i = 0; i < 3; i++) {
		question.to_ns = NOW + i * 20 * NS_PER_MS + 5000;
		question.apart_ns = question.to_ns - 100000;
		CHECK_EQUAL(latest_pid(question), i % 2 ? 43 : 42, "each answer is its sender's");
	}
	add_route(dns, 43, 0, NOW + 40 * NS_PER_MS + 10000, NULL);
	question.to_ns = NOW + 40 * NS_PER_MS + 20000;
	question.apart_ns = question.to_ns - 100000;
	CHECK_EQUAL(latest_pid(question), -1, "two at the same moment are not distinguished");

	begin(64);
	add_route(dns, 42, 3, NOW, NULL);
	add_route(dns, 43, 4, NOW + 10, NULL);
	question = latest_at(dns, SOCKET_HISTORY_ROUTED, NOW + 20);
	question.ifindex = 3;
	CHECK_EQUAL(latest_pid(question), 42, "the interface distinguishes them");
	question.ifindex = 9;
	CHECK_EQUAL(latest_pid(question), 43, "unless it is neither's");

	begin(64);
	add_route(dns, 42, 0, NOW, &first);
	add_route(dns, 42, 0, NOW + 5 * NS_PER_MS, &second);
	question = latest_at(dns, SOCKET_HISTORY_ROUTED, NOW + NS_PER_MS);
	CHECK(socket_history_find_latest(history, &question, &match) == SOCKET_HISTORY_FOUND &&
	              match.last_ns == NOW,
	      "a pid that is used again is another process");
	question.to_ns = NOW + 10 * NS_PER_MS;
	CHECK(socket_history_find_latest(history, &question, &match) == SOCKET_HISTORY_FOUND &&
	              match.first_ns == NOW + 5 * NS_PER_MS && match.several,
	      "from when it was seen");
	CHECK(socket_history_find_first(history, &question, &match) == SOCKET_HISTORY_FOUND &&
	              match.first_ns == NOW,
	      "the first of them");
}

static void test_bytes(void)
{
	const struct process child = { .forked_ns = NOW + SECOND,
		                       .sole_holder_since_ns = NOW + SECOND };

	begin(64);
	connect_at(web(4000), 42, NOW);
	add_bytes(42, 100, NOW + SECOND, NULL);
	CHECK(sender_of(web(4000), 0) == 42 && sender_of(web(4000), 99) == 42,
	      "what is reported of one process alone");
	CHECK_EQUAL(sender_of(web(4000), 100), 0, "what is not is of any, as none else was seen");
	CHECK_EQUAL(sender_of(web(4001), 0), 0, "nothing of another connection");
	add_bytes(43, 50, NOW + 2 * SECOND, NULL);
	add_bytes(43, 50, NOW + 3 * SECOND, NULL);
	CHECK_EQUAL(sender_of(web(4000), 99), 42, "what the first sent, whenever it leaves");
	CHECK_EQUAL(sender_of(web(4000), 199), 43, "what the second sent");
	CHECK_EQUAL(sender_of(web(4000), 200), -1, "what is not reported");
	socket_history_uncount(history);
	add_bytes(43, 50, NOW + 4 * SECOND, NULL);
	CHECK_EQUAL(sender_of(web(4000), 220), -1, "reports were switched off in between");

	begin(64);
	add_state(web(4001), SOCKET, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 7, false, NOW, NULL);
	add_bytes(44, 100, NOW + 2 * SECOND, &child);
	CHECK_EQUAL(sender_of(web(4001), 99), 44, "a child sends what its parent accepted");

	begin(64);
	add_state(web(4001), SOCKET, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 7, false,
	          NOW + 3 * SECOND, NULL);
	add_bytes(44, 100, NOW + 4 * SECOND, &child);
	CHECK_EQUAL(sender_of(web(4001), 99), 44, "it was forked before, and has it alone");
}

/* Bytes that are reported of the socket that has the tuple since NOW or later, up to that time; -1: not known. */
static int64_t count_of(struct tuple about, int64_t to_ns)
{
	const struct socket_history_question question = { .tuple = about,
		                                          .from_ns = NOW,
		                                          .to_ns = to_ns };
	struct socket_history_sent sent;

	return socket_history_count_sent(history, &question, &sent) ? (int64_t)sent.bytes : -1;
}

static void test_count(void)
{
	struct socket_history_question question = { .tuple = web(1000), .to_ns = NOW + 9 };
	struct socket_history_sent sent = { 0 };

	begin(16);
	connect_at(web(1000), 10, NOW);
	CHECK_EQUAL(count_of(web(1000), NOW + 9), 0, "nothing was sent");
	add_bytes(10, 100, NOW + 1, NULL);
	add_bytes(20, 50, NOW + 2, NULL);
	CHECK(socket_history_count_sent(history, &question, &sent) && sent.bytes == 150 &&
	              sent.pid == 20,
	      "all that processes sent, and which was the last");
	CHECK_EQUAL(count_of(tuple_reverse(&question.tuple), NOW + 9), -1, "not the other end's");
	CHECK_EQUAL(count_of(web(1001), NOW + 9), -1, "not another connection's");
	question.from_ns = NOW + 1;
	CHECK(!socket_history_count_sent(history, &question, &sent), "not one that is to be later");
	CHECK_EQUAL(count_of(web(1000), NOW - 1), -1, "not one of before it");
	connect_at(web(1001), 10, NOW + 10);
	CHECK(count_of(web(1000), NOW + 19) == -1 && count_of(web(1001), NOW + 19) == 0,
	      "the address is of the next socket then");
	add_state(web(1001), SOCKET + 1, SOCKET_SYN_RECEIVED, SOCKET_ESTABLISHED, 1, false,
	          NOW + 20, NULL);
	CHECK_EQUAL(count_of(web(1001), NOW + 29), -1, "of two with these ends none is known");
	CHECK_EQUAL(count_of(web(1001), NOW + 19), 0, "but the one that was there by then");
	socket_history_uncount(history);
	CHECK_EQUAL(count_of(web(1001), NOW + 19), -1, "sends may have gone unreported");
	begin(16);
	connect_at(web(1000), 10, NOW);
	add_loss(NOW + 1, NOW + 2);
	CHECK_EQUAL(count_of(web(1000), NOW + 9), -1, "reports were lost");
}

int main(void)
{
	test_senders();
	test_reader_and_sender();
	test_bytes();
	test_successors();
	test_answers();
	test_count();
	socket_history_free(history);
	return check_done();
}
