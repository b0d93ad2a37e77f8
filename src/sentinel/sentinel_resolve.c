/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_resolve.h"

#include <netinet/in.h>
#include <string.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "sentinel/sentinel_pidfd.h"
#include "sockets/sock_diag.h"

/* A second. What comes in excess is not looked at until the next one. */
#define UDP_IN_VAIN_MAX    1000
#define CONNECTIONS_IN_MAX 200
#define ECHOES_MAX         100
/* So many searches may take all their time, 30 ms in all; others then look at the likeliest alone. */
#define SEARCHED_IN_VAIN_MAX 200

struct look {
	struct sentinel_resolver *resolver;
	struct sentinel_netns *netns;
	const struct packet *packet;
	int64_t begin_ns;
	uint64_t flow; /* hash */
	struct socket socket;
	unsigned flags; /* SENTINEL_RESOLVE_* */
};

static void count(struct look *look, enum sentinel_report_count what)
{
	sentinel_report_count(look->resolver->report, what);
}

static uint64_t hash_flow(const struct sentinel_resolver *resolver, const struct packet *packet)
{
	struct {
		struct tuple tuple;
		uint32_t icmp_id;
	} key = { packet->tuple, packet->icmp_id };

	return hash_bytes(resolver->key, &key, sizeof key);
}

static struct sentinel_sighting describe(const struct look *look, enum sentinel_how how)
{
	return (struct sentinel_sighting){
		.how = how,
		.tuple = look->packet->tuple,
		.netns = look->netns->number,
		.ifindex = look->packet->ifindex,
		.icmp_id = look->packet->icmp_id,
		.has_uid = look->socket.has_uid,
		.uid = look->socket.uid,
		.inode = look->socket.inode,
		.cookie = look->socket.cookie,
		.packet_ns = look->packet->time_ns,
	};
}

static void report_sighting(struct look *look, struct sentinel_sighting *sighting,
                            struct sentinel_holder *holder)
{
	sighting->time_ns = clock_monotonic_ns();
	if (holder) {
		sighting->pid = holder->pid;
		sighting->start_ticks = holder->stat.start_ticks;
		if (!holder->reported)
			holder->reported = sentinel_report_process(look->resolver->report,
			                                           holder->pid, holder->dir,
			                                           &holder->stat, holder->stat_ns);
	}
	sentinel_report_sighting(look->resolver->report, sighting);
	sentinel_netns_reported(look->netns, look->flow, look->socket.cookie, look->begin_ns,
	                        WINDOW_SENTINEL_REPORTED_NS);
}

static uint64_t hash_remote(const struct look *look)
{
	struct {
		struct inet_address address;
		uint32_t port;
	} key = { look->packet->tuple.destination, look->packet->tuple.destination_port };

	return hash_bytes(look->resolver->key, &key, sizeof key);
}

static struct sentinel_holder *find_holder(struct look *look, bool listener)
{
	struct sentinel_wanted wanted = {
		.inode = look->socket.inode,
		.remote = listener ? 0 : hash_remote(look),
		.uid = look->socket.uid,
		.listener = listener,
		.quick = look->resolver->searched_in_vain > SEARCHED_IN_VAIN_MAX,
		.deadline_ns = look->begin_ns + SENTINEL_RESOLVE_BUDGET_NS,
	};
	uint64_t cookie = look->socket.cookie;
	struct sentinel_holder *found;

	/* A busy UDP socket whose holder was not found just now is not sought for each packet. */
	if (wanted.inode == 0 ||
	    sentinel_netns_was_reported(look->netns, cookie, cookie, look->begin_ns))
		return NULL;
	found = sentinel_search_find(&look->resolver->search, &wanted);
	if (found)
		return found;
	look->resolver->searched_in_vain++;
	if (wanted.gave_up)
		count(look, SENTINEL_OVER_BUDGET);
	sentinel_netns_reported(look->netns, cookie, cookie, look->begin_ns,
	                        WINDOW_SENTINEL_NOT_FOUND_NS);
	return NULL;
}

static bool was_reported(const struct look *look)
{
	return sentinel_netns_was_reported(look->netns, look->flow, look->socket.cookie,
	                                   look->begin_ns);
}

static void look_at_tcp(struct look *look)
{
	const struct tuple *tuple = &look->packet->tuple;
	struct sentinel_holder *holder;
	struct sentinel_sighting sighting;

	/* A listener is what the kernel finds for a connection that is not there. */
	if (sock_diag_find(look->netns->diag, tuple, look->packet->ifindex, false, &look->socket) !=
	            0 ||
	    look->socket.state == SOCKET_LISTEN || !tuple_equal(&look->socket.tuple, tuple)) {
		count(look, SENTINEL_NO_SOCKET);
		return;
	}
	if (was_reported(look)) {
		count(look, SENTINEL_REPEATED);
		return;
	}
	holder = find_holder(look, false);
	sighting = describe(look, holder ? SENTINEL_SOCKET : SENTINEL_UNRESOLVED);
	report_sighting(look, &sighting, holder);
}

