# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets of every kind, made with scapy, on every link type: the decoder agrees with tshark."""

import ipaddress
import os
import random
import shutil
import struct
import sys
import tempfile

import decode_oracle

try:
    from scapy import all as scapy
    from scapy.contrib import igmp
except ImportError:
    scapy = None

V4 = {"src": "10.1.2.3", "dst": "192.0.2.77"}
V6 = {"src": "2001:db8::1:0:0:1", "dst": "fe80::a:0:0:b"}
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, comment, done, skip_all  # noqa: E402

MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
RANDOM_PACKETS = 200


def ip(**fields):
    return scapy.IP(**{**V4, **fields})


def ip6(**fields):
    return scapy.IPv6(**{**V6, **fields})


def tcp(**fields):
    return scapy.TCP(**{"sport": 49152, "dport": 443, "seq": 4294967295, "ack": 17, **fields})


def udp(**fields):
    # Ports without a dissector of their own, whose fields could be taken for ours.
    return scapy.UDP(**{"sport": 49153, "dport": 49154, **fields})


def dccp():
    """A request, RFC 4340 5.1: a service code behind the long sequence number."""
    return struct.pack("!HHBBHBBHII", 49159, 49160, 5, 0, 0, 1, 0, 0, 7, 0)


def ipv4_packets():
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 2)), ("NOP", None), ("WScale", 7)]
    yield from (ip() / tcp(flags=flags) / (b"x" * (flags % 5)) for flags in range(256))
    yield ip(ttl=1) / tcp(flags="S", options=options)
    yield ip(ttl=255, options=[scapy.IPOption_RR(), scapy.IPOption_NOP()]) / tcp() / b"data"
    yield ip(flags="DF", id=5) / udp() / b"data"
    yield ip() / udp()
    yield ip(proto=136) / scapy.Raw(struct.pack("!HHHH", 49155, 49156, 8, 0) + b"data")
    yield ip() / scapy.SCTP(sport=49157, dport=49158) / scapy.SCTPChunkInit()
    yield ip(proto=33) / scapy.Raw(dccp())
    yield ip() / scapy.GRE() / ip(src="10.9.9.9") / tcp(sport=1)
    yield ip() / ip(src="10.9.9.9") / udp(sport=1)
    yield ip(proto=41) / ip6() / tcp(sport=1)
    yield ip() / scapy.ESP(spi=1, seq=2, data=b"x" * 32)
    yield ip() / scapy.AH(nh=6, payloadlen=4, spi=1, seq=2, icv=b"y" * 12) / tcp() / b"data"
    yield ip() / igmp.IGMP()
    yield ip(proto=253) / b"experiment"
    yield ip(flags="MF", id=700) / udp(len=1000) / (b"x" * 16)
    yield ip(flags="MF", id=701, frag=185, proto=17) / scapy.Raw(b"x" * 24)
    yield ip(id=702, frag=370, proto=6) / scapy.Raw(b"x" * 11)
    yield ip(flags="MF", id=703) / tcp() / (b"x" * 20)


def icmp_packets():
    quoted = {"src": V4["dst"], "dst": V4["src"]}
    for kind in (0, 8, 13, 14, 15, 16, 17, 18):
        yield ip() / scapy.ICMP(type=kind, id=0x1234, seq=9)
    for kind, code in ((3, 0), (3, 1), (3, 3), (3, 13), (4, 0), (5, 1), (11, 0), (11, 1), (12, 0)):
        for inner in (udp(), tcp(), scapy.ICMP(id=7), scapy.GRE()):
            yield ip() / scapy.ICMP(type=kind, code=code) / ip(**quoted) / inner
    yield ip() / scapy.ICMP(type=3, code=1) / scapy.IP(bytes(
        ip(flags="MF", frag=3, proto=17, **quoted) / scapy.Raw(b"x" * 8)))
    yield ip() / scapy.ICMP(type=10)


def ipv6_packets():
    yield from (ip6() / tcp(flags=flags) / (b"x" * (flags % 5)) for flags in (1, 2, 16, 18, 255))
    yield ip6(hlim=1) / udp() / b"data"
    yield ip6(nh=136) / scapy.Raw(struct.pack("!HHHH", 49155, 49156, 8, 0) + b"data")
    yield ip6() / scapy.SCTP(sport=49157, dport=49158) / scapy.SCTPChunkInit()
    yield ip6(nh=33) / scapy.Raw(dccp())
    yield ip6() / scapy.IPv6ExtHdrHopByHop() / scapy.IPv6ExtHdrRouting(addresses=["2001:db8::9"]) \
        / scapy.IPv6ExtHdrDestOpt(options=[scapy.PadN(optdata=b"\0" * 12)]) / tcp() / b"data"
    yield ip6() / scapy.IPv6ExtHdrFragment(m=1, id=99) / udp(len=2000) / (b"x" * 16)
    yield ip6() / scapy.IPv6ExtHdrFragment(id=99, offset=185, nh=17) / scapy.Raw(b"x" * 16)
    yield ip6() / scapy.IPv6ExtHdrFragment(id=98) / tcp()
    yield ip6() / scapy.AH(nh=6, payloadlen=4, spi=1, seq=2, icv=b"y" * 12) / tcp()
    yield ip6() / scapy.ESP(spi=1, seq=2, data=b"x" * 32)
    yield ip6(nh=59)
    yield ip6() / ip6(src="2001:db8::5") / udp()
    yield ip6() / ip() / udp()
    for echo in (scapy.ICMPv6EchoRequest, scapy.ICMPv6EchoReply):
        yield ip6() / echo(id=0x4321, seq=3, data=b"data")
    yield ip6() / scapy.ICMPv6ND_NS(tgt="fe80::1")
    quoted = {"src": V6["dst"], "dst": V6["src"]}
    for error in (scapy.ICMPv6DestUnreach(code=4), scapy.ICMPv6PacketTooBig(mtu=1280),
                  scapy.ICMPv6TimeExceeded(), scapy.ICMPv6ParamProblem()):
        for inner in (udp(), tcp(), scapy.IPv6ExtHdrDestOpt() / udp(),
                      scapy.ICMPv6EchoRequest()):
            yield ip6() / error / ip6(**quoted) / inner


