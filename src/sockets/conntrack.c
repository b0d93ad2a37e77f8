/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "sockets/netlink_pool.h"

#define ANSWER_MAX 4096
#define PER_SECOND 2000 /* questions to the kernel: 1 % of a processor */
#define ANSWERS    64

struct conntrack {
	struct netlink_slot slot;
	int64_t counted_ns;
	bool tracks;       /* there were entries then */
	int64_t second_ns; /* it began then, */
	int left;          /* and so many of PER_SECOND are left of it */
	/* The latest answers: both ends are asked for, and again where no owner is found. */
	struct answer {
		struct tuple wire, socket;
		int64_t time_ns; /* 0 = none */
		bool found;
	} answers[ANSWERS];
	unsigned next;
};

/* Appends to a message; the room is known to do. */
static size_t put(char *message, size_t at, uint16_t type, const void *data, size_t size)
{
	const struct nlattr header = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type };

	memcpy(message + at, &header, sizeof header);
	if (data)
		memcpy(message + at + NLA_HDRLEN, data, size);
	return at + (data ? NLA_ALIGN(NLA_HDRLEN + size) : NLA_HDRLEN);
}

/* A nest that began at `start` ends at `end`. */
static void close_nest(char *message, size_t start, size_t end)
{
	struct nlattr header;

	memcpy(&header, message + start, sizeof header);
	header.nla_len = (uint16_t)(end - start);
	memcpy(message + start, &header, sizeof header);
}

static size_t put_addresses(char *message, size_t at, const struct tuple *tuple)
{
	bool v4 = tuple_is_v4(tuple);
	size_t start = at, size = v4 ? 4 : 16, skip = v4 ? 12 : 0;

	at = put(message, at, CTA_TUPLE_IP | NLA_F_NESTED, NULL, 0);
	at = put(message, at, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, tuple->source.bytes + skip, size);
	at = put(message, at, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, tuple->destination.bytes + skip,
	         size);
	close_nest(message, start, at);
	return at;
}

static size_t put_ports(char *message, size_t at, const struct tuple *tuple)
{
	uint16_t source_be16 = htons(tuple->source_port);
	uint16_t destination_be16 = htons(tuple->destination_port);
	size_t start = at;

	at = put(message, at, CTA_TUPLE_PROTO | NLA_F_NESTED, NULL, 0);
	at = put(message, at, CTA_PROTO_NUM, &tuple->protocol, sizeof tuple->protocol);
	at = put(message, at, CTA_PROTO_SRC_PORT, &source_be16, sizeof source_be16);
	at = put(message, at, CTA_PROTO_DST_PORT, &destination_be16, sizeof destination_be16);
	close_nest(message, start, at);
	return at;
}

/* The kernel looks for it in both directions, whichever attribute it stands in. */
static size_t make_request(char *message, const struct tuple *tuple)
{
	const struct nfgenmsg family = {
		.nfgen_family = tuple_is_v4(tuple) ? AF_INET : AF_INET6,
		.version = NFNETLINK_V0,
	};
	const size_t start = NLMSG_ALIGN(sizeof family);
	size_t at;

	memset(message, 0, start);
	memcpy(message, &family, sizeof family);
	at = put(message, start, CTA_TUPLE_ORIG | NLA_F_NESTED, NULL, 0);
	at = put_addresses(message, at, tuple);
	at = put_ports(message, at, tuple);
	close_nest(message, start, at);
	return at;
}

static const void *find(const void *attributes, size_t *length, uint16_t type, size_t size)
{
	size_t found_size;
	const void *found =
		attributes ? netlink_attribute(attributes, *length, type, &found_size) : NULL;

	if (!found || found_size < size)
		return NULL;
	*length = found_size;
	return found;
}

static bool read_address(const void *nest, size_t length, uint16_t v4, uint16_t v6,
                         struct inet_address *address)
{
	size_t size = length;
	const void *bytes = find(nest, &size, v4, 4);

	if (bytes) {
		inet_from_v4(address, bytes);
		return true;
	}
	size = length;
	bytes = find(nest, &size, v6, 16);
	if (bytes)
		inet_from_v6(address, bytes);
	return bytes;
}

static bool read_port(const void *nest, size_t length, uint16_t type, uint16_t *port)
{
	const void *bytes = find(nest, &length, type, sizeof *port);

	if (bytes) {
		memcpy(port, bytes, sizeof *port);
		*port = ntohs(*port);
	}
	return bytes;
}

static bool read_tuple(const void *attributes, size_t length, uint16_t which, struct tuple *tuple)
{
	size_t addresses_length, ports_length;
	const void *nest = find(attributes, &length, which, 0), *addresses, *ports;

	addresses_length = ports_length = length;
	addresses = find(nest, &addresses_length, CTA_TUPLE_IP, 0);
	ports = find(nest, &ports_length, CTA_TUPLE_PROTO, 0);
	return addresses && ports &&
	       read_address(addresses, addresses_length, CTA_IP_V4_SRC, CTA_IP_V6_SRC,
	                    &tuple->source) &&
	       read_address(addresses, addresses_length, CTA_IP_V4_DST, CTA_IP_V6_DST,
	                    &tuple->destination) &&
	       read_port(ports, ports_length, CTA_PROTO_SRC_PORT, &tuple->source_port) &&
	       read_port(ports, ports_length, CTA_PROTO_DST_PORT, &tuple->destination_port);
}

/*
 * The entry has the tuple of what goes each way, as it comes in. What the local end
 * receives, seen before it is translated, is one of them; its socket is of the other.
 */
int conntrack_parse(const void *answer, size_t length, const struct tuple *wire,
                    struct tuple *socket)
{
	const size_t fixed = NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const struct tuple received = tuple_reverse(wire);
	struct tuple original = { .protocol = wire->protocol };
	struct tuple reply = { .protocol = wire->protocol };
	const char *attributes = (const char *)answer + fixed;

