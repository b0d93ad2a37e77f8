#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Tags and lengths: what "any" says of a packet is what its interface says."""

import json

from harness import Failure, Namespace, check, run, skip
from traffic import packets

# argv: interface, tags in hexadecimal, ports, how many. UDP to the address of the other namespace.
SENDER = """
import socket, struct, sys
device, tags, port, count = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((device, 0))
ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 48, 1, 0, 64, 17, 0, bytes((10, 77, 0, 9)), bytes((10, 77, 0, 8)))
udp = struct.pack('!HHHH', port, 4000, 28, 0) + b'x' * 20
for _ in range(count):
    raw.send(b'\\xff' * 6 + b'\\2\\0\\0\\0\\0\\x09' + tags + b'\\x08\\0' + ip + udp)
"""
# Holds tun0, so that it has a carrier.
TUN = """
import fcntl, os, struct, sys
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH22x', b'tun0', 0x1001))
print('there', flush=True)
sys.stdin.read()
"""
DATAGRAMS = """
import socket, sys
sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
receiver.bind(('0.0.0.0', 9))
for _ in range(10):
    sender.sendto(b'x' * 100, (sys.argv[1], 9))
"""
UDP_BYTES = 14 + 20 + 8 + 20
TAGS = (("one", "81000005", ["5"]), ("the highest priority", "8100e005", ["5"]),
        ("priority 2, as IP version 4 begins", "81004005", ["5"]),
        ("service", "88a80064", ["100"]), ("two", "88a800648100000c", ["100", "12"]),
        ("two of one kind", "810000648100400c", ["100", "12"]),
        ("the same twice", "8100000581000005", ["5", "5"]))

SINGLE = 4  # of them; "any" is not given the inner tag of what a packet socket sends


def send(place, device, tags, port, count=3):
    place.run("python3", "-c", SENDER, device, tags, port, count)


def seen(sockline, port):
    """(VLAN ids, length, whole) of each packet from that port."""
    found = []
    for record in packets(sockline.records):
        if record.get("source", {}).get("port") == port:
            network, packet = record["network"], record["sockline"]["packet"]
            tags = [network.get("vlan", {}).get("id"), network.get("inner", {}).get("vlan", {}).get("id")]
            found.append(([tag for tag in tags if tag], packet["length"],
                          packet["captured"] == packet["length"]))
    return found


def test_tags_that_come_in():
    with Namespace.pair() as (left, right):
        for options in ((), ("-U",), ("-i", "veth0")):
            title = " ".join(options) or "any"
            sockline = right.sockline("-e", "packet", *options)
            for number, (_, tags, _) in enumerate(TAGS):
                send(left, "veth0", tags, 3000 + number)
            sockline.wait_for("packet", lambda record: record.get("source", {}).get("port") ==
                              2999 + len(TAGS), 3)
            sockline.stop()
            for number, (name, tags, ids) in enumerate(TAGS):
                expected = [(ids, UDP_BYTES + len(tags) // 2, True)] * 3
                found = seen(sockline, 3000 + number)
                check(found == expected, f"{title}, in: {name}", found)


def test_tags_that_go_out():
    with Namespace.pair() as (_, right):
        for options in ((), ("-i", "veth0")):
            title = " ".join(options) or "any"
            sockline = right.sockline("-e", "packet", *options)
            for number, (_, tags, _) in enumerate(TAGS[:SINGLE]):
                send(right, "veth0", tags, 3100 + number)
            sockline.wait_for("packet", lambda record: record.get("source", {}).get("port") ==
                              3099 + SINGLE, 3)
            sockline.stop()
            for number, (name, tags, ids) in enumerate(TAGS[:SINGLE]):
                expected = [(ids, UDP_BYTES + len(tags) // 2, True)] * 3
                found = seen(sockline, 3100 + number)
                check(found == expected, f"{title}, out: {name}", found)


def add_link(place, *arguments):
    """False: the kernel lacks that kind."""
    try:
        place.ip("link", "add", *arguments)
    except Failure as failure:
        skip(" ".join(arguments), str(failure).rpartition(": ")[2])
        return False
    return True


def test_vlan_interface():
    """Each packet is seen twice, with its tag and without: one connection, counted once."""
    with Namespace.pair() as (left, right):
        for place, number in ((left, 1), (right, 2)):
            if not add_link(place, "link", "veth0", "name", "veth0.7", "type", "vlan", "id", "7"):
                return
            place.sysctl("net.ipv6.conf.veth0/7.disable_ipv6", 1)
            place.ip("addr", "add", f"10.78.0.{number}/24", "dev", "veth0.7")
            place.ip("link", "set", "veth0.7", "up")
        sockline = right.sockline("-e", "packet,connection")
        for place, to in ((left, "10.78.0.2"), (right, "10.78.0.1")):
            place.run("ping", "-n", "-q", "-c", "2", "-i", "0.2", "-W", "2", to)
        sockline.stop()
        closed = [record for record in sockline.find("connection_closed")
                  if record["network"]["transport"] == "icmp"]
        found = [(record["source"]["ip"], record["source"]["packets"],
                  record["destination"]["packets"]) for record in closed]
        check(found == [("10.78.0.1", 2, 2), ("10.78.0.2", 2, 2)],
              "one connection for each ping", found)
        identifiers = {record["sockline"]["connection"]["id"] for record in packets(sockline.records)
                       if record["network"].get("transport") == "icmp"}
        check(identifiers == {record["sockline"]["connection"]["id"] for record in closed},
              "which all its packets belong to", identifiers)
        tags = {json.dumps(record["network"].get("vlan")) for record in packets(sockline.records)
                if record["network"].get("transport") == "icmp"}
        check(tags == {'{"id": "7"}', "null"}, "with the tag and without", tags)


def test_lengths():
    with Namespace.pair() as (left, right):
        right.start("python3", "-c", TUN).line()
        right.ip("addr", "add", "10.79.0.1/24", "dev", "tun0")
        right.ip("link", "set", "tun0", "up")
        for device, to, size in (("veth0", left.address, 142), ("lo", "127.0.0.1", 142),
                                 ("tun0", "10.79.0.2", 128)):
            for options in ((), ("-i", device)):
                sockline = right.sockline("-e", "packet", *options, "udp port 9")
                right.run("python3", "-c", DATAGRAMS, to)
                sockline.wait_for("packet", count=10)
                sockline.stop()
                found = [record["sockline"]["packet"]["length"] for record in packets(sockline.records)
                         if options or record["observer"]["ingress"]["interface"]["name"] == device]
                check(found == [size] * 10, f"{device}, {' '.join(options) or 'any'}: {size} bytes", found)


run(globals())
