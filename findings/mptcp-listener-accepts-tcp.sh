#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What an MPTCP listener accepts from a client that speaks TCP is no MPTCP socket any more.
#
# Guess:  accept(2) gives a socket of the listener's kind: its SO_PROTOCOL is IPPROTO_MPTCP (262), as a
#         client of MPTCP keeps that when its server speaks TCP; MPTCP_INFO shows whether MPTCP is in use.
# Seen:   Linux 6.18: SO_PROTOCOL of the accepted socket is 6 if the client used TCP, 262 if it used MPTCP.
#         A client of MPTCP whose server speaks TCP has 262 for good (net/mptcp/protocol.c,
#         mptcp_stream_accept(), gives the TCP socket itself). MPTCP_INFO fails for both.
# Effect: one server's sockets are of two kinds, in sock_diag(7) and to the server itself; which one is
#         known only after accept(2), and the two ends of one connection may differ in it.
# Needs a kernel with MPTCP, and Python 3.
set -u
exec python3 - <<'P'
import os, socket, sys

SO_PROTOCOL, IPPROTO_MPTCP, SOL_MPTCP, MPTCP_INFO = 38, 262, 284, 1

def made(protocol):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)

def kind(end):
    try:
        end.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
        has_info = True
    except OSError:
        has_info = False
    return end.getsockopt(socket.SOL_SOCKET, SO_PROTOCOL), has_info

def ends(server, client):
    """SO_PROTOCOL, and whether there is MPTCP_INFO, of the client's and the accepted socket."""
    with made(server) as listener, made(client) as one:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        one.connect(listener.getsockname())
        with listener.accept()[0] as other:
            return kind(one), kind(other)

seen = {"MPTCP server, TCP client": ends(IPPROTO_MPTCP, socket.IPPROTO_TCP),
        "MPTCP server, MPTCP client": ends(IPPROTO_MPTCP, IPPROTO_MPTCP),
        "TCP server, MPTCP client": ends(socket.IPPROTO_TCP, IPPROTO_MPTCP)}
for case, (client, accepted) in seen.items():
    print(f"Linux {os.uname().release}: {case}: client {client}, accepted {accepted}")
sys.exit(list(seen.values()) != [((6, False), (6, False)), ((262, True), (262, True)), ((262, False), (6, False))])
P
