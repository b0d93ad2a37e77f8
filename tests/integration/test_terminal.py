#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What a person sees on a terminal: how far a file is read, and the table of --top."""

import json
import os
import signal
import struct
import subprocess

from harness import SOCKLINE, Namespace, check, path, run, until, write
from terminal import Terminal
from traffic import flood

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
    terminal = Terminal(["sh", "-c", f"{SOCKLINE} -r - --no-summary <{capture}"], output=subprocess.DEVNULL)
    terminal.end()
    check("sockline: reading standard input, link type EN10MB" in terminal.screen.lines(),
          "standard input is named", terminal.seen)
    result = subprocess.run([SOCKLINE, "-r", path("long.pcap"), "--progress", "--no-summary"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    check(result.returncode == 0 and b"\x1b" not in result.stderr,
          "no control sequences where standard error is no terminal", result.stderr)


def top(host, *options):
    """--top in the namespace, once it has the terminal."""
    terminal = Terminal([*host.prefix, SOCKLINE, "--netns", "self", "-i", "lo", "--top", *options], rows=12)
    terminal.wait_for("\x1b[?1049h")
    return terminal


def has(terminal, begin):
    until(lambda: any(line.startswith(begin) for line in terminal.screen.lines()),
          lambda: f"a line that begins with {begin!r}; there are {terminal.screen.lines()}")


def is_restored(terminal):
    return "?1049" not in terminal.screen.modes and {"?25", "?7"} <= terminal.screen.modes and \
        terminal.after == terminal.before


def test_top():
    with Namespace() as host:
        terminal = top(host, "-o", path("top.ndjson"), "-e", "packet")
        gen = flood(host, "-c", "40")
        pid = gen.popen.pid
        gen.wait()
        has(terminal, f"gen[{pid}] ")
        lines = terminal.screen.lines()
        check(lines[2].split() == ["program", "procs", "conns", "sent/s", "recv/s", "sent", "recv"] and
              " packets, 0 lost, " in lines[0] and "programs by rate" in lines[0], "a table of programs", lines)
        terminal.type("cb")
        has(terminal, f"gen[{pid}]")
        until(lambda: "connections by bytes" in terminal.screen.lines()[0], "the other view")
        row = next(line for line in terminal.screen.lines() if line.startswith("gen["))
        check(" udp 127.0.0.1:" in row and "1.84k" in row, "keys choose connections, and their order", row)
        terminal.resize(4, 50)
        terminal.popen.send_signal(signal.SIGWINCH)
        terminal.wait_for("\x1b[H")
        until(lambda: max(len(line) for line in terminal.screen.lines()[:4]) == 50 and
              not any(terminal.screen.lines()[4:]), lambda: f"a smaller screen: {terminal.screen.lines()}")
        terminal.popen.send_signal(signal.SIGTSTP)
        until(lambda: os.waitpid(terminal.popen.pid, os.WUNTRACED | os.WNOHANG)[0], "it stops")
        until(lambda: "?1049" not in terminal.screen.modes, "the first screen is back")
        check(terminal.attributes() == terminal.before, "control-Z: the shell has the terminal back")
        terminal.popen.send_signal(signal.SIGCONT)
        until(lambda: "?1049" in terminal.screen.modes, "it goes on")
        terminal.type("\x1b[A")  # an arrow is no key of its letters
        terminal.type("q")
        status = terminal.end()
        check(status == 0 and is_restored(terminal), "q: it ends, and the terminal is as it was",
              (status, terminal.screen.modes))
        check(not terminal.screen.unknown, "nothing but plain sequences", terminal.screen.unknown)
    with open(path("top.ndjson"), encoding="utf-8") as file:
        actions = [json.loads(line)["event"]["action"] for line in file]
    check(actions.count("packet") == 40 and "@timestamp" not in terminal.seen,
          "records are in the file of -o, and not on the terminal", actions[:5])


def test_top_ends():
    """The terminal is given back, however it ends."""
    with Namespace() as host:
        for number, expected in ((signal.SIGTERM, 0), (signal.SIGQUIT, 0), (signal.SIGINT, 0),
                                 (signal.SIGSEGV, -signal.SIGSEGV)):
            terminal = top(host, "-q")
            terminal.popen.send_signal(number)
            status = terminal.end()
            check(status == expected and is_restored(terminal), f"{signal.Signals(number).name}: all is as it was",
                  (status, terminal.screen.modes))
        dumb = Terminal([SOCKLINE, "--top"], environment={"TERM": "dumb"})
        check(dumb.end() == 1 and "(TERM is dumb)" in dumb.seen and "\x1b" not in dumb.seen,
              "a terminal without a cursor: it says so", dumb.seen)
    result = subprocess.run([SOCKLINE, "--top"], check=False, capture_output=True)
    check(result.returncode == 1 and result.stderr == b"sockline: --top: standard output is no terminal\n",
          "without a terminal it says so", result)


run(globals())
