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
/* Losses come in numbers: sockets are listed once they are over, and seldom where it takes long. */
#define RESYNC_NS    (1 * NS_PER_SECOND)
#define RESYNC_SHARE 50

struct host_netns {
	int fd;
	bool own_fd; /* else it is that of one of its sockets */
	uint32_t number;
	struct host_netns_shared *shared;
	struct host_netns_callbacks callbacks;
	struct sock_diag *diag;
	struct lister *lister;
	struct listener_table *listeners, *udp_listeners; /* TCP, UDP */
	struct interfaces *interfaces;
	struct conntrack *conntrack; /* NULL: no right to ask, or no such module */
	struct sock_destroy *destroy;
	struct host_netns_ends *ends; /* NULL: no reports of destroyed sockets */
	struct loop_source *interfaces_source;
	uint64_t destroyed, destroy_overruns;
	uint64_t resyncs;
	int64_t resync_ns, resync_took_ns; /* when sockets are to be listed next; 0 = not at all */
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

/* 0: not at all. */
static void resync_at(struct host_netns *netns, int64_t ns)
{
	netns->shared->resyncing += (ns != 0) - (netns->resync_ns != 0);
	netns->resync_ns = ns;
}

uint64_t host_netns_read_ended(void *context, int64_t since_ns)
{
	struct host_netns *netns = context;
	uint64_t before = netns->destroyed;

	if (sock_destroy_read(netns->destroy, on_socket_destroyed, netns) == -ENOBUFS) {
		netns->destroy_overruns++;
		resync_at(netns,
		          clock_monotonic_ns() + RESYNC_NS + RESYNC_SHARE * netns->resync_took_ns);
		netns->callbacks.lost(netns->callbacks.context, since_ns);
		netns->callbacks.overrun(netns->callbacks.context, "destroy",
		                         sock_destroy_drops(netns->destroy));
	}
	return netns->destroyed - before;
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
	resync_at(netns, 0);
	if (complete)
		netns->callbacks.all_listed(netns->callbacks.context, netns->number, began_ns);
	else
		resync_at(netns, began_ns + RESYNC_NS + RESYNC_SHARE * netns->resync_took_ns);
}

void host_netns_list(struct host_netns *netns, socket_callback *callback, void *context)
{
	const uint32_t closed = 1u << SOCKET_TIME_WAIT | 1u << SOCKET_CLOSED | 1u << SOCKET_LISTEN;
	uint32_t kinds = SOCKET_KIND_BIT(SOCKET_UDP);
	bool complete;

	if (!netns->ends)
		return;
	if (lister_has_tcp(netns->lister))
		kinds |= SOCKET_KIND_BIT(SOCKET_TCP);
	lister_run(netns->lister, kinds, ~closed, true, callback, context, &complete);
}

void host_netns_catch_up(struct host_netns *netns)
{
	if (netns->resync_ns != 0 && clock_monotonic_ns() >= netns->resync_ns)
		resync(netns);
}

/* The own namespace's sockets stay open: most questions are asked there. */
static struct netlink_pool *pool_of(const struct host_netns *netns,
                                    const struct host_netns_shared *shared)
{
	return netns->fd >= 0 ? shared->pool : NULL;
}

static int open_sockets(struct host_netns *netns, const struct host_netns_shared *shared,
                        struct error *degraded, struct error *error)
{
	enum lister_mode mode = shared->sockets;
	int result = mode == LISTER_PROC
	                     ? 0
	                     : sock_diag_open_pooled(&netns->diag, netns->number,
	                                             pool_of(netns, shared), netns->fd,
	                                             mode == LISTER_NETLINK ? error : degraded);

	if (result != 0) {
		netns->diag = NULL;
		if (mode == LISTER_NETLINK)
			return result;
	}
	result = lister_new(&netns->lister, mode, netns->diag, NETNS_NET_DIR, netns->number, error);
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

/* A socket knows its namespace, so that no other descriptor of it has to stay open. */
static void spare_descriptor(struct host_netns *netns, const struct host_netns_shared *shared)
{
	int fd = netns->fd >= 0 && shared->keeps_net_admin
	                 ? netns_of_socket(interfaces_fd(netns->interfaces))
	                 : -1;

	if (fd < 0)
		return;
	close(fd);
	close(netns->fd);
	netns->fd = interfaces_fd(netns->interfaces);
	netns->own_fd = false;
	interfaces_set_namespace(netns->interfaces, netns->fd);
}

static int open_interfaces(struct host_netns *netns, const struct host_netns_shared *shared,
                           struct error *error)
{
	int result = interfaces_new(&netns->interfaces, pool_of(netns, shared), netns->fd, error);

	if (result != 0)
		return result;
	spare_descriptor(netns, shared);
	netns->interfaces_source = loop_add_fd(shared->loop, interfaces_fd(netns->interfaces),
	                                       EPOLLIN, on_interfaces, netns);
	return netns->interfaces_source ? 0 : error_set(error, errno, "epoll: %s", strerror(errno));
}

static int open_destroy(struct host_netns *netns, const struct host_netns_shared *shared,
                        struct error *degraded, struct error *error)
{
	int result;

	if (sock_destroy_open(&netns->destroy, netns->number, degraded) != 0) {
		netns->destroy = NULL;
		return 0;
	}
	sock_destroy_set_receive_buffer(netns->destroy, DESTROY_BUFFER);
	result = host_netns_ends_add(shared->ends, sock_destroy_fd(netns->destroy), netns);
	if (result != 0)
		return error_set(error, -result, "epoll: %s", strerror(-result));
	netns->ends = shared->ends;
	return 0;
}

/* Inside the namespace. */
static int open_inside(struct host_netns *netns, const struct host_netns_shared *shared,
                       struct error *degraded, struct error *error)
{
	struct error untracked;
	int result = open_interfaces(netns, shared, error);

	if (result == 0)
		result = open_sockets(netns, shared, degraded, error);
	if (result != 0)
		return result;
	/*
	 * Without it a connection that is translated has no owner, and no address but those of
	 * the wire.
	 */
	if (shared->tracks &&
	    conntrack_open(&netns->conntrack, pool_of(netns, shared), netns->fd, &untracked) != 0)
		netns->conntrack = NULL;
	return open_destroy(netns, shared, degraded, error);
}

int host_netns_open(struct host_netns **result, struct host_netns_shared *shared, int fd,
                    uint32_t number, struct error *degraded, struct error *error)
{
	struct host_netns *netns = calloc(1, sizeof *netns);
	int previous = -1, code;

	if (!netns) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	netns->fd = fd;
	netns->own_fd = fd >= 0;
	netns->number = number;
	netns->shared = shared;
	netns->callbacks = shared->callbacks;
	if (fd >= 0) {
		previous = netns_enter(fd);
		if (previous < 0) {
			host_netns_close(netns);
			return error_set(error, -previous, "network namespace %u: setns: %s",
			                 number, strerror(-previous));
		}
	}
	code = open_inside(netns, shared, degraded, error);
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
	resync_at(netns, 0);
	loop_remove(netns->interfaces_source);
	if (netns->ends)
		host_netns_ends_remove(netns->ends, sock_destroy_fd(netns->destroy));
	sock_destroy_close(netns->destroy);
	conntrack_close(netns->conntrack);
	listener_table_free(netns->listeners);
	listener_table_free(netns->udp_listeners);
	lister_free(netns->lister);
	sock_diag_close(netns->diag);
	interfaces_free(netns->interfaces);
	if (netns->own_fd)
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
