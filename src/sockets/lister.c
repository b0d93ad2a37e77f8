/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/lister.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	enum socket_source sources[SOCKET_KIND_COUNT];

	/*
	 * Cookies that this dump has reported: a socket comes twice when the dump is
	 * repeated, when it changes its state meanwhile (to TIME_WAIT, say), and when
	 * it is a netlink socket with groups, which the kernel lists by both.
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
	for (int kind = 0; kind < SOCKET_KIND_COUNT; kind++)
		new->sources[kind] =
			mode == LISTER_PROC ? SOCKET_FROM_PROC_NET : SOCKET_FROM_SOCK_DIAG;
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

static int report_once(void *context, const struct socket *socket)
{
	struct run *run = context;
	int is_new = remember(run->lister, socket->cookie);

	return is_new > 0 ? report(run, socket) : is_new;
}

static int list_diag(struct run *run, enum socket_kind kind, uint32_t states, bool tcp_info)
{
	struct lister *lister = run->lister;

	lister->cookie_count = 0;
	table_clear(lister->seen);
	lister->sources[kind] = SOCKET_FROM_SOCK_DIAG;
	return sock_diag_list(lister->diag, kind, states, tcp_info, report_once, NULL, run);
}

static int list_proc(struct run *run, enum socket_kind kind, uint32_t states)
{
	struct lister *lister = run->lister;
	struct proc_net_counters counters = { 0 };
	int previous = -1, result;

	lister->sources[kind] = SOCKET_FROM_PROC_NET;
	if (lister->netns_fd >= 0) {
		previous = netns_enter(lister->netns_fd);
		if (previous < 0)
			return previous;
	}
	result =
		proc_net_list(lister->net_dir, lister->netns, kind, states, report, run, &counters);
	if (previous >= 0)
		netns_leave(previous);
	lister->counters.malformed += counters.malformed;
	if (result == 0 && counters.malformed > 0)
		return -EBADMSG;
	return result;
}

/* True when the kind was listed wholly. */
static bool list_kind(struct run *run, enum socket_kind kind, uint32_t states, bool tcp_info)
{
	struct lister *lister = run->lister;
	int result = -ENOENT;

	run->reported = 0;
	lister->counters.dumps++;
	if (lister->mode != LISTER_PROC && lister->diag)
		result = list_diag(run, kind, states, tcp_info);
	/* /proc/net has no cookies: it can stand in for a dump only before that gave anything. */
	if (lister->mode == LISTER_PROC ||
	    (lister->mode == LISTER_AUTO && result != 0 && !run->stopped && run->reported == 0))
		result = list_proc(run, kind, states);
	if (run->stopped)
		return true;
	if (result == -EAGAIN)
		lister->counters.interrupted++;
	else if (result != 0)
		lister->counters.failed++;
	return result == 0;
}

int lister_run(struct lister *lister, uint32_t kinds, uint32_t states, bool tcp_info,
               socket_callback *callback, void *context, bool *complete)
{
	struct run run = { .lister = lister, .callback = callback, .context = context };
	bool whole = true;

	for (int kind = 0; kind < SOCKET_KIND_COUNT && !run.stopped; kind++) {
		if (kinds & SOCKET_KIND_BIT(kind))
			whole &= list_kind(&run, (enum socket_kind)kind, states, tcp_info);
	}
	*complete = whole;
	return run.stopped;
}

const struct lister_counters *lister_counters(const struct lister *lister)
{
	return &lister->counters;
}
