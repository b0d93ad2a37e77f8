# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The sections of bench.py that capture: live, memory, idle, processes. Each takes its Bench."""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

from attribution import Namespace
from attribution_table import cpu_ns

METHODS = ("tracepoints", "sentinel", "lookup")
PORTS = range(9, 25)  # the flows of the live section

# Live


class Consumer:
    """A program that captures on lo of a namespace; counts when it has ended."""

    def __init__(self, bench, space, command, ready, pipe=False):
        self.bench = bench
        self.errors = open(bench.path("errors"), "w+", encoding="utf-8", errors="replace")
        self.output = open(bench.path("output"), "w+", encoding="utf-8", errors="replace") \
            if ready == "ready" else None
        self.cat = None
        stdout = self.output or subprocess.DEVNULL
        if pipe:
            self.cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            stdout = self.cat.stdin
        self.process = subprocess.Popen(space.enter(*command), stdout=stdout, stderr=self.errors)
        if self.cat:
            self.cat.stdin.close()
        self.wait_ready(ready)
        self.cpu_before = cpu_ns(self.process.pid)

    def wait_ready(self, ready):
        give_up = time.monotonic() + 10
        while ready and ready not in open(self.errors.name, encoding="utf-8").read():
            if self.process.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"bench: not ready: {open(self.errors.name, encoding='utf-8').read()}")
            time.sleep(0.02)
        time.sleep(0.2 if ready else 1.2)

    def finish(self):
        """Packets counted, CPU seconds."""
        time.sleep(0.5)
        used = (cpu_ns(self.process.pid) - self.cpu_before) / 1e9
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        if self.cat:
            self.cat.wait()
        self.errors.seek(0)
        said = self.errors.read()
        self.errors.close()
        if self.output:
            self.output.seek(0)
            packets = json.loads(self.output.read())["packets"]
            self.output.close()
            return packets, used
        match = re.search(r"(\d+) packets captured", said)
        if not match:
            sys.exit(f"bench: no count in: {said}")
        return int(match.group(1)), used


def consumers(bench):
    def sockline(*options):
        return [bench.sockline, "--netns", "self", "-i", "lo", *options]

    all_of_them = {
        "null, TPACKET_V3": ([bench.helper("null_capture"), "-i", "lo"], "ready", False),
        "sockline -e connection": (sockline("-e", "connection"), None, False),
        "the same, --attribution lookup": (sockline("-e", "connection", "--attribution", "lookup"),
                                           None, False),
        "sockline > /dev/null": (sockline(), None, False),
        "sockline | cat": (sockline(), None, True),
        "tcpdump -w /dev/null": (["tcpdump", "-i", "lo", "-w", "/dev/null"], "listening on", False),
        "tcpdump -nn -l > /dev/null": (["tcpdump", "-i", "lo", "-nn", "-l"], "listening on", False),
        "tcpdump -nn -tt -l > /dev/null": (["tcpdump", "-i", "lo", "-nn", "-tt", "-l"],
                                           "listening on", False),
        "tcpdump -nn -tt -l | cat": (["tcpdump", "-i", "lo", "-nn", "-tt", "-l"],
                                     "listening on", True),
    }
    if bench.options.quick:
        del all_of_them["the same, --attribution lookup"]
        del all_of_them["tcpdump -nn -l > /dev/null"]  # as with -tt, and slower
    return all_of_them


SINKS = """
import socket, sys, time
kept = []
for port in range(int(sys.argv[1]), int(sys.argv[2])):
    kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    kept[-1].bind(("127.0.0.1", port))
print("ready", flush=True)
time.sleep(3600)
"""


def generate(bench, space, rate, seconds, senders=1):
    """Packets sent, and a second; of all senders together."""
    command = [bench.helper("gen"), "-c", "0", "-t", str(seconds), "-f", str(len(PORTS)),
               "-p", str(PORTS[0]), *(["-r", str(rate)] if rate else []), "127.0.0.1"]
    running = [subprocess.Popen(space.enter(*command), text=True, stdout=subprocess.PIPE)
               for _ in range(senders)]
    ended = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    sent = sum(one["sent"] for one in ended)
    return sent, sum(one["sent"] / one["seconds"] for one in ended)


class Load:
    """A rate, 0: as fast as it goes, and how many send."""

    def __init__(self, rate, senders=1):
        self.rate = rate
        self.senders = senders

    def __str__(self):
        return f"{self.rate}/s" if self.senders == 1 else f"{self.senders} senders"


