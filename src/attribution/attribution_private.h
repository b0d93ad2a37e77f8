/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of attribution share; nobody else includes it. */
#ifndef SOCKLINE_ATTRIBUTION_ATTRIBUTION_PRIVATE_H
#define SOCKLINE_ATTRIBUTION_ATTRIBUTION_PRIVATE_H

#include "attribution/attribution.h"
#include "attribution/children.h"
#include "attribution/forks.h"
#include "base/clock.h"
#include "processes/proc_fd.h"
#include "sockets/listener_table.h"
#include "sockets/lister.h"

#define ATTRIBUTION_NAMESPACES_MAX 1024
#define ATTRIBUTION_MISSES         4096 /* power of two */
/* System calls that one new socket's holder may cost on a packet's path. */
#define ATTRIBUTION_PREDICT_BUDGET 48
#define ATTRIBUTION_LISTENERS_MAX  16         /* of one port */
#define ATTRIBUTION_EXISTING_MAX   (1u << 18) /* sockets, 14 MB where there are so many */
#define ATTRIBUTION_SENDINGS       256        /* that are kept; a power of two */
#define ATTRIBUTION_WAITING        16         /* the same */

struct attribution_miss {
	struct tuple tuple;
	uint32_t netns;
	int64_t time_ns;
};

/* Sockets of one namespace that no exact query can find, listed now and then. */
struct attribution_list {
	struct socket *sockets;
	size_t count, capacity;
	int64_t listed_ns, cost_ns;
	uint32_t netns;
	bool is_complete;
};

/* attribution_udp_ports.c: time that questions of which nothing comes may still take. */
struct attribution_budget {
	int64_t left_ns, since_ns;
	int64_t listing_ns; /* what the last listing took */
};

/* A send that goes on, and what a look at the process showed that was to have begun it. */
struct attribution_sending {
	struct tuple tuple;
	uint32_t netns;
	int pid;
	uint64_t start_ticks;
	uint64_t inode;    /* of the socket; 0 = not known */
	uint64_t bytes;    /* that were reported by then */
	uint32_t offset;   /* of the first byte that was looked at; it was not reported by then */
	bool may;          /* the process may have begun it */
	bool is_inexact;   /* it sends bytes that no report counts */
	int64_t looked_ns; /* 0 = not yet */
};

/* What the threads of a process did then: see process_waits.h. */
struct attribution_waiting {
	int pid;
	bool waits;
	uint64_t start_ticks; /* a pid is used again */
	int64_t looked_ns;
};

/* How often something may still be done within a second. */
struct attribution_allowance {
	int64_t since_ns; /* monotonic: the second began */
	int left;
};

/* One of so many times a second. False: they are used up. */
static inline bool attribution_spend(struct attribution_allowance *allowance, int a_second)
{
	int64_t now_ns = clock_monotonic_ns();

	if (now_ns - allowance->since_ns > NS_PER_SECOND) {
		allowance->since_ns = now_ns;
		allowance->left = a_second;
	}
	return allowance->left > 0 && allowance->left-- > 0;
}

struct attribution {
	struct attribution_options options;
	struct attribution_namespace *namespaces;
	int namespace_count;
	struct recent *recent;
	struct existing_owners *existing; /* NULL: no socket was there when a capture began */
	struct attribution_miss *misses;
	struct attribution_list raw;    /* raw and ping sockets */
	struct attribution_list sctp;   /* listeners of SCTP and DCCP */
	struct attribution_list listed; /* TCP and UDP, where there is no sock_diag */
	struct attribution_budget budget;
	struct attribution_counters counters;
	/* Walks over /proc: what unanswered questions asked for, and when the next may start. */
	bool walk_wanted, full_walk_wanted, walk_is_full;
	int64_t walk_began_ns, walk_work_ns, walk_next_ns, full_walk_next_ns;
	int64_t changed_rest_ns; /* after one over changed processes */
	int64_t walked_ns;       /* when the last complete one began */
	struct forks forks;
	struct children children;
	struct attribution_allowance reads;     /* attribution_read.c */
	struct attribution_allowance foreign;   /* attribution_foreign.c */
	uint32_t exits, forked;                 /* of processes */
	uint32_t batches;                       /* of packets, without tracepoints */
	struct attribution_allowance holders;   /* attribution_shared.c */
	struct attribution_allowance scans;     /* the same */
	struct attribution_allowance processes; /* attribution_unborn.c */
	struct attribution_allowance makers;    /* attribution_raw.c */
	struct attribution_allowance sends;     /* attribution_sending.c */
	struct attribution_allowance threads;   /* the same */
	struct attribution_sending sendings[ATTRIBUTION_SENDINGS];
	struct attribution_waiting waiting[ATTRIBUTION_WAITING];
};

