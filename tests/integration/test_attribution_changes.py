#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Ports change hands: what was sent by, or to, a socket that is gone is never its successor's."""

import shutil
import signal
import time

from harness import Namespace, check, run, skip
from mksock import REPORTS, Agent, Mksock, Reports, destination_end, ends_at, source_end

MODES = ("tracepoints", "sentinel", "lookup")
LIFE = 0.7  # seconds that successors live, so that a lookup finds them

# The successor is born first, with no socket; it takes the port as soon as that is free and the kernel has
# reported so: without tracepoints nothing else says that the socket is another one.
PROGRAM = REPORTS + """
import time
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    return s
def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(5)
    return s
reader, writer = os.pipe()
successor = os.fork()
if not successor:
    port = int(os.read(reader, 10))
    {until}
    s = {take}(port)
    {then}
    wait(os.getpid(), port)
    sys.exit()
time.sleep(0.05)
s = {take}(0)
port = s.getsockname()[1]
{body}
s.close()
os.write(writer, b"%d" % port)
os.waitpid(successor, 0)
"""

# Title, how the port is taken, what the first does with it, what the second does.
CHANGES = (
    ("a datagram to who is gone", "udp", "sender = udp(0); sender.sendto(b'1', ('127.0.0.1', port)); s.recv(10)",
     "pass"),  # the sender stays, so that its port is no other program's
    ("a datagram of who is gone", "udp", "s.sendto(b'1', ('127.0.0.1', {to}))", "pass"),
    ("two senders in turn", "udp", "s.sendto(b'1', ('127.0.0.1', {to}))",
     "s.sendto(b'2', ('127.0.0.1', {to}))"),
    ("a connection to who is gone", "listen", """
client = socket.create_connection(('127.0.0.1', port))
server = s.accept()[0]
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
server.close()""", "pass"),
    ("a connection that nobody accepted", "listen",
     "client = socket.create_connection(('127.0.0.1', port))", "pass"),
)


# Each wait of the loop lasts longer, also that for what ended: the packets that it reads then are younger.
SLOW_WAITS = ("strace", "-Dqqo", "/dev/null", "-e", "trace=?epoll_wait,?epoll_pwait",
              "-e", "inject=?epoll_wait,?epoll_pwait:delay_exit=200000")

# Sockets are asked for some time after what ended was read: meanwhile a port has the next one.
SLOW_LOOKUPS = ("strace", "-Dqqfo", "/dev/null", "-e", "trace=sendto,sendmsg",
                "-e", "inject=sendto,sendmsg:delay_enter=20000")


def successors(mode, title, via=()):
    with Namespace() as host:
        to = Mksock(host, "udp-bind 127.0.0.1 0")
        sockline = host.sockline("-e", "packet,connection", "--attribution", mode, via=via)
        agents = []
        for change, take, body, then in CHANGES:
            traced = mode == "tracepoints" and take == "listen"
            agent = Agent(host, PROGRAM.format(take=take, body=body.format(to=to.port()),
                                               then=then.format(to=to.port()),
                                               until="time.sleep(0.003)" if traced else "wait_for_reports(port)"))
            agents.append((change, agent, "udp" if take == "udp" else "tcp", *map(int, agent.first.split())))
        time.sleep(LIFE)
        for _, agent, *_ in agents:
            agent.end()
        to.end()
        time.sleep(0.3)
        check(sockline.stop() == 0, f"{title}: ends well", sockline.stderr)
        for change, agent, protocol, successor, port in agents:
            ends = list(ends_at(sockline.records, port, protocol=protocol))
            named = [end.pid for _, end in ends if end.pid]
            right = {agent.pid}
            if "in turn" in change:  # the second one's come after the first one's
                right.add(successor)
                named_first = [end.pid for action, end in ends if action == "packet"][:1]
                check(named_first in ([agent.pid], [None]), f"{title}: {change}, the first", ends)
            check(ends and set(named) <= right, f"{title}: {change}", f"{right}\n{ends}")


def test_successors():
    for mode in MODES:
        successors(mode, mode)


def test_successors_by_a_slow_loop():
    """What ended after a turn began, and before its packets were read."""
    if not shutil.which("strace"):
        skip("a slow loop", "needs strace")
        return
    successors("tracepoints", "a slow loop", SLOW_WAITS)


def test_successors_by_slow_lookups():
    if not shutil.which("strace"):
        skip("slow lookups", "needs strace")
        return
    successors("lookup", "slow lookups", SLOW_LOOKUPS)


SERVER = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5140))
wait("bound")
"""


def test_restart():
    """A server is started anew while a client goes on sending to it."""
    for mode in MODES:
        with Namespace.pair() as (left, right):
            sockline = right.sockline("-e", "packet", "--attribution", mode, "udp")
            reports = Reports(right)
            server = Agent(right, SERVER)
            client = Agent(left, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"line", ("{right.address}", 5140))
    wait("sent")
""")
            pids = []
            for _ in range(3):
                client.tell()
                time.sleep(LIFE)
                client.tell()
                pids.append(server.pid)
                server.end()
                reports.wait(5140)
                client.tell()  # to nobody
                pids.append(None)
                time.sleep(0.3)
                server = Agent(right, SERVER)
            client.tell()
            sockline.wait_for("packet", count=11)
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            ends = [source_end(record) for record in sockline.find("packet")][1:-1]
            ends = [ends[at:at + 3] for at in range(0, 9, 3)]
            check(all(len({one.pid for one in three[:2]} - {None, pid}) == 0 and three[2].pid is None
                      for three, pid in zip(ends, pids[::2])), f"{mode}: each datagram's server",
                  f"{pids}\n{ends}")
            for agent in client, server, reports:
                agent.end()


