#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The kernel reports a TCP socket as destroyed while its connection is half open.
#
# Guess:  `ss -E' (SKNLGRP_INET_TCP_DESTROY) prints a connection once both ends have closed it.
# Seen:   Linux 6.18, iproute2 6.1.0: the client calls close(2), the server does not. The client's
#         socket is printed at once, when the server's ACK takes it to FIN-WAIT-2: a smaller
#         time-wait socket takes its place, and the full one is destroyed
#         (net/ipv4/tcp_minisocks.c, tcp_time_wait). The server can go on sending for a minute
#         (tcp_fin_timeout), and the client's kernel still answers.
# Effect: a destroy message of one end is no end of the connection: packets follow it.
# Needs root and Debian 12 (amd64); loopback of a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-tda-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add $a && ip -n $a link set lo up || exit 2
ip netns exec $a python3 - "$work/root/bin/ss" <<'P'
import os, pty, socket, subprocess, sys, time

terminal, end = pty.openpty()  # ss keeps what it prints in a buffer otherwise
ss = subprocess.Popen([sys.argv[1], "-E", "-t", "-n"], stdout=end)
time.sleep(1)
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, name = listener.accept()
client.close()
time.sleep(1)
ss.terminate()
text = os.read(terminal, 65536).decode()
lines = [line for line in text.splitlines() if f":{name[1]} " in line]
try:
    half_open = server.send(b"more") == 4   # the server's end is established still
except OSError:
    half_open = False
print(f"Linux {os.uname().release}: destroyed while the server has not closed: {len(lines)}, "
      f"the server can send: {half_open}")
for line in lines:
    print(" ".join(line.split()))
sys.exit(not (len(lines) == 1 and half_open))
P
