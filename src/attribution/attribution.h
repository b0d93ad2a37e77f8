/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one narrow question: who owns this end of a tuple in this network
 * namespace, now? And the answer: owner, how we know, or why we do not.
 *
 * Work on a question is bounded (some exact socket queries and readlinks); the
 * walk over /proc that an unanswered question may need runs in slices from
 * attribution_work and never on a packet's path.
 */
#ifndef SOCKLINE_ATTRIBUTION_ATTRIBUTION_H
#define SOCKLINE_ATTRIBUTION_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/owner.h"
#include "attribution/question.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/inet.h"
#include "sockets/socket.h"

struct attribution;
struct conntrack;
struct failed_connect;
struct interfaces;
struct lister;
struct proc_fd;
struct proc_fd_holders;
struct process_table;
struct sock_diag;

/* What is known of one network namespace. Everything is borrowed. */
struct attribution_namespace {
	uint32_t netns;
	int64_t since_ns; /* monotonic: it is captured at least since then, if it came later */
	struct sock_diag *diag;
	struct lister *lister;
	struct interfaces *interfaces;
	struct listener_table *listeners, *udp_listeners; /* TCP; UDP and UDP-Lite */
	struct conntrack *conntrack;                      /* NULL: none */
};

struct attribution_options {
	struct hash_key key;
	struct process_table *processes;         /* borrowed */
	struct proc_fd *fds;                     /* borrowed */
	struct sentinel_owners *sentinel_owners; /* borrowed; NULL = no sentinel */
	struct trace_owners *trace_owners;       /* borrowed; NULL = lookups alone */
	bool guess;              /* name the likeliest where the owner is ambiguous */
	bool sees_all_processes; /* initial pid namespace: no process is hidden */
	bool reports_forks; /* attribution_forked is called for each, or trace_owners sees them */
};

struct attribution_counters {
	uint64_t queries, misses, cached_misses;
};

int attribution_new(struct attribution **result, const struct attribution_options *options,
                    struct error *error);
void attribution_free(struct attribution *attribution);

/* Copied; 0 or -ENOSPC, -ENOMEM. */
int attribution_add_namespace(struct attribution *attribution,
                              const struct attribution_namespace *namespace);
void attribution_remove_namespace(struct attribution *attribution, uint32_t netns);
const struct attribution_namespace *
attribution_find_namespace(const struct attribution *attribution, uint32_t netns);
/* Whether that namespace has, or had at that time (monotonic), the address. */
enum trace_owners_address attribution_has_address(const struct attribution *attribution,
                                                  uint32_t netns,
                                                  const struct inet_address *address,
                                                  int64_t at_ns);

/* A question about this tuple comes in a moment: what is known of it is fetched meanwhile. */
void attribution_expect(struct attribution *attribution, const struct tuple *tuple);
/* *owner is cleared first and always filled: a process, the kernel, or unknown with a reason. */
void attribution_resolve(struct attribution *attribution,
                         const struct attribution_question *question, struct owner *owner);
/*
 * A packet of the host that belongs to no connection, of_link: with no IP in it (ARP). The kernel
 * makes such itself, and so may raw and packet sockets: *owner, cleared first, is unknown with
 * RAW_SOCKET and the pids of their holders, or NO_SOCKET where there is none. is_by_hand: the kernel
 * makes none like it, so that the process which is seen to send it is its owner.
 */
void attribution_find_maker(struct attribution *attribution,
                            const struct attribution_question *question, bool of_link,
                            bool is_by_hand, struct owner *owner);
/*
 * NAT: the tuple of the socket of wire->source, whose packets have that of wire. False: none is
 * translated, or it is not known.
 */
bool attribution_nat_socket(const struct attribution *attribution, uint32_t netns,
                            const struct tuple *wire, int64_t seen_ns, struct tuple *socket);
/*
 * Whether the end is of this host although it has not its address: a transparent proxy
 * has the very socket of this connection, or had it. The question is a foreign one. False also when
 * asked too often.
 */
bool attribution_is_of_host(struct attribution *attribution,
                            const struct attribution_question *question);
