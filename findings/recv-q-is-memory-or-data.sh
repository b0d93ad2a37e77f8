#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Recv-Q and Send-Q of ss are bytes of data for some sockets and the kernel's memory for others.
#
# Guess:  they are what netstat(8) says: the bytes that the program has not copied yet, and those that the
#         remote end has not acknowledged, whatever kind of socket it is.
# Seen:   Linux 6.18, iproute2 6.1.0, three messages of one byte that nobody reads: TCP has 3 in Recv-Q. UDP
#         has 2496, the memory of three packets. A Unix stream and SOCK_SEQPACKET have 3, a Unix
#         datagram socket 1: its first message alone. Their senders have memory, too, in Send-Q (some
#         hundreds of bytes a message), where a sender of TCP has 0.
# Effect: numbers of different kinds of sockets are not to be added or compared, and a large Recv-Q of UDP may
#         be a few short datagrams.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
python3 - "$(find "$PWD/root" -name ss -type f | head -n 1)" <<'P'
import os, socket, subprocess, sys, time

def queues(end, option):
    """Recv-Q and Send-Q of the socket, by its port or inode."""
    named = end.family != socket.AF_UNIX
    key = f":{end.getsockname()[1]}" if named else f"* {os.fstat(end.fileno()).st_ino}"
    for line in subprocess.run([sys.argv[1], "-a", "-n", "-H", option], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        words = line.split()
        state = words.index("ESTAB") if "ESTAB" in words else None
        own = words[state + 3] if named and state is not None else " ".join(words[4:6])
        if state is not None and own.endswith(key):
            return int(words[state + 1]), int(words[state + 2])
    return None

def tcp():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    return client, listener.accept()[0]

def udp():
    one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    one.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    one.connect(other.getsockname())
    other.connect(one.getsockname())
    return one, other

kinds = {"TCP": (tcp, "-t"), "UDP": (udp, "-u")}
for name in ("STREAM", "SEQPACKET", "DGRAM"):
    kinds[f"Unix {name}"] = (lambda kind=getattr(socket, f"SOCK_{name}"): socket.socketpair(socket.AF_UNIX, kind), "-x")
seen = {}
for name, (pair, option) in kinds.items():
    sender, receiver = pair()
    for _ in range(3):
        sender.send(b"x")
    time.sleep(0.2)  # TCP's acknowledgement
    seen[name] = queues(receiver, option)[0], queues(sender, option)[1]
    print(f"Linux {os.uname().release}: {name}: Recv-Q of the receiver {seen[name][0]}, Send-Q of the sender {seen[name][1]}")
received = [seen[name][0] for name in kinds]
sent = [seen[name][1] for name in kinds]
sys.exit(not (received[:1] + received[2:] == [3, 3, 3, 1] and received[1] >= 768 and sent[:2] == [0, 0] and
              all(number >= 3 * 256 for number in sent[2:])))
P
