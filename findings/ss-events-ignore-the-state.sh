#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ss -E state STATE prints sockets of every other state, too, and no column says which.
#
# Guess:  ss -E prints events of sockets, and a state filter lets those of that state through, as it does
#         without -E: "ss -E -t state established" prints no listener and none that is closed.
# Seen:   iproute2 6.1.0, Linux 6.18: it prints all that are destroyed, a listener as well; and as one state
#         was asked for, the column with the state is left out. A filter by port or address is applied. The
#         state is a bit mask of the request for a dump, and events are not dumped.
# Effect: destroyed listeners are counted as connections; the state of each event is to be looked at.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-se-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - "$PWD/root/bin/ss" <<'P'
import os, socket, subprocess, sys, time

with subprocess.Popen(["stdbuf", "-oL", sys.argv[1], "-E", "-H", "-t", "-n", "state", "established"],
                      stdout=subprocess.PIPE) as ss:
    os.set_blocking(ss.stdout.fileno(), False)
    printed = b""
    for _ in range(50):  # until ss listens
        socket.create_server(("127.0.0.1", 4242)).close()
        time.sleep(0.1)
        printed += ss.stdout.read() or b""
        if b"\n" in printed:
            break
    ss.kill()
line = printed.decode().partition("\n")[0]
print(f"Linux {os.uname().release}, ss -E -t state established: {line}")
sys.exit(line.split() != ["0", "0", "127.0.0.1:4242", "0.0.0.0:*"])
P
