#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Capture files of all kinds, as other programs write them, and what they say besides the packets."""

import os
import shutil
import struct
import subprocess
import sys

from test_replay import CLIENT, OPENED, SERVER, SOCKLINE, Capture, Tcp, any_file, check, is_valid, records_of, \
    replay, run_all, scapy, write

DAY_MS = 86400 * 1000


def of(output, action):
    return [record for record in records_of(output) if record["event"]["action"] == action]


def ends(output):
    """(source port, reason, packets) of each connection_closed."""
    return sorted((record["source"]["port"], record["event"]["reason"], record["network"]["packets"])
                  for record in of(output, "connection_closed"))


def add_datagram(capture, after_ms):
    capture.add(scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=5000, dport=6000) / b"x", after_ms)


def test_ahead():
    """Packets with the time of a clock that was ahead: no timer of other connections moves."""
    for ahead in (1, 3):
        capture = Capture()
        whole = Tcp(capture, 50001)
        whole.script(*OPENED)
        add_datagram(capture, after_ms=DAY_MS)
        for _ in range(ahead - 1):
            add_datagram(capture, after_ms=1)
        capture.time_ns -= DAY_MS * 10**6
        whole.script(">PA ask", "<PA answer", ">FA", "<FA", ">A")
        add_datagram(capture, after_ms=1000)
        output = replay("-r", write("ahead.pcap", capture.pcap()))
        check(ends(output) == [(5000, "shutdown", ahead + 1), (50001, "fin", 8)],
              f"{ahead} packets a day ahead: the others' connections stay whole", ends(output))
        check([record["sockline"]["packet"]["number"] for record in of(output, "packet")] ==
              list(range(1, len(capture.packets) + 1)), "in the order of the file")


def test_silence():
    """A day without packets, after which there are more or less of them."""
    for after in (1, 2, 4, 9):
        capture = Capture()
        Tcp(capture, 50001).script(*OPENED)
        Tcp(capture, 50002).script(*("<A" for _ in range(after)), after_ms=DAY_MS / after)
        output = replay("-r", write("silence.pcap", capture.pcap()))
        check((50001, "idle", 3) in ends(output), f"a day of silence, then {after} packets: idle", ends(output))


