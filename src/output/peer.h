/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream socket to a reader that comes and goes: "unix:PATH" (unix(7)) or
 * "tcp:HOST:PORT" (tcp(7); an IPv6 address in brackets). It connects without ever
 * blocking, waits longer after each failure, and uses all addresses of a host in turn.
 */
#ifndef SOCKLINE_OUTPUT_PEER_H
#define SOCKLINE_OUTPUT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct helper;
struct peer;

/* Is it an address rather than the path of a file? */
bool peer_is_address(const char *address);
/* The PATH of "unix:PATH"; NULL for any other. */
const char *peer_unix_path(const char *address);

/* Is an address well-formed? 0, -EINVAL or -ENAMETOOLONG. */
int peer_check(const char *address, struct error *error);
/*
 * Connects to the socket of that path, without blocking. The socket, which is closed on exec, or
 * -errno: -EBUSY when too many wait for its listener.
 */
int peer_connect_unix(const char *path);

/*
 * Resolves the host, here alone: that may take time. Nothing is connected yet. 0; -EINVAL
 * for what is no address; -EHOSTUNREACH for a host that is not known; -ENAMETOOLONG; -ENOMEM.
 * address is borrowed. helper: connects to it in place of this process, where it is a path; NULL: this process does.
 */
int peer_new(struct peer **result, const char *address, struct helper *helper, struct error *error);
void peer_free(struct peer *peer);

/*
 * The socket, which peer_drop or peer_free closes: connected, or being connected, then it
 * is writable when that is over. -EAGAIN: none, see peer_timeout_ns.
 */
int peer_socket(const struct peer *peer);
/*
 * Takes the next step. Returns the socket when it is connected, which is so once for each;
 * -EAGAIN while it is not; -errno of connect(2) when an attempt has failed.
 */
int peer_connect(struct peer *peer, int64_t now_ns);
/* The connection has ended: closes it; the next one begins after a while. */
void peer_drop(struct peer *peer, int64_t now_ns);
/* From now until peer_connect may have something to do, if the socket is not ready before; 0 = now. */
int64_t peer_timeout_ns(const struct peer *peer, int64_t now_ns);
/*
 * Bytes that the kernels of both ends hold at most, so that the reader may not have had them; for
 * TCP by the windows that it has announced up to now. Asked for after each write, or so.
 */
size_t peer_unread(struct peer *peer);
size_t peer_unread_max(const struct peer *peer); /* whatever it announces */

#endif
