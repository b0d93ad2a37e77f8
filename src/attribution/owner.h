/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of attribution: which process owns one end, and how we know. */
#ifndef SOCKLINE_ATTRIBUTION_OWNER_H
#define SOCKLINE_ATTRIBUTION_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "processes/process.h"

#define OWNER_SHARED_MAX 16

enum attribution_method {
	ATTRIBUTION_UNKNOWN,
	ATTRIBUTION_SOCKET,     /* kernel socket -> descriptor of that process, verified */
	ATTRIBUTION_LISTENER,   /* inbound to a listening socket of that process */
	ATTRIBUTION_RECENT,     /* closed meanwhile, remembered */
	ATTRIBUTION_KERNEL,     /* a socket of the kernel itself */
	ATTRIBUTION_GUESS,      /* likely, not known: only when guesses are asked for */
	ATTRIBUTION_TRACEPOINT, /* the kernel saw that process open, send from or close it */
	ATTRIBUTION_CAPTURE,    /* the capture file says so */
};

/* Why there is no owner. ATTRIBUTION_REASON_NONE with every other method. */
enum attribution_reason {
	ATTRIBUTION_REASON_NONE,
	ATTRIBUTION_NO_PERMISSION,
	ATTRIBUTION_EXITED,      /* the socket was there, its process is gone */
	ATTRIBUTION_OTHER_NETNS, /* the end belongs to another network namespace */
	ATTRIBUTION_TIME_WAIT,   /* the kernel keeps the tuple alone, owner not seen before */
	ATTRIBUTION_FORWARDED,   /* neither end is this host's */
	ATTRIBUTION_AMBIGUOUS,   /* several sockets fit, their owners differ */
	ATTRIBUTION_NO_SOCKET,   /* no socket fits: the kernel itself, or it closed unseen */
	ATTRIBUTION_RAW_SOCKET,  /* none fits, but a raw or packet socket may have sent it */
	ATTRIBUTION_PENDING,     /* the socket is known, its holder is being looked for */
	ATTRIBUTION_REPLAY,      /* packets from a file, which does not say */
};

/* All processes that may be the owner: what they have alike is known, see owner_common_at. */
struct owner_common {
	int count;
	struct process *processes[OWNER_SHARED_MAX]; /* counted references */
};

/* Ends that were asked for, by what became of them at last. */
struct owner_counters {
	uint64_t methods[ATTRIBUTION_CAPTURE + 1];
	uint64_t reasons[ATTRIBUTION_REPLAY + 1];
};

struct owner {
	enum attribution_method method : 8;
	enum attribution_reason reason : 8;
	bool has_uid : 1;
	bool from_proc_net : 1;  /* the socket was found in /proc/net, not by sock_diag */
	bool has_common : 1;     /* ambiguous, and `common` is set */
	bool was_shared : 1;     /* others had the socket, too, and have it no more */
	bool lost : 1;           /* the process has the socket no more, and another one has it */
	uint8_t shared_count;    /* 0 when one process holds it */
	uint32_t netns;          /* inode number; 0 = not known */
	struct process *process; /* counted reference of this struct; NULL when unknown or kernel */
	uint64_t inode;          /* of the socket; 0 = not known */
	uint64_t cookie;         /* of the socket; 0 = not known */
	uint32_t uid;            /* of the socket */
	uint32_t since_ms; /* monotonic: it was another process's before; 0 = that is not known */
	int *shared_pids;  /* lowest first; owned; NULL when shared_count is 0 */
	union {            /* owned, or NULL */
		/* The socket's own tuple, this end as source, where NAT makes another of it. */
		struct tuple *translated;
		struct owner_common *common;
	};
};

void owner_clear(struct owner *owner); /* drops references, zeroes */
/* Takes new references; *to is cleared first. 0 or -ENOMEM. */
int owner_copy(struct owner *to, const struct owner *from);
/* These are shared_pids from now on, copied; count 0: none. 0 or -ENOMEM, then as before. */
int owner_set_shared(struct owner *owner, const int *pids, int count);
/* Have both the same shared_pids, in the same order, or both none? */
bool owner_same_shared(const struct owner *a, const struct owner *b);
/* The processes get new references; replaces the socket's own tuple. 0 or -ENOMEM. */
int owner_set_common(struct owner *owner, const struct owner_common *common);
/* What all of them had alike at that time since the epoch; borrowed, NULL: nothing. */
struct owner_alike {
	const char *name;
	const char *cgroup;
	const uint32_t *uid;
};
bool owner_common_at(const struct owner_common *common, int64_t wall_ns, struct owner_alike *alike);
/* NULL: NAT makes no other of it. */
const struct tuple *owner_translated(const struct owner *owner);
/* The socket's own tuple, copied; replaces what is in common. 0 or -ENOMEM. */
int owner_set_translated(struct owner *owner, const struct tuple *tuple);
/*
 * An unknown owner of a capture file, whose socket's user is known: a process without pid that has
 * the user's name there. NULL: the owner is not such.
 */
const struct process *owner_stated_user(const struct owner *owner);
bool owner_known(const struct owner *owner); /* a process, or the kernel */
/* Its process as it was then, see process_at(). NULL: there is none. */
static inline struct process *owner_process_at(const struct owner *owner, int64_t wall_ns)
{
	return owner->process ? process_at(owner->process, wall_ns) : NULL;
}
const char *attribution_method_name(enum attribution_method method);
const char *attribution_reason_name(enum attribution_reason reason); /* NULL for NONE */

#endif
