#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets that outlive the process that opened them. Connected UDP sockets that it leaves to its children: what
they send needs no route, so that tracepoints do not report it; a datagram's sender is named, or none, and one
socket is one connection. And those that io_uring keeps."""

from harness import Namespace, check, run, skip
from mksock import Agent, source_end

# Each prints, for each socket, its port, the pid of the process that opened it, and those of the
# children that had it.
PRELUDE = """
import time
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(("127.0.0.1", 0))
def connect():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(there.getsockname())
    return s
def printed_by(use, *arguments):
    reader, writer = os.pipe()
    opener = os.fork()
    if not opener:
        os.write(writer, b" ".join(b"%d" % each for each in use(*arguments)))
        os._exit(0)
    os.close(writer)
    os.waitpid(opener, 0)
    text = b""
    while more := os.read(reader, 99):
        text += more
    return text.decode()
"""

# As a daemon does: it opens the socket, forks and exits. The child sends later, and ends.
DAEMONS = PRELUDE + """
def leave(greets, sends):
    s = connect()
    if greets:
        s.send(b"opener")
    opener = os.getpid()
    if os.fork():
        os._exit(0)
    for _ in range(sends):
        time.sleep(0.15)
        s.send(b"child")
    return s.getsockname()[1], opener, os.getpid()
wait("/".join(printed_by(leave, *each) for each in ((0, 1), (1, 1), (1, 3)) * 3))
"""

# As a shell does for `exec 3<>/dev/udp/...; command >&3`: each command is gone when the packets are read.
COMMANDS = PRELUDE + """
def use():
    s = connect()
    children = []
    for _ in range(3):
        children.append(os.fork())
        if not children[-1]:
            s.send(b"child")
            os._exit(0)
        os.waitpid(children[-1], 0)
    s.send(b"opener")
    return s.getsockname()[1], os.getpid(), *children
wait("/".join(printed_by(use) for _ in range(8)))
"""

# Two children have the socket of one that is gone.
SIBLINGS = PRELUDE + """
def use():
    s = connect()
    s.send(b"opener")
    children = []
    for number, text in enumerate((b"child", b"sibling")):
        children.append(os.fork())
        if not children[-1]:
            for _ in range(4):
                time.sleep(0.1 + 0.03 * number)
                s.send(text)
            os._exit(0)
    return s.getsockname()[1], os.getpid(), *children
wait("/".join(printed_by(use) for _ in range(4)))
"""

# As ncat -k does: it connects its socket to who asks, leaves it to a child, and waits on another one.
SERVER = PRELUDE + """
def bound(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    return s
server = bound(0)
port = server.getsockname()[1]
children = []
for _ in range(8):
    client = bound(0)
    client.sendto(b"x", ("127.0.0.1", port))
    server.connect(server.recvfrom(9, socket.MSG_PEEK)[1])
    children.append(os.fork())
    if not children[-1]:
        server.recv(9)
        server.send(b"child")
        os._exit(0)
    server.close()
    server = bound(port)
    os.waitpid(children[-1], 0)
    client.recv(9)
    client.close()
wait(port, os.getpid(), *children)
"""

OPENER, CHILD, SIBLING = (28 + len(text) for text in ("opener", "child", "sibling"))  # with the headers


def at_port(port):
    return lambda record: port in (record["source"]["port"], record["destination"]["port"])


def check_senders(program, sockets, sent, title):
    """So many datagrams are sent, from so many sockets. What a sibling sends is of the last child."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "udp")
        agent = Agent(host, program)
        sockline.wait_for("packet", count=sent)
        agent.end()
        sockline.stop()
        wrong, senders, connections = [], {}, 0
        for line in agent.first.split("/"):
            port, opener, *children = map(int, line.split())
            senders[port] = []
            for record in sockline.find("packet", lambda one, port=port: one["source"]["port"] == port):
                siblings = {children[-1]} if program is SIBLINGS else set()
                truth = {OPENER: {opener}, CHILD: set(children) - siblings, SIBLING: siblings}[
                    record["network"]["bytes"]]
                end = source_end(record)
                senders[port].append(end)
                if end.pid and not truth & set(end.named):
                    wrong.append((truth, end))
            connections += len(sockline.find("connection_opened", at_port(port)))
        check(not wrong, f"{title}: each datagram's sender is named, or none", wrong)
        check(connections == sockets, f"{title}: as many connections as sockets", connections)
        return senders


def test_daemons():
    senders = check_senders(DAEMONS, 9, 21, "opened by one that exits, used by its child")
    second = [ends[2] for ends in senders.values() if len(ends) == 4]
    check(len(second) == 3 and all(end.pid for end in second), "the child is found, and named for its second", second)


def test_commands():
    check_senders(COMMANDS, 8, 32, "opened by one, used by its short-lived children")


def test_siblings():
    check_senders(SIBLINGS, 4, 36, "opened by one that exits, used by two children")


def test_server():
    check_senders(SERVER, 8, 16, "connected by a server, used by its child")


# A ring of io_uring keeps the socket until a kernel thread has closed it, some time after the process ended. The
# calls by their numbers: io_uring_setup(2), with a struct of 120 bytes, and io_uring_register(2) of files.
RING = """
import ctypes
libc = ctypes.CDLL(None)
server = socket.create_server(("127.0.0.1", 0))
clients = []
for _ in range(5):
    clients.append(os.fork())
    if not clients[-1]:
        client = socket.create_connection(server.getsockname())
        ring = libc.syscall(425, 4, ctypes.create_string_buffer(120))
        fd = (ctypes.c_int * 1)(client.fileno())
        os._exit(ring < 0 or libc.syscall(427, ring, 2, ctypes.byref(fd), 1) != 0)
    accepted = server.accept()[0]
    has_ring = os.waitpid(clients[-1], 0)[1] == 0
    accepted.recv(9)
    accepted.close()
wait(int(has_ring), os.getpid(), *clients)
"""


def test_ring():
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "tcp")
        agent = Agent(host, RING)
        has_ring, server, *clients = map(int, agent.first.split())
        if has_ring:
            sockline.wait_for("connection_closed", count=len(clients))
        agent.end()
        sockline.stop()
        if not has_ring:
            skip("a socket that io_uring keeps", "no io_uring")
            return
        records = [record for record in sockline.find() if "source" in record]
        named = {one["process"]["pid"] for record in records for one in (record, record["sockline"].get("peer", {}))
                 if "process" in one}
        check(named <= {server, *clients}, "what a kernel thread closes is not its own", named - {server, *clients})
        closed = [record["process"]["pid"] for record in sockline.find("connection_closed")]
        check(sorted(closed) == sorted(clients), "the connection is of the process that ended", (closed, clients))


run(globals())
