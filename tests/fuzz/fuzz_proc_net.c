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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum socket_kind kind;
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
	message = diag_message_parse(kind, copy, size - 1, &socket);
	if ((message != 0 && message != -EINVAL) || (message == 0 && !is_sane(&socket, kind)))
		abort();
	free(copy);
	return 0;
}
