#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Names in packets of a file: questions of DNS and their answers, and the connections that follow."""

import os
import re
import sys

from test_replay import CLIENT, CLIENT6, HERE, SERVER, SERVER6, Capture, Tcp, check, is_valid, records_of, \
    replay, run_all, scapy, tagged, write

RESOLVER = "192.0.2.53"


def read(capture, title, *options):
    """The records of a capture, by the last word of their action."""
    write("names.pcap", capture.pcap())
    output = replay("-r", "names.pcap", *(options or ("-e", "connection,dns")))
    is_valid(output, title)
    found = {}
    for record in records_of(output):
        found.setdefault(record["event"]["action"].rpartition("_")[2], []).append(record)
    return found


def ask(name, identifier=1, kind="A", **fields):
    return scapy.DNS(id=identifier, qd=scapy.DNSQR(qname=name, qtype=kind), **fields)


def reply(name, *records, identifier=1, kind="A", **fields):
    answers = None
    for record in records:
        answers = answers / record if answers else record
    return ask(name, identifier, kind, qr=1, ra=1, an=answers, ancount=len(records), **fields)


def address(name, ip, ttl=60):
    return scapy.DNSRR(rrname=name, type="AAAA" if ":" in ip else "A", rdata=ip, ttl=ttl)


def exchange(capture, question, *answers, port=40000, after_ms=5.0):
    there = scapy.IP(src=CLIENT, dst=RESOLVER) / scapy.UDP(sport=port, dport=53)
    back = scapy.IP(src=RESOLVER, dst=CLIENT) / scapy.UDP(sport=53, dport=port)
    capture.add(there / question)
    for answer in answers:
        capture.add(back / answer, after_ms=after_ms)


def test_transactions():
    capture = Capture()
    alias = scapy.DNSRR(rrname="WWW.example.com", type="CNAME", rdata="web.example.net", ttl=300)
    exchange(capture, ask("WWW.example.com"), reply("WWW.example.com", alias, address("web.example.net", SERVER)))
    exchange(capture, ask("gone.example.com", 2), reply("gone.example.com", identifier=2, rcode=3))
    exchange(capture, ask("late.example.com", 3))
    exchange(capture, ask("last.example.com", 4, "HTTPS"), port=40001)
    capture.packets[-1] = (capture.packets[-1][0] + 15 * 10**9, capture.packets[-1][1])
    found = read(capture, "four questions")["transaction"]
    brief = [(record["dns"]["question"]["name"], record["dns"]["question"]["type"], record["dns"]["type"],
              record["dns"].get("response_code"), record["event"].get("duration"), record["event"].get("outcome"),
              record["event"].get("reason")) for record in found]
    check(brief == [
        ("WWW.example.com", "A", "answer", "NOERROR", 5000000, "success", None),
        ("gone.example.com", "A", "answer", "NXDOMAIN", 5000000, "failure", None),
        ("late.example.com", "A", "query", None, None, "failure", "timeout"),
        ("last.example.com", "HTTPS", "query", None, None, None, None)],
          "answered twice, not answered in time, under way at the end", brief)
    check([(answer["name"], answer["type"], answer["ttl"], answer["data"]) for answer in found[0]["dns"]["answers"]]
          == [("WWW.example.com", "CNAME", 300, "web.example.net"), ("web.example.net", "A", 60, SERVER)]
          and found[0]["dns"]["resolved_ip"] == [SERVER], "the answers", found[0]["dns"])
    check(all(record["network"]["protocol"] == "dns" and record["source"]["ip"] == CLIENT for record in found),
          "who asked is the source", found)
    capture = Capture()
    exchange(capture, ask("many.example.com"),
             reply("many.example.com", *(address("many.example.com", f"198.51.100.{number}") for number in range(17))))
    found = read(capture, "many answers")["transaction"][0]
    check(len(found["dns"]["answers"]) == 16 and found["sockline"]["dns"]["answer_count"] == 17,
          "of 17 answers 16 are listed, and their number", found)


