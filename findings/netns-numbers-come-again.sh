#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A new network namespace has the inode number of one that went before.
#
# Guess:  the number in /proc/PID/ns/net (net:[4026532008]) is counted up: it names one namespace until the next
#         boot, and logs and tools can join by it.
# Seen:   Linux 6.18: of twelve namespaces that are made in turn, each after the former one was deleted, often six
#         have a number that another one had: the smallest that is free is taken (fs/proc/generic.c,
#         proc_alloc_inum()). The kernel frees it a moment after the namespace is deleted. The cookie
#         (SO_NETNS_COOKIE) does not come again.
# Effect: in a log one number is two containers, one after the other: only its time or the cookie tells which.
# Needs root and Python 3: makes network namespaces of its own, one at a time.
set -u
exec python3 - <<'P'
import ctypes, os, socket, struct, sys, time

def made():
    """Number and cookie of a namespace that is gone when this returns, or soon after."""
    there, here = os.pipe()
    child = os.fork()
    if not child:
        if ctypes.CDLL(None).unshare(0x40000000) != 0:  # CLONE_NEWNET
            os._exit(2)
        with socket.socket() as end:
            cookie = end.getsockopt(socket.SOL_SOCKET, 71, 8)  # SO_NETNS_COOKIE
        os.write(here, struct.pack("Q", os.stat("/proc/self/ns/net").st_ino) + cookie)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(here)
    try:
        return struct.unpack("QQ", os.read(there, 16))
    finally:
        os.close(there)

seen = []
# Others that are made and deleted meanwhile take and give numbers, too.
while len(seen) < 12 or (len(numbers) == len(seen) and len(seen) < 100):
    seen.append(made())
    numbers, cookies = ({one[i] for one in seen} for i in range(2))
    time.sleep(0.3)
print(f"Linux {os.uname().release}: {len(seen)} namespaces, {len(numbers)} numbers, {len(cookies)} cookies")
sys.exit(not len(numbers) < len(cookies) == len(seen))
P
