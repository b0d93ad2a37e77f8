#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Promises that no other file holds: memory that is bounded (P10, P26), names that are hostile (P18), secrets (P24),
system calls that fail (P25)."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import SOCKLINE, Failure, Namespace, check, path, run, skip, slowdown, until
from traffic import final, flood

# Calls and errors. A call fails each time, or now and then; the dynamic loader makes some of them, too, and
# its calls are left alone.
OF_LOADER = {"mmap": 150, "openat": 60, "read": 40, "pread64": 40}
FAULTS = (
    ("recvmsg", "ENOBUFS"), ("recvmsg", "ENOMEM"), ("recvmsg", "EINTR"), ("recvmmsg", "ENOBUFS"),
    ("sendto", "ENOBUFS"), ("sendmsg", "ENOBUFS"), ("sendmsg", "EPERM"), ("socket", "EMFILE"),
    ("socket", "EPERM"), ("bind", "ENOMEM"), ("setsockopt", "ENOMEM"), ("setsockopt", "EPERM"),
    ("mmap", "ENOMEM"), ("openat", "EMFILE"), ("openat", "EACCES"), ("openat", "ENOMEM"),
    ("read", "EINTR"), ("read", "EIO"), ("pread64", "EIO"), ("readlink", "EACCES"),
    ("getdents64", "ENOMEM"), ("write", "EINTR"), ("write", "EAGAIN"), ("write", "EIO"),
    ("epoll_wait", "EINTR"), ("epoll_ctl", "ENOMEM"), ("poll", "EINTR"), ("ppoll", "EINTR"),
    ("perf_event_open", "EMFILE"), ("perf_event_open", "EACCES"), ("ioctl", "ENOMEM"),
    ("clone3", "EAGAIN"), ("timerfd_create", "EMFILE"), ("timerfd_settime", "EINVAL"),
    ("signalfd4", "EMFILE"), ("eventfd2", "EMFILE"), ("setns", "EPERM"), ("statx", "EACCES"),
    ("getrandom", "EINTR"), ("prlimit64", "EPERM"), ("sched_setscheduler", "EPERM"),
)


def faulty(host, call, error, when):
    """sockline for a second, with that call failing; what is wrong with the way it ends, or None."""
    argv = [*host.prefix, "strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace=?{call}",
            "-e", f"inject=?{call}:error={error}{when}", SOCKLINE, "--netns", "self", "-i", "lo",
            "-e", "all", "-d", "1"]
    try:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                timeout=30 * slowdown())
    except subprocess.TimeoutExpired:
        return "does not end"
    if result.returncode not in (0, 1):
        return f"ends with {result.returncode}: {result.stderr[-300:]}"
    if result.returncode == 1 and call != "write" and not result.stderr.startswith(b"sockline: "):
        return f"fails without a message: {result.stderr[-300:]}"
    if not all(is_record(line) for line in result.stdout.splitlines(keepends=True)):
        return f"writes what is no record: {result.stdout[-300:]}"
    return None


def is_record(line):
    try:
        return line.endswith(b"\n") and "@timestamp" in json.loads(line)
    except ValueError:
        return False


def test_p25_failing_calls():
    if not shutil.which("strace"):
        skip("failing calls", "needs strace")
        return
    with Namespace() as host:
        gen = flood(host, "-c", "0", "-r", "200")
        cases = [(call, error, f":when={OF_LOADER.get(call, 1) + first}+{step}")
                 for call, error in FAULTS for first, step in ((0, 1), (1, 5))]
        # What is to be tried again must succeed at some time.
        cases = [case for case in cases
                 if not case[2].endswith("+1") or case[1] not in ("EINTR", "EAGAIN")]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            faults = list(pool.map(lambda case: faulty(host, *case), cases))
        gen.stop()
        wrong = [f"{call} {error}{when}: {fault}" for (call, error, when), fault in zip(cases, faults) if fault]
        check(not wrong, f"{len(cases)} failing calls: a clear end, or a valid stream", "\n".join(wrong))


def test_p25_event_loop():
    """A wait for events that fails ends the run, with its last record."""
    if not shutil.which("strace"):
        return
    with Namespace() as host:
        gen = flood(host, "-c", "0", "-r", "1000")
        result = host.start("strace", "-qq", "-o", "/dev/null", "-e", "trace=?epoll_wait,?epoll_pwait", "-e",
                            "inject=?epoll_wait,?epoll_pwait:error=ENOMEM:when=10+", SOCKLINE, "--netns", "self",
                            "-i", "lo", "-e", "stats")
        status = result.wait(30)
        gen.stop()
        last = json.loads(result.lines[-1])["event"]
        check(status == 1 and "event loop" in result.stderr, "an error, and status 1", (status, result.stderr))
        check((last["action"], last["reason"]) == ("run_stopped", "error"), "and the last record", last)