def test_domains():
    """The address is that of the name from the answer on, until its time to live has passed."""
    capture = Capture()
    Tcp(capture, 50000).script(">S")
    exchange(capture, ask("www.example.com"),
             reply("www.example.com", address("www.example.com", SERVER), address("www.example.com", "192.0.2.81")))
    exchange(capture, ask("www.example.com", 2, "AAAA"),
             reply("www.example.com", address("www.example.com", SERVER6), identifier=2, kind="AAAA"))
    exchange(capture, reply("spoof.example", address("spoof.example", "192.0.2.82")), port=40009)
    Tcp(capture, 50001).script(">S")
    Tcp(capture, 50002, v6=True).script(">S")
    Tcp(capture, 50003, client="10.0.0.2").script(">S")
    Tcp(capture, 50004, server="192.0.2.82").script(">S")
    Tcp(capture, 50005).script(">A")
    exchange(capture, ask("other.example.com", 3),
             reply("other.example.com", address("other.example.com", "192.0.2.81"), identifier=3))
    Tcp(capture, 50006, server="192.0.2.81").script(">S")
    Tcp(capture, 50007).send(">S", after_ms=61000)
    found = {record["source"]["port"]: record for record in read(capture, "names of addresses")["opened"]}
    domains = {port: (record["destination"].get("domain"), record["sockline"].get("domain"))
               for port, record in found.items() if port >= 50000}
    name, none = ("www.example.com", {"source": "dns"}), (None, None)
    check(domains == {50000: none, 50001: name, 50002: none, 50003: none, 50004: none, 50005: none, 50006: none,
                      50007: none},
          "not before the answer, for another client, after it, of an answer nobody asked for, in the middle, "
          "nor where two names have the address", domains)
    check(read(capture, "without")["opened"] and
          not [record for record in read(capture, "not inspected", "-e", "connection", "--no-inspect")["opened"]
               if "domain" in record["destination"] or "protocol" in record["network"]],
          "--no-inspect: no names")


def test_domains_by_vlan():
    """Two customers of a provider have one address, and ask one resolver, each in a VLAN of its own."""
    both, server = Capture(), "198.51.100.7"
    for vlan, name in ((10, "ten.example"), (20, "twenty.example"), (30, None)):
        one = Capture()
        if name:
            exchange(one, ask(name), reply(name, address(name, server)))
        Tcp(one, 50000, server=server).send(">S", after_ms=20)
        both.packets += tagged(one, vlan).packets
    both.packets.sort()
    opened = [record for record in read(both, "VLANs")["opened"] if record["source"]["port"] == 50000]
    found = [(record["network"]["vlan"]["id"], record["destination"].get("domain")) for record in opened]
    check(sorted(found) == [("10", "ten.example"), ("20", "twenty.example"), ("30", None)],
          "a client has the answers of its VLAN", found)


def test_v6_client():
    capture = Capture()
    there = scapy.IPv6(src=CLIENT6, dst="2001:db8::53") / scapy.UDP(sport=40000, dport=53)
    back = scapy.IPv6(src="2001:db8::53", dst=CLIENT6) / scapy.UDP(sport=53, dport=40000)
    capture.add(there / ask("six.example.com", kind="AAAA"))
    capture.add(back / reply("six.example.com", address("six.example.com", SERVER6), kind="AAAA"))
    Tcp(capture, 50001, v6=True).script(">S")
    opened = read(capture, "IPv6")["opened"]
    check(opened[-1]["destination"].get("domain") == "six.example.com", "and over IPv6", opened[-1])


def stream(capture, port, data, *cuts, back=b""):
    """A TCP connection to port 53 whose client sends data in pieces, and whose server answers at once."""
    ends = scapy.IP(src=CLIENT, dst=RESOLVER), scapy.IP(src=RESOLVER, dst=CLIENT)
    capture.add(ends[0] / scapy.TCP(sport=port, dport=53, flags="S", seq=999))
    capture.add(ends[1] / scapy.TCP(sport=53, dport=port, flags="SA", seq=4999, ack=1000))
    places = [0, *cuts, len(data)]
    for start, end in zip(places, places[1:]):
        capture.add(ends[0] / scapy.TCP(sport=port, dport=53, flags="PA", seq=1000 + start, ack=5000)
                    / data[start:end])
    if back:
        capture.add(ends[1] / scapy.TCP(sport=53, dport=port, flags="PA", seq=5000, ack=1000 + len(data)) / back)


