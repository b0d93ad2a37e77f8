#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""sockline -- COMMAND: the records of its processes and of no others, its status, its end."""

import os
import shutil
import signal
import sys
import time

from harness import HERE, SOCKLINE, Namespace, check, path, run
from mksock import Mksock

ALWAYS = ("sockline.run", "sockline.log", "sockline.stats")
RUNS = 3
ATTEMPTS = 3  # to be found: a busy machine is late
SEND = "busybox nc 127.0.0.1 $0 </dev/null"
SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 0), backlog=128)
print(server.getsockname()[1], flush=True)
while True:
    server.accept()[0].close()
"""
SLOW_SERVER = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection = server.accept()[0]
    connection.recv(1)
    time.sleep(0.03)
    connection.close()
"""
CLIENT = "import os, socket, sys; end = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); os._exit(0)"

# Owns a socket, and then executes itself for each line.
OWNER = """
import os, socket, sys
if sys.orig_argv[-1] != "again":
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
print("runs", flush=True)
sys.stdin.readline()
os.execv(sys.executable, [*sys.orig_argv[:3], "again"])
"""


def command(host, *words, options=(), via=(), **keywords):
    return host.sockline(*options, "--", *words, via=via, wait=False, **keywords)


def status(host, *words, **keywords):
    sockline = command(host, *words, **keywords)
    return sockline.wait(), sockline


def ports(sockline, action):
    return [one["source"]["port"] for one in sockline.find(action)]


def test_tree():
    """Short-lived programs of several generations, beside others that do the same."""
    with Namespace() as host:
        port = host.start(sys.executable, "-c", SERVER).line()
        others = host.start("sh", "-c", f"while :; do {SEND}; done", port)
        try:
            for script, count in ((SEND, 1), (f"{SEND}; {SEND}", 2), (f"( ( {SEND} ) & wait )", 1),
                                  (f"setsid sh -c '{SEND}' $0 & wait", 1), (f"exec env sh -c '{SEND}; {SEND}' $0", 2)):
                wrong, opened, whole = [], [], 0
                for _ in range(RUNS):
                    result, sockline = status(host, "sh", "-c", script, port,
                                              options=("-e", "packet,connection,stats"))
                    opened.append(len(ports(sockline, "connection_opened")))
                    first = sockline.find("connection_opened")
                    wrong += [one for one in first if one["process"]["name"] not in ("busybox", "nc", "sh")]
                    syns = [one for one in sockline.find("packet")
                            if one["sockline"].get("tcp", {}).get("flags") == ["syn"]]
                    # Other tests flood the rings of tracepoints: what was lost there is reported, not guessed.
                    lost = sockline.find("run_stopped")[-1]["sockline"]["stats"]["tracepoints"]["lost"]
                    whole += lost > 0 or len(syns) == count == opened[-1]
                    if result != 0 or max(len(syns), opened[-1]) > count:
                        wrong.append((result, len(syns), sockline.stderr))
                check(not wrong, f"{script}: none but its connections", (opened, wrong[:2]))
                check(whole == RUNS, f"{script}: from the first packet on", opened)
        finally:
            others.kill()


def lives(sockline, name):
    """The records of the process: of start, exec and end, in the order in which they were written."""
    return [(one["event"]["action"].removeprefix("process_"), one) for one in sockline.records
            if one["event"]["dataset"] == "sockline.process" and one["process"].get("name") == name]


def is_one(records):
    """They are of one process, each a later fact than the one before."""
    return len({one["process"].get("entity_id") for one in records}) == 1 and \
        [one["@timestamp"] for one in records] == sorted(one["@timestamp"] for one in records)


def test_processes():
    """What became of processes: of those that own a socket, or of all."""
    with Namespace() as host:
        script = "busybox true; busybox nc 127.0.0.1 1; (exit 3); exec busybox nc 127.0.0.1 2"
        sockline = status(host, "sh", "-c", script, options=("-e", "connection,process"))[1]
        records = sockline.find("process_started") + sockline.find("process_ended")
        owners = {one["process"]["pid"] for one in sockline.find("connection_opened")}
        check({one["process"]["pid"] for one in records} == owners and len(records) == 4 and len(owners) == 2,
              "each owner has started and ended, and no other process", records)
        for owner in owners:
            order = [one["event"]["action"] for one in sockline.records if one.get("process", {}).get("pid") == owner]
            check(order[0] == "process_started" and "process_ended" in order, "its start comes before all else", order)


