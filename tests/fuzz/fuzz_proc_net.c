/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte chooses the kind and the family; the rest is a line of
 * /proc/net, or an answer of sock_diag, which has the same struct socket as result.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/diag_message.h"
#include "sockets/proc_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_sane(const struct socket *socket, enum socket_kind kind)
{
	static const uint8_t zero[sizeof(socket->tuple.reserved)];

	return socket->kind == kind && socket->path_length <= sizeof(socket->path) &&
	       (socket->path_length == 0 || kind == SOCKET_UNIX) &&
	       (socket->has_uid || socket->uid == 0 || kind == SOCKET_KIND_COUNT) &&
	       (kind != SOCKET_RAW ||
	        (socket->tuple.source_port | socket->tuple.destination_port) == 0) &&
	       memcmp(socket->tuple.reserved, zero, sizeof(zero)) == 0;
}

/* Texts end, and counts are those of arrays. */
static bool are_sane(const struct socket_details *details, enum socket_kind kind)
{
	const struct socket_tcp_details *tcp = &details->tcp;

	if (details->timer > SOCKET_TIMER_PROBE)
		return false;
	if (kind == SOCKET_TCP)
		return memchr(tcp->congestion_control, 0, sizeof(tcp->congestion_control)) &&
		       memchr(tcp->upper_protocol, 0, sizeof(tcp->upper_protocol));
	if (kind == SOCKET_SCTP)
		return details->sctp.local_count <= SOCKET_ADDRESSES_MAX &&
		       details->sctp.peer_count <= SOCKET_ADDRESSES_MAX;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum socket_kind kind;
	struct socket_details details;
	struct socket socket;
	char *copy;
	int line, message;

	if (size < 1)
		return 0;
	kind = (enum socket_kind)(data[0] % (SOCKET_KIND_COUNT + 1));
	/* A copy, so that the sanitizer sees both ends; never NULL. */
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	line = proc_net_parse_line(kind, data[0] & 0x80 ? AF_INET6 : AF_INET, copy, size - 1,
	                           &socket);
	if ((line != 0 && line != -EINVAL) || (line == 0 && !is_sane(&socket, kind)))
		abort();
	message = diag_message_parse_all(kind, copy, size - 1, &socket, &details);
	if ((message != 0 && message != -EINVAL) ||
	    (message == 0 && (!is_sane(&socket, kind) || !are_sane(&details, kind))))
		abort();
	free(copy);
	return 0;
}
