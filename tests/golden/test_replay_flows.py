#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Which packets of a file make one connection, and what the connection's records say of them."""

import struct
import sys

from test_replay import CLIENT, CLIENT6, OPENED, SERVER, SERVER6, Capture, Tcp, check, is_valid, records_of, \
    replay, run_all, scapy, tagged, write

MACS_BYTES = b"\2\0\0\0\0\1\0\0"


def read(capture, title, *options, link_type=1):
    """The records of a capture, by the last word of their action."""
    write("flows.pcap", capture.pcap(link_type))
    output = replay("-r", "flows.pcap", *(options or ("-e", "packet,connection")))
    is_valid(output, title)
    found = {}
    for record in records_of(output):
        found.setdefault(record["event"]["action"].rpartition("_")[2], []).append(record)
    return found


def test_vlans():
    one = Capture()
    Tcp(one, 50001).script(*OPENED)
    both = Capture()
    both.packets = sorted(tagged(one, 10).packets + tagged(one, 20).packets + one.packets
                          + tagged(one, 10, 20).packets + tagged(one, 20, 10).packets)
    found = read(both, "five lanes")
    check([(record["network"].get("vlan"), record["network"].get("inner"), record["network"]["packets"])
           for record in found["closed"]] ==
          [(None, None, 3), ({"id": "10"}, None, 3), ({"id": "10"}, {"vlan": {"id": "20"}}, 3),
           ({"id": "20"}, None, 3), ({"id": "20"}, {"vlan": {"id": "10"}}, 3)],
          "one tuple in four VLANs and in none: five connections", found["closed"])
    priority = Capture()
    priority.packets = sorted(one.packets[:1] + tagged(one, 0).packets[1:])
    check(len(read(priority, "priority")["closed"]) == 1, "a priority tag is no VLAN")


def test_vlan_interface():
    """An interface and that of a VLAN on it, as "any" sees both: with the tag what comes in is
    seen first, without it what goes out."""
    one, both = Capture(), Capture()
    Tcp(one, 50001).script(*OPENED, ">PA ask", "<PA answer", ">FA", "<FA", ">A")
    for time_ns, data in one.packets:
        outgoing = data[26:30] == scapy.IP(src=CLIENT).build()[12:16]
        for after_ns, interface in ((0, 3 if outgoing else 2), (20000, 2 if outgoing else 3)):
            tag = b"\0\x07\x08\0" if interface == 2 else b""
            head = struct.pack(">HHIHBB8s", 0x8100 if tag else 0x0800, 0, interface, 1,
                               4 if outgoing else 0, 6, MACS_BYTES)
            both.packets.append((time_ns + after_ns, head + tag + data[14:]))
    found = read(both, "a VLAN interface", link_type=276)
    check([record["network"]["packets"] for record in found["closed"]] == [8],
          "a connection that is seen with a tag and without is one", found["closed"])
    check(len({record["sockline"]["connection"]["id"] for record in found["packet"]}) == 1 and
          len(found["packet"]) == 16, "and has the packets of both", found["packet"])


def test_echo():
    capture = Capture()
    there, back = scapy.IP(src=CLIENT, dst=SERVER), scapy.IP(src=SERVER, dst=CLIENT)
    for ask, answer in ((there, back), (back, there)):
        for sequence in range(2):
            capture.add(ask / scapy.ICMP(type=8, id=1, seq=sequence))
            capture.add(answer / scapy.ICMP(type=0, id=1, seq=sequence))
    closed = read(capture, "pings")["closed"]
    check([(record["source"]["ip"], record["source"]["packets"], record["destination"]["packets"])
           for record in closed] == [(CLIENT, 2, 2), (SERVER, 2, 2)],
          "two hosts ping each other with one identifier: two connections", closed)
    check(len({record["network"]["community_id"] for record in closed}) == 2, "two Community IDs", closed)


def test_mapped():
    """RFC 4942 2.2: such packets are forged; they are of no IPv4 connection."""
    capture = Capture()
    Tcp(capture, 50001).script(*OPENED)
    Tcp(capture, 50001, v6=True, client="::ffff:" + CLIENT, server="::ffff:" + SERVER).script(*OPENED)
    found = read(capture, "mapped addresses")
    check([(record["network"]["type"], record["source"]["ip"], record["network"]["packets"])
           for record in found["closed"]] == [("ipv4", CLIENT, 3), ("ipv6", "::ffff:a00:1", 3)],
          "IPv6 packets with IPv4-mapped addresses are IPv6", found["closed"])
    check([record["network"]["type"] for record in found["packet"]] == ["ipv4"] * 3 + ["ipv6"] * 3,
          "their records say so, too", found["packet"])
    check(len({record["network"]["community_id"] for record in found["closed"]}) == 2,
          "with the Community ID of their addresses", found["closed"])


def sums(records):
    """connection.id -> (packets, bytes)."""
    found = {}
    for record in records:
        packets, octets = found.get(record["sockline"]["connection"]["id"], (0, 0))
        found[record["sockline"]["connection"]["id"]] = (
            packets + record["network"].get("packets", 1), octets + record["network"]["bytes"])
    return found