def test_all_processes():
    """Each that is forked, executes a program or ends, in the first network namespace: others have no statuses."""
    script = "busybox true; busybox nc 127.0.0.1 1; (exit 3); exec busybox nc 127.0.0.1 2"
    sockline = status(HERE, "sh", "-c", script, options=("-e", "lifecycle", "--all-processes", "--args"))[1]
    for name, count in (("true", 1), ("nc", 2)):
        ended = [one for action, one in lives(sockline, "busybox") + lives(sockline, name) if action == "ended"]
        check(len(ended) >= count, f"{name}: ended", ended)
    own = [one for action, one in lives(sockline, "sh") if action == "started"]
    check(len(own) == 3 and len({one["process"]["pid"] for one in own}) == 3, "each fork of the shell", own)
    root = [one for one in sockline.records if one.get("process", {}).get("pid") == own[0]["process"]["parent"]["pid"]]
    actions = [one["event"]["action"] for one in root]
    check(actions == ["process_started", "process_executed", "process_executed", "process_ended"] and is_one(root),
          "a process that executes two programs", actions)
    check([os.path.basename(one["process"]["executable"]) for one in root[1:]] ==
          [os.path.basename(os.path.realpath("/bin/sh")), "busybox", "busybox"],
          "each of its records has its program", root)
    second = ["busybox", "nc", "127.0.0.1", "2"]
    check([one["process"].get("args") for one in root[1:]] == [["sh", "-c", script], second, second],
          "and its arguments", root)
    codes = sorted(one["process"].get("exit_code", -1) for one in sockline.find("process_ended"))
    check(codes == [0, 1, 1, 3], "with their statuses", codes)


# Records of all processes, while no packet is captured.
QUIET = ("-i", "lo", "-e", "lifecycle", "--all-processes", "--args", "host 192.0.2.1")


def test_quiet():
    """What happens right before the end is recorded as well, without a packet that asks for it."""
    script = "/bin/true a; (exit 7); exit 3"
    result, sockline = status(HERE, "sh", "-c", script, options=QUIET)
    ended = [(one["process"]["name"], one["process"].get("exit_code")) for one in sockline.find("process_ended")]
    check(result == 3 and ended == [("true", 0), ("sh", 7), ("sh", 3)], "a command: each of its ends", ended)
    args = [one["process"].get("args") for one in sockline.find("process_executed")]
    check(args == [["sh", "-c", script], ["/bin/true", "a"]], "a command: its programs", args)
    sockline = HERE.sockline(*QUIET)
    HERE.run("/bin/true", "last-of-all")
    sockline.stop()
    lived = [(action, one["process"].get("exit_code") if action == "ended" else None)
             for action, one in lives(sockline, "true")
             if action != "started" and one["process"].get("args") == ["/bin/true", "last-of-all"]]
    check(lived == [("executed", None), ("ended", 0)], "a program right before the signal", lived)


def test_latency():
    """Without packets the records of an owner do not wait for a second to pass, as one after another would:
    they are there when the program that they are about runs."""
    with Namespace() as host:
        sockline = host.sockline("-e", "lifecycle")
        owner = host.start(sys.executable, "-c", OWNER)
        sockline.wait_for("process_started", lambda one: one["process"]["pid"] == owner.pid)
        owner.line()
        took = []
        while len(took) < 15 and (len(took) < 5 or max(took[-5:]) > 0.35):
            owner.send("\n")
            owner.line()
            runs = time.monotonic()
            sockline.wait_for("process_executed", count=len(took) + 1)
            took.append(time.monotonic() - runs)
        check(max(took[-5:]) <= 0.35, "five in a row are there at once", took)
        owner.kill()
        sockline.stop()


