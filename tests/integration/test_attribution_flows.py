#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attribution is honest (P17), in short: flows of many short processes, whose owners are known. Of an
owner that is named none is wrong; and with the kernel's help nearly every one is named.
tests/bench/attribution.py is the long form."""

import collections
import time

from harness import HERE, Namespace, check, comment, path, run

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


def answers(records):
    """Who it is said to be: the same keys -> set of pids; nobody is None."""
    found = collections.defaultdict(set)
    for record in records:
        source, destination = record["source"], record["destination"]
        if "port" not in source:
            continue
        key = record["network"]["iana_number"], source["port"], destination["port"]
        pid = record.get("process", {}).get("pid")
        if "peer" in record["sockline"]:
            found["client", *key].add(pid)
            found["server", *key].add(record["sockline"]["peer"].get("process", {}).get("pid"))
        else:
            found["server" if record["network"]["direction"] == "ingress" else "client", *key].add(pid)
    return found


def evaluate(mode, place, scenario, truth, found):
    for end, floor in zip(("client", "server"), MODES[mode]):
        counts, wrong = collections.Counter(), []
        for key, pids in truth.items():
            if key[0] != end or len(pids) > 1:  # its ports were used twice
                continue
            named = found.get(key, set()) - {None}
            counts["right" if named == pids else "wrong" if named else "unknown"] += 1
            if named - pids:
                wrong.append((key, pids, named))
        if not counts:
            continue
        title = f"{mode}, {place}, {scenario} ({SCENARIOS[scenario]}), {end}"
        comment(f"{title}: {dict(counts)}")
        check(not wrong, f"{title}: none is wrong", wrong[:3])
        if floor:
            check(100 * counts["right"] >= floor * sum(counts.values()), f"{title}: at least {floor} %",
                  dict(counts))


def scenes(mode, place, host, address, paths, server_netns=None):
    sockline = HERE.sockline("-e", "connection", "--attribution", mode,
                             *(word for name in paths[1:] for word in ("--netns", name)), netns=paths[0])
    time.sleep(0.3)
    truths = {}
    for number, scenario in enumerate(SCENARIOS):
        truths[scenario] = flows(host, number, scenario, address, server_netns)
    time.sleep(1)
    check(sockline.stop() == 0, f"{mode}, {place}: sockline ends well", sockline.stderr)
    found = answers(sockline.find("connection_closed"))
    for scenario, truth in truths.items():
        evaluate(mode, place, scenario, truth, found)


def test_loopback():
    for mode in MODES:
        with Namespace() as host:
            scenes(mode, "lo", host, "127.0.0.1", [f"/run/netns/{host.name}"])


def test_veth():
    for mode in ("tracepoints", "sentinel"):
        with Namespace.pair() as (left, right):
            names = [f"/run/netns/{one.name}" for one in (left, right)]
            scenes(mode, "veth", left, right.address, names, names[1])


run(globals())
