#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A user who makes network namespaces, and drops them, blinds no run: what is not watched is reported,
the namespaces of others are, and packets are read meanwhile."""

import os
import resource
import signal
import subprocess
import sys
import time

from harness import HERE, SOCKLINE, Failure, Namespace, check, comment, run, slowdown, until

USER = 54321
AT_ONCE = 80  # namespaces, more than are watched of a user
COUNT = 30  # namespaces that hold still
BURST = 20000  # packets: more than a small ring has room for
MORE = 5000  # not more than it has
# Makes so many, drops them, and again, until its stdin ends.
MAKER = f"""
import ctypes, os, select, sys
libc = ctypes.CDLL(None)
os.setgroups([])
os.setgid({USER})
os.setuid({USER})
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    reader, writer = os.pipe()
    for number in range({AT_ONCE}):
        if os.fork() == 0:
            os.close(writer)
            if libc.unshare(0x50000000) == 0:  # CLONE_NEWUSER | CLONE_NEWNET
                os.read(reader, 1)
            os._exit(0)
    select.select([sys.stdin], [], [], 0.2)
    os.close(writer)
    os.close(reader)
    for number in range({AT_ONCE}):
        os.wait()
"""


def may_make():
    """Whether users may make user namespaces here."""
    child = os.fork()
    if child == 0:
        os.setgid(USER)
        os.setuid(USER)
        os.execvp("unshare", ["unshare", "-U", "-n", "true"])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def opened(sockline, netns):
    return sockline.find("netns_opened", lambda r: r["sockline"]["namespace"]["netns"] == str(netns))


def test_made_and_dropped():
    if not may_make():
        comment("users may make no user namespaces here")
        return
    with Namespace.pair() as (left, right):
        sockline = HERE.sockline("-e", "connection,stats", "udp", "port", 7739, netns=None)
        before = len(sockline.find("netns_opened"))
        maker = HERE.start(sys.executable, "-c", MAKER)
        maker.line()
        limit = sockline.wait_for("limit_reached", lambda r: r["user"]["id"] == str(USER), timeout=30)
        check(limit["sockline"]["limit"]["name"] == "network_namespaces" and
              limit["sockline"]["limit"]["refused"] > 0, "what is not watched is reported, with its user",
              limit)
        with Namespace() as other:
            until(lambda: opened(sockline, other.inode), "the namespace of root", timeout=20)
            check(True, "a namespace of root is watched all the same")
        left.helper("gen", "-c", 50, "-f", 50, "-p", 7739, right.address).finish()
        left.helper("gen", "-c", 50, "-r", 50, "-p", 7739, right.address).finish()
        sockline.wait_for("connection_opened", lambda r: r["destination"]["port"] == 7739)
        began = time.monotonic()
        check(sockline.stop(timeout=20) == 0, "ends well", sockline.stderr)
        check(sockline.ended - began < 3 * slowdown(), "and soon", sockline.ended - began)
        comment(f"the end took {sockline.ended - began:.2f} s; "
                f"{len(sockline.find('netns_opened')) - before} namespaces were opened")
        lost = [one["dropped"] for one in
                sockline.find("run_stopped")[0]["sockline"]["stats"]["capture"] if one["dropped"]]
        check(not lost, "no packet was dropped", lost)
        maker.finish()


def limit_of(sockline, name):
    """The soft and the hard one of a process."""
    with open(f"/proc/{sockline.pid}/limits", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(name))
    return line[len(name):].split()[:2]


def test_few_descriptors():
    """The limit is raised; where it cannot be, what is not seen is reported. --max-memory is a limit, too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockline = HERE.sockline("-e", "packet", "--max-memory", "1G", "port", 7739,
                             via=("prlimit", f"--nofile=256:{most}"))
    soft, hard = limit_of(sockline, "Max open files")
    check(soft == hard, "the limit on descriptors is raised to the hard one", (soft, hard))
    soft, hard = limit_of(sockline, "Max data size")
    check(soft == hard and 1 << 29 < int(soft) < (1 << 30) - (32 << 20),
          "the process may have what the capture buffers leave of --max-memory", (soft, hard))
    sockline.stop()
    few = subprocess.run([SOCKLINE, "--max-memory", "64M", "-d", "1"], check=False,
                         capture_output=True, text=True)
    check(few.returncode == 1 and "--max-memory: this run needs" in few.stderr,
          "what does not suffice for the start is refused, with what does", few.stderr)
    sockline = HERE.sockline("-e", "packet", "port", 7739, via=("prlimit", "--nofile=1024:1024"),
                             netns=None)
    degraded = sockline.find("run_started")[0]["sockline"]["degraded"]
    check(any("RLIMIT_NOFILE" in text for text in degraded), "few of them: degraded", degraded)
    sockline.stop()


