/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every socket of one network namespace, by sock_diag where the kernel has a
 * handler and by /proc/net where it has none (--sockets auto), or by one of the
 * two alone (netlink, proc). Both ways give the same set, save that ping sockets
 * and, on many kernels, raw ones have no handler; and that /proc/net has no list of
 * MPTCP, SCTP, DCCP, vsock, XDP, TIPC and SMC, but counts them. Where there are many netlink
 * sockets the kernel's dump lacks some, which auto takes from /proc/net.
 */
#ifndef SOCKLINE_SOCKETS_LISTER_H
#define SOCKLINE_SOCKETS_LISTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sockets/socket.h"

enum lister_mode { LISTER_AUTO, LISTER_NETLINK, LISTER_PROC };

struct sock_diag;
struct lister;

struct lister_counters {
	uint64_t dumps;
	uint64_t interrupted; /* dumps that stayed inconsistent after retries */
	uint64_t failed;
	uint64_t malformed; /* lines of /proc/net that could not be read */
};

/*
 * net_dir such as "/proc/self/net" is copied. diag is borrowed; NULL with LISTER_PROC,
 * or with LISTER_AUTO when it could not be opened.
 */
int lister_new(struct lister **lister, enum lister_mode mode, struct sock_diag *diag,
               const char *net_dir, uint32_t netns, struct error *error);
/*
 * Reads /proc/net inside this namespace (an fd for setns(2), borrowed), which is
 * then the one diag was opened in. net_dir must be "/proc/thread-self/net".
 */
void lister_set_namespace(struct lister *lister, int netns_fd);
void lister_free(struct lister *lister); /* NULL is fine */

/*
 * Calls back once for each socket of the kinds (SOCKET_KIND_BIT), also when a
 * dump had to be repeated. States as in sock_diag_list. *complete = false when
 * some kind could not be listed wholly; the others are listed all the same.
 * 0, or what the callback returned. Not from inside the callback. /proc/net has
 * no cookies: a socket that moves while it is read may come twice from there.
 */
int lister_run(struct lister *lister, uint32_t kinds, uint32_t states, bool tcp_info,
               socket_callback *callback, void *context, bool *complete);

/* What a listing of every socket is asked for, and how it went. */
struct lister_request {
	uint32_t kinds, states;
	unsigned int extra; /* SOCK_DIAG_TCP_INFO, SOCK_DIAG_DETAILS */
	/* In, out: kinds for which the kernel has no handler; it is not asked for them again. */
	uint32_t without_handler;
	uint32_t failed;      /* out: kinds of which sockets may be missing, for any reason */
	uint32_t interrupted; /* out: of these, those whose dump changed each time it was made */
	uint32_t absent;      /* out: kinds that this kernel does not list, and has no socket of */
};

/* lister_run, with more to ask and to answer. */
int lister_list(struct lister *lister, struct lister_request *request, socket_callback *callback,
                void *context);
/*
 * False: by the kernel's count there is no TCP socket but in TIME_WAIT. To ask that takes some
 * microseconds, to list none some milliseconds: each listing goes through those of all namespaces.
 */
bool lister_has_tcp(const struct lister *lister);
const struct lister_counters *lister_counters(const struct lister *lister);

#endif
