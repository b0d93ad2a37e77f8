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

/* Losses come in numbers: sockets are listed once they are over, and seldom where it takes long. */
#define RESYNC_NS    (1 * NS_PER_SECOND)
#define RESYNC_SHARE 50

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
	uint64_t resyncs;
	int64_t resync_ns, resync_took_ns; /* when sockets are to be listed next; 0 = not at all */
	int64_t read_ns;                   /* up to then, what ended is known */
	int64_t woken_ns;                  /* when the end of a socket did so last */
	bool resting;                      /* such an end wakes nobody now */
};

static void on_interfaces(void *context, uint32_t ready)
{
	struct host_netns *netns = context;

	(void)ready;
	interfaces_read(netns->interfaces);
}

static int on_socket_destroyed(void *context, const struct socket *socket)
{
	struct host_netns *netns = context;

	netns->destroyed++;
	netns->callbacks.destroyed(netns->callbacks.context, socket);
	return 0;
}

static void read_destroyed(struct host_netns *netns)
{
	int64_t since_ns = netns->read_ns;

	netns->read_ns = clock_monotonic_ns();
	if (sock_destroy_read(netns->destroy, on_socket_destroyed, netns) == -ENOBUFS) {
		netns->destroy_overruns++;
		netns->resync_ns =
			netns->read_ns + RESYNC_NS + RESYNC_SHARE * netns->resync_took_ns;
		netns->callbacks.lost(netns->callbacks.context, since_ns);
		netns->callbacks.overrun(netns->callbacks.context, "destroy",
		                         sock_destroy_drops(netns->destroy));
	}
}

static void on_destroyed(void *context, uint32_t ready)
{
	struct host_netns *netns = context;
	int64_t now_ns = clock_monotonic_ns();

	(void)ready;
	read_destroyed(netns);
	if (now_ns - netns->woken_ns < REST_NS && loop_modify(netns->destroy_source, 0) == 0) {
		netns->resting = true;
		loop_set_timer(netns->rest_source, REST_NS, 0);
	}
	netns->woken_ns = now_ns;
}

static void on_rested(void *context, uint32_t expirations)
{
	struct host_netns *netns = context;
	uint64_t before = netns->destroyed;

	(void)expirations;
	read_destroyed(netns);
	if (netns->destroyed != before || loop_modify(netns->destroy_source, EPOLLIN) != 0)
		loop_set_timer(netns->rest_source, REST_NS, 0);
	else
		netns->resting = false;
}

static int on_listed(void *context, const struct socket *socket)
{
	struct host_netns *netns = context;

	if (socket->tuple.destination_port != 0)
		netns->callbacks.listed(netns->callbacks.context, socket);
	return 0;
}

/* Which sockets were destroyed is not known any more; which are there is. */
static void resync(struct host_netns *netns)
{
	int64_t began_ns = clock_monotonic_ns();
	bool complete = false;

	lister_run(netns->lister, SOCKET_KIND_BIT(SOCKET_TCP), UINT32_MAX, false, on_listed, netns,
	           &complete);
	netns->resyncs++;
	netns->resync_took_ns = clock_monotonic_ns() - began_ns;
	netns->resync_ns = 0;
	if (complete)
		netns->callbacks.all_listed(netns->callbacks.context, netns->number, began_ns);
	else
		netns->resync_ns = began_ns + RESYNC_NS + RESYNC_SHARE * netns->resync_took_ns;
}

void host_netns_catch_up(struct host_netns *netns)
{
	/* Not only when it rests: the wait may have ended for a signal, or a moment before. */
	if (netns->destroy)
		read_destroyed(netns);
	if (netns->resync_ns != 0 && clock_monotonic_ns() >= netns->resync_ns)
		resync(netns);
}

static int watch(struct loop *loop, int fd, loop_callback *callback, struct host_netns *netns,
                 struct loop_source **source, struct error *error)
{
	*source = loop_add_fd(loop, fd, EPOLLIN, callback, netns);
	return *source ? 0 : error_set(error, errno, "epoll: %s", strerror(errno));
}

static int open_sockets(struct host_netns *netns, enum lister_mode mode, struct error *degraded,
                        struct error *error)
{
	int result = mode == LISTER_PROC
	                     ? 0
	                     : sock_diag_open(&netns->diag, netns->number,
	                                      mode == LISTER_NETLINK ? error : degraded);