def test_late():
    """What comes after the end is in the totals."""
    capture = Capture()
    ends = ((">FA", "<FA", ">A", "<A", "<A"), ("<R", ">PA under way", ">PA more"),
            (">R", "<PA under way", "<A"))
    for port, end in enumerate(ends, 50001):
        Tcp(capture, port).script(*OPENED, ">PA ask", *end)
    Tcp(capture, 50004).script(*OPENED, after_ms=2000)
    found = read(capture, "late packets")
    check(sums(found["packet"]) == sums(found["closed"]), "after FINs and RST: totals have every packet",
          (sums(found["packet"]), sums(found["closed"])))
    found["closed"].sort(key=lambda record: record["source"]["port"])
    check([record["event"]["reason"] for record in found["closed"]] == ["fin", "reset", "reset", "shutdown"],
          "the reasons stay", found["closed"])
    capture = Capture()
    late = Tcp(capture, 50001)
    late.script(*OPENED, "<R")
    Tcp(capture, 50002).send(">S", after_ms=3000)
    late.send(">PA much later")
    Tcp(capture, 50003).send(">S", after_ms=60000)
    found = read(capture, "very late packets")
    first = [record["sockline"]["connection"]["id"] for record in found["closed"]][0]
    check(sums(found["closed"])[first][0] == 4 and found["updated"][0]["network"]["packets"] == 5 and
          found["updated"][0]["sockline"]["connection"]["id"] == first,
          "what comes after connection_closed is in a last connection_updated", found.get("updated"))


def quoted(of, *, kind=3, code=3, v6=False):
    """An ICMP error of a router, or of the host, about this IP packet."""
    if v6:
        error = {1: scapy.ICMPv6DestUnreach, 3: scapy.ICMPv6TimeExceeded}[kind](code=code)
        return scapy.IPv6(src=SERVER6, dst=CLIENT6) / error / scapy.IPv6(bytes(of)[:48])
    return scapy.IP(src=SERVER, dst=CLIENT) / scapy.ICMP(type=kind, code=code) / scapy.IP(bytes(of)[:28])


def ends(found):
    """(source port, reason, outcome, packets of both ends) of each connection_closed."""
    return sorted((record["source"]["port"], record["event"]["reason"], record["event"]["outcome"],
                   record["source"]["packets"], record["destination"]["packets"])
                  for record in found["closed"])


def test_refused():
    """A SYN that was not captured: the answer is there alone."""
    capture = Capture()
    capture.add(scapy.IP(src=SERVER, dst=CLIENT)
                / scapy.TCP(sport=80, dport=50001, flags="RA", seq=0, ack=777))
    capture.add(scapy.IP(src=SERVER, dst=CLIENT)
                / scapy.TCP(sport=80, dport=50002, flags="RA", seq=5, ack=777))
    found = read(capture, "RST alone")
    check(ends(found) == [(50001, "refused", "failure", 0, 1), (50002, "reset", "success", 0, 1)],
          "an RST that refuses an unseen SYN: the connecting end is the source", ends(found))


def test_icmp_errors():
    capture = Capture()
    for port, kind, code in ((50001, 3, 13), (50002, 3, 10), (50003, 3, 1), (50004, 3, 3), (50005, 11, 0),
                             (50006, 3, 4), (50011, 12, 0), (50012, 5, 1)):
        syn = scapy.IP(src=CLIENT, dst=SERVER) / scapy.TCP(sport=port, dport=80, flags="S", seq=port)
        capture.add(syn)
        capture.add(quoted(syn, kind=kind, code=code))
    for port, kind, code in ((50007, 1, 1), (50008, 1, 4), (50009, 3, 0)):
        syn = scapy.IPv6(src=CLIENT6, dst=SERVER6) / scapy.TCP(sport=port, dport=80, flags="S", seq=port)
        capture.add(syn)
        capture.add(quoted(syn, kind=kind, code=code, v6=True))
    capture.add(quoted(syn, kind=3, code=0, v6=True))
    answered = Tcp(capture, 50010)
    answered.script(*OPENED)
    capture.add(quoted(scapy.IP(capture.packets[-1][1][14:]), code=1))
    found = read(capture, "ICMP errors about TCP")
    check([end[:3] for end in ends(found)] ==
          [(50001, "unreachable", "failure"), (50002, "unreachable", "failure"),
           (50003, "unreachable", "failure"), (50004, "refused", "failure"),
           (50005, "unreachable", "failure"), (50006, "shutdown", "unknown"),
           (50007, "unreachable", "failure"), (50008, "refused", "failure"),
           (50009, "unreachable", "failure"), (50010, "shutdown", "success"),
           (50011, "unreachable", "failure"), (50012, "shutdown", "unknown")],
          "decide reason and outcome of what has no answer", ends(found))
    errors = {record["source"]["port"]: tuple(record["sockline"]["connection"].get("icmp_error", {}).values())
              for record in found["closed"]}
    check(errors == {50001: (3, 13, 1), 50002: (3, 10, 1), 50003: (3, 1, 1), 50004: (3, 3, 1), 50005: (11, 0, 1),
                     50006: (3, 4, 1), 50007: (1, 1, 1), 50008: (1, 4, 1), 50009: (3, 0, 2), 50010: (3, 1, 1),
                     50011: (12, 0, 1), 50012: ()}, "and stand in the record: all but redirects", errors)