/* The same for a listed socket. holders (may be NULL) gets what proc_fd_find knows. */
void attribution_resolve_socket(struct attribution *attribution, const struct socket *socket,
                                int64_t asked_ns, struct owner *owner,
                                struct proc_fd_holders *holders);
/*
 * Did the end tuple->source of an open TCP connection begin it? By its socket, or, where that does
 * not say it, a listener on the end. Not known when attribution is NULL.
 */
enum socket_role attribution_find_role(struct attribution *attribution, uint32_t netns,
                                       const struct tuple *tuple, uint32_t ifindex);
/*
 * What the kernel says now of the TCP socket tuple->source of an open connection. cookie: of that
 * socket, 0 = not known. False: it is not there, or too many were asked for in this second.
 */
bool attribution_read_socket(struct attribution *attribution, uint32_t netns,
                             const struct tuple *tuple, uint32_t ifindex, uint64_t cookie,
                             struct socket *socket);
/*
 * At the end of a TCP connection: who last had the socket of this end, when it
 * was seen, replaces *owner (a server's child in place of who accepted); a
 * listener of several processes alone does not show which of them had it. True
 * when the owner is another now.
 */
bool attribution_last_holder(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner);
/*
 * How often an owner may have become another: a process exited, or an end was seen with another
 * process than before. As long as it does not change, owners that are known stand.
 */
uint32_t attribution_changes(struct attribution *attribution);
/* Was any end seen with another process since then (monotonic)? True also where that is not known. */
bool attribution_changed_since(const struct attribution *attribution, int64_t since_ns);
/* Were several processes seen to use this end of the connection? */
bool attribution_is_contested(struct attribution *attribution,
                              const struct attribution_question *question);
/*
 * The one of them whose packet of seen_ns this is: true, and *owner (must be clear) is a process,
 * or ambiguous. False: nothing was seen that speaks against the owner that is known.
 */
bool attribution_find_user(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner);
/*
 * What is known of the send that the packet's data is of; the question has_offset. UNCOUNTED: nothing.
 * REPORTED: it is over, and *reported bytes are. Until then it goes on, and the owner that is known MAY
 * have begun it, or that is NOT_SEEN: it has the socket no more, waits for something else, or was not
 * looked at, for want of time. New reports are taken in: attribution_changes() may be another then.
 */
enum attribution_send {
	ATTRIBUTION_SEND_UNCOUNTED,
	ATTRIBUTION_SEND_REPORTED,
	ATTRIBUTION_SEND_MAY,
	ATTRIBUTION_SEND_NOT_SEEN,
};
enum attribution_send attribution_find_send(struct attribution *attribution,
                                            const struct attribution_question *question,
                                            const struct owner *owner, uint32_t *reported);
/*
 * The process that has the socket of this end when its owner has exited, at question->heir_ns: it
 * holds the descriptor, or was seen with the socket since then. False, and *owner is unknown:
 * none has, or it is pending.
 */
bool attribution_find_heir(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner);
/*
 * The process was seen to use this end of UDP, where several were, or before it exited. Its socket is
 * looked at: its shared_pids are of now. True: another one that has it, or had it, may have sent the
 * packet.
 */
bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner);
/*
 * Has the process a descriptor of the socket? It is read for that when it is not known. False also
 * when it has too many descriptors, or that was done too often.
 */
bool attribution_holds(struct attribution *attribution, const struct process *process,
                       uint64_t inode);
/*
 * The process has a new listening TCP socket: its descriptors are read, so that the first
 * connection finds its owner at once.
 */
void attribution_listens(struct attribution *attribution, int pid);
/*
 * A packet of seen_ns came to this responder's TCP end before the process was born that has the
 * socket: its parent's, or an earlier ancestor's, whose listening socket took the connection. False:
 * none is surely known to listen, and *owner (must be clear) remains so.
 */
bool attribution_find_listening(struct attribution *attribution,
                                const struct attribution_question *question,
                                const struct process *child, struct owner *owner);