def random_packets(chance):
    """Addresses above all: their text must be that of Python's ipaddress."""
    for _ in range(RANDOM_PACKETS):
        ends = []
        for _ in range(2):
            groups = [chance.choice((0, 0, chance.getrandbits(4), chance.getrandbits(16)))
                      for _ in range(8)]
            ends.append(str(ipaddress.IPv6Address(struct.pack("!8H", *groups))))
        yield ip6(src=ends[0], dst=ends[1]) / tcp(seq=chance.getrandbits(32))
        ends = [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(2)]
        yield ip(src=ends[0], dst=ends[1]) / tcp(window=chance.getrandbits(16))


def ethernet_frames():
    ether = scapy.Ether(**MACS)
    yield ether / scapy.ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2")
    yield ether / scapy.ARP(op=2, psrc="10.0.0.2", pdst="10.0.0.1")
    for outer in (0x8100, 0x88a8, 0x9100):
        tagged = scapy.Ether(type=outer, **MACS) / scapy.Dot1Q(vlan=100)
        yield tagged / ip() / tcp()
        yield tagged / scapy.Dot1Q(vlan=4094) / ip6() / udp()
    yield scapy.Dot3(**MACS) / scapy.LLC() / scapy.SNAP() / ip() / udp()
    yield ether / scapy.PPPoE(sessionid=3) / scapy.PPP() / ip() / tcp()
    yield ether / scapy.PPPoE(sessionid=3) / scapy.PPP() / ip6() / tcp()


def ether_type(packet):
    return 0x0800 if packet.version == 4 else 0x86dd


def sll(index, packet):
    return struct.pack("!HHH6sHH", index % 5, 1, 6, b"\2\0\0\0\0\1", 0, ether_type(packet))


def sll2(index, packet):
    return struct.pack("!HHIHBB6sH", ether_type(packet), 0, 1 + index, 1, index % 5, 6,
                       b"\2\0\0\0\0\1", 0)


def family(layout, six):
    return lambda index, packet: struct.pack(layout, 2 if packet.version == 4 else
                                             six[index % len(six)])


# Number in the file, name, what goes before the IP header, IP versions.
LINK_TYPES = (
    (1, "Ethernet", lambda _, packet: bytes(scapy.Ether(type=ether_type(packet), **MACS)), (4, 6)),
    (113, "Linux SLL", sll, (4, 6)),
    (276, "Linux SLL2", sll2, (4, 6)),
    (0, "NULL, little-endian", family("<I", (24, 28, 30)), (4, 6)),
    (0, "NULL, big-endian", family(">I", (24, 28, 30)), (4, 6)),
    (108, "LOOP", family(">I", (24, 28, 30)), (4, 6)),
    (12, "RAW as 12", lambda *_: b"", (4, 6)),
    (101, "RAW as 101", lambda *_: b"", (4, 6)),
    (228, "IPV4", lambda *_: b"", (4,)),
    (229, "IPV6", lambda *_: b"", (6,)),
    (9, "PPP", lambda _, packet: b"\xff\3\0" + (b"!" if packet.version == 4 else b"W"), (4, 6)),
)


def write_capture(path, link_type, frames):
    """frames: (bytes, how many of them are captured)"""
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link_type))
        for number, (frame, captured) in enumerate(frames):
            file.write(struct.pack("=IIII", number, 0, captured, len(frame)))
            file.write(frame[:captured])


def compare(path, name, whole):
    found, packets = decode_oracle.differences(path)
    complaints = [f"packet {packet['number']}: {column} '{packet[column]}', tshark '{theirs}'"
                  for packet, column, theirs in found]
    check(packets and not found, f"{name}: {len(packets)} packets as tshark has them",
          "\n".join(complaints[:20]))
    allowed = {"ok"} if whole else {"ok", "truncated"}
    complaints = [f"packet {packet['number']}: {packet['status']}" for packet in packets
                  if packet["status"] not in allowed]
    check({packet["status"] for packet in packets} == allowed,
          f"{name}: status {' or '.join(sorted(allowed))}", "\n".join(complaints[:20]))


def main():
    if scapy is None or shutil.which("tshark") is None:
        return skip_all("needs tshark and scapy")
    seed = int(os.environ.get("SEED", 0)) or random.SystemRandom().getrandbits(32)
    comment(f"SEED={seed}")
    chance = random.Random(seed)
    packets = [*ipv4_packets(), *icmp_packets(), *ipv6_packets(), *random_packets(chance)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "capture.pcap")
        for link_type, name, header, versions in LINK_TYPES:
            frames = [header(index, packet) + bytes(packet)
                      for index, packet in enumerate(packets) if packet.version in versions]
            if link_type == 1:
                frames += [bytes(frame) for frame in ethernet_frames()]
                frames = [frame.ljust(60, b"\0") for frame in frames]
            write_capture(path, link_type, [(frame, len(frame)) for frame in frames])
            compare(path, name, True)
            write_capture(path, link_type,
                          [(frame, chance.randint(0, len(frame))) for frame in frames])
            compare(path, name + ", cut", False)
    return done()


if __name__ == "__main__":
    sys.exit(main())
