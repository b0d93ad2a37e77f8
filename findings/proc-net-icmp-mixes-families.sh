#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# /proc/net/icmp has IPv6 ping sockets, and icmp6 those of IPv4, when their identifiers share a bucket.
#
# Guess:  a ping socket stands in the file of its family, once.
# Seen:   Linux 6.18: with one ping socket of each family and the identifier 78 of both, the one that was made
#         first stands in both files, in the wrong one with an address of zeros. With identifiers 78 and 79
#         each is in its own file alone. The kernel looks at the family of the first socket of each of its 64
#         buckets, and not at that of those behind it (net/ipv4/ping.c, ping_get_next).
# Effect: a list of ping sockets counts one in 64 pairs of both families twice; the inode shows it. sock_diag has no
#         ping sockets, so that there is no second source.
# Needs root and Python 3: makes a network namespace of its own, for which it sets ping_group_range.
set -u
unshare -n python3 - <<'P'
import os, socket, sys

def files_of(one):
    """In which of the two files the socket stands, with its address there."""
    found = {}
    for name in ("icmp", "icmp6"):
        with open(f"/proc/thread-self/net/{name}") as file:
            for words in map(str.split, file.readlines()[1:]):
                if int(words[9]) == os.fstat(one.fileno()).st_ino:
                    found[name] = int(words[1].split(":")[0], 16) != 0
    return found

def pair(four, six, six_is_later):
    sockets = {}
    for family in (4, 6) if six_is_later else (6, 4):
        if family == 4:
            sockets[4] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
            sockets[4].bind(("127.0.0.1", four))
        else:
            sockets[6] = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
            sockets[6].bind(("::1", six))
    result = files_of(sockets[4]), files_of(sockets[6])
    for one in sockets.values():
        one.close()
    return result

with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
    file.write("0 0")
os.system("ip link set lo up")
apart, together = pair(78, 79, True), [pair(78, 78, later) for later in (True, False)]
print(f"Linux {os.uname().release}: (of IPv4, of IPv6): apart {apart}, in one bucket {together}")
both = [{"icmp": True, "icmp6": True}, {"icmp": True, "icmp6": False}, {"icmp": False, "icmp6": True}]
sys.exit(not (apart == ({"icmp": True}, {"icmp6": True}) and
              all(any(each in both for each in result) for result in together)))
P
