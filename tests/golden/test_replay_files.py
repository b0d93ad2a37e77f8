#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Capture files of all kinds, as other programs write them, and what they say besides the packets."""

import os
import shutil
import subprocess
import sys
import tempfile

from test_replay import CLIENT, OPENED, SERVER, SOCKLINE, Capture, Tcp, any_file, check, done, records_of, replay, scapy, \
    skip_all, write

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


def main():
    if scapy is None:
        return skip_all("needs scapy")
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, test in list(globals().items()):
            if name.startswith("test_") and callable(test):
                test()
        os.chdir(home)
    return done()


if __name__ == "__main__":
    sys.exit(main())
