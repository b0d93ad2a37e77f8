# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The section of bench.py with sockline -S beside ss and lsof. It takes its Bench."""

import os
import shutil
import subprocess
import sys

from attribution import Namespace
from cpu import cpu_of

PROCESSES = 40
# Each has one listener, connections to it with both ends, and as many UDP sockets as connections.
HOLDERS = f"""
import os, socket, sys, time
for _ in range({PROCESSES}):
    if os.fork() == 0:
        kept = [socket.socket()]
        kept[0].bind(("127.0.0.1", 0))
        kept[0].listen(4096)
        for _ in range(int(sys.argv[1]) // {PROCESSES} // 3):
            kept += [socket.create_connection(kept[0].getsockname()), kept[0].accept()[0],
                     socket.socket(type=socket.SOCK_DGRAM)]
            kept[-1].bind(("127.0.0.1", 0))
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)
for _ in range({PROCESSES}):
    os.wait()
"""


def run_snapshot(bench):
    """With SOCKLINE_BEFORE=PROGRAM in the environment, beside that build. Each also reads the
    descriptors of all processes of the host, so that few others should run."""
    results, quick = bench.results, bench.options.quick
    count, runs = (3000, 3) if quick else (18000, 7)
    before = os.environ.get("SOCKLINE_BEFORE")
    space = Namespace()
    programs = {
        "sockline -S": [bench.sockline, "-q", "-S", "--netns", "self"],
        **({"sockline -S, before": [before, "-q", "-S", "--netns", "self"]} if before else {}),
        **({"ss -tuanpei": ["ss", "-tuanpei"]} if shutil.which("ss") else {}),
        **({"lsof -nPi": ["lsof", "-nPi"]} if shutil.which("lsof") else {}),
    }
    results.title("snapshot", f"{count} sockets of {PROCESSES} processes; CPU")
    holders = subprocess.Popen(space.enter(sys.executable, "-c", HOLDERS, str(count)),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for _ in range(PROCESSES):
            holders.stdout.readline()
        times = {name: [] for name in programs}
        for _ in range(runs):
            for name, command in programs.items():
                # lsof fails where it misses anything.
                cpu = cpu_of(space.enter(*command), must_succeed=False)
                times[name].append(cpu * 1000)
        for name, values in times.items():
            results.add("snapshot", name, "ms", values)
        results.ratio("snapshot", "sockline -S / ss -tuanpei", "sockline -S", "ss -tuanpei", "ms", "<=",
                      0.12)
        results.ratio("snapshot", "sockline -S / lsof -nPi", "sockline -S", "lsof -nPi", "ms", "<=", 0.5)
        results.ratio("snapshot", "sockline -S / before", "sockline -S", "sockline -S, before", "ms",
                      "<=", 1)
    finally:
        holders.stdin.close()
        holders.wait()
        space.close()
