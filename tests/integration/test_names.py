#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Names in live packets: a process asks a resolver, gets a long answer, and connects to what it was answered."""

import json
import sys

from harness import Namespace, check, run

NAME = "www.example.com"
# Answers each question with sixteen records, so that the answer is longer than 256 bytes.
RESOLVER = r"""
import socket
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.53", 53))
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
while True:
    question, client = resolver.recvfrom(4096)
    answers = b"".join(record + bytes((127, 0, 0, last)) for last in range(1, 17))
    resolver.sendto(question[:2] + b"\x81\x80\0\1\0\x10\0\0\0\0" + question[12:] + answers, client)
    listener.accept()[0].close()
"""
CLIENT = r"""
import os, socket, sys
name, port = sys.argv[1], int(sys.argv[2])
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
asker.sendto(b"\xbe\xef\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1", ("127.0.0.53", 53))
assert len(asker.recv(4096)) > 256
socket.create_connection(("127.0.0.1", port)).recv(1)
"""


def ask(*options):
    """The records of one question and one connection, the pid that asked, and the port."""
    with Namespace() as host:
        server = host.start(sys.executable, "-c", RESOLVER)
        port = json.loads(server.line())
        sockline = host.sockline(*options)
        client = host.start(sys.executable, "-c", CLIENT, NAME, str(port))
        check(client.wait() == 0, "the client has its answer", client.stderr)
        sockline.wait_for("connection_closed", lambda one: one["destination"].get("port") == port)
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        sockline.validate()
        return sockline, client.pid, port


def test_names():
    sockline, pid, port = ask("-e", "connection,dns")
    asked = sockline.find("dns_transaction")
    check([(one["dns"]["question"]["name"], one["process"]["pid"], len(one["dns"]["answers"]),
            one["event"]["duration"] > 0) for one in asked] == [(NAME, pid, 16, True)],
          "one question: the process that asked, all answers of more than 256 bytes, the time they took", asked)
    opened = sockline.find("connection_opened", lambda one: one["destination"].get("port") == port)
    check([(one["destination"].get("domain"), one["sockline"].get("domain")) for one in opened] ==
          [(NAME, {"source": "dns"})], "the connection that follows has the name of its destination", opened)


def test_no_inspect():
    sockline, _, _ = ask("-e", "connection", "--no-inspect")
    check(not sockline.find(where=lambda one: "domain" in one.get("destination", {})), "--no-inspect: no name")


run(globals())
