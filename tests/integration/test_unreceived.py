#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Datagrams that no socket takes cost next to nothing, and hide no socket that does take some."""

import signal

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


run(globals())
