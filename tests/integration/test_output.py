#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Standard output: whole lines under signals (P1), and how sockline begins and ends."""

import json
import os
import signal
import subprocess
import time

from harness import SOCKLINE, Namespace, check, run, slowdown
from traffic import PACKET, final, flood, packets, sent


def test_storm_of_signals():
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", *PACKET)
        gen = flood(host, "-c", "8000", "-r", "6000")
        for number in range(500):
            sockline.send_signal((signal.SIGUSR1, signal.SIGHUP)[number % 2])
            time.sleep(0.002)
        gen.wait()
        check(sockline.stop_when_asleep() == 0, "500 signals, then TERM: ends with status 0", sockline.stderr)
        last = final(sockline)
        stats = last["sockline"]["stats"]
        check(last["event"]["reason"] == "signal" and stats["final"], "with totals", last)
        lo = stats["capture"][0]
        check(len(packets(sockline.records)) == stats["packets"] == lo["received"] and
              lo["received"] + lo["dropped"] == sent(gen) == 8000, "and none is lost", stats)
        check(stats["records"]["written"] == len(sockline.records) - 1, "every record is counted", stats)


def test_ends():
    with Namespace() as host:
        for options, reason in ((("-c", "5"), "count"), (("-d", "1"), "duration")):
            begun = time.monotonic()
            sockline = host.sockline("-i", "lo", *PACKET, *options)
            gen = flood(host, "-c", "1000")
            check(sockline.wait() == 0, f"{' '.join(options)}: status 0", sockline.stderr)
            check(final(sockline)["event"]["reason"] == reason, f"{' '.join(options)}: why", reason)
            if reason == "count":
                check(len(packets(sockline.records)) == 5, "-c 5: five packets")
            else:
                took = sockline.ended - begun
                check(1 <= took < 5 * slowdown(), "-d 1: after a second", took)
            gen.wait()
        sockline = host.sockline("-i", "lo", *PACKET)
        check(sockline.stop(signal.SIGINT) == 0 and final(sockline)["event"]["reason"] == "signal",
              "SIGINT")


def test_stats_at_once():
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "-e", "packet,stats", "--stats-interval", "0")
        gen = flood(host, "-c", "10")
        sockline.wait_for("packet", count=10)
        sockline.send_signal(signal.SIGUSR1)
        record = sockline.wait_for("capture_stats", timeout=2)
        check(record["sockline"]["stats"]["packets"] == 10, "SIGUSR1: counters now", record)
        gen.wait()
        sockline.stop()
        check(len(sockline.find("capture_stats")) == 1, "and no others with --stats-interval 0")
        sockline = host.sockline("-i", "lo", "-e", "stats", "--stats-interval", "1")
        records = sockline.wait_for("capture_stats", count=2)
        check(0.5 * 10**9 < records[1]["sockline"]["stats"]["interval_ns"] < slowdown() * 3 * 10**9,
              "--stats-interval 1", records[1]["sockline"]["stats"]["interval_ns"])
        sockline.stop()


def test_ready_at_once():
    with Namespace() as host:
        begun = time.monotonic()
        sockline = host.sockline("-i", "lo")
        took = time.monotonic() - begun
        check(took < 2 * slowdown(), "ready soon", took)
        sockline.stop()


def test_full():
    with Namespace() as host:
        for arguments in (["-i", "lo", "-d", "1"], ["-S"]):
            with open("/dev/full", "wb") as full:
                result = subprocess.run([*host.prefix, SOCKLINE, "--netns", "self", *arguments],
                                        stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                                        timeout=20)
            check(result.returncode == 1 and "No space left" in result.stderr,
                  f"/dev/full, {' '.join(arguments)}: status 1 and why", result)


def lines_of_terminal(host, *options, messages_too=False):
    """What sockline writes to a terminal of its own, as lines."""
    ours, theirs = os.openpty()
    sockline = subprocess.Popen([*host.prefix, SOCKLINE, "--netns", "self", "-i", "lo", "-c", "1", *options],
                                stdout=theirs, stdin=subprocess.DEVNULL,
                                stderr=theirs if messages_too else subprocess.PIPE)
    os.close(theirs)
    output = b""
    gen = None
    try:
        while True:
            output += os.read(ours, 65536)
            if not gen and b"run_started" in output:
                gen = flood(host, "-c", "20")
    except OSError:  # EIO: the other side is closed
        pass
    messages = (sockline.communicate()[1] or b"").decode()
    os.close(ours)
    pid = gen.popen.pid
    gen.wait()
    return output.decode().splitlines(), messages, pid


def test_terminal():
    """A person reads there: text, unless records are asked for."""
    with Namespace() as host:
        lines, messages, pid = lines_of_terminal(host)
        packet = [line for line in lines if line.endswith(" bytes") and "closed" not in line]
        check(len(packet) == 1 and f" gen[{pid}]" in packet[0] and " udp 127.0.0.1:" in packet[0],
              "a terminal has lines of text, with the process", lines)
        check("sockline:   gen  " in messages and "1 connections, 0 failed, 46 bytes" in messages,
              "and a summary at the end", messages)
        check("capturing" not in messages, "no line at the start where standard error is no terminal", messages)
        lines, messages, pid = lines_of_terminal(host, "--format", "ecs", "-e", "packet,stats", messages_too=True)
        records = [json.loads(line) for line in lines if line.startswith("{")]
        actions = [record["event"]["action"] for record in records]
        check("packet" in actions, "--format ecs: records there, too", actions)
        method = records[0]["sockline"]["config"]["attribution"]
        began = [line for line in lines if line.startswith(f"sockline: capturing on lo, owners by {method}")]
        check(len(began) == 1, "standard error is a terminal: a line at the start", lines)
        check("sockline: 1 connections, 0 failed, 46 bytes" in lines,
              "and sums at the end, also of connections that have no records", lines)


run(globals())
