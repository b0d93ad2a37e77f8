# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""tests/helpers/mksock and small Python programs, as integration tests use them; who owns an end."""

import sys

from harness import Failure, until


class Mksock:
    """A running mksock, and the facts about each socket that it made."""

    def __init__(self, place, *commands):
        self.process = place.helper("mksock", *commands)
        self.sockets = []
        while self._take()["about"] != "ready":
            pass

    @property
    def pid(self):
        return self.process.pid

    def _take(self):
        words = self.process.line().split()
        fact = dict(word.split("=", 1) for word in words[1:])
        fact["about"] = words[0]
        if words[0] == "error":
            raise Failure(f"mksock: {' '.join(words)}")
        if words[0] == "socket":
            self.sockets.append(fact)
        return fact

    def tell(self, command):
        """One more command; returns the fact that answers it."""
        self.process.send(command + "\n")
        return self._take()

    def port(self, number=0):
        return int(self.sockets[number]["local_port"])

    def end(self):
        self.process.finish()


class Agent:
    """A Python program that prints a line when it is ready, then waits for lines on stdin.

    Its statements find the modules socket, struct, sys, os and a function wait(): it prints its
    arguments as one line, and returns the next line of stdin or, at its end, never.
    """

    PRELUDE = """
import os, socket, struct, sys
def wait(*words):
    print(*words, flush=True)
    line = sys.stdin.readline()
    return line.strip() if line else sys.exit()
"""

    def __init__(self, place, program):
        self.process = place.start(sys.executable, "-c", self.PRELUDE + program)
        self.first = self.process.line()

    @property
    def pid(self):
        return self.process.pid

    def tell(self, line=""):
        self.process.send(line + "\n")
        return self.process.line()

    def end(self):
        self.process.finish()


# For programs of an Agent: until the kernel has reported that a socket of each port was destroyed. It does so
# from a work queue, late on a busy machine; the report goes to all that listen at once.
REPORTS = """
reports = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)  # NETLINK_SOCK_DIAG
reports.bind((0, 0))
for group in range(1, 5):  # SKNLGRP_INET_TCP_DESTROY and the next
    reports.setsockopt(270, 1, group)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
def wait_for_reports(*ports):
    ports = set(ports)
    while ports:  # after struct nlmsghdr, of struct inet_diag_msg: idiag_sport
        ports.discard(struct.unpack_from("!H", reports.recv(65536), 20)[0])
"""


class Reports:
    """Hears in a network namespace which sockets were destroyed."""

    def __init__(self, place):
        self.agent = Agent(place, REPORTS + """
ports = wait("ready")
while True:
    wait_for_reports(*map(int, ports.split()))
    ports = wait("reported")
""")

    def wait(self, *ports):
        self.agent.tell(" ".join(map(str, ports)))

    def end(self):
        self.agent.end()


class End:
    """One end of a record: whose it is, how that is known, or why not."""

    def __init__(self, part, attribution):
        process = part.get("process") or {}
        self.pid, self.name = process.get("pid"), process.get("name")
        self.executable = process.get("executable")
        self.method, self.reason = attribution.get("method"), attribution.get("reason")
        self.shared = attribution.get("shared_pids", [])
        # Whom the record names as an owner, one or several. Where the reason is raw_socket those with such
        # sockets may have sent it, which others that capture on the machine have, too: none is named.
        self.named = {self.pid, *(self.shared if self.reason != "raw_socket" else ())} - {None}

    def __repr__(self):
        words = [f"pid={self.pid}" if self.pid else "nobody", self.method, self.reason]
        return " ".join(filter(None, words)) + (f" shared={self.shared}" if self.shared else "")


def source_end(record):
    return End(record, record["sockline"]["attribution"])


def destination_end(record):
    """Where both ends are of this host; else there is one owner, that of source_end."""
    peer = record["sockline"].get("peer", {})
    return End(peer, peer.get("attribution", {}))


def ends_at(records, port, other_port=None, protocol=None):
    """(action, End) of each record, for the end that has this port; both ends are local."""
    for record in records:
        source, destination = record.get("source", {}), record.get("destination", {})
        ports = source.get("port"), destination.get("port")
        if protocol and record.get("network", {}).get("transport") != protocol:
            continue
        if ports[0] == port and other_port in (None, ports[1]):
            yield record["event"]["action"], source_end(record)
        elif ports[1] == port and other_port in (None, ports[0]):
            yield record["event"]["action"], destination_end(record)


def wait_until(known, what):
    """For what a lookup finds in a moment, and on a busy machine in some more. What is not known
    even then, the test's checks will say."""
    try:
        until(known, what, timeout=5, interval=0.1)
    except Failure:
        pass


def wait_until_named(sockline, *pids):
    """Until records name each of them as an owner."""
    wait_until(lambda: {source_end(record).pid for record in sockline.records
                        if "attribution" in record["sockline"]} >= set(pids), "owners")
