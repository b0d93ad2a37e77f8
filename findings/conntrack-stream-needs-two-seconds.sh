#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# conntrack does not take an answered UDP exchange for a stream before its third second.
#
# Guess:  once a UDP entry has seen an answer, its timeout is nf_conntrack_udp_timeout_stream (120 s), and
#         it is ASSURED; without one it is nf_conntrack_udp_timeout (30 s).
# Seen:   Linux 6.18, conntrack 1.4.7: after fifty questions and answers within two seconds the entry has 30
#         s and is not ASSURED. The first datagram that is later than two seconds after the entry began, of
#         either end, makes it 120 s and ASSURED (net/netfilter/nf_conntrack_proto_udp.c,
#         nf_conntrack_udp_packet()).
# Effect: however much was exchanged in two seconds, its NAT mapping is gone after 30 s of silence, and may
#         be dropped early from a full table.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-cu-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download conntrack=1:1.4.7-1+b2 libnetfilter-conntrack3=1.0.9-3 libmnl0=1.0.4-3 \
	libnfnetlink0=1.0.2-2 nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 \
	libedit2 libbsd0 libmd0 libjansson4 libxtables12 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libnetfilter_conntrack.so.*' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$work/root/usr/sbin:$PATH
ip netns add "$a" && ip -n "$a" link set lo up && ip netns exec "$a" nft -f - <<'N' || exit 2
table inet t {
	chain o {
		type filter hook output priority 0;
		ct state new accept
	}
}
N
ip netns exec "$a" python3 - <<'P'
import os, socket, subprocess, sys, time

def entry():
    """Is the timeout that of a stream, and is it assured?"""
    line = subprocess.run(["conntrack", "-L", "-p", "udp"], capture_output=True, text=True, check=True).stdout
    return int(line.split()[2]) > 60, "[ASSURED]" in line

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("127.0.0.1", 0))
client.connect(server.getsockname())
began = time.monotonic()
for _ in range(50):
    client.send(b"question")
    server.sendto(b"answer", client.getsockname())
early, took = entry(), time.monotonic() - began
time.sleep(2.5)
server.sendto(b"answer", client.getsockname())
late = entry()
if took > 1.8:
    print("the machine was too slow")
    sys.exit(2)
print(f"Linux {os.uname().release}, stream and assured: at once {early}, after a late answer {late}")
sys.exit((early, late) != ((False, False), (True, True)))
P