def test_newcomer():
    """A datagram that nobody received is not of who began to listen before it was read."""
    for mode in MODES:
        with Namespace() as host:
            sockline = host.sockline("-e", "packet", "--attribution", mode, "udp")
            sender = Agent(host, """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wait("ready")
s.sendto(b"anybody?", ("127.0.0.1", 5140))
wait("sent")
""")
            sockline.send_signal(signal.SIGSTOP)
            sender.tell()
            time.sleep(0.05)  # processes begin in steps of 10 ms
            server = Agent(host, SERVER)
            sockline.send_signal(signal.SIGCONT)
            end = destination_end(sockline.wait_for("packet"))
            check(end.pid is None, f"{mode}: a datagram to nobody", f"{server.pid}: {end}")
            for agent in sender, server:
                agent.end()
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)


ECHO = """
s = socket.socket(socket.{family}, socket.{kind}, socket.{protocol})
echo = struct.pack("!BBHHH", {type}, 0, 0, 4711, 1)
total = sum(struct.unpack("!4H", echo))
echo = echo[:2] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + echo[4:]
s.sendto(echo, ("{address}", 0))
s.close()
wait("sent")
"""


def test_echo():
    """A process that could have sent an echo request did not: its raw socket never sends."""
    for family, protocol, kind, address, number in (
            ("AF_INET", "IPPROTO_ICMP", "SOCK_DGRAM", "127.0.0.1", 8),
            ("AF_INET6", "IPPROTO_ICMPV6", "SOCK_DGRAM", "::1", 128),
            ("AF_INET", "IPPROTO_ICMP", "SOCK_RAW", "127.0.0.2", 8)):
        with Namespace() as host:
            host.sysctl("net.ipv4.ping_group_range", "0 2147483647")
            sockline = host.sockline("-e", "packet", "--attribution", "tracepoints")
            idle = Agent(host, f"s = socket.socket(socket.{family}, socket.SOCK_RAW, socket.{protocol})\n"
                         "wait(1)\n")
            ping = Agent(host, ECHO.format(family=family, protocol=protocol, kind=kind, address=address,
                                           type=number))
            record = sockline.wait_for("packet", lambda one: one["sockline"].get("icmp", {}).get("type")
                                       == number)
            check(source_end(record).pid == ping.pid, f"{kind}, {address}: an echo request's sender",
                  f"{ping.pid}, not {idle.pid}: {source_end(record)}")
            for agent in (idle, ping):
                agent.end()
            sockline.stop()


def test_late_ends():
    """A UDP port is another process's, and packets and ends are read long after they were, or soon."""
    server = """
port = {port} or int(wait("born"))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", max(port, 0)))
wait(s.getsockname()[1])
"""
    client = server + """
while True:
    s.sendto(b"mine", ("127.0.0.1", {to}))
    wait()
"""
    for mode in MODES:
        for delay in (0.5, 0):
            with Namespace() as host:
                late_ends(host, mode, delay, server, client)


def late_ends(host, mode, delay, server, client):
    sockline = host.sockline("-e", "connection", "--attribution", mode)
    reports = Reports(host)
    to = Mksock(host, "udp-bind 127.0.0.1 0").port()
    servers, clients = [Agent(host, server.format(port=-1))], []
    here = int(servers[0].first)
    clients.append(Agent(host, client.format(port=-1, to=to)))
    port = int(clients[0].first)
    other = Agent(host, client.format(port=-1, to=here))
    for sender in clients[0], other:
        sender.tell()
    servers.append(Agent(host, server.format(port=0)))
    clients.append(Agent(host, client.format(port=0, to=to)))
    time.sleep(LIFE)
    sockline.send_signal(signal.SIGSTOP)
    for former in servers[0], clients[0]:
        former.end()
    reports.wait(here, port)
    servers[1].tell(str(here))
    clients[1].tell(str(port))
    for sender in clients[1], other:
        sender.tell()
    time.sleep(delay)
    sockline.send_signal(signal.SIGCONT)
    time.sleep(LIFE)
    check(sockline.stop() == 0, f"{mode}, {delay} s: ends well")
    closed = sockline.find("connection_closed")
    for what, ends, pids in (
            ("sender", [source_end(record) for record in closed if record["source"]["port"] == port],
             clients),
            ("receiver", [destination_end(record) for record in closed
                          if record["destination"]["port"] == here], servers)):
        first, second = (agent.pid for agent in pids)
        sure = mode == "tracepoints" and what == "sender"
        known = {second} if sure else {second, None}
        check(len(ends) == 2 and ends[0].pid == first and ends[1].pid in known,
              f"{mode}, {delay} s: each {what} is its own", f"{first} {second}: {ends}")


run(globals())
