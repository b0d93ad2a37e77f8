#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets that were handed on, inherited or used in odd ways: who is named has opened, held or used
them, and no other process is."""

import time

from harness import Namespace, check, run
from mksock import Agent, ends_at, source_end, wait_until

MODES = ("tracepoints", "sentinel", "lookup")
LIFE = 0.7  # seconds that sockets live, so that a lookup finds them

# Each program prints the port in question, the port of the other end, then the pids of all processes
# that may be named. `server` is there already.
PRELUDE = """
import ctypes, threading, time
libc = ctypes.CDLL(None)
server = socket.create_server(("127.0.0.1", 0))
there = server.getsockname()
def connect():
    s = socket.create_connection(there)
    s.send(b"hello")
    return s
def ports(s, other=there[1]):
    return f"{s.getsockname()[1]} {other}"
"""

CASES = (
    ("connected to itself", "tcp", """
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.connect(s.getsockname())
s.send(b"hello")
wait(ports(s, s.getsockname()[1]), os.getpid())"""),
    ("in another network namespace when it connects", "tcp", """
s = socket.socket()
libc.unshare(0x40000000)
s.connect(there)
s.send(b"hello")
wait(ports(s), os.getpid())"""),
    ("taken from a child by pidfd_getfd", "tcp", """
reader, writer = os.pipe()
child = os.fork()
if not child:
    s = connect()
    os.write(writer, b"%d" % s.fileno())
    time.sleep(0.1)
    os._exit(0)
s = socket.socket(fileno=libc.syscall(438, os.pidfd_open(child), int(os.read(reader, 10)), 0))
os.waitpid(child, 0)
s.send(b"again")
wait(ports(s), os.getpid(), child)"""),
    ("accepted by one, used by another", "tcp", """
ours, theirs = socket.socketpair()
child = os.fork()
if not child:
    server.close()
    s = socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0])
    s.recv(10)
    s.send(b"answer")
    sys.stdin.read()
    os._exit(0)
client = connect()
s = server.accept()[0]
socket.send_fds(ours, [b"1"], [s.fileno()])
s.close()
client.recv(10)
wait(there[1], client.getsockname()[1], os.getpid(), child)"""),
    ("a daemon's, which forked twice", "tcp", """
s = connect()
reader, writer = os.pipe()
child = os.fork()
if not child:
    if not os.fork():
        os.setsid()
        s.send(b"again")
        os.write(writer, b"%d" % os.getpid())
        sys.stdin.read()
    os._exit(0)
grandchild = int(os.read(reader, 10))
number = ports(s)
s.close()
wait(number, os.getpid(), child, grandchild)"""),
    ("inherited over exec", "tcp", """
s = connect()
os.set_inheritable(s.fileno(), True)
child = os.posix_spawn("/bin/cat", ["cat"], {})
number = ports(s)
s.close()
wait(number, os.getpid(), child)"""),
    ("opened by TCP fast open", "tcp", """
s = socket.socket()
s.sendto(b"hello", 0x20000000, there)
wait(ports(s), os.getpid())"""),
    ("opened by a thread while another ends", "tcp", """
found = []
for _ in range(5):
    other = threading.Thread(target=lambda: None)
    one = threading.Thread(target=lambda: found.append(connect()))
    one.start(); other.start(); one.join(); other.join()
wait(ports(found[-1]), os.getpid())"""),
    ("does not wait for its connection", "tcp", """
s = socket.socket()
s.setblocking(False)
s.connect_ex(there)
wait(ports(s), os.getpid())"""),
    ("UDP, connected to one, then to another", "udp", """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range(2):
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("127.0.0.1", 0))
    s.connect(other.getsockname())
    s.send(b"1")
    other.recv(1)
wait(ports(s, other.getsockname()[1]), os.getpid())"""),
    ("UDP from an address that the datagram names", "udp", """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 0))
IP_PKTINFO = 8
source = struct.pack("I4s4s", 0, socket.inet_aton("127.0.0.5"), b"")
s.sendmsg([b"1"], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, ("127.0.0.1", 9))
wait(ports(s, 9), os.getpid())"""),
)


def ends_of(sockline, agent, protocol):
    """The ends that have the first of the agent's ports: connect(2) may give it to others too."""
    port, other, *_ = map(int, agent.first.split())
    return [end for _, end in ends_at(sockline.records, port, other, protocol)]


def known(sockline, agent, protocol):
    return any(end.pid for end in ends_of(sockline, agent, protocol))


def test_handed_on():
    for mode in MODES:
        with Namespace() as host:
            sockline = host.sockline("-e", "packet,connection", "--attribution", mode)
            agents = [(title, protocol, Agent(host, PRELUDE + program)) for title, protocol, program in CASES]
            time.sleep(LIFE)
            if mode == "tracepoints":
                wait_until(lambda: all(known(sockline, agent, protocol) for _, protocol, agent in agents),
                           "owners")
            for _, _, agent in agents:
                agent.end()
            time.sleep(0.3)
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            for title, protocol, agent in agents:
                pids = set(map(int, agent.first.split()[2:]))
                ends = ends_of(sockline, agent, protocol)
                wrong = [end for end in ends if not end.named <= pids]
                check(ends and not wrong and (mode != "tracepoints" or known(sockline, agent, protocol)),
                      f"{mode}: {title}", f"{pids}\n{ends}")


