#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand, from raw and packet sockets: their sender, or who may have sent them."""

import sys
import time

from harness import Namespace, check, run
from mksock import Agent, source_end

TIMES = {"tracepoints": 20, "sentinel": 8, "lookup": 8}
ANSWERS = 20
METHODS = ("tracepoints", "sentinel", "lookup")

# Makes one SYN, and ends `life` seconds later.
SENDER = """
import socket, struct, sys, time
how, source, target, port, life, mac, target_mac = sys.argv[1:]
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
source, target = socket.inet_aton(source), socket.inet_aton(target)
tcp = struct.pack("!HHIIBBHHH", int(port), 81, 1, 0, 5 << 4, 2, 1024, 0, 0)
sum_ = checksum(source + target + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
tcp = tcp[:16] + struct.pack("!H", sum_) + tcp[18:]
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, source, target)
ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
if how == "packet":
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("veth0", 0))
    sender.send(bytes.fromhex(target_mac.replace(":", "")) + bytes.fromhex(mac.replace(":", "")) +
                b"\\x08\\x00" + ip + tcp)
elif how == "header":
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender.sendto(ip + tcp, (socket.inet_ntoa(target), 0))
else:
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    sender.sendto(tcp, (socket.inet_ntoa(target), 0))
time.sleep(float(life))
"""
WATCHER = """
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wait()
"""


def send(left, right, how, life, times):
    """{source port: pid} of so many senders, one after the other."""
    senders = {}
    for number in range(times):
        port = 20000 + number
        sender = left.start(sys.executable, "-c", SENDER, how, left.address, right.address, port, life,
                            left.mac, right.mac)
        senders[port] = sender.pid
        sender.wait()
    return senders


def test_made_by_hand():
    for method in METHODS:
        for how in ("header", "protocol", "packet"):
            with Namespace.pair() as (left, right):
                # One that captures could send as well, and never does.
                watcher = Agent(left, WATCHER)
                sockline = left.sockline("-e", "packet", "--attribution", method,
                                         "tcp", "dst", "port", 81)
                life = 0.3 if how == "packet" or method != "tracepoints" else 0
                senders = send(left, right, how, life, TIMES[method])
                time.sleep(0.2)
                sockline.stop()
                watcher.end()
                # The kernel answers the answers with a RST, of the same connection.
                records = [record for record in sockline.find("packet")
                           if record["sockline"]["tcp"]["flags"] == ["syn"]]
                ends = [(senders[record["source"]["port"]], source_end(record)) for record in records]
                check(len(ends) == TIMES[method], f"{method} {how}: each is seen", len(ends))
                check(all(end.pid in (None, pid) for pid, end in ends), f"{method} {how}: no owner is wrong",
                      ends)
                known = [pid for pid, end in ends if end.pid == pid or
                         end.reason == "pending" or
                         (end.reason == "raw_socket" and pid in end.shared and watcher.pid in end.shared)]
                check(len(known) == TIMES[method], f"{method} {how}: the sender, or who may have sent it", ends)
                if method == "tracepoints" and how != "packet":
                    check(all(end.pid == pid for pid, end in ends), f"{method} {how}: the sender", ends)


# An echo request and a datagram of a protocol that has no name, both with a header of its own.
BY_HAND = """
import socket, sys, time
source, target = map(socket.inet_aton, sys.argv[1:])
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for _ in range(5):
    for protocol, data in ((1, bytes.fromhex("0800e5ca12340001")), (253, b"12345678")):
        header = bytes.fromhex("4500000000014000") + bytes((64, protocol, 0, 0))
        sender.sendto(header + source + target + data, (socket.inet_ntoa(target), 0))
    time.sleep(0.02)
"""


def test_other_protocols_by_hand():
    with Namespace.pair() as (left, right):
        sockline = left.sockline("-e", "packet", "--attribution", "tracepoints", "src", "host",
                                 left.address, "and", "(icmp", "or", "proto", "253)")
        sender = left.start(sys.executable, "-c", BY_HAND, left.address, right.address)
        sender.wait()
        sockline.stop()
        ends = [(record["network"]["iana_number"], source_end(record)) for record in sockline.find("packet")]
        for protocol in "1", "253":
            check([end.pid for number, end in ends if number == protocol] == 5 * [sender.pid],
                  f"protocol {protocol}: the sender", ends)


def test_answers_of_the_kernel():
    """A RST is nobody's, whoever has packet sockets."""
    for method in METHODS:
        with Namespace.pair() as (left, right):
            watcher = Agent(right, WATCHER)
            sockline = right.sockline("-e", "packet", "--attribution", method, "tcp", "src", "port", 81)
            left.run(sys.executable, "-c", f"""
import socket
for number in range({ANSWERS}):
    try:
        socket.create_connection(("{right.address}", 81), 2)
    except ConnectionRefusedError:
        pass
""")
            time.sleep(0.2)
            sockline.stop()
            watcher.end()
            ends = [source_end(record) for record in sockline.find("packet")]
            check(len(ends) == ANSWERS and all(end.reason == "no_socket" for end in ends),
                  f"{method}: the kernel's", set(map(str, ends)))


ASKS = """
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806))
s.bind(("veth0", 0x806))
mac, ours = s.getsockname()[4], socket.inet_aton("{address}")
wait("ready")
for _ in range(2):
    s.send(b"\\xff" * 6 + mac + b"\\x08\\x06\\0\\x01\\x08\\0\\x06\\x04\\0\\x01" + mac + ours +
           b"\\0" * 6 + socket.inet_aton("192.0.2.77"))
    wait("asked")
"""


def test_without_a_connection():
    """What the kernel sends of its own is no process's, and may be made by a packet socket, if there is one."""
    with Namespace.pair() as (left, right):
        sockline = left.sockline("-e", "packet", "arp")
        left.run("ping", "-c1", "-W1", right.address)
        sockline.wait_for("packet", lambda one: one["source"]["ip"] == left.address)
        agent = Agent(left, ASKS.format(address=left.address))
        time.sleep(0.1)  # the list of such sockets is made anew then
        for count in (1, 2):
            agent.tell()
            sockline.wait_for("packet", lambda one: one["destination"]["ip"] == "192.0.2.77", count=count)
        agent.end()
        sockline.stop()
        asked = {one["destination"]["ip"]: source_end(one) for one in sockline.find("packet")
                 if one["source"]["ip"] == left.address}
        # Other tests capture in all namespaces: their packet sockets are here, too.
        kernel, made = asked[right.address], asked["192.0.2.77"]
        check(kernel.reason in ("no_socket", "raw_socket") and kernel.pid is None and
              not {agent.pid, sockline.pid} & set(kernel.shared), "the kernel's is no process's", asked)
        check(made.reason == "raw_socket" and agent.pid in made.shared and sockline.pid not in made.shared,
              "a packet socket's may be its process's", asked)


run(globals())
