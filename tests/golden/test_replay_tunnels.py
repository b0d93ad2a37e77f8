#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets in tunnels: the connections of both layers, and what counts where."""

import os
import re
import subprocess
import sys

from scapy.contrib import geneve, gtp, mpls  # pylint: disable=import-error
from scapy.layers import vxlan

from test_replay import CLIENT, OPENED, SERVER, Capture, Tcp, check, is_valid, records_of, replay, run_all, \
    scapy, write
from test_replay_files import Blocks
from test_replay_owners import SENT, comment

HELPER = os.path.join(os.environ.get("top_builddir", "build"), "tests/helpers/replay_sockets")
HERE, THERE, HERE6, THERE6 = "10.9.0.1", "10.9.0.2", "2001:db8:9::1", "2001:db8:9::2"
# With addresses: for a packet without, scapy sends ARP, and waits for an answer.
UNDERLAY_MACS = scapy.Ether(src="02:00:00:00:00:05", dst="02:00:00:00:00:06")
MACS = scapy.Ether(src="02:00:00:00:00:03", dst="02:00:00:00:00:04")


def underlay(forth, six=False):
    ends = (HERE6, THERE6) if six else (HERE, THERE)
    source, destination = ends if forth else reversed(ends)
    return scapy.IPv6(src=source, dst=destination) if six else scapy.IP(src=source, dst=destination)


def udp(forth, port):
    """The ports of VXLAN and its kin: a hash of what is inside, for each direction another."""
    return underlay(forth) / scapy.UDP(sport=50000 + forth, dport=port)


def over_gtp(packet, forth):
    header = gtp.GTP_U_Header(teid=7 + forth, gtp_type=255, length=len(packet))
    return underlay(forth) / scapy.UDP(sport=2152, dport=2152) / header / packet


def over_l2tp(packet, forth):
    return udp(forth, 1701) / scapy.Raw(bytes.fromhex("000200050009ff030021")) / packet


def over_vxlan(number):
    return lambda packet, forth: udp(forth, 4789) / vxlan.VXLAN(vni=number, flags=8) / MACS / packet


def over_ipip(packet, forth):
    return underlay(forth) / packet


def over_erspan(packet, forth):
    header = scapy.GRE(proto=0x88be, seqnum_present=1, sequence_number=1)
    return underlay(forth) / header / scapy.Raw(bytes.fromhex("1000001400000000")) / MACS / packet


# Name: what is around a packet, the type and number that its record has, and the outer protocol.
TUNNELS = {
    "GRE": (lambda packet, forth: underlay(forth) / scapy.GRE() / packet, "gre", None, "gre"),
    "GRE with a key": (lambda packet, forth: underlay(forth) / scapy.GRE(key_present=1, key=42) / packet,
                       "gre", "42", "gre"),
    "GRE with frames": (lambda packet, forth: underlay(forth) / scapy.GRE(proto=0x6558) / MACS / packet,
                        "gre", None, "gre"),
    "ERSPAN": (over_erspan, "erspan", "20", "gre"),
    "IP in IP": (over_ipip, "ipip", None, "ipv4"),
    "IPv4 in IPv6": (lambda packet, forth: underlay(forth, True) / packet, "4in6", None, "ipv4"),
    "VXLAN": (over_vxlan(100), "vxlan", "100", "udp"),
    "Geneve": (lambda packet, forth: udp(forth, 6081) / geneve.GENEVE(proto=0x6558, vni=10) / MACS / packet,
               "geneve", "10", "udp"),
    "GTP-U": (over_gtp, "gtp", "8", "udp"),
    "L2TP": (over_l2tp, "l2tp", "9", "udp"),
}


def conversation():
    """A whole connection: [(time_ns, the IP packet, whether the client sent it)]"""
    capture = Capture()
    Tcp(capture, 50001).script(*OPENED, ">PA ask", "<PA answer", ">FA", "<FA", ">A")
    return [(time_ns, scapy.IP(data[14:]), data[26:30] == scapy.IP(src=CLIENT).build()[12:16])
            for time_ns, data in capture.packets]


def wrapped(around, packets=None):
    capture = Capture()
    for time_ns, packet, forth in packets or conversation():
        capture.packets.append((time_ns, bytes(UNDERLAY_MACS / around(packet, forth))))
    return capture