# The child, which is younger and so is found first, has the socket until its parent has sent from it once.
INHERITED = """
ours, theirs = socket.socketpair()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
there = server.getsockname()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
here = s.getsockname()
child = os.fork()
if not child:
    server.close()
    ours.close()
    theirs.recv(1)
    s.close()
    theirs.send(b"closed")
    theirs.recv(1)
    os._exit(0)
theirs.close()
s.sendto(b"1", there)
ours.send(b"1")
ours.recv(6)
for _ in range(9):
    s.sendto(b"1", there)
s.close()
server.close()
wait(here[1], there[1], os.getpid(), child)
"""


def test_inherited_by_a_child():
    """A child that has its parent's socket as well, and sends nothing, is not named alone."""
    for mode in MODES:
        with Namespace() as host:
            sockline = host.sockline("-e", "packet,connection", "--attribution", mode, "udp")
            agent = Agent(host, INHERITED)
            here, there, parent, child = map(int, agent.first.split())
            sockline.wait_for("packet", count=10)
            agent.end()
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            ends = [end for _, end in ends_at(sockline.records, here, there)]
            check(len(ends) >= 12 and all(parent in end.named or end.pid is None for end in ends),
                  f"{mode}: an inherited socket", f"{parent} {child}: {ends}")


RECEIVER = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 5000))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
             socket.inet_aton("239.1.1.1") + socket.inet_aton("{address}"))
wait("joined")
"""
SENDER = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("{address}"))
s.sendto(b"all", ("239.1.1.1", 5000))
wait("sent")
"""


def test_group():
    """Two processes receive a datagram: both are named, whenever that is found. A busy machine gets three
    attempts to find them while they live; a wrong owner is wrong in any of them."""
    for mode in MODES:
        for attempt in range(3):
            ends, pids = receive_as_group(mode)
            good = ends and all(end.shared == pids or end.reason == "pending" for end in ends)
            wrong = [end for end in ends if not end.named <= set(pids)]
            if good or wrong or attempt == 2:
                check(good and not wrong, f"{mode}: a group's datagram", ends)
                break


def receive_as_group(mode):
    """Returns the receiving ends of the records, and who receives."""
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet,connection", "--attribution", mode, "udp")
        agents = [Agent(right, RECEIVER.format(address=right.address)) for _ in range(2)]
        agents.append(Agent(left, SENDER.format(address=left.address)))
        sockline.wait_for("packet")
        time.sleep(LIFE)
        sockline.wait_until_asleep()
        for agent in agents:
            agent.end()
        check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
        return ([source_end(record) for record in sockline.records if "destination" in record],
                sorted(agent.pid for agent in agents[:2]))


# A socket of the port on each interface: a datagram to this host's own address passes lo, and the one on
# the interface that has the address gets it.
ON_DEVICES = """
for device in ({devices}):
    if os.fork() == 0:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        s.bind(("0.0.0.0", {port}))
        print(flush=True)
        text, there = s.recvfrom(9)
        print(there[1], os.getpid(), flush=True)
        sys.stdin.read()
        os._exit(0)
sys.stdin.read()
"""


def test_devices():
    for mode in ("tracepoints", "lookup"):
        with Namespace.pair() as (host, _):
            port = 5000
            agent = Agent(host, ON_DEVICES.format(devices="b'lo', b'veth0'", port=port))
            agent.process.line()
            sockline = host.sockline("-e", "packet", "--attribution", mode, "udp")
            truth = {}
            for address in (host.address, "127.0.0.1"):
                sender = Agent(host, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"own", ("{address}", {port}))
wait("sent")""")
                client, pid = map(int, agent.process.line().split())
                truth[client] = (address, pid)
                wait_until(lambda client=client: any(record["source"]["port"] == client
                                                     for record in sockline.find("packet")), "the packet")
                sender.end()
            agent.end()
            check(sockline.stop() == 0, f"{mode}: ends well", sockline.stderr)
            for record in sockline.find("packet"):
                address, pid = truth[record["source"]["port"]]
                peer = record["sockline"].get("peer", {})
                check(peer.get("process", {}).get("pid") == pid,
                      f"{mode}: {address} is answered for by the socket of its interface", f"{pid}\n{record}")


# Waits on a port with others, under a name of its own.
ONE_OF_SEVERAL = """
libc = __import__("ctypes").CDLL(None)
libc.prctl(15, b"{name}")
if {user}:
    os.setuid({user})
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(("127.0.0.1", {port}))
wait(s.getsockname()[1])
"""


def test_common():
    """What comes to one of several has no owner, but what all of them have alike."""
    for users, name in (((0, 0), "two alike"), ((0, 12345), "two alike")):
        with Namespace() as host:
            first = Agent(host, ONE_OF_SEVERAL.format(port=0, name=name, user=users[0]))
            port = int(first.first)
            # One port has sockets of one user alone: the second changes it later.
            second = Agent(host, ONE_OF_SEVERAL.format(port=port, name=name, user=0).replace(
                "wait(", f"os.setuid({users[1]})\nwait("))
            sockline = host.sockline("-e", "packet", "--attribution", "lookup", "udp")
            sender = Agent(host, f"""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", {port}))