/* Did the process fork, or was it forked, since a connection began, so that it may share its socket? */
static inline bool attribution_forked_since(const struct process *process, int64_t since_ns)
{
	return process->sole_holder_since_ns >= since_ns - WINDOW_FORK_NS;
}
/*
 * Where no tracepoint reports what is handed on: the process was found with a TCP socket, or with
 * one of UDP that is connected. Has it the descriptor still, and it alone, at the packet of
 * question->seen_ns? Its shared_pids are of now. 0 also when asked too often. Where tracepoints
 * report sends of TCP: whether another one may be sending, whose first send is not reported yet.
 */
#define ATTRIBUTION_LOST       1u /* it has it no more */
#define ATTRIBUTION_NOW_OTHERS 2u /* shared_pids changed */
#define ATTRIBUTION_DOUBTFUL   4u /* another one may have had it at the packet */
#define ATTRIBUTION_LOOK_AGAIN 8u /* for the next packet, too */
#define ATTRIBUTION_SILENT     16u /* no tracepoint reports what it sends: those that have it decide */
unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner);
/* A process exited: what it had may be another's. */
void attribution_exited(struct attribution *attribution, int pid, int64_t time_ns);
uint32_t attribution_exits(const struct attribution *attribution); /* how many did */
/*
 * A process forked (monotonic time), or word of such was lost: what it accepts from
 * then on may be its child's.
 */
void attribution_forked(struct attribution *attribution, int parent_pid, int pid, int64_t time_ns);
void attribution_forks_lost(struct attribution *attribution);
/* Was the fork of this process reported to be of after a packet of that time (monotonic)? */
bool attribution_forked_after(const struct attribution *attribution, int pid, int64_t seen_ns);
/*
 * A process that has exited had this end of TCP, and its socket is gone. Without tracepoints: may its
 * parent, or a child of its own, have had the socket since?
 */
bool attribution_may_outlive(const struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct process *process);
/*
 * Has the UDP sockets of the namespace listed, if that was not done after since_ns (monotonic).
 * *listed_ns: when it began. 0, -EAGAIN: no time is left for it now, or another -errno.
 */
int attribution_udp_listed(struct attribution *attribution, uint32_t netns, int64_t since_ns,
                           int64_t *listed_ns);
/*
 * By that listing: is no socket there any more that the end tuple->source may have, or its owner
 * was found with? Other sockets of a port (SO_REUSEPORT) may have it where that one is not known.
 */
bool attribution_udp_is_gone(const struct attribution *attribution, uint32_t netns,
                             const struct tuple *tuple, const struct owner *owner);
/*
 * The process that sent these echo requests has exited, at question->heir_ns: is no ping or raw
 * socket left that they may be of? -EAGAIN: no listing of after that time can be made now.
 */
int attribution_echo_is_gone(struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct owner *owner);
/*
 * Copies what a connection's end is known to be, so that its TIME_WAIT has a name. time_ns: when
 * it was so (monotonic); a connection that began later has another socket.
 */
void attribution_remember(struct attribution *attribution, uint32_t netns,
                          const struct tuple *tuple, const struct owner *owner, int64_t time_ns);

/*
 * A socket that was listed when a capture began: its holder is looked for, and remembered in case
 * that it is closed before its first packet is read (question->inode).
 */
void attribution_expect_socket(struct attribution *attribution, const struct socket *socket);
/* The walk that looks for them, now, for at most so long. What is left goes on as all walks do. */
void attribution_find_expected(struct attribution *attribution, int64_t budget_ns);
void attribution_tick(struct attribution *attribution); /* once a second */

/* Are there tracepoints, which report how each call of connect(2) ends? */
bool attribution_sees_connects(const struct attribution *attribution);
/*
 * The next call of connect(2) that tracepoints saw fail, and that ended before that time: with its
 * owner, in a namespace that is known. False: there is none.
 */
bool attribution_take_failed_connect(struct attribution *attribution, int64_t before_ns,
                                     struct failed_connect *connect, struct owner *owner);

/*
 * A slice of the walks that questions asked for, at most budget_ns. True while
 * there is more to do at once.
 */
bool attribution_work(struct attribution *attribution, int64_t budget_ns);
/* A whole walk, for a snapshot: returns when it is done. */
void attribution_walk_all(struct attribution *attribution);

const struct attribution_counters *attribution_counters(const struct attribution *attribution);

#endif
