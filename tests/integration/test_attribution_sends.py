#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sends that last, and reads: the kernel reports a send when it is done, after its packets were read. And data that waits in
the socket, which leaves it when another process sends, or when its own is gone."""

from collections import Counter

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


# One process fills the socket, and the other end reads when another one has the socket, and sends or not.
FULL = """
import time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
s = server.accept()[0]
client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2000000)
def fill(size=0):
    client.setblocking(False)
    try:
        while size < 1000000:
            size += client.send(bytes(100000))
    except BlockingIOError:
        pass
    return size
def send_on():
    client.setblocking(True)
    for _ in range(5):
        client.send(bytes(300))
    return 5 * 300
def read(left):
    while left:
        left -= len(s.recv(min(left, 50000)))
done, filled = os.pipe(), os.pipe()
%s
wait("read")
"""
FILL = {
    "child that ends": """
child = os.fork()
if not child:
    os.write(filled[1], b"%d" % fill())
    os._exit(0)
os.waitpid(child, 0)
size = int(os.read(filled[0], 20))
wait(server.getsockname()[1], client.getsockname()[1], child, os.getpid(), size)
read(size)
read(send_on())
""",
    "child that goes on": """
child = os.fork()
if not child:
    os.write(filled[1], b"%d" % fill())
    os.read(done[0], 1)
    os._exit(0)
size = int(os.read(filled[0], 20))
wait(server.getsockname()[1], client.getsockname()[1], child, os.getpid(), size)
read(size)
read(send_on())
os.write(done[1], b"x")
os.waitpid(child, 0)
""",
    "parent": """
size = fill()
child = os.fork()
if not child:
    for _ in range(2):
        os.read(done[0], 1)
        send_on()
    os._exit(0)
wait(server.getsockname()[1], client.getsockname()[1], os.getpid(), child, size)
os.write(done[1], b"x")
time.sleep(0.2)
read(size + 5 * 300)
os.write(done[1], b"x")
read(5 * 300)
os.waitpid(child, 0)
""",
}


def test_data_of_before():
    """What a process has sent, and what waits in the socket since, is its own; what comes after is the other's."""
    with Namespace() as host:
        for title, program in FILL.items():
            sockline = host.sockline("-e", "packet", "--attribution", "tracepoints", "tcp")
            agent = Agent(host, FULL % program)
            port, other, first, second, size = map(int, agent.first.split())
            agent.tell()
            agent.end()
            check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
            begun = [record["sockline"]["tcp"]["seq"] + 1 for record in sockline.find("packet")
                     if record["source"]["port"] == other and "syn" in record["sockline"]["tcp"]["flags"]]
            named = {True: [], False: []}
            for record in sockline.find("packet"):
                tcp = record["sockline"]["tcp"]
                if record["source"]["port"] == other and tcp["payload"]:
                    at = (tcp["seq"] - begun[0]) % (1 << 32)
                    named[at < size].append(source_end(record).pid)
            check(first in named[True] and set(named[True]) <= {first, None}, f"a {title}: its data is its own",
                  {pid: named[True].count(pid) for pid in set(named[True])})
            check(second in named[False] and set(named[False]) <= {second, None}, f"a {title}: what follows is not",
                  {pid: named[False].count(pid) for pid in set(named[False])})


# Both send more than the socket holds, and the other end reads slowly: most packets leave before their send is over.
IN_TURN = """
import threading, time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
s = server.accept()[0]
client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)
SIZE, TURNS = 2000000, 2
go, done = os.pipe(), os.pipe()
child = os.fork()
if not child:
    for _ in range(TURNS):
        os.read(go[0], 1)
        client.sendall(bytes(SIZE))
        os.write(done[1], b"x")
    os.read(go[0], 1)
    os._exit(0)
def send():
    for _ in range(TURNS):
        client.sendall(bytes(SIZE))
        os.write(go[1], b"x")
        os.read(done[0], 1)
wait(server.getsockname()[1], client.getsockname()[1], child, os.getpid(), SIZE)
thread = threading.Thread(target=send)
thread.start()
left = 2 * TURNS * SIZE
while left:
    left -= len(s.recv(50000))
    time.sleep(0.001)
thread.join()
os.write(go[1], b"x")
os.waitpid(child, 0)
wait("read")
"""