while True:
    wait("sent")
    s.send(b"who takes it")""")

            def last():
                sender.tell()
                return [end for end in (record["sockline"].get("peer", {}).get("attribution", {})
                                        for record in sockline.find("packet"))
                        if end.get("reason") == "ambiguous"][-1:]
            wait_until(last, "an answer")
            found = last()
            alike = {"process": {"name": name}}
            if users[0] == users[1]:
                alike["user"] = {"id": str(users[0])}
            common = found and found[0].get("common")
            check(common and {**common, "cgroup": 0} == {**alike, "cgroup": 0},
                  f"users {users}: what is alike", found)
            for agent in (first, second, sender):
                agent.end()
            sockline.stop()


def check_answers(program, title, mode="tracepoints"):
    """The program prints its UDP port and, for each answer from there, the port that gets it and the sender's pid."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet", "--attribution", mode, "udp")
        agent = Agent(host, program)
        port, *answers = map(int, agent.first.split())
        sockline.wait_for("packet", count=len(answers))
        agent.end()
        sockline.stop()
        sent = dict(zip(answers[::2], answers[1::2]))
        found = {record["destination"]["port"]: source_end(record)
                 for record in sockline.find("packet", lambda one: one["source"]["port"] == port)}
        wrong = [to for to, pid in sent.items() if to not in found or not is_named(found[to], pid, mode)]
        check(not wrong, f"{mode}: {title}", f"{wrong}\n{sent}\n{found}")


def is_named(end, pid, mode):
    """With tracepoints it is, and else no other process is."""
    return end.pid == pid if mode == "tracepoints" else end.pid is None or pid in end.named


# Workers have the socket from the start, and each says in its answer which one it is.
WORKERS = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
there = s.getsockname()
workers = []
for _ in range(3):
    workers.append(os.fork())
    while not workers[-1]:
        _, client = s.recvfrom(9)
        s.sendto(b"%d" % os.getpid(), client)
answers = []
for _ in range(8):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.bind(("127.0.0.1", 0))
    c.sendto(b"x", there)
    answers += [c.getsockname()[1], int(c.recv(9))]
    c.close()
try:
    wait(there[1], *answers)
finally:
    for worker in workers:
        os.kill(worker, 9)
"""


def test_workers_of_one_socket():
    """Each answers one datagram of a client, on a socket that all of them have."""
    check_answers("os.setpgid(0, 0)\n" + WORKERS, "each answer with the worker that sent it")


# As inetd does for a UDP service of its kind "wait": a child answers one datagram and ends, and is
# gone when the socket is looked at.
CHILD_EACH = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
answers = []
for _ in range(8):
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.bind(("127.0.0.1", 0))
    c.sendto(b"x", s.getsockname())
    child = os.fork()
    if not child:
        _, client = s.recvfrom(9)
        s.sendto(b"x", client)
        os._exit(0)
    os.waitpid(child, 0)
    answers += [c.getsockname()[1], child]
    c.close()
wait(s.getsockname()[1], *answers)
"""


def test_child_for_each_datagram():
    """Its parent, which holds the socket and sends nothing, is named for no answer. Forks are reported in
    another network namespace, too."""
    for mode in MODES:
        check_answers(CHILD_EACH, "each answer with the child that sent it", mode)


# Three datagrams of a process, in turn with those of its child, on one socket that is connected. Only
# a datagram that names its address has a route of its own, which tracepoints report.
IN_TURN = """
import time
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(("127.0.0.1", 0))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(there.getsockname())
time.sleep({before})
ours, theirs = socket.socketpair()
child = os.fork()
turn = theirs if not child else ours
for _ in range(3):
    if not child:
        turn.recv(1)
        s.{send}
        turn.send(b"1")
    else:
        turn.send(b"1")
        turn.recv(1)
        s.send(b"parent")
if not child:
    turn.recv(1)
    os._exit(0)
wait(s.getsockname()[1], child)
"""
SENDS = ('send(b"child")', 'sendto(b"child", there.getsockname())')


def test_in_turn():
    """No datagram is of one process alone that the other sent: the last one that was reported."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet", "udp")
        agents = [Agent(host, IN_TURN.format(before=before, send=send))
                  for before in (0, 0.1) for send in SENDS]
        sockline.wait_for("packet", count=6 * len(agents))
        for agent in agents:
            agent.end()
        sockline.stop()
        for agent in agents:
            port, child = map(int, agent.first.split())
            sent = [(record, child if record["network"]["bytes"] == 33 else agent.pid)
                    for record in sockline.find("packet", lambda one: one["source"]["port"] == port)]
            wrong = [(truth, source_end(record)) for record, truth in sent
                     if source_end(record).pid and truth not in source_end(record).named]
            check(len(sent) == 6 and not wrong, "each datagram's sender is named, or none", wrong)


run(globals())
