/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_record.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "sockets/socket.h"
#include "tracepoints/exec_sample.h"
#include "tracepoints/tracefs.h"

/* Which field stands at which place of `offsets`, by event. */
enum {
	ROUTE_PROTOCOL,
	ROUTE_SPORT,
	ROUTE_DPORT,
	ROUTE_SOURCE,
	ROUTE_DESTINATION,
	ROUTE_IFINDEX,
	ROUTE_TABLE,
	ROUTE_ERROR,
};
enum {
	STATE_SOCKET,
	STATE_OLD,
	STATE_NEW,
	STATE_SPORT,
	STATE_DPORT,
	STATE_SOURCE,
	STATE_DESTINATION,
};
enum {
	RECEIVE_COOKIE,
	RECEIVE_SPORT,
	RECEIVE_DPORT,
	RECEIVE_SOURCE,
	RECEIVE_DESTINATION,
	RECEIVE_SOCKET,
};
enum { SEND_SOCKET, SEND_PROTOCOL, SEND_RESULT };
enum { EXIT_COMM, EXIT_GROUP_DEAD };

#define COMM_BYTES 16 /* TASK_COMM_LEN */

/* A pointer of the kernel's, whatever size ours have: a 32-bit program may run on a 64-bit kernel. */
#define POINTER 0

static const struct {
	const char *name;
	struct {
		const char *name;
		uint16_t size;
		bool optional;
	} fields[TRACE_RECORD_FIELDS];
} events[TRACE_RECORD_EVENTS] = {
	[TRACE_RECORD_ROUTE_V4] = { "fib/fib_table_lookup",
	                            { [ROUTE_PROTOCOL] = { "proto", 1, false },
	                              [ROUTE_SPORT] = { "sport", 2, false },
	                              [ROUTE_DPORT] = { "dport", 2, false },
	                              [ROUTE_SOURCE] = { "src", 4, false },
	                              [ROUTE_DESTINATION] = { "dst", 4, false },
	                              [ROUTE_IFINDEX] = { "oif", 4, true },
	                              [ROUTE_TABLE] = { "tb_id", 4, false },
	                              [ROUTE_ERROR] = { "err", 4, false } } },
	[TRACE_RECORD_ROUTE_V6] = { "fib6/fib6_table_lookup",
	                            { [ROUTE_PROTOCOL] = { "proto", 1, false },
	                              [ROUTE_SPORT] = { "sport", 2, false },
	                              [ROUTE_DPORT] = { "dport", 2, false },
	                              [ROUTE_SOURCE] = { "src", 16, false },
	                              [ROUTE_DESTINATION] = { "dst", 16, false },
	                              [ROUTE_IFINDEX] = { "oif", 4, true },
	                              [ROUTE_TABLE] = { "tb_id", 4, false },
	                              [ROUTE_ERROR] = { "err", 4, false } } },
	/* The v6 addresses of these two are there for IPv4 too, mapped. */
	[TRACE_RECORD_STATE] = { "sock/inet_sock_set_state",
	                         { [STATE_SOCKET] = { "skaddr", POINTER, false },
	                           [STATE_OLD] = { "oldstate", 4, false },
	                           [STATE_NEW] = { "newstate", 4, false },
	                           [STATE_SPORT] = { "sport", 2, false },
	                           [STATE_DPORT] = { "dport", 2, false },
	                           [STATE_SOURCE] = { "saddr_v6", 16, false },
	                           [STATE_DESTINATION] = { "daddr_v6", 16, false } } },
	[TRACE_RECORD_RECEIVE] = { "tcp/tcp_rcv_space_adjust",
	                           { [RECEIVE_COOKIE] = { "sock_cookie", 8, false },
	                             [RECEIVE_SPORT] = { "sport", 2, false },
	                             [RECEIVE_DPORT] = { "dport", 2, false },
	                             [RECEIVE_SOURCE] = { "saddr_v6", 16, false },
	                             [RECEIVE_DESTINATION] = { "daddr_v6", 16, false },
	                             [RECEIVE_SOCKET] = { "skaddr", POINTER, false } } },
	[TRACE_RECORD_SEND] = { "sock/sock_send_length",
	                        { [SEND_SOCKET] = { "sk", POINTER, false },
	                          [SEND_PROTOCOL] = { "protocol", 2, false },
	                          [SEND_RESULT] = { "ret", 4, false } } },
	/* group_dead since Linux 6.16. */
	[TRACE_RECORD_EXIT] = { "sched/sched_process_exit",
	                        { [EXIT_COMM] = { "comm", COMM_BYTES, false },
	                          [EXIT_GROUP_DEAD] = { "group_dead", 1, true } } },
	[TRACE_RECORD_EXEC] = { "sched/sched_process_exec", { { NULL, 0, false } } },
};

