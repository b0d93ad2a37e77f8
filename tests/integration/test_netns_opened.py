#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that are made while sockline runs are captured from their first moments."""

import os
import signal
import sys

from harness import HERE, Namespace, check, run, until

# A new namespace without exec, as containers make them: loopback up, a pause, one connection.
MAKER = """
import ctypes, fcntl, os, socket, struct, sys, time
how, delay, port, count = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
NEWNET, libc = 0x40000000, ctypes.CDLL(None)
if how == "unshare":
    assert libc.unshare(NEWNET) == 0
elif libc.syscall(56, NEWNET | 17, 0, 0, 0, 0):  # clone(CLONE_NEWNET | SIGCHLD)
    os.wait()
    sys.exit()
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
for number in range(count):
    control.sendto(b"early", ("127.0.0.1", port + 1))
time.sleep(delay)
server = socket.create_server(("127.0.0.1", port))
client = socket.create_connection(("127.0.0.1", port))
served = server.accept()[0]
client.sendall(b"hello")
served.recv(5)
time.sleep(0.2)
client.close()
served.close()
time.sleep(0.2)
print(os.getpid(), os.stat("/proc/thread-self/ns/net").st_ino)
"""
PORT = 7734
TIMES = 10
WAIT = 0.15  # seconds between the making of a namespace and its first packet


def make(how, delay, count=0):
    output = HERE.run(sys.executable, "-c", MAKER, how, delay, PORT, count)
    pid, netns = output.split()
    return int(pid), netns


def opened(sockline, netns):
    return [record["sockline"]["namespace"] for record in sockline.find("netns_opened")
            if record["sockline"]["namespace"]["netns"] == netns]


def test_made_without_exec():
    if os.uname().machine != "x86_64":
        return  # the number of clone(2)
    for how in ("unshare", "clone"):
        sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints", "tcp", "port", PORT,
                                 netns=None)
        made = [make(how, WAIT) for _ in range(TIMES)]
        sockline.wait_for("connection_closed", count=TIMES)
        check(sockline.stop() == 0, f"{how}: ends well", sockline.stderr)
        closed = [record for record in sockline.find("connection_closed")
                  if record["destination"]["port"] == PORT]
        check(len(closed) == TIMES, f"{how}: of {TIMES} namespaces each connection is captured", len(closed))
        events = [opened(sockline, netns) for _, netns in made]
        # Namespaces are opened one after the other: with those of other tests before it, one is opened when the
        # connection is under way already.
        late = {pid for (pid, _), event in zip(made, events)
                if any(one.get("age_ns", 0) > WAIT * 1e9 for one in event)}
        pids = {record["process"]["pid"] for record in closed if "process" in record}
        check(pids <= {pid for pid, _ in made} and {pid for pid, _ in made} - pids <= late,
              f"{how}: and has its owner", (pids, made, late))
        check(all(len(event) >= 1 for event in events), f"{how}: each is reported", events)
        # Other tests make namespaces, too, and the kernel gives a number again.
        check(all(any(one.get("age_ns", 0) > 0 for one in event) for event in events),
              f"{how}: with its age", events)


def test_what_was_missed():
    """What is sent before any capture could be open is counted."""
    sockline = HERE.sockline("-e", "packet", "udp", "port", PORT + 1, netns=None)
    sockline.send_signal(signal.SIGSTOP)
    with Namespace() as place:
        place.helper("gen", "-c", "50", "-p", PORT + 1, "127.0.0.1").finish()
        sockline.send_signal(signal.SIGCONT)
        event = until(lambda: opened(sockline, str(place.inode)), "the namespace")[0]
    sockline.stop()
    # A datagram to a port that nobody has is answered by ICMP, which passes loopback, too.
    check(not sockline.find("packet") and event["missed_packets"] >= 50, "packets of before are counted", event)


ATTEMPTS = """
import socket, sys, time
first, count = map(int, sys.argv[1:])
for port in range(first, first + count):
    socket.socket().connect_ex(("127.0.0.1", port))
    print(port, flush=True)
    time.sleep(0.02)
"""


def netns_of(record):
    return record["sockline"].get("socket", {}).get("netns")


def test_connect_of_before():
    """A connect that was refused before its namespace was captured may have had packets: none is known."""
    ports = range(PORT + 2, PORT + 42)
    sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints", netns=None)
    sockline.send_signal(signal.SIGSTOP)
    with Namespace() as place:
        client = place.start(sys.executable, "-c", ATTEMPTS, ports[0], len(ports))
        for _ in range(8):
            client.line()
        sockline.send_signal(signal.SIGCONT)
        client.finish()
        netns = str(place.inode)  # those of other tests send to some of these ports, too
        sockline.wait_for("connection_closed", lambda record: netns_of(record) == netns and
                          record["destination"].get("port") == ports[-1])
    sockline.stop()
    closed = {record["destination"].get("port"): record["event"].get("reason")
              for record in sockline.find("connection_closed", lambda record: netns_of(record) == netns)}
    reasons = {closed[port] for port in ports if port in closed}
    check(reasons == {"refused"}, "what was not captured is not reported as an attempt without packets", closed)


def test_named():
    """`ip netns add`: nobody is in it any more, but it has a name."""
    sockline = HERE.sockline("-e", "packet", "udp", "port", PORT + 1, netns=None)
    places = [Namespace() for _ in range(3)]
    for place in places:
        netns = str(place.inode)
        until(lambda: opened(sockline, netns), f"namespace {netns}", timeout=1.5)
    sockline.stop()
    check(True, "a namespace with a name is captured at once")


run(globals())
