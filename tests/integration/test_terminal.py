#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What a person sees on a terminal: how far a file is read."""

import os
import struct
import subprocess

from harness import SOCKLINE, check, path, run, write
from terminal import Terminal

FRAME = bytes.fromhex("020000000002020000000001" "0800" "4500001e00000000401100c5"
                      "c0000201c0000202" "30390035000a0000" "6869")
PACKETS = 20000  # whose records find no room in sockline's buffer


def make_capture():
    record = struct.pack("<4I", 1732270272, 123456, len(FRAME), len(FRAME)) + FRAME
    return write("long.pcap", struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * PACKETS)


def test_progress():
    capture = make_capture()
    reader, writer = os.pipe()
    terminal = Terminal([SOCKLINE, "-r", capture, "-e", "packet", "--progress"], output=writer)
    os.close(writer)
    terminal.wait_for(" packets, ")  # the run waits for its reader
    terminal.wait_for("\r\x1b[K")
    with open(reader, "rb") as pipe:
        records = pipe.read().splitlines()
    status = terminal.end()
    lines = [line for line in terminal.screen.lines() if line]
    check(status == 0 and sum(b'"action":"packet"' in line for line in records) == PACKETS,
          "a file whose reader is slow", (status, lines))
    check(lines[0] == f"sockline: reading {capture}, link type EN10MB" and
          lines[1].startswith("sockline: 1 connections, ") and " packets captured, " in lines[-1],
          "it says what it reads; at the end its progress is gone", lines)
    shown = [line for line in terminal.seen.replace("\r\n", "\n").split("\r\x1b[K") if line.endswith(" left\r")]
    check(shown and all(line.startswith("sockline: ") and " %, " in line for line in shown),
          "meanwhile it was shown, with the cursor at the beginning of its line", terminal.seen)


def test_no_progress():
    """A pipe's reader may print on the same terminal; a file's cannot."""
    capture = make_capture()
    reader, writer = os.pipe()
    terminal = Terminal([SOCKLINE, "-r", capture, "-e", "packet", "-d", "1"], output=writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        terminal.popen.wait(30)
        pipe.read(1)
    terminal.end()
    check(" packets, " not in terminal.seen, "into a pipe none is shown unless it is asked for", terminal.seen)
    result = subprocess.run([SOCKLINE, "-r", path("long.pcap"), "--progress", "--no-summary"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    check(result.returncode == 0 and b"\x1b" not in result.stderr,
          "no control sequences where standard error is no terminal", result.stderr)


run(globals(), root=False)