/* Names the holders of a socket; unknown with its reason when there is none to be found now. */
void attribution_name_holder(struct attribution *attribution, const struct socket *socket,
                             enum attribution_method method, int64_t asked_ns, struct owner *owner,
                             struct proc_fd_holders *holders);
/*
 * One owner for several sockets that all fit: known when every one of them has
 * the same holder, otherwise ambiguous. count may exceed what `sockets` has.
 */
void attribution_name_common_holder(struct attribution *attribution,
                                    const struct socket *const *sockets, int listed, int count,
                                    enum attribution_method method, int64_t asked_ns,
                                    struct owner *owner);
/* shared_pids of those that hold a socket, where they are several. 0 or -ENOMEM, then as before. */
int attribution_set_shared(struct owner *owner, const struct proc_fd_holders *holders);
/*
 * All holders of several sockets that each got a copy: the first is the owner, and
 * shared_pids has every one. Those that are not known are left out, unless they are pending.
 */
void attribution_name_all_holders(struct attribution *attribution,
                                  const struct socket *const *sockets, int count, int64_t asked_ns,
                                  struct owner *owner);
/*
 * No socket fits what the end sent: the raw and packet sockets that may have are looked
 * for. UNKNOWN with RAW_SOCKET and the pids of their holders, or as it was.
 */
void attribution_raw_senders(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner);
/* What all that hold one of the sockets have alike, if every one of them is known. */
void attribution_set_common(struct attribution *attribution, const struct socket *const *sockets,
                            int count, struct owner *owner);
/* UNKNOWN with this reason and the pids of the sockets' holders, except ours; or as it was. */
void attribution_name_candidates(struct attribution *attribution,
                                 const struct socket *const *sockets, int count, int64_t asked_ns,
                                 enum attribution_reason reason, struct owner *owner);
/* The interface that the kernel looks for sockets with, where a packet of tuple->source was seen. */
uint32_t attribution_device(const struct attribution_namespace *namespace,
                            const struct tuple *tuple, uint32_t ifindex, int64_t at_ns);
/* The exact query, through the cache of misses. 0 or -errno. */
int attribution_find_socket(struct attribution *attribution,
                            const struct attribution_namespace *namespace,
                            const struct attribution_question *question, struct socket *socket);
/*
 * What is known without a question to the kernel of the UDP sockets that a packet to
 * tuple->source fits. NONE: no socket of the port was open when the packet came. LATER: nothing,
 * as too many such questions came lately; a listing that is as young as the packet will be made.
 * LISTED: the table has all that were open then. ASK: the kernel is to be asked.
 */
enum attribution_udp_ports {
	ATTRIBUTION_UDP_NONE,
	ATTRIBUTION_UDP_LATER,
	ATTRIBUTION_UDP_LISTED,
	ATTRIBUTION_UDP_ASK,
};
enum attribution_udp_ports attribution_udp_ports(struct attribution *attribution,
                                                 const struct attribution_namespace *namespace,
                                                 const struct attribution_question *question);
bool attribution_udp_fits(const struct socket *socket, const struct attribution_question *question);
/* To the other end of the tuple. */
bool attribution_udp_is_connected(const struct socket *socket, const struct tuple *tuple);
/* A question to the kernel was without answer. */
void attribution_udp_missed(struct attribution *attribution);
/*
 * The sockets that wait for what comes to tuple->source on ifindex: TCP listeners, or
 * unconnected UDP sockets; those bound most exactly. inode: one that is known to be
 * among them, or 0. Returns how many, of which `found` has the first
 * ATTRIBUTION_LISTENERS_MAX, valid until the next call.
 */
