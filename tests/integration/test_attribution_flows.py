#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Attribution is honest (P17), in short: flows of many short processes, whose owners are known. No
owner that is named is wrong; and with the kernel's help nearly every one is named.
tests/bench/attribution.py is the long form."""

import collections
import os
import time

from harness import HERE, Namespace, check, comment, path, run, skip
from mksock import destination_end, source_end
from traffic import flood

COUNT = 100
SCENARIOS = {"A": "connect, exchange, exit", "C": "many connections of one process",
             "D": "one datagram, exit", "E": "datagram and answer, exit", "F": "a child for each"}
# Percent that must be named of the client's and the server's ends. The rest is unknown, not wrong.
MODES = {"tracepoints": (95, 95), "sentinel": (80, 40), "lookup": (0, 0)}


def flows(place, number, scenario, address, server_netns):
    """Makes them; returns their truth: (end, protocol, ports of client and server) -> pid."""
    truth = path(f"truth.{time.monotonic_ns()}")
    options = ["-N", server_netns] if server_netns else []
    gen = place.helper("gen_flows", "-n", COUNT, "-a", address, "-p", 7000 + 10 * number, "-o", truth,
                       *options, scenario)
    check(gen.wait(60) == 0, f"{scenario}: flows are made", gen.stderr)
    owners = collections.defaultdict(set)
    with open(truth, encoding="utf-8") as file:
        for line in file:
            end, protocol, pid, _, local_port, _, remote_port = line.split("\t")[:7]
            ports = (local_port, remote_port) if end == "client" else (remote_port, local_port)
            owners[end, protocol, *map(int, ports)].add(int(pid))
    return owners


def named(end):
    """The pid that a record names; those of a socket that several processes have at once, as a server that
    has forked and its child, until it closes it; None."""
    return end.pid and (tuple(end.shared) or end.pid)


def answers(records):
    """The owners in the records: the same keys -> set of what is named."""
    found = collections.defaultdict(set)
    for record in records:
        source, destination = record["source"], record["destination"]
        if "port" not in source:
            continue
        key = record["network"]["iana_number"], source["port"], destination["port"]
        owner = named(source_end(record))
        if "peer" in record["sockline"]:
            found["client", *key].add(owner)
            found["server", *key].add(named(destination_end(record)))
        else:
            found["server" if record["network"]["direction"] == "ingress" else "client", *key].add(owner)
    return found


def evaluate(mode, place, scenario, truth, found, last):
    """Whether enough are named; where not, that is a failure of the last attempt alone."""
    missed = False
    for end, floor in zip(("client", "server"), MODES[mode]):
        counts, wrong = collections.Counter(), []
        for key, pids in truth.items():
            if key[0] != end or len(pids) > 1:  # its ports were used twice
                continue
            given = found.get(key, set()) - {None}
            bad = [one for one in given if not pids & (set(one) if isinstance(one, tuple) else {one})]
            counts["wrong" if bad else "right" if given == pids else "unknown"] += 1
            if bad:
                wrong.append((key, pids, given))
        if not counts:
            continue
        title = f"{mode}, {place}, {scenario} ({SCENARIOS[scenario]}), {end}"
        comment(f"{title}: {dict(counts)}")
        check(not wrong, f"{title}: none is wrong", wrong[:3])
        enough = 100 * counts["right"] >= floor * sum(counts.values())
        missed = missed or not enough
        if floor and (enough or last):
            check(enough, f"{title}: at least {floor} %", dict(counts))
    return not missed


def scenes(*arguments):
    """A busy machine gets three attempts to name enough of them; a wrong one is wrong in any."""
    for attempt in range(3):
        if attempt_scenes(attempt == 2, *arguments):
            return


def attempt_scenes(last, mode, place, host, address, paths, server_netns=None):
    sockline = HERE.sockline("-e", "connection", "--attribution", mode,
                             *(word for name in paths[1:] for word in ("--netns", name)), netns=paths[0])
    time.sleep(0.3)
    truths = {}
    for number, scenario in enumerate(SCENARIOS):
        truths[scenario] = flows(host, number, scenario, address, server_netns)
    time.sleep(1)
    check(sockline.stop() == 0, f"{mode}, {place}: sockline ends well", sockline.stderr)
    found = answers(sockline.find("connection_closed"))
    return all([evaluate(mode, place, scenario, truth, found, last) for scenario, truth in truths.items()])


def test_loopback():
    for mode in MODES:
        with Namespace() as host:
            scenes(mode, "lo", host, "127.0.0.1", [f"/run/netns/{host.name}"])


def test_veth():
    for mode in ("tracepoints", "sentinel"):
        with Namespace.pair() as (left, right):
            names = [f"/run/netns/{one.name}" for one in (left, right)]
            scenes(mode, "veth", left, right.address, names, names[1])


def real_time_threads(pid):
    """CPU time of those under SCHED_FIFO, in seconds: proc_pid_stat(5)."""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        if int(fields[38]) == os.SCHED_FIFO:
            used[thread] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def test_real_time_share():
    """The sentinel's real-time threads leave the rest of the machine its share, whatever comes.

    From sched_rt_runtime_us on the kernel throttles them, sched(7).
    """
    with Namespace() as host:
        sockline = HERE.sockline("-e", "connection", "--attribution", "sentinel",
                                 netns=f"/run/netns/{host.name}")
        loads = [host.helper("gen_flows", "-n", 4000, "-o", "/dev/null", "G"),
                 host.helper("gen_flows", "-n", 300, "-j", 4, "-p", 7100, "-o", "/dev/null", "D"),
                 flood(host, "-c", "200000")]
        before, then, shares = real_time_threads(sockline.pid), time.monotonic(), []
        while any(load.popen.poll() is None for load in loads):
            time.sleep(0.5)
            used, now = real_time_threads(sockline.pid), time.monotonic()
            shares += [(used[thread] - before[thread]) / (now - then) for thread in used]
            before, then = used, now
        check(all(load.wait(60) == 0 for load in loads), "connections, processes and a flood")
        sockline.wait_until_asleep()  # a busy machine's reader has more than a second's work left
        check(sockline.stop() == 0, "sentinel: ends well", sockline.stderr)
    if not before:
        skip("the share of threads under SCHED_FIFO", "there are none")
        return
    comment("shares of a CPU: " + " ".join(f"{share:.2f}" for share in shares))
    check(max(shares) < 0.9 and max(shares) > 0, "no thread under SCHED_FIFO takes a CPU for itself", shares)


run(globals())
