#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A UDP socket that has just been closed is reported with 4 GiB waiting to be sent.
#
# Guess:  idiag_wqueue (Send-Q) in a message of SKNLGRP_INET_UDP_DESTROY is 0, as nothing was sent.
# Seen:   Linux 6.18, iproute2 6.1.0: it is 4294967295, which ss -E prints as -1. The send memory of a
#         socket is counted with one unit for the socket itself, which is taken off for every reader; as the
#         message is made that unit is gone already (sk_free(), sk_wmem_alloc_get(), include/net/sock.h).
#         TCP has 0 there.
# Effect: the queue of a destroyed UDP socket is no number of bytes, and a sum over such messages is 4 GiB a
#         socket.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-uq-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" python3 - "$PWD/root/bin/ss" <<'P'
import os, socket, struct, subprocess, sys, time

reports = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
reports.bind((0, 0))
reports.setsockopt(270, 1, 2)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, SKNLGRP_INET_UDP_DESTROY
reports.settimeout(5)

def queue():
    """idiag_wqueue of the socket of port 4242, as it is reported once it is closed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 4242))
    while (message := reports.recv(4096))[20:22] != (4242).to_bytes(2, "big"):
        pass
    return struct.unpack_from("=I", message, 16 + 60)[0]

with subprocess.Popen(["stdbuf", "-oL", sys.argv[1], "-E", "-H", "-u", "-n"], stdout=subprocess.PIPE, bufsize=0) as ss:
    printed = b""
    os.set_blocking(ss.stdout.fileno(), False)
    for _ in range(50):  # until ss listens
        seen = queue()
        printed += ss.stdout.read() or b""
        if b"\n" in printed:
            break
        time.sleep(0.1)
    ss.kill()
line = printed.decode().partition("\n")[0]
print(f"Linux {os.uname().release}: idiag_wqueue {seen}, ss -E: {line}")
sys.exit(not (seen == 2**32 - 1 and "-1" in line.split()))
P