def read(capture, title, *options):
    write("tunnels.pcap", capture.pcap())
    output = replay("-r", "tunnels.pcap", "-e", "packet,connection", *options)
    is_valid(output, title)
    found = {"packet": [], "opened": [], "closed": []}
    for record in records_of(output):
        found.setdefault(record["event"]["action"].rpartition("_")[2], []).append(record)
    found["inside"] = [record for record in found["closed"] if "tunnel" in record["sockline"]]
    found["carriers"] = [record for record in found["closed"] if "carries" in record["sockline"]["connection"]]
    return found


def total(records):
    return (sum(record["network"].get("packets", 1) for record in records),
            sum(record["network"]["bytes"] for record in records))


def ends(record):
    return [record[end]["ip"] for end in ("source", "destination")]


def test_types():
    plain = [(len(packet), 1) for _, packet, _ in conversation()]
    for name, (around, kind, number, protocol) in TUNNELS.items():
        capture = wrapped(around)
        found = read(capture, name)
        inside, carriers = found["inside"], found["carriers"]
        tunnel = inside[0]["sockline"]["tunnel"] if inside else {}
        check([(ends(one), one["network"]["transport"], one["event"]["reason"]) for one in inside] ==
              [([CLIENT, SERVER], "tcp", "fin")], f"{name}: one connection inside", found["closed"])
        check((tunnel.get("type"), tunnel.get("id"), "depth" in tunnel) == (kind, number, False),
              f"{name}: its tunnel", tunnel)
        check({one["network"]["transport"] for one in carriers} == {protocol} and
              {one["sockline"]["connection"]["carries"] for one in carriers} == {kind} and
              not any("tunnel" in one["sockline"] for one in carriers),
              f"{name}: the connections that carry", found["closed"])
        check(total(found["packet"]) == total(inside) == (len(plain), sum(one for one, _ in plain)),
              f"{name}: records of packets add up to the connection inside", total(found["packet"]))
        check(total(carriers) == (len(plain), sum(len(data) - 14 for _, data in capture.packets)),
              f"{name}: the others have what carries", total(carriers))
        identifiers = {one["sockline"]["connection"]["id"] for one in carriers}
        first = inside[0]["sockline"]["connection"].get("outer") if inside else None
        check(first in identifiers and {packet["sockline"]["connection"].get("outer")
                                        for packet in found["packet"]} == identifiers,
              f"{name}: they are joined", [one["sockline"]["connection"] for one in found["closed"]])
        check(all(packet["sockline"]["tunnel"]["type"] == kind and ends(packet["sockline"]["tunnel"]) in
                  ([HERE, THERE], [THERE, HERE], [HERE6, THERE6], [THERE6, HERE6]) for packet in found["packet"]),
              f"{name}: each packet has its tunnel", found["packet"][:1])


def test_no_tunnels():
    found = read(wrapped(TUNNELS["VXLAN"][0]), "--no-tunnels", "--no-tunnels")
    check(not found["inside"] and not found["carriers"] and
          {one["network"]["transport"] for one in found["packet"]} == {"udp"},
          "--no-tunnels: records of what carries alone", found["closed"])


def test_networks():
    packets = []
    for number in (1, 2, 3):
        packets += wrapped(over_vxlan(number)).packets
    capture = Capture()
    capture.packets = sorted(packets)
    found = read(capture, "three networks")
    check(sorted((one["sockline"]["tunnel"]["id"], one["network"]["packets"]) for one in found["inside"]) ==
          [("1", 8), ("2", 8), ("3", 8)], "one tuple in three networks is three connections", found["inside"])
    tagged = wrapped(lambda packet, forth: udp(forth, 4789) / vxlan.VXLAN(vni=1, flags=8) /
                     UNDERLAY_MACS / scapy.Dot1Q(vlan=5) / packet)
    capture.packets = sorted(wrapped(over_vxlan(1)).packets + tagged.packets)
    found = read(capture, "VLANs inside")
    check([one["network"].get("vlan") for one in found["inside"]] == [None, {"id": "5"}],
          "VLANs within a tunnel are connections of their own", found["inside"])


def test_nested():
    def twice(packet, forth):
        return over_ipip(over_vxlan(7)(packet, forth), forth)

    found = read(wrapped(twice), "two tunnels")
    by_id = {one["sockline"]["connection"]["id"]: one for one in found["closed"]}
    inner = [one for one in found["inside"] if one["network"]["transport"] == "tcp"]
    check([one["sockline"]["tunnel"].get("depth") for one in inner] == [2], "the innermost has depth 2", inner)
    middle = by_id[inner[0]["sockline"]["connection"]["outer"]]
    outermost = by_id[middle["sockline"]["connection"]["outer"]]
    check((middle["sockline"]["tunnel"]["type"], middle["sockline"]["connection"]["carries"],
           outermost["sockline"]["connection"]["carries"]) == ("ipip", "vxlan", "ipip"),
          "each leads to the next one out", [middle, outermost])

    def often(packet, forth):
        for _ in range(6):
            packet = over_ipip(packet, forth)
        return packet

    found = read(wrapped(often), "six tunnels")
    check({one["sockline"]["tunnel"]["depth"] for one in found["packet"]} == {4} and
          {one["network"]["transport"] for one in found["packet"]} == {"ipv4"},
          "the fourth is the last that is looked into", found["packet"][:1])


