/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/lister.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"
#include "sockets/netns.h"
#include "sockets/proc_net.h"
#include "sockets/sock_diag.h"

#define COOKIES_MAX (1u << 26) /* sockets of a kind; memory grows with what is there */

struct lister {
	enum lister_mode mode;
	struct sock_diag *diag;
	char *net_dir;
	uint32_t netns;
	int netns_fd; /* borrowed; -1 = the caller's namespace */
	struct lister_counters counters;

	/*
	 * Cookies that this dump has reported (see identity_of): a socket comes twice when
	 * the dump is repeated, when it changes its state meanwhile (to TIME_WAIT, say), and
	 * when it is a netlink socket with groups, which the kernel lists by both.
	 */
	uint64_t *cookies;
	uint32_t cookie_count, cookie_room;
	struct table *seen; /* of cookies */
};

int lister_new(struct lister **lister, enum lister_mode mode, struct sock_diag *diag,
               const char *net_dir, uint32_t netns, struct error *error)
{
	struct lister *new = calloc(1, sizeof(*new));

	if (!new)
		return error_set(error, ENOMEM, "lister: out of memory");
	new->net_dir = strdup(net_dir);
	new->seen = table_new(COOKIES_MAX);
	if (!new->net_dir || !new->seen) {
		lister_free(new);
		return error_set(error, ENOMEM, "lister: out of memory");
	}
	new->mode = mode;
	new->diag = diag;
	new->netns = netns;
	new->netns_fd = -1;
	*lister = new;
	return 0;
}

void lister_set_namespace(struct lister *lister, int netns_fd)
{
	lister->netns_fd = netns_fd;
}

void lister_free(struct lister *lister)
{
	if (!lister)
		return;
	table_free(lister->seen);
	free(lister->cookies);
	free(lister->net_dir);
	free(lister);
}

/* One lister_run. */
struct run {
	struct lister *lister;
	struct lister_request *request;
	socket_callback *callback;
	void *context;
	int stopped;       /* what the callback returned to end it */
	uint64_t reported; /* sockets of the current kind */
};

/* 1: a new one; 0: seen before; -ENOMEM, -ENOSPC. */
static int remember(struct lister *lister, uint64_t cookie)
{
	/* The kernel gives them out in turn: spreading them is enough, nobody chooses them. */
	uint64_t hash = cookie * UINT64_C(0x9e3779b97f4a7c15);
	struct table_cursor cursor = table_cursor(lister->seen, hash);
	uint32_t number, room = lister->cookie_room;
	uint64_t *cookies;
	int error;

	while (table_next(&cursor, &number)) {
		if (lister->cookies[number] == cookie)
			return 0;
	}
	if (lister->cookie_count == room) {
		room = room ? 2 * room : 256;
		cookies = reallocarray(lister->cookies, room, sizeof(*cookies));
		if (!cookies)
			return -ENOMEM;
		lister->cookies = cookies;
		lister->cookie_room = room;
	}
	error = table_insert(lister->seen, hash, lister->cookie_count);
	if (error)
		return error;
	lister->cookies[lister->cookie_count++] = cookie;
	return 1;
}

static int report(void *context, const struct socket *socket)
{
	struct run *run = context;

	run->reported++;
	run->stopped = run->callback(run->context, socket);
	return run->stopped;
}

/*
 * The endpoint and each association of SCTP have one cookie: it is that of the socket. What
 * an MPTCP listener accepts gets the listener's, if that was asked for before. /proc/net/netlink,
 * which is read after the dump, has inodes alone.
 */
static uint64_t identity_of(const struct socket *socket)
{
	static const struct hash_key key = { { 1, 2 } };

	if (socket->kind == SOCKET_NETLINK && socket->inode != 0)
		return socket->inode;
	if (socket->kind != SOCKET_SCTP && socket->kind != SOCKET_MPTCP)
		return socket->cookie;
	return socket->cookie ^ hash_bytes(&key, &socket->tuple, sizeof(socket->tuple));
}

static int report_once(void *context, const struct socket *socket)
{
	struct run *run = context;
	int is_new = remember(run->lister, identity_of(socket));

	return is_new > 0 ? report(run, socket) : is_new;
}

static int list_diag(struct run *run, enum socket_kind kind)
{
	struct lister *lister = run->lister;

	lister->cookie_count = 0;
	table_clear(lister->seen);
	return sock_diag_list(lister->diag, kind, run->request->states, run->request->extra,
	                      report_once, NULL, run);
}

/* 0, and what leave() takes; or -errno. */
static int enter(const struct lister *lister, int *previous)
{
	int result = lister->netns_fd >= 0 ? netns_enter(lister->netns_fd) : 0;

	if (result < 0)
		return result;
	*previous = lister->netns_fd >= 0 ? result : -1;
	return 0;
}

