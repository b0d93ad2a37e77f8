#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# One UDP socket is asked for with its ends exchanged, and the wrong one is found without.
#
# Guess:  struct inet_diag_sockid names a socket by its source and destination, in a request for one
#         (no NLM_F_DUMP) as in what a dump lists, and for UDP as for TCP.
# Seen:   Linux 6.18: for TCP that is so. For UDP the local end belongs where the destination is, and
#         the remote end where the source is (net/ipv4/udp_diag.c, udp_dump_one()). With two sockets of
#         loopback that are connected to each other, a request with one's tuple as the dump lists it is
#         answered, without an error, by the other's.
# Effect: where both ends are of this host, the owner that is found is the wrong one.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

SOCK_DIAG_BY_FAMILY, NETLINK_SOCK_DIAG, NLMSG_ERROR = 20, 4, 2

def find(protocol, source, destination):
    """Source and destination port, and inode, of the socket that the kernel finds."""
    identity = struct.pack("!HH4s12x4s12x", source[1], destination[1], socket.inet_aton(source[0]),
                           socket.inet_aton(destination[0])) + struct.pack("=IQ", 0, 2**64 - 1)
    body = struct.pack("=BBBxI", socket.AF_INET, protocol, 0, 0xffffffff) + identity
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
        diag.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, 1, 1, 0) + body)
        answer = diag.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
        return os.strerror(-struct.unpack_from("=i", answer, 16)[0])
    return (*struct.unpack_from("!HH", answer, 20), struct.unpack_from("=I", answer, 16 + 68)[0])

def whose(protocol, one, other):
    """Whose socket has the tuple of one as a dump lists it, and whose the exchanged one?"""
    names = {os.fstat(end.fileno()).st_ino: name for end, name in ((one, "its own"), (other, "the peer's"))}
    ends = one.getsockname(), one.getpeername()
    found = [find(protocol, *ends), find(protocol, *reversed(ends))]
    return [names.get(answer[2], "of others") if isinstance(answer, tuple) else answer for answer in found]

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server = listener.accept()[0]
left, right = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
left.bind(("127.0.0.1", 0))
right.bind(("127.0.0.1", 0))
left.connect(right.getsockname())
right.connect(left.getsockname())
tcp, udp = whose(socket.IPPROTO_TCP, client, server), whose(socket.IPPROTO_UDP, left, right)
print(f"Linux {os.uname().release}: as listed, exchanged: TCP {tcp}, UDP {udp}")
sys.exit([tcp, udp] != [["its own", "the peer's"], ["the peer's", "its own"]])
P
