#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# netlink_diag lists a netlink socket that joined a multicast group twice in one dump.
#
# Guess:  a dump of NETLINK sockets has one message for each socket.
# Seen:   Linux 6.18, iproute2 6.1.0: `ss -f netlink' prints one and the same socket (same inode,
#         same port id) twice as soon as it has joined a group, once before. The kernel walks its
#         hash of all sockets and then its list of those in groups (net/netlink/diag.c,
#         __netlink_diag_dump), and ss shows what it is sent.
# Effect: whoever counts or lists netlink sockets must drop the second by (protocol, inode).
# Needs Debian 12 (amd64).
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
python3 - "$work/root/bin/ss" <<'P'
import os, socket, subprocess, sys

def listed():
    """How often the socket's port id stands in the list."""
    lines = subprocess.run([sys.argv[1], "-f", "netlink", "-a", "-n", "-e"], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    return sum(f":{port}" in line.split()[3] for line in lines)

NETLINK_ADD_MEMBERSHIP, SOL_NETLINK, RTNLGRP_LINK = 1, 270, 1
route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
route.bind((0, 0))
port = route.getsockname()[0]
before = listed()
route.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK)
after = listed()
print(f"Linux {os.uname().release}: without a group {before}, with one {after}")
sys.exit((before, after) != (1, 2))
P