def test_none():
    text = wrapped(lambda packet, forth: udp(forth, 4789) / scapy.Raw(b"GET / HTTP/1.1\r\n\r\n"))
    found = read(text, "text")
    check(not found["inside"] and len(found["packet"]) == 8, "text on the port of VXLAN is text", found["packet"])
    found = read(wrapped(lambda packet, forth: udp(forth, 4789) / vxlan.VXLAN(vni=1, flags=8) / packet), "no frame")
    check(not found["inside"], "nor is a packet without its frame a tunnel's", found["packet"])
    pieces = Capture()
    for time_ns, data in wrapped(over_ipip).packets:
        pieces.packets += [(time_ns, bytes(piece)) for piece in scapy.fragment(scapy.Ether(data), 24)]
    found = read(pieces, "fragments")
    check(not found["inside"] and total(found["packet"]) == total(found["closed"]),
          "a tunnel in fragments is what carries", found["closed"])


def test_names():
    query = scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=53000, dport=53)
    answer = scapy.IP(src=SERVER, dst=CLIENT) / scapy.UDP(sport=53, dport=53000)
    question = scapy.DNSQR(qname="www.example.org")
    packets = [(1, query / scapy.DNS(id=5, qd=question), True),
               (2, answer / scapy.DNS(id=5, qr=1, qd=question, an=scapy.DNSRR(
                   rrname="www.example.org", rdata=SERVER)), False)]
    write("tunnels.pcap", wrapped(over_vxlan(1), packets).pcap())
    asked = [record for record in records_of(replay("-r", "tunnels.pcap", "-e", "dns"))
             if record["event"]["action"] == "dns_transaction"]
    check([one["dns"].get("resolved_ip") for one in asked] == [[SERVER]], "names are read in tunnels, too", asked)


def test_no_connections():
    """What is inside has no connection of its own: the one that carries is a tunnel's all the same."""
    inside = {"ARP": scapy.ARP(psrc=CLIENT, pdst=SERVER),
              "ICMPv6": scapy.IPv6(src=HERE6, dst=THERE6) / scapy.ICMPv6ND_NS(tgt=THERE6),
              "a later fragment": scapy.IP(src=CLIENT, dst=SERVER, proto=17, frag=10) / b"12345678"}
    for name, packet in inside.items():
        found = read(wrapped(over_vxlan(1), [(1, packet, True)]), name)
        check([(one["sockline"]["connection"]["carries"], one["network"]["packets"]) for one in found["carriers"]] ==
              [("vxlan", 1)] and not found["inside"], f"a tunnel with {name} alone is one", found["closed"])


def test_mpls():
    capture = Capture()
    for time_ns, packet, _ in conversation():
        capture.packets.append((time_ns, bytes(MACS / mpls.MPLS(label=100, s=1) / packet)))
    found = read(capture, "MPLS")
    check([one["sockline"]["tunnel"] for one in found["inside"]] == [{"type": "mpls", "id": "100"}] and
          not found["carriers"], "MPLS has no addresses, and carries alone", found["closed"])


def host(sockets, capture):
    """The records of a host with these addresses, sockets and tunnels."""
    for name, content in (("sockets", sockets.encode()), ("tunnels.pcap", capture.pcap())):
        write(name, content)
    output = subprocess.run([HELPER, "sockets", "tunnels.pcap"], capture_output=True, check=True).stdout
    is_valid(output, "a host")
    records = records_of(output)
    return ([one for one in records if one["event"]["action"] == "packet"],
            [one for one in records if one["event"]["action"] == "connection_closed"])


CURL = f"6\t{CLIENT}\t50001\t{SERVER}\t80\tsocket\t42\tcurl\t/usr/bin/curl\t1000\t91827\n"


def owner(record):
    return record.get("process", {}).get("name"), record["sockline"]["attribution"].get("reason")