def framed(*messages):
    return b"".join(len(bytes(message)).to_bytes(2, "big") + bytes(message) for message in messages)


def test_tcp():
    """Two messages in one segment, and one message cut at each place."""
    names = ["a.example", "b.example"]
    data = framed(*(ask(name, number) for number, name in enumerate(names)))
    back = framed(*(reply(name, address(name, SERVER), identifier=number) for number, name in enumerate(names)))
    capture = Capture()
    stream(capture, 50000, data, back=back)
    for cut in range(1, len(data)):
        stream(capture, 50000 + cut, data, cut, back=back)
    found = read(capture, "DNS over TCP")
    asked = [record["dns"]["question"]["name"] for record in found["transaction"]
             if record["dns"]["type"] == "answer" and "duration" in record["event"]]
    check(asked == names * len(data), f"two questions in each of {len(data)} connections, cut at each place",
          len(asked))
    check({record["network"].get("protocol") for record in found["closed"]} == {"dns"}, "their protocol is dns")


def test_multicast():
    capture = Capture()
    host = scapy.IP(src=CLIENT, dst="224.0.0.251")
    capture.add(host / scapy.UDP(sport=5353, dport=5353) / ask("printer.local", 0))
    capture.add(scapy.IP(src=SERVER, dst="224.0.0.251") / scapy.UDP(sport=5353, dport=5353) /
                scapy.DNS(qr=1, aa=1, qdcount=0, qd=None, ancount=1,
                          an=scapy.DNSRR(rrname="printer.local", type="A", rclass=0x8001, rdata=SERVER, ttl=120)))
    capture.add(scapy.IP(src=CLIENT, dst="224.0.0.252") / scapy.UDP(sport=40000, dport=5355) / ask("nas", 7))
    capture.add(scapy.IP(src=SERVER, dst=CLIENT) / scapy.UDP(sport=5355, dport=40000) /
                reply("nas", address("nas", SERVER), identifier=7))
    Tcp(capture, 50001).script(">S")
    found = read(capture, "mDNS and LLMNR")
    brief = [(record["network"]["protocol"], record["dns"]["type"], record["dns"].get("question", {}).get("name"),
              record["event"].get("duration")) for record in found["transaction"]]
    check(brief == [("mdns", "query", "printer.local", None), ("mdns", "answer", None, None),
                    ("llmnr", "answer", "nas", 1000000)], "mDNS: each message; LLMNR: answered", brief)
    check(found["transaction"][1]["dns"]["answers"][0]["class"] == "IN", "the highest bit of a class is none",
          found["transaction"][1])
    check(found["opened"][-1]["destination"].get("domain") == "nas", "and names the address", found["opened"][-1])


def test_fragments():
    """The first fragment has the question and most answers; what follows them is not known, so no code."""
    capture = Capture()
    there = scapy.IP(src=CLIENT, dst=RESOLVER) / scapy.UDP(sport=40000, dport=53)
    back = scapy.IP(src=RESOLVER, dst=CLIENT) / scapy.UDP(sport=53, dport=40000)
    texts = [scapy.DNSRR(rrname="www.example.com", type="TXT", rdata="x" * 200, ttl=60)] * 9
    answer = reply("www.example.com", address("www.example.com", SERVER), *texts, arcount=1, ar=scapy.DNSRROPT())
    capture.add(there / ask("www.example.com"))
    for part in scapy.fragment(back / answer, 1200):
        capture.add(part)
    Tcp(capture, 50001).script(">S")
    found = read(capture, "fragments")
    dns, record = found["transaction"][0]["dns"], found["transaction"][0]
    check(len(found["transaction"]) == 1 and dns["type"] == "answer" and dns["resolved_ip"] == [SERVER] and
          len(dns["answers"]) == 5 and record["sockline"]["dns"] == {"answer_count": 10} and
          "duration" in record["event"] and "response_code" not in dns and "outcome" not in record["event"],
          "an answer in fragments answers: five of its ten records, and no code", found["transaction"])
    check(found["opened"][-1]["destination"].get("domain") == "www.example.com", "and names the address",
          found["opened"][-1])
    capture = Capture()
    long = framed(reply("a.example", address("a.example", SERVER), *([scapy.DNSRR(
        rrname="a.example", type="TXT", rdata="x" * 200, ttl=60)] * 50), identifier=7))
    stream(capture, 50000, framed(ask("a.example", 7)), back=long)
    found = read(capture, "a long answer over TCP")["transaction"]
    check([(record["dns"]["type"], record["sockline"]["dns"], record["dns"].get("response_code")) for record in found]
          == [("answer", {"answer_count": 51}, "NOERROR")], "the beginning of one that is longer than is kept", found)


