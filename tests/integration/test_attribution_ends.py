#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets end unseen, or word of it is lost or comes late: the next one on the port has its own owner."""

import signal
import socket
import sys
import time

from harness import Namespace, check, run, skip, until
from mksock import Agent, Mksock, source_end

LIFE = 0.7  # seconds that sockets live, so that a lookup finds them


def test_unseen_ends():
    """The kernel reports what no packet shows: that a socket is closed."""
    with Namespace() as host:
        sockline = host.sockline("-e", "connection", "udp or tcp[tcpflags] & tcp-syn != 0")
        server = Mksock(host, "tcp-listen 127.0.0.1 0", "udp-bind 127.0.0.1 0")
        ports, ending = (server.port(), server.port(1)), {}
        for life in ("short", "long", "open"):
            client = Mksock(host, *(f"{kind}-connect 127.0.0.1 {port}"
                                    for kind, port in zip(("tcp", "udp"), ports)))
            for number, protocol in enumerate(("tcp", "udp")):
                client.tell(f"send %{number + 1} hello")
                ending[protocol, client.port(number)] = "shutdown" if life == "open" else "socket_closed"
            if life == "long":
                sockline.wait_for("connection_opened", count=4)
            if life != "open":
                client.end()
        sockline.wait_for("connection_opened", count=6)
        sockline.wait_for("connection_closed", lambda record: record["network"]["transport"] == "udp", count=2)
        time.sleep(0.3)
        sockline.wait_until_asleep()
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        found = {(record["network"]["transport"], record["source"]["port"]): record["event"]["reason"]
                 for record in sockline.find("connection_closed")}
        check(found == ending, "TCP and UDP: closed, or open until the end of the run", f"{found} {ending}")


MPTCP_SERVER = """
import os, socket
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listener.bind(("10.77.0.2", 8080))
listener.listen()
print(os.getpid(), flush=True)
while True:
    with listener.accept()[0] as server:
        server.sendall(server.recv(9))
        server.recv(9)
"""
MPTCP_CLIENT = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
    client.connect(("10.77.0.2", 8080))
    client.sendall(b"x")
    client.recv(9)
"""


def test_mptcp():
    """A connection is destroyed without its peer, like a listener: the one that listens is there still."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
    except OSError:
        skip("a server of MPTCP", "this kernel has none")
        return
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "connection", "--attribution", "tracepoints", "tcp")
        server = right.start(sys.executable, "-c", MPTCP_SERVER)
        pid = int(server.line())
        for _ in range(4):
            left.run(sys.executable, "-c", MPTCP_CLIENT)
        sockline.wait_for("connection_closed", count=4)
        sockline.stop()
        ends = [source_end(record) for record in sockline.find("connection_closed")]
        check([end.pid for end in ends] == [pid] * 4, "MPTCP: all connections are the server's", ends)


ANSWERS_THEN_FORKS = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.sendto(b"x", s.getsockname())
_, client = s.recvfrom(9)
wait("asked")
s.sendto(b"x", client)
wait("answered")
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
s.close()
wait("closed")
"""


def test_forked_before_the_end():
    """A server of UDP that forked before it closed its socket: its child sent nothing."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "udp")
        agent = Agent(host, ANSWERS_THEN_FORKS)
        for count in (1, 2):
            sockline.wait_for("packet", count=count)
            agent.tell()
        sockline.wait_for("connection_closed")
        agent.end()
        sockline.stop()
        closed = sockline.find("connection_closed")
        check([record["sockline"]["peer"].get("process", {}).get("pid") for record in closed] == [agent.pid],
              "its last record names the server", closed)


