#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""TCP connections that are older than the run: their sockets say which end began them."""

from harness import Namespace, check, run
from mksock import Agent

# Connections from their own ports; at each line from the test, data is sent on all.
CLIENT = """
def connect(to, port):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("{here}", port))
    client.connect(("{there}", to))
    return client
clients = [connect(to, port) for to, port in {ends}]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("{here}", {own}))
listener.listen(1)
while True:
    wait("ready")
    for client in clients:
        client.send({data})
"""

# Without listeners once it has accepted, as nc -l and the data connections of FTP.
SERVER = """
listeners = [socket.create_server(("{here}", port)) for port in {ports}]
wait("ready")
servers = [listener.accept()[0] for listener in listeners]
for listener in listeners:
    listener.close()
while True:
    wait("accepted")
    for server in servers:
        server.send({data})
"""

PLAIN, SERVES, FROM_LISTENER = 443, 444, 445
OWN = 40445  # a port on which the client waits for others as well
ENDS = {PLAIN: 40443, SERVES: 1000, FROM_LISTENER: OWN}  # the client's port of each


def start(client, server, data="b'word'"):
    serving = Agent(server, SERVER.format(here=server.address, ports=list(ENDS), data=data))
    connecting = Agent(client, CLIENT.format(here=client.address, there=server.address, own=OWN,
                                             ends=list(ENDS.items()), data=data))
    serving.tell()
    return connecting, serving


def watch(place, *arguments):
    return place.sockline("-i", place.device, "-e", "connection", *arguments, "tcp", wait=False)


def ways(sockline):
    """Port of the server -> how the run says it began: direction, and whether the client is the source."""
    sockline.wait_for("connection_opened", count=len(ENDS))
    check(sockline.stop() == 0, "ends well", sockline.stderr)
    found = {}
    for record in sockline.find("connection_opened"):
        ports = record["source"]["port"], record["destination"]["port"]
        for to, port in ENDS.items():
            if to in ports and record["sockline"]["connection"].get("midway"):
                found[to] = record["network"]["direction"], ports == (port, to)
    return found


def test_direction():
    """Whichever end is seen first, and whatever listens on the ports now."""
    with Namespace.pair() as (client, server):
        connecting, serving = start(client, server)
        for who, speaker in (("server", serving), ("client", connecting)):
            runs = {"egress": watch(client), "ingress": watch(server)}
            for sockline in runs.values():
                sockline.wait_for("run_started")
            speaker.tell()
            for way, sockline in runs.items():
                found = ways(sockline)
                check(found == dict.fromkeys(ENDS, (way, True)),
                      f"the {who} speaks first, seen on the side of {way}", found)


def test_no_sockets():
    """Where the sockets do not say it, the direction is unknown, but for listeners."""
    with Namespace.pair() as (client, server):
        _connecting, serving = start(client, server)
        sockline = watch(client, "--sockets", "proc")
        sockline.wait_for("run_started")
        serving.tell()
        found = ways(sockline)
        check(found == {PLAIN: ("unknown", True), SERVES: ("unknown", False),
                        FROM_LISTENER: ("ingress", False)}, "listeners alone tell", found)


def test_data_under_way():
    """What a client has sent is not confirmed, and sent again: it began the connection all the same."""
    with Namespace.pair() as (client, server):
        connecting, _serving = start(client, server, data="bytes(5000000)")
        server.run("nft", "add table ip t; add chain ip t c { type filter hook input priority 0;"
                   " policy drop; }")
        sockline = watch(client)
        sockline.wait_for("run_started")
        connecting.process.send("\n")
        sockline.wait_for("connection_opened", lambda record: record["destination"]["port"] == PLAIN)
        sockline.stop()
        found = {record["network"]["direction"] for record in sockline.find("connection_opened")}
        check(found == {"egress"}, "it began the connection", found)


run(globals())
