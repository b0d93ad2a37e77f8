#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The cookies of sockets are in the order in which somebody asked for them.
#
# Guess:  the kernel numbers sockets as they are made: of two of one process, the later one has the larger
#         cookie (SO_COOKIE, ss -e).
# Seen:   Linux 6.18: three sockets that are asked for theirs in the other order have falling ones. A socket has
#         none until the first question of any program: SO_COOKIE, a listing by sock_diag, a
#         tracepoint that prints it. And each CPU takes 4096 numbers at a time (include/linux/cookie.h,
#         gen_cookie_next()), so that the next question on another CPU can get a smaller one.
# Effect: sorting by cookie says nothing of age, and a cookie that is larger than all of a listing of before does
#         not prove that the socket is new. It names one socket, and no more.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

def cookie(end):
    return struct.unpack("Q", end.getsockopt(socket.SOL_SOCKET, 57, 8))[0]  # SO_COOKIE

def asked_backwards():
    """Cookies of three sockets, in the order of their making."""
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    found = [cookie(end) for end in reversed(ends)][::-1]
    for end in ends:
        end.close()
    return found

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
# Another program may list the sockets, or take the last of the 4096, in between.
tries = [asked_backwards() for _ in range(20)]
falling = sum(first > second > third for first, second, third in tries)
print(f"Linux {os.uname().release}: first {tries[0]}; the later the smaller: {falling} of {len(tries)}")
sys.exit(falling < 10)
P
