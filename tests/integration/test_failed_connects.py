#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Calls of connect(2) that make no connection: each has a record of its beginning and of its end, with
its owner, whether packets of it were captured or not."""

import collections
import shutil
import sys

from harness import Failure, Namespace, check, run, skip

TIMES = 60  # of each kind
FEW = 20    # where the kernel lets only so many wait
PEER, PEER6 = "10.77.0.2", "fd77::2"

# Kind: address, first port, how many, (reasons that are true, are packets captured).
KINDS = {
    "no route": ("10.99.0.1", 1000, TIMES, ({"unreachable"}, False)),
    "no route of IPv6": ("2001:db8::1", 1000, TIMES, ({"unreachable"}, False)),
    "route unreachable": ("10.98.0.1", 1000, TIMES, ({"unreachable"}, False)),
    "route prohibited": ("10.97.0.1", 1000, TIMES, ({"blocked"}, False)),
    "route to nowhere": ("10.96.0.1", 1000, TIMES, ({"blocked"}, False)),
    "no neighbour": ("10.77.0.77", 1000, FEW, ({"unreachable"}, False)),
    "dropped here": (PEER, 2000, TIMES, ({"timeout"}, False)),
    "dropped here, given up": (PEER, 2500, FEW, ({"timeout"}, False)),
    "rejected here": (PEER, 3000, TIMES, ({"blocked"}, False)),
    "rejected here, IPv6": (PEER6, 3000, TIMES, ({"blocked"}, False)),
    "reset here": (PEER, 4000, TIMES, ({"refused"}, True)),
    "dropped there": (PEER, 5000, TIMES, ({"timeout"}, True)),
    "prohibited there": (PEER, 6000, TIMES, ({"unreachable"}, True)),
    "refused there": (PEER, 7000, TIMES, ({"refused"}, True)),
    "refused there, IPv6": (PEER6, 7000, TIMES, ({"refused"}, True)),
}
SECONDS = {"no neighbour": 4, "dropped here, given up": 0.4}  # before TCP sends its SYN again
TOTAL = sum(count for _, _, count, _ in KINDS.values())
ERRORS = {"no neighbour": (3, 1), "rejected here": (3, 3), "rejected here, IPv6": (1, 4),
          "prohibited there": (3, 13)}
HERE_RULES = """table inet t { chain o { type filter hook output priority 0;
  tcp dport 2000-2999 drop
  tcp dport 3000-3999 reject
  tcp dport 4000-4999 reject with tcp reset
}
}"""
THERE_RULES = """table inet t { chain i { type filter hook input priority 0;
  tcp dport 5000-5999 drop
  tcp dport 6000-6999 reject with icmpx type admin-prohibited
}
}"""
# Every second connect is this process's; when it has waited long enough, it closes them.
CLIENT = """
import errno, select, socket, sys, time
poll, waiting = select.poll(), {}
for line in sys.stdin:
    host, first, count, seconds = line.split()
    for port in range(int(first), int(first) + int(count), 2):
        client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        client.setblocking(False)
        if client.connect_ex((host, port)) == errno.EINPROGRESS:
            waiting[client.fileno()] = (client, time.monotonic() + float(seconds))
            poll.register(client, select.POLLOUT)
while waiting:
    for descriptor, _ in poll.poll(50):
        poll.unregister(descriptor)
        waiting.pop(descriptor)[0].close()
    for descriptor, (client, until) in list(waiting.items()):
        if time.monotonic() > until:
            poll.unregister(descriptor)
            waiting.pop(descriptor)[0].close()
