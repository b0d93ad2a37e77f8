#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A tracepoint's filter takes an address of 16 bytes, and then neither == nor != lets anything through.
#
# Guess:  a filter on a field that is an array of bytes is refused (EINVAL), as text, symbols and negative
#         numbers for it are; or what is taken compares, and one of "==" and "!=" is true.
# Seen:   Linux 6.18, sock:inet_sock_set_state: "saddr == N" is taken for u8 saddr[4] and compares the four
#         bytes as one number of the machine's byte order, so that 127.0.0.7 is 0x0700007f. For u8
#         saddr_v6[16] "== 0", "!= 0" and "> 0" are all taken, and none ever matches: there is no comparison of
#         16 bytes (kernel/trace/trace_events_filter.c). "!(saddr_v6 == 0)" matches all.
# Effect: an IPv4 address can be filtered for in the kernel, one of IPv6 cannot, and only the silence of
#         the trace shows it; perf and libraries pass filters on as they are.
# Needs root, tracefs and Python 3: makes a tracing instance and a network namespace of its own.
set -u
name=find-tf-$$
tracing=/sys/kernel/tracing
[ -d $tracing/instances ] || mount -t tracefs none $tracing || exit 2
event=$tracing/instances/$name/events/sock/inet_sock_set_state
trap 'ip netns del $name 2>/dev/null; rmdir $tracing/instances/$name 2>/dev/null' EXIT
mkdir $tracing/instances/$name && ip netns add $name && ip -n $name link set lo up || exit 2

# matches FILTER: how many changes of state of a listener at 127.0.0.7 port 8 pass it, "refused": none may.
matches()
{
	if ! echo "$1" >$event/filter 2>/dev/null; then
		echo refused
		return
	fi
	echo >$tracing/instances/$name/trace
	echo 1 >$event/enable
	ip netns exec $name python3 -c 'import socket; socket.create_server(("127.0.0.7", 8))'
	echo 0 >$event/enable
	grep -c 'sport=8 ' $tracing/instances/$name/trace
}

# Native order, as the machine has the four bytes.
address=$(python3 -c 'import struct; print(struct.unpack("=I", bytes((127, 0, 0, 7)))[0])')
seen=
for filter in 'sport == 8' "saddr == $address" "saddr != $address && sport == 8" 'saddr_v6 == 0' 'saddr_v6 != 0' \
	'saddr_v6 > 0' '!(saddr_v6 == 0) && sport == 8' 'saddr == "127.0.0.7"'; do
	count=$(matches "$filter")
	echo "Linux $(uname -r): $filter: $count"
	seen="$seen$count "
done
[ "$seen" = '2 2 0 0 0 0 2 refused ' ]
