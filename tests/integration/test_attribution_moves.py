#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets that end, or change hands, before their packets are read: each packet is judged by its own time."""

import time

from harness import Namespace, check, run
from mksock import Agent, ends_at

MODES = ("tracepoints", "sentinel", "lookup")
EXCHANGES = 40


def records_of(sockline):
    check(sockline.stop() == 0, "ends well", sockline.stderr)
    return sockline.records


def counted(records, action, port):
    return [record for record in records if record["event"]["action"] == action
            and port in (record.get("source", {}).get("port"), record.get("destination", {}).get("port"))]


# The client and, as a forked child, the server; both sockets are gone before a packet is read.
EXCHANGE = f"""
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
there = server.getsockname()
child = os.fork()
if not child:
    for _ in range({EXCHANGES}):
        data, back = server.recvfrom(10)
        server.sendto(data, back)
    os._exit(0)
server.close()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({EXCHANGES}):
    client.sendto(b"block", there)
    client.recv(10)
here = client.getsockname()
client.close()
os.waitpid(child, 0)
wait(here[1], there[1], os.getpid(), child)
"""


def test_exchange_of_datagrams():
    """A transfer of some milliseconds is one connection, from its client to its server."""
    for mode in MODES:
        with Namespace() as host:
            sockline = host.sockline("-e", "packet,connection", "--attribution", mode, "udp")
            agent = Agent(host, EXCHANGE)
            here, there, client, server = map(int, agent.first.split())
            sockline.wait_for("packet", count=2 * EXCHANGES)
            agent.end()
            records = records_of(sockline)
            opened = counted(records, "connection_opened", there)
            check(len(opened) == 1 and opened[0]["destination"]["port"] == there,
                  f"{mode}: one connection, begun by the client", opened)
            for port, pid in ((here, client), (there, server)):
                ends = [end for _, end in ends_at(records, port)]
                wanted = {pid} if mode == "tracepoints" else {pid, None}
                wanted |= {client} if port == there and mode != "tracepoints" else set()
                check({end.pid for end in ends} <= wanted, f"{mode}: port {port} has its owner",
                      f"{wanted}\n{ends}")


LONG = """
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.bind(("127.0.0.1", 0))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(peer.getsockname())
peer.connect(s.getsockname())
def exchange():
    s.send(b"1"); peer.recv(1); peer.send(b"2"); s.recv(1)
exchange()
wait(s.getsockname()[1])
exchange()
s.close()
wait()
"""


def test_long_flow():
    """A connected socket that is closed after its last answer, seconds after its connect()."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "--attribution", "tracepoints", "udp")
        agents = [Agent(host, LONG) for _ in range(4)]
        time.sleep(3.5)  # no less: it is longer than a shaper may hold a datagram back
        for agent in agents:
            agent.tell()
        sockline.wait_for("packet", count=4 * len(agents))
        for agent in agents:
            agent.end()
        records = records_of(sockline)
        for agent in agents:
            port = int(agent.first)
            ends = [end for _, end in ends_at(records, port)]
            check(len(counted(records, "connection_opened", port)) == 1 and
                  {end.pid for end in ends} == {agent.pid}, "one connection, with its owner", ends)


run(globals())
