#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# nstat prints differences between the counters of different network namespaces.
#
# Guess:  nstat prints what was counted since it last ran: in the network namespace that it runs in.
# Seen:   iproute2 6.1.0, Linux 6.18: a namespace of its own that has sent nothing but 70 echoes to itself
#         has 140 ICMP messages in. nstat prints 90 of them after it ran in another where 50 came in, and
#         then, in that one again, nothing of the 10 that came in since. It keeps all counters in one file
#         for each user (/tmp/.nstat.uUID, or NSTAT_HISTORY), and the file names no namespace.
# Effect: what containers on one host are measured with nstat by is wrong unless each has a file of its
#         own; -a prints the counters themselves.
# Needs root and Debian 12 (amd64): makes two network namespaces of its own.
set -u
work=$(mktemp -d)
a=find-na-$$ b=find-nb-$$
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
nstat=$(find root -name nstat -type f | head -n 1)
NSTAT_HISTORY=$work/history
export NSTAT_HISTORY

# came_in NAMESPACE: the messages of ICMP that came in, as nstat prints them; 0: it prints none.
came_in()
{
	ip netns exec "$1" "$nstat" | awk '$1 == "IcmpInMsgs" { sum = $2 } END { print sum + 0 }'
}

# echoes NAMESPACE MESSAGES: an echo to oneself is two messages that come in.
echoes()
{
	ip netns exec "$1" python3 - "$2" <<'P'
import socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(2)
for number in range(int(sys.argv[1]) // 2):
    head = struct.pack("!BBHHH", 8, 0, 0, 1, number)
    total = sum(struct.unpack("!4H", head))
    raw.sendto(head[:2] + struct.pack("!H", 0xffff - total) + head[4:], ("127.0.0.1", 0))
    for _ in range(2):  # the echo and its reply
        raw.recv(100)
P
}

ip netns add "$a" && ip netns add "$b" && ip -n "$a" link set lo up && ip -n "$b" link set lo up || exit 2
echoes "$a" 50
first=$(came_in "$a")
echoes "$b" 140
other=$(came_in "$b")
echoes "$a" 10
again=$(came_in "$a")
"$nstat" -V
echo "50 came in at the one: $first; 140 at the other: $other; 10 more at the one: $again"
[ "$first $other $again" = "50 90 0" ]
