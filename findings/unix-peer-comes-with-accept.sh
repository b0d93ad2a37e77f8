#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ss shows a connected Unix socket without a peer as long as the server has not accepted it.
#
# Guess:  the peer of a client that is ESTAB is the listener until accept(2), or has an inode that the
#         accepted socket keeps: a connection of two ends is two lines that name each other.
# Seen:   Linux 6.18, iproute2 6.1.0: the client, which has written already, is "ESTAB ... * INODE * 0": its
#         peer is 0. /proc/net/unix has a line for the other end, with the inode 0; ss lists the other end
#         not at all. An inode comes with the file that accept(2) makes.
# Effect: a client of a server that hangs has no owner of its other end; which listener it waits for is in
#         the listener's UNIX_DIAG_ICONS alone, which ss does not print.
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
python3 - "$PWD/root/bin/ss" <<'P'
import os, socket, subprocess, sys

name = f"find-ub-{os.getpid()}"
listener = socket.socket(socket.AF_UNIX)
listener.bind("\0" + name)
listener.listen()
client = socket.socket(socket.AF_UNIX)
client.connect(listener.getsockname())
client.send(b"waits")

def inode(end):
    return str(os.fstat(end.fileno()).st_ino)

def seen():
    """The client's state and peer, lines with the client as peer, inodes in /proc/net/unix of the other end."""
    lines = subprocess.run([sys.argv[1], "-H", "-x", "-a", "-n"], capture_output=True, text=True, check=True).stdout
    fields = next(line.split() for line in lines.splitlines() if inode(client) in line.split()[:6])
    others = sum(inode(client) in line.split()[6:8] for line in lines.splitlines())
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        rows = [row.split() for row in file if row.rstrip().endswith("@" + name)]
    return fields[1], fields[7], others, [row[6] for row in rows if row[3] == "00000000"]

before = seen()
other, _ = listener.accept()
after = seen()
print(f"Linux {os.uname().release}: state, peer, lines of the other end, its inodes in /proc/net/unix: {before}, "
      f"after accept(2) {after}")
sys.exit(before != ("ESTAB", "0", 0, ["0"]) or after != ("ESTAB", inode(other), 1, [inode(other)]))
P
