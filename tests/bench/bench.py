#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What sockline costs, beside null programs, tcpdump and tshark.

    bench.py [--quick] [-b BUILD] [-s SECTIONS] [-r RUNS] [--capture FILE] [--json FILE]

Sections: replay, encode, tables, sockets, live, memory, idle. CAPTURE=FILE in the environment
is --capture: that file is replayed instead of a generated one of a million packets.

CPU is user and system time of all threads of the one program that is measured. Figures are
medians, with the least and the most. A ratio, and the goal beside it, counts for more than a
time; "!" stands before a goal that was missed. Programs take turns, so that a busy minute
meets them alike.

Load is made on the loopback of a network namespace of its own. replay, encode and tables need
no privileges; the rest is left out without root. All of it takes ten minutes, --quick two.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from attribution import Namespace  # noqa: E402
from attribution_table import cpu_ns  # noqa: E402

SECTIONS = ("replay", "encode", "tables", "sockets", "live", "memory", "idle")
METHODS = ("tracepoints", "sentinel", "lookup")
TSHARK_FIELDS = (
    "frame.time_epoch frame.len frame.cap_len frame.protocols ip.src ip.dst ipv6.src ipv6.dst "
    "ip.proto ip.ttl ip.len tcp.srcport tcp.dstport tcp.flags tcp.seq_raw tcp.ack_raw "
    "tcp.window_size_value tcp.len udp.srcport udp.dstport udp.length icmp.type").split()
ENCODED = ("packet", "memcpy of that line", "connection_opened", "connection_closed",
           "existing_socket")
PORTS = range(9, 25)  # the flows of the live section


class Results:
    """The table, and the same as NDJSON."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.medians = {}

    def write(self, record):
        if self.file:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()

    def title(self, section, text):
        print(f"\n{section}: {text}", flush=True)

    def add(self, section, name, unit, values, note=""):
        median = statistics.median(values)
        self.medians[section, name, unit] = median
        print(f"  {name:44} {median:10.3f} {unit:10} {min(values):10.3f} .. {max(values):10.3f} "
              f"{note}".rstrip(), flush=True)
        self.write({"bench": section, "name": name, "unit": unit, "median": median,
                    "min": min(values), "max": max(values), "runs": len(values)})

    def goal(self, section, text, value, relation, limit):
        missed = value > limit if relation == "<=" else value < limit
        print(f"  {'!' if missed else ' '} {text}: {value:.2f} (goal {relation} {limit:g})",
              flush=True)
        self.write({"bench": section, "goal": text, "value": value, "relation": relation,
                    "limit": limit, "missed": missed})

    def ratio(self, section, text, one, other, unit, relation, limit):
        first = self.medians.get((section, one, unit))
        second = self.medians.get((section, other, unit))
        if first is not None and second:
            if relation == ">=":  # the other is so many times as much
                first, second = second, first
            self.goal(section, text, first / second if second else 0, relation, limit)

    def close(self):
        if self.file:
            self.file.close()


class Bench:
    def __init__(self, options, results):
        self.options = options
        self.results = results
        self.sockline = os.environ.get("SOCKLINE", os.path.join(options.build, "src/sockline"))
        self.scratch = tempfile.mkdtemp(prefix="bench.")

    def close(self):
        shutil.rmtree(self.scratch)

    def helper(self, name):
        folder = "helpers" if name == "gen" else "bench"
        return os.path.join(self.options.build, "tests", folder, name)

    def path(self, name):
        return os.path.join(self.scratch, name)


def cpu_of(command):
    """Seconds of user and system time, output to /dev/null; exact where the kernel is."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def instructions_of(command):
    """None where the machine does not count them."""
    if not shutil.which("perf"):
        return None
    counted = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "--", *command],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             check=False).stderr
    match = re.search(r"^(\d+),,instructions:u", counted, re.MULTILINE)
    return int(match.group(1)) if match else None


# Replay


def tshark(file):
    fields = [word for field in TSHARK_FIELDS for word in ("-e", field)]
    return ["tshark", "-n", "-r", file, "-T", "ek", *fields]


def packets_in(bench, file):
    output = subprocess.run([bench.helper("null_capture"), "-r", file], check=True,
                            stdout=subprocess.PIPE).stdout
    return json.loads(output)["packets"]


