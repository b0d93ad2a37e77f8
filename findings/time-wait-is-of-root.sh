#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A connection of any user is root's in the kernel's lists once it is in TIME_WAIT.
#
# Guess:  the column uid of /proc/net/tcp and idiag_uid of sock_diag are the user whose socket it is, or was;
#         what has no user has none.
# Seen:   Linux 6.18: a connection of user 65534 has 65534 while it is established, and 0 in TIME_WAIT, in both
#         (net/ipv4/tcp_ipv4.c, get_timewait4_sock(); net/ipv4/inet_diag.c, inet_twsk_diag_fill()), with inode 0.
# Effect: 0 is a user: what counts connections by uid finds most of them to be of root on a host with short ones,
#         and `ss -e', which leaves out a uid of 0, shows the same for both. TIME_WAIT has to be told from the state.
# Needs root and Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

ESTABLISHED, TIME_WAIT, USER = 1, 6, 65534

def of_proc(port):
    """State and user."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return [(int(row[3], 16), int(row[7])) for row in rows if row[1].endswith(f":{port:04X}")]

def of_sock_diag(here, there):
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xffffffff) + \
        struct.pack("!HH", here[1], there[1]) + socket.inet_aton(here[0]) + bytes(12) + \
        socket.inet_aton(there[0]) + bytes(12) + b"\0" * 4 + b"\xff" * 8
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:  # NETLINK_SOCK_DIAG
        diag.send(struct.pack("=IHHII", 16 + len(request), 20, 1, 1, 0) + request)
        answer = diag.recv(8192)
    if struct.unpack_from("=H", answer, 4)[0] != 20:  # SOCK_DIAG_BY_FAMILY
        return []
    return [(answer[17], struct.unpack_from("=I", answer, 16 + 64)[0])]

listener = socket.create_server(("127.0.0.1", 0))
ready, done = os.pipe(), os.pipe()
if not os.fork():
    os.setresuid(USER, USER, USER)
    client = socket.socket()
    client.connect(listener.getsockname())
    os.write(ready[1], b"x")
    os.read(done[0], 1)
    client.close()
    os._exit(0)
server, client = listener.accept()
os.read(ready[0], 1)
seen = [of_proc(client[1]), of_sock_diag(client, listener.getsockname())]
os.write(done[1], b"x")
os.wait()
server.close()
seen += [of_proc(client[1]), of_sock_diag(client, listener.getsockname())]
print(f"Linux {os.uname().release}: (state, uid) of /proc and sock_diag, then of both in TIME_WAIT: {seen}")
sys.exit(seen != [[(ESTABLISHED, USER)]] * 2 + [[(TIME_WAIT, 0)]] * 2)
P
