#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A process is named as what it was at the time: after an exec by another name and executable than
before, also when it is gone at once. Races are met by many short runs; a wrong name fails in any."""

import collections
import os
import shutil
import time

from harness import HELPERS, HERE, Namespace, check, path, run, skip, until
from mksock import Mksock

ROUNDS = 12
ATTEMPTS = 3  # to name all: a storm of events on the machine makes the kernel lose some
PORT = 7700
ANY = None  # a program started by a descriptor is named after that before Linux 6.14
NAMES = ("first", "second", "third", "fourth")


def copies():
    """Programs of several names that do the same."""
    for name in NAMES:
        shutil.copy(os.path.join(HELPERS, "exec_flow"), path(name))
        os.chmod(path(name), 0o755)
    os.chmod(os.path.dirname(path("first")), 0o755)
    return [path(name) for name in NAMES]


def owners(records):
    """By source port, each (name, executable) that was given."""
    found = collections.defaultdict(set)
    for record in records:
        if record.get("destination", {}).get("port") == PORT and "source" in record:
            process = record.get("process", {})
            found[record["source"]["port"]].add((process.get("name"), process.get("executable")))
    return found


def start(place, method):
    sockline = place.sockline("-e", "packet,connection", "--attribution", method)
    time.sleep(0.3)
    return sockline


def attempt(title, once):
    """once() -> (wrong, named, wanted, what was found). Wrong is wrong in any attempt."""
    for number in range(ATTEMPTS):
        wrong, named, wanted, found = once()
        check(not wrong, f"{title}: none is wrong", wrong[:5])
        if named >= wanted or number == ATTEMPTS - 1:
            check(named >= wanted, f"{title}: all are named", f"{named} of {wanted}; {found}")
            return


def play(title, steps, expected, method="tracepoints"):
    """Runs the steps (a list of words, with {} for the copies) ROUNDS times. expected: (name,
    executable) of each port that a run uses in turn."""
    attempt(f"{method}: {title}", lambda: play_once(steps, expected, method))


def play_once(steps, expected, method):
    programs = copies()
    with Namespace() as host:
        sockline = start(host, method)
        ports = []
        for number in range(ROUNDS):
            base = 20000 + 10 * number
            words = [word.format(*programs) for word in steps]
            argv = [words[0], str(base), str(PORT), *words[1:]]
            host.run(*argv)
            ports += [(base + turn, name, executable)
                      for turn, (name, executable) in enumerate(expected)]
        time.sleep(0.4)
        sockline.stop()
        found = owners(sockline.records)
    wrong, named = [], 0
    for port, name, executable in ports:
        for got in found[port]:
            right = name in (ANY, got[0]) and got[1] == executable.format(*programs)
            named += right
            if not right and got != (None, None):
                wrong.append((port, got))
    return wrong, named, len(ports) if method == "tracepoints" else 0, dict(found)


def test_chain():
    play("four images, of which the second and the last send",
         ["{0}", "exec:{1}", "send", "exec:{2}", "exec:{3}"],
         [("second", "{1}"), ("fourth", "{3}")])


def test_ways_to_become_another():
    play("exec by a thread", ["{0}", "send", "thread:{1}"], [("first", "{0}"), ("second", "{1}")])
    play("posix_spawn and vfork", ["{0}", "spawn:{1}", "send", "vfork:{2}"],
         [("second", "{1}"), ("third", "{2}")])
    play("a child that is its parent's sibling", ["{0}", "sibling:{1}"], [("second", "{1}")])
    play("a deleted program", ["{0}", "send", f"deleted:{path('gone')}"],
         [("first", "{0}"), (ANY, path("gone"))])


def test_threads():
    """A thread of another name: the process is named, before and after its next exec."""
    for method in ("tracepoints", "lookup"):
        play("a thread that sends", ["{0}", "worker:other", "exec:{1}", "worker:other", "send"],
             [("first", "{0}"), ("second", "{1}"), ("second", "{1}")], method)


def test_without_a_file():
    play("a program in memory", ["{0}", "send", "memfd:hidden"],
         [("first", "{0}"), (ANY, "/memfd:hidden")])


def wrap_once():
    script, shell = path("script"), path("shell")
    for name, head in ((script, "#!/bin/sh"), (shell, "#!/bin/bash")):
        with open(name, "w", encoding="ascii") as file:
            file.write(f'{head}\nexec "$@"\n')
        os.chmod(name, 0o755)
    program = copies()[0]
    with Namespace() as host:
        sockline = start(host, "tracepoints")
        port = 20000
        for _ in range(ROUNDS):
            for wrapper in ([script], [shell, script], ["env"], ["nice"], ["sh", "-c", 'exec "$@"', "-"]):
                host.run(*wrapper, program, port, PORT)
                port += 1
        time.sleep(0.4)
        sockline.stop()
        found = owners(sockline.records)
    right = [port for port in found if found[port] == {("first", program)}]
    wrong = [(port, got) for port, got in found.items()
             if got not in ({("first", program)}, {(None, None)})]
    return wrong, len(right), port - 20000, dict(found)


def test_wrappers():
    """It is the program that is named, and never the script or command that ran it."""
    attempt("wrappers", wrap_once)


def test_other_methods():
    """They need not know the name, but none is wrong."""
    for method in ("sentinel", "lookup"):
        play("four images", ["{0}", "exec:{1}", "send", "exec:{2}", "exec:{3}"],
             [("second", "{1}"), ("fourth", "{3}")], method)
        play("exec by a thread", ["{0}", "send", "thread:{1}"],
             [("first", "{0}"), ("second", "{1}")], method)


WORKER = """
import os, socket, sys
sys.stdin.readline()
with socket.socket() as end:
    end.bind(("127.0.0.1", int(sys.argv[1])))
    end.connect_ex(("127.0.0.1", int(sys.argv[2])))
    os._exit(0)
