#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# tcp_info has a variation and a minimum of the round trip time before one was measured.
#
# Guess:  What was not measured is 0 in struct tcp_info, as tcpi_rtt is.
# Seen:   Linux 6.18: a socket whose SYN has no answer has tcpi_rtt 0, but tcpi_rttvar 250000, which
#         its first timeout is made of, and tcpi_min_rtt 4294967295.
# Effect: both would be reported as times of a network that nothing came from.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys

listener = socket.create_server(("127.0.0.1", 0), backlog=0)
waiting = []
for _ in range(3):  # what finds no room in the backlog is not answered
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(listener.getsockname())
    waiting.append(one)
info = waiting[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
state = info[0]
rtt, variation = struct.unpack_from("=II", info, 68)
shortest, = struct.unpack_from("=I", info, 148)
print(f"Linux {os.uname().release}: state {state}, rtt {rtt}, rttvar {variation}, min_rtt {shortest}")
sys.exit((state, rtt, variation, shortest) != (2, 0, 250000, 2**32 - 1))
P
