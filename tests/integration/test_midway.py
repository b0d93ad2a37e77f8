#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""TCP connections that are older than the run: their sockets say which end began them."""

import signal

from harness import HERE, Namespace, check, run, until
from mksock import Agent, destination_end, source_end

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
            joined = record["sockline"]["connection"]
            if to in ports and joined.get("existing") and joined.get("midway"):
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


# Both ends of one, on lo; the server's end speaks, and each closes its own. And two UDP sockets.
LOCAL = """
listener = socket.create_server(("127.0.0.1", 446))
client = socket.create_connection(("127.0.0.1", 446))
server = listener.accept()[0]
client.send(b"before")
server.recv(6)
datagrams = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for datagram, port in zip(datagrams, (450, 40450)):
    datagram.bind(("127.0.0.1", port))
datagrams[0].connect(("127.0.0.1", 40450))
datagrams[1].connect(("127.0.0.1", 450))
wait("ready")
server.send(b"word")
client.recv(4)
datagrams[0].send(b"word")
wait("sent")
for datagram in datagrams:
    datagram.close()
server.close()
client.recv(1)
client.close()
wait("closed")
"""

# One that is closed by a RST, begins anew from the same port, and one that ends without a packet.
CLOSES = """
import struct
def connect(to, port):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.bind(("{here}", port))
    client.connect(("{there}", to))
    return client
again = connect(447, 40447)
silent = connect(448, 40448)
silent.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1)
silent.send(b"seven..")
wait("ready")
again.close()
again = connect(447, 40447)
wait("again")
silent.send(b"word")
try:
    silent.recv(1)
except TimeoutError:
    silent.close()
wait("closed")
"""


def of_port(sockline, action, port):
    """Records of connections to that port, and of the sockets of both their ends."""
    return [record for record in sockline.find(action)
            if port in (record.get("source", {}).get("port"), record.get("destination", {}).get("port"))
            and "connection" in record["sockline"]]


def past(record):
    """(its id, whether it existed, what its socket had carried before)"""
    connection = record["sockline"]["connection"]
    return (connection["id"], connection.get("existing", False),
            record["sockline"].get("tcp", {}).get("at_start"))


def carried(acked, received, sent, got):
    return {"bytes_acked": acked, "bytes_received": received,
            "segments_sent": sent, "segments_received": got}


def test_existing():
    """They have the id of their sockets, what these carried before, and a process; later ones not."""
    with Namespace.pair() as (client, server):
        local = Agent(client, LOCAL)
        _waits = Agent(server, SERVER.format(here=server.address, ports=[447, 448], data="b'word'"))
        closes = Agent(client, CLOSES.format(here=client.address, there=server.address))
        sockline = client.sockline("-e", "connection,socket", "--update-interval", "1", wait=False)
        sockline.wait_for("snapshot_completed")
        local.tell()
        updated = sockline.wait_for("connection_updated",
                                    lambda record: record["destination"]["port"] == 446)
        local.tell()
        closes.tell()
        client.run("nft", "add table ip t; add chain ip t o { type filter hook output priority 0; };"
                   " add rule ip t o tcp dport 448 drop")
        closes.tell()
        for port in (446, 447, 448, 450):
            sockline.wait_for("connection_closed",
                              lambda record, port=port: record["destination"]["port"] == port)
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        for port, before, agent, sockets in ((446, carried(7, 0, 3, 2), local, 2),
                                             (447, carried(1, 0, 2, 1), closes, 1),
                                             (448, carried(8, 0, 3, 2), closes, 1)):
            listed = of_port(sockline, "existing_socket", port)
            opened = of_port(sockline, "connection_opened", port)
            closed = of_port(sockline, "connection_closed", port)
            ids = {past(record)[0] for record in listed}
            check(len(listed) == sockets and len(ids) == 1, f"{port}: one id of each socket", listed)
            expected = (ids.pop(), True, before)
            check([past(record) for record in opened[:1] + closed[:1]] ==
                  [expected] * (1 if port == 448 else 2), f"{port}: joined with what is captured",
                  [past(record) for record in opened + closed])
            check(closed[0]["network"]["direction"] == "egress", f"{port}: it began here", closed)
            check({record["process"]["pid"] for record in listed + opened + closed} == {agent.pid},
                  f"{port}: its process", opened + closed)
        algorithm = of_port(sockline, "existing_socket", 446)[0]["sockline"]["socket"]["congestion_control"]
        ended = of_port(sockline, "connection_closed", 446)[0]
        check(updated["sockline"]["tcp"]["rtt_us"] > 0 and "sock_diag" in updated["sockline"]["evidence"] and
              {record["sockline"]["tcp"]["congestion_control"] for record in (updated, ended)} == {algorithm},
              "446: the numbers of its socket while it lasts", (updated, algorithm))
        udp = [of_port(sockline, action, 450)
               for action in ("existing_socket", "connection_opened", "connection_closed")]
        check([len(records) for records in udp] == [2, 1, 1] and
              len({past(record)[0] for records in udp for record in records}) == 1 and
              all(past(record)[1:] == (True, None) for record in udp[1] + udp[2]),
              "450: UDP sockets are joined with what is captured", udp)
        check({record["process"]["pid"] for records in udp for record in records} == {local.pid} and
              {record["network"]["direction"] for record in udp[1]} == {"egress"},
              "450: its process, and whichever end began is of this host", udp)
        again = of_port(sockline, "connection_opened", 447)[1]
        check(past(again)[1:] == (False, None), "the next one from this port is new", again)
        check(not of_port(sockline, "connection_opened", 448) and "packets" not in closed[0]["network"] and
              closed[0]["event"]["reason"] == "socket_closed", "one ended without a packet", closed)


# Each closes its end of all connections at once; the other one's agent does so when it sees that.
MANY = 20
CLOSES_FIRST = """
clients = [socket.create_connection(("127.0.0.1", 449)) for _ in range({many})]
wait("ready")
for client in clients:
    client.close()
wait("closed")
"""
CLOSES_LAST = """
listener = socket.create_server(("127.0.0.1", 449), backlog=64)
print("listens", flush=True)
servers = [listener.accept()[0] for _ in range({many})]
print("accepted", flush=True)
for server in servers:
    server.recv(1)
    server.close()
wait("closed")
"""


def has_walked(sockline):
    """All processes were read: from then on their sockets have owners."""
    sockline.send_signal(signal.SIGUSR1)
    stats = sockline.find("capture_stats")
    return stats and stats[-1]["sockline"]["stats"]["processes"]["scans"] > 0


def test_closed_at_once():
    """Nothing of them is captured but their end, and their sockets are gone when it is read."""
    for method in ("tracepoints", "sentinel", "lookup"):
        with Namespace() as host:
            last = Agent(host, CLOSES_LAST.format(many=MANY))
            first = Agent(host, CLOSES_FIRST.format(many=MANY))
            last.process.line()
            # From here the kernel reports forks, which it does not inside of the namespace.
            sockline = HERE.sockline("-e", "connection,stats", "--attribution", method,
                                     netns=f"/run/netns/{host.name}")
            until(lambda sockline=sockline: has_walked(sockline), "all processes to be read")
            first.tell()
            closed = sockline.wait_for("connection_closed", count=MANY)
            check(sockline.stop() == 0, "ends well", sockline.stderr)
            owners = [(source_end(record).pid, destination_end(record).pid) for record in closed]
            check(owners == [(first.pid, last.pid)] * MANY, f"{method}: both ends have their owners",
                  [(source_end(record), destination_end(record)) for record in closed])


run(globals())