def test_refused_datagrams():
    capture = Capture()
    for number in range(20):
        datagram = scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=50001, dport=9) / b"x"
        capture.add(datagram, after_ms=50)
        capture.add(quoted(datagram))
    prohibited = scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=50002, dport=9) / b"x"
    capture.add(prohibited)
    capture.add(quoted(prohibited, code=13))
    late = scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=50003, dport=9) / b"x"
    capture.add(late)
    capture.add(quoted(late))
    capture.add(scapy.IP(src=SERVER, dst=CLIENT) / scapy.UDP(sport=9, dport=50003) / b"now")
    Tcp(capture, 50004).send(">S", after_ms=70000)
    found = read(capture, "datagrams to a closed port")
    check(ends(found)[:3] == [(50001, "refused", "failure", 20, 0), (50002, "unreachable", "failure", 1, 0),
                              (50003, "idle", "success", 1, 1)],
          "datagrams that nobody takes are one connection, refused when it is idle", ends(found))
    check(len(found["opened"]) == 4, "opened once", found["opened"])
    errors = [record["sockline"]["connection"].get("icmp_error")
              for record in sorted(found["closed"], key=lambda record: record["source"]["port"])]
    check(errors == [{"type": 3, "code": 3, "count": 20}, {"type": 3, "code": 13, "count": 1},
                     {"type": 3, "code": 3, "count": 1}, None], "with the number of errors", errors)


def test_reused():
    capture = Capture()
    for number in range(2):
        Tcp(capture, 50001).script(*OPENED, after_ms=100)
    check([end[1] for end in ends(read(capture, "the tuple again"))] == ["reused", "shutdown"],
          "an end that was not captured: no kernel reported it")
    capture = Capture()
    flow = Tcp(capture, 50002)
    flow.script(*OPENED, ">PA ask", "<PA answer", ">FA", "<FA", ">A")
    flow.next = {">": 2000000000, "<": 3000000000}
    flow.script(">PA ask", "<PA answer", ">FA", "<FA", ">A", after_ms=10)
    found = read(capture, "the tuple again, without its SYN")
    check([end[1:] for end in ends(found)] == [("fin", "success", 3, 2), ("fin", "success", 5, 3)],
          "what comes with other numbers after both FINs is another connection", ends(found))


def test_nflog():
    """Lengths and types in the order of the host, the rest in that of the network."""
    capture, other = Capture(), Capture()
    Tcp(capture, 50001).script(*OPENED)
    for number, (time_ns, data) in enumerate(capture.packets):
        header = struct.pack(">BBH", 2, 0, 5)
        header += struct.pack("=HH", 8, 1) + struct.pack(">HBB", 0x0800, 1 if number == 1 else 3, 0)
        header += struct.pack("=HH", 8, 5) + struct.pack(">I", 2)
        payload = data[14:]
        other.packets.append((time_ns, header + struct.pack("=HH", 4 + len(payload), 9) + payload))
    found = read(other, "NFLOG", link_type=239)
    check([record["network"]["direction"] for record in found["packet"]] == ["egress", "ingress", "egress"]
          and found["closed"][0]["network"]["packets"] == 3, "NFLOG: packets with their direction", found)


def test_raw_of_openbsd():
    """libpcap knows no name for 14, and compiles no filter for it."""
    capture, other = Capture(), Capture()
    Tcp(capture, 50001).script(*OPENED)
    other.packets = [(time_ns, data[14:]) for time_ns, data in capture.packets]
    check(read(other, "link type 14", link_type=14)["closed"][0]["network"]["packets"] == 3,
          "link type 14 is raw IP")


def test_icmp_id_0():
    capture = Capture()
    for family, echo, back in ((scapy.IP, scapy.ICMP(type=8, id=0), scapy.ICMP(type=0, id=0)),
                               (scapy.IPv6, scapy.ICMPv6EchoRequest(id=0), scapy.ICMPv6EchoReply(id=0))):
        ends = (CLIENT, SERVER) if family is scapy.IP else (CLIENT6, SERVER6)
        capture.add(family(src=ends[0], dst=ends[1]) / echo)
        capture.add(family(src=ends[1], dst=ends[0]) / back)
    found = read(capture, "identifier 0")
    check([(one["sockline"].get("icmp"), one["network"]["packets"]) for one in found["closed"]] == [({"id": 0}, 2)] * 2,
          "an echo whose identifier is 0 has it in its connection", found["closed"])


def test_protocol_0():
    capture = Capture()
    capture.add(scapy.IP(src=CLIENT, dst=SERVER, proto=0) / b"what is this")
    found = read(capture, "protocol 0")
    check([record["network"].get("iana_number") for record in found["packet"] + found["closed"]] ==
          ["0", "0"], "IPv4 with protocol 0 says so", found)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