def measure(bench, space, load, programs, runs, seconds):
    """What each program made of the load: rates, losses in %, CPU in us a packet."""
    rows = {name: {"rate": [], "loss": [], "cpu": []} for name in programs}
    for _ in range(runs):
        for name, (command, ready, pipe) in programs.items():
            consumer = Consumer(bench, space, command, ready, pipe)
            sent, rate = generate(bench, space, load.rate, seconds, load.senders)
            packets, used = consumer.finish()
            rows[name]["rate"].append(rate)
            rows[name]["loss"].append(100 * (1 - min(packets, sent) / sent))
            rows[name]["cpu"].append(used / max(1, packets) * 1e6)
    for name, row in rows.items():
        bench.results.add("live", f"{name} {load}", "us/packet", row["cpu"],
                          f"loss {statistics.median(row['loss']):.2f} % "
                          f"(worst {max(row['loss']):.2f}) of {statistics.median(row['rate']):.0f}/s")
        bench.results.write({"bench": "live", "name": name, "asked_rate": load.rate,
                             "senders": load.senders, **row})
    return rows


def lossless(row):
    """The highest rate without loss: what the senders reach, and others take from them, varies."""
    return max((rate for rate, loss in zip(row["rate"], row["loss"]) if loss == 0), default=0)


def goals(results, top, two):
    """What one sender at full rate costs, and two."""
    for where in ("| cat", "> /dev/null"):
        results.goal("live", f"sockline {where} at full rate, loss %",
                     statistics.median(top[f"sockline {where}"]["loss"]), "<=", 0)
        results.ratio("live", f"sockline / tcpdump -nn -tt -l, both {where}, CPU",
                      f"sockline {where} 0/s", f"tcpdump -nn -tt -l {where} 0/s", "us/packet", "<=",
                      0.4)
    null, connection = two["null, TPACKET_V3"], two["sockline -e connection"]
    results.goal("live", "sockline -e connection of 2 senders, loss %",
                 statistics.median(connection["loss"]), "<=", 0)
    results.goal("live", "sockline -e connection of 2 senders, lossless rate / null's",
                 lossless(connection) / max(1, lossless(null)), ">=", 0.8)
    results.goal("live", "sockline -e connection of 2 senders, us/packet",
                 statistics.median(connection["cpu"]), "<=", 0.3)


def run_live(bench):
    results = bench.results
    quick = bench.options.quick
    seconds, runs = (1, 1) if quick else (2, 5)
    results.title("live", "60-byte UDP in 16 flows of each sender on lo; 0/s: as fast as one goes")
    space = Namespace()
    sink = subprocess.Popen(space.enter(sys.executable, "-c", SINKS, str(PORTS[0]),
                                        str(PORTS[-1] + 1)), stdout=subprocess.PIPE)
    sink.stdout.readline()
    programs = consumers(bench)
    try:
        for senders in (1, 2):
            results.add("live", f"{senders} senders without capture", "packets/s",
                        [generate(bench, space, 0, seconds, senders)[1] for _ in range(runs)])
        at = [measure(bench, space, Load(rate), programs, runs, seconds)
              for rate in ((100000, 0) if quick else (100000, 200000, 300000, 0))]
        top = at[-1]
        two = measure(bench, space, Load(0, 2), {name: programs[name] for name in (
            "null, TPACKET_V3", "sockline -e connection")}, max(2, runs), seconds)
        for name in programs:
            rates = [lossless(rows[name]) for rows in (*at, two) if name in rows]
            results.add("live", f"{name}, lossless up to", "packets/s", [max(rates)])
        goals(results, top, two)
    finally:
        sink.kill()
        sink.wait()
        space.close()


# Memory and idleness


def memory_of(pid):
    """MiB: anonymous; rings (packets and samples, shared with the kernel); resident but for them."""
    sums = {"anonymous": 0, "rings": 0, "resident": 0}
    ring = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            word, *rest = line.split()
            if "-" in word and not word.endswith(":"):
                ring = len(rest) > 4 and rest[4].startswith(("socket:", "anon_inode:[perf_event]"))
            elif word == "Size:" and ring:
                sums["rings"] += int(rest[0]) / 1024
            elif word == "Anonymous:":
                sums["anonymous"] += int(rest[0]) / 1024
            elif word == "Rss:" and not ring:
                sums["resident"] += int(rest[0]) / 1024
    return sums