def unread_of(host, sent):
    """The capture_stats at the end of a run whose reader sleeps for so many packets; None: on a busy machine it is too
    slow even for that record."""
    sockline = host.sockline("-i", "lo", "-e", "packet,stats")
    sockline.reading.clear()
    sockline.validated = True  # other tests validate such records; these are many
    host.helper("gen", "-i", "lo", "-c", str(sent), "10.9.9.9").wait(30)
    sockline.send_signal(signal.SIGTERM)
    sockline.reading.set()
    sockline.wait(30)
    stopped = sockline.find("run_stopped")
    return stopped[0]["sockline"]["stats"] if stopped else None


def test_p7_unread():
    """The run ends while its reader is slow: what is left in the kernel's buffer is counted."""
    with Namespace() as host:
        for sent in (30000, 20000, 10000, 5000, 1000):
            stats = unread_of(host, sent)
            if stats:
                break
        check(stats, f"the last record of a run with {sent} packets comes")
        capture = stats["capture"][0]
        check(capture["received"] - capture["unread"] == stats["packets"], "received = read + unread", stats)
        check(stats["packets"] + capture["unread"] + capture["dropped"] >= sent,
              f"and all of {sent} are in a number", stats)


def test_p10_memory():
    """Flows in numbers: connections are evicted, and memory does not grow with them."""
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "-e", "stats", "--max-connections", "1000", "--stats-interval", "0")

        def grown_by(flows):
            """KiB. What it knows of the machine's processes grows, too, when many others start there."""
            before = resident()
            host.helper("gen", "-i", "lo", "-c", flows, "-f", flows, "10.9.9.9").wait(30)
            sockline.wait_until_asleep()  # it has read them
            return resident() - before

        def resident():
            with open(f"/proc/{sockline.pid}/status", encoding="ascii") as file:
                fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
            return int(fields["VmRSS"].split()[0])
        grown_by(20000)
        grown = grown_by(60000)
        for _ in range(2):  # what flows take, they take each time
            if grown >= 4096:
                grown = min(grown, grown_by(60000))
        check(sockline.stop() == 0, "60,000 flows: ends well", sockline.stderr)
        connections = final(sockline)["sockline"]["stats"]["connections"]
        check(connections["opened"] > 70000 and connections["evicted"] >= connections["opened"] - 1000,
              "all but a thousand are evicted", connections)
        check(grown < 4096, "and memory grows by less than 4 MiB", grown)


HOSTILE = ("\033]0;x\a", "a\nb", "\"}{", "\u202egnp.exe", "%s%n")


def test_p18_hostile_names():
    """Control characters, quotes and text that turns around, in names and paths of processes."""
    talk = "import ctypes, socket, sys, os\n" \
        "ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1]), 0, 0, 0)\n" \
        "l = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(l.getsockname())\n" \
        "s, _ = l.accept(); c.send(b'x'); s.recv(1); c.close(); s.close()\n"
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "-e", "connection,packet", "--hash")
        text = host.start(SOCKLINE, "--netns", "self", "-i", "lo", "--format", "text", "-l")
        text.line()
        expected = []
        for number, name in enumerate((*map(os.fsencode, HOSTILE), b"\xff\xfe\x80")):
            folder = os.fsencode(path(f"hostile{number}")) + b"-" + name.replace(b"/", b"_")
            os.mkdir(folder)
            program = os.path.join(folder, b"python")
            shutil.copy(sys.executable, program)
            subprocess.run([*map(os.fsencode, host.prefix), program, b"-c", talk.encode(), name],
                           check=True)
            expected.append((name, program))
        sockline.wait_for("connection_closed", count=len(expected))
        sockline.stop()
        text.stop()
        check(not any(byte < 0x20 and byte != 0x0a for byte in sockline.output + text.output),
              "no control byte but LF, in records and in lines of text")
        check(not any(byte < 0x20 and byte != 0x0a for byte in sockline.errors + text.errors),
              "nor in messages")
        records = sockline.find("connection_closed")
        names = [record.get("process", {}).get("name") for record in records]
        check(set(HOSTILE) <= set(names), "names are what they were", names)
        check(len(text.output.splitlines()) == len([line for line in text.output.split(b"\n") if line]),
              "and a line is a line")
        raw = [record for record in records if "raw" in record["sockline"]]
        check(len(raw) == 1, "what is no UTF-8 has its exact bytes beside it", raw)


