/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the processes that may have the socket of an end beside its owner, at the time of a
 * packet. Included by the files that look, and by no other.
 */
#ifndef SOCKLINE_ATTRIBUTION_LOOK_H
#define SOCKLINE_ATTRIBUTION_LOOK_H

#include "attribution/attribution_private.h"

/* Looks at descriptors each second for no other reason, 2 to 3 us each. */
#define LOOK_HOLDERS_PER_SECOND 4000
/* Reads so many processes with few descriptors each second. */
#define LOOK_SCANS_PER_SECOND 1000

struct look {
	struct attribution *attribution;
	const struct attribution_question *question;
	const struct owner *owner;
	int64_t opened_ns; /* a child from before this had not the socket, as far as is known */
	int64_t since_ns;  /* those that were forked since then are looked at; not later than it */
	int children, ended; /* that were looked at, and passed by */
	bool gone;           /* the socket is */
	bool inherited;      /* a child has it */
	unsigned result;
};

/* An end of UDP has its socket since it was seen to connect; one that was not, for an unknown time. */
struct look look_begin(struct attribution *attribution, const struct attribution_question *question,
                       const struct owner *owner);
/* Not known: another process may have had the socket at the packet. */
static inline void look_doubt(struct look *look)
{
	look->result |= ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
}
/* The socket that has the end now. False: there is none, or the namespace is not watched. */
bool look_find_socket(struct attribution *attribution, const struct attribution_question *question,
                      struct socket *socket);
/* Is the process among those that the index has for the socket? *holders: all of them. */
bool look_is_indexed(const struct attribution *attribution, uint64_t inode, int pid,
                     struct proc_fd_holders *holders);
/* Reads the descriptors of a process that the index has not. False: no time for that. */
bool look_index(struct attribution *attribution, uint64_t inode, int pid);
/*
 * On a machine that forks a thousand times meanwhile, a child of that process may not be known any
 * more that had the socket. TCP: no, as children that live on have what their parent accepted.
 */
bool look_may_lack(const struct look *look, int parent_pid);
/*
 * The children of a process: the result, and `inherited`. One that closed the socket, or has ended, may
 * have left it to children of its own. holder_pid: has it at the descriptor at which they would.
 */
void look_at_children(struct look *look, int holder_pid, int parent_pid);
/* The children of its process, and of the others that have the socket: the result, and `inherited`. */
void look_at_all_children(struct look *look);

#endif