def test_questions():
    capture = Capture()
    names = [f"{number}.local" for number in range(20)]
    asked = scapy.DNSQR(qname=names[0], qtype="PTR")
    for name in names[1:]:
        asked = asked / scapy.DNSQR(qname=name, qtype="A")
    for count in (3, 20):
        questions = bytes(scapy.DNS(qd=asked, qdcount=20))
        message = bytes(scapy.DNS(qd=None, qdcount=count))[:12] + questions[12:12 + sum(
            len(name) + 6 for name in names[:count])]
        capture.add(scapy.IP(src=CLIENT, dst="224.0.0.251") / scapy.UDP(sport=5353, dport=5353) / message)
    found = [record["sockline"]["dns"] for record in read(capture, "questions of mDNS")["transaction"]]
    check([[question["name"] for question in dns["questions"]] for dns in found] == [names[:3], names[:16]] and
          [dns.get("question_count") for dns in found] == [None, 20] and
          found[0]["questions"][1] == {"name": "1.local", "type": "A", "class": "IN"},
          "three questions; the first sixteen of twenty", found)


def test_others():
    """What is at port 53 and is no DNS; a message that was cut."""
    capture = Capture()
    host = scapy.IP(src=CLIENT, dst=RESOLVER)
    capture.add(host / scapy.UDP(sport=40000, dport=53) / b"answer")
    capture.add(host / scapy.UDP(sport=40001, dport=53) / bytes(ask("www.example.com"))[:-1])
    capture.add(host / scapy.UDP(sport=40002, dport=54) / ask("www.example.com"))
    stream(capture, 50001, b"GET / HTTP/1.0\r\n\r\n")
    found = read(capture, "no DNS")
    check("transaction" not in found and not [record for record in found["opened"] + found["closed"]
                                              if "protocol" in record["network"]], "no DNS, no protocol", found)


def client_hello(name, *, fill=0, first=b"h2"):
    """As a browser sends it, but for a padding that makes it as long as post-quantum keys do."""
    def block(size, data):
        return len(data).to_bytes(size, "big") + data
    parts = [(0, block(2, b"\0" + block(2, name))), (16, block(2, block(1, first) + block(1, b"http/1.1"))),
             (43, block(1, b"\x03\x04\x03\x03")), (13, block(2, b"\x04\x03\x08\x04")), (21, b"\0" * fill)]
    extensions = b"".join(kind.to_bytes(2, "big") + block(2, data) for kind, data in parts)
    body = b"\3\3" + b"r" * 32 + block(1, b"s" * 32) + block(2, b"\x13\x01\x13\x02") + block(1, b"\0")
    return b"\x16\3\1" + block(2, b"\1" + block(3, body + block(2, extensions)))


class Flow:
    """A TCP connection that carries any bytes."""

    def __init__(self, capture, port, to, syn=True):
        self.capture = capture
        self.ends = {">": (scapy.IP(src=CLIENT, dst=SERVER), port, to), "<": (scapy.IP(src=SERVER, dst=CLIENT), to, port)}
        self.next = {">": 1000, "<": 5000}
        if syn:
            self.send(">", b"", "S")
            self.send("<", b"", "SA")

    def send(self, end, data, flags="PA", at=None):
        ip, source, destination = self.ends[end]
        sequence = self.next[end] if at is None else at
        packet = ip / scapy.TCP(sport=source, dport=destination, flags=flags, seq=sequence,
                                ack=self.next["<" if end == ">" else ">"]) / data
        self.capture.add(packet)
        self.next[end] = max(self.next[end], sequence + len(data) + ("S" in flags))


def closed_of(capture, title):
    return {record["source"]["port"]: record for record in read(capture, title)["closed"]}


