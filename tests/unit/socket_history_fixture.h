/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One socket history and the events that are put into it, for the tests of its parts. */
#ifndef SOCKLINE_TESTS_UNIT_SOCKET_HISTORY_FIXTURE_H
#define SOCKLINE_TESTS_UNIT_SOCKET_HISTORY_FIXTURE_H

#include <netinet/in.h>

#include "attribution/socket_history.h"
#include "base/clock.h"
#include "sockets/socket.h"

#define SECOND NS_PER_SECOND
#define NOW    (1000 * SECOND)
#define SOCKET 0xffff888100000000

static const struct hash_key key = { { 1, 2 } };
static struct socket_history *history;

static inline struct tuple tuple(const char *local, uint16_t local_port, const char *remote,
                                 uint16_t remote_port, uint8_t protocol)
{
	struct tuple made = { .source_port = local_port,
		              .destination_port = remote_port,
		              .protocol = protocol };

	inet_parse(local, &made.source);
	inet_parse(remote, &made.destination);
	return made;
}

static inline struct tuple web(uint16_t local_port)
{
	return tuple("192.0.2.1", local_port, "198.51.100.7", 443, IPPROTO_TCP);
}

static inline void begin(uint32_t max)
{
	socket_history_free(history);
	history = socket_history_new(max, &key);
}

static inline void add_state(struct tuple about, uint64_t socket, uint8_t old_state,
                             uint8_t new_state, int pid, bool process_context, int64_t time_ns,
                             const struct process *process)
{
	struct trace_event event = { .kind = TRACE_EVENT_STATE,
		                     .process_context = process_context,
		                     .old_state = old_state,
		                     .new_state = new_state,
		                     .socket = socket,
		                     .pid = pid,
		                     .time_ns = time_ns,
		                     .tuple = about };

	socket_history_add(history, &event, process);
}

static inline void add_loss(int64_t since_ns, int64_t time_ns)
{
	struct trace_event event = { .kind = TRACE_EVENT_LOST_SOCKETS,
		                     .since_ns = since_ns,
		                     .time_ns = time_ns };

	socket_history_add(history, &event, NULL);
}

#endif
