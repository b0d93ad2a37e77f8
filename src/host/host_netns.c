/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "interfaces/interfaces.h"
#include "sockets/conntrack.h"
#include "sockets/listener_table.h"
#include "sockets/netns.h"
#include "sockets/sock_destroy.h"
#include "sockets/sock_diag.h"

#define DESTROY_BUFFER (4 << 20)
/*
 * Sockets that end one after the other would wake the loop for each. Those that end
 * within so long of each other are read together then, or with the next packets.
 */
#define REST_NS (20 * NS_PER_MS)

struct host_netns {
	int fd;
	uint32_t number;
	struct host_netns_callbacks callbacks;
	struct sock_diag *diag;
	struct lister *lister;
	struct listener_table *listeners, *udp_listeners; /* TCP, UDP */
	struct interfaces *interfaces;
	struct conntrack *conntrack; /* NULL: no right to ask, or no such module */
	struct sock_destroy *destroy;
	struct loop_source *interfaces_source, *destroy_source, *rest_source;
	uint64_t destroyed, destroy_overruns;
	int64_t read_ns;  /* up to then, what ended is known */
	int64_t woken_ns; /* when the end of a socket did so last */
	bool resting;     /* such an end wakes nobody now */
};

static void on_interfaces(void *context, uint32_t ready)
{
	struct host_netns *space = context;

	(void)ready;
	interfaces_read(space->interfaces);
}

static int on_socket_destroyed(void *context, const struct socket *socket)
{
	struct host_netns *space = context;

	space->destroyed++;
	space->callbacks.destroyed(space->callbacks.context, socket);
	return 0;
}

static void read_destroyed(struct host_netns *space)
{
	int64_t since_ns = space->read_ns;

	space->read_ns = clock_monotonic_ns();
	if (sock_destroy_read(space->destroy, on_socket_destroyed, space) == -ENOBUFS) {
		space->destroy_overruns++;
		space->callbacks.lost(space->callbacks.context, since_ns);
		space->callbacks.overrun(space->callbacks.context, "destroy",
		                         sock_destroy_drops(space->destroy));
	}
}

static void on_destroyed(void *context, uint32_t ready)
{
	struct host_netns *space = context;
	int64_t now_ns = clock_monotonic_ns();

	(void)ready;
	read_destroyed(space);
	if (now_ns - space->woken_ns < REST_NS && loop_modify(space->destroy_source, 0) == 0) {
		space->resting = true;
		loop_set_timer(space->rest_source, REST_NS, 0);
	}
	space->woken_ns = now_ns;
}

static void on_rested(void *context, uint32_t expirations)
{
	struct host_netns *space = context;
	uint64_t before = space->destroyed;

	(void)expirations;
	read_destroyed(space);
	if (space->destroyed != before || loop_modify(space->destroy_source, EPOLLIN) != 0)
		loop_set_timer(space->rest_source, REST_NS, 0);
	else
		space->resting = false;
}

void host_netns_catch_up(struct host_netns *space)
{
	/* Not only when it rests: the wait may have ended for a signal, or a moment before. */
	if (space->destroy)
		read_destroyed(space);
}

static int watch(struct loop *loop, int fd, loop_callback *callback, struct host_netns *space,
                 struct loop_source **source, struct error *error)
{
	*source = loop_add_fd(loop, fd, EPOLLIN, callback, space);
	return *source ? 0 : error_set(error, errno, "epoll: %s", strerror(errno));
}

static int open_sockets(struct host_netns *space, enum lister_mode mode, struct error *degraded,
                        struct error *error)
{
	int result = sock_diag_open(&space->diag, space->number,
	                            mode == LISTER_NETLINK ? error : degraded);

