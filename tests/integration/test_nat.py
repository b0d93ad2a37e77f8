#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Owners of connections whose addresses the kernel rewrites, and both of their addresses."""

import shutil
import subprocess
import sys
import time

from harness import HERE, Namespace, check, run, skip
from mksock import Reports, source_end

TIMES = 20
SERVICE = "198.51.100.10"
PORT = 20000  # that processes have in turn

# Each connects, exchanges a byte and ends at once: many short processes.
TCP_CLIENT = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
client.sendall(b"x")
client.recv(1)
"""
UDP_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("0.0.0.0", int(sys.argv[3])))
client.settimeout(5)
client.connect((sys.argv[1], int(sys.argv[2])))
client.send(b"x")
client.recv(1)
"""
LOOPBACK_CLIENT = f"""
import socket
for number in range(2):
    client = socket.create_connection(("127.0.0.9", 80), 5)
    client.sendall(b"x")
    client.recv(1)
    client.close()
    refused = socket.socket()
    refused.connect_ex(("127.0.0.1", 81))
    refused.close()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", {PORT} - 1 + number))
    datagrams.settimeout(5)
    if number:
        datagrams.connect(("127.0.0.1", 53))
        datagrams.send(b"x")
    else:
        datagrams.sendto(b"x", ("127.0.0.1", 53))
    datagrams.recv(1)
    datagrams.close()
"""
SERVER = """
import socket, sys, threading
def stream(port):
    server = socket.create_server(("0.0.0.0", port))
    while True:
        served = server.accept()[0]
        served.sendall(served.recv(1))
        served.close()
def datagrams(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))
    while True:
        server.sendto(*server.recvfrom(9))
for port in map(int, sys.argv[1:]):
    threading.Thread(target=stream, args=(port,), daemon=True).start()
    threading.Thread(target=datagrams, args=(port,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""

# A server, and a client of it: each leaves some of its packets to a child; sizes are of which process it is.
FAMILY = """
import os, socket, sys, time
def send_as_two(end, size):
    child = os.fork()
    if not child:
        for _ in range(3):
            end.send(b"c" * (size + 1))
            time.sleep(0.03)
        os._exit(0)
    os.waitpid(child, 0)
    end.send(b"p" * (size + 2))
    print(os.getpid(), child, flush=True)
"""
FORKING_SERVER = FAMILY + """
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    end = server.accept()[0]
    end.recv(10)
    end.send(b"p" * 20)
    send_as_two(end, 20)
    while end.recv(99):
        pass
    end.close()
"""
FORKING_CLIENT = FAMILY + """
end = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
end.send(b"p" * 10)
end.recv(99)
time.sleep(0.2)
send_as_two(end, 10)
end.shutdown(socket.SHUT_WR)
while end.recv(99):
    pass
"""


def serve(place, *ports):
    server = place.start(sys.executable, "-c", SERVER, *ports)
    server.line()
    return server


def rules(place, text):
    """nft -f; False where there is none."""
    if not shutil.which("nft"):
        return False
    done = subprocess.run([*place.prefix, "nft", "-f", "-"], input=text, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode == 0


def clients(place, code, address, port, own_ports=None):
    """Pids of processes that have connected, one after the other; UDP: each from a port of its own, or from one
    that the kernel has reported to be free."""
    pids, reports = [], Reports(place) if own_ports and code is UDP_CLIENT else None
    for own_port in own_ports or range(20001, 20001 + TIMES):
        client = place.start(sys.executable, "-c", code, address, port, own_port)
        pids.append(client.pid)
        client.wait()
        if reports:
            reports.wait(own_port)
        time.sleep(0.02)
    if reports:
        reports.end()
    return pids


def closed(sockline, port, transport):
    sockline.wait_for("connection_closed")
    return [record for record in sockline.find("connection_closed")
            if record["destination"]["port"] == port and record["network"]["transport"] == transport]


def pids_of(records):
    return sorted(record.get("process", {}).get("pid", 0) for record in records)


def check_owners(sockline, records, pids, mode, title):
    """Each has its own in tracepoints, unless a storm on the machine made the kernel lose some events, which is
    reported; none has another's in any."""
    found = pids_of(records)
    wrong = [pid for pid in found if pid and pid not in pids]
    check(not wrong, f"{mode}: {title}: no owner is wrong", (found, pids))
    if mode == "tracepoints" and not sockline.find("tracepoints_overrun"):
        check(found == sorted(pids), f"{mode}: {title}: each has its owner", (found, pids))


