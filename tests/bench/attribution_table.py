#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""How many owners of short flows sockline names, how soon, and what that costs.

    attribution_table.py [--quick | --all] [-b BUILD] [-s A,B,...] [-t lo,veth]
                         [-f 4,6] [-l quiet,hogs,fds] [-m METHODS] [-r RUNS] [--json FILE]

The program runs as a user would run it, against flows whose owners the generator
wrote down. Scenarios (gen_flows says more of them):

    A  500 processes: connect, exchange, exit        D  500 processes: one datagram, exit
    B  curl, 60 times                                E  500 processes: datagram, answer, exit
    C  one process, 2000 connections flat out        F  a server that forks for each connection
    A4 D4  A and D by 4 spawners at once             G  4 processes, 8000 connections each
    DS     D behind a shaper (tbf, 200 kbit; veth only)
    U      64-byte datagrams of one flow, flat out for 2 s: how many a second (lo only, quiet)

Loads: quiet; two busy processes (hogs); 500 processes of 100 descriptors each (fds).
Methods: those of --attribution, and nethogs (A and B; only what it names is looked at).
Lookup is measured without load. --all measures every scenario in each place (IPv6 without load
only); so do -t, -f and -l, which choose of them.

For each end of the flows, the median of the runs and, behind /, the worst run: right and
unknown in percent (a flow without a record is unknown), wrong as a count. Then in us, from a
flow's first packet to the record that names its owner, median and 99 %: 0 when
connection_opened already did. CPU time of sockline per connection in us, all threads, from
before the flows until after them; behind / for C and G, in runs of their own, what attribution
and counting take of it, without a record of a connection (`-e stats`). On veth each connection
is two, one in either namespace, with packets and records of its own: that is twice the work.
Flows per second, and that relative to no capture at all.
A flow whose 5-tuple occurs twice is left out, unless its record names neither owner: that is
wrong. Goals stand at the end of a line, "!" before a goal that was missed; "lost" is what the
kernel lost of packets and of samples.

A kernel that is not preempted (PREEMPT_NONE) counts a thread's CPU time from its wake-up on, not
from when it runs. The sentinel's threads run once the flow's own system call lets them: what that
does meanwhile, a connection's handshake on this host, is counted as theirs.

Figures, not assertions: the status is 0. Needs root; everything happens in network
namespaces of its own. U is compared with null_capture, which attributes nothing, on all interfaces
as sockline is, and with lookup, 5 runs of each in turn. It takes a quarter of an hour, --quick
three minutes, --all an hour and a half.
"""

import argparse
import collections
import datetime
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
from attribution import (  # noqa: E402
    ADDRESSES, SKIPPED, Load, Network, Truth, run_curl, tuple_of)

METHODS = ("tracepoints", "sentinel", "lookup", "nethogs")
SCENARIOS = ("A", "B", "C", "D", "E", "F", "G", "A4", "D4", "DS", "U")
# Worth a quarter of an hour: each scenario where it is hardest, and under load those that it hurts.
USUAL = (
    *((scenario, "veth", "4", "quiet") for scenario in ("A", "B", "C", "D", "E", "D4", "DS")),
    *((scenario, "lo", "4", "quiet") for scenario in ("A", "F", "G", "U")),
    *((scenario, kind, "6", "quiet") for scenario, kind in (("B", "veth"), ("D", "veth"), ("F", "lo"))),
    *((scenario, kind, "4", "hogs") for scenario, kind in (("A", "veth"), ("D", "lo"), ("F", "lo"))),
    *((scenario, "veth", "4", "fds") for scenario in ("A", "C", "D")),
)
QUICK = (("A", "veth", "4", "quiet"), ("A", "lo", "6", "quiet"), ("B", "veth", "4", "quiet"),
         ("C", "veth", "4", "quiet"), ("D", "veth", "4", "quiet"), ("E", "veth", "4", "quiet"),
         ("F", "lo", "4", "quiet"), ("G", "lo", "4", "quiet"), ("DS", "veth", "4", "quiet"),
         ("A", "veth", "4", "hogs"), ("D", "lo", "4", "hogs"), ("U", "lo", "4", "quiet"))
SHAPER = ("tc", "qdisc", "add", "dev", "veth0", "root", "tbf", "rate", "200kbit", "burst", "1600",
          "limit", "4000000")
FLOOD = ("-k", "-c", "0", "-t", "2", "-s", "64", "127.0.0.1")
FLOOD_RUNS = 5
MANY = "CG"  # as many connections as show what one costs
FLOOD_GOAL = 0.9  # of null_capture's, and of lookup's

# What is asked for: least right in percent, most CPU us per connection, least flows a second.
Goal = collections.namedtuple("Goal", "right cpu rate", defaults=(None, None))
NO_GOAL = Goal(None)

def goal_of(method, scenario, load, end):
    """The goal for the owner of the end that the scenario is about: F's server, else the client."""
    if end != ("server" if scenario == "F" else "client"):
        return NO_GOAL
    if method == "tracepoints":
        return {"C": Goal(99.9, 6), "F": Goal(99),
                "G": Goal(99.9, 6, 15000)}.get(scenario, Goal(99.9))
    if method == "sentinel":
        return {"F": Goal(90 if load == "hogs" else 99), "C": Goal(99.5, 75),
                "G": Goal(99.5, 75, 12000),
                "DS": NO_GOAL}.get(scenario, Goal(99.5))
    return NO_GOAL


