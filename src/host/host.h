/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live host: opens every source of knowledge about sockets, processes and
 * interfaces, keeps them current from the loop, and composes attribution of
 * them. What cannot be had is left out and named in `degraded`, not fatal.
 */
#ifndef SOCKLINE_HOST_HOST_H
#define SOCKLINE_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "attribution/trace_owners.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/loop.h"
#include "host/host_counters.h"
#include "processes/process_tree.h"
#include "security/privileges.h"
#include "sockets/lister.h"
#include "sockets/socket.h"

#define HOST_DEGRADED_MAX 16

struct host;

/* Which network namespaces are watched. */
enum host_netns_mode { HOST_NETNS_AUTO, HOST_NETNS_ALL, HOST_NETNS_SELF, HOST_NETNS_PATHS };

/* How owners of new connections are caught. */
enum host_method {
	HOST_METHOD_AUTO,
	HOST_METHOD_TRACEPOINTS,
	HOST_METHOD_SENTINEL,
	HOST_METHOD_LOOKUP
};

enum host_life {
	HOST_PROCESS_STARTED,  /* it was forked */
	HOST_PROCESS_EXECUTED, /* it runs another program */
	HOST_PROCESS_SETTLED,  /* that one has its ids */
	HOST_PROCESS_ENDED
};

struct host_callbacks {
	/*
	 * A namespace is found, and its captures are to be opened: it may be a millisecond old.
	 * fd -1: the own one.
	 */
	void (*namespace_found)(void *context, uint32_t netns, int fd);
	/*
	 * Attribution knows it from now on. age_ns: from its making to when its
	 * captures were open, 0 = not known; missed: packets that its interfaces had
	 * carried by then.
	 */
	void (*namespace_opened)(void *context, uint32_t netns, int64_t age_ns, uint64_t missed);
	/* It is about to be closed. */
	void (*namespace_closing)(void *context, uint32_t netns);
	void (*socket_destroyed)(void *context, const struct socket *socket);
	void (*sockets_lost)(void *context, int64_t since_ns); /* some of these, since then */
	/*
	 * What is there after that: each TCP socket, and then that these, listed from began_ns
	 * (monotonic) on, were all of the namespace.
	 */
	void (*socket_listed)(void *context, const struct socket *socket);
	void (*sockets_listed)(void *context, uint32_t netns, int64_t began_ns);
	/*
	 * Network namespaces of the user, refused of them since the last such call, are not watched:
	 * there are more than max, or they come too fast.
	 */
	void (*limit_reached)(void *context, uint32_t uid, int max, uint64_t refused);
	/*
	 * The kernel reported what became of a process, at that monotonic time. NULL: it is not asked
	 * for.
	 */
	void (*process_lived)(void *context, enum host_life life, struct process *process,
	                      int64_t time_ns);
	/*
	 * So many events of tracepoints had no room since the last such call, and who had most of those
	 * that filled the rings; once a second at most.
	 */
	void (*trace_lost)(void *context, uint64_t lost, const struct trace_flood_source *source);
	/* Netlink messages were lost: where from, and how many in all. */
	void (*overrun)(void *context, const char *where, uint64_t lost);
	void *context;
};

struct host_options {
	enum lister_mode sockets;
	struct hash_key key;
	struct host_callbacks callbacks;
	enum host_method method;
	bool guess;                /* where the owner is ambiguous */
	struct process_tree *tree; /* forks are added to it; NULL = none. Borrowed. */
	bool hash;                 /* executables of processes */
	bool args;                 /* arguments of processes */
	bool all_processes; /* each process is asked for as it starts, also without tracepoints */
	bool once;    /* one snapshot: holders are looked up, and no process that begins matters */
	bool at_once; /* nothing but sockets is asked for: what is read later elsewhere is read now */
	enum host_netns_mode netns_mode;
	bool separated; /* sockets of other namespaces are made by the helper, netns_use_helper() */
	struct helper *trace_helper;    /* opens perf events; NULL: this process does */
	const char *const *netns_paths; /* HOST_NETNS_PATHS; borrowed */
	int netns_path_count;
};

int host_new(struct host **result, struct loop *loop, const struct host_options *options,
             struct error *error);
void host_free(struct host *host);

struct attribution *host_attribution(struct host *host);
uint32_t host_netns(const struct host *host); /* inode number of the own network namespace */
/* Numbers of all that are watched now; up to max. Returns how many there are. */
int host_namespaces(const struct host *host, uint32_t *numbers, int max);
/* The fd of one of them, for setns(2), borrowed; -1: the own one. */
int host_namespace_fd(const struct host *host, uint32_t netns);
/*
 * Calls back for each connected TCP or UDP socket of one of them, where the end of each will be
 * reported (socket_destroyed); for none elsewhere.
 */
void host_list_sockets(const struct host *host, uint32_t netns, socket_callback *callback,
                       void *context);
/* Something cannot be had, and what that costs. */
void host_degrade(struct host *host, const char *what, const char *cost);
const char *const *host_degraded(const struct host *host, int *count);

/* Adds the capabilities that the host's sources go on to use, each with what it is for. */
void host_add_privileges(const struct host *host, struct privileges *privileges);

/* The memory of programs is read as they begin. */
bool host_reads_args(const struct host *host);

/* What is in use, never HOST_METHOD_AUTO, and why. */
enum host_method host_method(const struct host *host);
const char *host_method_why(struct host *host);
/*
 * The ordering rule: what the kernel reported comes before the packet.
 *
 * The kernel reports that a socket was bound, connected or sent from (trace events, the
 * sentinel's findings), that a process forked, executed or exited (trace events or the
 * connector), and that a socket was destroyed (sock_diag), each when it happens. Packets come
 * later, up to 100 ms, through the blocks of a capture ring. So the reports that concern a packet
 * can be read once the packet can. A packet is looked at after all of them were taken in; it is
 * looked at by its own time, and reports that are younger than the packet do not change its
 * owner. Taking a report in is cheap and has no order of its own: each carries its time.
 *
 * host_catch_up takes in what was reported by now. It is called at the beginning of each turn, so
 * that no ring overflows while there are no packets, and again after packets were read and before
 * they are looked at, however long the turn is. packets_ns: monotonic, when the youngest of them was
 * captured; what was read of reports after that needs no second reading.
 */
#define HOST_NO_PACKETS INT64_MIN
#define HOST_ALL        INT64_MAX
void host_catch_up(struct host *host, int64_t packets_ns);
/*
 * Takes in which sockets were destroyed by now. A lookup finds what is there now, and not at the
 * packet: what was destroyed before it is known after it.
 */
void host_read_ended(struct host *host);
/*
 * Between the steps of what may last, as opening the captures of many namespaces does: takes in
 * what tracepoints reported when half of a ring is full.
 */
void host_relieve(struct host *host);
/*
 * Whether reports keep for some milliseconds, as those of tracepoints do: more of them, and of
 * packets, can then be taken at once. fds, of which count are filled in, are readable when a
 * report must be taken in at once, as when half of a ring is full.
 */
#define HOST_URGENT_MAX 2
bool host_may_wait(const struct host *host, int fds[HOST_URGENT_MAX], int *count);

/* Adds what is known of a process only later, see process_details.h. */
void host_complete(struct host *host, struct process *process);

/* Reads all sockets' owners anew; returns when done. */
void host_walk_all(struct host *host);
/* At the end of a turn: a slice of background work; true while there is more to do at once. */
bool host_work(struct host *host, int64_t budget_ns);
/* Once a second: expiry. */
void host_tick(struct host *host);

void host_read_counters(const struct host *host, struct host_counters *counters);

#endif