const char *trace_record_event_name(enum trace_record_event event)
{
	return events[event].name;
}

static bool is_of_size(uint16_t size, uint16_t wanted)
{
	return wanted == POINTER ? size == 4 || size == 8 : size == wanted;
}

int trace_record_learn(struct trace_record_layout *layout, enum trace_record_event event,
                       const char *format, size_t length)
{
	uint16_t id, bytes = 4, offsets[TRACE_RECORD_FIELDS] = { 0 };
	bool long_pointers = layout->has_long_pointers;

	if (!tracefs_parse_id(format, length, &id))
		return -EPROTO;
	for (int i = 0; i < TRACE_RECORD_FIELDS && events[event].fields[i].name; i++) {
		struct tracefs_field field;

		if (!tracefs_parse_field(format, length, events[event].fields[i].name, &field)) {
			if (events[event].fields[i].optional)
				continue; /* offset 0 is common_type: no field of ours */
			return -EPROTO;
		}
		if (!is_of_size(field.size, events[event].fields[i].size) || field.offset < 8 ||
		    field.offset > UINT16_MAX - field.size)
			return -EPROTO;
		offsets[i] = field.offset;
		if (events[event].fields[i].size == POINTER)
			long_pointers = field.size == 8;
		if (field.offset + field.size > bytes)
			bytes = (uint16_t)(field.offset + field.size);
	}
	layout->has_long_pointers = long_pointers;
	layout->events[event].known = true;
	layout->events[event].id = id;
	layout->events[event].bytes = bytes;
	memcpy(layout->events[event].offsets, offsets, sizeof offsets);
	return 0;
}

static uint64_t read_pointer(const uint8_t *at, bool long_pointers)
{
	return long_pointers ? bytes_native64(at) : bytes_native32(at);
}

/* Bytes up to the NUL, or all. */
static void set_text(struct trace_event *event, const uint8_t *at, size_t room)
{
	event->text = (const char *)at;
	event->text_length = strnlen(event->text, room);
}

static enum trace_record_result decode_route(const uint16_t *offsets, bool v6, const uint8_t *raw,
                                             struct trace_event *event)
{
	if (!event->process_context)
		return TRACE_RECORD_IRQ;
	event->kind = TRACE_EVENT_ROUTE;
	event->tuple.protocol = raw[offsets[ROUTE_PROTOCOL]];
	if (offsets[ROUTE_IFINDEX])
		event->ifindex = bytes_native32(raw + offsets[ROUTE_IFINDEX]);
	event->tuple.source_port = bytes_native16(raw + offsets[ROUTE_SPORT]);
	event->tuple.destination_port = bytes_native16(raw + offsets[ROUTE_DPORT]);
	if ((event->tuple.protocol == IPPROTO_TCP || event->tuple.protocol == IPPROTO_UDP) &&
	    event->tuple.destination_port == 0) {
		event->tuple.protocol = IPPROTO_RAW;
		event->tuple.source_port = 0;
	}
	event->table = bytes_native32(raw + offsets[ROUTE_TABLE]);
	event->error = (int16_t)bytes_native32(raw + offsets[ROUTE_ERROR]);
	if (event->tuple.protocol == IPPROTO_TCP) /* no others with ports pass the filter */
		event->kind = TRACE_EVENT_NO_ROUTE;
	if (v6) {
		inet_from_v6(&event->tuple.source, raw + offsets[ROUTE_SOURCE]);
		inet_from_v6(&event->tuple.destination, raw + offsets[ROUTE_DESTINATION]);
	} else {
		inet_from_v4(&event->tuple.source, raw + offsets[ROUTE_SOURCE]);
		inet_from_v4(&event->tuple.destination, raw + offsets[ROUTE_DESTINATION]);
	}
	return TRACE_RECORD_DECODED;
}

