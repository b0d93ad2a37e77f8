#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# libpcap's `any' device loses 802.1Q tags that the same libpcap puts back with -i INTERFACE.
#
# Guess:  libpcap takes the tag from the packet's auxiliary data (tp_vlan_tci) and puts it
#         back into the bytes, whatever device is opened.
# Seen:   tcpdump 4.99.3, libpcap 1.10.3, Linux 6.18: one tagged UDP datagram prints
#         "ethertype 802.1Q (0x8100), ... vlan 42" with -i vb. With -i any, both SLL and SLL2,
#         the packet is there and no word of the tag is. libpcap inserts the tag only where the
#         link-layer header has a place for it, and a cooked header has none.
# Effect: under `any' a program must read the tag from the ring (tpacket3_hdr.hv1) itself.
# Needs root and Debian 12 (amd64): makes two network namespaces of its own.
set -u
work=$(mktemp -d)
a=find-va-$$ b=find-vb-$$
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
tcpdump=$work/root/usr/bin/tcpdump
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

ip netns add $a && ip netns add $b &&
	ip link add va netns $a type veth peer name vb netns $b &&
	ip -n $a link set va up && ip -n $b link set vb up || exit 2
ip netns exec $b "$tcpdump" -i vb -e -nn -c 1 udp port 4242 or vlan >named 2>/dev/null &
named=$!
ip netns exec $b "$tcpdump" -i any -y LINUX_SLL2 -e -nn -c 1 udp port 4242 >cooked 2>/dev/null &
any=$!
sleep 2
ip netns exec $a python3 - <<'P'
import socket, struct
udp = struct.pack("!HHHH4s", 4242, 4242, 12, 0, b"data")
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes((192, 0, 2, 1)),
                 bytes((192, 0, 2, 2)))
total = sum(struct.unpack("!10H", ip))
total = (total & 0xffff) + (total >> 16)
ip = ip[:10] + struct.pack("!H", 0xffff ^ ((total & 0xffff) + (total >> 16))) + ip[12:]
frame = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + struct.pack("!HHH", 0x8100, 42, 0x0800) + ip + udp
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("va", 0))
sender.send(frame.ljust(64, b"\0"))
P
sleep 3
kill $named $any 2>/dev/null
wait
"$tcpdump" --version 2>&1 | head -2
echo "-i vb:  $(cat named)"
echo "-i any: $(cat cooked)"
grep -q 'vlan 42' named && grep -q 4242 cooked && ! grep -q vlan cooked
