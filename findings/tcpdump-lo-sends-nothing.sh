#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# On lo, tcpdump -Q out shows no packet, and -Q in shows all that were sent.
#
# Guess:  the kernel gives a packet of lo to a capture twice, as it goes out and as it comes in; -Q out shows the
#         former, -Q in the latter, and without -Q one of them is left out.
# Seen:   tcpdump 4.99.3 with libpcap 1.10.3: of five datagrams to 127.0.0.1 -Q in shows five, and -Q out none, without
#         a word. libpcap leaves out what goes out on lo before it looks at the direction (pcap-linux.c,
#         linux_check_direction()); both copies are "received by filter".
# Effect: a filter by direction, to have what this host sends, loses all that its processes send each other.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-tl-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
tcpdump=$work/root/usr/bin/tcpdump
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcap.so.*' | head -n 1)")
export LD_LIBRARY_PATH
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
"$tcpdump" --version 2>&1 | head -n 2
shown()
{
	rm -f said
	ip netns exec "$a" timeout 20 "$tcpdump" -Z root -n -l --immediate-mode -i lo -Q "$1" udp port 4242 >shown 2>said &
	until grep -qs 'listening on' said; do sleep 0.1; done
	ip netns exec "$a" python3 -c '
import socket, time
time.sleep(0.5)
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("127.0.0.1", 4242))
for _ in range(5):
    end.sendto(b"x", ("127.0.0.1", 4242))
time.sleep(0.5)'
	kill -INT $!
	wait $!
	echo "-Q $1: $(grep -c UDP shown) shown, $(grep 'received by filter' said)"
}
for direction in in out inout; do shown $direction; done >result
cat result
[ "$(cut -d , -f 1 result | tr '\n' ' ')" = '-Q in: 5 shown -Q out: 0 shown -Q inout: 5 shown ' ]
