#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The byte counters of lo count a packet with 14 bytes less than those of every other Ethernet.
#
# Guess:  the bytes of an interface in /proc/net/dev and `ip -s link' are the lengths of its packets in a
#         capture, on lo as on a veth: both are of link type Ethernet with a header of 14 bytes.
# Seen:   Linux 6.18: a datagram of 100 bytes is 142 in a capture of either, 142 in the counters of a veth,
#         but 128 in those of lo, which takes the header off before it counts (drivers/net/loopback.c,
#         loopback_xmit(); eth_type_trans()).
# Effect: sums of a capture's packet lengths agree with the counters everywhere but on lo; bytes of IP do
#         there alone.
# Needs root and Python 3: makes two network namespaces of its own.
set -u
a=find-la-$$ b=find-lb-$$
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null' EXIT
ip netns add "$a" && ip netns add "$b" && ip -n "$a" link set lo up &&
	ip -n "$a" link add eth0 type veth peer name eth0 netns "$b" &&
	ip netns exec "$a" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6' &&
	ip netns exec "$b" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6' &&
	ip -n "$b" link set eth0 up && ip -n "$a" link set eth0 up && ip -n "$a" addr add 192.0.2.1/24 dev eth0 &&
	ip -n "$a" neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth0 || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, sys

def sent(device):
    """Bytes that went out."""
    with open("/proc/net/dev", encoding="ascii") as file:
        return next(int(line.split(":")[1].split()[8]) for line in file if line.strip().startswith(device + ":"))

def lengths(device, address):
    """Of one datagram of 100 bytes: as captured, and as counted."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    tap.bind((device, 3))
    tap.settimeout(1)
    before = sent(device)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("0.0.0.0", 4242))  # on lo it sends to itself, and no error comes back
        one.sendto(b"counted".ljust(100), (address, 4242))
    while b"counted" not in (packet := tap.recv(2048)):
        pass
    return len(packet), sent(device) - before

seen = {device: lengths(device, address) for device, address in (("lo", "127.0.0.1"), ("eth0", "192.0.2.2"))}
print(f"Linux {os.uname().release}: captured, counted: {seen}")
sys.exit(seen != {"lo": (142, 128), "eth0": (142, 142)})
P
