/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp filter: the system calls that a run makes once everything is open. All others fail with
 * EPERM, and the kernel's audit log has them. The kernel never ends the process for one.
 */
#ifndef SOCKLINE_SECURITY_SYSCALL_FILTER_H
#define SOCKLINE_SECURITY_SYSCALL_FILTER_H

#include <stdbool.h>

/* What a run uses beside what all do. */
struct syscall_filter_options {
	bool live;        /* sockets, and what looks into processes */
	bool namespaces;  /* of the network, to be entered */
	bool tracepoints; /* perf events */
	bool sentinel;    /* descriptors of other processes are borrowed */
	bool arguments;   /* memory of programs that were just executed is read */
	bool command;     /* a child is waited for and signalled */
	bool helper;      /* a child is waited for */
	bool output_file; /* a file is opened for writing */
	bool rotation;    /* and moved */
	bool peer;        /* a socket is connected for the output */
};

/*
 * For all threads, those that are there and those that come; for good. Needs no_new_privs or
 * CAP_SYS_ADMIN. -errno where the kernel has no filters; then calls are not limited.
 */
int syscall_filter_load(const struct syscall_filter_options *options);

/* What the helper process uses (helper.h), which is not in the list above. */
struct syscall_filter_helper {
	bool namespaces; /* of the network: a socket is made there, a file of /proc/net opened */
	bool traces;     /* perf events are opened */
	bool output;     /* a file is opened for writing, and moved */
	bool peer;       /* a UNIX socket is connected */
};

int syscall_filter_load_helper(const struct syscall_filter_helper *options);

#endif
