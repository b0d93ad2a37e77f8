#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# tcpi_bytes_acked is one more at the end that connected than at the end that accepted.
#
# Guess:  tcpi_bytes_acked counts payload: RFC 4898 calls it tcpEStatsAppHCThruOctetsAcked, octets
#         of the application. And no interface says which end of an open connection began it.
# Seen:   Linux 6.18: the end that connected has 1 before any payload, and 1 more than
#         tcpi_bytes_sent - tcpi_bytes_retrans for good; the end that accepted has neither. The SYN
#         is confirmed in the socket that sent it (tcp_snd_una_update(), include/net/tcp.h), while
#         an accepted socket is made when its SYN is confirmed already. tcpi_bytes_received counts
#         no SYN at either end.
# Effect: bytes_acked of clients is one byte too many each; and an open socket says which end of
#         its connection it is, although no packet of the beginning was seen.
# Needs Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, sys, time

def counts(end):
    """bytes_acked - (bytes_sent - bytes_retrans), bytes_received."""
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    acked, received = struct.unpack_from("=QQ", info, 120)
    sent, again = struct.unpack_from("=QQ", info, 200)
    return acked - (sent - again), received

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server = listener.accept()[0]
seen = [(counts(client), counts(server))]
server.sendall(b"x" * 100)
client.recv(100, socket.MSG_WAITALL)
client.sendall(b"y" * 5000)
server.recv(5000, socket.MSG_WAITALL)
time.sleep(0.3)  # delayed acknowledgements
seen.append((counts(client), counts(server)))
for what, (connected, accepted) in zip(("fresh", "used"), seen):
    print(f"Linux {os.uname().release}: {what}: connected {connected}, accepted {accepted}")
sys.exit(seen != [((1, 0), (0, 0)), ((1, 100), (0, 5000))])
P