ECHO = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
s.sendto(b"\\x08\\0\\0\\0\\0\\0\\0\\1", ("127.0.0.1", 0))
wait("sent")
"""


def test_unconnected_ends():
    """A UDP socket that was not connected is reported by its port: what has no socket any more has ended."""
    with Namespace() as host:
        host.sysctl("net.ipv4.ping_group_range", "0 0")
        sockline = host.sockline("-e", "connection", "udp or icmp")
        server = Mksock(host, "udp-bind 127.0.0.1 0", "udp-bind 127.0.0.2 $1", "udp-bind 127.0.0.1 0")
        port, other_port = server.port(), server.port(2)
        client = Mksock(host, f"udp-send 127.0.0.2 {port} a", f"udp-send 127.0.0.1 {port} b",
                        f"udp-send 127.0.0.1 {other_port} c")
        ping = Agent(host, ECHO)
        sockline.wait_for("connection_opened", count=4)
        server.tell("close %1")
        client.tell("close %3")
        ping.end()
        sockline.wait_for("connection_closed", count=3)
        sockline.stop()
        echoes = [(record["event"]["reason"], record.get("process", {}).get("pid"))
                  for record in sockline.find("connection_closed") if record["network"]["transport"] == "icmp"]
        check(echoes == [("socket_closed", ping.pid)], "an echo request with the process that sent it", echoes)
        found = {(record["source"]["port"], record["destination"]["ip"]): record["event"]["reason"]
                 for record in sockline.find("connection_closed") if record["network"]["transport"] == "udp"}
        check(found.get((client.port(1), "127.0.0.1")) == "socket_closed", "with the socket of its server", found)
        check(found.get((client.port(2), "127.0.0.1")) == "socket_closed", "with the socket of its client", found)
        check(found.get((client.port(0), "127.0.0.2")) == "shutdown",
              "not with one of another address of the port", found)


def drops(host):
    """Messages about closed sockets that found no room, in this namespace."""
    sockets = (line.split() for line in host.run("cat", "/proc/net/netlink").splitlines()[1:])
    return sum(int(words[8]) for words in sockets if words[1] == "4" and words[3] == "0000000f")


def lose_messages(host, program):
    """Closes sockets until there is no room for word of it. Word comes late: waits for the last of it."""
    before, now = 0, drops(host)
    while now == 0 or now != before:
        if now == 0:
            host.run(sys.executable, "-c", program)
        time.sleep(0.3)
        before, now = now, drops(host)


def test_lost_ends():
    """A UDP port is another process's, and the kernel's word of the first one's end was lost."""
    program = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", {port}))
