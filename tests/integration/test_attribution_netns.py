#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Owners across network namespaces, in one that is made meanwhile, and of the kernel's own sockets."""

import os
import signal
import time

from harness import HERE, Failure, Namespace, check, run, skip, until
from mksock import Agent, Mksock, source_end, wait_until, wait_until_named

MODES = ("tracepoints", "lookup")
PORT = 7741
LIFE = 0.7  # seconds that sockets live, so that a lookup finds them


def test_across_namespaces():
    """Two containers on one host: both ends are known, each as the other's peer or by itself."""
    for mode in MODES:
        with Namespace.pair() as (left, right):
            paths = [f"/run/netns/{one.name}" for one in (left, right)]
            sockline = HERE.sockline("-e", "packet,connection", "--attribution", mode,
                                     "--netns", paths[1], netns=paths[0])
            server = Mksock(right, "tcp-listen 0.0.0.0 0", "udp-bind 0.0.0.0 0")
            client = Mksock(left, f"tcp-connect {right.address} {server.port()}",
                            f"udp-connect {right.address} {server.port(1)}")
            server.tell("tcp-accept %1")
            client.tell("send %1 hello")
            client.tell("send %2 hello")
            time.sleep(LIFE)
            wait_until_named(sockline, client.pid, server.pid)
            client.end()
            server.end()
            time.sleep(0.3)
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            for number, transport in enumerate(("tcp", "udp")):
                closed = [record for record in sockline.find("connection_closed")
                          if record["source"]["port"] == client.port(number)]
                sides = {(record["network"]["direction"], source_end(record).pid) for record in closed}
                check(sides == {("egress", client.pid), ("ingress", server.pid)},
                      f"{mode}: {transport} between namespaces, either side names its own", sides)
                spaces = {record["sockline"].get("socket", {}).get("netns") for record in closed}
                check(spaces == {str(left.inode), str(right.inode)}, f"{mode}: and its namespace", spaces)


class Bridge:
    """Two namespaces, joined by a bridge in a third, as containers are on their host."""

    def __init__(self):
        self.host, self.ends = Namespace(), (Namespace(), Namespace())
        self.host.ip("link", "add", "br0", "type", "bridge")
        for number, end in enumerate(self.ends, 1):
            end.address = f"10.77.1.{number}"
            end.ip("link", "add", "eth0", "type", "veth", "peer", "name", f"veth{number}", "netns",
                   self.host.name)
            self.host.ip("link", "set", f"veth{number}", "master", "br0")
            for place, device in ((end, "eth0"), (self.host, f"veth{number}")):
                place.sysctl(f"net.ipv6.conf.{device}.disable_ipv6", 1)
                place.ip("link", "set", device, "up")
            end.ip("addr", "add", f"{end.address}/24", "dev", "eth0")
        self.host.sysctl("net.ipv6.conf.br0.disable_ipv6", 1)
        self.host.ip("link", "set", "br0", "up")

    def __enter__(self):
        return self.host, *self.ends

    def __exit__(self, *exception):
        for one in (*self.ends, self.host):
            one.remove()


def test_bridge():
    """What two containers say to each other passes their host: nobody's there, and each packet once."""
    for options in (("--no-dedupe",), ()):
        with Bridge() as (host, left, right):
            spaces = [f"/run/netns/{one.name}" for one in (host, left, right)]
            sockline = HERE.sockline("-e", "packet,connection", "--netns", spaces[1], "--netns", spaces[2],
                                     *options, "udp", netns=spaces[0])
            server = Mksock(right, "udp-bind 0.0.0.0 0")
            client = Mksock(left, f"udp-connect {right.address} {server.port()}")
            for _ in range(5):
                client.tell("send %1 hello")
                server.tell("recv %1")
            sockline.wait_for("packet", count=5)
            time.sleep(LIFE)
            wait_until_named(sockline, client.pid, server.pid)
            check(sockline.stop() == 0, "ends well", sockline.stderr)
            ends = {(record["sockline"]["socket"]["netns"] if source_end(record).pid else None):
                    (source_end(record).pid, source_end(record).reason)
                    for record in sockline.find("connection_closed")}
            check(ends == {None: (None, "forwarded"), str(left.inode): (client.pid, None),
                           str(right.inode): (server.pid, None)},
                  f"{options}: each end by its owner, on the host forwarded", ends)
            packets = [record["sockline"]["packet"] for record in sockline.find("packet")]
            firsts = {one["number"] for one in packets if "duplicate_of" not in one}
            copies = [one["duplicate_of"] for one in packets if "duplicate_of" in one]
            check(len(firsts) == 5 and (copies == [] if not options else
                                        all(copies.count(number) >= 2 for number in firsts) and
                                        set(copies) == firsts),
                  f"{options}: five packets, and how often each was captured", packets)
            counts = {record["network"]["packets"] for record in sockline.find("connection_closed")}
            check(counts == {5}, f"{options}: each connection counts each once",
                  "\n".join(f"{record['@timestamp']} {record['sockline']['packet']}"
                            for record in sockline.find("packet")))


