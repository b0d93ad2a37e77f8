#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sends that last: the kernel reports a send when it is done, after its packets were read."""

from harness import Namespace, check, run, until
from mksock import Agent, source_end

# The other end reads nothing for a while, so that the child's only send goes on.
LONG_SEND = """
SIZE = 16000000
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
s = server.accept()[0]
%s
child = os.fork()
if not child:
    client.close()
    s.sendall(b"d" * SIZE)
    os._exit(0)
wait(server.getsockname()[1], client.getsockname()[1], child)
while SIZE:
    SIZE -= len(client.recv(1000000))
os.waitpid(child, 0)
wait("read")
"""

BEFORE = (("reads a request", "client.send(b'hello'); s.recv(10)"),
          ("greets", "s.send(b'hello'); client.recv(10)"))


def sent_from(records, port, other):
    return [source_end(record) for record in records
            if record["event"]["action"] == "packet" and record["source"]["port"] == port
            and record["destination"]["port"] == other and record["sockline"]["tcp"]["payload"]]


def test_long_send_of_a_child():
    """A server's child sends, and the server has the socket as well: the server is not named for it."""
    with Namespace() as host:
        for title, before in BEFORE:
            sockline = host.sockline("-e", "packet", "--attribution", "tracepoints", "tcp")
            agent = Agent(host, LONG_SEND % before)
            port, other, child = map(int, agent.first.split())
            greeted = title == "greets"
            until(lambda: len(sent_from(sockline.records, port, other)) > greeted, "packets of the send")
            agent.tell()
            agent.end()
            check(sockline.stop() == 0, "ends well", sockline.stderr)
            named = [end.pid for end in sent_from(sockline.records, port, other)]
            if greeted:
                check(named.pop(0) == agent.pid, "the greeting is the server's", agent.pid)
            check(set(named) <= {child, None}, f"a server that {title} has sent nothing else",
                  {pid: named.count(pid) for pid in set(named)})
            check(child in named, "its child is named, once the send is reported", child)


run(globals())
