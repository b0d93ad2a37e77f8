#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# fchown(2) of a socket changes the user that ss shows of it.
#
# Guess:  the uid of a socket in ss -e, /proc/net/tcp and sock_diag(7) is that of the process which called
#         socket(2) or accept(2), and stays so: a socket's file has no owner that one can see or change.
# Seen:   Linux 6.18: after fchown(fd, 1234, -1) they and fstat(2) have 1234 (net/socket.c,
#         sockfs_setattr()). What a listener accepts has the user who accepts.
# Effect: the uid of a socket is what a privileged process says; the user of the process that holds it is
#         another fact.
# Needs root (CAP_CHOWN) and Python 3.
set -u
exec python3 - <<'P'
import os, socket, sys

def uid(end):
    with open("/proc/self/net/tcp", encoding="ascii") as file:
        return next(int(row[7]) for row in map(str.split, file) if row[9] == str(os.fstat(end.fileno()).st_ino))

listener = socket.create_server(("127.0.0.1", 0))
before = uid(listener)
os.fchown(listener.fileno(), 1234, -1)
after = uid(listener)
by_fstat = os.fstat(listener.fileno()).st_uid
with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
    child = uid(accepted)
print(f"Linux {os.uname().release}: made by {os.getuid()}, shown {before}, after fchown(2) {after}, "
      f"by fstat(2) {by_fstat}, accepted by it: {child}")
sys.exit((before, after, by_fstat, child) != (os.getuid(), 1234, 1234, os.getuid()))
P
