/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Events become sightings. */
#include "attribution/socket_history_private.h"

#include "attribution/windows.h"
#include "sockets/socket.h"

/* 0 = not known. Pids are used again; milliseconds of the fork distinguish their processes. */
static uint16_t life_of(const struct process *process)
{
	uint16_t life = process ? (uint16_t)sighting_ms(process->forked_ns) : 0;

	return process && life == 0 ? 1 : life;
}

/* What the event says of its process and its tuple. */
static struct sighting sighting_of(struct socket_history *history, const struct trace_event *event,
                                   const struct process *process, uint8_t kind)
{
	bool reversed;
	uint64_t hash = socket_history_hash(history, &event->tuple, &reversed);

	return (struct sighting){
		.hash = hash,
		.reversed = reversed,
		.source = event->tuple.source,
		.pid = event->pid,
		.netns = process ? process->netns : 0,
		.life = life_of(process),
		.kinds = kind,
		.sole_holder_since_ns = kind != SOCKET_HISTORY_CLOSED ? 0
		                        : process ? process->sole_holder_since_ns
		                                  : INT64_MAX,
	};
}

/* A child of kthreadd, pid 2; in another pid namespace that is a program like others. */
static bool is_kernel_thread(const struct process *process)
{
	return process->parent_pid == 2 && !process->executable;
}

/*
 * A step by the process that holds the socket, and no tool's or interrupt's. What io_uring has of a
 * process that exits is closed by a kernel thread, 30 to 50 ms later with Linux 6.18.
 */
static bool is_close(const struct trace_event *event, const struct process *process)
{
	return event->process_context && event->tuple.destination_port != 0 &&
	       !(process && is_kernel_thread(process)) &&
	       (event->new_state == SOCKET_FIN_WAIT_1 || event->new_state == SOCKET_LAST_ACK ||
	        event->new_state == SOCKET_CLOSED);
}

static void add_send(struct socket_history *history, const struct trace_event *event,
                     const struct process *process)
{
	const struct sighting sighting = {
		.pid = event->pid,
		.life = life_of(process),
		.netns = process ? process->netns : 0,
		.kinds = SOCKET_HISTORY_SENT,
		.sole_holder_since_ns = process ? process->sole_holder_since_ns : 0,
	};

	socket_history_take_in(history, COMING_SENT, event->socket, event->bytes, &sighting,
	                       event->time_ns);
}

static void add_failed(struct socket_history *history, const struct trace_event *event,
                       const struct pending_connect *pending_connect)
{
	const struct failed_connect connect = {
		.tuple = event->tuple,
		.netns = pending_connect->netns,
		.pid = pending_connect->pid,
		.began_ns = pending_connect->time_ns,
		.ended_ns = event->time_ns,
	};

	history->counters.evicted += !failed_connects_add(history->failed_connects, &connect);
}

/*
 * Its ports are known: it has left SYN_SENT, or, where that was not reported, it is
 * closed by who began it. (perf leaves out what happens in an interrupt of a task
 * whose perf_recursion is stuck: seen with Linux 6.18, at one task of a hundred.)
 */
static void add_opened(struct socket_history *history, const struct trace_event *event)
{
	struct sighting sighting;
	struct pending_connect pending_connect;
	bool left = event->old_state == SOCKET_SYN_SENT;

	if (!pending_connects_take(history->pending_connects, event->socket, &pending_connect)) {
		history->counters.unjoined += left;
		return;
	}
	if (left && event->new_state == SOCKET_CLOSED)
		add_failed(history, event, &pending_connect);
	if (event->tuple.source_port == 0 || (!left && pending_connect.pid != event->pid))
		return;
	sighting = sighting_of(history, event, NULL, SOCKET_HISTORY_OPENED);
	sighting.pid = pending_connect.pid;
	sighting.netns = pending_connect.netns;
	socket_history_take_in(history, COMING_OPENED, event->socket, 0, &sighting,
	                       pending_connect.time_ns);
}

static void add_state(struct socket_history *history, const struct trace_event *event,
                      const struct process *process)
{
	struct pending_connect pending_connect = { event->socket, event->pid,
		                                   process ? process->netns : 0, event->time_ns };

	if (event->socket == 0)
		return;
	if (event->new_state == SOCKET_SYN_SENT) {
		/* In no process's name: what was known of this address is of a former socket. */
		if (!event->process_context) {
			pending_connects_take(history->pending_connects, event->socket,
			                      &pending_connect);
			return;
		}
		failed_connects_found_route(history->failed_connects, event);
		history->counters.evicted +=
			pending_connects_put(history->pending_connects, &pending_connect);
	} else if (event->old_state == SOCKET_SYN_SENT) {
		add_opened(history, event);
	} else if (event->old_state == SOCKET_SYN_RECEIVED) {
		struct sighting accepted = sighting_of(history, event, NULL, 0);

		socket_history_take_in(history, COMING_ACCEPTED, event->socket, 0, &accepted,
		                       event->time_ns);
	} else if (is_close(event, process)) {
		struct sighting sighting =
			sighting_of(history, event, process, SOCKET_HISTORY_CLOSED);

		add_opened(history, event);
		socket_history_take_in(history, COMING_SEEN, 0, 0, &sighting, event->time_ns);
	}
}

/* One interval is kept: it grows over what lies between two losses. */
static void add_loss(struct socket_history *history, const struct trace_event *event)
{
	bool forgotten = history->lost_to_ns + WINDOW_HISTORY_KEEP_NS < event->since_ns;

	if (history->lost_to_ns == 0 || forgotten || event->since_ns < history->lost_from_ns)
		history->lost_from_ns = event->since_ns;
	if (event->time_ns > history->lost_to_ns)
		history->lost_to_ns = event->time_ns;
	socket_history_enter_all(history);
	pending_connects_clear(history->pending_connects);
	failed_connects_lost(history->failed_connects);
	traced_sockets_clear(history->traced_sockets);
	sent_bytes_clear(history->sent_bytes);
}

bool socket_history_take_failed(struct socket_history *history, int64_t before_ns,
                                struct failed_connect *connect)
{
	return failed_connects_take(history->failed_connects, before_ns, connect);
}

void socket_history_add(struct socket_history *history, const struct trace_event *event,
                        const struct process *process)
{
	struct sighting sighting;

	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
		sighting = sighting_of(history, event, process, SOCKET_HISTORY_ROUTED);
		sighting.ifindex = event->ifindex;
		socket_history_take_in(history, COMING_SEEN, 0, 0, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_NO_ROUTE:
		history->counters.evicted += !failed_connects_add_lookup(
			history->failed_connects, event, process ? process->netns : 0);
		break;
	case TRACE_EVENT_RECEIVE:
		sighting = sighting_of(history, event, process, SOCKET_HISTORY_RECEIVED);
		socket_history_take_in(history, event->socket != 0 ? COMING_RECEIVED : COMING_SEEN,
		                       event->socket, 0, &sighting, event->time_ns);
		break;
	case TRACE_EVENT_SEND:
		add_send(history, event, process);
		break;
	case TRACE_EVENT_STATE:
		add_state(history, event, process);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		add_loss(history, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_NAME:
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
	case TRACE_EVENT_EXIT:
	case TRACE_EVENT_CGROUP:
	case TRACE_EVENT_SETTLED:
	case TRACE_EVENT_LOST_PROCESSES:
	case TRACE_EVENT_OTHER:
		break;
	}
}