	if (length < fixed || !read_tuple(attributes, length - fixed, CTA_TUPLE_ORIG, &original) ||
	    !read_tuple(attributes, length - fixed, CTA_TUPLE_REPLY, &reply))
		return -ENOENT;
	if (tuple_is_reverse(&original, &reply)) /* nothing was translated */
		return -ENOENT;
	if (tuple_equal(&received, &reply))
		*socket = original;
	else if (tuple_equal(&received, &original))
		*socket = reply;
	else
		return -ENOENT;
	return 0;
}

static uint16_t message_type(uint16_t message)
{
	return (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

static int request_answer(struct conntrack *conntrack, uint8_t message, const void *request,
                          size_t request_length, char *answer, size_t *length)
{
	struct netlink *netlink;
	int result = netlink_slot_get(&conntrack->slot, &netlink);

	if (result != 0)
		return result;
	return netlink_request(netlink, message_type(message), request, request_length, answer,
	                       length);
}

static int count_entries(struct conntrack *conntrack, uint32_t *count)
{
	const struct nfgenmsg request = { .version = NFNETLINK_V0 };
	char answer[ANSWER_MAX];
	size_t length = sizeof answer;
	int result = request_answer(conntrack, IPCTNL_MSG_CT_GET_STATS, &request, sizeof request,
	                            answer, &length);
	const void *found;

	if (result != 0)
		return result;
	if (length < NLMSG_ALIGN(sizeof request))
		return -EPROTO;
	length -= NLMSG_ALIGN(sizeof request);
	found = find(answer + NLMSG_ALIGN(sizeof request), &length, CTA_STATS_GLOBAL_ENTRIES,
	             sizeof *count);
	if (!found)
		return -EPROTO;
	memcpy(count, found, sizeof *count);
	*count = ntohl(*count);
	return 0;
}

int conntrack_open(struct conntrack **conntrack, struct netlink_pool *pool, int netns_fd,
                   struct error *error)
{
	struct conntrack *opened = calloc(1, sizeof *opened);
	uint32_t count;
	int result;

	if (!opened)
		return error_set(error, ENOMEM, "out of memory");
	result = netlink_slot_open(&opened->slot, pool, netns_fd, NETLINK_NETFILTER, error);
	if (result == 0 && !pool) {
		result = count_entries(opened, &count);
		if (result != 0)
			error_set(error, -result, "conntrack: %s", strerror(-result));
	}
	if (result != 0) {
		conntrack_close(opened);
		return result;
	}
	*conntrack = opened;
	return 0;
}

void conntrack_close(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	netlink_slot_close(&conntrack->slot);
	free(conntrack);
}

/* One question more, if that may be put now. */
static bool spend(struct conntrack *conntrack, int64_t now_ns)
{
	if (conntrack->second_ns == 0 || now_ns - conntrack->second_ns > NS_PER_SECOND) {
		conntrack->second_ns = now_ns;
		conntrack->left = PER_SECOND;
	}
	return conntrack->left > 0 && conntrack->left-- > 0;
}

/* Were there any entries when the packet came? That there were none says nothing of a later one. */
static bool tracks(struct conntrack *conntrack, int64_t seen_ns, int64_t now_ns)
{
	bool is_old = conntrack->counted_ns == 0 ||
	              now_ns - conntrack->counted_ns > NS_PER_SECOND ||
	              (!conntrack->tracks && conntrack->counted_ns < seen_ns);
	uint32_t count = 0;

	if (is_old && spend(conntrack, now_ns)) {
		conntrack->counted_ns = now_ns;
		conntrack->tracks = count_entries(conntrack, &count) == 0 && count > 0;
	}
	return conntrack->tracks;
}

/* NULL: none is known. That there was no entry is no answer of a later packet. */
static const struct answer *find_answer(const struct conntrack *conntrack, const struct tuple *wire,
                                        int64_t seen_ns, int64_t now_ns)
{
	for (unsigned i = 0; i < ANSWERS; i++) {
		const struct answer *answer = &conntrack->answers[i];

		if (now_ns - answer->time_ns < WINDOW_NAT_ANSWER_NS &&
		    (answer->found || answer->time_ns >= seen_ns) &&
		    tuple_equal(&answer->wire, wire))
			return answer;
	}
	return NULL;
}

static int ask(struct conntrack *conntrack, const struct tuple *wire, struct tuple *socket)
{
	const struct tuple received = tuple_reverse(wire);
	char request[256], answer[ANSWER_MAX];
	size_t length = sizeof answer;
	int result = request_answer(conntrack, IPCTNL_MSG_CT_GET, request,
	                            make_request(request, &received), answer, &length);

	return result == 0 ? conntrack_parse(answer, length, wire, socket) : result;
}

int conntrack_find(struct conntrack *conntrack, const struct tuple *wire, int64_t seen_ns,
                   struct tuple *socket)
{
	int64_t now_ns = clock_monotonic_ns();
	const struct answer *answer;

	if (!tracks(conntrack, seen_ns, now_ns))
		return -ENOENT;
	answer = find_answer(conntrack, wire, seen_ns, now_ns);
	if (!answer) {
		struct answer *added = &conntrack->answers[conntrack->next % ANSWERS];

		if (!spend(conntrack, now_ns))
			return -EAGAIN;
		conntrack->next++;
		*added = (struct answer){ .wire = *wire, .time_ns = now_ns };
		added->found = ask(conntrack, wire, &added->socket) == 0;
		answer = added;
	}
	if (!answer->found)
		return -ENOENT;
	*socket = answer->socket;
	return 0;
}
