#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A dump by TCPDIAG_GETSOCK for IPv4 lists IPv6 sockets, too.
#
# Guess:  struct inet_diag_req and struct inet_diag_req_v2 begin with the same field, the family, and in
#         both it says which family's sockets are listed. All of them take two walks of the table.
# Seen:   Linux 6.18: a request of SOCK_DIAG_BY_FAMILY (v2) lists the one family; the old TCPDIAG_GETSOCK
#         lists both in one walk, whichever is asked for (net/ipv4/inet_diag.c,
#         inet_diag_dump_compat(), sets AF_UNSPEC).
# Effect: one who filters by family filters again; one who wants both walks the table once.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY, NLMSG_DONE = 4, 18, 20, 3
LISTEN = 1 << 10

def families(kind, family, ports):
    """Of those listening on the ports."""
    identity = bytes(40) + struct.pack("=Q", 2**64 - 1)
    if kind == TCPDIAG_GETSOCK:
        body = struct.pack("=BBBB", family, 0, 0, 0) + identity + struct.pack("=II", LISTEN, 0)
    else:
        body = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, LISTEN) + identity
    found = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
        diag.send(struct.pack("=IHHII", 16 + len(body), kind, 0x301, 1, 0) + body)
        while True:
            data = diag.recv(1 << 16)
            while data:
                length, kind_of = struct.unpack_from("=IH", data)
                if kind_of == NLMSG_DONE:
                    return sorted(found)
                if struct.unpack_from("!H", data, 20)[0] in ports:
                    found.add(socket.AddressFamily(data[16]).name)
                data = data[-(-length // 4) * 4:]

four = socket.create_server(("127.0.0.1", 0))
six = socket.create_server(("::1", 0), family=socket.AF_INET6)
ports = four.getsockname()[1], six.getsockname()[1]
seen = [families(kind, family, ports) for kind in (SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK)
        for family in (socket.AF_INET, socket.AF_INET6)]
print(f"Linux {os.uname().release}: asked for IPv4, IPv6: SOCK_DIAG_BY_FAMILY {seen[:2]}, TCPDIAG_GETSOCK {seen[2:]}")
sys.exit(seen != [["AF_INET"], ["AF_INET6"]] + [["AF_INET", "AF_INET6"]] * 2)
P