def test_status():
    """The status of the command is that of sockline, and the reason is reported."""
    with Namespace() as host:
        for words, expected in ((("true",), 0), (("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137),
                                (("/nonexistent",), 127), (("/etc/passwd",), 126)):
            result, sockline = status(host, *words)
            check(result == expected, f"{words}: status {expected}", (result, sockline.stderr))
            stopped = sockline.find("run_stopped")[0]["event"]["reason"]
            check(stopped == "command", f"{words}: the run ends with the command", stopped)
        started = sockline.find("run_started")[0]["sockline"]["config"]
        check(started.get("command") == "/etc/passwd", "the record says what was run", started)
        for options in (("-r", path("x")), ("-S",), ("-c", "1"), ("-d", "1")):
            result, sockline = status(host, "touch", path("ran"), options=options)
            check(result == 2 and not os.path.exists(path("ran")), f"{options[0]}: wrong usage, nothing is run",
                  sockline.stderr)
        result, sockline = status(host, "touch", path("ran"), options=("-o", "/nonexistent/x"))
        check(result == 1 and not os.path.exists(path("ran")), "it is not run when the capture fails", sockline.stderr)


def test_output():
    """Records alone are on standard output; with -o it is the command's."""
    with Namespace() as host:
        result, sockline = status(host, "echo", "hello")
        check(result == 0 and b"hello" not in sockline.output and "hello" in sockline.stderr,
              "what it prints goes to standard error", sockline.stderr)
        process = host.start(SOCKLINE, "-o", path("file"), "--netns", "self", "--", "echo", "hello")
        check(process.line() == "hello" and process.wait() == 0, "with -o it has its standard output")
        secret = status(host, "echo", "marker-of-argv")[1]
        check(b"marker-of-argv" not in secret.output, "its arguments are in no record")


def test_signals():
    """A signal ends both, also a command that does not want to."""
    with Namespace() as host:
        stubborn = ("sh", "-c", "trap '' TERM INT; while :; do sleep 0.1; done")
        for number, words, ended_by in ((signal.SIGINT, ("sleep", "60"), signal.SIGINT),
                                        (signal.SIGTERM, ("sleep", "60"), signal.SIGTERM),
                                        (signal.SIGTERM, stubborn, signal.SIGKILL)):
            sockline = command(host, *words)
            sockline.wait_for("run_started")
            time.sleep(0.3)
            children = host.run("pgrep", "-P", sockline.pid).split()
            result = sockline.stop(number)
            gone = [pid for pid in children if os.path.exists(f"/proc/{pid}")]
            check(children and not gone, f"{words[-1]} {number}: the command has ended", (children, gone))
            check(result == 128 + ended_by, f"{words[-1]} {number}: so has sockline", result)
            stopped = sockline.find("run_stopped")
            check(stopped and stopped[0]["event"]["reason"] == "signal", f"{words[-1]} {number}: by a signal", stopped)


def test_sudo():
    """Under sudo the command is the user's."""
    with Namespace() as host:
        via = ("env", "SUDO_UID=65534", "SUDO_GID=65534", "SUDO_USER=nobody")
        result, sockline = status(host, "sh", "-c", "id -u; id -g; id -G; grep Cap /proc/self/status", via=via)
        lines = sockline.stderr.split("\n")
        check(result == 0 and lines[:2] == ["65534", "65534"] and "0" not in lines[2].split(),
              "user, group and groups are those of the user", sockline.stderr)
        check("CapEff:\t0000000000000000" in sockline.stderr and "CapPrm:\t0000000000000000" in sockline.stderr,
              "it has no capabilities", sockline.stderr)


def test_lookup():
    """Without tracepoints and process events, parents are followed."""
    with Namespace() as host:
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        busy = shutil.which("busybox")
        other = host.start(busy, "nc", "127.0.0.1", server.port())
        for _ in range(ATTEMPTS):
            sockline = command(host, "sh", "-c", f"{busy} nc 127.0.0.1 $0 & echo $! >&2; sleep 1.5; kill $!; wait",
                               server.port(), options=("-e", "packet,connection", "--attribution", "lookup"),
                               via=("setpriv", "--bounding-set=-sys_admin"))
            time.sleep(1)
            other.send("x\n")
            check(sockline.wait() == 0, "ends well", sockline.stderr)
            # A packet has the process that sent it: the server's, in the same connection.
            found = {one["process"]["pid"] for one in sockline.records
                     if one["event"]["dataset"] not in ALWAYS and one["process"]["pid"] != server.pid}
            own = {int(line) for line in sockline.stderr.splitlines() if line.isdigit()}
            check(len(own) == 1 and found <= own, "no other process", (found, own, other.pid, server.pid))
            if found:
                break
        check(found, "its process", sockline.stderr)


def test_last_packets():
    """The other end answers after the command has ended."""
    with Namespace() as host:
        port = host.start(sys.executable, "-c", SLOW_SERVER).line()
        for _ in range(ATTEMPTS):
            result, sockline = status(host, sys.executable, "-c", CLIENT, port, options=("-e", "connection"))
            ends = [one["event"]["reason"] for one in sockline.find("connection_closed")]
            if ends == ["fin"]:
                break
        check((result, ends) == (0, ["fin"]), "they are captured", (result, ends, sockline.stderr))


run(globals())
