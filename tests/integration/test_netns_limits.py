#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A user who makes network namespaces, and drops them, blinds no run: what is not watched is reported,
the namespaces of others are, and packets are read meanwhile."""

import os
import resource
import sys
import time

from harness import HERE, SLOWDOWN, Namespace, check, comment, run, until

USER = 54321
AT_ONCE = 80  # namespaces, more than are watched of a user
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
        check(sockline.ended - began < 3 * SLOWDOWN, "and soon", sockline.ended - began)
        comment(f"the end took {sockline.ended - began:.2f} s; "
                f"{len(sockline.find('netns_opened')) - before} namespaces were opened")
        lost = [one["dropped"] for one in
                sockline.find("run_stopped")[0]["sockline"]["stats"]["capture"] if one["dropped"]]
        check(not lost, "no packet was dropped", lost)
        maker.finish()


def test_few_descriptors():
    """The limit is raised; where it cannot be, what is not seen is reported."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    sockline = HERE.sockline("-e", "packet", "port", 7739, via=("prlimit", f"--nofile=256:{most}"))
    with open(f"/proc/{sockline.pid}/limits", encoding="ascii") as file:
        words = next(line for line in file if line.startswith("Max open files")).split()
    check(words[3] == words[4], "the limit on descriptors is raised to the hard one", words)
    sockline.stop()
    sockline = HERE.sockline("-e", "packet", "port", 7739, via=("prlimit", "--nofile=1024:1024"),
                             netns=None)
    degraded = sockline.find("run_started")[0]["sockline"]["degraded"]
    check(any("RLIMIT_NOFILE" in text for text in degraded), "few of them: degraded", degraded)
    sockline.stop()


run(globals())