def make_captures(bench):
    """The capture, and its first packets for the slow ones."""
    few = 4000 if bench.options.quick else 20000
    file, slice_file = bench.options.capture, bench.path("slice.pcap")
    if not file:
        file = bench.path("capture.pcap")
        count = 200000 if bench.options.quick else 1000000
        subprocess.run([bench.helper("make_capture"), "-n", str(count), file], check=True)
    for name, packets in ((slice_file, few), (bench.path("one.pcap"), 1)):
        subprocess.run(["tcpdump", "-q", "-r", file, "-c", str(packets), "-w", name], check=True,
                       stderr=subprocess.DEVNULL)
    return file, slice_file


def run_replay(bench):
    file, slice_file = make_captures(bench)
    packets = packets_in(bench, file)
    programs = {
        "null pcap loop": [bench.helper("null_capture"), "-r", file],
        "sockline -e connection": [bench.sockline, "-q", "-e", "connection", "-r", file],
        "sockline -e packet": [bench.sockline, "-q", "-e", "packet", "-r", file],
        "sockline -e packet,connection": [bench.sockline, "-q", "-e", "packet,connection", "-r",
                                          file],
        "tcpdump -nn -tt": ["tcpdump", "-nn", "-tt", "-r", file],
    }
    results = bench.results
    results.title("replay", f"{packets} packets, {os.path.getsize(file)} bytes; CPU per packet")
    times = {name: [] for name in programs}
    slow = []
    for _ in range(bench.options.runs):
        for name, command in programs.items():
            times[name].append(cpu_of(command) / packets * 1e6)
    if shutil.which("tshark"):
        some = packets_in(bench, slice_file)
        for _ in range(1 if bench.options.quick else 3):
            start = cpu_of(tshark(bench.path("one.pcap")))
            slow.append((cpu_of(tshark(slice_file)) - start) / some * 1e6)
    null = statistics.median(times["null pcap loop"])
    for name, values in times.items():
        results.add("replay", name, "us/packet", values,
                    f"{statistics.median(values) / null:6.1f} x null")
    if slow:
        results.add("replay", "tshark -T ek, 22 fields", "us/packet", slow,
                    f"{statistics.median(slow) / null:6.1f} x null, without its start")
    for name, command in programs.items():
        instructions = instructions_of(command)
        if instructions is not None:
            results.add("replay", f"{name}, instructions", "per packet", [instructions / packets])
    for name in ("sockline -e packet", "sockline -e packet,connection"):
        results.ratio("replay", f"{name} / tcpdump", name, "tcpdump -nn -tt", "us/packet", "<=",
                      0.5)
    results.ratio("replay", "tshark / sockline -e packet,connection",
                  "sockline -e packet,connection", "tshark -T ek, 22 fields", "us/packet", ">=",
                  100)
    results.ratio("replay", "sockline -e connection / null", "sockline -e connection",
                  "null pcap loop", "us/packet", "<=", 4)


# Parts of the program alone, by programs of their own


