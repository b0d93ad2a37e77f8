#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Short flows with a known owner against what tracepoints report of them: right, unknown, wrong.

    attribution.py [-b BUILD] [-s SCENARIOS] [-t lo,veth] [-f 4,6] [-l quiet,hogs] [-r RUNS] [--json]

Needs root. Everything happens in network namespaces of its own; load is two busy
processes at most. gen_flows and trace_events are taken from BUILD/tests/helpers
(BUILD: top_builddir, or the working directory).

A flow whose 5-tuple occurs twice in one run counts as "reused" and not as a flow;
a wrong answer about it is wrong all the same.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
HOGS = 2
HOG = ["timeout", "300", "sh", "-c", "while :; do :; done"]
# 500 processes of 100 descriptors each.
FDS = """
import os, socket, time
for _ in range(500):
    if os.fork() == 0:
        kept = [socket.socket() for _ in range(16)]
        while len(kept) < 97:
            kept.append(open("/dev/null"))
        time.sleep(900)
print("ready", flush=True)
time.sleep(900)
"""
CURLS = 60
ADDRESSES = {
    "lo": {"4": "127.0.0.1", "6": "::1"},
    "veth": {"4": "192.0.2.1", "6": "2001:db8::1"},
}
ENDS = ("client", "server")

Truth = collections.namedtuple(
    "Truth", "end protocol pid local local_port remote remote_port netns begin after name")
Answer = collections.namedtuple(
    "Answer", "answer pid kinds name executable parent netns ticks sure")


def run(*command):
    subprocess.run(command, check=True)


