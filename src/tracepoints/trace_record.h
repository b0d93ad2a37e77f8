/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a perf ring buffer as events: perf_event_open(2), and for the raw
 * part of samples the offsets that tracefs gives. Pure. The ring must have
 * sample_type TRACE_RECORD_SAMPLE_TYPE, with or without the cgroup, and
 * sample_id_all.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_RECORD_H
#define SOCKLINE_TRACEPOINTS_TRACE_RECORD_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracepoints/trace_event.h"

#define TRACE_RECORD_SAMPLE_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW)

/* Where samples of exec have the stack pointer and the stack as well, they have a ring of their own. */
#define TRACE_RECORD_EXEC_SAMPLE_TYPE                                                              \
	(TRACE_RECORD_SAMPLE_TYPE | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER)
#define TRACE_RECORD_STACK_BYTES      4096
#define TRACE_RECORD_ARGS_STACK_BYTES 7680 /* the record is still no longer than a ring copies */

/*
 * common_flags of a sample that was not taken in the name of the task that ran:
 * hard interrupt 0x08, soft interrupt 0x10, NMI 0x40, and bottom halves off
 * 0x80, which is how packets are received in a thread (tun, threaded NAPI) and
 * how `ss -K` closes others' sockets. enum trace_flag_type in
 * include/linux/trace_events.h; 0x80 was not used before 6.0.
 */
#define TRACE_RECORD_BYSTANDER 0xd8

enum trace_record_event {
	TRACE_RECORD_ROUTE_V4, /* fib:fib_table_lookup */
	TRACE_RECORD_ROUTE_V6, /* fib6:fib6_table_lookup */
	TRACE_RECORD_STATE,    /* sock:inet_sock_set_state */
	TRACE_RECORD_RECEIVE,  /* tcp:tcp_rcv_space_adjust */
	TRACE_RECORD_SEND,     /* sock:sock_send_length, since Linux 6.3 */
	TRACE_RECORD_EXIT,     /* sched:sched_process_exit */
	TRACE_RECORD_EXEC,     /* sched:sched_process_exec */
	TRACE_RECORD_EVENTS
};
/* As tracefs names it. */
const char *trace_record_event_name(enum trace_record_event event);

#define TRACE_RECORD_FIELDS 8

struct trace_record_layout {
	bool has_cgroup;        /* PERF_SAMPLE_CGROUP is part of the sample type */
	bool has_long_pointers; /* the kernel's have 64 bits */
	struct {
		bool known;
		uint16_t id;
		uint16_t bytes; /* the raw part has at least so many */
		uint16_t offsets[TRACE_RECORD_FIELDS];
	} events[TRACE_RECORD_EVENTS];
};

/* Learns one tracepoint from its format file. -EPROTO: a field is missing or has another size. */
int trace_record_learn(struct trace_record_layout *layout, enum trace_record_event event,
                       const char *format, size_t length);

enum trace_record_result {
	TRACE_RECORD_DECODED,
	TRACE_RECORD_IGNORED,   /* of no interest: threads, mappings that are no file, ... */
	TRACE_RECORD_IRQ,       /* a route lookup or a read in the name of nobody */
	TRACE_RECORD_FOREIGN,   /* the process is of a pid namespace that we do not see */
	TRACE_RECORD_MALFORMED, /* lengths contradict each other */
};

/*
 * record: header and the bytes that header.size says, aligned to 8. Fills *event
 * but for boottime_ns and since_ns, and says TRACE_EVENT_LOST_SOCKETS of any ring. Its text
 * points into the record.
 */
enum trace_record_result trace_record_decode(const struct trace_record_layout *layout,
                                             const struct perf_event_header *record,
                                             struct trace_event *event);
/* The time of any record; 0 when it is too short to have one. */
int64_t trace_record_time(const struct perf_event_header *record);

#endif
