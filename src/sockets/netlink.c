/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netlink.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <netlink/version.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/netlink_batch.h"
#include "sockets/netns.h"

#define REQUEST_MAX    1024
#define DATAGRAM_MAX   65536  /* the kernel fills at most 32 KiB of a dump's datagram */
#define RECEIVE_BUFFER 212992 /* the kernel's default; libnl sets 32 KiB, one datagram */
#define DUMP_ATTEMPTS  4
#define RECEIVE_MAX    4096 /* reads a call: a flood must not starve the loop */

struct netlink {
	struct nl_sock *socket;
	int fd; /* of socket, which closes it */
	uint32_t port_id;
	uint32_t sequence;           /* of the last request */
	bool busy;                   /* the buffer is in use by a callback */
	struct netlink_batch *batch; /* NULL: one datagram at a time */
	uint32_t drops_seen;
	uint64_t drops;
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_MAX];
	} request;
	union {
		struct nlmsghdr header;
		char bytes[DATAGRAM_MAX];
	} datagram;
};

int netlink_open(struct netlink **netlink, int protocol, struct error *error)
{
	struct netlink *new;
	int result;

	new = malloc(sizeof(*new)); /* not calloc: most of the 64 KiB is never touched */
	if (!new)
		return error_set(error, ENOMEM, "netlink: out of memory");
	memset(new, 0, offsetof(struct netlink, request));
	new->socket = nl_socket_alloc();
	if (!new->socket) {
		free(new);
		return error_set(error, ENOMEM, "netlink: out of memory");
	}
	errno = 0;
	result = nl_connect(new->socket, protocol);
	if (result < 0) {
		/* Most errors are but "Unspecific failure" to libnl. */
		result = error_set(error, errno ? errno : EPROTO, "netlink protocol %d: %s",
		                   protocol, errno ? strerror(errno) : nl_geterror(result));
		netlink_close(new);
		return result;
	}
	new->fd = nl_socket_get_fd(new->socket);
	result = netns_check_socket(new->fd);
	if (result < 0) {
		netlink_close(new);
		return error_set(error, -result, "netlink protocol %d: in another namespace",
		                 protocol);
	}
	new->port_id = nl_socket_get_local_port(new->socket);
	netlink_set_receive_buffer(new, RECEIVE_BUFFER);
	*netlink = new;
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	nl_socket_free(netlink->socket);
	netlink_batch_free(netlink->batch);
	free(netlink);
}

bool netlink_is_busy(const struct netlink *netlink)
{
	return netlink->busy;
}

int netlink_fd(const struct netlink *netlink)
{
	return netlink->fd;
}

int netlink_set_receive_buffer(struct netlink *netlink, int bytes)
{
	if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0)
		return 0;
	/* Without CAP_NET_ADMIN: up to net.core.rmem_max. */
	if (setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0)
		return 0;
	return -errno;
}

/* libnl turns errno into fewer codes of its own; errno itself says more. */
int netlink_join(struct netlink *netlink, int group)
{
	errno = 0;
	if (nl_socket_add_membership(netlink->socket, group) == 0)
		return 0;
	return errno ? -errno : -EINVAL;
}

int netlink_expect_small(struct netlink *netlink, size_t datagram_max)
{
	netlink_batch_free(netlink->batch);
	netlink->batch = netlink_batch_new(datagram_max);
	return netlink->batch ? 0 : -ENOMEM;
}

