#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""`make check-long': the long form of P26. Half an hour ($SOAK_MINUTES) of short connections, datagrams and processes,
50 a second: memory has no slope, and there are as many descriptors as at first.

$SOAK_LOG names a file for what was measured: seconds, KiB resident, descriptors, processes tracked.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from harness import SOCKLINE, Namespace, check, comment, path, run, until

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
WARM = MINUTES * 8 / 30  # minutes: until then tables fill
STEP = 10  # seconds
SLOPE = 1  # KiB a minute

# Each fifth one is by a process of its own.
LOAD = """
import os, socket, threading, time
server = socket.create_server(("127.0.0.1", 0), backlog=512)
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("127.0.0.1", 0))

def serve():
    while True:
        with server.accept()[0] as connection:
            connection.sendall(connection.recv(100))

def answer():
    while True:
        data, peer = echo.recvfrom(100)
        echo.sendto(data, peer)

def talk():
    with socket.create_connection(server.getsockname()) as client:
        client.sendall(b"x")
        client.recv(100)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"x", echo.getsockname())
        try:
            client.recv(100)
        except TimeoutError:
            pass

for loop in serve, answer:
    threading.Thread(target=loop, daemon=True).start()
due = time.monotonic()
number = 0
while True:
    number += 1
    if number % 5 == 0:
        child = os.fork()
        if child == 0:
            try:
                talk()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    else:
        talk()
    due = max(due + 1 / 50, time.monotonic() - 1)
    time.sleep(max(0, due - time.monotonic()))
"""


class Counted:
    """sockline in a namespace. The counters among its records are kept, and how many there were."""

    def __init__(self, host):
        self.errors = open(path("soak.errors"), "w+b")
        self.popen = subprocess.Popen([*host.prefix, SOCKLINE, "--netns", "self", "-e", "connection,stats",
                                       "--stats-interval", "0"], stdout=subprocess.PIPE, stderr=self.errors)
        self.records = 0
        self.counters = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.popen.stdout:
            self.records += 1
            if b'"sockline.stats"' in line:
                self.counters.append(json.loads(line)["sockline"]["stats"])

    def sample(self):
        """(KiB, descriptors, processes tracked). smaps_rollup walks the pages: VmRSS is some 100 KiB wrong."""
        before = len(self.counters)
        self.popen.send_signal(signal.SIGUSR1)
        until(lambda: len(self.counters) > before, "counters")
        with open(f"/proc/{self.popen.pid}/smaps_rollup", encoding="ascii") as file:
            resident = int(re.search(r"^Rss:\s+(\d+)", file.read(), re.M)[1])
        return resident, self.descriptors(), self.counters[-1]["processes"]["tracked"]

    def descriptors(self):
        """Directories of processes are kept, up to a bound: how many depends on the machine."""
        folder = f"/proc/{self.popen.pid}/fd"
        count = 0
        for name in os.listdir(folder):
            try:
                count += not re.match(r"/proc/\d+", os.readlink(f"{folder}/{name}"))
            except FileNotFoundError:
                pass  # it was open for a moment
        return count

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        status = self.popen.wait(30)
        self.thread.join()
        self.errors.seek(0)
        return status, self.errors.read().decode(errors="replace")


def plane(rows):
    """Least squares of y over (1, x, z): the coefficients, by Cramer's rule."""
    sums = [[sum(a * b for a, b in zip(first, second)) for second in zip(*rows)] for first in zip(*rows)]
    matrix = [sums[i][:3] for i in range(3)]
    right = [sums[i][3] for i in range(3)]

    def determinant(m):
        return sum(m[0][i] * (m[1][(i + 1) % 3] * m[2][(i + 2) % 3] - m[1][(i + 2) % 3] * m[2][(i + 1) % 3])
                   for i in range(3))

    whole = determinant(matrix)
    return [determinant([[right[row] if column == i else matrix[row][column] for column in range(3)]
                         for row in range(3)]) / whole if whole else 0.0 for i in range(3)]


def line(points):
    """The slope of the line of least squares."""
    xs, ys = zip(*points)
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x in xs)


def test_p26_soak():
    with Namespace() as host:
        sockline = Counted(host)
        samples = []
        try:
            until(lambda: sockline.records, "the first record")
            load = host.start(sys.executable, "-c", LOAD)
            begun = time.monotonic()
            while time.monotonic() < begun + 60 * MINUTES and sockline.popen.poll() is None:
                samples.append((time.monotonic() - begun, *sockline.sample()))
                if os.environ.get("SOAK_LOG"):
                    with open(os.environ["SOAK_LOG"], "a", encoding="ascii") as file:
                        print(*samples[-1], file=file)
                time.sleep(STEP)
            load.stop()
        finally:
            status, errors = sockline.stop()
        check(status == 0, f"{sockline.records} records: ends well", errors)
        warm = [(seconds / 60, *rest) for seconds, *rest in samples if seconds >= 60 * WARM]
        slope = line([(minute, resident) for minute, resident, *_ in warm])
        # The machine's other processes are followed, too: what these take is no slope.
        flat = plane([(1, minute, tracked, resident) for minute, resident, _, tracked in warm])
        comment(f"{len(warm)} samples: {slope:.2f} KiB a minute, {flat[1]:.2f} and {flat[2]:.2f} a process tracked")
        # A burst of others at one end turns a slope round; what is resident between bursts does not shrink by that.
        third = len(warm) // 3
        floors = [min(row[1] for row in part) for part in (warm[:third], warm[-third:])]
        rise = (floors[1] - floors[0]) / (warm[-1][0] - warm[0][0]) * 1.5
        comment(f"the least of the first and the last third: {floors} KiB, {rise:.2f} a minute")
        check(min(slope, flat[1]) < SLOPE and rise < SLOPE, f"memory grows by less than {SLOPE} KiB a minute", samples)
        middle = len(warm) // 2
        check(min(row[2] for row in warm[middle:]) <= min(row[2] for row in warm[:middle]),
              "as many descriptors as at first", samples)


run(globals())