	if (result != 0) {
		space->diag = NULL;
		if (mode == LISTER_NETLINK)
			return result;
	}
	result = lister_new(&space->lister, mode, mode == LISTER_PROC ? NULL : space->diag,
	                    "/proc/thread-self/net", space->number, error);
	if (result != 0)
		return result;
	if (space->fd >= 0)
		lister_set_namespace(space->lister, space->fd);
	space->listeners = listener_table_new(space->lister, SOCKET_KIND_BIT(SOCKET_TCP));
	space->udp_listeners = listener_table_new(
		space->lister, SOCKET_KIND_BIT(SOCKET_UDP) | SOCKET_KIND_BIT(SOCKET_UDPLITE));
	return space->listeners && space->udp_listeners ? 0
	                                                : error_set(error, ENOMEM, "out of memory");
}

/* Inside the namespace. */
static int open_inside(struct host_netns *space, struct loop *loop, enum lister_mode mode,
                       struct error *degraded, struct error *error)
{
	struct error untracked;
	int result = open_sockets(space, mode, degraded, error);

	if (result == 0)
		result = interfaces_new(&space->interfaces, error);
	if (result == 0)
		result = watch(loop, interfaces_fd(space->interfaces), on_interfaces, space,
		               &space->interfaces_source, error);
	if (result != 0)
		return result;
	/* Without it a connection that is translated has no owner, and no address but those of the wire. */
	if (conntrack_open(&space->conntrack, &untracked) != 0)
		space->conntrack = NULL;
	if (sock_destroy_open(&space->destroy, space->number, degraded) != 0) {
		space->destroy = NULL;
		return 0;
	}
	sock_destroy_set_receive_buffer(space->destroy, DESTROY_BUFFER);
	space->read_ns = clock_monotonic_ns();
	space->rest_source = loop_add_timer(loop, 0, 0, on_rested, space);
	if (!space->rest_source)
		return error_set(error, errno, "timerfd: %s", strerror(errno));
	return watch(loop, sock_destroy_fd(space->destroy), on_destroyed, space,
	             &space->destroy_source, error);
}

int host_netns_open(struct host_netns **result, struct loop *loop, int fd, uint32_t number,
                    enum lister_mode mode, const struct host_netns_callbacks *callbacks,
                    struct error *degraded, struct error *error)
{
	struct host_netns *space = calloc(1, sizeof *space);
	int previous = -1, code;

	if (!space) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	space->fd = fd;
	space->number = number;
	space->callbacks = *callbacks;
	if (fd >= 0) {
		previous = netns_enter(fd);
		if (previous < 0) {
			host_netns_close(space);
			return error_set(error, -previous, "network namespace %u: setns: %s",
			                 number, strerror(-previous));
		}
	}
	code = open_inside(space, loop, mode, degraded, error);
	if (previous >= 0)
		netns_leave(previous);
	if (code != 0) {
		host_netns_close(space);
		return code;
	}
	*result = space;
	return 0;
}

void host_netns_close(struct host_netns *space)
{
	if (!space)
		return;
	loop_remove(space->destroy_source);
	loop_remove(space->rest_source);
	loop_remove(space->interfaces_source);
	sock_destroy_close(space->destroy);
	interfaces_free(space->interfaces);
	conntrack_close(space->conntrack);
	listener_table_free(space->listeners);
	listener_table_free(space->udp_listeners);
	lister_free(space->lister);
	sock_diag_close(space->diag);
	if (space->fd >= 0)
		close(space->fd);
	free(space);
}

uint32_t host_netns_number(const struct host_netns *space)
{
	return space->number;
}

int host_netns_fd(const struct host_netns *space)
{
	return space->fd;
}

struct attribution_namespace host_netns_view(const struct host_netns *space)
{
	return (struct attribution_namespace){
		.netns = space->number,
		.diag = space->diag,
		.lister = space->lister,
		.interfaces = space->interfaces,
		.listeners = space->listeners,
		.udp_listeners = space->udp_listeners,
		.conntrack = space->conntrack,
	};
}

void host_netns_add_counters(const struct host_netns *space, struct host_netns_counters *sum)
{
	sum->interrupted += lister_counters(space->lister)->interrupted;
	sum->resyncs += interfaces_resyncs(space->interfaces);
	if (!space->destroy)
		return;
	sum->overruns += space->destroy_overruns;
	sum->lost += sock_destroy_drops(space->destroy);
}
