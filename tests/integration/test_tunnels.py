#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Tunnels between two namespaces: owners are of what is inside, and a packet has one record."""

import sys

from harness import Failure, Namespace, check, run, skip

PORT = 7777
# Type: what ip(8) needs, and whether frames are in it. The kernel may lack any of them.
KINDS = {
    "vxlan": ("vxlan", "id", "42", "dstport", "4789", "local", "{local}", "remote", "{remote}"),
    "geneve": ("geneve", "id", "43", "remote", "{remote}"),
    "gre": ("gre", "key", "44", "local", "{local}", "remote", "{remote}"),
    "ipip": ("ipip", "local", "{local}", "remote", "{remote}"),
}
IDS = {"vxlan": "42", "geneve": "43", "gre": "44", "ipip": None}

SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
for _ in range(2):
    with listener.accept()[0] as one:
        one.sendall(one.recv(100).upper())
        one.recv(100)
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as one:
    one.sendall(b"ask " * 5)
    assert one.recv(100)
"""


def build(ends, kind):
    """An interface tun0 in each of the two; False: the kernel has no such tunnels."""
    for number, (end, other) in enumerate((ends, reversed(ends)), 1):
        words = [word.format(local=end.address, remote=other.address) for word in KINDS[kind]]
        try:
            end.ip("link", "add", "tun0", "type", *words)
        except Failure as failure:
            if "Unknown device type" in str(failure):
                return False
            raise
        end.sysctl("net.ipv6.conf.tun0.disable_ipv6", 1)
        end.ip("addr", "add", f"10.78.0.{number}/24", "dev", "tun0")
        end.ip("link", "set", "tun0", "up")
    return True


def owner(record):
    return record.get("process", {}).get("pid")


def one_kind(kind):
    with Namespace.pair() as ends:
        if not build(ends, kind):
            skip(kind, "the kernel has no such tunnels")
            return
        client, server = ends
        listener = server.start(sys.executable, "-c", SERVER, "10.78.0.2", str(PORT))
        listener.line()
        socklines = [end.sockline("-e", "packet,connection,process") for end in ends]
        senders = []
        for _ in range(2):
            sender = client.start(sys.executable, "-c", CLIENT, "10.78.0.2", str(PORT))
            senders.append(sender.pid)
            check(sender.wait() == 0, f"{kind}: the client is answered", sender.stderr)
        for sockline, pids in zip(socklines, (senders, [listener.pid] * 2)):
            closed = sockline.wait_for("connection_closed", where=lambda one: one["destination"].get("port") == PORT,
                                       count=2)
            check(sockline.stop() == 0, f"{kind}: ends well", sockline.stderr)
            check([owner(one) for one in closed] == pids, f"{kind}: the owners of the connections inside", closed)
            look_at(kind, sockline, closed, pids)


def look_at(kind, sockline, closed, pids):
    carriers = {one["sockline"]["connection"]["id"]: one for one in sockline.find("connection_opened")
                if one["network"]["transport"] != "tcp"}
    check(all(one["sockline"]["tunnel"]["type"] == kind and one["sockline"]["tunnel"].get("id") == IDS[kind] and
              "interface" in one["sockline"]["tunnel"] for one in closed), f"{kind}: they have their tunnel", closed)
    check(all(one["sockline"]["connection"]["outer"] in carriers for one in closed),
          f"{kind}: what carries has a connection, too", carriers)
    check(not any("process" in one for one in carriers.values()), f"{kind}: without a process", carriers)
    packets = sockline.find("packet", where=lambda one: one["network"].get("transport") == "tcp")
    check({owner(one) for one in packets} == set(pids), f"{kind}: each packet has the owner", packets)
    check({one["observer"]["ingress"]["interface"]["name"] for one in packets} == {"tun0"},
          f"{kind}: there is no second record of it", packets)
    check(sum(one["network"]["bytes"] for one in packets) == sum(one["network"]["bytes"] for one in closed),
          f"{kind}: the totals are of the packets", closed)
    check(not sockline.find("packet", where=lambda one: one["network"].get("transport") in ("udp", "gre", "ipv4")),
          f"{kind}: nor a record of what carries", sockline.find("packet")[:3])
    traffic = {owner(one): one["sockline"]["traffic"] for one in sockline.find("process_traffic")}
    counted = [traffic[pid][way]["bytes"] for pid in set(pids) for way in ("sent", "received")]
    check(sum(counted) == sum(one["network"]["bytes"] for one in packets),
          f"{kind}: a process has the traffic inside, once", traffic)


def test_vxlan():
    one_kind("vxlan")


def test_geneve():
    one_kind("geneve")


def test_gre():
    one_kind("gre")


def test_ipip():
    one_kind("ipip")


run(globals())
