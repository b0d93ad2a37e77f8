#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The kernel's counters of UDP datagrams count system calls.
#
# Guess:  OutDatagrams and InDatagrams of /proc/net/snmp count datagrams as they leave and come: ten sent
#         over loopback are ten of each, whether a program reads them or not.
# Seen:   Linux 6.18: one send(2) with UDP_SEGMENT that makes ten datagrams is 1 in OutDatagrams.
#         InDatagrams stays 0 while the ten wait in the receiver's queue, and counts each as it is read
#         (net/ipv4/udp.c, udp_send_skb() and udp_recvmsg()). NoPorts and RcvbufErrors count on arrival.
# Effect: programs of QUIC, which send so, have many times more datagrams in than out on two hosts, and a
#         difference between a capture and InDatagrams is no loss: it may wait to be read.
# Needs root and Python 3: makes a network namespace of its own.
set -u
a=find-uc-$$
trap 'ip netns del $a 2>/dev/null' EXIT
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, sys

UDP_SEGMENT = 103

def counters():
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = (line.split()[1:] for line in file if line.startswith("Udp:"))
    counted = dict(zip(names, map(int, values)))
    return counted["OutDatagrams"], counted["InDatagrams"]

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 100)
sender.sendto(bytes(1000), receiver.getsockname())
waiting = counters()
receiver.settimeout(1)
sizes = [len(receiver.recv(2000)) for _ in range(10)]
read = counters()
print(f"Linux {os.uname().release}: ten datagrams, out and in: {waiting} as they wait, {read} once they are read")
sys.exit((sizes, waiting, read) != ([100] * 10, (1, 0), (1, 10)))
P
