# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sections of bench.py: flow accounting beside programs that do it without owners, totals of
processes beside nethogs, compressed output, and growth. Each takes the Bench."""

import os
import re
import shutil
import subprocess
import sys
import time

from attribution import Namespace
from attribution_table import cpu_ns
from cpu import cpu_of

# One connection of so many small segments, each way in its own process.
TALK = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    peer = listener.accept()[0]
    while peer.recv(65536):
        pass
    os._exit(0)
talk = socket.create_connection(listener.getsockname())
talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[1])):
    talk.send(bytes(100))
talk.close()
os.wait()
"""


def make_capture(bench, name, packets, tuples):
    file = bench.path(name)
    subprocess.run([bench.helper("make_capture"), "-n", str(packets), "-c", str(tuples), file],
                   check=True)
    return file


def take_turns(bench, section, unit, scale, programs):
    """CPU of each program, which take turns."""
    times = {name: [] for name in programs}
    for _ in range(bench.options.runs):
        for name, command in programs.items():
            times[name].append(cpu_of(command) * scale)
    for name, values in times.items():
        bench.results.add(section, name, unit, values)


def run_flows(bench):
    """Those of the peers that are installed; softflowd keeps 8192 flows, unless asked for more."""
    packets = 200000 if bench.options.quick else 1000000
    file = bench.options.capture or make_capture(bench, "flows.pcap", packets, 4000)
    folder = bench.path("nfpcapd")
    os.mkdir(folder)
    peers = {
        "argus": ["argus", "-F", os.devnull, "-w", "-", "-r", file],
        "softflowd": ["softflowd", "-d", "-m", "1000000", "-r", file],
        "nfpcapd": ["nfpcapd", "-l", folder, "-r", file],
    }
    programs = {"sockline -e connection": [bench.sockline, "-q", "-e", "connection", "-r", file],
                "sockline -e closed": [bench.sockline, "-q", "-e", "closed", "-r", file],
                **{name: command for name, command in peers.items() if shutil.which(name)}}
    bench.results.title("flows", f"{os.path.getsize(file)} bytes of packets; CPU of the whole")
    take_turns(bench, "flows", "ms", 1000, programs)
    for name, limit in (("argus", 0.18), ("softflowd", 0.45)):
        bench.results.ratio("flows", f"sockline -e connection / {name}", "sockline -e connection",
                            name, "ms", "<=", limit)


def run_compression(bench):
    """Into files."""
    packets = 200000 if bench.options.quick else 1000000
    file = bench.options.capture or make_capture(bench, "compression.pcap", packets, 4000)
    plain, compressed = bench.path("out.ndjson"), bench.path("out.ndjson.zst")
    every = [bench.sockline, "-q", "-e", "packet,connection", "-r", file, "-o"]
    results = bench.results
    results.title("compression", f"records of {os.path.getsize(file)} bytes of packets; CPU and bytes")
    times = {"plain": [], "zstd": []}
    for _ in range(bench.options.runs):
        for name, path in (("plain", plain), ("zstd", compressed)):
            if os.path.exists(path):
                os.unlink(path)
            times[name].append(cpu_of([*every, path]) * 1000)
    for name, path in (("plain", plain), ("zstd", compressed)):
        results.add("compression", f"-o, {name}", "ms", times[name])
        results.add("compression", f"size, {name}", "MB", [os.path.getsize(path) / 1e6])
    results.ratio("compression", "CPU, zstd / plain", "-o, zstd", "-o, plain", "ms", "<=", 1.5)
    results.ratio("compression", "plain / zstd, bytes", "size, zstd", "size, plain", "MB", ">=", 12)


def peak_of(command):
    """MiB that were resident at most. wait4(2) says no less than what we held before the exec."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            peak = max(peak, int((re.search(r"VmHWM:\s+(\d+)", file.read()) or [0, 0])[1]))
        time.sleep(0.005)
    return peak / 1024


def run_growth(bench):
    """A packet must not cost more because there are many connections."""
    results = bench.results
    counts = (1000, 10000) if bench.options.quick else (1000, 10000, 100000, 1000000)
    results.title("growth", "connections at once, four packets of each; CPU per packet, and resident")
    for count in counts:
        packets = max(4 * count, 100000)
        file = make_capture(bench, f"growth{count}.pcap", packets, count)
        command = [bench.sockline, "-q", "-e", "closed", "--max-connections", str(2 * count), "-r", file]
        runs = [cpu_of(command) / packets * 1e6 for _ in range(min(bench.options.runs, 3))]
        peak = peak_of(command)
        os.unlink(file)
        results.add("growth", f"{count} tuples", "us/packet", runs)
        results.add("growth", f"{count} tuples", "MiB", [peak])


def run_totals(bench):
    """As long as the talk lasts; each program reports once a second."""
    results = bench.results
    segments = 20000 if bench.options.quick else 200000
    programs = {"sockline -e traffic": [bench.sockline, "-q", "-e", "traffic", "--netns", "self",
                                        "--stats-interval", "1"],
                **({"nethogs": ["nethogs", "-t", "-a", "-d", "1"]} if shutil.which("nethogs") else {})}
    results.title("totals", f"a connection of {segments} segments; CPU per segment")
    space = Namespace()
    times = {name: [] for name in programs}
    try:
        for _ in range(min(bench.options.runs, 3)):
            for name, command in programs.items():
                times[name].append(cpu_beside_talk(space, command, segments) / segments / 1000)
    finally:
        space.close()
    for name, values in times.items():
        results.add("totals", name, "us", values)
    results.ratio("totals", "sockline -e traffic / nethogs", "sockline -e traffic", "nethogs", "us",
                  "<=", 1)


def cpu_beside_talk(space, command, segments):
    program = subprocess.Popen(space.enter(*command), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    talk = subprocess.Popen(space.enter(sys.executable, "-c", TALK, str(segments)),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    talk.stdout.readline()
    time.sleep(2)  # until it has looked at all processes
    used = cpu_ns(program.pid)
    talk.communicate(b"\n")
    time.sleep(1)
    used = cpu_ns(program.pid) - used
    program.terminate()
    program.wait()
    return used
