#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets with an address that is not the host's, or not any more: broadcast, multicast,
transparent proxies, an address that is removed after use."""

import shutil
import subprocess
import sys
import time

from harness import Namespace, check, run, skip
from mksock import Agent, source_end

TIMES = 20
PORT = 7706
METHODS = ("tracepoints", "lookup")
RECEIVER = f"""
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
receiver.bind(("0.0.0.0", {PORT}))
"""
SENDER = """
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
"""


def packets(sockline, address):
    return [record for record in sockline.find("packet") if record["destination"]["ip"] == address]


def check_receivers(sockline, address, pids, title):
    """Every datagram to the address came in, and all who received it are named."""
    records = packets(sockline, address)
    ends = [source_end(record) for record in records]
    check(len(records) == TIMES, f"{title}: each datagram is seen", len(records))
    check(all(record["network"]["direction"] == "ingress" for record in records), f"{title}: coming in")
    wanted = [end for end in ends
              if end.pid == min(pids) and (len(pids) == 1 or sorted(end.shared) == sorted(pids))]
    # A lookup may still be under way when the first ones come.
    pending = [end for end in ends if end.reason == "pending"]
    check(len(wanted) + len(pending) == TIMES and len(wanted) > 0, f"{title}: for its receivers",
          set(map(str, ends)))


def test_broadcast():
    for method in METHODS:
        for options in ((), ("-i", "veth0")):
            with Namespace.pair() as (left, right):
                receiver = Agent(right, RECEIVER + "wait()")
                left.ip("addr", "replace", "10.77.0.1/24", "brd", "+", "dev", "veth0")
                right.ip("addr", "replace", "10.77.0.2/24", "brd", "+", "dev", "veth0")
                left.ip("route", "add", "default", "dev", "veth0")
                sockline = right.sockline("-e", "packet", "--attribution", method, *options, "udp", "port",
                                          PORT)
                time.sleep(0.3)
                for address in ("10.77.0.255", "255.255.255.255"):
                    sender = Agent(left, SENDER + f"""
for number in range({TIMES}):
    sender.sendto(b"x", ("{address}", {PORT}))
    __import__("time").sleep(0.01)
wait()
""")
                    sender.end()
                time.sleep(0.3)
                sockline.stop()
                receiver.end()
                for address in ("10.77.0.255", "255.255.255.255"):
                    check_receivers(sockline, address, [receiver.pid],
                                    f"{method} {' '.join(options)} {address}")


def test_multicast():
    group = "239.77.0.1"
    join = f"""
receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    socket.inet_aton("{group}") + socket.inet_aton("10.77.0.2"))
wait()
"""
    for method in METHODS:
        with Namespace.pair() as (left, right):
            receivers = [Agent(right, RECEIVER + join) for _ in range(3)]
            left.ip("route", "add", "239.0.0.0/8", "dev", "veth0")
            sockline = right.sockline("-e", "packet", "--attribution", method, "udp", "port", PORT)
            time.sleep(0.3)
            sender = Agent(left, SENDER + f"""
for number in range({TIMES}):
    sender.sendto(b"x", ("{group}", {PORT}))
    __import__("time").sleep(0.02)
wait()
""")
            time.sleep(0.3)
            sender.end()
            sockline.stop()
            pids = [receiver.pid for receiver in receivers]
            for receiver in receivers:
                receiver.end()
            check_receivers(sockline, group, pids, f"{method} multicast")


PROXY = """
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
server.bind(("0.0.0.0", 8888))
server.listen(99)
import threading
def serve():
    while True:
        served = server.accept()[0]
        served.sendall(served.recv(9))
        served.close()
threading.Thread(target=serve, daemon=True).start()
wait()
"""
DECOY = """
server = socket.create_server(("0.0.0.0", 80))
wait()
"""


def test_transparent_proxy():
    """Connections to elsewhere, that a rule hands to a proxy; on its port another process listens."""
    rules = """table ip mangle { chain in { type filter hook prerouting priority -150;
        iifname "veth0" tcp dport 80 tproxy to :8888 meta mark set 1 accept; }; }"""
    for method in METHODS:
        with Namespace.pair() as (left, right):
            if not shutil.which("nft") or subprocess.run(
                    [*right.prefix, "nft", rules], check=False, stderr=subprocess.DEVNULL).returncode != 0:
                skip("a transparent proxy", "no nftables with TPROXY")
                return
            right.ip("rule", "add", "fwmark", "1", "lookup", "100")
            right.ip("route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")
            right.sysctl("net.ipv4.conf.veth0.rp_filter", 0)
            right.sysctl("net.ipv4.conf.all.rp_filter", 0)
            left.ip("route", "add", "default", "via", right.address)
            proxy, decoy = Agent(right, PROXY), Agent(right, DECOY)
            sockline = right.sockline("-e", "connection", "--attribution", method, "tcp", "port", 80)
            client = left.run(sys.executable, "-c", f"""
import socket, time
for number in range({TIMES}):
    client = socket.create_connection(("198.51.100.7", 80), 5)
    client.sendall(b"x")
    assert client.recv(9) == b"x"
    time.sleep(0.05)
    client.close()
""", timeout=30)
            check(client == "", f"{method}: the proxy serves")
            time.sleep(0.3)
            sockline.stop()
            proxy.end()
            decoy.end()
            closed = sockline.find("connection_closed")
            ends = [source_end(record) for record in closed]
            check(len(closed) == TIMES, f"{method}: each connection is seen", len(closed))
            check(all(end.pid in (None, proxy.pid) for end in ends), f"{method}: no wrong owner",
                  set(map(str, ends)))
            if method == "tracepoints":
                check(all(end.pid == proxy.pid for end in ends), f"{method}: the proxy's",
                      set(map(str, ends)))
                check(all(record["network"]["direction"] == "ingress" for record in closed),
                      f"{method}: coming in")


def test_address_removed():
    """An address is used and at once removed, before its packets are read."""
    with Namespace.pair() as (left, right):
        sockline = left.sockline("-e", "packet", "udp", "port", PORT)
        pids = set()
        for number in range(TIMES):
            address = f"10.77.0.{100 + number}"
            left.ip("addr", "add", f"{address}/32", "dev", "veth0")
            sender = left.start(sys.executable, "-c", f"""
import os, socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("{address}", 0))
sender.sendto(b"x", ("{right.address}", {PORT}))
os.execvp("ip", ["ip", "addr", "del", "{address}/32", "dev", "veth0"])
""")
            pids.add(sender.pid)
            sender.wait()
        time.sleep(0.3)
        sockline.stop()
        records = packets(sockline, right.address)
        ends = [source_end(record) for record in records]
        check(len(records) == TIMES, "each datagram is seen", len(records))
        check({end.pid for end in ends} == pids, "and is its sender's", (set(map(str, ends)), pids))
        check({record["network"]["direction"] for record in records} == {"egress"}, "going out")


run(globals())