def test_long_sends_in_turn():
    """Two processes send at length in turn: as long as a send is not reported, none is named for it."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet", "--attribution", "tracepoints", "tcp")
        agent = Agent(host, IN_TURN)
        port, other, child, parent, size = map(int, agent.first.split())
        agent.tell()
        agent.end()
        check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
        begun = [record["sockline"]["tcp"]["seq"] + 1 for record in sockline.find("packet")
                 if record["source"]["port"] == other and "syn" in record["sockline"]["tcp"]["flags"]]
        named = Counter()
        for record in sockline.find("packet"):
            tcp = record["sockline"]["tcp"]
            if (record["source"]["port"], record["destination"]["port"]) == (other, port) and tcp["payload"]:
                turn = (tcp["seq"] - begun[0]) % (1 << 32) // size
                pid = source_end(record).pid
                named["unknown" if pid is None else "right" if pid == (parent, child)[turn % 2] else "wrong"] += 1
        check(named["right"] and not named["wrong"], "each process for its own, or none", named)


# A connection that is passed to a process which is no child of its own, and that sends at length at once. The
# other end, a third process, reads slowly.
TO_ANOTHER = """
import time
SIZE = 8000000
server = socket.create_server(("127.0.0.1", 0))
there = server.getsockname()
ours, theirs = socket.socketpair()
giver = os.getpid()
def sleeps(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "S"
other = os.fork()
if not other:
    server.close()
    ours.close()
    s = socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0])
    theirs.recv(1)
    while not sleeps(giver):
        pass
    s.sendall(bytes(SIZE))
    theirs.recv(1)
    os._exit(0)
theirs.close()
reader = os.fork()
if not reader:
    ours.close()
    s = server.accept()[0]
    s.send(s.recv(4))
    while SIZE:
        SIZE -= len(s.recv(50000))
        time.sleep(0.001)
    os._exit(0)
server.close()
time.sleep(0.5)  # a process that was just forked may have the socket, too
s = socket.create_connection(there)
s.send(b"ours")
s.recv(4)
wait(there[1], s.getsockname()[1], giver, other)
%s
os.waitpid(reader, 0)
ours.send(b"x")
os.waitpid(other, 0)
wait("read")
"""
GIVEN = (
    ("closes its descriptor", 'socket.send_fds(ours, [b"1"], [s.fileno()]); s.close(); ours.send(b"x")'),
    ("keeps its descriptor, and waits", 'socket.send_fds(ours, [b"1"], [s.fileno()]); ours.send(b"x")'),
)


def test_long_send_of_another():
    """A process that passed its connection on sends nothing: it is named for no data of the one that got it."""
    with Namespace() as host:
        for title, gives in GIVEN:
            sockline = host.sockline("-e", "packet,connection", "--attribution", "tracepoints", "tcp")
            agent = Agent(host, TO_ANOTHER % gives)
            port, other_port, giver, other = map(int, agent.first.split())
            agent.tell()
            agent.end()
            check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
            named = [end.pid for end in sent_from(sockline.records, other_port, port)]
            check(named.pop(0) == giver, f"a giver that {title}: what it sent is its own", giver)
            check(set(named) <= {other, None}, f"a giver that {title} is not named for what follows",
                  Counter(named))
            check(other in named, f"a giver that {title}: the other one is, once its send is reported", Counter(named))
            told = [source_end(record).pid for record in sockline.find("connection_attributed")
                    if record["source"]["port"] == other_port]
            check(other in told, f"a giver that {title}: so says a record of the connection", told)


# It alone has the connection; the other end reads slowly, or as fast as it can.
OWN = """
import time
server = socket.create_server(("127.0.0.1", 0))
there = server.getsockname()
reader = os.fork()
if not reader:
    s = server.accept()[0]
    while s.recv(50000):
        time.sleep({wait})
    os._exit(0)
server.close()
time.sleep(0.5)  # see above
s = socket.create_connection(there)
wait(there[1], s.getsockname()[1])
for _ in range({count}):
    s.sendall(bytes({size}))
s.shutdown(socket.SHUT_WR)
os.waitpid(reader, 0)
wait("read")
"""
LENGTHS = (("8 MB to a slow reader", {"size": 8000000, "count": 2, "wait": 0.001}),
           ("8 MB to a fast one", {"size": 8000000, "count": 10, "wait": 0}),
           ("128 KB", {"size": 131072, "count": 400, "wait": 0}))


def test_own_long_sends():
    """A process that sends at length on a connection of its own is named, also while its send goes on."""
    with Namespace() as host:
        for title, lengths in LENGTHS:
            sockline = host.sockline("-e", "packet", "--attribution", "tracepoints", "tcp")
            agent = Agent(host, OWN.format(**lengths))
            port, other = map(int, agent.first.split())
            agent.tell()
            agent.end()
            check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
            named = Counter(end.pid for end in sent_from(sockline.records, other, port))
            # A look at it may come too late on a busy machine.
            check(set(named) <= {agent.pid, None} and named[agent.pid] > 9 * named[None], f"writes of {title}", named)


# A server that greets its client, and has a child that reads what the client sends. The port is a server's: of others
# no reads are reported.
GREETING = """
import time
server = socket.create_server(("127.0.0.1", 7712))
there = server.getsockname()
client = os.fork()
if not client:
    server.close()
    s = socket.create_connection(there)
    s.recv(5)
    for _ in range(20):
        s.send(bytes(20000))
        time.sleep(0.01)
    s.shutdown(socket.SHUT_WR)
    s.recv(5)
    os._exit(0)
s = server.accept()[0]
s.send(b"hello")
child = os.fork()
if not child:
    while s.recv(50000):
        pass
    os._exit(0)
