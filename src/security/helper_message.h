/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What helper.c and helper_process.c share; no other file includes it. */
#ifndef SOCKLINE_SECURITY_HELPER_MESSAGE_H
#define SOCKLINE_SECURITY_HELPER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "security/helper.h"
#include "tracepoints/trace_open.h"
#include "tracepoints/trace_record.h"

enum helper_kind {
	HELPER_SOCKET,   /* with the descriptor of a namespace */
	HELPER_OPEN_NET, /* the same; number is a place in helper_net_files */
	HELPER_OPEN_OUTPUT,
	HELPER_MOVE_OUTPUT, /* with the descriptor of the file that is at the path */
	HELPER_UNDO_OUTPUT, /* its answer has no descriptor, nor has that before */
	HELPER_OPEN_TRACE,
	HELPER_CONNECT_OUTPUT,
};

struct helper_request {
	uint32_t kind;
	int32_t domain, type, protocol;
	uint32_t number;
	struct trace_open trace;
};

struct helper_answer {
	int32_t result;   /* 0, or -errno and a text where it is about the output */
	uint32_t has_fd;  /* a descriptor goes with it */
	uint32_t created; /* HELPER_OPEN_OUTPUT: the file */
	struct error error;
};

/* The files of /proc/net that are read. NULL at the end. */
extern const char *const helper_net_files[];

/*
 * One message, with a descriptor or without (-1). The size is that of the message, or another one
 * when it was refused: 0 at the end, -errno. *fd is -1 where none came, and belongs to the caller.
 */
long helper_message_send(int to, const void *message, size_t size, int fd);
long helper_message_receive(int from, void *message, size_t size, int *fd);

/* helper_traces.c: the ids of tracepoints, and perf events of these alone. */
#define HELPER_NO_TRACE 0
void helper_traces_learn(uint16_t ids[TRACE_RECORD_EVENTS]);
int helper_traces_open(const uint16_t ids[TRACE_RECORD_EVENTS], const struct trace_open *wanted);

/* The second process, which has nothing open but `fd` and what every process has. Never returns. */
_Noreturn void helper_process_run(int fd, const struct helper_options *options);

#endif
