#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Short flows with a known owner against what the sentinel sees: right, unknown, wrong; how fast.

    sentinel.py [-b BUILD] [-s SCENARIOS] [-t lo,veth] [-f 4,6] [-l quiet,hogs,fds] [-r RUNS]

Scenarios as in gen_flows, and B: curl, 60 times. Loads: two busy processes (hogs),
500 processes with 100 descriptors each (fds). Needs root. Everything happens in
network namespaces of its own. Programs as for attribution.py.

Times in us: from the packet to its owner, of ends that connect or send.
"""

import collections
import os
import statistics
import subprocess
import sys

import attribution
from attribution import (ADDRESSES, ENDS, SKIPPED, Load, Network, Truth, arguments, percent,
                         run_curl, tuple_of)

# A sighting belongs to a flow when it lies so far around the times of the truth.
BEFORE_NS = 5_000_000
AFTER_NS = 20_000_000

Sighting = collections.namedtuple(
    "Sighting", "how netns protocol local local_port remote remote_port interface inode cookie uid "
    "pid ticks time_ns age_ns icmp_id")


class Sentinel:
    """sentinel_dump at work in both namespaces."""

    def __init__(self, bench, network):
        self.output = open(os.path.join(bench.scratch, "sightings"), "w+", encoding="ascii",
                           errors="replace")
        spaces = {network.client.path, network.server.path}
        command = [os.path.join(bench.helpers, "sentinel_dump")]
        for path in spaces:
            command += ["-N", path]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.output,
                                        stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline().strip()
        if not first.startswith("ready"):
            print(f"# SKIP {first}")
            sys.exit(SKIPPED)
        self.mode = first.partition(" ")[2]

    def finish(self):
        """Sightings, and the counters."""
        _, counted = self.process.communicate()
        words = counted.split()
        self.output.seek(0)
        lines = [line.rstrip("\n").split("\t") for line in self.output]
        self.output.close()
        return ([Sighting(*line) for line in lines if line[0] != "process"],
                dict(zip(words[::2], map(int, words[1::2]))))


def measure(bench, scenario, network, family):
    truth = os.path.join(bench.scratch, "truth")
    sentinel = Sentinel(bench, network)
    try:
        if scenario == "B":
            truths = run_curl(network, ADDRESSES[network.kind][family])
        else:
            network.client.run(os.path.join(bench.helpers, "gen_flows"), "-o", truth, "-a",
                               ADDRESSES[network.kind][family], "-x", bench.program, "-N",
                               network.server.path, scenario)
            with open(truth, encoding="ascii") as file:
                truths = [Truth(*line.rstrip("\n").split("\t")) for line in file]
    finally:
        sightings, counters = sentinel.finish()
    return truths, sightings, counters, sentinel.mode


def judge(truths, sightings):
    """A row for each end, and the ages of sightings in us."""
    rows = {end: collections.Counter() for end in ENDS}
    ages = []
    keys = collections.Counter(tuple_of(truth) for truth in truths)
    index = collections.defaultdict(list)
    for sighting in sightings:
        index[sighting[1:3] + sighting[4:7]].append(sighting)
    for truth in truths:
        row = rows[truth.end]
        if keys[tuple_of(truth)] > 1:
            row["reused"] += 1
            continue
        row["flows"] += 1
        found = [sighting for sighting in
                 index[truth.netns, truth.protocol, truth.local_port, truth.remote,
                       truth.remote_port]
                 if int(truth.begin) - BEFORE_NS < int(sighting.time_ns) <
                 int(truth.after) + AFTER_NS]
        pids = {sighting.pid for sighting in found
                if sighting.how in (("socket",) if truth.end == "client" else ("socket", "child"))}
        row["port"] += any(sighting.how == "port" for sighting in found)
        row["unresolved"] += any(sighting.how == "unresolved" for sighting in found)
        if not pids:
            row["unknown"] += 1
            continue
        row["right" if pids == {truth.pid} else "wrong"] += 1
        if truth.end == "client":
            ages += [int(sighting.age_ns) / 1000 for sighting in found]
    return rows, ages


def print_rows(title, truths, rows, ages, counters, is_fork):
    seconds = (max(int(truth.after) for truth in truths) -
               min(int(truth.begin) for truth in truths)) / 1e9
    for end in ENDS:
        row = rows[end]
        # Accepted sockets are named by the sentinel when they come with a child.
        if not row["flows"] or (end == "server" and not is_fork):
            continue
        ages.sort()
        timing = f"{statistics.median(ages):7.0f} {ages[len(ages) * 99 // 100]:7.0f}" \
            if ages and end == "client" else f"{'-':>7} {'-':>7}"
        flows = row["flows"] + row["reused"]
        print(f"{title} {end:6} {row['flows']:6} {row['reused']:6} {percent(row, 'right'):8.2f} "
              f"{percent(row, 'unknown'):8.2f} {percent(row, 'wrong'):6.2f} {row['port']:5} "
              f"{row['unresolved']:6} {timing} {counters['cpu_us'] / flows:8.1f} "
              f"{flows / seconds:8.0f}", flush=True)


def main():
    parser = arguments("ABCDEFG", "quiet,hogs,fds")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()

    if os.geteuid() != 0:
        print("# SKIP needs root")
        return SKIPPED
    bench = attribution.Bench(options.build)
    mode = None
    wrong = 0
    try:
        for load_kind in options.loads.split(","):
            for topology in options.topologies.split(","):
                network, load = Network(topology), Load(load_kind)
                try:
                    for family in options.families.split(","):
                        for scenario in options.scenarios * options.runs:
                            truths, sightings, counters, now = \
                                measure(bench, scenario, network, family)
                            if now != mode:
                                print(f"# {now}\nload  net  v s end     flows reused  right %  "
                                      "unknown  wrong  port unres.  median     p99 CPU/flow "
                                      "  flows/s")
                            mode = now
                            rows, ages = judge(truths, sightings)
                            wrong += sum(row["wrong"] for row in rows.values())
                            print_rows(f"{load_kind:5} {topology:4} {family} {scenario}", truths,
                                       rows, ages, counters, scenario == "F")
                            if options.verbose:
                                print("#", counters)
                finally:
                    load.close()
                    network.close()
    finally:
        bench.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