class Namespace:
    """A network namespace that lives as long as a process of ours in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.path = f"/proc/{self.holder.pid}/ns/net"
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(self.path) == own:
            time.sleep(0.001)
        self.run("ip", "link", "set", "lo", "up")

    def enter(self, *command):
        return ["nsenter", f"--net={self.path}", *command]

    def run(self, *command):
        run(*self.enter(*command))

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Network:
    """Where clients and servers are: one namespace (lo), or two joined by veth."""

    def __init__(self, kind):
        self.kind = kind
        self.client = Namespace()
        self.server = self.client
        if kind == "veth":
            self.server = Namespace()
            self.client.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0",
                            "netns", str(self.server.holder.pid))
            for space, number in ((self.server, 1), (self.client, 2)):
                space.run("ip", "address", "add", f"192.0.2.{number}/24", "dev", "veth0")
                space.run("ip", "address", "add", f"2001:db8::{number}/64", "dev", "veth0", "nodad")
                space.run("ip", "link", "set", "veth0", "up")
            time.sleep(0.2)

    def close(self):
        self.client.close()
        if self.server is not self.client:
            self.server.close()


class Load:
    """What else the machine does: "hogs", "fds", or nothing."""

    def __init__(self, kind):
        count = HOGS if kind == "hogs" else 0
        self.hogs = [subprocess.Popen(HOG) for _ in range(count)]
        self.fds = None
        if kind == "fds":
            self.fds = subprocess.Popen([sys.executable, "-c", FDS], stdout=subprocess.PIPE,
                                        start_new_session=True)
            self.fds.stdout.readline()
            time.sleep(1)

    def close(self):
        for hog in self.hogs:
            hog.terminate()
            hog.wait()
        if self.fds:
            os.killpg(self.fds.pid, signal.SIGKILL)
            self.fds.wait()


def run_curl(network, address):
    server = subprocess.Popen(
        network.server.enter(sys.executable, "-m", "http.server", "-b", address, "7000"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/proc/self")
    time.sleep(1)
    host = f"[{address}]" if ":" in address else address
    netns = str(os.stat(network.client.path).st_ino)
    truths = []
    for _ in range(CURLS):
        begin = time.monotonic_ns()
        curl = subprocess.Popen(
            network.client.enter("curl", "-s", "-o", "/dev/null", "-w",
                                 "%{local_ip}\t%{local_port}", f"http://{host}:7000/comm"),
            stdout=subprocess.PIPE, text=True)
        local, _, port = curl.communicate()[0].partition("\t")
        truths.append(Truth("client", "6", str(curl.pid), local, port, address, "7000", netns,
                            str(begin), str(time.monotonic_ns()), "curl"))
    server.kill()
    server.wait()
    return truths


class Bench:
    def __init__(self, build):
        self.helpers = os.path.join(build, "tests/helpers")
        self.scratch = tempfile.mkdtemp(prefix="attribution.")
        os.chmod(self.scratch, 0o755)
        # Under a name of its own, so that naming the executed program is proven.
        self.program = os.path.join(self.scratch, "flow-client")
        shutil.copy(os.path.join(self.helpers, "gen_flows"), self.program)

    def close(self):
        shutil.rmtree(self.scratch)

    def measure(self, scenario, network, family):
        """Two lists side by side, truth and answers, and what trace_events counted."""
        truth = os.path.join(self.scratch, "truth")
        with open(truth, "wb"):
            pass
        facts = subprocess.Popen([os.path.join(self.helpers, "trace_events"), "-q", truth],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        first = facts.stderr.readline()
        if first != "ready\n":
            facts.communicate()
            if facts.returncode == SKIPPED:
                print(f"# SKIP {first.strip()}")
                sys.exit(SKIPPED)
            sys.exit(first)
        try:
            begin = time.monotonic()
            network.client.run(os.path.join(self.helpers, "gen_flows"), "-o", truth,
                               "-a", ADDRESSES[network.kind][family], "-x", self.program,
                               "-N", network.server.path, scenario)
            seconds = time.monotonic() - begin
        finally:
            output, counted = facts.communicate()
        lines = [line.split("\t") for line in output.splitlines()]
        size = len(Truth._fields)
        words = counted.split()
        counters = dict(zip(words[::2], map(int, words[1::2])))
        counters["seconds"] = seconds
        return ([Truth(*line[:size]) for line in lines], [Answer(*line[size:]) for line in lines],
                counters)

    def executable(self, truth):
        return self.program if truth.name == "flow-client" else \
            os.path.realpath(os.path.join(self.helpers, "gen_flows"))

    def judge(self, truths, answers):
        """A row for each end."""
        rows = {end: collections.Counter() for end in ENDS}
        keys = collections.Counter(tuple_of(truth) for truth in truths)
        for truth, answer in zip(truths, answers):
            row = rows[truth.end]
            if keys[tuple_of(truth)] > 1:
                row["reused"] += 1
                row["wrong"] += answer.answer == "found" and answer.pid != truth.pid
                continue
            row["flows"] += 1
            if answer.answer != "found":
                row["unknown"] += 1
                row[answer.answer] += 1
                continue
            row["right" if answer.pid == truth.pid else "wrong"] += 1
            row["name"] += answer.name == truth.name
            row["misnamed"] += answer.name not in (truth.name, "-")
            row["executable"] += answer.executable == self.executable(truth)
            row["netns"] += answer.netns == truth.netns
            row["sure"] += answer.sure == "sure"
        return rows


def tuple_of(truth):
    return (truth.end, truth.protocol, truth.local_port, truth.remote, truth.remote_port)


def percent(row, what):
    return 100 * row[what] / row["flows"] if row["flows"] else 0


def print_rows(title, rows, counters):
    for end in ENDS:
        row = rows[end]
        if not row["flows"]:
            continue
        print(f"{title} {end:6} {row['flows']:6} {row['reused']:6} {percent(row, 'right'):8.2f} "
              f"{percent(row, 'unknown'):8.2f} {percent(row, 'wrong'):6.2f} "
              f"{percent(row, 'name'):7.2f} {percent(row, 'executable'):7.2f} "
              f"{percent(row, 'netns'):7.2f} {row['ambiguous']:5} {row['incomplete']:5} "
              f"{counters['lost']:6}", flush=True)


def arguments(scenarios, loads):
    """The options of a bench of flows, with what it measures by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-b", "--build", default=os.environ.get("top_builddir", "."))
    parser.add_argument("-s", "--scenarios", default=scenarios)
    parser.add_argument("-t", "--topologies", default="lo,veth")
    parser.add_argument("-f", "--families", default="4,6")
    parser.add_argument("-l", "--loads", default=loads)
    parser.add_argument("-r", "--runs", type=int, default=1)
    return parser


def main():
    parser = arguments("ACDEFG", "quiet,hogs")
    parser.add_argument("--json", action="store_true", help="a JSON object a line")
    options = parser.parse_args()

    if os.geteuid() != 0:
        print("# SKIP needs root")
        return SKIPPED
    bench = Bench(options.build)
    wrong = 0
    if not options.json:
        print("load  net  v s end     flows reused  right %  unknown  wrong  name %   exe % netns %"
              " ambig incom   lost")
    try:
        for load_kind in options.loads.split(","):
            for topology in options.topologies.split(","):
                network = Network(topology)
                try:
                    for family in options.families.split(","):
                        for scenario in options.scenarios * options.runs:
                            load = Load(load_kind)
                            try:
                                truths, answers, counters = bench.measure(scenario, network,
                                                                          family)
                            finally:
                                load.close()
                            rows = bench.judge(truths, answers)
                            wrong += sum(row["wrong"] for row in rows.values())
                            if options.json:
                                print(json.dumps({"load": load_kind, "topology": topology,
                                                  "family": family, "scenario": scenario,
                                                  "counters": counters, **rows}), flush=True)
                            else:
                                print_rows(f"{load_kind:5} {topology:4} {family} {scenario}", rows,
                                           counters)
                finally:
                    network.close()
    finally:
        bench.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
