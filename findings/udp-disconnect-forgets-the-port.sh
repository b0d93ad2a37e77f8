#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A UDP socket that was bound to port 0 has no port any more once it is disconnected.
#
# Guess:  bind(2) gives a socket its name for good: port 0 lets the kernel choose the port, and
#         connect(2) with AF_UNSPEC takes the peer away and leaves the port as it is.
# Seen:   Linux 6.18: after it, getsockname(2) gives port 0, and the next datagram goes out from another
#         port. A port that bind(2) was given by number stays: only that one is locked
#         (net/ipv4/udp.c, __udp_disconnect(), SOCK_BINDPORT_LOCK).
# Effect: one socket with one inode has had two ports, and no call of bind(2) in between says so.
# Needs Python 3.
set -u
exec python3 - <<'P'
import ctypes, os, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)

def disconnect(end):
    if libc.connect(end.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect")

def ports(number):
    """Port after bind, after connect and disconnect, and after the next datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end, \
         socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        end.bind(("127.0.0.1", number))
        seen = [end.getsockname()[1]]
        end.connect(peer.getsockname())
        disconnect(end)
        seen.append(end.getsockname()[1])
        end.sendto(b"x", peer.getsockname())
        return seen + [peer.recvfrom(1)[1][1]]

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("127.0.0.1", 0))
    number = free.getsockname()[1]
tries = [ports(0) for _ in range(5)]
fixed = ports(number)
print(f"Linux {os.uname().release}: bound to 0: {tries}; bound to {number}: {fixed}")
sys.exit(not (fixed == [number] * 3 and all(gone == 0 for _, gone, _ in tries) and
              any(before != after for before, _, after in tries)))
P
