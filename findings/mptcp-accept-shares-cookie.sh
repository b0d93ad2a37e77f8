#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A socket that an MPTCP listener accepts has the listener's cookie, if that was read before.
#
# Guess:  SO_COOKIE, and the cookie of sock_diag(7), is of one socket: unique until the next boot.
# Seen:   Linux 6.18: after SO_COOKIE of an MPTCP listener, all that it accepts has the same cookie;
#         without, each has its own. With TCP each has its own in any case. A dump of sock_diag gives
#         a cookie to all that it shows, so that one `ss -M' is enough.
# Effect: whoever drops what comes twice in a dump by its cookie loses the listener or its connections:
#         the tuple belongs to the identity of MPTCP sockets.
# Needs a kernel with MPTCP, and Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

SO_COOKIE = 57
IPPROTO_MPTCP = 262

def cookie(one):
    return struct.unpack("=Q", one.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]

def shares(protocol, read_before):
    """Has what is accepted the listener's cookie?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        if read_before:
            cookie(listener)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as client:
            client.connect(listener.getsockname())
            accepted = listener.accept()[0]
            with accepted:
                return cookie(accepted) == cookie(listener)

try:
    seen = [shares(protocol, read) for protocol in (0, IPPROTO_MPTCP) for read in (False, True)]
except OSError as error:
    print(f"this kernel has no MPTCP: {error}")
    sys.exit(2)
print(f"Linux {os.uname().release}: TCP {seen[:2]}, MPTCP {seen[2:]}")
sys.exit(seen != [False, False, False, True])
P
