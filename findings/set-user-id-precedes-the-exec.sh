#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The proc connector reports the user of a set-user-ID program before it reports the program.
#
# Guess:  of execve(2) of a set-user-ID program the exec is reported first, then the change of user that
#         comes with it; what precedes an exec is the old program's.
# Seen:   Linux 6.18: first a UID event with the new effective user, then the EXEC. The credentials are
#         committed as the program is loaded, and the exec is reported when that has succeeded (fs/exec.c,
#         exec_binprm()).
# Effect: one who keeps what users a program ran as has the shell that started sudo as root, for the time
#         between the two.
# Needs root, the first pid namespace, a /var/tmp without nosuid, and Python 3.
set -u
work=$(mktemp -d /var/tmp/find-su-XXXXXX)
trap 'rm -rf "$work"' EXIT
cp /bin/true "$work/true" && chown 1234 "$work/true" && chmod 4755 "$work/true" && chmod 755 "$work" || exit 2
python3 - "$work/true" <<'P'
import os, socket, struct, sys

NETLINK_CONNECTOR, CN_IDX_PROC, PROC_CN_MCAST_LISTEN, SO_RCVBUFFORCE = 11, 1, 1, 33
EXEC, UID, EXIT = 0x2, 0x4, 0x80000000

events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
events.bind((0, CN_IDX_PROC))
listen = struct.pack("=IIIIHHI", CN_IDX_PROC, 1, 0, 0, 4, 0, PROC_CN_MCAST_LISTEN)
events.send(struct.pack("=IHHII", 16 + len(listen), 3, 0, 0, 0) + listen)
events.settimeout(5)
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
os.waitpid(child, 0)
seen = []
while "exit" not in seen:
    message = events.recv(4096)
    what, = struct.unpack_from("=I", message, 36)  # after struct nlmsghdr and struct cn_msg
    pid, tgid, real, effective = struct.unpack_from("=IIII", message, 52)
    if pid == child and tgid == child:
        seen += {UID: [f"uid {real} {effective}"], EXEC: ["exec"], EXIT: ["exit"]}.get(what, [])
print(f"Linux {os.uname().release}: {', '.join(seen)}")
sys.exit(seen != ["uid 0 1234", "exec", "exit"])
P
