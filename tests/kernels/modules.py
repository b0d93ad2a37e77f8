#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What needs modules that hosts of CI lack, on a kernel that has them: -S equals ss(8) family by
family (a table), and packets of SCTP and DCCP have their owners. For tests/kernels/run."""

import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
# pylint: disable=wrong-import-position
from families import FAMILIES, OTHERS, difference, kind, own, ss_lines  # noqa: E402
from harness import Namespace, check, comment, run, skip  # noqa: E402
from mksock import Agent, Mksock, destination_end, source_end, wait_until  # noqa: E402

MODULES = ("sctp", "dccp_ipv4", "vsock_loopback", "tipc", "smc", "wireguard", "vxlan", "geneve", "ip_gre",
           "ipip", "sit", "nlmon", "vcan")
SCENE = ("tcp-listen :: 0", "tcp-connect ::1 $1", "tcp-accept %1", "udp-bind 0.0.0.0 0",
         "udp-connect 127.0.0.1 $4", "raw 4 89", "packet 0x0003 lo", "unix-listen stream @sockline-modules",
         "unix-connect stream @sockline-modules", "mptcp-listen 127.0.0.1 0",
         "mptcp-connect 127.0.0.1 $10", "mptcp-accept %10")
MODES = ("tracepoints", "sentinel", "lookup")
# Type and protocol of sockets.
PROTOCOLS = {"sctp": (1, 132), "dccp": (6, 33)}

LISTENER = """
kind, protocol = map(int, {words!r})
listener = socket.socket(socket.AF_INET, kind, protocol)
if protocol == 33:
    listener.setsockopt(269, 2, struct.pack("I", 42))  # DCCP_SOCKOPT_SERVICE
listener.bind(("127.0.0.1", 0))
listener.listen(5)
print(listener.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(listener.accept()[0])
    kept[-1].send(b"answer " + kept[-1].recv(100))
"""
CLIENT = """
kind, protocol = map(int, {words!r})
one = socket.socket(socket.AF_INET, kind, protocol)
if protocol == 33:
    one.setsockopt(269, 2, struct.pack("I", 42))
one.connect(("127.0.0.1", {port}))
one.send(b"question")
one.recv(100)
wait(one.getsockname()[1])
"""


def has_modules():
    present = {module for module in MODULES
               if subprocess.run(["modprobe", "-q", module], check=False).returncode == 0}
    for module in sorted(set(MODULES) - present):
        comment(f"no module {module}")
    return present


def snapshot(host):
    process = host.sockline("-S", wait=False)
    check(process.finish() == 0, "-S ends well", process.stderr)
    return own(process.find("existing_socket")), process.find("snapshot_completed")[0]["sockline"]["snapshot"]


def test_families():
    """Each family: as many as ss lists, with their inodes and processes."""
    present = has_modules()
    with Namespace() as host:
        Mksock(host, *SCENE)
        Agent(host, OTHERS)
        if "wireguard" in present:
            host.ip("link", "add", "wg0", "type", "wireguard")
            host.ip("link", "set", "wg0", "up")
        records, end = snapshot(host)
        comment(f"{'family':10}{'ss':>6}{'sockline':>10}")
        counts = collections.Counter(map(kind, records))
        for name in FAMILIES:
            lines = ss_lines(host, name)
            comment(f"{name:10}{len(lines):>6}{counts[name]:>10}")
            differing = difference(name, records, lines)
            check(not differing, f"{name}: those of ss with its processes", f"{differing}\n" + "\n".join(lines))
            if name != "dccp" or "dccp_ipv4" in present:
                check(counts[name] or name in end.get("incomplete", ()),
                      f"{name}: there are some, or they are said to be missing", end)
        for name in ("udplite", "icmp", "netlink", "smc"):
            comment(f"{name:10}{'-':>6}{counts[name]:>10}")
        check([one["process"]["pid"] for one in records if kind(one) == "smc"], "smc: its socket has a process",
              end)
        kernel = [kind(one) for one in records
                  if one["sockline"]["attribution"]["method"] == "kernel"]
        comment(f"of the kernel: {kernel}; incomplete: {end.get('incomplete')}, absent: {end.get('absent')}")


def owners(protocol, mode):
    """Associations of two processes; each packet is of the process that sent it."""
    with Namespace() as host:
        words = tuple(map(str, PROTOCOLS[protocol]))
        server = Agent(host, LISTENER.format(words=words))
        port = int(server.first)
        sockline = host.sockline("-e", "packet,connection", "--attribution", mode)
        clients = {}
        for _ in range(3):
            client = Agent(host, CLIENT.format(words=words, port=port))
            clients[int(client.first)] = client.pid

        def of_clients(action):
            return sockline.find(action, lambda one: one.get("source", {}).get("port") in clients)

        def named():
            seen = of_clients(None)
            return {source_end(one).pid for one in seen} >= set(clients.values()) and \
                {one["source"]["port"] for one in seen if destination_end(one).pid} >= set(clients)
        wait_until(named, "owners")
        check(sockline.stop() == 0, f"{protocol}, {mode}: ends well", sockline.stderr)
        closed = of_clients("connection_closed")
        check({one["source"]["port"]: source_end(one).pid for one in closed} == clients,
              f"{protocol}, {mode}: the clients have their connections", closed)
        check([destination_end(one).pid for one in closed] == [server.pid] * 3,
              f"{protocol}, {mode}: the server has the other ends", closed)
        wrong = [one for one in sockline.find("packet")
                 if one.get("process", {}).get("pid") not in (None, server.pid, *clients.values())]
        check(not wrong, f"{protocol}, {mode}: no packet has another owner", wrong)


def test_owners():
    present = has_modules()
    for protocol, module in (("sctp", "sctp"), ("dccp", "dccp_ipv4")):
        if module not in present:
            skip(protocol, "the kernel has no such module")
            continue
        for mode in MODES:
            owners(protocol, mode)


run(globals())
