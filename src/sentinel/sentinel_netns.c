/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "decode/decode.h"
#include "sockets/sock_diag.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14; asm-generic */
#endif
#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000 /* Linux 4.13 */
#endif

#define RECEIVE_BUFFER (2 << 20) /* about 2,000 packets of 128 bytes */
/* The filter cuts packets, and their length is not known: as long as can be. */
#define LENGTH_MAX (UINT16_MAX + 40)

/* The members of a group are numbered as they join, and the kernel picks by the CPU's number. */
static int join(int fd, uint16_t *group)
{
	int flags = *group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID;
	int fanout = *group | (PACKET_FANOUT_CPU | flags) << 16;
	socklen_t size = sizeof fanout;

	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof fanout) != 0 ||
	    getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, &size) != 0)
		return -errno;
	*group = (uint16_t)fanout;
	return 0;
}

static int set_up(struct sentinel_netns *netns, uint16_t *group)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct sock_filter code[SENTINEL_FILTER_MAX];
	const int on = 1, room = RECEIVE_BUFFER;
	socklen_t size = sizeof netns->netns_cookie;
	int result;

	/* Nothing comes before the thread has said what it wants. */
	result = sentinel_filter_attach(netns->fd, code, sentinel_filter_nothing(code));
	if (result < 0)
		return result;
	if (setsockopt(netns->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
		setsockopt(netns->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (setsockopt(netns->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
	    bind(netns->fd, (const void *)&all, sizeof all) != 0)
		return -errno;
	if (getsockopt(netns->fd, SOL_SOCKET, SO_NETNS_COOKIE, &netns->netns_cookie, &size) != 0)
		netns->netns_cookie = 0;
	return join(netns->fd, group);
}

int sentinel_netns_open(struct sentinel_netns *netns, uint32_t number, uint16_t *group,
                        struct error *error)
{
	int result;

	/* All but the state, which the thread reads at any time. */
	memset(&netns->number, 0, sizeof *netns - offsetof(struct sentinel_netns, number));
	netns->number = number;
	netns->probes[0] = netns->probes[1] = -1;
	/* Protocol 0: deaf until it is bound. */
	netns->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (netns->fd < 0)
		return error_set(error, errno, "packet socket: %s%s", strerror(errno),
		                 errno == EPERM ? " (needs CAP_NET_RAW)" : "");
	result = set_up(netns, group);
	if (result < 0) {
		error_set(error, -result, "packet socket: %s", strerror(-result));
		goto fail;
	}
	result = sock_diag_open(&netns->diag, number, error);
	if (result < 0)
		goto fail;
	result = sentinel_netns_open_local(netns, error);
	if (result < 0)
		goto fail;
	return 0;
fail:
	sentinel_netns_close(netns);
	return result;
}

void sentinel_netns_close(struct sentinel_netns *netns)
{
	sentinel_netns_close_local(netns);
	sock_diag_close(netns->diag);
	close(netns->fd);
	netns->diag = NULL;
}

/* What the filter lets through unseen behind extension headers, too. */
static bool is_first(const struct packet *packet)
{
	switch (packet->tuple.protocol) {
	case IPPROTO_TCP:
		return packet->has_tcp &&
		       (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return packet->has_ports;
	case IPPROTO_ICMP:
		return packet->has_icmp_id && packet->icmp_type == SENTINEL_FILTER_ECHO_V4;
	case IPPROTO_ICMPV6:
		return packet->has_icmp_id && packet->icmp_type == SENTINEL_FILTER_ECHO_V6;
	default:
		return false;
	}
}

static int64_t read_time(struct msghdr *message)
{
	struct cmsghdr *control;
	struct timespec time = { .tv_sec = 0 };

	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control))
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&time, CMSG_DATA(control), sizeof time);
	return time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

int sentinel_netns_read(const struct sentinel_netns *netns, struct sentinel_netns_packet *packet)
{
	uint8_t bytes[SENTINEL_FILTER_SNAPLEN];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
	} control;
	struct sockaddr_ll from;
	struct iovec room = { bytes, sizeof bytes };
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof from,
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	struct packet *decoded = &packet->packet;
	ssize_t length = recvmsg(netns->fd, &message, MSG_DONTWAIT);

	if (length < 0)
		return errno == EAGAIN ? 0 : -errno;
	decoded->time_ns = read_time(&message);
	decoded->ifindex = (uint32_t)from.sll_ifindex;
	decode_packet(DECODE_LINK_RAW, bytes, (uint32_t)length, LENGTH_MAX, decoded);
	decoded->direction = from.sll_pkttype == PACKET_OUTGOING ? PACKET_EGRESS : PACKET_INGRESS;
	packet->valid = is_first(decoded);
	return 1;
}

unsigned sentinel_netns_lost(const struct sentinel_netns *netns)
{
	struct tpacket_stats stats;
	socklen_t size = sizeof stats;

	if (getsockopt(netns->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0)
		return 0;
	return stats.tp_drops;
}

bool sentinel_netns_was_reported(const struct sentinel_netns *netns, uint64_t flow, uint64_t cookie,
                                 int64_t now_ns)
{
	size_t at = flow % SENTINEL_NETNS_FLOWS;

	return netns->flows[at].flow == flow && netns->flows[at].cookie == cookie &&
	       now_ns < netns->flows[at].until_ns;
}

void sentinel_netns_reported(struct sentinel_netns *netns, uint64_t flow, uint64_t cookie,
                             int64_t now_ns, int64_t keep_ns)
{
	size_t at = flow % SENTINEL_NETNS_FLOWS;

	netns->flows[at].flow = flow;
	netns->flows[at].cookie = cookie;
	netns->flows[at].until_ns = now_ns + keep_ns;
}

bool sentinel_netns_add_listener(struct sentinel_netns *netns, uint16_t port, int64_t now_ns,
                                 int64_t keep_ns)
{
	if (netns->listener_count == SENTINEL_FILTER_PORTS_MAX)
		return false;
	netns->listeners[netns->listener_count].port = port;
	netns->listeners[netns->listener_count++].until_ns = now_ns + keep_ns;
	return true;
}

bool sentinel_netns_expire_listeners(struct sentinel_netns *netns, int64_t now_ns)
{
	int kept = 0, before = netns->listener_count;

	for (int i = 0; i < before; i++)
		if (now_ns < netns->listeners[i].until_ns)
			netns->listeners[kept++] = netns->listeners[i];
	netns->listener_count = kept;
	return kept < before;
}

void sentinel_netns_set_filter(struct sentinel_netns *netns,
                               struct sentinel_filter_options *options)
{
	struct sock_filter code[SENTINEL_FILTER_MAX];

	options->tcp_in_except.count = netns->listener_count;
	for (int i = 0; i < netns->listener_count; i++)
		options->tcp_in_except.ports[i] = netns->listeners[i].port;
	/* When it fails (no memory) the old filter stays: it costs, but nothing goes wrong. */
	sentinel_filter_attach(netns->fd, code, sentinel_filter_packets(code, options));
}