static enum trace_record_result decode_state(const uint16_t *offsets, bool long_pointers,
                                             const uint8_t *raw, struct trace_event *event)
{
	uint32_t old_state = bytes_native32(raw + offsets[STATE_OLD]);
	uint32_t new_state = bytes_native32(raw + offsets[STATE_NEW]);

	event->kind = TRACE_EVENT_STATE;
	if (old_state > UINT8_MAX || new_state > UINT8_MAX)
		return TRACE_RECORD_MALFORMED;
	event->old_state = (uint8_t)old_state;
	event->new_state = (uint8_t)new_state;
	event->socket = read_pointer(raw + offsets[STATE_SOCKET], long_pointers);
	event->tuple.protocol = IPPROTO_TCP; /* the filter lets nothing else through */
	event->tuple.source_port = bytes_native16(raw + offsets[STATE_SPORT]);
	event->tuple.destination_port = bytes_native16(raw + offsets[STATE_DPORT]);
	inet_from_v6(&event->tuple.source, raw + offsets[STATE_SOURCE]);
	inet_from_v6(&event->tuple.destination, raw + offsets[STATE_DESTINATION]);
	return TRACE_RECORD_DECODED;
}

static enum trace_record_result decode_receive(const uint16_t *offsets, bool long_pointers,
                                               const uint8_t *raw, struct trace_event *event)
{
	if (!event->process_context)
		return TRACE_RECORD_IRQ;
	event->kind = TRACE_EVENT_RECEIVE;
	event->cookie = bytes_native64(raw + offsets[RECEIVE_COOKIE]);
	event->socket = read_pointer(raw + offsets[RECEIVE_SOCKET], long_pointers);
	event->tuple.protocol = IPPROTO_TCP;
	event->tuple.source_port = bytes_native16(raw + offsets[RECEIVE_SPORT]);
	event->tuple.destination_port = bytes_native16(raw + offsets[RECEIVE_DPORT]);
	inet_from_v6(&event->tuple.source, raw + offsets[RECEIVE_SOURCE]);
	inet_from_v6(&event->tuple.destination, raw + offsets[RECEIVE_DESTINATION]);
	return TRACE_RECORD_DECODED;
}

static enum trace_record_result decode_send(const uint16_t *offsets, bool long_pointers,
                                            const uint8_t *raw, struct trace_event *event)
{
	if (!event->process_context)
		return TRACE_RECORD_IRQ;
	event->kind = TRACE_EVENT_SEND;
	event->bytes = bytes_native32(raw + offsets[SEND_RESULT]); /* > 0, by the filter */
	event->socket = read_pointer(raw + offsets[SEND_SOCKET], long_pointers);
	event->tuple.protocol = IPPROTO_TCP; /* the filter lets nothing else through */
	return TRACE_RECORD_DECODED;
}

static enum trace_record_result decode_exit(const uint16_t *offsets, const uint8_t *raw,
                                            struct trace_event *event)
{
	/* Before 6.16 the main thread's end must do, though others may outlive it. */
	bool ends =
		offsets[EXIT_GROUP_DEAD] ? raw[offsets[EXIT_GROUP_DEAD]] : event->tid == event->pid;

	if (!ends)
		return TRACE_RECORD_IGNORED;
	event->kind = TRACE_EVENT_EXIT;
	event->ended = offsets[EXIT_GROUP_DEAD] != 0;
	/* A thread may have a name of its own; comm is the one of the thread that ends last. */
	if (event->tid == event->pid)
		set_text(event, raw + offsets[EXIT_COMM], COMM_BYTES);
	return TRACE_RECORD_DECODED;
}

static enum trace_record_result decode_exec(const uint8_t *body, size_t length,
                                            struct trace_event *event)
{
	struct exec_sample sample;

	event->kind = TRACE_EVENT_SETTLED;
	if (length == 0) /* of a ring whose samples have no stack */
		return TRACE_RECORD_DECODED;
	switch (exec_sample_find_stack(body, length, &sample)) {
	case EXEC_SAMPLE_MALFORMED:
		return TRACE_RECORD_MALFORMED;
	case EXEC_SAMPLE_NONE:
		break;
	case EXEC_SAMPLE_FOUND:
		event->has_ids =
			initial_stack_parse(sample.bytes, sample.length, sample.word, &event->ids);
		break;
	}
	return TRACE_RECORD_DECODED;
}

