#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A TCP connection over IPv6 changes its flow label with each segment that it sends again.
#
# Guess:  the flow label names a flow: RFC 6437 wants one for all packets of a connection, and Linux sets it
#         (net.ipv6.auto_flowlabels = 1), so that a SYN that is sent again has that of the first one.
# Seen:   Linux 6.18: each SYN of one connect(2), with the same ports and sequence number, has another label: after
#         a timeout the kernel draws a new hash, so that routers may choose another path
#         (include/net/sock.h, sk_rethink_txhash(); net/ipv4/tcp_timer.c, tcp_write_timeout()).
# Effect: what keys flows by the label, as IPFIX with flowLabelIPv6 may, makes several of a connection with losses,
#         and just of those; the answers have a label of their own anyway.
# Needs root and Python 3: makes two network namespaces of its own.
set -u
a=find-fa-$$ b=find-fb-$$
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null' EXIT
ip netns add "$a" && ip netns add "$b" && ip -n "$a" link add eth0 type veth peer name eth0 netns "$b" &&
	ip -n "$b" link set eth0 up && ip -n "$a" link set eth0 up &&
	ip -n "$a" addr add 2001:db8::1/64 dev eth0 nodad &&
	ip -n "$a" neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev eth0 || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, struct, sys, time

tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
tap.bind(("eth0", 3))
tap.settimeout(0.2)
client = socket.socket(socket.AF_INET6)
client.setblocking(False)
try:
    client.connect(("2001:db8::2", 80))  # nobody answers
except BlockingIOError:
    pass
labels, sequences, until = [], set(), time.monotonic() + 15
while len(labels) < 3 and time.monotonic() < until:
    try:
        packet = tap.recv(2048)
    except TimeoutError:
        continue
    if packet[12:14] == b"\x86\xdd" and packet[20] == socket.IPPROTO_TCP:
        labels.append(struct.unpack_from("!I", packet, 14)[0] & 0xfffff)
        sequences.add(packet[54:62])  # ports and sequence number
print(f"Linux {os.uname().release}: labels of a SYN, sent three times: {labels}; {len(sequences)} x ports and sequence")
sys.exit(not (len(labels) == 3 and len(set(labels)) > 1 and len(sequences) == 1))
P