SHORT = 20  # connections of TCP, each served by a child that was forked for it


def test_bridge_of_short_connections():
    """On their way through the host they are forwarded, however well the processes at the ends are seen."""
    for method in ("tracepoints", "sentinel", "lookup"):
        with Bridge() as (host, left, right):
            spaces = [f"/run/netns/{one.name}" for one in (host, left, right)]
            sockline = HERE.sockline("-e", "packet,connection", "--attribution", method,
                                     "--netns", spaces[1], "--netns", spaces[2], "tcp", netns=spaces[0])
            server = Agent(right, f"""
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
server = socket.create_server(("{right.address}", {PORT}))
server.settimeout(20)
print("ready", flush=True)
for _ in range({SHORT}):
    served = server.accept()[0]
    if os.fork() == 0:
        served.sendall(served.recv(9))
        os._exit(0)
    served.close()
wait("served")
""")
            client = Agent(left, f"""
for number in range({SHORT}):
    client = socket.create_connection(("{right.address}", {PORT}), 5)
    client.sendall(b"hello")
    while client.recv(9):
        pass
    client.close()
wait("done")
""")
            sockline.wait_for("connection_closed", count=3 * SHORT)
            for one in (client, server):
                one.end()
            check(sockline.stop() == 0, f"{method}: ends well", sockline.stderr)
            named = [record for record in sockline.find("packet") if "process" in record and
                     record["sockline"]["packet"].get("netns", str(host.inode)) == str(host.inode)]
            check(named == [], f"{method}: no process is named for a packet on its way", named[:2])
            closed = sockline.find("connection_closed")
            on_its_way = [record for record in closed if "process" not in record and "peer" not in record["sockline"]
                          and record["sockline"]["attribution"].get("reason") == "forwarded"]
            check(len(closed) == 3 * SHORT and len(on_its_way) == SHORT,
                  f"{method}: of three connections one is forwarded",
                  [(record["network"]["direction"], str(source_end(record))) for record in closed])
            check({record["network"]["direction"] for record in on_its_way} == {"unknown"},
                  f"{method}: and has no direction")


FIRST_PORT = 30000  # of clients: the same in both namespaces
SAME_SERVER = f"""
import time
server = socket.create_server(("127.0.0.1", {PORT}))
delay = float(wait("ready"))
print("serving", flush=True)
for _ in range({SHORT}):
    served = server.accept()[0]
    time.sleep(delay)
    served.send(served.recv(9))
    served.close()
wait("served")
"""
SAME_CLIENT = f"""
import time
wait("ready")
for number in range({SHORT}):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("127.0.0.1", {FIRST_PORT} + number))
    client.connect(("127.0.0.1", {PORT}))
    client.send(b"x")
    client.recv(9)
    client.close()
    time.sleep(0.02)
wait("done")
"""


