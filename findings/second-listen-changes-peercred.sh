#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A second listen(2) makes another process the one that SO_PEERCRED shows to clients.
#
# Guess:  SO_PEERCRED of a client shows the process that made the listener and first called listen(2); a
#         further call on the same socket changes the length of the queue, as listen(2) has it.
# Seen:   Linux 6.18: after a child that inherited the listening Unix socket calls listen(2) again, clients
#         that connect from then on see the child's pid, those before still the parent's
#         (net/unix/af_unix.c, unix_listen(), takes the caller's credentials each time). unix(7) speaks of
#         the call of listen(2).
# Effect: under socket activation a service that calls listen(2) on what it was handed is named in place of
#         the one that opened the socket, and one that does not, is not: the pid shows neither who accepts
#         nor who opened.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(f"\0find-pc-{os.getpid()}")
listener.listen(8)

def server_of(client):
    return struct.unpack("=iII", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

def connected():
    client = socket.socket(socket.AF_UNIX)
    client.connect(listener.getsockname())
    return client

first = connected()
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    listener.listen(8)
    os.write(writer, b"listens")
    os.read(0, 1)
    os._exit(0)
os.read(reader, 7)
second = connected()
os.kill(child, 9)
os.waitpid(child, 0)
names = {os.getpid(): "parent", child: "child"}
seen = [names.get(server_of(client)) for client in (first, second)]
print(f"Linux {os.uname().release}: before the child's listen(2): {seen[0]}, after it: {seen[1]}")
sys.exit(seen != ["parent", "child"])
P
