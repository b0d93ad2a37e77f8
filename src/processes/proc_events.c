/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_events.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process_read.h"
#include "sockets/netlink.h"
#include "sockets/netns.h"

#define RECEIVE_BUFFER (8 << 20) /* about 20,000 events */
#define DATAGRAM_MAX   256       /* 76 bytes as of Linux 6.18 */
#define ANCESTORS_MAX  32        /* whose network namespaces are tried */

/*
 * What linux/cn_proc.h says, in types of fixed size: its names are our names,
 * and before Linux 6.6 it lacks the filter. The head is struct cn_msg without
 * the flexible array at its end.
 */
#define LISTEN 1u
#define IGNORE 2u

#define EVENT_NONE  0u /* the answer to LISTEN */
#define EVENT_FORK  1u
#define EVENT_EXEC  2u
#define EVENT_USER  4u
#define EVENT_GROUP 0x40u
#define EVENT_EXIT  0x80000000u

struct wire_head {
	uint32_t index, value;
	uint32_t sequence, ack;
	uint16_t length, flags;
};

struct wire_event {
	uint32_t what;
	uint32_t cpu;
	uint64_t time_ns;
	union {
		uint32_t error;
		struct {
			int32_t thread, pid, child_thread, child_pid;
		} fork;
		struct {
			int32_t thread, pid;
			uint32_t id, effective_id; /* EVENT_EXIT: the first is the status */
		} task;
	};
};

struct proc_events {
	struct netlink *netlink;
	unsigned kinds;
	struct proc_events_counters counters;
};

/* Fields that the message is too short for are 0. */
static bool parse_message(const void *message, size_t length, struct wire_head *head,
                          struct wire_event *event)
{
	const char *data = (const char *)message + sizeof *head;

	if (length < sizeof *head)
		return false;
	memcpy(head, message, sizeof *head);
	length -= sizeof *head;
	if (head->index != CN_IDX_PROC || head->value != CN_VAL_PROC || length < head->length ||
	    head->length < sizeof event->what + sizeof event->cpu + sizeof event->time_ns)
		return false;
	memset(event, 0, sizeof *event);
	memcpy(event, data, head->length < sizeof *event ? head->length : sizeof *event);
	return true;
}

bool proc_events_parse(const void *message, size_t length, struct proc_event *event)
{
	struct proc_event new = { 0 };
	struct wire_event wire;
	struct wire_head head;
	int thread;

	if (!parse_message(message, length, &head, &wire))
		return false;
	switch (wire.what) {
	case EVENT_FORK:
		new.kind = PROC_EVENT_FORK;
		new.pid = wire.fork.child_pid;
		new.parent_pid = wire.fork.pid;
		thread = wire.fork.child_thread;
		break;
	case EVENT_EXEC:
		new.kind = PROC_EVENT_EXEC;
		new.pid = wire.task.pid;
		thread = wire.task.thread;
		break;
	case EVENT_EXIT:
		new.pid = wire.task.pid;
		thread = wire.task.thread;
		new.kind = thread == new.pid ? PROC_EVENT_EXIT : PROC_EVENT_THREAD_EXIT;
		new.wait_status = wire.task.id;
		break;
	case EVENT_USER: /* each thread has ids of its own, and libc changes those of all */
	case EVENT_GROUP:
		new.kind = wire.what == EVENT_USER ? PROC_EVENT_USER : PROC_EVENT_GROUP;
		new.pid = wire.task.pid;
		new.id = wire.task.id;
		new.effective_id = wire.task.effective_id;
		thread = wire.task.thread;
		break;
	default:
		return false;
	}
	if (new.pid <= 0 || thread <= 0 || (thread != new.pid &&new.kind != PROC_EVENT_THREAD_EXIT))
		return false; /* a thread */
	new.tid = thread;
	new.time_ns = (int64_t)wire.time_ns;
	*event = new;
	return true;
}

/* Listen, filtered when event_types is not 0 (Linux >= 6.6 alone understands that), or ignore. */
static int send_operation(struct netlink *netlink, uint32_t operation, uint32_t event_types,
                          uint32_t ack)
{
	struct {
		struct wire_head head;
		uint32_t operation;
		uint32_t event_types;
	} message = {
		.head = {
			.index = CN_IDX_PROC,
			.value = CN_VAL_PROC,
			.ack = ack,
			.length = sizeof message.operation,
		},
		.operation = operation,
		.event_types = event_types,
	};

	if (event_types)
		message.head.length += sizeof message.event_types;
	return netlink_send(netlink, NLMSG_DONE, &message,
	                    sizeof message.head + message.head.length);
}

struct acknowledgement {
	uint32_t ack;
	bool found;
	uint32_t error;
};

static int look_for_ack(void *context, const struct netlink_message *message)
{
	struct acknowledgement *expected = context;
	struct wire_event event;
	struct wire_head head;

	if (parse_message(message->payload, message->length, &head, &event) &&
	    event.what == EVENT_NONE && head.ack == expected->ack) {
		expected->found = true;
		expected->error = event.error;
	}
	return 0;
}

static uint32_t event_types(unsigned kinds)
{
	return (kinds & 1u << PROC_EVENT_FORK ? EVENT_FORK : 0) |
	       (kinds & 1u << PROC_EVENT_EXEC ? EVENT_EXEC : 0) |
	       (kinds & PROC_EVENTS_ENDS ? EVENT_EXIT : 0) |
	       (kinds & 1u << PROC_EVENT_USER ? EVENT_USER : 0) |
	       (kinds & 1u << PROC_EVENT_GROUP ? EVENT_GROUP : 0);
}

