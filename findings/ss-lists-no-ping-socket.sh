#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ss -a does not list the socket that ping(8) sends its echoes with.
#
# Guess:  ss -a lists each socket of the network namespace; one of SOCK_DGRAM and IPPROTO_ICMP under "icmp" or
#         with the raw ones, as it has a port (the echo's identifier) and a line in /proc/net/icmp.
# Seen:   Linux 6.18 (without raw_diag), iproute2 6.1.0: neither ss -a nor ss -a -w has a line for it. No
#         module of sock_diag answers for this protocol, and ss has no reader for /proc/net/icmp and
#         /proc/net/icmp6.
# Effect: who owns an echo is found from these two files and the processes' descriptors.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-pi-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - "$(find "$PWD/root" -name ss -type f | head -n 1)" <<'P'
import os, socket, subprocess, sys

IDENTIFIER = 4242

def listed(*options):
    text = subprocess.run([sys.argv[1], "-a", "-n", "-H", *options], capture_output=True, text=True,
                          check=True).stdout
    return sum(f":{IDENTIFIER}" in line for line in text.splitlines())

with open("/proc/sys/net/ipv4/ping_group_range", "w") as groups:
    groups.write("0 0")
ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
ping.bind(("127.0.0.1", IDENTIFIER))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", IDENTIFIER))
with open("/proc/net/icmp") as table:
    in_proc = sum(f":{IDENTIFIER:04X}" in line for line in table)
both, raw = listed(), listed("-w")
print(f"Linux {os.uname().release}: a UDP socket and one of ping with {IDENTIFIER}: ss -a has {both}, -w {raw}, "
      f"/proc/net/icmp {in_proc}")
sys.exit((both, raw, in_proc) != (1, 0, 1))
P