s.sendto(b"mine", ("127.0.0.1", {to}))
wait(s.getsockname()[1])
"""
    many = "import socket\nfor _ in range(20000):\n s = socket.socket(2, 2)\n s.bind(('127.0.0.1', 0))\n s.close()"
    for mode in ("tracepoints",):  # to a lookup it may be nobody: any socket may have died
        with Namespace() as host:
            to = Mksock(host, "udp-bind 127.0.0.1 0").port()
            sockline = host.sockline("-e", "connection", "--attribution", mode)
            first = Agent(host, program.format(port=0, to=to))
            port = int(first.first)
            time.sleep(LIFE)
            sockline.send_signal(signal.SIGSTOP)
            lose_messages(host, many)
            first.end()
            time.sleep(0.1)
            second = Agent(host, program.format(port=port, to=to))
            time.sleep(0.5)  # before packets that are read at once
            sockline.send_signal(signal.SIGCONT)
            lost = sockline.wait_for("netlink_overrun")["sockline"]["loss"]
            time.sleep(LIFE)
            check(sockline.stop() == 0 and lost["where"] == "destroy" and lost["count"] > 0,
                  f"{mode}: what was lost is reported", lost)
            ends = [source_end(record) for record in
                    sockline.find("connection_closed", lambda one: one["source"]["port"] == port)]
            # On a busy machine events of the tracepoints are lost as well: then the second is of nobody.
            known = {second.pid, None} if sockline.find("tracepoints_overrun") else {second.pid}
            check(len(ends) == 2 and ends[0].pid == first.pid and ends[1].pid in known,
                  f"{mode}: and the next one on the port is not taken for the first",
                  f"{first.pid} {second.pid}: {ends}")


def test_lost_tcp_ends():
    """Connections whose end no packet shows, and of which word was lost: what is in no listing has ended."""
    many = "import socket\nfor _ in range(20000):\n s = socket.socket(2, 2)\n s.bind(('127.0.0.1', 0))\n s.close()"
    with Namespace() as host:
        sockline = host.sockline("-e", "connection,stats", "tcp[tcpflags] & tcp-syn != 0")
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        clients = [Mksock(host, f"tcp-connect 127.0.0.1 {server.port()}") for _ in range(6)]
        sockline.wait_for("connection_opened", count=len(clients))
        sockline.wait_until_asleep()
        sockline.send_signal(signal.SIGSTOP)
        lose_messages(host, many)
        for client in clients[:3]:
            client.end()
        time.sleep(0.3)
        sockline.send_signal(signal.SIGCONT)
        sockline.wait_for("netlink_overrun")

        def listed():
            sockline.send_signal(signal.SIGUSR1)
            time.sleep(0.1)
            return sockline.find("capture_stats", lambda r: r["sockline"]["stats"]["netlink"]["resyncs"])
        until(listed, "sockets to be listed")
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        found = {record["source"]["port"]: record["event"]["reason"]
                 for record in sockline.find("connection_closed")}
        wanted = {client.port(): "socket_closed" if client in clients[:3] else "shutdown" for client in clients}
        check(found == wanted, "three have ended, three are open until the end of the run",
              f"{found} {wanted}")


def established(host, port):
    """Local ports of the clients that the kernel has connected to that one: a fresh dump."""
    fields = (line.split() for line in host.run("cat", "/proc/net/tcp").splitlines()[1:])
    return {int(words[1].split(":")[1], 16) for words in fields
            if words[3] == "01" and int(words[2].split(":")[1], 16) == port}


def test_p8_new_dump():
    """While it stands still 20,000 sockets end, connections end and others begin: what was lost is the number that the
    kernel has, and the connections that are open afterwards are those of a new dump."""
    churn = "import socket\nfor _ in range(20000):\n s = socket.socket(2, 2)\n s.bind(('127.0.0.1', 0))\n s.close()"
    with Namespace() as host:
        sockline = host.sockline("-e", "connection,stats", "tcp[tcpflags] & tcp-syn != 0")
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        connects = [f"tcp-connect 127.0.0.1 {server.port()}"] * 15
        staying, ending = Mksock(host, *connects), Mksock(host, *connects)
        sockline.wait_for("connection_opened", count=30)
        sockline.wait_until_asleep()
        sockline.send_signal(signal.SIGSTOP)
        lose_messages(host, churn)
        ending.end()
        begun = Mksock(host, *connects[:10])
        time.sleep(0.3)
        dropped = drops(host)
        sockline.send_signal(signal.SIGCONT)
        sockline.wait_for("netlink_overrun")

        def counters():
            before = len(sockline.find("capture_stats"))
            sockline.send_signal(signal.SIGUSR1)
            until(lambda: len(sockline.find("capture_stats")) > before, "counters")
            return sockline.find("capture_stats")[-1]["sockline"]["stats"]["netlink"]
        until(lambda: counters()["resyncs"], "sockets to be listed", interval=0.1)
        sockline.wait_for("connection_opened", count=40)
        now, lost = drops(host), counters()["lost"]
        dump = established(host, server.port())
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        reports = [record["sockline"]["loss"] for record in sockline.find("netlink_overrun")]
        count = sum(report["count"] for report in reports if report["where"] == "destroy")
        check(dropped <= count <= now and count <= lost, f"{count} messages were lost, as the kernel counts them",
              f"{dropped} to {now} by the kernel, {lost} in the counters: {reports}")
        closed = {record["source"]["port"]: record["event"]["reason"] for record in sockline.find("connection_closed")}
        known = {port for port, reason in closed.items() if reason == "shutdown"}
        check(known == dump, f"the {len(dump)} connections of a new dump are open, and no other", f"{known} {dump}")
        gone = {ending.port(number) for number in range(15)}
        kept = {which.port(number) for which, many in ((staying, 15), (begun, 10)) for number in range(many)}
        check(dump == kept and all(closed.get(port) == "socket_closed" for port in gone - kept),
              "those that ended meanwhile have ended", f"{closed} {gone}")


run(globals())