static void leave(int previous)
{
	if (previous >= 0)
		netns_leave(previous);
}

/* As proc_net_count, in the namespace. 0, or why that cannot be entered. */
static int count(const struct lister *lister, enum socket_kind kind, int64_t *counted)
{
	int previous, result = enter(lister, &previous);

	if (result != 0)
		return result;
	*counted = proc_net_count(lister->net_dir, kind);
	leave(previous);
	return 0;
}

/* Sockets that no list shows, as far as the kernel counts them. */
static bool has_unlisted(const struct lister *lister, enum socket_kind kind)
{
	int64_t counted;

	return count(lister, kind, &counted) != 0 || counted > 0;
}

bool lister_has_tcp(const struct lister *lister)
{
	int64_t counted;

	return count(lister, SOCKET_TCP, &counted) != 0 || counted != 0;
}

static int list_proc(struct run *run, enum socket_kind kind, socket_callback *callback)
{
	struct lister *lister = run->lister;
	struct proc_net_counters counters = { 0 };
	int previous, result;

	result = enter(lister, &previous);
	if (result != 0)
		return result;
	result = proc_net_list(lister->net_dir, lister->netns, kind, run->request->states, callback,
	                       run, &counters);
	leave(previous);
	lister->counters.malformed += counters.malformed;
	if (result == 0 && counters.malformed > 0)
		return -EBADMSG;
	return result;
}

static int report_missed(void *context, const struct socket *socket)
{
	/* The dump may have had the inode still of one that is being closed. */
	return socket->inode != 0 ? report_once(context, socket) : 0;
}

/*
 * Whenever an answer is full, netlink_diag goes on behind the socket for which there was no room
 * (__netlink_diag_dump() in net/netlink/diag.c: rhashtable_walk_next() has passed it).
 */
static int add_missed(struct run *run, enum socket_kind kind)
{
	if (kind != SOCKET_NETLINK || run->lister->mode != LISTER_AUTO)
		return 0;
	return list_proc(run, kind, report_missed);
}

/* 0, or why the kind was not listed wholly. */
static int list_kind(struct run *run, enum socket_kind kind)
{
	struct lister *lister = run->lister;
	uint32_t bit = SOCKET_KIND_BIT(kind);
	bool has_file = proc_net_has(kind);
	int result = -ENOENT;

	run->reported = 0;
	lister->counters.dumps++;
	if (lister->mode != LISTER_PROC && lister->diag && !(run->request->without_handler & bit)) {
		result = list_diag(run, kind);
		if (result == -ENOENT || result == -EOPNOTSUPP)
			run->request->without_handler |= bit;
		if (result == 0)
			return add_missed(run, kind);
	}
	/* /proc/net has no cookies: it can stand in for a dump only before that gave anything. */
	if (has_file &&
	    (lister->mode == LISTER_PROC ||
	     (lister->mode == LISTER_AUTO && result != 0 && !run->stopped && run->reported == 0)))
		return list_proc(run, kind, report);
	if ((result == -ENOENT || result == -EOPNOTSUPP) && !has_file) {
		result = has_unlisted(lister, kind) ? -ENOENT : 0;
		if (result == 0)
			run->request->absent |= bit;
	}
	return result;
}

int lister_list(struct lister *lister, struct lister_request *request, socket_callback *callback,
                void *context)
{
	struct run run = {
		.lister = lister, .request = request, .callback = callback, .context = context
	};

	request->failed = request->interrupted = request->absent = 0;
	for (int kind = 0; kind < SOCKET_KIND_COUNT && !run.stopped; kind++) {
		int result;

		if (!(request->kinds & SOCKET_KIND_BIT(kind)))
			continue;
		result = list_kind(&run, (enum socket_kind)kind);
		if (run.stopped || result == 0)
			continue;
		request->failed |= SOCKET_KIND_BIT(kind);
		if (result == -EAGAIN) {
			request->interrupted |= SOCKET_KIND_BIT(kind);
			lister->counters.interrupted++;
		} else {
			lister->counters.failed++;
		}
	}
	return run.stopped;
}

int lister_run(struct lister *lister, uint32_t kinds, uint32_t states, bool tcp_info,
               socket_callback *callback, void *context, bool *complete)
{
	struct lister_request request = {
		.kinds = kinds,
		.states = states,
		.extra = tcp_info ? SOCK_DIAG_TCP_INFO : 0,
	};
	int result = lister_list(lister, &request, callback, context);

	*complete = request.failed == 0;
	return result;
}

const struct lister_counters *lister_counters(const struct lister *lister)
{
	return &lister->counters;
}