int attribution_find_listeners(const struct attribution_namespace *namespace,
                               const struct tuple *tuple, uint32_t ifindex, uint64_t inode,
                               const struct socket **found);
/* Sets method UNKNOWN with this reason. */
void attribution_unknown(struct owner *owner, enum attribution_reason reason);
/* The same where an owner was found that is none after all. */
void attribution_withdraw(const struct attribution_question *question, struct owner *owner,
                          enum attribution_reason reason);

/*
 * The process was the last that was seen to send from an end of TCP. True: the packet is of a send that
 * is not reported yet, and another process has the socket as well.
 */
bool attribution_may_send(struct attribution *attribution,
                          const struct attribution_question *question, const struct owner *owner);
/* As attribution_look_at_holders: an end of TCP, where tracepoints report its sends. */
unsigned attribution_look_at_sends(struct attribution *attribution,
                                   const struct attribution_question *question,
                                   const struct owner *owner);
/* What the sentinel saw of the end; false, and *owner is unknown: nothing that is sure. */
bool attribution_find_sighted(struct attribution *attribution,
                              const struct attribution_question *question, struct owner *owner);
/* The kernel saw that process with the end. */
void attribution_set_traced(const struct attribution_question *question, struct process *process,
                            struct owner *owner);

void attribution_tcp_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner);
void attribution_udp_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner);
void attribution_raw_resolve(struct attribution *attribution,
                             const struct attribution_namespace *namespace,
                             const struct attribution_question *question, struct owner *owner);
/* SCTP and DCCP. */
void attribution_sctp_resolve(struct attribution *attribution,
                              const struct attribution_namespace *namespace,
                              const struct attribution_question *question, struct owner *owner);
/* Makes the list anew unless it is young and of this namespace. */
void attribution_list(struct attribution_list *list, const struct attribution_namespace *namespace,
                      uint32_t kinds, uint32_t states);
/*
 * One list is kept. Many questions in turn in several namespaces would have it made anew for
 * each, some 0.3 ms; the question is asked again in a moment.
 */
bool attribution_list_is_costly(const struct attribution_list *list,
                                const struct attribution_namespace *namespace);
/* attribution_find_socket and sock_diag_list_port without sock_diag. */
int attribution_listed_find(struct attribution *attribution,
                            const struct attribution_namespace *namespace,
                            const struct attribution_question *question, struct socket *socket);
void attribution_listed_port(struct attribution *attribution,
                             const struct attribution_namespace *namespace, uint8_t protocol,
                             uint16_t port, socket_callback *callback, void *context);
/*
 * Where NAT gives the end another tuple than its socket has, and owner is not surely
 * that socket's: the question for the socket, in the namespace where it is (0: in none
 * that is known).
 */
bool attribution_nat_translate(struct attribution *attribution,
                               const struct attribution_namespace *namespace,
                               const struct attribution_question *question,
                               const struct owner *owner, struct attribution_question *translated);
/* A socket_callback: context is a struct attribution_list. */
int attribution_listed_add(void *context, const struct socket *socket);
/*
 * The process that had the socket question->inode, which was listed when a capture began and is
 * closed by now. DOUBTFUL: its holder was seen, but may be another at the time of the packet.
 */
enum attribution_existing {
	ATTRIBUTION_EXISTING_NONE,
	ATTRIBUTION_EXISTING_FOUND,
	ATTRIBUTION_EXISTING_DOUBTFUL,
};
enum attribution_existing attribution_find_existing(struct attribution *attribution,
                                                    const struct attribution_question *question,
                                                    struct owner *owner);
/* A socket is found as others are: what its holder was when the capture began is not needed. */
void attribution_forget_existing(struct attribution *attribution, uint64_t inode);
/* After a walk: takes over what it found, for at most so long; true while there is more. */
bool attribution_find_existing_holders(struct attribution *attribution, int64_t budget_ns);
/* Reads the descriptors of a process that a question hangs on, if that may be done now. */
bool attribution_read_process(struct attribution *attribution, int pid);
/* The listener that accepts for the local end of tuple; ambiguous where several processes could. */
void attribution_tcp_listener(struct attribution *attribution,
                              const struct attribution_namespace *namespace,
                              const struct tuple *tuple, uint32_t ifindex, int64_t asked_ns,
                              struct owner *owner);

#endif
