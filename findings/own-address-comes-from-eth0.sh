#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A datagram to this host's own address passes lo, and its receiver has it from eth0.
#
# Guess:  ipi_ifindex of IP_PKTINFO is "the index of the interface the packet was received on" (ip(7)): for
#         what tcpdump shows on lo alone it is lo's. A socket of SO_BINDTODEVICE eth0 does not get it, one
#         that is bound to lo does.
# Seen:   Linux 6.18, IPv4 and IPv6: a datagram to the address of a veth (here "eth0") is captured once, on
#         lo. ipi_ifindex is that of eth0, and of two sockets with one port, one bound to lo and one to
#         eth0, that of eth0 gets it. The kernel takes the interface of the local route, which has the
#         address (net/ipv4/route.c, ip_route_output_key_hash_rcu(); net/ipv6/ip6_input.c, ip6_rcv_core()).
# Effect: whoever looks for the receiver with the interface that a capture names finds another process: the
#         interface that has the destination's address belongs into the question.
# Needs root and Python 3: makes a network namespace of its own.
set -u
a=find-oa-$$
trap 'ip netns del $a 2>/dev/null' EXIT
ip netns add "$a" && ip -n "$a" link set lo up && ip -n "$a" link add eth0 type veth peer name peer &&
	ip -n "$a" link set eth0 up && ip -n "$a" link set peer up && ip -n "$a" addr add 192.0.2.1/24 dev eth0 &&
	ip -n "$a" addr add 2001:db8::1/64 dev eth0 nodad || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, struct, sys

IP_PKTINFO, IPV6_RECVPKTINFO, ETH_P_ALL = 8, 49, 3

def bound(family, device):
    end = socket.socket(family, socket.SOCK_DGRAM)
    end.settimeout(0.5)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    end.bind(("", 4242))
    if family == socket.AF_INET:
        end.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        end.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    return end

def seen(family, address):
    """Interfaces where it is captured, the name of the bound socket that has it, and of its ipi_ifindex."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    tap.settimeout(0.5)
    ends = {device: bound(family, device) for device in ("lo", "eth0")}
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"to myself", (address, 4242))
    got = []
    for device, end in ends.items():
        try:
            _, ((_, _, info),), _, _ = end.recvmsg(16, 64)
        except TimeoutError:
            continue
        at = 0 if family == socket.AF_INET else 16
        got.append((device, socket.if_indextoname(struct.unpack_from("=I", info, at)[0])))
    places = set()
    try:
        while True:
            packet, (device, *_) = tap.recvfrom(2048)
            if packet.endswith(b"to myself"):
                places.add(device)
    except TimeoutError:
        return places, got

all_seen = [seen(socket.AF_INET, "192.0.2.1"), seen(socket.AF_INET6, "2001:db8::1")]
for places, got in all_seen:
    print(f"Linux {os.uname().release}: captured on {places}, received by (bound to, ipi_ifindex) {got}")
sys.exit(any(one != ({"lo"}, [("eth0", "eth0")]) for one in all_seen))
P