/* u32 pid, tid; u64 time; u32 size; char raw[size], so that all is a multiple of 8; [u64 cgroup] */
static enum trace_record_result decode_sample(const struct trace_record_layout *layout,
                                              const uint8_t *body, size_t length,
                                              struct trace_event *event)
{
	size_t tail = layout->has_cgroup ? 8 : 0;

	if (length < 20 + tail)
		return TRACE_RECORD_MALFORMED;
	size_t raw_length = bytes_native32(body + 16);
	const uint8_t *raw = body + 20;

	if (raw_length > length - 20 - tail || raw_length < 4)
		return TRACE_RECORD_MALFORMED;
	event->pid = (int)bytes_native32(body);
	event->tid = (int)bytes_native32(body + 4);
	event->time_ns = (int64_t)bytes_native64(body + 8);
	event->process_context = (raw[2] & TRACE_RECORD_BYSTANDER) == 0;
	if (layout->has_cgroup)
		event->cgroup_id = bytes_native64(body + length - 8);
	/* In interrupts pid and tid do not matter; a transition is still the socket's. */
	if (event->pid <= 0 && event->process_context)
		return TRACE_RECORD_FOREIGN;
	for (int number = 0; number < TRACE_RECORD_EVENTS; number++) {
		const uint16_t *offsets = layout->events[number].offsets;

		if (!layout->events[number].known ||
		    layout->events[number].id != bytes_native16(raw))
			continue;
		if (raw_length < layout->events[number].bytes)
			return TRACE_RECORD_MALFORMED;
		switch ((enum trace_record_event)number) {
		case TRACE_RECORD_ROUTE_V4:
		case TRACE_RECORD_ROUTE_V6:
			return decode_route(offsets, number == TRACE_RECORD_ROUTE_V6, raw, event);
		case TRACE_RECORD_STATE:
			return decode_state(offsets, layout->has_long_pointers, raw, event);
		case TRACE_RECORD_RECEIVE:
			return decode_receive(offsets, layout->has_long_pointers, raw, event);
		case TRACE_RECORD_SEND:
			return decode_send(offsets, layout->has_long_pointers, raw, event);
		case TRACE_RECORD_EXIT:
			return decode_exit(offsets, raw, event);
		case TRACE_RECORD_EXEC:
			return decode_exec(raw + raw_length, length - 20 - raw_length - tail,
			                   event);
		case TRACE_RECORD_EVENTS:
			break;
		}
	}
	return TRACE_RECORD_IGNORED;
}

/* u32 pid, ppid; u32 tid, ptid; u64 time. A new thread has its process for a parent. */
static enum trace_record_result decode_fork(const uint8_t *body, size_t length,
                                            struct trace_event *event)
{
	if (length < 24)
		return TRACE_RECORD_MALFORMED;
	event->kind = TRACE_EVENT_FORK;
	event->pid = (int)bytes_native32(body);
	event->parent_pid = (int)bytes_native32(body + 4);
	event->tid = (int)bytes_native32(body + 8);
	if (event->pid != event->tid)
		return TRACE_RECORD_IGNORED;
	return TRACE_RECORD_DECODED;
}

/* u32 pid, tid; char comm[] */
static enum trace_record_result decode_comm(const uint8_t *body, size_t length, bool executed,
                                            struct trace_event *event)
{
	if (length < 8)
		return TRACE_RECORD_MALFORMED;
	event->kind = TRACE_EVENT_NAME;
	event->executed = executed;
	set_text(event, body + 8, length - 8);
	return event->pid == event->tid ? TRACE_RECORD_DECODED : TRACE_RECORD_IGNORED;
}

/* u32 pid, tid; u64 address, length, page offset; char filename[] */
static enum trace_record_result decode_mmap(const uint8_t *body, size_t length,
                                            struct trace_event *event)
{
	if (length < 32)
		return TRACE_RECORD_MALFORMED;
	event->kind = TRACE_EVENT_IMAGE;
	set_text(event, body + 32, length - 32);
	/* "[vdso]" and "//anon" are no files. */
	if (event->text_length < 2 || event->text[0] != '/' || event->text[1] == '/')
		return TRACE_RECORD_IGNORED;
	return TRACE_RECORD_DECODED;
}

