#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# /proc/net shows a thread that has entered another network namespace the sockets of the one it left.
#
# Guess:  /proc/net is of the network namespace of its reader: a thread that called unshare(2) or setns(2)
#         reads the sockets of its new one there.
# Seen:   Linux 6.18: its own listener is not in /proc/net/tcp, nor in /proc/self/net/tcp; it is in
#         /proc/thread-self/net/tcp. /proc/net is a link to self/net, and self is the process, whose
#         namespace is that of its first thread (fs/proc/proc_net.c, proc_tgid_net_lookup()). Netlink and
#         socket(2) of the thread are of the new one.
# Effect: a program that visits namespaces with a thread gets one namespace's list of sockets by netlink and
#         another's by /proc/net, without an error.
# Needs root and Python 3.
set -u
exec python3 - <<'P'
import ctypes, os, socket, sys, threading

CLONE_NEWNET = 0x40000000
seen = {}

def visit():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return
    with socket.create_server(("0.0.0.0", 0)) as listener:
        inode = str(os.fstat(listener.fileno()).st_ino)
        for name in ("net", "self/net", "thread-self/net"):
            with open(f"/proc/{name}/tcp", encoding="ascii") as file:
                seen[name] = any(row.split()[9] == inode for row in file)

thread = threading.Thread(target=visit)
thread.start()
thread.join()
print(f"Linux {os.uname().release}: a thread's own listener is in /proc/...: {seen}")
sys.exit(seen != {"net": False, "self/net": False, "thread-self/net": True})
P
