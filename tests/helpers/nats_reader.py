#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""nats_reader.py STREAM COUNT: makes a stream of JetStream, then prints the next messages of sockline.records;
before them the answer of the server, after them what it says about the stream."""

import os
import socket
import sys


class Client:
    def __init__(self):
        self.connection = socket.create_connection(("127.0.0.1", 4222))
        self.server = self.connection.makefile("rb")
        self.server.readline()
        self.answers = 0
        self.connection.sendall(b'CONNECT {"verbose":false}\r\n')

    def message(self):
        while not (line := self.server.readline()).startswith(b"MSG"):
            if not line or line.startswith(b"-ERR"):
                sys.exit(f"the server: {line}")
        size = int(line.split()[-1])
        return self.server.read(size + 2)[:-2] + b"\n"

    def subscribe(self, subject):
        self.answers += 1
        self.connection.sendall(b"SUB %s %d\r\nPING\r\n" % (subject, self.answers))
        while self.server.readline() != b"PONG\r\n":
            pass

    def ask(self, subject, body=b""):
        answer = b"answer.%d" % (self.answers + 1)
        self.subscribe(answer)
        self.connection.sendall(b"PUB %s %s %d\r\n%s\r\n" % (subject, answer, len(body), body))
        return self.message()


def main(stream, count):
    client = Client()
    created = client.ask(b"$JS.API.STREAM.CREATE.SOCKLINE", stream.encode())
    client.subscribe(b"sockline.records")
    os.write(1, created)
    for _ in range(int(count)):
        os.write(1, client.message())
    os.write(1, client.ask(b"$JS.API.STREAM.INFO.SOCKLINE"))


main(*sys.argv[1:])
