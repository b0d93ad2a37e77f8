/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privilege separation: a second process holds what the process that reads packets gives up. It
 * makes sockets inside other network namespaces and opens files of /proc/net there, opens perf
 * events, opens the output file again and moves it, or connects to a socket for the output; it does
 * nothing else. A socket belongs to the
 * namespace in which socket(2) was called, and a perf event to the right with which it was opened:
 * all that is done with them later needs neither.
 *
 * Requests and answers have a fixed size, and descriptors go by SCM_RIGHTS (unix(7)). Any thread
 * may ask; one asks at a time.
 */
#ifndef SOCKLINE_SECURITY_HELPER_H
#define SOCKLINE_SECURITY_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "output/rotation.h"

struct helper;
struct trace_open;

struct helper_options {
	uint64_t keep;            /* capabilities, as in capabilities.h */
	bool namespaces;          /* of the network, to be entered */
	bool traces;              /* perf events, to be opened */
	const char *output;       /* a file that is opened again and moved; NULL: none */
	const char *peer;         /* the path of a UNIX socket, to be connected; NULL: none */
	struct rotation rotation; /* of it */
};

/*
 * Makes the process. The caller has no other threads as yet. The process ends when the caller does,
 * and ignores the signals by which a terminal or an administrator ends the caller.
 */
int helper_start(struct helper **helper, const struct helper_options *options, struct error *error);
/* Waits for the process, but not for long. NULL is fine. */
void helper_stop(struct helper *helper);

int helper_pid(const struct helper *helper);
/* A descriptor that has EPOLLHUP when the process has ended, or was given up. */
int helper_fd(const struct helper *helper);
/* It has ended, or has not answered for so long that it was given up: nothing is opened any more. */
bool helper_has_ended(const struct helper *helper);
/* No more is asked; takes the status of a process that has ended. */
void helper_give_up(struct helper *helper);

/*
 * socket(2) inside the network namespace of netns_fd (or of that socket). The descriptor, which is
 * closed on exec, or -errno: -EACCES for a kind of socket that the helper does not make, -EPIPE when
 * it has ended.
 */
int helper_socket(struct helper *helper, int netns_fd, int domain, int type, int protocol);
/* Opens a file of /proc/net ("tcp6") inside the namespace, for reading. The same. */
int helper_open_net(struct helper *helper, int netns_fd, const char *name);

/*
 * trace_open(), with the id that the helper knows of the tracepoint. The descriptor, or -errno: -EACCES
 * for events of another group, -ENOENT for a tracepoint that the kernel has not, -EPIPE.
 */
int helper_open_trace(struct helper *helper, const struct trace_open *wanted);

/*
 * The output, whose path the helper was started with: opened for writing as by file_open_unread, moved
 * as by rotation_move, where fd is that of the file at the path, and moved back as by rotation_undo.
 */
int helper_open_output(struct helper *helper, bool *created, struct error *error);
int helper_move_output(struct helper *helper, int fd, struct error *error);
void helper_undo_output(struct helper *helper);
/* peer_connect_unix(), to the path that the helper was started with. */
int helper_connect_output(struct helper *helper);

#endif