def sockets_of(sockline, place):
    """Inodes of the sockets that it has in a namespace."""
    lines = place.run("cat", "/proc/net/packet", "/proc/net/netlink").splitlines()
    there = {line.split()[-1] for line in lines}
    mine = set()
    for name in os.listdir(f"/proc/{sockline.pid}/fd"):
        try:
            mine.add(os.readlink(f"/proc/{sockline.pid}/fd/{name}").strip("socket:[]"))
        except FileNotFoundError:  # closed meanwhile
            pass
    return there & mine


def own_kib(sockline):
    """Its own memory, without the rings of captures and tracepoints that it has read, which a busy machine fills."""
    with open(f"/proc/{sockline.pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("RssAnon")).split()[1])


def rings_of(sockline, places):
    """Inodes of its sockets in the namespaces of which a ring is mapped."""
    with open(f"/proc/{sockline.pid}/maps", encoding="utf-8", errors="replace") as file:
        mapped = {line.split()[4] for line in file if "socket:" in line}
    return mapped & set().union(*(sockets_of(sockline, place) for place in places))


def has_walked(sockline):
    """It has read all processes once, also those of other tests."""
    sockline.send_signal(signal.SIGUSR1)
    stats = sockline.find("capture_stats")
    return stats and stats[-1]["sockline"]["stats"]["processes"]["scans"] > 0


def last_capture(sockline, action, place):
    """What the last such record counts in a namespace; None: nothing yet."""
    captures = sockline.find(action)[-1]["sockline"]["stats"]["capture"] if sockline.find(action) else []
    return next((capture for capture in captures if capture.get("netns") == str(place.inode)), None)


def send_until_ring(sockline, place):
    """Bursts of packets; returns how many. A machine on which it reads less than 1000 in 100 ms has more than one."""
    def has_ring():
        sockline.send_signal(signal.SIGUSR1)
        capture = last_capture(sockline, "capture_stats", place)
        return capture and capture["buffer_bytes"] < 32 << 20

    for bursts in range(1, 11):
        # While it is not running nothing is read: all of it has to find room.
        sockline.send_signal(signal.SIGSTOP)
        place.helper("gen", "-c", BURST, "-p", 7740, "127.0.0.1").finish()
        sockline.send_signal(signal.SIGCONT)
        try:
            until(has_ring, "a ring", timeout=1, interval=0.1)
            break
        except Failure:
            comment(f"no ring after {bursts} bursts")
    return bursts


def test_many_namespaces():
    """A quiet namespace costs three descriptors and next to no memory; a burst in it is not lost, and
    it has a ring of its own then."""
    sockline, quiet = (HERE.sockline("-e", "connection,stats", "--attribution", method, "udp", "port", 7740, netns=None)
                       for method in ("auto", "lookup"))
    # By tracepoints, the processes of the whole machine would fill tables meanwhile.
    until(lambda: has_walked(quiet), "all processes to be read", interval=0.1)
    before = own_kib(quiet)
    places = [Namespace() for _ in range(COUNT)]
    numbers = {str(place.inode) for place in places}
    for one in sockline, quiet:
        until(lambda one=one: numbers <= {record["sockline"]["namespace"]["netns"]
                                          for record in one.find("netns_opened")}, "all namespaces")
    grown = own_kib(quiet) - before
    quiet.stop()
    # What was asked when it was found is over some seconds later.
    until(lambda: all(len(sockets_of(sockline, place)) == 3 for place in places),
          lambda: f"three descriptors in each namespace: {[sockets_of(sockline, place) for place in places]}",
          timeout=30)
    check(True, "three descriptors in each namespace")
    check(grown < COUNT * 256, f"{COUNT} namespaces take less than 256 KiB each", f"{grown} KiB")
    rings = rings_of(sockline, places)
    check(not rings, "and none of them has a ring", rings)
    bursts = send_until_ring(sockline, places[0])
    check(len(rings_of(sockline, places)) == 1, "after the burst one has", rings_of(sockline, places))
    places[0].helper("gen", "-c", MORE, "-p", 7740, "127.0.0.1").finish()
    sockline.stop()
    burst = last_capture(sockline, "run_stopped", places[0])
    check(burst["received"] == bursts * BURST + MORE and burst["dropped"] == 0,
          f"a burst of {BURST} packets is not lost, nor are {MORE} after it", burst)
    check(burst["buffer_bytes"] == 2 << 20, "it has a ring then", burst)


run(globals())
