#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Payload in records (--payload): the right bytes of the right packet, and a mark where some are missing."""

import base64
import os
import sys

from test_replay import CLIENT, SERVER, Capture, check, is_valid, records_of, replay, run_all, scapy, write

DAY_MS = 86400 * 1000


def datagram(text, port=5000):
    return scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=port, dport=6000) / text


def payloads(capture, title, *options, snaplen=65535):
    """(text, truncated) of each packet, in the order of the file."""
    output = replay("-r", write("payload.pcap", capture.pcap(snaplen=snaplen)), *options)
    is_valid(output, title)
    packets = [record["sockline"]["packet"] for record in records_of(output)
               if record["event"]["action"] == "packet"]
    check([packet["number"] for packet in packets] == list(range(1, len(capture.packets) + 1)), f"{title}: all")
    return [(base64.b64decode(packet["data"]) if "data" in packet else None, packet.get("data_truncated", False))
            for packet in packets]


def test_lengths():
    capture = Capture()
    for text in (b"", b"a", b"exactly8", b"more than 8"):
        capture.add(datagram(text))
    capture.add(scapy.IP(src=CLIENT, dst=SERVER) / scapy.TCP(sport=1, dport=2, flags="PA") / b"GET / HTTP/1.1")
    capture.add(scapy.IP(src=CLIENT, dst=SERVER) / scapy.ICMP() / b"ping")
    capture.add(scapy.ARP(op=1, psrc=CLIENT, pdst=SERVER))
    found = payloads(capture, "8 bytes", "--payload", "8")
    check(found == [(None, False), (b"a", False), (b"exactly8", False), (b"more tha", True),
                    (b"GET / HT", True), (b"ping", False), (None, False)], "at most 8 bytes, the rest is marked",
          found)
    for options in ((), ("--payload", "0")):
        check(not any(data for data, _ in payloads(capture, f"with {options}", *options)), "none by default")


def test_cut_capture():
    """Packets of which the file has less than the payload."""
    capture = Capture()
    capture.add(datagram(b"0123456789"))
    for snaplen, expected in ((40, None), (42, None), (45, b"012"), (52, b"0123456789")):
        found = payloads(capture, f"{snaplen} bytes", "--payload", "100", snaplen=snaplen)
        check(found == [(expected, expected == b"012")], f"of {snaplen} bytes that were captured", found)


def test_many():
    """Packets that wait together, each with bytes of its own; some are held back for their time."""
    capture = Capture()
    for number in range(100):
        capture.add(datagram(b"%d" % number * (number % 7)), after_ms=DAY_MS if number % 33 == 32 else 1)
    for ahead in (1, 3, 4, 6):
        for number in range(ahead):
            capture.add(datagram(b"ahead %d" % number), after_ms=DAY_MS if number == 0 else 1)
        capture.time_ns -= DAY_MS * 10**6
        capture.add(datagram(b"back"))
    found = payloads(capture, "many", "--payload", "4096")
    expected = [(b"%d" % number * (number % 7) or None, False) for number in range(100)]
    for ahead in (1, 3, 4, 6):
        expected += [(b"ahead %d" % number, False) for number in range(ahead)] + [(b"back", False)]
    check(found == expected, "each packet has its own payload",
          [pair for pair in zip(found, expected) if pair[0] != pair[1]])


def test_long_lines():
    """4,096 bytes in base64 leave a line under 8,000 bytes."""
    capture = Capture()
    for length in (4095, 4096, 4097, 9000):
        capture.add(datagram(os.urandom(length)))
    output = replay("-r", write("long.pcap", capture.pcap()), "--payload", "4096", "-e", "packet")
    check(max(len(line) for line in output.splitlines()) < 8000, "no line is too long")
    found = [(len(base64.b64decode(record["sockline"]["packet"]["data"])), "truncated" in record["sockline"])
             for record in records_of(output) if record["event"]["action"] == "packet"]
    check(found == [(4095, False), (4096, False), (4096, False), (4096, False)], "4,096 bytes at most", found)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
