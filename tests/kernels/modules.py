#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What needs modules that hosts of CI lack, on a kernel that has them: -S equals ss(8) family by
family (a table), and packets of SCTP and DCCP have their owners. For tests/kernels/run."""

import collections
import json
import os
import re
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

# Sockets of many protocols, two of one (the second gets a port id of its own, above 2^31), one that is in the
# group above 32, and one that is connected to another. Each is bound: ss lists no other.
NETLINK = """
made = []
def make(protocol, port_id=0, groups=0, memberships=(), peer=None):
    try:
        one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    except OSError:
        return
    one.bind((port_id, groups))
    for group in memberships:
        one.setsockopt(270, 1, group)  # SOL_NETLINK, NETLINK_ADD_MEMBERSHIP
    if peer:
        one.connect((peer, 0))
    made.append(one)
for protocol in range(32):
    make(protocol)
make(0, groups=0x11)
make(0, groups=0x80000001, memberships=(32, 33))
make(0, memberships=(33,))
make(2, peer=os.getpid())
make(2, port_id=7777, groups=1)
make(15, groups=1)
for _ in range(100):
    make(2)
wait(*(f"{one.proto}:{one.getsockname()[0]}" for one in made))
"""
# The numbers of linux/netlink.h.
NETLINK_PROTOCOLS = {"route": 0, "usersock": 2, "nflog": 5, "sock_diag": 4, "xfrm": 6, "selinux": 7, "iscsi": 8,
                     "audit": 9, "fib_lookup": 10, "connector": 11, "netfilter": 12, "kobject_uevent": 15,
                     "generic": 16, "scsitransport": 18, "rdma": 20, "crypto": 21, "smc": 22}

# A listener, a connection's two ends (over TCP, for want of a device), and a socket that does nothing. Python knows
# no addresses of AF_SMC, which are those of IPv4.
SMC = """
def make():
    fd = socket.socket(43, socket.SOCK_STREAM, 0).detach()
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
none, listener, client = make(), make(), make()
listener.bind(("127.0.0.1", 0))
listener.listen()
client.connect(listener.getsockname())
made = [none, listener, client, listener.accept()[0]]
def port(name):
    try:
        return name()[1]
    except OSError:
        return 0
wait(*(f"{os.fstat(one.fileno()).st_ino}:{port(one.getsockname)}:{port(one.getpeername)}" for one in made))
"""

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
        for name in ("udplite", "icmp", "smc"):
            comment(f"{name:10}{'-':>6}{counts[name]:>10}")
        check([one["process"]["pid"] for one in records if kind(one) == "smc"], "smc: its socket has a process",
              end)
        kernel = [kind(one) for one in records
                  if one["sockline"]["attribution"]["method"] == "kernel"]
        comment(f"of the kernel: {kernel}; incomplete: {end.get('incomplete')}, absent: {end.get('absent')}")


def netlink_of_kernel(host):
    """Sets of (protocol, port id, the first 32 groups): of /proc/net/netlink, and of ss without its own, whose port
    id is its pid. The kernel reports what is in a group twice, and ss prints all numbers as signed ones."""
    printed = host.run("sh", "-c", "cat /proc/net/netlink; echo //$$//; exec ss -f netlink -aHneO")
    file, pid, lines = printed.split("//")
    there = {(int(words[1]), int(words[2]), int(words[3], 16)) for words in map(str.split, file.splitlines()[1:])}
    found = re.findall(r"(\d+):(-?\d+)\s.*groups=0x([0-9a-f]+)", lines)
    of_ss = {(int(protocol), int(port_id) & 0xffffffff, int(groups, 16)) for protocol, port_id, groups in found}
    return there, of_ss - {(4, int(pid), 0)}


def netlink_of_record(record):
    socket = record["sockline"]["socket"]
    protocol = NETLINK_PROTOCOLS.get(socket["protocol"], socket["protocol"])
    return int(protocol), int(socket.get("port_id", 0)), int(socket.get("groups", "0"), 16)


def test_netlink():
    """Those of processes and those of the kernel; ss prints neither inodes nor processes of them. Where there are
    many, the kernel leaves some out for ss: the file has them."""
    has_modules()
    with Namespace() as host:
        agent = Agent(host, NETLINK)
        made = {tuple(map(int, word.split(":"))) for word in agent.first.split()}
        process = host.sockline("-S", "--netlink", wait=False)
        check(process.finish() == 0, "-S --netlink ends well", process.stderr)
        records = [record for record in process.find("existing_socket")
                   if not record.get("process", {}).get("name", "").startswith("sockline")]
        here = collections.Counter(map(netlink_of_record, records))
        there, of_ss = netlink_of_kernel(host)
        ours = {netlink_of_record(record)[:2] for record in records
                if record.get("process", {}).get("pid") == agent.pid}
        kernel = {one[:2] for one in here} - ours
        comment(f"{'netlink':10}{len(of_ss):>6}{len(here):>10}, {len(there)} in /proc/net/netlink, "
                f"of the kernel {len(kernel)}")
        check(not of_ss - set(here), "netlink: those of ss, by protocol, port id and groups", of_ss - set(here))
        check(set(here) == there, "netlink: those of the kernel's file", set(here) ^ there)
        check(max(here.values()) == 1, "netlink: each once", here)
        check(ours == made, "netlink: those of the process have it", ours ^ made)
        check(not any(port_id for _, port_id in kernel), "netlink: all others are the kernel's", kernel)
        beyond = sorted(record["sockline"]["socket"]["memberships"] for record in records
                        if 33 in record["sockline"]["socket"].get("memberships", ()))
        check(beyond == [[1, 32, 33], [33]], "netlink: a group above 32, which ss does not print", beyond)


def smc_of_record(record):
    """Inode, state, and ports of this end and of the other: that of a listener is a destination."""
    ports = [record.get(end, {}).get("port", 0) for end in ("source", "destination")]
    state = record["sockline"]["socket"].get("state", "none")
    return (record["sockline"]["socket"]["inode"], state, *(ports[::-1] if state == "listen" else ports))


def test_smc():
    """ss has no SMC, and Debian 12 no smc-tools: what the process made."""
    if "smc" not in has_modules():
        skip("smc", "the kernel has no such module")
        return
    with Namespace() as host:
        agent = Agent(host, SMC)
        made = [word.split(":") for word in agent.first.split()]
        expected = [(inode, state, int(port), int(peer))
                    for (inode, port, peer), state in zip(made, ("none", "listen", "established", "established"))]
        process = host.sockline("-S", "--smc", wait=False)
        check(process.finish() == 0, "-S --smc ends well", process.stderr)
        records = process.find("existing_socket")
        found = list(map(smc_of_record, records))
        comment(f"{'smc':10}{len(expected):>6}{len(found):>10}: {json.dumps(found)}")
        check(sorted(found) == sorted(expected), "smc: those that were made, with state and ports", expected)
        check({record["process"]["pid"] for record in records} == {agent.pid}, "smc: they have the process", records)


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