def cpu_ns(pid):
    """Seconds of all threads, user and system."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        except OSError:
            pass  # it has ended
    return total


class Sockline:
    """At work in both namespaces; ready when constructed."""

    def __init__(self, bench, network, method, events="connection,stats"):
        self.records = os.path.join(bench.scratch, "records")
        command = [bench.sockline, "-q", "-e", events, "--attribution", method,
                   "--max-connections", "200000", "-o", self.records]
        for path in {network.client.path, network.server.path}:
            command += ["--netns", path]
        if os.path.exists(self.records):
            os.unlink(self.records)
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.wait_started()
        self.cpu_before = cpu_ns(self.process.pid)

    def wait_started(self):
        give_up = time.monotonic() + 30
        while not os.path.exists(self.records) or os.path.getsize(self.records) == 0:
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.process.kill()
                sys.exit(f"attribution_table: sockline: {self.process.communicate()[1].strip()}")
            time.sleep(0.05)
        time.sleep(0.5)

    def finish(self):
        used = cpu_ns(self.process.pid) - self.cpu_before
        self.process.terminate()
        self.process.communicate()
        return used

    def read(self):
        with open(self.records, encoding="utf-8") as file:
            for line in file:
                if '"sockline.connection"' in line or '"run_stopped"' in line:
                    yield json.loads(line)


class Nethogs:
    """Only which pids it names."""

    def __init__(self, bench, network, _method):
        self.records = os.path.join(bench.scratch, "nethogs")
        device = "lo" if network.kind == "lo" else "veth0"
        with open(self.records, "wb") as output:
            self.process = subprocess.Popen(
                network.client.enter("nethogs", "-a", "-t", "-d", "1", "-v", "1", device),
                stdout=output, stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        self.cpu_before = cpu_ns(self.process.pid)

    def finish(self):
        time.sleep(1)  # a refresh more
        used = cpu_ns(self.process.pid) - self.cpu_before
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return used

    def named(self):
        pids = set()
        with open(self.records, encoding="utf-8", errors="replace") as file:
            for line in file:
                match = re.match(r".*/(\d+)/\d+\t", line)
                if match:
                    pids.add(match.group(1))
        return pids


class NullCapture:
    """The least that a capture costs; attributes nothing. Ready when constructed."""

    def __init__(self, bench, network, _method):
        self.process = subprocess.Popen(network.client.enter(bench.null_capture, "-i", "any"),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.process.stderr.readline()
        time.sleep(0.5)

    def finish(self):
        self.process.terminate()
        self.process.communicate()


class Bench:
    def __init__(self, build):
        self.sockline = os.environ.get("SOCKLINE", os.path.join(build, "src/sockline"))
        self.gen_flows = os.path.join(build, "tests/helpers/gen_flows")
        self.gen = os.path.join(build, "tests/helpers/gen")
        self.null_capture = os.path.join(build, "tests/bench/null_capture")
        # In memory: what a disk's file system takes for the records is not sockline's.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = tempfile.mkdtemp(prefix="attribution.", dir=memory)

    def close(self):
        shutil.rmtree(self.scratch)

    def generate(self, scenario, network, family):
        """Runs the flows; returns their truths."""
        address = ADDRESSES[network.kind][family]
        if scenario == "B":
            return run_curl(network, address)
        path = os.path.join(self.scratch, "truth")
        if os.path.exists(path):
            os.unlink(path)
        jobs = "4" if scenario.endswith("4") else "1"
        network.client.run(self.gen_flows, "-o", path, "-a", address, "-j", jobs,
                           "-N", network.server.path, scenario[0])
        with open(path, encoding="ascii") as file:
            return [Truth(*line.rstrip("\n").split("\t")) for line in file]

    def measure(self, scenario, network, family, method):
        """A row for each end."""
        program = {"none": None, "nethogs": Nethogs}.get(method, Sockline)
        observer = program(self, network, method) if program else None
        try:
            truths = self.generate(scenario, network, family)
            # Batches, and lookups of those that exited, may come later; a shaper drains.
            time.sleep(3 if scenario == "DS" else 1)
        finally:
            used = observer.finish() if observer else 0
        if method == "none":
            rows = {end: {"flows": 0} for end in ("client",)}
        elif method == "nethogs":
            rows = judge_nethogs(truths, observer.named())
        else:
            rows = judge(truths, observer.read(), network)
        flows = sum(truth.end == "client" for truth in truths)
        for row in rows.values():
            row["rate"] = rate_of(truths)
            row["cpu_us"] = used / 1000 / max(1, flows)
        return rows

    def measure_silent(self, scenario, network, family, method):
        """CPU us a connection without records of connections."""
        observer = Sockline(self, network, method, "stats")
        try:
            truths = self.generate(scenario, network, family)
            time.sleep(1)
        finally:
            used = observer.finish()
        return used / 1000 / max(1, sum(truth.end == "client" for truth in truths))


def rate_of(truths):
    begins = [int(truth.begin) for truth in truths if truth.end == "client"]
    ends = [int(truth.after) for truth in truths if truth.end == "client"]
    return len(begins) * 1e9 / max(1, max(ends) - min(begins))


def time_ns(text):
    """RFC 3339 with nine digits: floats and datetime have fewer."""
    whole = datetime.datetime.strptime(text[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
    return int(whole.timestamp()) * 1_000_000_000 + int(text[20:29])


# What one record says of one end.
Said = collections.namedtuple("Said", "key pid why")


def ends_of(record, kind):
    """What it says of its ends: both on lo, else the one in that namespace."""
    source, destination = record["source"], record["destination"]
    protocol = record["network"]["iana_number"]
    client = ("client", protocol, str(source.get("port")), destination["ip"],
              str(destination.get("port")))
    server = ("server", protocol, str(destination.get("port")), source["ip"],
              str(source.get("port")))
    own, peer = record, record["sockline"].get("peer", {})

    def said(key, part, about):
        method = about.get("method", "absent")
        pid = part.get("process", {}).get("pid")
        return Said(key, None if pid is None else str(pid), about.get("reason", method))

    about = record["sockline"]["attribution"]
    if kind == "lo":
        return [said(client, own, about), said(server, peer, peer.get("attribution", {}))]
    direction = record["network"]["direction"]
    if direction == "egress":
        return [said(client, own, about)]
    return [said(server, own, about)] if direction == "ingress" else []


class Answered:
    """All that the records of one run say."""

    def __init__(self, records, kind):
        self.closed = collections.defaultdict(list)
        self.latency = {}  # of (connection, end): from its start until it was named
        self.lost = 0
        for record in records:
            if record["event"]["action"] == "run_stopped":
                self.count_lost(record["sockline"]["stats"])
                continue
            self.take(record, kind)

    def count_lost(self, stats):
        self.lost = stats.get("tracepoints", {}).get("lost", 0) + \
            sum(capture.get("dropped", 0) for capture in stats.get("capture", []))

    def take(self, record, kind):
        action = record["event"]["action"]
        connection = record["sockline"]["connection"]["id"]
        for said in ends_of(record, kind):
            if said.pid is not None:
                late = 0
                if action != "connection_opened":
                    late = time_ns(record["@timestamp"]) - time_ns(record["event"]["start"])
                self.latency.setdefault((connection, said.key[0]), late)
            if action == "connection_closed":
                self.closed[said.key].append((said, connection))


def judge(truths, records, network):
    answered = Answered(records, network.kind)
    owners = collections.defaultdict(set)
    times = collections.Counter()
    rows = {}
    for truth in truths:
        owners[tuple_of(truth)].add(truth.pid)
        times[tuple_of(truth)] += 1
    for key, pids in owners.items():
        row = rows.setdefault(key[0], {"flows": 0, "right": 0, "unknown": 0, "wrong": 0,
                                       "missing": 0, "reused": 0, "why": {}, "late_us": []})
        answers = answered.closed.get(key, [])
        named = {said.pid for said, _ in answers} - {None}
        if times[key] > 1:
            row["reused"] += times[key]
            row["wrong"] += bool(named - pids)
            continue
        row["flows"] += 1
        if named - pids:
            verdict = "wrong"
        elif named:
            verdict = "right"
            row["late_us"] += [answered.latency[connection, key[0]] / 1000
                               for said, connection in answers if said.pid is not None]
        else:
            verdict = "unknown"
            row["missing"] += not answers
        row[verdict] += 1
        if verdict != "right":
            why = f"{verdict} {answers[0][0].why if answers else 'no record'}"
            row["why"][why] = row["why"].get(why, 0) + 1
    for row in rows.values():
        late = sorted(row.pop("late_us"))
        row["late_median_us"] = statistics.median(late) if late else None
        row["late_99_us"] = late[len(late) * 99 // 100] if late else None
        row["lost"] = answered.lost
    return rows


def judge_nethogs(truths, named):
    pids = {truth.pid for truth in truths if truth.end == "client"}
    right = len(pids & named)
    return {"client": {"flows": len(pids), "right": right, "unknown": len(pids) - right,
                       "wrong": 0, "missing": 0, "reused": 0, "why": {}, "late_median_us": None,
                       "late_99_us": None, "lost": 0}}


def summary(runs):
    """Median and worst of the rows of one end."""
    def percents(what):
        return [100 * row[what] / max(1, row["flows"]) for row in runs]

    def median(what):
        values = [row[what] for row in runs if row[what] is not None]
        return statistics.median(values) if values else None

    why = collections.Counter()
    for row in runs:
        why.update(row["why"])
    return {
        "flows": statistics.median(row["flows"] for row in runs),
        "reused": statistics.median(row["reused"] for row in runs),
        "right": statistics.median(percents("right")), "right_worst": min(percents("right")),
        "unknown": statistics.median(percents("unknown")),
        "unknown_worst": max(percents("unknown")),
        "wrong": statistics.median(row["wrong"] for row in runs),
        "wrong_worst": max(row["wrong"] for row in runs),
        "late_median_us": median("late_median_us"), "late_99_us": median("late_99_us"),
        "cpu_us": median("cpu_us"), "rate": median("rate"), "lost": median("lost"),
        "why": dict(why.most_common(3)),
    }


def goals_text(goal, total):
    """The goals, with "!" before those that were missed."""
    parts = ["!0 wrong"] if total["wrong_worst"] else []
    if goal.right is not None:
        parts.append(f"{'!' if total['right'] < goal.right else ''}>={goal.right}%")
    if goal.rate is not None:
        parts.append(f"{'!' if total['rate'] < goal.rate else ''}>={goal.rate}/s")
    if goal.cpu is not None:
        parts.append(f"{'!' if total['cpu_us'] > goal.cpu else ''}<={goal.cpu}us")
    return " ".join(parts)


HEADER = ("sc  net  v load  end    method       flows  right % / worst   unkn % / worst  wrong/w"
          "    late us 50%/99%   CPU us/silent  flows/s  rel. goals; why not")


def number(value, text):
    return format(value, text) if value is not None else "-".rjust(int(text.split(".")[0]))


def print_row(where, end, method, total, bare, goal):
    scenario, kind, family, load = where
    print(f"{scenario:3} {kind:4} {family} {load:5} {end:6} {method:11} {total['flows']:6.0f} "
          f"{total['right']:8.2f}/{total['right_worst']:6.2f} {total['unknown']:9.2f}/"
          f"{total['unknown_worst']:6.2f} {total['wrong']:6.0f}/{total['wrong_worst']:<3} "
          f"{number(total['late_median_us'], '8.0f')}/{number(total['late_99_us'], '8.0f')} "
          f"{total['cpu_us']:8.1f}/{number(total['silent_us'], '6.1f')} {total['rate']:8.0f} {total['rate'] / bare:5.2f} "
          f"{goals_text(goal, total)}"
          + "".join(f"; {why}: {times}" for why, times in total["why"].items())
          + (f"; lost {total['lost']:.0f}" if total["lost"] else ""), flush=True)


def flood(bench, network, method):
    """Datagrams a second."""
    program = {"none": None, "null": NullCapture}.get(method, Sockline)
    observer = program(bench, network, method) if program else None
    try:
        output = subprocess.run(network.client.enter(bench.gen, *FLOOD), check=True, text=True,
                                stdout=subprocess.PIPE).stdout
    finally:
        if observer:
            observer.finish()
    sent = json.loads(output.splitlines()[-1])
    return sent["sent"] / sent["seconds"]


def measure_flood(bench, network, _where, options, results):
    references = ("null", "lookup")
    methods = ["none", *references] + [method for method in options.methods
                                       if method not in ("lookup", "nethogs")]
    rates = {method: [] for method in methods}
    for _ in range(1 if options.quick else FLOOD_RUNS):
        for method in methods:
            rates[method].append(flood(bench, network, method))
    medians = {method: statistics.median(rates[method]) for method in methods}
    for method in methods:
        parts = [medians[method] / medians[reference] for reference in references]
        judged = method not in ("none", *references)
        text = ", ".join(f"{'!' if judged and part < FLOOD_GOAL else ''}{part:.2f} of {reference}'s"
                         for part, reference in zip(parts, references))
        print(f"U   lo   4 quiet        {method:11} {medians[method]:8.0f} datagrams/s, {text}"
              f"{f' >={FLOOD_GOAL}' if judged else ''}", flush=True)
    if results:
        results.write(json.dumps({"bench": "attribution", "scenario": "U", "rates": rates}) + "\n")
        results.flush()


def measure_once(measure, network, where, method):
    """After many connections the ports are in TIME_WAIT, and connect(2) is slow: not there again."""
    scenario, kind, family, _ = where
    if scenario not in MANY:
        return measure(scenario, network, family, method)
    fresh = Network(kind)
    try:
        return measure(scenario, fresh, family, method)
    finally:
        fresh.close()


def measure_place(bench, network, where, options, results):
    """All methods in turn, and again, so that a busy minute meets them alike."""
    scenario, kind, family, load_kind = where
    methods = ["none"] + [method for method in options.methods
                          if load_kind == "quiet" or method in ("tracepoints", "sentinel")]
    if scenario not in "AB" or family == "6":
        methods = [method for method in methods if method != "nethogs"]
    runs = collections.defaultdict(list)
    silent = collections.defaultdict(list)
    load = Load(load_kind)
    try:
        for _ in range(options.runs):
            for method in methods:
                for end, row in measure_once(bench.measure, network, where, method).items():
                    runs[method, end].append(row)
                if scenario in MANY and method == "tracepoints":
                    silent[method].append(measure_once(bench.measure_silent, network, where,
                                                       method))
    finally:
        load.close()
    bare = statistics.median(row["rate"] for row in runs.pop(("none", "client")))
    for method, end in sorted(runs, key=lambda key: (METHODS.index(key[0]), key[1])):
        rows = runs[method, end]
        total = summary(rows)
        total["silent_us"] = statistics.median(silent[method]) if silent[method] else None
        goal = goal_of(method, scenario, load_kind, end)
        print_row(where, end, method, total, bare, goal)
        if results:
            record = {"bench": "attribution", "scenario": scenario, "network": kind,
                      "family": family, "load": load_kind, "end": end, "method": method,
                      "bare_rate": bare, **total, "goal": goal._asdict(), "runs": rows}
            results.write(json.dumps(record) + "\n")
            results.flush()


def places(options):
    if options.quick:
        chosen = QUICK
    elif not options.all:
        chosen = USUAL
    else:
        chosen = [(scenario, kind, family, load) for load in options.loads
                  for kind in options.networks for family in options.families
                  for scenario in options.scenarios
                  if options.chosen or family == "4" or load == "quiet"]
    for where in chosen:
        if where[0] in options.scenarios and (where[0] != "DS" or where[1] == "veth") and \
                (where[0] != "U" or where[1:] == ("lo", "4", "quiet")):
            yield where


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def words(text):
        return text.split(",")

    parser.add_argument("-b", "--build", default=os.environ.get("top_builddir", "."))
    parser.add_argument("-s", "--scenarios", type=words, default=SCENARIOS)
    parser.add_argument("-t", "--networks", type=words)
    parser.add_argument("-f", "--families", type=words)
    parser.add_argument("-l", "--loads", type=words)
    parser.add_argument("-m", "--methods", type=words, default=METHODS)
    parser.add_argument("-r", "--runs", type=int)
    parser.add_argument("-j", "--json", metavar="FILE", help="append results as NDJSON")
    parser.add_argument("--quick", action="store_true", help="few places, one run")
    parser.add_argument("--all", action="store_true", help="every scenario in every place")
    options = parser.parse_args()
    options.chosen = bool(options.families or options.loads)
    options.all = options.all or options.chosen or bool(options.networks)
    options.networks = options.networks or ["veth", "lo"]
    options.families = options.families or ["4", "6"]
    options.loads = options.loads or ["quiet", "hogs", "fds"]
    options.runs = options.runs or (1 if options.quick else 3)
    unknown = (set(options.scenarios) - set(SCENARIOS)) | (set(options.methods) - set(METHODS))
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}")
    options.methods = [method for method in options.methods
                       if method != "nethogs" or shutil.which("nethogs")]
    return options


def main():
    options = parse()
    if os.geteuid() != 0:
        print("# SKIP needs root")
        return SKIPPED
    bench = Bench(options.build)
    results = open(options.json, "a", encoding="utf-8") if options.json else None
    print(f"# Linux {os.uname().release}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, "
          f"{options.runs} runs")
    print(HEADER, flush=True)
    try:
        for where in places(options):
            network = Network(where[1])
            try:
                if where[0] == "DS":
                    network.client.run(*SHAPER)
                measure = measure_flood if where[0] == "U" else measure_place
                measure(bench, network, where, options, results)
            finally:
                network.close()
    finally:
        bench.close()
        if results:
            results.close()
    print(f"# load at the end {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