"""


def prepare(here, there):
    for place, rules in ((here, HERE_RULES), (there, THERE_RULES)):
        place.run("nft", "-f", "-", input=rules)
        place.sysctl("net.ipv6.conf.veth0.disable_ipv6", 0)
        for limit in ("icmp_ratelimit", "icmp_ratemask", "icmp_msgs_per_sec", "icmp_msgs_burst"):
            try:  # errors about many connections at once
                place.sysctl(f"net.ipv4.{limit}", 0 if "rate" in limit else 100000)
            except Failure:
                pass  # not in a namespace of its own before Linux 6.14
        place.sysctl("net.ipv6.icmp.ratelimit", 0)
    here.ip("addr", "add", "fd77::1/64", "dev", "veth0", "nodad")
    there.ip("addr", "add", "fd77::2/64", "dev", "veth0", "nodad")
    for kind, network in (("unreachable", "10.98"), ("prohibit", "10.97"), ("blackhole", "10.96")):
        here.ip("route", "add", kind, f"{network}.0.0/16")


def connect_all(here):
    """Two processes, which connect in turn. Returns their pids: [port % 2]."""
    clients = [here.start(sys.executable, "-c", CLIENT) for _ in range(2)]
    for parity, client in enumerate(clients):
        client.send("".join(f"{host} {first + parity} {count} {SECONDS.get(kind, 1.3)}\n"
                            for kind, (host, first, count, _) in KINDS.items()))
        client.popen.stdin.close()
    for client in clients:
        client.wait(30)
    return [client.pid for client in clients]


def is_failure(record):
    return record["event"].get("outcome") == "failure"


def play_once():
    """The run and its clients' pids; None: there are no tracepoints."""
    with Namespace.pair() as (here, there):
        prepare(here, there)
        sockline = here.sockline("-e", "connection")
        if sockline.wait_for("run_started")["sockline"]["config"]["attribution"] != "tracepoints":
            return None
        pids = connect_all(here)
        try:
            sockline.wait_for("connection_closed", is_failure, count=TOTAL)
        except Failure as failure:
            print(f"# {str(failure).splitlines()[0]}")
        check(sockline.stop() == 0, "ends well", sockline.stderr)
        return sockline, pids


def test_failed():
    """perf leaves out some events of interrupts (Linux 6.18, one run of five), and on a busy machine others are
    lost: a run without any of these comes within three. What there is, is right in each of them."""
    if not shutil.which("nft"):
        skip("each failed connect", "needs nft")
        return
    for attempt in range(3):
        played = play_once()
        if not played:
            skip("each failed connect", "tracepoints are not to be had")
            return
        sockline, pids = played
        ends = sockline.find("connection_closed", is_failure)
        lost = len(sockline.find("tracepoints_overrun")) > 0
        if len(ends) >= TOTAL or (attempt == 2 and not lost):
            judge(sockline, pids)
            return
        wrong = [record for record in wrong_owners(ends, pids) if "process" in record or not lost]
        check(not wrong, f"attempt {attempt + 1}: no owner is wrong", wrong[:2])
    skip("each failed connect has a record", "events were lost in each of three runs")


def wrong_owners(ends, pids):
    return [record for record in ends
            if record.get("process", {}).get("pid") != pids[record["destination"]["port"] % 2]]


def judge(sockline, pids):
    found = collections.defaultdict(list)
    for record in sockline.records:
        if record["event"]["dataset"] == "sockline.connection" and record["network"]["transport"] == "tcp":
            end = record["destination"]
            found[end["ip"], end["port"]].append(record)
    opened = sum(records[0]["event"]["action"] == "connection_opened" for records in found.values())
    check(opened == len(found), "the first record of each says that it opened")
    for kind, (host, first, count, (reasons, captured)) in KINDS.items():
        of_kind = [found.get((host, port), ()) for port in range(first, first + count)]
        actions = collections.Counter(tuple(sorted(record["event"]["action"] for record in records
                                                   if record["event"]["action"] != "connection_attributed"))
                                      for records in of_kind)
        check(actions == {("connection_closed", "connection_opened"): count},
              f"{kind}: each opens once and closes once", dict(actions))
        ends = [record for records in of_kind for record in records
                if record["event"]["action"] == "connection_closed"]
        check({record["event"]["outcome"] for record in ends} == {"failure"} and
              {record["event"]["reason"] for record in ends} <= reasons,
              f"{kind}: a failure, and the reason is {' or '.join(reasons)}",
              dict(collections.Counter((record["event"]["outcome"], record["event"]["reason"])
                                       for record in ends)))
        wrong = wrong_owners(ends, pids)
        check(not wrong, f"{kind}: the process that connected is its owner",
              collections.Counter((record.get("process", {}).get("pid"), str(record["sockline"]["attribution"]))
                                  for record in wrong))
        check({"packets" in record["sockline"]["evidence"] for record in ends} == {captured},
              f"{kind}: packets are part of the evidence: {captured}", ends[:2])
        errors = {tuple(record["sockline"]["connection"].get("icmp_error", {}).values())[:2] for record in ends}
        check(errors == {ERRORS.get(kind, ())}, f"{kind}: type and code of the ICMP error", errors)
        check({"source" in record for record in ends} == {"rout" not in kind},
              f"{kind}: the local end is there as far as there was one", ends[:2])


run(globals())
