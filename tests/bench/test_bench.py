#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark runs and prints what it is asked for; compare distinguishes its results.

Only sections run that need neither privileges nor time, with a capture of few packets.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("top_builddir", ".")
PROGRAMS = ("null pcap loop", "sockline -e connection", "sockline -e packet",
            "sockline -e connection --no-inspect", "sockline -e packet,connection",
            "sockline -e packet,connection --no-inspect", "tcpdump -nn -tt")
APPENDED = ("packet", "connection_opened", "connection_state_changed", "connection_updated",
            "connection_attributed", "connection_closed", "existing_socket", "listening_started",
            "listening_stopped")
TREES = ("snapshot_completed", "process_traffic", "capture_stats", "run_started", "run_stopped",
         "output_opened", "records_dropped", "netlink_overrun", "capture_lost", "capture_resumed",
         "netns_opened", "limit_reached", "tracepoints_overrun", "clock_step")


def run(*command, **keywords):
    return subprocess.run([sys.executable, *command], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **keywords)


def section(folder, name, *arguments, **keywords):
    """Exit status, table and NDJSON of one section of the bench."""
    results = os.path.join(folder, name)
    done = run(os.path.join(HERE, "bench.py"), "--quick", "-b", BUILD, "-s", name, "--json", results,
               *arguments, **keywords)
    with open(results, encoding="utf-8") as file:
        return done.returncode, done.stdout, [json.loads(line) for line in file]


def test_replay(folder):
    if not shutil.which("tcpdump"):
        return
    capture = os.path.join(folder, "few.pcap")
    subprocess.run([os.path.join(BUILD, "tests/bench/make_capture"), "-n", "500", capture], check=True)
    status, table, results = section(folder, "replay", "-r", "5",
                                     env={**os.environ, "CAPTURE": capture})
    check(status == 0 and table.startswith("# "), "replay of $CAPTURE; the machine stands first", table)
    found = {result["name"]: result for result in results
             if result.get("unit") == "us/packet" and result["runs"] == 5}
    check(set(PROGRAMS) <= set(found), "CPU a packet of each program, of five runs", table)
    check(all(result["min"] <= result["median"] <= result["max"] for result in found.values()),
          "a median between the least and the most", found)
    check(re.search(r"sockline -e packet,connection / tcpdump: [\d.]+ \(goal <= 0.5\)", table) and
          re.search(r"sockline -e connection / null: [\d.]+ \(goal <= 4\)", table),
          "ratios, each beside its goal", table)
    inspection = {result["goal"]: result for result in results if "no-inspect" in result.get("goal", "")}
    check({f"sockline -e {events} / --no-inspect" for events in ("connection", "packet,connection")} <=
          set(inspection) and all(result["relation"] == "<=" and result["limit"] == 1.15 and result["value"] > 0
                                  for result in inspection.values()),
          "what inspection costs, in the same table", results)


def test_flows(folder):
    capture = os.path.join(folder, "few.pcap")
    subprocess.run([os.path.join(BUILD, "tests/bench/make_capture"), "-n", "500", capture], check=True)
    status, table, results = section(folder, "flows,compression", "-r", "1",
                                     env={**os.environ, "CAPTURE": capture})
    names = {result["name"] for result in results if "name" in result}
    check(status == 0 and {"sockline -e connection", "sockline -e closed", "-o, plain", "-o, zstd",
                           "size, plain", "size, zstd"} <= names, "flows, and compressed output", table)
    check(re.search(r"plain / zstd, bytes: [\d.]+ \(goal >= 12\)", table), "and how much smaller", table)


def test_encode(folder):
    status, table, results = section(folder, "encode")
    names = {result["name"] for result in results if result.get("unit") == "ns"}
    missing = {f"{kind}, {way}" for kind in APPENDED for way in ("tree", "cold", "warm")} | set(TREES)
    check(status == 0 and not missing - names, "time for each kind of record", missing - names)
    goals = {result["goal"] for result in results if "goal" in result}
    check({"warm packet record, ns", "packet, tree / warm"} <= goals, "and both goals", goals)
    check(results[0]["bench"] == "machine" and results[0]["kernel"] in table,
          "the machine is in both forms", results[0])


def write(folder, name, *records):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps({"bench": "replay", **record}) + "\n")
    return path


def value(name, median, spread=1):
    return {"name": name, "unit": "us/packet", "median": median, "min": median - spread,
            "max": median + spread, "runs": 5}


def goal(name, number, missed):
    return {"goal": name, "value": number, "relation": "<=", "limit": 4, "missed": missed}


def test_compare(folder):
    old = write(folder, "old", {"bench": "machine", "cpus": 2}, value("slower", 10),
                value("within the range", 10, 9), value("little", 100), value("gone", 1),
                goal("kept", 3, False), goal("broken", 3.9, False))
    new = write(folder, "new", {"bench": "machine", "cpus": 2}, value("slower", 20),
                value("within the range", 15, 9), value("little", 105), value("fresh", 1),
                goal("kept", 3.1, False), goal("broken", 4.1, True))
    done = run(os.path.join(HERE, "compare"), old, new)
    lines = done.stdout.splitlines()
    check(done.returncode == 0 and len(lines) == 3, "compare shows what differs", done.stdout)
    check(re.search(r"replay slower, us/packet +10.000 +20.000 +x 2.00$", done.stdout, re.MULTILINE),
          "beyond the range of either's runs", done.stdout)
    check("goal: broken" in done.stdout and "missed now" in done.stdout, "and goals that turned",
          done.stdout)
    check(lines[-1] == "3 as before, 1 only in the old, 1 only in the new", "and how much does not",
          done.stdout)


def test_plot(folder):
    old = write(folder, "old", value("a 'b'", 10), value("zero", 0), value("late", 1))
    new = write(folder, "new", value("a 'b'", 5), value("zero", 0), value("late", 3))
    done = run(os.path.join(HERE, "plot"), "-o", "-", old, new)
    check(done.returncode == 0 and "0 1\n1 0.5\nend" in done.stdout and "0 1\n1 3\nend" in done.stdout,
          "plot draws each figure as a part of the first", done.stdout)
    check("title 'replay a ''b'', us/packet'" in done.stdout and "zero" not in done.stdout,
          "names are quoted, and what has no first value is left out", done.stdout)
    done = run(os.path.join(HERE, "plot"), "-m", "late", "-o", "-", old, new)
    check(done.stdout.count(" title ") == 1, "-m chooses", done.stdout)
    check(run(os.path.join(HERE, "plot"), "-m", "absent", old).returncode == 1,
          "nothing to draw is a failure")


def main():
    with tempfile.TemporaryDirectory() as folder:
        test_replay(folder)
        test_flows(folder)
        test_encode(folder)
        test_compare(folder)
        test_plot(folder)
    return done()


if __name__ == "__main__":
    sys.exit(main())