s.close()
os.waitpid(child, 0)
os.waitpid(client, 0)
wait(there[1], os.getpid(), child)
"""


def test_reading_child():
    """What carries no data of the server's end is the reader's, although it sends nothing itself."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "tcp")
        agent = Agent(host, GREETING)
        port, parent, child = map(int, agent.first.split())
        agent.end()
        check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
        sent = [(record["sockline"]["tcp"]["payload"], source_end(record).pid) for record in sockline.find("packet")
                if record["source"]["port"] == port]
        greeting = [payload for payload, _ in sent].index(5)
        check(sent[greeting][1] in (parent, None), "the greeting is the parent's", sent)
        pids = [pid for _, pid in sent[greeting + 1:]]
        # The kernel answers the first data before they are read.
        check(pids.count(child) > 10 and parent not in pids[pids.index(child):], "the child's from its first read on", pids)
        closed = sockline.find("connection_closed")[-1]["sockline"]["peer"]["process"]["pid"]
        check(closed == child, "and so it is at the end", closed)


# A process takes a request, another one answers it at once and ends, and the first closes, as sshd's monitor does. The
# other one is its child, or has got the connection in a message; every second one reads before, too.
ANSWERED = """
server = socket.create_server(("127.0.0.1", 7714))
there = server.getsockname()
client = os.fork()
if not client:
    server.close()
    for _ in range(8):
        s = socket.create_connection(there)
        s.send(b"question" * 2)
        while s.recv(9999):
            pass
        s.close()
    os._exit(0)
def answer(s, number):
    if number % 4 > 1:
        s.recv(8)
    for _ in range(10):
        s.send(b"answer" * 100)
    os._exit(0)
others = []
for number in range(8):
    ours, theirs = socket.socketpair()
    in_message = number % 2 and os.fork()
    if number % 2 and not in_message:
        answer(socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0]), number)
    s = server.accept()[0]
    s.recv(8 if number % 4 > 1 else 16)
    if number % 2:
        socket.send_fds(ours, [b"1"], [s.fileno()])
    other = in_message or os.fork()
    if not other:
        answer(s, number)
    os.waitpid(other, 0)
    s.close()
    others.append(other)
os.waitpid(client, 0)
wait(there[1], os.getpid(), *others)
"""


def test_one_asks_another_answers():
    """The one that has answered is named at the end, and from its answer on in what carries no data."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,connection", "tcp")
        agent = Agent(host, ANSWERED)
        port, asked, *others = map(int, agent.first.split())
        agent.end()
        check(sockline.stop_when_asleep() == 0, "ends well", sockline.stderr)
        ended = sorted(sockline.find("connection_closed"), key=lambda one: one["event"]["start"])
        closed = [one["sockline"]["peer"].get("process", {}).get("pid") for one in ended]
        check(closed == others, "each connection is of the one that answered", f"{closed} {others}, not {asked}")
        answers = [source_end(one).pid for one in sockline.find("packet", lambda one: one["source"]["port"] == port)
                   if one["sockline"]["tcp"]["payload"]]
        check(set(answers) <= {*others, None} and answers.count(None) < len(answers) / 2, "and so are its packets", answers)


# Each length is of one sender: 1 the server's, 2 its child's, which has ended, 3 the server's again.
AFTER_CHILD = """
import time
server = socket.create_server(("127.0.0.1", 0))
children = []
if not os.fork():
    for _ in range(20):
        client = socket.create_connection(server.getsockname())
        for _ in range(3):
            client.send(b"q"); client.recv(99)
        time.sleep(0.02)
        client.close()
    os._exit(0)
for _ in range(20):
    s = server.accept()[0]
    s.recv(9); s.send(b"d" * 10); s.recv(9)
    children.append(os.fork())
    if not children[-1]:
        s.send(b"d" * 20)
        os._exit(0)
    os.waitpid(children[-1], 0)
    s.recv(9); s.send(b"d" * 30); s.close()
wait(server.getsockname()[1], *children)
"""


def test_after_a_child():
    """What a server sends after its child has ended is not the child's, also when the socket is gone by then."""
    for mode in ("sentinel", "lookup"):
        with Namespace() as host:
            sockline = host.sockline("-e", "packet", "--attribution", mode, "tcp")
            agent = Agent(host, AFTER_CHILD)
            port, *children = map(int, agent.first.split())
            agent.end()
            sockline.stop()
            packets = sockline.find("packet", lambda one: one["source"]["port"] == port)
            sent = [record for record in packets if record["sockline"]["tcp"]["payload"] in (10, 30)]
            ended = [record for record in packets if "fin" in record["sockline"]["tcp"]["flags"]]
            wrong = [source_end(record) for record in sent + ended
                     if source_end(record).pid and agent.pid not in source_end(record).named]
            check(len(sent) == 40 and len(ended) >= 20 and not wrong, f"{mode}: no child of {len(children)} is named", wrong)


run(globals())
