#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Datagrams that no socket takes cost next to nothing, and hide no socket that does take some."""

import signal
import sys

from harness import Namespace, check, comment, run
from mksock import Mksock, wait_until

FLOWS = 3000
NOT_RECEIVED = 9  # the port


def flood(left, right, *options):
    """Starts it: so many flows in a second."""
    return left.helper("gen", "-i", left.device, "-c", FLOWS, "-f", FLOWS, "-r", FLOWS,
                       "-p", NOT_RECEIVED, *options, right.address)


def lookups(sockline):
    sockline.send_signal(signal.SIGUSR1)
    record = sockline.wait_for("capture_stats")
    return record["sockline"]["stats"]["lookups"]["queries"]


def is_of(record, port, pid):
    return record.get("destination", {}).get("port") == port and \
        record.get("process", {}).get("pid") == pid


def test_flood():
    """Both by a capture that is read at once, and by one that is read in batches."""
    for method, kind in ("tracepoints", "broadcast"), ("lookup", "unicast"):
        with Namespace.pair() as (left, right):
            sockline = right.sockline("-i", right.device, "-e", "connection,stats",
                                      "--attribution", method)
            generator = flood(left, right, *(("-m", right.mac) if kind == "unicast" else ()))
            receiver = Mksock(right, f"udp-bind {right.address} 0")
            port = receiver.port()
            sender = left.helper("gen", "-c", 10, "-r", 10, "-p", port, right.address)
            generator.finish(60)
            sender.finish()
            sockline.wait_for("connection_opened", count=FLOWS + 1, timeout=30)
            asked = lookups(sockline)
            comment(f"{method}, {kind}: {asked} questions for {FLOWS} flows")
            check(asked < FLOWS, f"{kind}, {method}: less than a question a flow", asked)
            wait_until(lambda: sockline.find(where=lambda r: is_of(r, port, receiver.pid)), "it")
            check(sockline.find(where=lambda r: is_of(r, port, receiver.pid)),
                  f"{kind}, {method}: a socket that was opened meanwhile is found",
                  sockline.find(where=lambda r: r.get("destination", {}).get("port") == port))
            receiver.end()
            sockline.stop()


def test_opened_later():
    """None takes the first datagrams of a connection: a socket that opens then has the others."""
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-i", right.device, "-e", "connection")
        sender = left.helper("gen", "-c", 0, "-r", 50, "-p", NOT_RECEIVED, right.address)
        sockline.wait_for("connection_opened",
                          lambda r: r.get("destination", {}).get("port") == NOT_RECEIVED)
        receiver = Mksock(right, f"udp-bind {right.address} {NOT_RECEIVED}")
        found = sockline.wait_for("connection_attributed",
                                  lambda r: r["destination"]["port"] == NOT_RECEIVED)
        check(found["process"]["pid"] == receiver.pid, "the process that opened the socket", found)
        sender.stop(signal.SIGINT)
        receiver.end()
        sockline.stop()


# Answers once more for each line that it reads.
LATE_SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
asked = server.recvfrom(9)
for line in sys.stdin:
    server.sendto(*asked)
"""
IMPATIENT_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(b"x")
"""


def test_late_answer():
    """A socket that no other has followed is closed: what comes for it is of its connection, and of no process."""
    with Namespace.pair() as (left, right):
        server = right.start(sys.executable, "-c", LATE_SERVER, right.address)
        port = int(server.line())
        sockline = left.sockline("-i", left.device, "-e", "packet,connection,process", "udp")
        client = left.start(sys.executable, "-c", IMPATIENT_CLIENT, right.address, port)
        client.wait()
        server.send("soon\n")
        sockline.wait_for("packet", count=2)
        closed = sockline.wait_for("connection_closed")
        server.send("after its end\n")
        sockline.wait_for("packet", count=3)
        sockline.stop()
        packets = sockline.find("packet")
        check(len(sockline.find("connection_opened")) == 1, "late answers are of the connection",
              sockline.find("connection_opened"))
        check([packet.get("process", {}).get("pid") for packet in packets] == [client.pid, None, None],
              "no process has received them", packets)
        reasons = [packet["sockline"]["attribution"].get("reason") for packet in packets[1:]]
        check(reasons[0] in ("exited", "no_socket") and reasons[1] == "no_socket",
              "as its process had exited, and then there was no socket", packets)
        check((closed["process"]["pid"], closed["event"]["reason"], closed["destination"]["packets"]) ==
              (client.pid, "socket_closed", 1), "one that came soon is counted at the end", closed)
        check([updated["destination"]["packets"] for updated in sockline.find("connection_updated")] == [2],
              "a later one is reported after it", sockline.find("connection_updated"))
        sums = {record.get("process", {}).get("pid"):
                tuple(record["sockline"]["traffic"][way]["packets"] for way in ("sent", "received"))
                for record in sockline.find("process_traffic")}
        check(sums == {client.pid: (1, 0), None: (0, 2)}, "the unknown have their bytes", sums)


run(globals())