def test_tls():
    """In one segment, cut at each place, in any order, twice, met in its middle; and what is none."""
    name, hello = b"WWW.Example.com", client_hello(b"WWW.Example.com", fill=1400)
    capture = Capture()
    places = range(1, len(hello), 7)
    for cut in places:
        flow = Flow(capture, 10000 + cut, 443)
        pieces = [(1001, hello[:cut]), (1001 + cut, hello[cut:])]
        for at, piece in (pieces if cut % 2 else [*reversed(pieces), *pieces]):
            flow.send(">", piece, at=at)
        flow.send("<", b"\x16\3\3\0\1\2")
    Flow(capture, 50000, 8443, syn=False).send(">", hello)
    Flow(capture, 50001, 443).send(">", b"\x17\3\3\0\5hello")
    Flow(capture, 50002, 443).send("<", hello)
    late = Flow(capture, 50003, 443)
    late.send(">", b"\0\0\0\5hello")
    late.send(">", hello)
    found = closed_of(capture, "TLS")
    good = [port for port, record in found.items()
            if record["network"].get("protocol") == "tls" and record["tls"]["client"]["server_name"] == name.decode()
            and record["destination"]["domain"] == "www.example.com" and record["sockline"]["domain"]["source"] == "tls"
            and record["sockline"]["tls"] == {"versions": ["1.3", "1.2"], "alpn": ["h2", "http/1.1"]}
            and record["sockline"]["ja4"] == "t13d0205h2_62ed6f6ca7ad_" + record["sockline"]["ja4"][-12:]]
    check(sorted(good) == [*(10000 + cut for cut in places), 50000, 50002],
          f"a ClientHello of {len(hello)} bytes, cut at {len(places)} places, in any order, and in the middle",
          [found.get(10001), found.get(50000)])
    check(len({found[port]["sockline"]["ja4"] for port in good}) == 1, "and its JA4")
    check(not [port for port in (50001, 50003) if "tls" in found[port]], "other records, and what comes later: none")