"""


def older_once():
    count = 15
    executable = os.path.realpath("/usr/bin/python3")
    with Namespace() as host:
        workers = [host.start(executable, "-c", WORKER, 20000 + number, PORT)
                   for number in range(count)]
        time.sleep(1)
        sockline = start(host, "tracepoints")
        for worker in workers:
            worker.send("\n")
            worker.finish()
        time.sleep(0.4)
        sockline.stop()
        found = owners(sockline.records)
    right = [port for port in found if {got[1] for got in found[port]} == {executable}]
    wrong = [(port, got) for port, got in found.items()
             if not {executable_of for _, executable_of in got} <= {executable, None}]
    return wrong, len(right), count, dict(found)


def test_older_process():
    """It ran before, uses the network once and is gone."""
    attempt("processes that were there before", older_once)


DROP = """
import os, socket
for number in range(4):
    if number == 2:
        os.setgroups([])
        os.setgid(33)
        os.setuid(33)
    socket.create_connection(("127.0.0.1", 7700)).close()
    input()
"""


def test_user_changed():
    """A daemon that gives up root without exec: each connection has the user of its time."""
    with Namespace() as host:
        probe = HERE.sockline("-e", "stats", "--attribution", "lookup")
        if "process events" in str(probe.find("run_started")[0]["sockline"]["degraded"]):
            skip("each connection has the user of its time", "process events are refused here")
            return
        probe.stop()
        listener = Mksock(host, f"tcp-listen 127.0.0.1 {PORT}")
        # From the first network namespace: process events are refused in others.
        sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints",
                                 netns=f"/run/netns/{host.name}")
        daemon = host.start("python3", "-c", DROP)
        for count in range(1, 5):
            until(lambda: len(sockline.find("connection_opened", to_port)) >= count, "a connection")
            daemon.send("\n")
        daemon.finish()
        listener.end()
        sockline.stop()
        users = [record.get("user", {}).get("id")
                 for record in sockline.find("connection_opened", to_port)]
        check(users == ["0", "0", "33", "33"], "each connection has the user of its time", users)


def to_port(record):
    return record["destination"]["port"] == PORT


run(globals())