/* The kernel looks for UDP sockets as for a packet that comes in, more generously than we may. */
static bool udp_fits(struct look *look)
{
	const struct tuple *sent = &look->packet->tuple, *bound = &look->socket.tuple;

	if (bound->source_port != sent->source_port)
		return false;
	if (bound->destination_port != 0 && (bound->destination_port != sent->destination_port ||
	                                     !inet_equal(&bound->destination, &sent->destination)))
		return false;
	/* Any address of this host, and not one that is forwarded for. */
	return inet_equal(&bound->source, &sent->source) ||
	       (inet_is_unspecified(&bound->source) &&
	        sentinel_netns_is_local(look->netns, &sent->source, look->packet->ifindex,
	                                look->begin_ns));
}

static void shut_out(struct look *look, bool *kind)
{
	*kind = false;
	look->flags |= SENTINEL_RESOLVE_FILTER;
	count(look, SENTINEL_PAUSED);
}

static void look_at_udp(struct look *look)
{
	struct sentinel_holder *holder;
	struct sentinel_sighting sighting;

	port_budget_count(&look->resolver->budget, look->packet->tuple.source_port);
	if (sock_diag_find(look->netns->diag, &look->packet->tuple, look->packet->ifindex, false,
	                   &look->socket) != 0 ||
	    !udp_fits(look)) {
		count(look, SENTINEL_NO_SOCKET);
		if (++look->resolver->udp_in_vain > UDP_IN_VAIN_MAX)
			shut_out(look, &look->resolver->filter.udp);
		return;
	}
	if (was_reported(look)) {
		count(look, SENTINEL_REPEATED);
		return;
	}
	holder = find_holder(look, false);
	/* A child that was forked with the socket is found first, and its parent may have sent. */
	if (holder &&
	    sentinel_search_is_inherited(&look->resolver->search, holder, look->socket.inode))
		holder = NULL;
	sighting = describe(look, holder ? SENTINEL_SOCKET : SENTINEL_UNRESOLVED);
	if (holder && !sentinel_pidfd_is_alone(holder->pid, holder->fd, look->socket.cookie))
		sighting.how = SENTINEL_PORT;
	report_sighting(look, &sighting, holder);
}

/* Nothing finds the socket of an echo request quickly: all that can be done is to say so at once. */
static void look_at_echo(struct look *look)
{
	struct sentinel_sighting sighting;

	if (++look->resolver->echoes > ECHOES_MAX)
		shut_out(look, &look->resolver->filter.icmp);
	if (was_reported(look)) {
		count(look, SENTINEL_REPEATED);
		return;
	}
	sighting = describe(look, SENTINEL_UNRESOLVED);
	report_sighting(look, &sighting, NULL);
}

static void look_at_listener(struct look *look)
{
	struct tuple listener = { .source = look->packet->tuple.destination,
		                  .source_port = look->packet->tuple.destination_port,
		                  .protocol = IPPROTO_TCP };
	struct sentinel_holder *holder;
	struct sentinel_sighting sighting;

	if (++look->resolver->connections_in > CONNECTIONS_IN_MAX)
		shut_out(look, &look->resolver->filter.tcp_in);
	if (sock_diag_find(look->netns->diag, &listener, look->packet->ifindex, false,
	                   &look->socket) != 0 ||
	    look->socket.state != SOCKET_LISTEN) {
		count(look, SENTINEL_NO_SOCKET);
		return;
	}
	holder = find_holder(look, true);
	sighting = describe(look, holder ? SENTINEL_LISTENER : SENTINEL_UNRESOLVED_LISTENER);
	sighting.tuple = listener;
	report_sighting(look, &sighting, holder);
	if (holder && sentinel_listeners_add(look->resolver->listeners, holder->pid))
		look->flags |= SENTINEL_RESOLVE_LISTENER;
	if (holder && sentinel_netns_add_listener(look->netns, listener.source_port, look->begin_ns,
	                                          WINDOW_SENTINEL_LISTENER_NS))
		look->flags |= SENTINEL_RESOLVE_PORT;
}

unsigned sentinel_resolve_packet(struct sentinel_resolver *resolver, struct sentinel_netns *netns,
                                 const struct sentinel_netns_packet *packet)
{
	struct look look = { .resolver = resolver,
		             .netns = netns,
		             .packet = &packet->packet,
		             .begin_ns = clock_monotonic_ns() };
	uint8_t protocol = packet->packet.tuple.protocol;
	int64_t age_ns = clock_realtime_ns() - packet->packet.time_ns;

	count(&look, SENTINEL_PACKETS);
	if (!packet->valid)
		return 0;
	if (age_ns > (protocol == IPPROTO_TCP ? WINDOW_SENTINEL_TCP_NS : WINDOW_SENTINEL_UDP_NS)) {
		count(&look, SENTINEL_LATE);
		return 0;
	}
	look.flow = hash_flow(resolver, &packet->packet);
	if (packet->packet.direction == PACKET_INGRESS)
		look_at_listener(&look);
	else if (protocol == IPPROTO_TCP)
		look_at_tcp(&look);
	else if (packet->packet.has_ports)
		look_at_udp(&look);
	else
		look_at_echo(&look);
	return look.flags;
}
