#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A TCP port that the kernel chose says by its last bit whether bind(2) or connect(2) asked for it.
#
# Guess:  both choose any free port of ip_local_port_range at random, as UDP does.
# Seen:   Linux 6.18, the default range (32768 to 60999): of a hundred each, bind(2) with port 0 gets odd
#         ports alone, connect(2) even ones alone, for IPv4 and IPv6; for UDP half are odd. As long as there
#         are such (net/ipv4/inet_connection_sock.c, inet_csk_find_open_port(); inet_hashtables.c,
#         __inet_hash_connect()): with a range that begins odd it is the other way round.
# Effect: of a connection met midway, an odd high port is most likely a listener's, or one of a program that
#         binds before it connects; a hint, and no proof, as any program may choose its port itself.
# Needs root and Python 3: makes a network namespace of its own.
set -u
a=find-bp-$$
trap 'ip netns del $a 2>/dev/null' EXIT
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, sys

def bound(family, kind, address):
    ends = []
    for _ in range(100):
        ends.append(socket.socket(family, kind))
        ends[-1].bind((address, 0))
    return sum(end.getsockname()[1] % 2 for end in ends)

def connected(address):
    with socket.create_server((address, 4242), family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                              backlog=200) as server:
        ends = [socket.create_connection(server.getsockname()[:2]) for _ in range(100)]
        return sum(end.getsockname()[1] % 2 for end in ends)

odd = {"bind": bound(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"), "connect": connected("127.0.0.1"),
       "bind, IPv6": bound(socket.AF_INET6, socket.SOCK_STREAM, "::1"), "connect, IPv6": connected("::1")}
udp = bound(socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1")
print(f"Linux {os.uname().release}: odd ports of a hundred: {odd}; UDP: {udp}")
sys.exit(list(odd.values()) != [100, 0, 100, 0] or not 10 < udp < 90)
P