def test_service_address():
    """A process connects to an address that a rule in OUTPUT replaces."""
    for mode in ("tracepoints", "sentinel", "lookup"):
        with Namespace.pair() as (left, right):
            left.ip("route", "add", "default", "via", right.address)
            if not rules(left, f"""table ip nat {{ chain out {{ type nat hook output priority -100;
                    ip daddr {SERVICE} tcp dport 80 dnat to {right.address}:8080;
                    ip daddr {SERVICE} udp dport 53 dnat to {right.address}:8080; }}; }}"""):
                skip("a service address", "no nftables with NAT")
                return
            serve(right, 8080)
            sockline = left.sockline("-e", "connection", "--attribution", mode)
            tcp = clients(left, TCP_CLIENT, SERVICE, 80)
            udp = clients(left, UDP_CLIENT, SERVICE, 53)
            again = clients(left, UDP_CLIENT, SERVICE, 53, [PORT] * 4) if mode == "tracepoints" else []
            sockline.stop()
            if again:
                in_turn = [record for record in sockline.find("connection_closed")
                           if record["source"]["port"] == PORT]
                lost = sockline.find("tracepoints_overrun")
                check(len(in_turn) == len(again) and all(record.get("process", {}).get("pid", lost and pid) == pid
                                                         for record, pid in zip(in_turn, again)),
                      "udp: processes that have one port in turn have a connection each", in_turn)
                check({record["event"]["reason"] for record in in_turn} == {"socket_closed"},
                      "udp: each ends with its socket", in_turn)
            for transport, pids, port in (("tcp", tcp, 80), ("udp", udp, 53)):
                records = [record for record in closed(sockline, 8080, transport)
                           if record["source"]["port"] != PORT]
                check(len(records) == TIMES, f"{mode}: {transport}: each is one connection", len(records))
                check_owners(sockline, records, pids, mode, transport)
                named = [record for record in records if "process" in record]
                nats = {(record["destination"].get("nat", {}).get("ip"),
                         record["destination"].get("nat", {}).get("port"),
                         "nat" in record["source"]) for record in named}
                check(nats <= {(SERVICE, port, False)},
                      f"{mode}: {transport}: with the address that the process knows", nats)


def test_refused_service():
    """NAT forgets what is refused: the call that failed and its packets are one connection."""
    with Namespace.pair() as (left, right):
        left.ip("route", "add", "default", "via", right.address)
        if not rules(left, f"""table ip nat {{ chain out {{ type nat hook output priority -100;
                ip daddr {SERVICE} tcp dport 80 dnat to {right.address}:8080; }}; }}"""):
            skip("a service that refuses", "no nftables with NAT")
            return
        sockline = left.sockline("-e", "connection", "--attribution", "tracepoints")
        pids = clients(left, TCP_CLIENT, SERVICE, 80, range(4))
        sockline.wait_for("connection_closed", lambda record: pids[-1] == record.get("process", {}).get("pid"))
        sockline.stop()
    records = [record for record in sockline.find("connection_closed") if record["network"]["transport"] == "tcp"]
    found = {(record["destination"]["ip"], record["destination"]["port"], record["event"]["reason"],
              record["destination"].get("nat", {}).get("ip")) for record in records}
    check(found == {(right.address, 8080, "refused", SERVICE)} and len(records) == len(pids),
          "a service that refuses: each call is one connection, with its packets", (len(records), found))
    check_owners(sockline, records, pids, "tracepoints", "a service that refuses")


def test_on_loopback():
    """Packets have the address that replaced the one that their process knows, and answers have that."""
    with Namespace() as place:
        if not rules(place, """table ip nat { chain out { type nat hook output priority -100;
                ip daddr 127.0.0.9 tcp dport 80 redirect to :8080; udp dport 53 redirect to :8080;
                tcp dport 81 dnat to 127.0.0.1:8081; }; }"""):
            skip("on loopback", "no nftables with NAT")
            return
        server = serve(place, 8080)
        sockline = place.sockline("-e", "packet,connection", "--attribution", "tracepoints")
        client = place.start(sys.executable, "-c", LOOPBACK_CLIENT)
        client.wait()
        sockline.wait_for("connection_closed", lambda record: record["source"].get("port") == PORT)
        sockline.stop()
    records = [record for record in sockline.find("connection_closed") if "port" in record["source"]]
    check(len(records) == 6, "loopback: both directions are one connection", len(records))
    check_owners(sockline, records, [client.pid] * 6, "tracepoints", "loopback")
    check({(record["destination"]["port"], record["event"]["reason"]) for record in records} ==
          {(8080, "fin"), (8081, "refused"), (8080, "socket_closed")}, "loopback: and end as such",
          [(record["destination"]["port"], record["event"]["reason"]) for record in records])
    check(all(record["destination"]["packets"] > 0 for record in records), "loopback: with their answers",
          [record["destination"]["packets"] for record in records])
    check({(record["destination"]["nat"]["ip"], record["destination"]["nat"]["port"]) for record in records}
          == {("127.0.0.9", 80), ("127.0.0.1", 81), ("127.0.0.1", 53)},
          "loopback: with the address that the process knows", [record["destination"] for record in records])
    served = {record["sockline"]["peer"].get("process", {}).get("pid") for record in records
              if record["destination"]["port"] == 8080}
    check(served == {server.pid}, "loopback: the other end is the server's", served)
    check(sum(record["source"]["packets"] + record["destination"]["packets"] for record in records) ==
          sum("icmp" not in record["network"]["transport"] for record in sockline.find("packet")),
          "loopback: each packet is counted once", records)


