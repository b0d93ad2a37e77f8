# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The section of bench.py with many network namespaces. It takes its Bench."""

import json
import os
import re
import subprocess
import time

from attribution import Namespace
from attribution_table import cpu_ns

COUNTS = (1, 10, 60, 250)
BURST = 300000  # packets
FIGURES = {"start": "s", "resident": "MiB", "descriptors": "", "idle CPU": "%", "burst": "us/packet",
           "lost": "%"}
# A figure, with how many namespaces, and how much it may be.
GOALS = (("resident", 60, 40), ("resident", 250, 64), ("descriptors", 250, 1000), ("start", 250, 2),
         ("idle CPU", 250, 0.1), ("lost", 250, 0))


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def figures_of(bench, program, busy, seconds):
    """From the start of a program to a burst in one of the namespaces, each figure by its name."""
    begun = time.monotonic()
    process = subprocess.Popen([program, "-l", "-e", "connection", "udp port 9"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()  # run_started: all that were there are captured
    found = {"start": time.monotonic() - begun}
    time.sleep(2)
    found["resident"] = resident_mib(process.pid)
    found["descriptors"] = len(os.listdir(f"/proc/{process.pid}/fd"))
    used = cpu_ns(process.pid)
    time.sleep(seconds)
    found["idle CPU"] = (cpu_ns(process.pid) - used) / seconds / 1e7
    used = cpu_ns(process.pid)
    sent = json.loads(subprocess.run(
        busy.enter(bench.helper("gen"), "-c", str(BURST), "127.0.0.1"), check=True, text=True,
        stdout=subprocess.PIPE).stdout.splitlines()[-1])["sent"]
    time.sleep(0.5)
    found["burst"] = (cpu_ns(process.pid) - used) / sent / 1000
    process.terminate()
    captured = re.search(r"(\d+) packets captured", process.communicate()[1])
    found["lost"] = 100 * max(0, sent - int(captured.group(1))) / sent
    return found


def judge(results, count, before):
    for figure, unit in FIGURES.items():
        ours = f"{count}, {figure}, sockline"
        for limit in (limit for *place, limit in GOALS if place == [figure, count]):
            results.goal("namespaces", ours, results.medians["namespaces", ours, unit], "<=", limit)
        if before:
            results.ratio("namespaces", f"{ours} / before", ours, f"{count}, {figure}, before", unit,
                          "<=", 1)


def run_namespaces(bench):
    """With SOCKLINE_BEFORE=PROGRAM in the environment, beside that build."""
    results = bench.results
    runs, seconds = (1, 2) if bench.options.quick else (3, 10)
    before = os.environ.get("SOCKLINE_BEFORE")
    programs = {"sockline": bench.sockline, **({"before": before} if before else {})}
    results.title("namespaces", f"quiet ones; then {BURST} packets in one of them. Those of the host "
                  "count, too")
    spaces = []
    try:
        for count in COUNTS[:2] if bench.options.quick else COUNTS:
            spaces += [Namespace() for _ in range(count - len(spaces))]
            for name, program in programs.items():
                found = [figures_of(bench, program, spaces[-1], seconds) for _ in range(runs)]
                for figure, unit in FIGURES.items():
                    results.add("namespaces", f"{count}, {figure}, {name}", unit,
                                [one[figure] for one in found])
            judge(results, count, before)
    finally:
        for space in spaces:
            space.close()
