#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ss -K prints a UDP socket as killed, and it lives on, open to more senders than before.
#
# Guess:  ss -K (SOCK_DESTROY) ends the sockets that it prints: they are gone from ss, and every call on one
#         fails from then on.
# Seen:   Linux 6.18, iproute2 6.1.0: a connected UDP socket that was bound to a port is printed; then ss
#         has the same socket (inode, cookie) at the same port without a peer. One call fails with
#         ECONNABORTED; after it the program receives datagrams, now from anyone. udp_abort() in
#         net/ipv4/udp.c sets the error and disconnects. A TCP connection is closed.
# Effect: the destruction of a UDP socket that was asked for is no end of it, and no message of
#         SKNLGRP_INET_UDP_DESTROY follows.
# Needs root, a kernel with INET_DIAG_DESTROY, Debian 12 (amd64) and Python 3: makes a network namespace.
set -u
work=$(mktemp -d)
a=find-sk-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - "$PWD/root/bin/ss" <<'P'
import errno, os, re, socket, subprocess, sys

def ss(*arguments):
    return subprocess.run([sys.argv[1], "-H", "-u", "-a", "-n", "-e", *arguments, "sport", "=", ":4242"],
                          capture_output=True, text=True, check=True).stdout

def listed():
    found = re.search(r"(\w+) +\d+ +\d+ +(\S+) +(\S+).* (ino:\d+ sk:\w+)", ss())
    return found and found.groups()

reports = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
reports.bind((0, 0))
reports.setsockopt(270, 1, 2)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, SKNLGRP_INET_UDP_DESTROY
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("127.0.0.1", 4242))
end.connect(("127.0.0.1", 4343))
end.settimeout(1)
before = listed()
killed = "127.0.0.1:4343" in ss("-K")
after = listed()
try:
    end.recv(16)
    error = None
except OSError as failed:
    error = failed.errno
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
    stranger.sendto(b"of a stranger", ("127.0.0.1", 4242))
text = end.recv(16)
reports.settimeout(0.5)
try:
    reported = False
    while True:  # after struct nlmsghdr, of struct inet_diag_msg: idiag_sport
        reported = reported or reports.recv(4096)[20:22] == (4242).to_bytes(2, "big")
except TimeoutError:
    pass
print(f"Linux {os.uname().release}: before {before}\nprinted by ss -K: {killed}\nafter {after}\n"
      f"one call: {errno.errorcode.get(error)}, the next one: {text}, reported: {reported}")
sys.exit(not (killed and before[0] == "ESTAB" and after == ("UNCONN", before[1], "0.0.0.0:*", before[3]) and
              error == errno.ECONNABORTED and text == b"of a stranger" and not reported))
P