SECRET = "S3CRET"
CONFESSES = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    client = socket.create_connection(server.getsockname())
    other, _ = server.accept()
    client.sendall(b"GET /?token=%s HTTP/1.1\\r\\nHost: u:%s@example.org\\r\\n"
                   b"Authorization: Basic %s\\r\\nCookie: id=%s\\r\\n\\r\\n" % ((sys.argv[1].encode(),) * 4))
    other.recv(4096)
    other.close()
    client.close()
"""


def test_p24_no_secrets():
    """What is in arguments, the environment and requests stays there; names of hosts are written."""
    with Namespace() as host:
        target = path("secrets.ndjson")
        sockline = host.sockline("-i", "lo", "-e", "all", "-v", "--all-processes")
        other = host.start(SOCKLINE, "--netns", "self", "-i", "lo", "-v", "-o", target)
        until(lambda: os.path.exists(target) and b"run_started" in open(target, "rb").read(), "a second one")
        subprocess.run([*host.prefix, sys.executable, "-c", CONFESSES, SECRET, f"--password={SECRET}",
                        f"http://u:{SECRET}@127.0.0.1/"], check=True, env={**os.environ, "PGPASSWORD": SECRET})
        closed = sockline.wait_for("connection_closed")
        check("process" in closed, "the process is known", closed)
        check(sockline.stop() == 0 and other.stop() == 0, "both end well", (sockline.stderr, other.stderr))
        with open(target, "rb") as file:
            written = file.read()
        for what, text in (("records", sockline.output), ("a file of records", written),
                           ("messages", sockline.errors + other.errors)):
            check(SECRET.encode() not in text, f"no secret in {what}",
                  [line for line in text.splitlines() if SECRET.encode() in line][:3])


def test_p26_flat():
    """Descriptors and memory do not grow with what comes and goes; LONG=1: for ten minutes."""
    minutes = 10 if os.environ.get("LONG") else 0
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "-e", "stats", "--stats-interval", "0", "--max-connections", "1000")

        def used():
            with open(f"/proc/{sockline.pid}/status", encoding="ascii") as file:
                fields = dict(line.split(":\t", 1) for line in file if ":\t" in line)
            return min(descriptors() for _ in range(5)), int(fields["VmRSS"].split()[0]), processes()

        def processes():
            """It keeps those of the whole machine, half a minute longer than they live: others begin them, too."""
            before = len(sockline.find("capture_stats"))
            sockline.send_signal(signal.SIGUSR1)
            until(lambda: len(sockline.find("capture_stats")) > before, "counters")
            return sockline.find("capture_stats")[-1]["sockline"]["stats"]["processes"]["tracked"]

        def descriptors():
            """Some are there for a moment: the fewest of several times are those that stay."""
            links = []
            for name in os.listdir(f"/proc/{sockline.pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    links.append(os.readlink(f"/proc/{sockline.pid}/fd/{name}"))
            # Directories of processes are kept, up to a bound: how many depends on the machine.
            return sum(not re.match(r"/proc/\d+", link) for link in links)

        def load():
            """Short TCP connections, whose sockets and addresses are new ones each."""
            subprocess.run([*host.prefix, sys.executable, "-c",
                            "import socket\n"
                            "server = socket.create_server(('127.0.0.1', 0))\n"
                            "for _ in range(500):\n"
                            "    client = socket.create_connection(server.getsockname())\n"
                            "    server.accept()[0].close()\n"
                            "    client.close()\n"], check=True)
        load()
        first = used()
        end = time.monotonic() + 60 * minutes
        rounds = 0
        while rounds < 3 or time.monotonic() < end:
            load()
            rounds += 1
        with contextlib.suppress(Failure):
            until(lambda: descriptors() <= first[0], "as few descriptors as at first")
        last = used()
        check(sockline.stop() == 0, f"{500 * rounds} connections: ends well", sockline.stderr)
        check(last[0] <= first[0], "as many descriptors as at first", (first, last))
        others = max(last[2] - first[2], 0)  # half a KiB each
        check(last[1] - first[1] < (40960 if minutes else 4096) + others, "memory is bounded", (first, last))


run(globals())
