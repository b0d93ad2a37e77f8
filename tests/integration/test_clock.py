#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The wall clock is set while sockline runs: one record reports it, connections stay open, no
duration is negative, and packets keep their owners. The clock of the machine stays as it is: a
library that is loaded before libc answers otherwise."""

import os
import shlex
import shutil
import subprocess
import time

from harness import Namespace, check, path, run, skip, write

CC = shlex.split(os.environ.get("CC", "cc"))
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_shift.c")
# A connection that begins, waits for the file, exchanges one more byte and ends.
CLIENT = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
other = server.accept()[0]
print(client.getsockname()[1], flush=True)
sys.stdin.readline()
client.send(b"x")
other.recv(1)
client.close()
other.close()
late = socket.create_connection(server.getsockname())
print(late.getsockname()[1], flush=True)
sys.stdin.readline()
"""


def build():
    library = path("clock_shift.so")
    if not shutil.which(CC[0]):
        return None
    result = subprocess.run([*CC, "-shared", "-fPIC", "-o", library, SOURCE], capture_output=True,
                            check=False)
    return library if result.returncode == 0 else None


def set_clock(host, library, seconds):
    title = f"set by {seconds} s"
    file = path(f"set.{seconds}")
    sockline = host.sockline("-i", "lo", "-e", "packet,connection", "--update-interval", "0", via=(
        "env", f"LD_PRELOAD={library}", f"CLOCK_SHIFT={seconds}", f"CLOCK_SHIFT_FILE={file}"))
    sockline.find("run_started")
    client = host.start("python3", "-c", CLIENT)
    first = int(client.line())
    opened = sockline.wait_for("connection_opened", lambda record: record["source"]["port"] == first)
    write(os.path.basename(file), "")
    step = sockline.wait_for("clock_step")["sockline"]["clock"]["step_ns"]
    check(abs(step - seconds * 10**9) < 10**9, f"{title}: the step is reported", step)
    early = [record for record in sockline.find("connection_closed")]
    check(not early, f"{title}: no connection ends for it", early)
    client.send("\n")
    late = int(client.line())
    closed = sockline.wait_for("connection_closed", lambda record: record["source"]["port"] == first)
    check(closed["event"].get("duration", 0) >= 0 and
          closed["sockline"]["connection"]["id"] == opened["sockline"]["connection"]["id"],
          f"{title}: the connection ends once, after no negative time", closed)
    sockline.wait_for("packet", lambda record: late in (record["source"].get("port"),
                                                        record["destination"].get("port")))
    time.sleep(1.2)  # another look at the clock
    client.finish()
    check(sockline.stop() == 0, f"{title}: ends well", sockline.stderr)
    check(len(sockline.find("clock_step")) == 1, f"{title}: reported once", sockline.find("clock_step"))
    named = {record["process"]["pid"] for record in sockline.records if "process" in record}
    check(named == {client.pid}, f"{title}: every owner that is named is the client", (named, client.pid))


def test_clock():
    library = build()
    if not library:
        skip("the wall clock is set", "no compiler for the library that answers otherwise")
        return
    host = Namespace()
    for seconds in (3600, -3600, 2):
        set_clock(host, library, seconds)


def test_time_namespace():
    """Its clocks differ from the machine's, and so do the start times in /proc: a process has one identity."""
    inside = ("unshare", "-T", "--boottime", "86400", "--monotonic", "3600")
    if subprocess.run([*inside, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("a time namespace", "unshare -T is refused here")
        return
    with Namespace() as host:
        runs = [host.sockline("-i", "lo", "-e", "connection,process", via=via) for via in ((), inside)]
        client = host.start("python3", "-c", CLIENT)
        port = int(client.line())
        opened = [one.wait_for("connection_opened", lambda record: record["source"]["port"] == port) for one in runs]
        for one in runs:
            check(one.stop() == 0, "ends well", one.stderr)
        found = [(record["process"]["pid"], record["process"]["entity_id"], record["process"]["start"],
                  record["process"].get("parent")) for record in opened]
        check(found[0] == found[1] and found[0][0] == client.pid, "one identity, inside and outside", found)


run(globals())