def test_ahead_in_a_pipe():
    """The last packet so far is far ahead: it is not held back until the next one comes."""
    capture = Capture()
    add_datagram(capture, after_ms=1)
    add_datagram(capture, after_ms=DAY_MS)
    with subprocess.Popen([SOCKLINE, "-q", "-l", "-r", "-", "-e", "packet"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdin.write(capture.pcap())
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(3)]  # as long as it takes
        process.stdin.close()
        process.stdout.read()
    check(all(lines), "a packet far ahead comes out of an open pipe", lines)


def test_snaplen():
    """The header promises less than there is."""
    capture = Capture()
    add_datagram(capture, 1)
    file = bytearray(capture.pcap())
    file[16:20] = (20).to_bytes(4, "little")
    packet = of(replay("-r", write("longer.pcap", bytes(file))), "packet")[0]
    check(packet["sockline"]["packet"]["captured"] == len(capture.packets[0][1]) and packet["source"]["port"] == 5000,
          "a packet longer than the file's snapshot length is there whole", packet)


def test_count():
    """-c ends in the middle of what was received."""
    capture = Capture()
    for _ in range(50):
        add_datagram(capture, 1)
    result = subprocess.run([SOCKLINE, "-r", write("count.pcap", capture.pcap()), "-c", "12", "-e", "packet"],
                            capture_output=True, check=False)
    check(len(of(result.stdout, "packet")) == 12 and b"sockline: 12 packets captured, " in result.stderr,
          "the closing line has the packets that have records", result.stderr)


COMPRESS = (("gzip", "-c"), ("zstd", "-q", "-c"), ("lz4", "-q", "-c"))


def test_compressed():
    """The same bytes out of a compressed file, and out of a pipe that brings it slowly."""
    capture = Capture()
    for number in range(40):
        Tcp(capture, 50001 + number).script(*OPENED, ">PA " + "x" * 37 * number, ">FA", "<FA", ">A")
    forms = {"plain": write("some.pcap", capture.pcap()), "blocks": write("some.pcapng", capture.pcapng())}
    for name, plain in forms.items():
        expected = any_file(replay("-r", plain))
        for command in COMPRESS:
            if shutil.which(command[0]) is None:
                continue
            packed = write(f"{name}.{command[0]}", subprocess.run([*command, plain], stdout=subprocess.PIPE,
                                                                  check=True).stdout)
            check(any_file(replay("-r", packed)) == expected, f"{name}, {command[0]}: the same")
            slowly = ["sh", "-c", f"dd if={packed} bs=997 status=none"]
            with subprocess.Popen(slowly, stdout=subprocess.PIPE) as pipe:
                check(any_file(replay("-r", "-", stdin=pipe.stdout)) == expected,
                      f"{name}, {command[0]}: out of a pipe")
            with open(packed, "rb") as file:
                half = file.read()
            write("half", half[:len(half) // 2])
            result = subprocess.run([SOCKLINE, "-r", "half"], capture_output=True, check=False)
            told = result.stderr.decode()
            check(result.returncode == 1 and f"half: {command[0]}, at byte " in told and
                  (command[0] != "gzip" or b'"packet"' in result.stdout),
                  f"{name}, {command[0]}: cut off: what came before, and where", told)


class Blocks:
    """A pcapng file in the making."""

    def __init__(self, order="<"):
        self.order = order
        self.bytes = b""
        self.section()

    def block(self, kind, body, *options):
        """Options: (code, value)."""
        for code, value in options:
            body += struct.pack(self.order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)
        length = struct.pack(self.order + "I", 12 + len(body))
        self.bytes += struct.pack(self.order + "I", kind) + length + body + length

    def section(self, order=None):
        self.order = order or self.order
        self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self, link_type, name=None, snaplen=0, resolution=9):
        options = [(9, bytes([resolution]))] + ([(2, name.encode())] if name else [])
        self.block(1, struct.pack(self.order + "HHI", link_type, 0, snaplen), *options)

    def packet(self, interface, ticks, data, *options, flags=None):
        body = struct.pack(self.order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        if flags is not None:
            options += ((2, struct.pack(self.order + "I", flags)),)
        self.block(6, body + data + b"\0" * (-len(data) % 4), *options)

    def simple(self, data):
        self.block(3, struct.pack(self.order + "I", len(data)) + data + b"\0" * (-len(data) % 4))


def seen(output):
    """(time, interface's id and name, direction, source port) of each packet."""
    found = []
    for record in of(output, "packet"):
        interface = record.get("observer", {}).get("ingress", {}).get("interface", {})
        found.append((record["@timestamp"][11:], interface.get("id"), interface.get("name"),
                      record["network"]["direction"], record["source"]["port"]))
    return found


def datagram(port=5000):
    return bytes(scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=port, dport=6000) / b"x")


MIDNIGHT = 1700006400


def test_blocks():
    """Interfaces with link types, resolutions, snapshot lengths and names of their own; two sections."""
    ethernet = bytes.fromhex("020000000002 020000000001 0800")
    for order, other in ("<>", "><"):
        blocks = Blocks(order)
        blocks.interface(1, "eth0", snaplen=96)
        blocks.interface(101, "tun-with-a-long-name", resolution=6)
        blocks.interface(1)
        blocks.packet(0, MIDNIGHT * 10**9 + 1, ethernet + datagram(5001), flags=2)
        blocks.packet(1, MIDNIGHT * 10**6 + 2, datagram(5002), flags=1)
        blocks.section(other)
        blocks.interface(228, "lo", resolution=0x80 | 1)
        blocks.packet(0, MIDNIGHT * 2 + 1, datagram(5003))
        output = replay("-r", write("blocks.pcapng", blocks.bytes))
        is_valid(output, "blocks")
        check(seen(output) == [("00:00:00.000000001Z", "0", "eth0", "egress", 5001),
                               ("00:00:00.000002000Z", "1", "tun-with-a-long-name", "ingress", 5002),
                               ("00:00:00.500000000Z", "0", "lo", "unknown", 5003)],
              f"{order}: each packet with the time, interface and direction that the file says", seen(output))
        filtered = seen(replay("-r", "blocks.pcapng", "-e", "packet", "src port 5002 or src port 5003"))
        check([packet[-1] for packet in filtered] == [5002, 5003], "a filter is made for each link type", filtered)


def test_one_interface():
    """The only interface, which has no name: as in a pcap file."""
    blocks = Blocks()
    blocks.interface(101)
    blocks.packet(0, MIDNIGHT * 10**9, datagram(), flags=1)
    packet = of(replay("-r", write("one.pcapng", blocks.bytes)), "packet")[0]
    check("observer" not in packet and packet["network"]["direction"] == "ingress",
          "one interface without a name is not named, its packets' direction is there", packet)


def test_blocks_drops():
    blocks = Blocks()
    blocks.interface(101, "one")
    blocks.interface(101, "two")
    blocks.packet(0, MIDNIGHT * 10**9, datagram())
    for interface, numbers in ((0, (1, 2)), (0, (3, 4)), (1, (10, 20))):
        blocks.block(5, struct.pack("<IQ", interface, 0), *((code, struct.pack("<Q", number))
                                                            for code, number in zip((5, 7), numbers)))
    stopped = of(replay("-r", write("drops.pcapng", blocks.bytes)), "run_stopped")[0]
    check(stopped["sockline"]["stats"]["capture"] ==
          [{"file": "drops.pcapng", "received": 1, "dropped": 24, "interface_dropped": 13}],
          "what was dropped, as the last statistics of each interface say", stopped["sockline"]["stats"]["capture"])


def test_no_time():
    """Simple packets have none; nothing is of 1970."""
    blocks = Blocks()
    blocks.interface(101)
    blocks.packet(0, MIDNIGHT * 10**9, datagram())
    blocks.simple(datagram())
    blocks.packet(0, MIDNIGHT * 10**9 + 7, datagram())
    found = [packet[0] for packet in seen(replay("-r", write("simple.pcapng", blocks.bytes)))]
    check(found == ["00:00:00.000000000Z"] * 2 + ["00:00:00.000000007Z"],
          "a packet without a time has that of the one before", found)
    alone = Blocks()
    alone.interface(101)
    alone.simple(datagram())
    os.utime(write("alone.pcapng", alone.bytes), (MIDNIGHT, MIDNIGHT))
    found = of(replay("-r", "alone.pcapng"), "packet")[0]["@timestamp"]
    check(found == "2023-11-15T00:00:00.000000000Z", "the first has that of the file", found)


def test_cut_blocks():
    """What came before the end of a file that is cut off, and where that is."""
    blocks = Blocks()
    blocks.interface(101)
    blocks.packet(0, MIDNIGHT * 10**9, datagram())
    whole = len(blocks.bytes)
    blocks.packet(0, MIDNIGHT * 10**9, datagram())
    for length in (whole + 1, whole + 40, len(blocks.bytes) - 1):
        write("cut.pcapng", blocks.bytes[:length])
        result = subprocess.run([SOCKLINE, "-r", "cut.pcapng"], capture_output=True, check=False)
        told = result.stderr.decode()
        check(result.returncode == 1 and len(of(result.stdout, "packet")) == 1 and
              f"cut.pcapng: unreadable at byte {whole} (packets before: 1): truncated" in told,
              f"cut off at {length}", told)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