int netlink_set_filter(struct netlink *netlink, const struct sock_filter *code, size_t count)
{
	struct sock_fprog program = { .len = (unsigned short)count };

	memcpy(&program.filter, &code, sizeof(void *)); /* it is not written to */
	if (setsockopt(netlink->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
		return 0;
	return -errno;
}

static int send_message(struct netlink *netlink, uint16_t type, uint16_t flags, const void *payload,
                        size_t length)
{
	struct nlmsghdr *header = &netlink->request.header;

	if (length > sizeof(netlink->request) - NLMSG_HDRLEN)
		return -EMSGSIZE;
	header->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + length);
	header->nlmsg_type = type;
	header->nlmsg_flags = flags;
	header->nlmsg_seq = ++netlink->sequence;
	header->nlmsg_pid = netlink->port_id;
	memcpy(netlink->request.bytes + NLMSG_HDRLEN, payload, length);
	/* Without an address it goes to the kernel, port 0. */
	return send(netlink->fd, header, header->nlmsg_len, 0) < 0 ? -errno : 0;
}

/*
 * One datagram of the kernel into the buffer: its length or -errno. It never
 * waits: answers are queued inside send(2), the next part of a dump inside
 * recvmsg(2), so an empty queue means that nothing will come (-EAGAIN).
 */
static int receive_datagram(struct netlink *netlink)
{
	struct sockaddr_nl from;
	struct iovec room = { netlink->datagram.bytes, sizeof(netlink->datagram.bytes) };
	struct msghdr message;
	ssize_t length;

	do {
		message = (struct msghdr){
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &room,
			.msg_iovlen = 1,
		};
		length = recvmsg(netlink->fd, &message, MSG_DONTWAIT);
		if (length < 0)
			return -errno;
		/* Other processes may write to our port; only the kernel's is 0. */
	} while (message.msg_namelen < sizeof(from) || from.nl_pid != 0);
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return (int)length;
}

static bool is_answer(const struct netlink *netlink, const struct nlmsghdr *header)
{
	return header->nlmsg_seq == netlink->sequence && header->nlmsg_pid == netlink->port_id;
}

/* The kernel's verdict in NLMSG_ERROR or NLMSG_DONE: 0 or -errno. */
static int read_error(struct nlmsghdr *header)
{
	int error;

	if (nlmsg_datalen(header) < (int)sizeof(error))
		return header->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&error, nlmsg_data(header), sizeof(error));
	return error < 0 ? error : 0;
}

static struct netlink_message message_of(struct nlmsghdr *header)
{
	return (struct netlink_message){
		.type = header->nlmsg_type,
		.payload = NLMSG_DATA(header),
		.length = NLMSG_PAYLOAD(header, 0),
	};
}

/* Reads until nothing is left, so that no old dump runs on: the next would get EBUSY. */
static void drain(struct netlink *netlink)
{
	int failures = 0;

	while (failures < 3) {
		int length = receive_datagram(netlink);

		if (length == -EAGAIN)
			return;
		if (length < 0)
			failures++;
	}
}

struct dump {
	netlink_callback *callback;
	void *context;
	bool interrupted;
	bool done;    /* NLMSG_DONE was read: nothing more will come */
	bool stopped; /* by the callback */
	int result;   /* 0, -errno, or what the callback returned */
};

/* False when the dump is over. */
static bool dump_message(struct dump *dump, struct nlmsghdr *header)
{
	struct netlink_message message;

	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		dump->interrupted = true;
	switch (header->nlmsg_type) {
	case NLMSG_NOOP:
		return true;
	case NLMSG_DONE:
	case NLMSG_ERROR: /* not the end of one that began: ENOBUFS came before its first part */
		dump->done = header->nlmsg_type == NLMSG_DONE;
		dump->result = read_error(header);
		return false;
	case NLMSG_OVERRUN:
		dump->result = -ENOBUFS;
		return false;
	}
	message = message_of(header);
	dump->result = dump->callback(dump->context, &message);
	dump->stopped = dump->result != 0;
	return !dump->stopped;
}

static void dump_receive(struct netlink *netlink, struct dump *dump)
{
	struct nlmsghdr *header;
	int remaining;

	for (;;) {
		remaining = receive_datagram(netlink);
		if (remaining < 0) {
			dump->result = remaining == -EAGAIN ? -ENOBUFS : remaining;
			return;
		}
		for (header = &netlink->datagram.header; nlmsg_ok(header, remaining);
		     header = nlmsg_next(header, &remaining)) {
			if (is_answer(netlink, header) && !dump_message(dump, header))
				return;
		}
	}
}

int netlink_dump(struct netlink *netlink, uint16_t type, const void *request, size_t length,
                 netlink_callback *callback, void (*reset)(void *context), void *context)
{
	struct dump dump;
	int attempt, result;

	if (netlink->busy)
		return -EBUSY;
	netlink->busy = true;
	for (attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
		if (attempt > 0 && reset)
			reset(context);
		result = send_message(netlink, type, NLM_F_REQUEST | NLM_F_DUMP, request, length);
		if (result)
			break;
		dump = (struct dump){ .callback = callback, .context = context };
		dump_receive(netlink, &dump);
		if (!dump.done)
			drain(netlink);
		result = dump.result;
		if (result == 0 && dump.interrupted)
			result = -EAGAIN;
		if (dump.stopped || (result != -EAGAIN && result != -ENOBUFS))
			break;
	}
	netlink->busy = false;
	return result;
}

static int take_answer(struct nlmsghdr *header, void *answer, size_t *answer_length)
{
	size_t length = (size_t)nlmsg_datalen(header);
	int error;

	if (header->nlmsg_type == NLMSG_ERROR) {
		error = read_error(header);
		if (error == 0)
			*answer_length = 0;
		return error;
	}
	if (length > *answer_length)
		return -EMSGSIZE;
	memcpy(answer, nlmsg_data(header), length);
	*answer_length = length;
	return 0;
}