def test_upgrades():
    """TLS behind what asks for it, and behind nothing else."""
    hello, capture = client_hello(b"db.example.com"), Capture()
    request, encryption, other = (b"\0\0\0\x08\x04\xd2\x16" + code for code in (b"\x2f", b"\x30", b"\x31"))
    mysql = b"\x20\0\0\1\x05\xae\xff\1\0\0\0\1\x2d" + bytes(23)
    smtp = [b"EHLO a.example\r\n", b"STARTTLS\r\n"]
    cases = [[request], [encryption, request], [mysql], smtp, [b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"],
             [b"capa\r\nstls\r\n"], [b"NOOP\r\n"] * 8,
             [b"CONNECT proxy.example:443 HTTP/1.1\r\nHost: a.example\r\nA: b\r\n", b"C: d\r\n\r\n"]]
    others = [[b"NOOP\r\n"] * 9, [b"STARTTLS"], [b"GET / HTTP/1.1\r\n\r\n"], [other], [mysql[:5] + bytes(31)],
              [smtp[0], b"\0"], [b"x" * 512 + b"\n"]]
    for number, parts in enumerate(cases + others):
        flow = Flow(capture, 50000 + number, 5432)
        for part in parts:
            flow.send("<", b"220 go ahead\r\n")
            flow.send(">", part)
        flow.send(">", hello[:100])
        flow.send(">", hello[100:])
    flow = Flow(capture, 50100, 25)  # the last part first
    flow.send(">", hello, at=1001 + len(smtp[1]))
    flow.send(">", smtp[1], at=1001)
    found = closed_of(capture, "TLS later")
    names = [found[50000 + number].get("tls", {}).get("client", {}).get("server_name")
             for number in range(len(cases + others))]
    check(names == ["db.example.com"] * len(cases) + [None] * len(others),
          "behind a request of PostgreSQL or MySQL, lines of text, CONNECT; not behind many, other HTTP or others", names)
    check(found[50000 + len(cases) - 1]["http"]["request"]["method"] == "CONNECT" and
          found[50000 + len(cases) - 1]["network"]["protocol"] == "tls", "and CONNECT is kept", found)
    check(found[50100]["tls"]["client"]["server_name"] == "db.example.com" and
          found[50100]["network"]["protocol"] == "tls", "and when that was captured later", found[50100])
    text = Flow(Capture(), 50000, 25)
    text.send(">", smtp[0])
    text.send(">", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    check("protocol" not in closed_of(text.capture, "no HTTP")[50000]["network"], "HTTP behind such a line is none")


def test_tls_hostile():
    """Names that are none; exact bytes are kept."""
    capture = Capture()
    for port, name in enumerate((b"a\xff.example", b"192.0.2.1", b"x" * 255, b"a b", b'"\\\n'), 50000):
        Flow(capture, port, 443).send(">", client_hello(name))
    found = closed_of(capture, "hostile names")
    check([found[port]["destination"].get("domain") for port in range(50000, 50005)] ==
          [None, None, "x" * 255, None, None], "domains are host names", found)
    check(found[50000]["tls"]["client"]["server_name"] == "a\ufffd.example" and
          found[50000]["sockline"]["raw"]["server_name"] == "Yf8uZXhhbXBsZQ==", "a byte that is not UTF-8",
          found[50000])
    capture = Capture()
    Flow(capture, 50000, 443).send(">", client_hello(b"a.example", first=b"h\xff"))
    found = closed_of(capture, "a hostile protocol")[50000]["sockline"]
    check(found["tls"]["alpn"] == ["h\ufffd", "http/1.1"] and found["raw"]["alpn"] == ["aP8="],
          "and one in a protocol's name", found)


def test_text():
    """HTTP/1 and SSH, where a connection begins."""
    request = b"GET /a HTTP/1.1\r\nUser-Agent: x\r\nHost: WWW.example.com:8080\r\n\r\n"
    capture = Capture()
    for cut in range(1, len(request)):
        flow = Flow(capture, 20000 + cut, 8080)
        flow.send(">", request[:cut])
        flow.send(">", request[cut:])
    Flow(capture, 50000, 80, syn=False).send(">", request)
    later = Flow(capture, 50001, 80)
    later.send(">", b"HELLO\r\n")
    later.send(">", request)
    banners = Flow(capture, 50002, 2222)
    banners.send("<", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    banners.send(">", b"SSH-2.0-Go\r\n")
    found = closed_of(capture, "text")
    good = [port for port, record in found.items()
            if record["network"].get("protocol") == "http" and record["http"]["request"]["method"] == "GET"
            and record["url"]["domain"] == "WWW.example.com" and record["destination"]["domain"] == "www.example.com"
            and record["sockline"]["domain"]["source"] == "http"]
    check(sorted(good) == [20000 + cut for cut in range(1, len(request))],
          "a request that is cut at each place; not one in the middle of a connection", sorted(good))
    check(found[50002]["network"]["protocol"] == "ssh" and found[50002]["sockline"]["ssh"] ==
          {"client": "SSH-2.0-Go", "server": "SSH-2.0-OpenSSH_9.2p1 Debian-2"}, "versions of both ends of SSH",
          found[50002])


def published(name):
    """A packet of RFC 9001 A.2 or RFC 9369 A.2, from the test of the parser."""
    with open(os.path.join(HERE, "../unit/test_quic.c"), encoding="ascii") as file:
        digits = re.search(name + r"\[\] =\n(.*?);", file.read(), re.DOTALL)[1]
    return bytes.fromhex("".join(re.findall(r'"([0-9a-f]+)"', digits)))


def test_quic():
    capture = Capture()
    there = scapy.IP(src=CLIENT, dst=SERVER)
    for port, name in ((50001, "version_1"), (50002, "version_2")):
        for _ in range(2):
            capture.add(there / scapy.UDP(sport=port, dport=8443) / published(name))
        capture.add(scapy.IP(src=SERVER, dst=CLIENT) / scapy.UDP(sport=8443, dport=port) / b"\xc0\0\0\0\1")
    capture.add(there / scapy.UDP(sport=50003, dport=443) / published("version_1")[:-1])
    found = closed_of(capture, "QUIC")
    good = [port for port, record in found.items() if record["network"].get("protocol") == "quic"
            and record["tls"]["client"]["server_name"] == record["destination"]["domain"] == "example.com"
            and record["sockline"]["tls"] == {"versions": ["1.3"], "alpn": ["alpn"]}
            and record["sockline"]["ja4"].startswith("q13d0211an_")]
    check(sorted(good) == [50001, 50002], "the published packets of both versions, not one that is cut", found)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