def memory_phases(bench, space, options, flows):
    """At the start, and after numbers of connections that are of one packet each."""
    process = subprocess.Popen(space.enter(bench.sockline, "-q", "--netns", "self", "-i", "lo",
                                           *options), stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        phases = {"started": memory_of(process.pid)}
        for many in flows:
            subprocess.run(space.enter(bench.helper("gen"), "-i", "lo", "-c", str(many), "-f",
                                       str(many), "-r", "50000", "127.0.0.1"),
                           check=True, stdout=subprocess.DEVNULL)
            time.sleep(1)
            phases[f"{many} connections"] = memory_of(process.pid)
    finally:
        process.terminate()
        process.wait()
    return phases


def run_memory(bench):
    results = bench.results
    results.title("memory", "resident by phase, rings apart; all records, the tables as they are made")
    flows = (1000, 50000) if bench.options.quick else (1000, 50000, 200000)
    space = Namespace()
    try:
        for method in METHODS[:1] if bench.options.quick else METHODS:
            runs = [memory_phases(bench, space, ("--attribution", method), flows)
                    for _ in range(1 if bench.options.quick else 5)]
            for phase, memory in runs[-1].items():
                results.add("memory", f"{method}, {phase}", "MiB",
                            [run[phase]["resident"] for run in runs],
                            f"anonymous {memory['anonymous']:.1f}; rings {memory['rings']:.1f}")
            results.add("memory", f"{method}, a connection", "bytes",
                        [(run["50000 connections"]["anonymous"] - run["started"]["anonymous"])
                         * 1024 * 1024 / 50000 for run in runs])
            for phase in ("started", "1000 connections"):
                results.goal("memory", f"{method}, {phase}, MiB",
                             results.medians["memory", f"{method}, {phase}", "MiB"], "<=", 24)
    finally:
        space.close()


def run_idle(bench):
    results = bench.results
    seconds, runs = (4, 1) if bench.options.quick else (10, 5)
    results.title("idle", f"CPU without packets in {seconds} s; sockets that open on the host are "
                  "seen; the goal is for all of the time")
    space = Namespace()
    try:
        for method in METHODS:
            process = subprocess.Popen(
                space.enter(bench.sockline, "-q", "--netns", "self", "--attribution", method),
                stdout=subprocess.DEVNULL)
            time.sleep(2)
            used = [cpu_ns(process.pid)]
            for _ in range(runs):
                time.sleep(seconds)
                used.append(cpu_ns(process.pid))
            process.terminate()
            process.wait()
            percent = [(after - before) / seconds / 1e7 for before, after in zip(used, used[1:])]
            results.add("idle", method, "%", percent)
            results.goal("idle", f"{method}, %", sum(percent) / runs, "<=",
                         0.3 if method == "sentinel" else 0.1)
    finally:
        space.close()


# Processes


def start_watching(program):
    """sockline, as it captures what is none of these processes'. None: no program."""
    process = program and subprocess.Popen([program, "-q", "--netns", "self", "-i", "lo", "-e", "connection"],
                                           stdout=subprocess.DEVNULL)
    if process:
        time.sleep(1)
    return process


def times_of_processes(bench, program, count):
    """us of a fork and of an exec, and of their CPU, while the program runs; None: nothing does."""
    process = start_watching(program)
    output = subprocess.run([bench.helper("bench_processes"), str(count)], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    if process:
        process.terminate()
        process.wait()
    times = {}
    for name, ns, cpu in (line.split() for line in output.splitlines()):
        times[name] = int(ns) / 1000
        times[f"CPU of {name}"] = int(cpu) / 1000
    return times


def cpu_of_an_exec(bench, program, count):
    """us of CPU that the program takes for a process that executes another one and stays for a while."""
    process = start_watching(program)
    begin = cpu_ns(process.pid)
    subprocess.run([bench.helper("bench_processes"), str(count), "stay"], check=True)
    taken = cpu_ns(process.pid) - begin
    process.terminate()
    process.wait()
    return taken / 1000 / count


def run_processes(bench):
    """With SOCKLINE_BEFORE=PROGRAM in the environment, beside that build. Many short rounds: what a
    process takes drifts with what else the machine does, by more than is to be found out. Hence
    the quickest tenth, too, and CPU time, which does not count who else was served first."""
    results = bench.results
    count, runs = (200, 3) if bench.options.quick else (200, 25)
    before = os.environ.get("SOCKLINE_BEFORE")
    programs = {"alone": None, "sockline": bench.sockline, **({"before": before} if before else {})}
    results.title("processes", "a fork, and an exec in a new process, until it is waited for")
    rounds = [{name: times_of_processes(bench, program, count) for name, program in programs.items()}
              for _ in range(runs)]
    for what, limit in (("fork", 3), ("CPU of fork", 3), ("exec", 8), ("CPU of exec", 8)):
        for name in programs:
            results.add("processes", f"{what}, {name}", "us", [one[name][what] for one in rounds])
        for other in list(programs)[::2]:
            added = statistics.median(one["sockline"][what] - one[other][what] for one in rounds)
            results.goal("processes", f"{what}, more than {other}, us", added, "<=", limit)
    rounds = [{name: cpu_of_an_exec(bench, program, 5 * count) for name, program in programs.items() if program}
              for _ in range(min(runs, 7))]
    for name in rounds[0]:
        results.add("processes", f"CPU for an exec, {name}", "us", [one[name] for one in rounds])
    if before:
        added = statistics.median(one["sockline"] - one["before"] for one in rounds)
        results.goal("processes", "CPU for an exec, more than before, us", added, "<=", 0)
