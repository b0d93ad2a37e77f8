#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The sums of packets, connections and processes are the same."""

from collections import Counter

from harness import Namespace, check, run, until
from traffic import packets

EVENTS = ("-e", "packet,connection,process", "--stats-interval", "1")
# Sends to a closed port, and aborts a connection while data is under way.
TRAFFIC = """
import socket, struct, time
for _ in range(5):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b'nobody there', ('127.0.0.1', 9999))
listener = socket.create_server(('127.0.0.1', 8090))
for _ in range(3):
    client = socket.create_connection(('127.0.0.1', 8090))
    server = listener.accept()[0]
    server.setblocking(False)
    try:
        while True:
            server.send(b'x' * 65536)
    except BlockingIOError:
        pass
    client.close()
    server.close()
time.sleep(0.2)
"""
SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', %d))
print('there', flush=True)
while True:
    server.recv(9999)
"""
CLIENT = """
import socket, time
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    for port in range(7100, 7110):
        client.sendto(b'x' * 1000, ('127.0.0.1', port))
    time.sleep(0.05)
time.sleep(0.5)
"""


def of_processes(records, way):
    """Bytes by entity_id (None: no owner), as the last record of each has it."""
    last = {}
    for record in records:
        if record["event"]["action"] == "process_traffic":
            last[record.get("process", {}).get("entity_id")] = record["sockline"]["traffic"][way]["bytes"]
    return last


def of_connections(records):
    last = {}
    for record in records:
        if record["event"]["dataset"] == "sockline.connection":
            last[record["sockline"]["connection"]["id"]] = record["network"]["bytes"]
    return last


def test_sums():
    with Namespace() as host:
        sockline = host.sockline(*EVENTS)
        host.run("python3", "-c", TRAFFIC)
        sockline.stop()
        seen = Counter()
        for record in packets(sockline.records):
            identifier = record["sockline"].get("connection", {}).get("id")
            seen[identifier] += record["network"]["bytes"]
        errors = seen.pop(None, 0)
        check(errors > 0, "ICMP errors are of no connection", seen)
        check(dict(seen) == of_connections(sockline.records), "connections have the bytes of their packets",
              (seen, of_connections(sockline.records)))
        for way in ("sent", "received"):
            check(sum(of_processes(sockline.records, way).values()) == errors + sum(seen.values()),
                  f"processes and the unknown {way} them all", of_processes(sockline.records, way))


def test_traffic_before_the_owner_is_known():
    with Namespace() as host:
        sockline = host.sockline(*EVENTS)
        servers = [host.start("python3", "-c", SERVER % port) for port in range(7100, 7110)]
        for server in servers:
            server.line()
        host.run("python3", "-c", CLIENT)
        until(lambda: len(sockline.find("process_traffic")) > 10, "process_traffic")
        sockline.stop()
        received = of_processes(sockline.records, "received")
        owners = Counter()
        for record in sockline.find("connection_closed"):
            if record["network"]["transport"] == "udp" and "peer" in record["sockline"]:
                owners[record["sockline"]["peer"].get("process", {}).get("entity_id")] += \
                    record["source"]["bytes"]
        check(len(owners) == 10 and None not in owners, "ten servers own their connections", owners)
        check({owner: received.get(owner) for owner in owners} == dict(owners),
              "and have all that these carried", (owners, received))


run(globals())