def test_same_tuples():
    """Two namespaces have the same connections at the same time; in one the server accepts them later."""
    for method in ("tracepoints", "sentinel", "lookup"):
        with Namespace() as left, Namespace() as right:
            paths = [f"/run/netns/{one.name}" for one in (left, right)]
            sockline = HERE.sockline("-e", "packet,connection", "--attribution", method, "--netns", paths[1],
                                     "tcp", "port", PORT, netns=paths[0])
            servers = [Agent(place, SAME_SERVER) for place in (left, right)]
            clients = [Agent(place, SAME_CLIENT) for place in (left, right)]
            for server, delay in zip(servers, ("0", "0.03")):
                server.tell(delay)
            for client in clients:
                client.process.send("\n")
            for client in clients:
                client.process.line()
            sockline.wait_for("connection_closed", count=2 * SHORT)
            for one in (*clients, *servers):
                one.end()
            check(sockline.stop() == 0, f"{method}: ends well", sockline.stderr)
            pids = {str(place.inode): (client.pid, server.pid)
                    for place, client, server in zip((left, right), clients, servers)}
            wrong = []
            for record in sockline.find("packet") + sockline.find("connection_closed"):
                details = record["sockline"]
                netns = details.get("packet", {}).get("netns") or details.get("socket", {}).get("netns")
                wanted = pids.get(netns, pids[str(left.inode)])
                if record["source"]["port"] == PORT:
                    wanted = wanted[::-1]
                found = (record.get("process", {}).get("pid"), details.get("peer", {}).get("process", {}).get("pid"))
                if any(one not in (None, right) for one, right in zip(found, wanted)):
                    wrong.append((record["event"]["action"], netns, found, wanted))
            check(wrong == [], f"{method}: no process of the other namespace is named", wrong[:3])


def test_new_namespace():
    """By default all are captured: one that is made while sockline runs, too."""
    sockline = HERE.sockline("-e", "connection,stats", "--attribution", "tracepoints", netns=None)
    with Namespace() as host:
        idle = Mksock(host)
        # Counters would not do: they list the busiest captures of the machine alone.
        sockline.wait_for("netns_opened", lambda one: one["sockline"]["namespace"]["netns"] == str(host.inode),
                          timeout=15)
        check(True, "a new namespace is found")
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        client = Mksock(host, f"tcp-connect 127.0.0.1 {server.port()}")
        record = sockline.wait_for("connection_opened", lambda one: one.get("source", {}).get("port")
                                   == client.port() and one["destination"]["port"] == server.port())
        check(source_end(record).pid == client.pid, "the owner in a new namespace", record)
        for member in (client, server, idle):
            member.end()
    time.sleep(1.5)
    check(sockline.stop() == 0, "and the end of the namespace is survived", sockline.stderr)


def all_readable():
    """Whether every process lets us see whose its descriptors are; if not, no socket is surely the
    kernel's."""
    try:
        return bool(os.readlink("/proc/1/ns/pid"))
    except OSError:
        return False


def test_kernel_socket():
    """The kernel's own UDP socket, of a tunnel."""
    for mode in MODES:
        with Namespace.pair() as (left, right):
            try:
                for one, other in ((left, right), (right, left)):
                    one.ip("link", "add", "vx", "type", "vxlan", "id", "7", "remote", other.address,
                           "dstport", "4789", "dev", "veth0")
                    one.ip("addr", "add", one.address.replace("10.77", "10.78") + "/24", "dev", "vx")
                    one.ip("link", "set", "vx", "up")
            except Failure as error:
                skip(f"{mode}: the kernel's socket", str(error))
                return
            sockline = left.sockline("-e", "packet,connection", "--attribution", mode, "-i", "veth0",
                                     "udp", "port", "4789")
            Agent(right, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"through the tunnel", ("{left.address.replace("10.77", "10.78")}", 9))
wait("sent")
""").end()
            sockline.wait_for("connection_opened", lambda one: one["network"]["direction"] == "ingress")
            wait_until(lambda: any(source_end(record).method == "kernel"
                                   for record in sockline.find("connection_attributed")), "its owner")
            sockline.stop()
            # Not the connection in the tunnel, which may close before that of the tunnel.
            ends = [source_end(record) for record in sockline.find(
                "connection_closed", lambda one: one["network"]["direction"] == "ingress" and
                one["destination"]["port"] == 4789)]
            check(ends and not any(end.pid for end in ends), f"{mode}: a tunnel's socket is no process's",
                  ends)
            if all_readable():
                check(ends[0].method == "kernel", f"{mode}: it is the kernel's", ends)
            else:
                check(ends[0].reason == "no_permission", f"{mode}: or that of who cannot be seen", ends)


run(globals())
