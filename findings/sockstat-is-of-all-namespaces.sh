#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Half of the line "TCP:" of /proc/net/sockstat is of the network namespace, half of the whole host.
#
# Guess:  /proc/net is of the network namespace of its reader, and so is each number of its files. In a new
#         namespace all of sockstat is 0.
# Seen:   Linux 6.18: "inuse" and "tw" are of the namespace; "alloc" and "mem", and "mem" of UDP, are of the
#         host (net/ipv4/proc.c, sockstat_seq_show(), reads the totals of the protocol). With 227 sockets
#         outside, a new namespace without one has "inuse 0 orphan 0 tw 0 alloc 227". ss -s of iproute2
#         6.1.0 subtracts one from the other: "TCP: 227 (estab 0, closed 227, ...)".
# Effect: in a container neither alloc nor what ss -s calls closed is a number of its own sockets.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-st-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" || exit 2
python3 - "$a" "$(find "$PWD/root" -name ss -type f | head -n 1)" <<'P'
import os, re, socket, subprocess, sys

def inside(*command):
    return subprocess.run(["ip", "netns", "exec", sys.argv[1], *command], capture_output=True, text=True,
                          check=True).stdout

sockets = [socket.socket() for _ in range(200)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
line = re.search("^TCP: .*", inside("cat", "/proc/net/sockstat"), re.M)[0]
summary = re.search("^TCP: .*", inside(sys.argv[2], "-s"), re.M)[0]
print(f"Linux {os.uname().release}: a new namespace: {line}")
print(f"ss -s: {summary}")
numbers = dict(re.findall(r"(\w+) (\d+)", line))
closed = int(re.search(r"closed (\d+)", summary)[1])
sys.exit(not (numbers["inuse"] == "0" and numbers["tw"] == "0" and int(numbers["alloc"]) >= 200 and closed >= 200))
P