	if (result != 0) {
		netns->diag = NULL;
		if (mode == LISTER_NETLINK)
			return result;
	}
	result = lister_new(&netns->lister, mode, netns->diag, "/proc/thread-self/net",
	                    netns->number, error);
	if (result != 0)
		return result;
	if (netns->fd >= 0)
		lister_set_namespace(netns->lister, netns->fd);
	netns->listeners = listener_table_new(netns->lister, SOCKET_KIND_BIT(SOCKET_TCP), false);
	netns->udp_listeners = listener_table_new(
		netns->lister, SOCKET_KIND_BIT(SOCKET_UDP) | SOCKET_KIND_BIT(SOCKET_UDPLITE), true);
	return netns->listeners && netns->udp_listeners ? 0
	                                                : error_set(error, ENOMEM, "out of memory");
}

/* Inside the namespace. */
static int open_inside(struct host_netns *netns, struct loop *loop, enum lister_mode mode,
                       struct error *degraded, struct error *error)
{
	struct error untracked;
	int result = open_sockets(netns, mode, degraded, error);

	if (result == 0)
		result = interfaces_new(&netns->interfaces, error);
	if (result == 0)
		result = watch(loop, interfaces_fd(netns->interfaces), on_interfaces, netns,
		               &netns->interfaces_source, error);
	if (result != 0)
		return result;
	/*
	 * Without it a connection that is translated has no owner, and no address but those of
	 * the wire.
	 */
	if (conntrack_open(&netns->conntrack, &untracked) != 0)
		netns->conntrack = NULL;
	if (sock_destroy_open(&netns->destroy, netns->number, degraded) != 0) {
		netns->destroy = NULL;
		return 0;
	}
	sock_destroy_set_receive_buffer(netns->destroy, DESTROY_BUFFER);
	netns->read_ns = clock_monotonic_ns();
	netns->rest_source = loop_add_timer(loop, 0, 0, on_rested, netns);
	if (!netns->rest_source)
		return error_set(error, errno, "timerfd: %s", strerror(errno));
	return watch(loop, sock_destroy_fd(netns->destroy), on_destroyed, netns,
	             &netns->destroy_source, error);
}

int host_netns_open(struct host_netns **result, struct loop *loop, int fd, uint32_t number,
                    enum lister_mode mode, const struct host_netns_callbacks *callbacks,
                    struct error *degraded, struct error *error)
{
	struct host_netns *netns = calloc(1, sizeof *netns);
	int previous = -1, code;

	if (!netns) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	netns->fd = fd;
	netns->number = number;
	netns->callbacks = *callbacks;
	if (fd >= 0) {
		previous = netns_enter(fd);
		if (previous < 0) {
			host_netns_close(netns);
			return error_set(error, -previous, "network namespace %u: setns: %s",
			                 number, strerror(-previous));
		}
	}
	code = open_inside(netns, loop, mode, degraded, error);
	if (previous >= 0)
		netns_leave(previous);
	if (code != 0) {
		host_netns_close(netns);
		return code;
	}
	*result = netns;
	return 0;
}

void host_netns_close(struct host_netns *netns)
{
	if (!netns)
		return;
	loop_remove(netns->destroy_source);
	loop_remove(netns->rest_source);
	loop_remove(netns->interfaces_source);
	sock_destroy_close(netns->destroy);
	interfaces_free(netns->interfaces);
	conntrack_close(netns->conntrack);
	listener_table_free(netns->listeners);
	listener_table_free(netns->udp_listeners);
	lister_free(netns->lister);
	sock_diag_close(netns->diag);
	if (netns->fd >= 0)
		close(netns->fd);
	free(netns);
}

uint32_t host_netns_number(const struct host_netns *netns)
{
	return netns->number;
}

int host_netns_fd(const struct host_netns *netns)
{
	return netns->fd;
}

struct attribution_namespace host_netns_view(const struct host_netns *netns)
{
	return (struct attribution_namespace){
		.netns = netns->number,
		.diag = netns->diag,
		.lister = netns->lister,
		.interfaces = netns->interfaces,
		.listeners = netns->listeners,
		.udp_listeners = netns->udp_listeners,
		.conntrack = netns->conntrack,
	};
}

void host_netns_add_counters(const struct host_netns *netns, struct host_netns_counters *sum)
{
	sum->interrupted += lister_counters(netns->lister)->interrupted;
	sum->resyncs += interfaces_resyncs(netns->interfaces) + netns->resyncs;
	if (!netns->destroy)
		return;
	sum->overruns += netns->destroy_overruns;
	sum->lost += sock_destroy_drops(netns->destroy);
}
