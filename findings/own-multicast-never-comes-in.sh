#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A host's own multicast and broadcast reaches its sockets, and no capture shows it coming in.
#
# Guess:  tcpdump of the interface shows a datagram to a group that this host has joined itself twice, as it
#         goes out and as it is looped back (IP_MULTICAST_LOOP); so it does a broadcast.
# Seen:   Linux 6.18: AF_PACKET has one sighting of each, PACKET_OUTGOING, on the veth, and none on lo or
#         elsewhere, while the socket receives it, with the veth in IP_PKTINFO. The copy is marked
#         PACKET_LOOPBACK, which packet sockets pass over (net/packet/af_packet.c, packet_rcv(),
#         tpacket_rcv()).
# Effect: a local receiver of a group has no incoming packet to be found by: an outgoing packet to a group
#         or to all has receivers on this host, too.
# Needs root and Python 3: makes a network namespace of its own.
set -u
a=find-om-$$
trap 'ip netns del $a 2>/dev/null' EXIT
ip netns add "$a" && ip -n "$a" link set lo up && ip -n "$a" link add eth0 type veth peer name peer &&
	ip -n "$a" link set eth0 up && ip -n "$a" link set peer up &&
	ip -n "$a" addr add 192.0.2.1/24 broadcast 192.0.2.255 dev eth0 || exit 2
ip netns exec "$a" python3 - <<'P'
import os, socket, struct, sys

IP_PKTINFO, ETH_P_ALL, PACKET_OUTGOING = 8, 3, 4
own = socket.inet_aton("192.0.2.1")
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
tap.settimeout(0.5)
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("", 4242))
receiver.settimeout(1)
receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.1.1") + own)
receiver.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)

def seen(address):
    """The interface that the receiver has it from, and all sightings but those of the veth's other end."""
    sender.sendto(b"to all", (address, 4242))
    text, ((_, _, info),), _, _ = receiver.recvmsg(16, 64)
    places = []
    try:
        while True:
            packet, (device, _, kind, *_) = tap.recvfrom(2048)
            if packet.endswith(text) and device != "peer":
                places.append((device, kind))
    except TimeoutError:
        return socket.if_indextoname(struct.unpack_from("=I", info)[0]), places

all_seen = {address: seen(address) for address in ("239.1.1.1", "192.0.2.255")}
for address, (device, places) in all_seen.items():
    print(f"Linux {os.uname().release}: {address} received from {device}, captured: {places}")
sys.exit(any(one != ("eth0", [("eth0", PACKET_OUTGOING)]) for one in all_seen.values()))
P
