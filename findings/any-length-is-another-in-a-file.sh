#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# With -i any, the filters greater and less mean another length than in the file of the same packets.
#
# Guess:  tcpdump -i any 'greater 120' writes those packets that tcpdump -r of a capture of all of them finds with
#         the same filter: the length of a packet in it.
# Seen:   tcpdump 4.99.3 with libpcap 1.10.3, Linux 6.18: a datagram of 80 bytes has 128 in the file, 20 of them the header
#         that 'any' has (LINUX_SLL2). Live, the kernel filters, and sees no link header there at all: 108. So
#         'greater 120' captures nothing, and finds the packet in the file; on one interface both have 122.
# Effect: a filter that was tried on a file leaves out packets of 20 bytes less when it runs; neither is the length
#         of the frame.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-al-$$
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
# One datagram of 80 bytes; all captures at once.
pids=
for interface in any lo; do
	for filter in udp 'greater 108' 'greater 109' 'greater 122' 'greater 123'; do
		name=$interface-${filter#greater }
		ip netns exec "$a" timeout 20 "$tcpdump" -Z root -n -U --immediate-mode -i $interface -w "$name" "$filter" 2>"$name.said" &
		pids="$pids $!"
		until grep -qs 'listening on' "$name.said"; do sleep 0.1; done
	done
done
ip netns exec "$a" python3 -c '
import socket, time
time.sleep(0.5)
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("127.0.0.1", 4242))
end.sendto(bytes(80), ("127.0.0.1", 4242))
time.sleep(1)'
for pid in $pids; do kill -INT "$pid"; done
wait
found()
{
	"$tcpdump" -n -r "$@" 2>/dev/null | grep -c UDP
}
for limit in 108 109 122 123 128 129; do
	for interface in any lo; do
		[ $limit -ge 128 ] || echo "$interface live $limit: $(found "$interface-$limit")"
		echo "$interface file $limit: $(found "$interface-udp" "greater $limit")"
	done
done | sort >result
cat result
[ "$(grep -c . result)" = 20 ] && [ "$(grep ': 1' result | cut -d : -f 1 | tr '\n' ,)" = \
	'any file 108,any file 109,any file 122,any file 123,any file 128,any live 108,lo file 108,lo file 109,lo file 122,lo live 108,lo live 109,lo live 122,' ]