/*
 * The kernel runs the request inside send(2) and answers all listeners; where
 * it does not mean to listen to us, it says nothing at all.
 */
static int listen_to_kernel(struct netlink *netlink, unsigned kinds, struct error *error)
{
	uint32_t number = (uint32_t)clock_monotonic_ns();
	struct acknowledgement answer = { .ack = number + 1 };
	int result;

	result = send_operation(netlink, LISTEN, 0, number);
	if (result < 0)
		return error_set(error, -result, "process events: %s",
		                 result == -ECONNREFUSED ? "not in this network namespace"
		                                         : strerror(-result));
	netlink_receive(netlink, look_for_ack, &answer);
	if (!answer.found)
		return error_set(error, EPERM,
		                 "process events: no answer, another pid or user namespace");
	if (answer.error)
		return error_set(error, (int)answer.error, "process events: %s",
		                 strerror((int)answer.error));
	/* Sent second, as older kernels do not answer it and send everything. */
	send_operation(netlink, LISTEN, event_types(kinds), number);
	return 0;
}

/* In the network namespace of the calling thread. */
static int open_here(struct proc_events **events, unsigned kinds, struct error *error)
{
	struct proc_events *new = calloc(1, sizeof *new);
	int result;

	if (!new)
		return error_set(error, ENOMEM, "out of memory");
	new->kinds = kinds;
	result = netlink_open(&new->netlink, NETLINK_CONNECTOR, error);
	if (result < 0)
		goto fail;
	result = netlink_expect_small(new->netlink, DATAGRAM_MAX);
	if (result < 0) {
		error_set(error, -result, "out of memory");
		goto fail;
	}
	/* With a smaller buffer events are lost earlier, and counted. */
	netlink_set_receive_buffer(new->netlink, RECEIVE_BUFFER);
	result = netlink_join(new->netlink, CN_IDX_PROC);
	if (result < 0) {
		error_set(error, -result, "process events: %s",
		          result == -EPERM
		                  ? "before Linux 6.6 they need CAP_NET_ADMIN of the first "
		                    "user namespace"
		                  : strerror(-result));
		goto fail;
	}
	result = listen_to_kernel(new->netlink, kinds, error);
	if (result < 0)
		goto fail;
	*events = new;
	return 0;
fail:
	netlink_close(new->netlink);
	free(new);
	return result;
}

/* Inside the namespace of that process, unless the number is *tried already. 0 or -errno. */
static int open_beside(struct proc_events **events, unsigned kinds, int pid, uint32_t *tried)
{
	char path[64];
	uint32_t number;
	int fd, previous, result = -EEXIST;

	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	fd = netns_open_path(path, &number, NULL);
	if (fd < 0)
		return fd;
	if (number != *tried) {
		*tried = number;
		result = previous = netns_enter(fd);
		if (previous >= 0) {
			result = open_here(events, kinds, NULL);
			netns_leave(previous);
		}
	}
	close(fd);
	return result;
}

/*
 * The kernel has the connector in the first network namespace alone, which is mostly that of an
 * ancestor. What the socket delivers is the same from everywhere.
 */
static int open_beside_ancestor(struct proc_events **events, unsigned kinds)
{
	int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), pid = getppid();
	struct process_stat stat = { 0 };
	uint32_t tried = netns_self();
	int result = -ECONNREFUSED;

	for (int generation = 0; generation < ANCESTORS_MAX && pid > 0; generation++) {
		result = open_beside(events, kinds, pid, &tried);
		if (result == 0 || process_read_stat_of(proc_fd, pid, &stat) != 0)
			break;
		pid = stat.parent_pid;
	}
	if (proc_fd >= 0)
		close(proc_fd);
	return result;
}

int proc_events_open(struct proc_events **events, unsigned kinds, struct error *error)
{
	int result = open_here(events, kinds, error);

	return result == -ECONNREFUSED && open_beside_ancestor(events, kinds) == 0 ? 0 : result;
}

void proc_events_close(struct proc_events *events)
{
	if (!events)
		return;
	/* Before Linux 6.6 the kernel counts listeners and does not see them close. */
	send_operation(events->netlink, IGNORE, 0, 0);
	netlink_close(events->netlink);
	free(events);
}

int proc_events_fd(const struct proc_events *events)
{
	return netlink_fd(events->netlink);
}

void proc_events_narrow(struct proc_events *events, unsigned kinds)
{
	events->kinds = kinds;
	send_operation(events->netlink, LISTEN, event_types(kinds), 0);
}

struct delivery {
	proc_events_callback *callback;
	void *context;
	unsigned kinds;
	int count;
};

static int deliver(void *context, const struct netlink_message *message)
{
	struct delivery *delivery = context;
	struct proc_event event;

	if (proc_events_parse(message->payload, message->length, &event) &&
	    delivery->kinds & 1u << event.kind) {
		delivery->count++;
		delivery->callback(delivery->context, &event);
	}
	return 0;
}

int proc_events_read(struct proc_events *events, proc_events_callback *callback, void *context)
{
	struct delivery delivery = { .callback = callback,
		                     .context = context,
		                     .kinds = events->kinds };
	int result = netlink_receive(events->netlink, deliver, &delivery);

	events->counters.events += (uint64_t)delivery.count;
	events->counters.overruns += result == -ENOBUFS;
	return result < 0 ? result : delivery.count;
}

const struct proc_events_counters *proc_events_counters(struct proc_events *events)
{
	events->counters.lost = netlink_drops(events->netlink);
	return &events->counters;
}