def test_end():
    """Both interfaces of a host in which a tunnel ends, outgoing packets first in the upper one."""
    both = Capture()
    for time_ns, packet, forth in conversation():
        frames = [bytes(MACS / packet), bytes(UNDERLAY_MACS / over_vxlan(100)(packet, forth))]
        both.packets += [(time_ns + number * 1000, frame)
                         for number, frame in enumerate(frames if forth else reversed(frames))]
    sockets = f"address {HERE}\naddress {CLIENT}\ntunnel 100\n" + CURL
    packets, closed = host(sockets, both)
    inside = [one for one in closed if one["network"]["transport"] == "tcp"]
    check([ends(one) for one in packets] == [[CLIENT, SERVER] if forth else [SERVER, CLIENT]
                                             for _, _, forth in conversation()] and
          not any("tunnel" in one["sockline"] for one in packets), "a packet has one record", packets)
    check({owner(one) for one in packets + inside} == {("curl", None)}, "its owner is the process", inside)
    check(len(inside) == 1 and total(inside) == total(packets), "the connection counts it once", inside)
    check(all("tunnel" in one["sockline"] and "outer" in one["sockline"]["connection"] and
              one["sockline"]["tunnel"]["interface"] == {"id": "9"} for one in inside),
          "it has the tunnel", inside)
    check({owner(one)[0] for one in closed if one["network"]["transport"] == "udp"} == {None},
          "what carries has no process", closed)

    packets, closed = host(sockets + "below\n", wrapped(over_vxlan(100)))
    check(len(packets) == 8 and {owner(one) for one in packets} == {("curl", None)} and
          all(one["sockline"]["tunnel"]["interface"] == {"id": "9"} for one in packets),
          "captured below alone the packets inside have their owner, too", packets)


def test_passing():
    """The very addresses and ports of a socket of this host, in somebody else's network."""
    for title, sockets in (("passes by", f"address {CLIENT}\n"),
                           ("is of another network", f"address {CLIENT}\naddress {HERE}\ntunnel 5\n"),
                           ("is mirrored to this host", f"address {CLIENT}\naddress {THERE}\n")):
        packets, closed = host(sockets + CURL, wrapped(over_vxlan(100)))
        inside = [one for one in closed if one["network"]["transport"] == "tcp"]
        check(len(packets) == 8 and len(inside) == 1 and
              {owner(one) for one in packets + inside} == {(None, "forwarded")},
              f"what {title} has no owner, although a socket has its tuple", packets + inside)


def stated(text, *options):
    """(pids of packets, of the connections inside, of those that carry, and the comments of the packets' copies)"""
    blocks = Blocks()
    blocks.interface(1, "eth0")
    for time_ns, packet, forth in conversation():
        if forth:
            blocks.packet(0, time_ns, bytes(MACS / over_vxlan(1)(packet, forth)), comment(text), flags=SENT)
    write("owners.pcapng", blocks.bytes)
    records = records_of(replay("-r", "owners.pcapng", "-e", "packet,closed", "-w", "copy.pcapng", *options))
    pids = {"packet": set(), "inside": set(), "carries": set()}
    for record in records:
        action, inside = record["event"]["action"], "tunnel" in record["sockline"]
        if action in ("packet", "connection_closed"):
            kind = "packet" if action == "packet" else "inside" if inside else "carries"
            pids[kind].add(record.get("process", {}).get("pid"))
    with open("copy.pcapng", "rb") as file:
        lines = {line.partition(b" attribution")[0].decode() for line in re.findall(rb"sockline: end[^\n\0]*", file.read())}
    return pids["packet"], pids["inside"], pids["carries"], lines


def test_owners():
    """A comment of sockline is of one of the packets of a frame; others do not state which they mean."""
    inner, outer = "sockline: end=source tunnel.depth=1 process.pid=7", "sockline: end=source process.pid=7"
    none = {None}
    for text, expected, whole in ((inner, ({7}, {7}, none, {inner}), (none, set(), none, set())),
                                  (outer, (none, none, {7}, set()), ({7}, set(), {7}, {outer})),
                                  (inner.replace("h=1", "h=2"), (none, none, none, set()), (none, set(), none, set())),
                                  (f"{inner}\n{outer.replace('source', 'destination')}", ({7}, {7}, none, {inner}),
                                   (none, set(), none, set())),
                                  ("PID: 7", (none, none, none, set()), ({7}, set(), {7}, {outer}))):
        found = stated(text)
        check(found == expected, f"{text!r}: of that packet alone", found)
        found = stated(text, "--no-tunnels")
        check(found == whole, f"{text!r}: without what is inside", found)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