def test_redirected_port():
    """What comes to a port is redirected; the process that listens there has nothing to do with it."""
    for mode in ("tracepoints", "lookup"):
        with Namespace.pair() as (left, right):
            if not rules(right, """table ip nat { chain in { type nat hook prerouting priority -100;
                    tcp dport 80 redirect to :8080; udp dport 53 redirect to :8080; }; }"""):
                skip("a redirected port", "no nftables with NAT")
                return
            decoy, server = serve(right, 80, 53), serve(right, 8080)
            sockline = right.sockline("-e", "packet,connection", "--attribution", mode)
            clients(left, TCP_CLIENT, right.address, 80)
            clients(left, UDP_CLIENT, right.address, 53)
            sockline.stop()
            for transport, port in (("tcp", 80), ("udp", 53)):
                records = closed(sockline, port, transport)
                pids = {source_end(record).pid for record in records}
                check(len(records) == TIMES, f"{mode}: {transport}: {TIMES} connections", len(records))
                check(decoy.pid not in pids, f"{mode}: {transport}: none is of who listens there", pids)
                if mode == "tracepoints":
                    check(pids == {server.pid}, f"{mode}: {transport}: all are of who serves them", pids)


def test_behind_host():
    """A container's connections leave with its host's address."""
    with Namespace.pair() as (host, right), Namespace() as inner:
        inner.ip("link", "add", "eth0", "type", "veth", "peer", "name", "veth1", "netns", host.name)
        for place, device, address in ((inner, "eth0", "10.77.2.2"), (host, "veth1", "10.77.2.1")):
            place.sysctl(f"net.ipv6.conf.{device}.disable_ipv6", 1)
            place.ip("addr", "add", f"{address}/24", "dev", device)
            place.ip("link", "set", device, "up")
        inner.ip("route", "add", "default", "via", "10.77.2.1")
        host.sysctl("net.ipv4.ip_forward", 1)
        if not rules(host, """table ip nat { chain post { type nat hook postrouting priority 100;
                oifname "veth0" ip saddr 10.77.2.0/24 masquerade; }; }"""):
            skip("behind a host", "no nftables with NAT")
            return
        serve(right, 8080)
        paths = [f"/run/netns/{place.name}" for place in (host, inner)]
        sockline = HERE.sockline("-e", "connection", "--netns", paths[1], netns=paths[0])
        pids = clients(inner, TCP_CLIENT, right.address, 8080)
        sockline.stop()
        records = [record for record in closed(sockline, 8080, "tcp")
                   if record["source"]["ip"] == host.address]
        check(len(records) == TIMES, "masquerade: each is one connection", len(records))
        check_owners(sockline, records, pids, "tracepoints", "masquerade")
        check({record["source"].get("nat", {}).get("ip") for record in records} == {"10.77.2.2"},
              "masquerade: and the address that it has inside", [record["source"] for record in records])


def senders(printed, size):
    """{payload: pids that sent such} by what a family printed."""
    pids = [list(map(int, line.split())) for line in printed]
    parents, children = ({pair[of] for pair in pids} for of in (0, 1))
    return {size: parents, size + 1: children, size + 2: parents}


def check_senders(sockline, expected, count, title):
    """Each packet with data of these sizes is of one that sent such, and is there so often."""
    sent = {size: [source_end(record).pid for record in sockline.find("packet")
                   if record["sockline"]["tcp"]["payload"] == size] for size in expected}
    wrong = {size: set(pids) - expected[size] for size, pids in sent.items() if set(pids) - expected[size]}
    check(not wrong, f"{title}: each names the process that sent it", (wrong, expected))
    counts = {size: len(pids) for size, pids in sent.items()}
    wanted = {size: count * (3 if size % 10 == 1 else 1) for size in expected}
    check(counts == wanted, f"{title}: all packets", (counts, wanted))


def test_children():
    """A child sends on its parent's connection, whose addresses are replaced: on the client's, or the server's side."""
    with Namespace.pair() as (left, right):
        left.ip("route", "add", "default", "via", right.address)
        if not rules(left, f"""table ip nat {{ chain out {{ type nat hook output priority -100;
                ip daddr {SERVICE} tcp dport 80 dnat to {right.address}:8081; }}; }}""") or \
           not rules(right, """table ip nat { chain in { type nat hook prerouting priority -100;
                tcp dport 8081 redirect to :8080; }; }"""):
            skip("children", "no nftables with NAT")
            return
        runs = [place.sockline("-e", "packet", "tcp") for place in (left, right)]
        server = right.start(sys.executable, "-c", FORKING_SERVER, 8080, 4)
        server.line()
        printed = [left.run(sys.executable, "-c", FORKING_CLIENT, SERVICE, 80) for _ in range(4)]
        served = [server.line() for _ in range(4)]
        server.wait()
        for sockline in runs:
            sockline.stop()
        check_senders(runs[0], senders(printed, 10), 4, "client")
        check_senders(runs[1], senders(served, 20), 4, "server")


run(globals())