/* u32 pid, tid; u64 count; { u64 device, inode }[count], the network namespace first */
static enum trace_record_result decode_namespaces(const uint8_t *body, size_t length,
                                                  struct trace_event *event)
{
	if (length < 32 || bytes_native64(body + 8) <= NET_NS_INDEX)
		return TRACE_RECORD_MALFORMED;
	event->kind = TRACE_EVENT_NETNS;
	event->netns = (uint32_t)bytes_native64(body + 24);
	if (bytes_native64(body + 8) > USER_NS_INDEX && length >= 16 + 16 * (USER_NS_INDEX + 1))
		event->userns = (uint32_t)bytes_native64(body + 24 + 16 * USER_NS_INDEX);
	return event->netns ? TRACE_RECORD_DECODED : TRACE_RECORD_IGNORED;
}

/* u64 id; char path[] */
static enum trace_record_result decode_cgroup(const uint8_t *body, size_t length,
                                              struct trace_event *event)
{
	if (length < 16)
		return TRACE_RECORD_MALFORMED;
	event->kind = TRACE_EVENT_CGROUP;
	event->cgroup_id = bytes_native64(body);
	set_text(event, body + 8, length - 8);
	return event->text_length > 0 ? TRACE_RECORD_DECODED : TRACE_RECORD_IGNORED;
}

/* Records of the ring itself: the sample_id, u32 pid, tid; u64 time, stands at their end. */
static enum trace_record_result decode_side_band(const struct perf_event_header *record,
                                                 const uint8_t *body, size_t length,
                                                 struct trace_event *event)
{
	if (length < 16)
		return TRACE_RECORD_MALFORMED;
	event->time_ns = (int64_t)bytes_native64(body + length - 8);
	length -= 16;
	if (record->type == PERF_RECORD_LOST) {
		if (length < 16)
			return TRACE_RECORD_MALFORMED;
		event->kind = TRACE_EVENT_LOST_SOCKETS; /* the caller knows which ring it is */
		event->lost = bytes_native64(body + 8);
		return TRACE_RECORD_DECODED;
	}
	if (record->type == PERF_RECORD_CGROUP)
		return decode_cgroup(body, length, event);
	if (length < 8)
		return TRACE_RECORD_MALFORMED;
	event->process_context = true;
	event->pid = (int)bytes_native32(body);
	event->tid = (int)bytes_native32(body + 4);
	/* These are not made in interrupts: 0 is a process that our pid namespace cannot name. */
	if (event->pid <= 0)
		return TRACE_RECORD_FOREIGN;
	switch (record->type) {
	case PERF_RECORD_FORK:
		return decode_fork(body, length, event);
	case PERF_RECORD_COMM:
		return decode_comm(body, length, record->misc & PERF_RECORD_MISC_COMM_EXEC, event);
	case PERF_RECORD_MMAP:
		return decode_mmap(body, length, event);
	case PERF_RECORD_NAMESPACES:
		return decode_namespaces(body, length, event);
	default:
		return TRACE_RECORD_IGNORED;
	}
}

/* By parts: each is a few stores, where one of all is a loop that costs more than decoding. */
static void clear(struct trace_event *event)
{
	const size_t times = offsetof(struct trace_event, time_ns);
	const size_t tuple = offsetof(struct trace_event, tuple);

	memset(event, 0, times);
	memset((char *)event + times, 0, tuple - times);
	memset(&event->tuple, 0, sizeof event->tuple);
	event->text = NULL;
	event->text_length = 0;
}

enum trace_record_result trace_record_decode(const struct trace_record_layout *layout,
                                             const struct perf_event_header *record,
                                             struct trace_event *event)
{
	const uint8_t *body = (const uint8_t *)(record + 1);

	clear(event);
	if (record->size < sizeof *record)
		return TRACE_RECORD_MALFORMED;
	if (record->type == PERF_RECORD_SAMPLE)
		return decode_sample(layout, body, record->size - sizeof *record, event);
	return decode_side_band(record, body, record->size - sizeof *record, event);
}

int64_t trace_record_time(const struct perf_event_header *record)
{
	const uint8_t *bytes = (const uint8_t *)record;

	if (record->size < 24)
		return 0;
	if (record->type == PERF_RECORD_SAMPLE)
		return (int64_t)bytes_native64(bytes + 16);
	return (int64_t)bytes_native64(bytes + record->size - 8);
}
