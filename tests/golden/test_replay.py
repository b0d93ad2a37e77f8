# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Capture files made with scapy -> exact records: `sockline -r' gives tests/golden/replay_*.ndjson,
byte by byte, each time (P30). Community IDs and totals are compared with tshark's.

REGENERATE=1 writes the golden files anew: read the difference before committing it.
"""

import functools
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter

try:
    from scapy import all as scapy
except ImportError:
    scapy = None

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import ocsf  # noqa: E402
from tap import check, comment, done, skip_all  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOCKLINE = os.path.abspath(os.environ.get("SOCKLINE", "build/src/sockline"))
VALIDATE = os.path.join(HERE, "../helpers/validate")
# See tests/integration/test_emitted.py.
EMITTED = os.path.join(os.path.abspath(os.environ.get("top_builddir", "build")), "tests/emitted",
                       os.path.basename(sys.argv[0]))
START = 1795342272  # 2026-11-22T10:11:12Z
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
CLIENT, SERVER = "10.0.0.1", "192.0.2.80"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8::80"
# What is not the same on every machine.
LOCAL = (
    (rb'"host":{"name":"[^"]*"(,"id":"[^"]*")?,', b'"host":{"name":"HOST",'),
    (rb'"version":"[^"]*"},"sockline"', b'"version":"VERSION"},"sockline"'),
    (rb'"libraries":{[^}]*}', b'"libraries":{}'),
    (rb'"_system_name":"[^"]*"', b'"_system_name":"HOST"'),
    (rb'("records":{[^}]*"bytes":)\d+', rb"\g<1>0"),
)


class Capture:
    """Packets with the times at which they were captured."""

    def __init__(self, start=START):
        self.packets = []
        self.time_ns = start * 10**9

    def add(self, packet, after_ms=1.0, ether=True):
        self.time_ns += round(after_ms * 10**6)
        if ether is True:
            packet = scapy.Ether(**MACS) / packet
        self.packets.append((self.time_ns, bytes(packet)))

    def pcap(self, link_type=1, nanoseconds=True, snaplen=65535):
        file = struct.pack("<IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0,
                           snaplen, link_type)
        for time_ns, data in self.packets:
            fraction = time_ns % 10**9 // (1 if nanoseconds else 1000)
            file += struct.pack("<IIII", time_ns // 10**9, fraction, min(len(data), snaplen),
                                len(data)) + data[:snaplen]
        return file

    def pcapng(self, link_type=1):
        def block(kind, body):
            length = 12 + len(body)
            return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
        file = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        file += block(1, struct.pack("<HHI", link_type, 0, 65535)  # if_tsresol: nanoseconds
                      + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
        for time_ns, data in self.packets:
            file += block(6, struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF,
                                         len(data), len(data)) + data + b"\0" * (-len(data) % 4))
        return file


def tagged(capture, *identifiers):
    """The packets of the capture in these VLANs."""
    other = Capture()
    for time_ns, data in capture.packets:
        tags = b"".join(b"\x81\0" + identifier.to_bytes(2, "big") for identifier in identifiers)
        other.packets.append((time_ns, data[:12] + tags + data[12:]))
    return other


class Tcp:
    """One TCP connection, whose segments have right numbers."""

    def __init__(self, capture, port, v6=False, client=None, server=None, to=80):
        self.capture = capture
        ip = scapy.IPv6 if v6 else scapy.IP
        client = client or (CLIENT6 if v6 else CLIENT)
        server = server or (SERVER6 if v6 else SERVER)
        self.ends = {">": (ip(src=client, dst=server), port, to),
                     "<": (ip(src=server, dst=client), to, port)}
        self.next = {">": 1000 * port, "<": 7000000 + port}

    def send(self, text, after_ms=1.0):
        """'>S', '<SA', '>PA hello': from where, flags, data. An ACK acknowledges all."""
        words, _, data = text.partition(" ")
        end, flags = words[0], words[1:]
        other = "<" if end == ">" else ">"
        ip, source, destination = self.ends[end]
        segment = scapy.TCP(sport=source, dport=destination, flags=flags, seq=self.next[end],
                            ack=self.next[other] if "A" in flags else 0)
        self.capture.add(ip / segment / data.encode(), after_ms)
        self.next[end] += len(data) + ("S" in flags) + ("F" in flags)

    def script(self, *segments, **keywords):
        for segment in segments:
            self.send(segment, **keywords)


OPENED = (">S", "<SA", ">A")


def tcp():
    capture = Capture()
    Tcp(capture, 50001).script(*OPENED, ">PA GET /", "<A", "<PA 200 OK", ">A", ">FA", "<A", "<FA", ">A")
    Tcp(capture, 50002).script(*OPENED, "<PA 220 ready", ">A", "<FA", ">A", ">FA", "<A")
    Tcp(capture, 50003).script(*OPENED, ">FA", "<FA", ">A", "<A")
    Tcp(capture, 50004, v6=True).script(*OPENED, ">PA over IPv6", "<FA", ">FA", "<A")
    Tcp(capture, 50005).script(">S", "<RA")
    Tcp(capture, 50006).script(">S", "<SA", ">R")
    Tcp(capture, 50007).script(*OPENED, ">PA data", "<R")
    Tcp(capture, 50008).script(">S", ">S", ">S", after_ms=1000)
    Tcp(capture, 50009).script(">A", ">PA met midway", "<A")
    Tcp(capture, 50010).script("<SA", ">A")
    Tcp(capture, 50011).script(">R")
    again = Tcp(capture, 50012)
    again.script(*OPENED, ">FA", "<FA", ">A")
    again.send("<A", after_ms=100)  # late
    again.script(*OPENED, ">PA the tuple again")
    lost = Tcp(capture, 50013)
    lost.script(*OPENED)
    lost.script(*OPENED, after_ms=50)  # the end of the first one was not captured
    Tcp(capture, 50014, client="127.0.0.1", server="127.0.0.1").script(*OPENED, "<R")
    Tcp(capture, 80, to=50015).script(*OPENED)  # the lower port began it
    Tcp(capture, 50016).script(">SEC", "<SAE", ">A", ">PAU urgent", "<FPA bye")
    return capture


def dns(ip, answer, port=5353):
    ends = (ip(src=CLIENT, dst=SERVER), ip(src=SERVER, dst=CLIENT)) if ip is scapy.IP else \
        (ip(src=CLIENT6, dst=SERVER6), ip(src=SERVER6, dst=CLIENT6))
    if answer:
        return ends[1] / scapy.UDP(sport=53, dport=port) / b"answer"
    return ends[0] / scapy.UDP(sport=port, dport=53) / b"question"


def others():
    """What is not TCP."""
    capture = Capture()
    there, back = scapy.IP(src=CLIENT, dst=SERVER), scapy.IP(src=SERVER, dst=CLIENT)
    there6, back6 = scapy.IPv6(src=CLIENT6, dst=SERVER6), scapy.IPv6(src=SERVER6, dst=CLIENT6)
    for ip in (scapy.IP, scapy.IPv6):
        capture.add(dns(ip, False))
        capture.add(dns(ip, True))
    capture.add(there / scapy.UDP(sport=40001, dport=9) / b"nobody")
    refused = scapy.UDP(sport=40002, dport=9) / b"refused"
    capture.add(there / refused)
    capture.add(back / scapy.ICMP(type=3, code=3) / there / refused)
    capture.add(there / refused)  # another connection by now
    refused6 = scapy.UDP(sport=40003, dport=9) / b"refused"
    capture.add(there6 / refused6)
    capture.add(back6 / scapy.ICMPv6DestUnreach(code=4) / there6 / refused6)
    syn = scapy.TCP(sport=40004, dport=9, flags="S")
    capture.add(there / syn)
    capture.add(scapy.IP(src="10.0.0.254", dst=CLIENT) / scapy.ICMP(type=3, code=1) / there / syn)
    capture.add(back / scapy.ICMP(type=3, code=3) / there / syn)
    capture.add(scapy.IP(src="10.0.0.254", dst=CLIENT) / scapy.ICMP(type=11) / there / refused)
    for number in (1, 2):
        capture.add(there / scapy.ICMP(type=8, id=77, seq=number) / b"ping")
        capture.add(back / scapy.ICMP(type=0, id=77, seq=number) / b"ping")
        capture.add(there6 / scapy.ICMPv6EchoRequest(id=78, seq=number, data=b"ping"))
        capture.add(back6 / scapy.ICMPv6EchoReply(id=78, seq=number, data=b"ping"))
    capture.add(there / scapy.ICMP(type=13, id=79))
    capture.add(back / scapy.ICMP(type=14, id=79))
    capture.add(there6 / scapy.ICMPv6ND_NS(tgt=SERVER6))
    capture.add(scapy.Ether(src=MACS["src"], dst="ff:ff:ff:ff:ff:ff")
                / scapy.ARP(op=1, psrc=CLIENT, pdst=SERVER, hwsrc=MACS["src"]), ether=False)
    capture.add(scapy.ARP(op=2, psrc=SERVER, pdst=CLIENT, hwsrc=MACS["dst"], hwdst=MACS["src"]))
    capture.add(there / scapy.SCTP(sport=40005, dport=9899) / scapy.SCTPChunkInit())
    capture.add(back / scapy.SCTP(sport=9899, dport=40005) / scapy.SCTPChunkInitAck())
    capture.add(scapy.IP(src=CLIENT, dst=SERVER, proto=136)
                / scapy.Raw(struct.pack("!HHHH", 40006, 9, 8, 0) + b"lite"))
    capture.add(there / scapy.GRE() / scapy.IP(src="10.9.9.1", dst="10.9.9.2") / scapy.UDP())
    capture.add(scapy.IP(src=CLIENT, dst="224.0.0.251") / scapy.UDP(sport=5353, dport=5353) / b"m")
    capture.add(scapy.IP(src="0.0.0.0", dst="255.255.255.255") / scapy.UDP(sport=68, dport=67) / b"d")
    return capture


def shapes():
    """Headers in front of others, or cut, or wrong."""
    capture = Capture()
    there = scapy.IP(src=CLIENT, dst=SERVER)
    there6 = scapy.IPv6(src=CLIENT6, dst=SERVER6)
    udp = scapy.UDP(sport=41000, dport=9)
    capture.add(scapy.Ether(**MACS) / scapy.Dot1Q(vlan=7) / there / udp / b"tagged", ether=False)
    capture.add(scapy.Ether(**MACS, type=0x88A8) / scapy.Dot1Q(vlan=100, type=0x8100)
                / scapy.Dot1Q(vlan=200) / there6 / udp / b"twice", ether=False)
    for fragment in scapy.fragment(scapy.IP(src=CLIENT, dst=SERVER, id=4711)
                                   / scapy.UDP(sport=41001, dport=9) / (b"x" * 3000), fragsize=1200):
        capture.add(fragment)
    for fragment in scapy.fragment6(there6 / scapy.IPv6ExtHdrFragment(id=4712)
                                    / scapy.UDP(sport=41002, dport=9) / (b"y" * 3000), 1280):
        capture.add(fragment)
    capture.add(there6 / scapy.IPv6ExtHdrHopByHop() / scapy.IPv6ExtHdrDestOpt()
                / scapy.UDP(sport=41003, dport=9) / b"behind options")
    capture.add(scapy.IP(src=CLIENT, dst=SERVER, options=[scapy.IPOption_NOP()] * 4)
                / scapy.UDP(sport=41004, dport=9) / b"options")
    whole = bytes(scapy.Ether(**MACS) / there / scapy.TCP(sport=41005, dport=9, flags="S") / b"cut")
    for length in (len(whole), 53, 40, 38, 36, 33, 20, 14, 10, 0):
        capture.add(scapy.Raw(whole[:length]), ether=False)
    for wrong in (bytes(there / udp)[:8] + b"\xff" * 30, bytes([0x44]) + bytes(there / udp)[1:],
                  bytes([0x4F]) + bytes(there / udp)[1:], bytes([0x55]) + bytes(there / udp)[1:]):
        capture.add(scapy.Ether(**MACS, type=0x0800) / scapy.Raw(wrong), ether=False)
    capture.add(scapy.IP(src=CLIENT, dst=SERVER, len=10) / udp)
    capture.add(scapy.Ether(**MACS, type=0x88B5) / b"an experiment", ether=False)
    capture.add(scapy.Dot3(**MACS) / scapy.LLC() / scapy.STP(), ether=False)
    return capture


def times(start=START):
    """Silence, jumps, and time that goes back."""
    capture = Capture(start)
    Tcp(capture, 51001).script(*OPENED)
    Tcp(capture, 51002).script(">S")
    Tcp(capture, 51003).script(*OPENED, ">FA")
    capture.add(dns(scapy.IP, False))
    capture.add(dns(scapy.IP, False, port=5354), after_ms=30000)
    capture.time_ns -= 10 * 10**9
    capture.add(dns(scapy.IP, False, port=5355))
    for _ in range(4):
        capture.add(dns(scapy.IP, False), after_ms=59000)  # answered too late to be one
    capture.add(dns(scapy.IP, True, port=5354), after_ms=61000)
    capture.add(dns(scapy.IP, False), after_ms=8000 * 1000)  # more than two hours
    goes_on = Tcp(capture, 51001)
    goes_on.script(">PA after the silence", "<A")
    capture.add(dns(scapy.IP, False), after_ms=86400 * 1000)
    return capture


CASES = {"tcp": tcp, "others": others, "shapes": shapes, "times": times}


def replay(*arguments, stdin=None):
    """All of what sockline writes."""
    result = subprocess.run([SOCKLINE, "-q", *arguments], stdin=stdin,
                            capture_output=True, check=False, timeout=60)
    if result.returncode:
        check(False, f"sockline {' '.join(arguments)} ends well",
              f"{result.returncode}: {result.stderr.decode()}")
    return result.stdout


def records_of(output):
    return [json.loads(line) for line in output.splitlines()]


def without_local(output):
    for pattern, replacement in LOCAL:
        output = re.sub(pattern, replacement, output)
    return output


def first_difference(expected, found):
    expected, found = expected.splitlines(), found.splitlines()
    for number, (left, right) in enumerate(zip(expected, found), 1):
        if left != right:
            return f"line {number}\nexpected: {left.decode()}\nfound:    {right.decode()}"
    return f"{len(expected)} lines expected, {len(found)} found"


written = []  # what the tests of this run wrote as captures


def write(name, content):
    written.append(content)
    with open(name, "wb") as file:
        file.write(content)
    return name


@functools.lru_cache
def load_validator():
    """Once for all outputs; the program has no suffix to import it by."""
    loader = importlib.machinery.SourceFileLoader("validate", VALIDATE)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("validate", loader))
    loader.exec_module(module)
    return module.Validator(module.SCHEMA)


def is_valid(output, title):
    validator = load_validator()
    complaint = validator.check_stream(io.BytesIO(output))[1]
    check(not complaint, f"{title}: every line is valid", complaint)
    if not complaint:
        validator.note(EMITTED)


def test_golden():
    for name, make in CASES.items():
        write(f"{name}.pcap", make().pcap())
        output = replay("-r", f"{name}.pcap")
        is_valid(output, name)
        check(replay("-r", f"{name}.pcap") == output, f"{name}: the same bytes again")
        compare(f"replay_{name}.ndjson", without_local(output), f"{name}: the golden records")


def compare(name, found, title):
    golden = os.path.join(HERE, name)
    if os.environ.get("REGENERATE"):
        write(golden, found)
    with open(golden, "rb") as file:
        expected = file.read()
    check(found == expected, title, first_difference(expected, found))


def test_text():
    """--format text: a line a record, in local time."""
    os.environ["TZ"] = "<+0530>-05:30"
    output = b""
    for name in ("others", "shapes"):
        arguments = ("-r", f"{name}.pcap", "-e", "all")
        lines = replay(*arguments, "--format", "text")
        check(lines.count(b"\n") == replay(*arguments).count(b"\n"), f"{name}: text has a line a record")
        output += lines
    compare("replay_text.txt", re.sub(rb"sockline [^,]*", b"sockline VERSION", output),
            "the golden lines of text")
    check(replay("-r", "tcp.pcap", "--format", "ecs") == replay("-r", "tcp.pcap"),
          "ecs is what standard output has where it is no terminal")


def any_file(output):
    return re.sub(rb'"file":"[^"]*"', b'"file":""', without_local(output))


def test_formats():
    capture = others()
    expected = any_file(replay("-r", "others.pcap"))
    write("others.pcapng", capture.pcapng())
    check(any_file(replay("-r", "others.pcapng")) == expected, "pcapng: the same")
    write("us.pcap", capture.pcap(nanoseconds=False))
    check(any_file(replay("-r", "us.pcap")) == expected, "microseconds: the same here")
    swapped = Capture()
    swapped.packets = [(time_ns + 999, data) for time_ns, data in capture.packets]
    write("ns.pcap", swapped.pcap())
    check(b".001000999Z" in replay("-r", "ns.pcap"), "nanoseconds are kept")
    with open("others.pcap", "rb") as file:
        check(any_file(replay("-r", "-", stdin=file)) == expected, "from standard input: the same")
    with subprocess.Popen(["cat", "others.pcap"], stdout=subprocess.PIPE) as cat:
        check(any_file(replay("-r", "-", stdin=cat.stdout)) == expected, "from a pipe: the same")
    with open("slow.sh", "w", encoding="ascii") as file:
        file.write("for at in $(seq 0 700 20000); do tail -c +$((at + 1)) others.pcap | head -c 700; "
                   "sleep 0.02; done\n")
    with subprocess.Popen(["sh", "slow.sh"], stdout=subprocess.PIPE) as slow:
        check(any_file(replay("-r", "-", stdin=slow.stdout)) == expected, "from a slow pipe: the same")


def test_link_types():
    """The same IP packets on other link types: the same tuples and connections."""
    def essence(output):
        return [(record["event"]["action"], record.get("network"), record.get("source", {}).get("ip"),
                 record.get("destination", {}).get("port")) for record in records_of(output)
                if record["event"]["dataset"] in ("sockline.packet", "sockline.connection")]
    capture = Capture()
    Tcp(capture, 52001).script(*OPENED, ">PA data", ">FA", "<FA", ">A")
    Tcp(capture, 52002, v6=True).script(*OPENED, "<R")
    write("ethernet.pcap", capture.pcap())
    expected = essence(replay("-r", "ethernet.pcap"))
    check(len(expected) == 15, "Ethernet", expected)
    headers = {"raw": (101, {4: b"", 6: b""}),
               "null": (0, {4: struct.pack("<I", 2), 6: struct.pack("<I", 10)}),
               "loop": (108, {4: struct.pack(">I", 2), 6: struct.pack(">I", 30)})}
    for name, (link_type, heads) in headers.items():
        other = Capture()
        other.packets = [(time_ns, heads[data[14] >> 4] + data[14:]) for time_ns, data in capture.packets]
        write(f"{name}.pcap", other.pcap(link_type))
        check(essence(replay("-r", f"{name}.pcap")) == expected, f"{name}: the same")
    # Linux cooked captures have the direction.
    for version, link_type in ((1, 113), (2, 276)):
        other = Capture()
        for time_ns, data in capture.packets:
            kind = 4 if data[26:30] == scapy.IP(src=CLIENT).build()[12:16] else 0
            ether_type = data[12:14]
            head = struct.pack(">HHH6sH", kind, 1, 6, data[6:12], 0) + ether_type if version == 1 else \
                ether_type + struct.pack(">HIHBB8s", 0, 3, 1, kind, 6, data[6:12])
            other.packets.append((time_ns, head + data[14:]))
        write("cooked.pcap", other.pcap(link_type))
        output = replay("-r", "cooked.pcap")
        directions = Counter(record["network"]["direction"] for record in records_of(output)
                             if record["event"]["action"] == "packet"
                             and record["network"]["type"] == "ipv4")
        check(directions == {"egress": 5, "ingress": 2}, f"SLL{version}: directions", directions)


def test_epoch():
    """Times that count from the start of the capture."""
    write("epoch.pcap", times(start=0).pcap())
    output = replay("-r", "epoch.pcap")
    is_valid(output, "times from 0")
    actions = [record["event"]["action"] for record in records_of(output)]
    later = [record["event"]["action"] for record in records_of(replay("-r", "times.pcap"))]
    check(actions == later, "times from 0: the same records", f"{actions}\n{later}")


def test_options():
    everything = records_of(replay("-r", "tcp.pcap"))
    packets = [record for record in everything if record["event"]["action"] == "packet"]
    for count in (1, 7, len(packets)):
        some = [record for record in records_of(replay("-r", "tcp.pcap", "-c", str(count)))
                if record["event"]["action"] == "packet"]
        check([(record["@timestamp"], record["sockline"]["packet"]) for record in some] ==
              [(record["@timestamp"], record["sockline"]["packet"]) for record in packets[:count]],
              f"-c {count}: the first {count}", len(some))
    for events, datasets in (("packet", {"packet"}), ("connection", {"connection"}),
                             ("stats", {"stats"}), ("packet,connection", {"packet", "connection"}),
                             ("all", {"packet", "connection", "stats"})):
        records = records_of(replay("-r", "tcp.pcap", "-e", events))
        seen = {record["event"]["dataset"].removeprefix("sockline.") for record in records} - {"run"}
        check(seen == datasets, f"-e {events}", seen)
        check([record["event"]["sequence"] for record in records] == list(range(1, len(records) + 1)),
              f"-e {events}: numbers without gaps")
    connections = Counter(record["event"]["action"] for record in everything
                          if record["event"]["dataset"] == "sockline.connection")
    for word in ("opened", "updated", "attributed", "closed"):
        records = [record for record in records_of(replay("-r", "tcp.pcap", "-e", word))
                   if record["event"]["dataset"] != "sockline.run"]
        check({record["event"]["action"] for record in records} <= {f"connection_{word}"} and
              len(records) == connections[f"connection_{word}"], f"-e {word}: these alone", len(records))
    named = records_of(replay("-r", "tcp.pcap", "-e", "closed,opened,stats"))[0]["sockline"]["config"]["events"]
    check(named == ["opened", "closed", "stats"], "run_started names them", named)
    named = records_of(replay("-r", "tcp.pcap", "-e", "closed,opened,attributed,updated"))[0]
    check(named["sockline"]["config"]["events"] == ["connection"], "all of them are connection", named)
    filtered = records_of(replay("-r", "others.pcap", "udp port 53"))
    check(sum(record["event"]["action"] == "packet" for record in filtered) == 4, "a filter")
    many = Capture()
    for port in range(1, 51):
        many.add(dns(scapy.IP, False, port=port))
    write("many.pcap", many.pcap())
    counted = records_of(replay("-r", "many.pcap", "--max-connections", "16"))[-1]
    counted = counted["sockline"]["stats"]["connections"]
    check(counted == {"tracked": 0, "opened": 50, "closed": 50, "evicted": 34},
          "--max-connections 16: of 50, 34 are evicted", counted)


def tshark(path, *fields):
    """Lists of values, one for each packet."""
    result = subprocess.run(
        ["tshark", "-n", "-r", path, "--enable-protocol", "communityid", "-o", "ip.defragment:FALSE",
         "-o", "ipv6.defragment:FALSE", "-T", "fields", "-E", "occurrence=f",
         *(word for field in fields for word in ("-e", field))],
        capture_output=True, text=True, check=True)
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_community_ids():
    for name in ("tcp", "others"):
        theirs = [row[0] for row in tshark(f"{name}.pcap", "communityid")]
        networks = [record.get("network", {})
                    for record in records_of(replay("-r", f"{name}.pcap", "-e", "packet"))
                    if record["event"]["action"] == "packet"]
        ours = [network.get("community_id", "") for network in networks]
        protocols = [network.get("iana_number") for network in networks]
        # tshark 4.0 hashes the ports of UDP-Lite, and what is inside of GRE.
        wrong = [(number, left, right) for number, (left, right, protocol)
                 in enumerate(zip(ours, theirs, protocols), 1)
                 if left != right and protocol not in ("47", "136")]
        check(len(ours) == len(theirs) and not wrong, f"{name}: Community IDs are tshark's", wrong)
        seeded = {record.get("network", {}).get("community_id", "")
                  for record in records_of(replay("-r", f"{name}.pcap", "--community-id-seed", "9"))}
        check(not (seeded - {""}) & set(ours), f"{name}: with another seed all are others")


def random_capture(generator):
    """Whole conversations, interleaved, whose packets are all captured in their order."""
    steps = []
    for port in range(53000, 53040):
        v6 = generator.random() < 0.5
        scripts = [*OPENED]
        for _ in range(generator.randrange(6)):
            scripts.append(generator.choice("<>") + "PA " + "d" * generator.randrange(1, 1300))
        scripts += generator.choice(([">FA", "<FA", ">A"], ["<FA", ">FA", "<A"], ["<R"], [">R"], []))
        steps.append((Tcp(None, port, v6=v6), scripts))
    capture = Capture()
    while steps:
        connection, scripts = generator.choice(steps)
        connection.capture = capture
        connection.send(scripts.pop(0), after_ms=generator.random() * 20)
        if not scripts:
            steps = [step for step in steps if step[0] is not connection]
        if generator.random() < 0.2:
            capture.add(dns(generator.choice((scapy.IP, scapy.IPv6)), generator.random() < 0.5,
                            port=54000 + generator.randrange(10)))
    return capture


def test_totals():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    comment(f"SEED={seed}")
    capture = random_capture(random.Random(seed))
    write("random.pcap", capture.pcap())
    packets, sizes = Counter(), Counter()
    for row in tshark("random.pcap", "ip.src", "ipv6.src", "tcp.srcport", "udp.srcport", "tcp.dstport",
                      "udp.dstport", "ip.len", "ipv6.plen"):
        key = (row[0] or row[1], row[2] or row[3], row[4] or row[5])
        packets[key] += 1
        sizes[key] += int(row[6]) if row[6] else int(row[7]) + 40
    ours, our_sizes = Counter(), Counter()
    output = replay("-r", "random.pcap")
    is_valid(output, "random conversations")
    last = None
    for record in records_of(output):
        last = record
        if record["event"]["action"] != "connection_closed":
            continue
        ends = record["source"], record["destination"]
        for one, other in (ends, ends[::-1]):
            key = (one["ip"], str(one["port"]), str(other["port"]))
            ours[key] += one["packets"]
            our_sizes[key] += one["bytes"]
        check(record["network"]["packets"] == sum(end["packets"] for end in ends) and
              record["network"]["bytes"] == sum(end["bytes"] for end in ends), "both ends make the sum",
              record)
    check(+ours == packets, "packets of each end are tshark's", packets - ours)
    check(+our_sizes == sizes, "bytes of each end are tshark's", sizes - our_sizes)
    stats = last["sockline"]["stats"]
    check(stats["packets"] == len(capture.packets) and
          stats["bytes"] == sum(len(data) for _, data in capture.packets), "and so is the whole", stats)


def check_ocsf():
    """What the tests wrote, all of it that is a whole capture, as events of OCSF."""
    found, captures = [], 0
    for content in dict.fromkeys(written):
        name = write("ocsf.pcap", content)
        events = subprocess.run([SOCKLINE, "-q", "-r", name, "--format", "ocsf", "-e", "all"],
                                capture_output=True, check=False, timeout=60)
        if events.returncode == 0:
            captures += 1
            found += ocsf.complaints_of(events.stdout.splitlines(True))
    if captures:
        check(not found, "all captures of these tests are valid events of OCSF", "\n".join(found[:20]))
        comment(f"{captures} captures")


def in_a_folder(tests):
    """Runs the tests in a folder of their own; the exit status."""
    if scapy is None:
        return skip_all("needs scapy")
    home = os.getcwd()
    if os.path.exists(EMITTED):
        os.remove(EMITTED)  # of an earlier run
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for test in tests:
            test()
        check_ocsf()
        os.chdir(home)
    return done()


def run_all(names):
    """All functions called test_*, in the order of their definition."""
    return in_a_folder([test for name, test in names.items() if name.startswith("test_") and callable(test)])


def main():
    tests = [test_golden, test_text, test_formats, test_link_types, test_epoch, test_options]
    if shutil.which("tshark"):
        tests += [test_community_ids, test_totals]
    return in_a_folder(tests)


if __name__ == "__main__":
    sys.exit(main())