def run_encode(bench):
    results = bench.results
    results.title("encode", "a record made: as a tree, with new pieces, with cached pieces")
    values = {}
    for _ in range(1 if bench.options.quick else 3):
        output = subprocess.run([bench.helper("bench_encode")], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        for line in output.splitlines()[1:]:
            name, *numbers = re.match(r"(.{26}) +(\d+)((?: +\d+)+)$", line).groups()
            if name.strip() not in ENCODED:
                continue  # they are rare
            for way, number in zip(("tree", "cold", "warm") if "memcpy" not in name else ("copy",),
                                   numbers[1].split()):
                values.setdefault((name.strip(), way), []).append(float(number))
    for (name, way), numbers in values.items():
        results.add("encode", f"{name}, {way}", "ns", numbers)
    results.goal("encode", "warm packet record, ns", results.medians["encode", "packet, warm", "ns"],
                 "<=", 150)


def run_tables(bench):
    results = bench.results
    results.title("tables", "CPU per operation by number of entries")
    entries = ["1000", "100000", "1000000"]
    output = subprocess.run([bench.helper("bench_tables"), *entries], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        table, size, what, value, unit = line.split(None, 4)
        results.add("tables", f"{table} {size} {what}", unit, [float(value)])
    for table in ("table", "connections"):
        for what in ("hit", "batched", "miss"):
            results.ratio("tables", f"{table} {what}, 1000 -> 1000000", f"{table} 1000000 {what}",
                          f"{table} 1000 {what}", "ns", "<=", 1.5)


def run_sockets(bench):
    results = bench.results
    results.title("sockets", "finding one socket, listing all; CPU")
    size = 0
    output = subprocess.run([bench.helper("bench_sockets"), "20000"], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        match = re.match(r"(find|list) (.*?) +([\d.]+) us", line)
        if match:
            results.add("sockets", f"{match[1]} {match[2]}, {size} sockets", "us",
                        [float(match[3])])
        elif re.match(r"\d+ sockets", line):
            size = int(line.split()[0])
    found = results.medians.get(("sockets", "find TCP, 20000 sockets", "us"))
    if found is not None:
        results.goal("sockets", "find one of 20000, us", found, "<=", 6)


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
        "tcpdump -nn -tt -l > /dev/null": (["tcpdump", "-i", "lo", "-nn", "-tt", "-l"],
                                           "listening on", False),
        "tcpdump -nn -tt -l | cat": (["tcpdump", "-i", "lo", "-nn", "-tt", "-l"],
                                     "listening on", True),
    }
    if bench.options.quick:
        del all_of_them["the same, --attribution lookup"]
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


def generate(bench, space, rate, seconds):
    command = [bench.helper("gen"), "-c", "0", "-t", str(seconds), "-f", str(len(PORTS)),
               "-p", str(PORTS[0]), *(["-r", str(rate)] if rate else []), "127.0.0.1"]
    output = subprocess.run(space.enter(*command), check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])


def run_live(bench):
    results = bench.results
    quick = bench.options.quick
    rates = (100000, 0) if quick else (100000, 200000, 300000, 0)
    seconds, runs = (1, 1) if quick else (3, 3)
    results.title("live", "60-byte UDP in 16 flows on lo, 0/s: as fast as one sender goes")
    space = Namespace()
    sink = subprocess.Popen(space.enter(sys.executable, "-c", SINKS, str(PORTS[0]),
                                        str(PORTS[-1] + 1)), stdout=subprocess.PIPE)
    sink.stdout.readline()
    measured = {}
    try:
        bare = [generate(bench, space, 0, seconds) for _ in range(runs)]
        results.add("live", "sender without capture", "packets/s",
                    [one["sent"] / one["seconds"] for one in bare])
        for rate in rates:
            for _ in range(runs):
                for name, (command, ready, pipe) in consumers(bench).items():
                    consumer = Consumer(bench, space, command, ready, pipe)
                    sent = generate(bench, space, rate, seconds)
                    packets, used = consumer.finish()
                    row = measured.setdefault((name, rate), {"rate": [], "loss": [], "cpu": []})
                    row["rate"].append(sent["sent"] / sent["seconds"])
                    row["loss"].append(100 * (1 - min(packets, sent["sent"]) / sent["sent"]))
                    row["cpu"].append(used / max(1, packets) * 1e6)
            for name in consumers(bench):
                row = measured[name, rate]
                results.add("live", f"{name} {rate}/s", "us/packet", row["cpu"],
                            f"loss {statistics.median(row['loss']):.2f} % "
                            f"(worst {max(row['loss']):.2f}) of "
                            f"{statistics.median(row['rate']):.0f}/s")
                results.write({"bench": "live", "name": name, "asked_rate": rate, **row})
    finally:
        sink.kill()
        sink.wait()
        space.close()

    def top(name, what):
        return statistics.median(measured[name, 0][what])

    results.goal("live", "sockline | cat at full rate, loss %", top("sockline | cat", "loss"), "<=",
                 0)
    for where in ("| cat", "> /dev/null"):
        results.ratio("live", f"sockline / tcpdump -nn -tt -l, both {where}, CPU",
                      f"sockline {where} 0/s", f"tcpdump -nn -tt -l {where} 0/s", "us/packet", "<=",
                      0.4)
    results.goal("live", "sockline -e connection at full rate, loss %",
                 top("sockline -e connection", "loss"), "<=", 0)
    results.goal("live", "sockline -e connection, rate / null's",
                 top("sockline -e connection", "rate") / top("null, TPACKET_V3", "rate"), ">=", 0.8)


# Memory and idleness


def memory_of(pid):
    """kB: anonymous, rings (packets and samples, shared with the kernel), resident in all."""
    anonymous = rings = resident = 0
    ring = False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
        for line in file:
            word, *rest = line.split()
            if "-" in word and not word.endswith(":"):
                ring = bool(rest) and len(rest) > 4 and \
                    rest[4].startswith(("socket:", "anon_inode:[perf_event]"))
            elif word == "Size:" and ring:
                rings += int(rest[0])
            elif word == "Anonymous:":
                anonymous += int(rest[0])
            elif word == "Rss:":
                resident += int(rest[0])
    return anonymous, rings, resident


def run_memory(bench):
    results = bench.results
    results.title("memory", "of sockline, by phase; rings apart")
    space = Namespace()
    many = 50000
    process = None
    try:
        for method in METHODS[:1] if bench.options.quick else METHODS:
            process = subprocess.Popen(
                space.enter(bench.sockline, "-q", "--netns", "self", "-i", "lo", "-e",
                            "connection", "--attribution", method),
                stdout=subprocess.DEVNULL)
            time.sleep(1.5)
            phases = {"started": memory_of(process.pid)}
            for flows in (1000, many):
                subprocess.run(space.enter(bench.helper("gen"), "-i", "lo", "-c", str(flows), "-f",
                                           str(flows), "-r", "50000", "127.0.0.1"),
                               check=True, stdout=subprocess.DEVNULL)
                time.sleep(1)
                phases[f"{flows} connections"] = memory_of(process.pid)
            process.terminate()
            process.wait()
            for phase, (anonymous, rings, resident) in phases.items():
                results.add("memory", f"{method}, {phase}", "MB", [anonymous / 1024],
                            f"anonymous; rings {rings / 1024:.1f}, resident {resident / 1024:.1f}")
            each = (phases[f"{many} connections"][0] - phases["started"][0]) * 1024 / many
            results.add("memory", f"{method}, a connection", "bytes", [each])
    finally:
        if process:
            process.kill()
            process.wait()
        space.close()


def run_idle(bench):
    results = bench.results
    seconds = 5 if bench.options.quick else 30
    results.title("idle", f"CPU without traffic, {seconds} s; samples are taken of the whole host")
    space = Namespace()
    try:
        for method in METHODS:
            process = subprocess.Popen(
                space.enter(bench.sockline, "-q", "--netns", "self", "--attribution", method),
                stdout=subprocess.DEVNULL)
            time.sleep(2)
            before = cpu_ns(process.pid)
            time.sleep(seconds)
            percent = (cpu_ns(process.pid) - before) / seconds / 1e7
            process.terminate()
            process.wait()
            results.add("idle", method, "%", [percent])
            results.goal("idle", f"{method}, %", percent, "<=", 0.1)
    finally:
        space.close()


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"kernel": os.uname().release, "cpus": os.cpu_count(), "model": model,
            "load": os.getloadavg()[0]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-b", "--build", default=os.environ.get("top_builddir", "."))
    parser.add_argument("-s", "--sections", type=lambda text: text.split(","), default=SECTIONS)
    parser.add_argument("-r", "--runs", type=int, help="of each replay (5, quick 3)")
    parser.add_argument("--capture", metavar="FILE", default=os.environ.get("CAPTURE"))
    parser.add_argument("-j", "--json", metavar="FILE", help="append results as NDJSON")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.runs = options.runs or (3 if options.quick else 5)
    if set(options.sections) - set(SECTIONS):
        parser.error("sections are " + ",".join(SECTIONS))
    return options


def main():
    options = parse()
    results = Results(options.json)
    bench = Bench(options, results)
    about = machine()
    print(f"# {about['model']}, {about['cpus']} CPUs, Linux {about['kernel']}, load "
          f"{about['load']:.1f}")
    results.write({"bench": "machine", **about})
    try:
        for section in SECTIONS:
            if section not in options.sections:
                continue
            if section in ("sockets", "live", "memory", "idle") and os.geteuid() != 0:
                print(f"\n{section}: left out, needs root")
                continue
            globals()[f"run_{section}"](bench)
    finally:
        bench.close()
        results.close()
    print(f"\n# load at the end {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
