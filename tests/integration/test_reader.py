#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A reader of standard output that goes (P5), is slow (P6), reads nothing (P29), or is left behind by
kill -9 (P2)."""

import json
import os
import random
import signal
import subprocess
import time

from harness import SOCKLINE, Namespace, Sockline, check, run, slowdown, until
from traffic import PACKET, final, flood, packets, sent


def rss(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1]) * 1024


def test_reader_gone():
    with Namespace() as host:
        for busy in (True, False):
            gen = flood(host, "-c", "0", "-r", "2000") if busy else None
            begun = time.monotonic()
            result = subprocess.run(
                [*host.prefix, "bash", "-c", f"{SOCKLINE} --netns self -i lo -q | head -1; "
                 "echo ${PIPESTATUS[0]}"], capture_output=True, text=True, check=False, timeout=20)
            took = time.monotonic() - begun
            lines = result.stdout.splitlines()
            title = f"sockline | head -1, {'busy' if busy else 'idle'}"
            check(len(lines) == 2 and '"run_started"' in lines[0] and lines[1] == "0" and
                  result.stderr == "", f"{title}: a quiet end with status 0", result)
            check(took < 5 * slowdown(), f"{title}: at once", took)
            if gen:
                gen.stop()


def announced(records):
    """How many records were dropped, by the announcements; the gaps are checked for each stream."""
    return sum(record["sockline"]["loss"]["count"] for record in records
               if record["event"]["action"] == "records_dropped")


def test_slow_reader_drops():
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", *PACKET, "--on-slow-reader", "drop")
        before = rss(sockline)
        sockline.reading.clear()
        gen = flood(host, "-c", "14000", "-r", "20000")
        gen.wait()
        sockline.wait_until_asleep()
        after = rss(sockline)
        sockline.reading.set()
        sockline.wait_until_asleep()
        flood(host, "-c", "10").wait()
        check(sockline.stop_when_asleep() == 1 and "dropped" in sockline.stderr,
              "records were dropped: status 1, and a line that says so", sockline.stderr)
        stats = final(sockline)["sockline"]["stats"]
        dropped = stats["records"]["dropped"]
        check(dropped > 1000, "a reader that sleeps, drop: records are dropped", stats["records"])
        check(announced(sockline.records) == dropped, "and announced", announced(sockline.records))
        check(len(packets(sockline.records)) + dropped == stats["packets"],
              "written + dropped = produced", (len(packets(sockline.records)), dropped, stats["packets"]))
        check(after - before < 24 << 20, "memory is bounded", f"{before} {after}")


def test_slow_reader_blocks():
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", *PACKET, "-B", "512")
        before = rss(sockline)
        sockline.reading.clear()
        gen = flood(host, "-c", "14000", "-r", "20000")
        gen.wait()
        sockline.wait_until_blocked()
        after = rss(sockline)
        sockline.reading.set()
        check(sockline.stop_when_asleep() == 0, "a reader that sleeps, block: status 0", sockline.stderr)
        stats = final(sockline)["sockline"]["stats"]
        lo = stats["capture"][0]
        check(stats["records"]["dropped"] == 0 and len(packets(sockline.records)) == lo["received"],
              "no record is dropped", stats["records"])
        check(lo["dropped"] > 0 and lo["received"] + lo["dropped"] == sent(gen),
              "what the kernel dropped meanwhile is counted", lo)
        check(after - before < 24 << 20, "memory is bounded", f"{before} {after}")


def test_stop_with_full_pipe():
    with Namespace() as host:
        for number in (signal.SIGTERM, signal.SIGINT):
            sockline = host.sockline("-i", "lo", *PACKET)
            sockline.reading.clear()
            gen = flood(host, "-c", "0", "-r", "20000")
            time.sleep(0.7)
            begun = time.monotonic()
            sockline.send_signal(number)
            until(lambda: sockline.popen.poll() is not None, "the end", timeout=5)
            took = time.monotonic() - begun
            check(took < 2 * slowdown(), f"nobody reads: ends soon after {number.name}", took)
            check(sockline.popen.returncode == 1, "with status 1: output was lost")
            gen.stop()
            sockline.validated = True  # its last line may be cut
            sockline.kill()


def killed(host, delay):
    """What is in the pipe after kill -9."""
    sockline = Sockline([*host.prefix, SOCKLINE, "--netns", "self", "-i", "lo", "-q"])
    sockline.wait_for("packet")
    time.sleep(delay)
    sockline.popen.kill()
    sockline.popen.wait()
    for thread in sockline._threads:
        thread.join()
    sockline.validated = True
    sockline.kill()
    return sockline.output


def test_killed():
    """kill -9 leaves whole lines in a pipe (P2), of which the writes are small or large."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    print(f"# SEED={seed}")
    generator = random.Random(seed)
    with Namespace() as host:
        for rate, times in (("20000", 8), ("0", 4)):
            gen = flood(host, "-c", "0", *(("-r", rate) if rate != "0" else ()))
            broken = 0
            for _ in range(times):
                output = killed(host, generator.random() * (0.3 if rate != "0" else 0.1))
                broken += not output.endswith(b"\n")
                for line in output.splitlines()[-5000:]:
                    json.loads(line)
            check(broken == 0, f"killed {times} times, {rate} packets/s: the pipe ends with a whole "
                  "line", broken)
            gen.stop()


run(globals())
