/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catches the owner of a connection in the act, where tracepoints are not to be
 * had: a thread per CPU is woken by the first packet of a flow on the very CPU
 * that sends it and, being more urgent, holds up the sender inside its own
 * system call. Then the socket is asked for (sock_diag), and who holds it (/proc),
 * while neither can go away. Not so where packets leave later than they are
 * sent: behind a shaper, or retransmitted; there it may come too late, and says nothing.
 *
 * Inbound connections name who listens; when a listening process forks a child
 * for each, the child.
 *
 * The threads are the sentinel's own. They share with the caller what these
 * functions say and nothing else; all functions are for one thread, the loop's.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_H
#define SOCKLINE_SENTINEL_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/inet.h"

struct sentinel;

#define SENTINEL_NAME_MAX       16
#define SENTINEL_EXECUTABLE_MAX 256

enum sentinel_how {
	/*
	 * At time_ns the socket of the tuple was open in this process: sock_diag named the
	 * inode, readlink of the descriptor confirmed it. Others may have held it too.
	 */
	SENTINEL_SOCKET,
	/*
	 * The same, but other sockets may share the local UDP port (SO_REUSEADDR,
	 * SO_REUSEPORT, or that could not be asked): a fact only when no other one fits.
	 */
	SENTINEL_PORT,
	/* The process holds the listening socket that tuple.source is; no destination. */
	SENTINEL_LISTENER,
	/* A process that listens accepted the tuple, forked this one with it, and let go of it. */
	SENTINEL_CHILD,
	/*
	 * The socket is known, but not who holds it, within the budget; pid 0. For ICMP
	 * echo requests, which sock_diag cannot look up, the socket is not known either.
	 */
	SENTINEL_UNRESOLVED,
	/* The same for a listening socket: sentinel_listener passes its process on. */
	SENTINEL_UNRESOLVED_LISTENER,
};

struct sentinel_sighting {
	enum sentinel_how how;
	struct tuple tuple; /* local end -> remote end */
	uint32_t netns;     /* inode number */
	uint32_t ifindex;   /* of the packet; 0 for SENTINEL_CHILD */
	uint16_t icmp_id;
	bool has_uid;
	uint32_t uid; /* of the socket */
	uint64_t inode, cookie;
	/* Identity of the process, read below the same descriptor as the link of the socket. */
	int pid;
	uint64_t start_ticks;
	int64_t time_ns;   /* monotonic: when it was so */
	int64_t packet_ns; /* wall clock: the packet; for SENTINEL_CHILD the fork */
};

/* What a process was when it was first sighted; handed over before its sightings. */
struct sentinel_process {
	int pid, parent_pid;
	uint64_t start_ticks;
	int64_t time_ns; /* monotonic: when that was read */
	bool executable_deleted;
	char name[SENTINEL_NAME_MAX];             /* comm */
	char executable[SENTINEL_EXECUTABLE_MAX]; /* "" = not known, or longer */
};

struct sentinel_callbacks {
	/* A process may come again, from another thread or when it was forgotten meanwhile. */
	void (*process)(void *context, const struct sentinel_process *process);
	void (*sighting)(void *context, const struct sentinel_sighting *sighting);
	void *context;
};

struct sentinel_counters {
	uint64_t packets;     /* first packets seen */
	uint64_t resolved;    /* sightings with a process */
	uint64_t unresolved;  /* sightings without */
	uint64_t no_socket;   /* nobody's: forwarded, or the kernel's own */
	uint64_t repeated;    /* of a flow that was reported within the last second */
	uint64_t late;        /* looked at too long after the packet, thrown away */
	uint64_t over_budget; /* lookups given up in the middle, for time */
	uint64_t paused;      /* times a kind of packets was shut out: too many in vain, too busy */
	uint64_t
		excluded_ports; /* local UDP ports that are too busy now; each CPU counts its own */
	uint64_t ring_lost;     /* sightings that the loop did not make room for */
	uint64_t kernel_lost;   /* packets that the kernel had no room for */
	uint64_t events_lost;   /* process events, the same */
	uint64_t children;      /* forked by listening processes, looked at */
};

/*
 * Starts the threads; they watch nothing yet. Needs CAP_NET_RAW, and to read
 * others' descriptors CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; does without what else it
 * would like: real-time priority (CAP_SYS_NICE), locked memory (CAP_IPC_LOCK), process
 * events (initial namespaces, CAP_NET_ADMIN before Linux 6.6), children (Linux 5.14).
 */
int sentinel_open(struct sentinel **sentinel, struct error *error);
void sentinel_close(struct sentinel *sentinel); /* joins the threads; NULL is fine */

/*
 * Watches a network namespace: fd for setns(2), borrowed, or -1 for the caller's own;
 * number: its inode. 0, -EEXIST, -ENOSPC (there are SENTINEL_NETNS_MAX), other -errno.
 */
#define SENTINEL_NETNS_MAX 64
int sentinel_watch(struct sentinel *sentinel, int fd, uint32_t number, struct error *error);
void sentinel_unwatch(struct sentinel *sentinel, uint32_t number); /* unknown numbers are fine */

/* Readable when somebody should look soon: drain then, and before packets are taken. */
int sentinel_fd(const struct sentinel *sentinel);
/* Hands over what there is. Returns the number of sightings. */
long sentinel_drain(struct sentinel *sentinel, const struct sentinel_callbacks *callbacks);

/* This process has just been seen at work on the network: look there early. */
void sentinel_hint(struct sentinel *sentinel, int pid);
/* This process listens: look at its children as they are born. */
void sentinel_listener(struct sentinel *sentinel, int pid);

/* Priority, locking, process events as they could be had; for people. Valid until the next call. */
const char *sentinel_mode(struct sentinel *sentinel);
/* All its threads have a real-time priority. */
bool sentinel_is_urgent(const struct sentinel *sentinel);
void sentinel_read_counters(const struct sentinel *sentinel, struct sentinel_counters *counters);

#endif