int netlink_request(struct netlink *netlink, uint16_t type, const void *request, size_t length,
                    void *answer, size_t *answer_length)
{
	struct nlmsghdr *header;
	int remaining, error;

	if (netlink->busy)
		return -EBUSY;
	error = send_message(netlink, type, NLM_F_REQUEST, request, length);
	if (error)
		return error;
	for (;;) {
		remaining = receive_datagram(netlink);
		if (remaining < 0)
			return remaining == -EAGAIN ? -ENOBUFS : remaining;
		for (header = &netlink->datagram.header; nlmsg_ok(header, remaining);
		     header = nlmsg_next(header, &remaining)) {
			if (is_answer(netlink, header) && header->nlmsg_type != NLMSG_NOOP)
				return take_answer(header, answer, answer_length);
		}
	}
}

int netlink_send(struct netlink *netlink, uint16_t type, const void *payload, size_t length)
{
	if (netlink->busy) /* a new sequence number would orphan the dump that runs */
		return -EBUSY;
	return send_message(netlink, type, NLM_F_REQUEST, payload, length);
}

struct receiving {
	netlink_callback *callback;
	void *context;
	int count; /* of messages */
	bool lost;
};

/* The messages of one datagram; what the callback returned. */
static int hand_over(struct receiving *receiving, void *datagram, int length)
{
	struct netlink_message message;
	struct nlmsghdr *header;
	int result;

	for (header = datagram; nlmsg_ok(header, length); header = nlmsg_next(header, &length)) {
		if (header->nlmsg_type == NLMSG_NOOP)
			continue;
		message = message_of(header);
		result = receiving->callback(receiving->context, &message);
		if (result)
			return result;
		receiving->count++;
	}
	return 0;
}

/* 0, -EAGAIN at the end of the queue, another -errno, or what the callback returned. */
static int receive_one(struct netlink *netlink, struct receiving *receiving)
{
	int length = receive_datagram(netlink);

	if (length == -ENOBUFS || length == -EMSGSIZE) {
		receiving->lost = true;
		return 0;
	}
	if (length < 0)
		return length;
	return hand_over(receiving, netlink->datagram.bytes, length);
}

static int receive_batch(struct netlink *netlink, struct receiving *receiving)
{
	int count = netlink_batch_read(netlink->batch, netlink->fd), result = 0;
	void *datagram;

	if (count == -ENOBUFS) {
		receiving->lost = true;
		return 0;
	}
	if (count < 0)
		return count;
	for (int i = 0; i < count && result == 0; i++) {
		int length = netlink_batch_get(netlink->batch, i, &datagram);

		if (length >= 0)
			result = hand_over(receiving, datagram, length);
		else
			receiving->lost |= length == -EMSGSIZE;
	}
	/* Not full: there was nothing more. */
	return result == 0 && count < NETLINK_BATCH_MAX ? -EAGAIN : result;
}

int netlink_receive(struct netlink *netlink, netlink_callback *callback, void *context)
{
	struct receiving receiving = { .callback = callback, .context = context };
	int result = 0;

	if (netlink->busy)
		return -EBUSY;
	netlink->busy = true;
	for (int reads = 0; reads < RECEIVE_MAX && result == 0; reads++)
		result = netlink->batch ? receive_batch(netlink, &receiving)
		                        : receive_one(netlink, &receiving);
	netlink->busy = false;
	if (result && result != -EAGAIN)
		return result;
	return receiving.lost ? -ENOBUFS : receiving.count;
}

uint64_t netlink_drops(struct netlink *netlink)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t size = sizeof(info);

	memset(info, 0, sizeof(info));
	if (getsockopt(netlink->fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 &&
	    size >= sizeof(info)) {
		netlink->drops += (uint32_t)(info[SK_MEMINFO_DROPS] - netlink->drops_seen);
		netlink->drops_seen = info[SK_MEMINFO_DROPS];
	}
	return netlink->drops;
}

/* As nla_find does, which makes three calls an attribute. */
const void *netlink_attribute(const void *attributes, size_t length, uint16_t type, size_t *size)
{
	const char *at = attributes;

	while (length >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)at;
		size_t step = NLA_ALIGN(attribute->nla_len);

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > length)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
			*size = attribute->nla_len - (size_t)NLA_HDRLEN;
			return at + NLA_HDRLEN;
		}
		if (step > length)
			break;
		at += step;
		length -= step;
	}
	return NULL;
}

const char *netlink_library_version(void)
{
	return LIBNL_VERSION;
}
