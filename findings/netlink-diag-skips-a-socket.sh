#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A dump of netlink sockets lacks one socket for each full answer.
#
# Guess:  a dump has each socket that lives through it, however many answers it takes.
# Seen:   Linux 6.18, iproute2 6.1.0: of 1,000 netlink sockets of one network namespace
#         `ss -f netlink' lists fewer than 1,000, and of 20 all 20; /proc/net/netlink has all of
#         them each time. The dump walks a hash table (net/netlink/diag.c, __netlink_diag_dump).
#         The socket that finds no room in an answer has been taken from the walk already, and
#         the next answer begins with the one after it. Neither NLM_F_DUMP_INTR nor an error marks that.
# Effect: a list of netlink sockets is complete only together with /proc/net/netlink.
# Needs Debian 12 (amd64), and root for a network namespace of its own.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
cat > count.py <<'P'
import os, socket, subprocess, sys

def missing(count):
    """How many of so many new sockets ss does not list, and the kernel's file does not."""
    sockets = [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) for _ in range(count)]
    for one in sockets:
        one.bind((0, 0))
    ports = {one.getsockname()[0] for one in sockets}
    lines = subprocess.run([sys.argv[1], "-f", "netlink", "-a", "-n", "-e"], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    by_ss = {int(line.split()[3].split(":")[1]) % 2**32 for line in lines[1:]}
    with open("/proc/thread-self/net/netlink") as file:
        in_file = {int(line.split()[2]) for line in file.readlines()[1:]}
    return len(ports - by_ss), len(ports - in_file)

few, many = missing(20), missing(1000)
print(f"Linux {os.uname().release}: of 20 sockets ss lacks {few[0]}, of 1000 {many[0]};"
      f" the file lacks {few[1]} and {many[1]}")
sys.exit(not (few == (0, 0) and many[0] > 0 and many[1] == 0))
P
unshare -n python3 count.py "$work/root/bin/ss"
