#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The same file gives the same bytes (P30), and a pipe is read without waiting for it."""

import hashlib
import os
import signal
import struct
import subprocess
import time

from harness import HERE, SOCKLINE, Namespace, check, path, run, slowdown, until

FILE_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)


def packet(number, flows=50, seconds_later=0):
    """Ethernet, IPv4, UDP, one of some flows."""
    payload = b"sockline"
    udp = struct.pack(">4H", 1024 + number % flows, 53, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0,
                     b"\xc0\0\2\1", b"\xc0\0\2\2")
    frame = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + udp
    seconds, nanoseconds = divmod((1732270272 + seconds_later) * 10**9 + number * 1234567, 10**9)
    return struct.pack("<4I", seconds, nanoseconds, len(frame), len(frame)) + frame


def capture_file(packets):
    return FILE_HEADER + b"".join(map(packet, range(packets)))


def of_packets(output):
    """The lines that do not name the file."""
    return [line for line in output.splitlines() if b'"sockline.run"' not in line
            and b'"sockline.stats"' not in line]


def takes(pid, number):
    """Is the signal blocked? From then on it is never lost, and ends no program by itself."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    ours = os.readlink(f"/proc/{pid}/exe") == os.path.realpath(SOCKLINE)
    return ours and bool(int(lines["SigBlk"], 16) >> (number - 1) & 1)


def test_no_first_byte():
    """A file that has not begun ends with the first signal, as any other does, and leaves no empty file."""
    os.mkfifo(path("silent"))
    for name, source in (("standard input", "-"), ("a FIFO without a writer", path("silent"))):
        for number in (signal.SIGTERM, signal.SIGINT):
            for files in ((), ("-o", path("none.ndjson"), "-w", path("none.pcapng"))):
                sockline = HERE.sockline("-r", source, *files, wait=False, stdin=subprocess.PIPE)
                until(lambda: takes(sockline.popen.pid, number), f"the wait for {name}")
                if files:
                    until(lambda: os.path.exists(files[1]) and os.path.exists(files[3]), "its files")
                check(sockline.stop(number) == 0 and sockline.output == b"" and not sockline.stderr,
                      f"{name}, {number.name}, {files}: a quiet end", sockline.stderr)
                check(not any(os.path.exists(file) for file in files[1::2]), f"{name}, {number.name}: no empty file",
                      files)


def test_same_bytes():
    with open(path("many.pcap"), "wb") as file:
        file.write(capture_file(5000))
    digests = set()
    for number in range(3):
        # Other times, places and environments must leave no trace.
        environment = {**os.environ, "TZ": ("UTC", "Asia/Tokyo", "America/Lima")[number],
                       "LC_ALL": ("C", "C.UTF-8", "C")[number]}
        result = subprocess.run([SOCKLINE, "-q", "-e", "all", "-r", path("many.pcap")], check=False,
                                capture_output=True, env=environment, timeout=60 * slowdown(),
                                cwd=("/", "/tmp", "/")[number])
        check(result.returncode == 0 and result.stdout.count(b"\n") > 5000, f"replay {number + 1}",
              result.stderr)
        once = result.stdout
        digests.add(hashlib.sha256(result.stdout).hexdigest())
    with open(path("many.pcap"), "rb") as file:
        piped = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        result = subprocess.run([SOCKLINE, "-q", "-e", "all", "-r", "-"], stdin=piped.stdout,
                                check=False, capture_output=True, timeout=60 * slowdown())
        piped.wait()
    check(len(digests) == 1, "the same bytes each time", digests)
    check(of_packets(result.stdout) == of_packets(once), "through a pipe as well", result.stderr)


def test_sleeping_reader():
    with open(path("more.pcap"), "wb") as file:
        file.write(capture_file(12000))
    sockline = HERE.sockline("-e", "packet", "-r", path("more.pcap"), wait=False, reads=False)
    sockline.wait_until_blocked()
    start = sockline.cpu_seconds()
    time.sleep(2)
    used = (sockline.cpu_seconds() - start) / 2
    check(sockline.popen.poll() is None and used < 0.02, "a reader that sleeps is waited for, idly", used)
    sockline.reading.set()
    check(sockline.wait() == 0 and len(sockline.find("packet")) == 12000, "and gets everything",
          len(sockline.records))


def test_signals_while_the_reader_sleeps():
    """Whether packets are still to be read, or all that is left is in the buffer."""
    for packets in (3000, 20000):
        with open(path("asleep.pcap"), "wb") as file:
            file.write(capture_file(packets))
        for number, again in ((signal.SIGTERM, False), (signal.SIGINT, True)):
            sockline = HERE.sockline("-e", "packet", "-r", path("asleep.pcap"), wait=False, reads=False)
            sockline.wait_until_blocked()
            begun = time.monotonic()
            sockline.send_signal(number)
            while sockline.popen.poll() is None and time.monotonic() - begun < 5 * slowdown():
                time.sleep(0.01)  # it would end by the first alone within a second
                if again:
                    sockline.send_signal(number)
            took = time.monotonic() - begun
            title = f"{packets} packets, a reader that sleeps, {number.name}{' twice' if again else ''}"
            check(took < 3 * slowdown(), f"{title}: ends soon", took)
            check(sockline.popen.poll() == (-number if again else 1), f"{title}: the status",
                  sockline.popen.poll())
            sockline.validated = True  # its last line may be cut
            sockline.kill()


def test_two_signals_at_once():
    """timeout(1) sends one to its child and one to its group, which is one."""
    with Namespace() as host:
        statuses = []
        for _ in range(10):
            sockline = host.sockline("-i", "lo", "-e", "packet", via=("timeout", "100"))
            sockline.send_signal(signal.SIGALRM)  # as if the time were over
            statuses.append((sockline.wait(), len(sockline.find("run_stopped"))))
        check(statuses == [(124, 1)] * 10, "timeout 100 sockline: with its last record", statuses)


def test_reader_of_an_avalanche():
    """A late packet makes thousands of connections end at once: more than fits into any buffer."""
    flows = 20000
    with open(path("avalanche.pcap"), "wb") as file:
        file.write(FILE_HEADER + b"".join(packet(n, flows) for n in range(flows)))
        file.write(packet(flows, flows, 300))
    sockline = HERE.sockline("-e", "connection", "-r", path("avalanche.pcap"), wait=False, reads=False)
    sockline.wait_until_blocked()
    sockline.reading.set()
    status = sockline.wait()
    check(status == 0 and len(sockline.find("connection_closed")) == flows + 1
          and not sockline.find("records_dropped"), "none of them is dropped",
          (status, len(sockline.records), sockline.stderr))


def test_pipe_is_followed():
    sockline = HERE.sockline("-e", "packet", "-r", "-", wait=False)
    pipe = sockline.popen.stdin
    pipe.write(FILE_HEADER + packet(0) + packet(1)[:30])
    pipe.flush()
    sockline.wait_for("packet", timeout=2)
    check(True, "a packet in a pipe comes out at once")
    pipe.write(packet(1)[30:])
    pipe.flush()
    sockline.wait_for("packet", count=2, timeout=2)
    pipe.write(packet(2)[:20])
    pipe.flush()
    time.sleep(0.3)
    start = time.monotonic()
    status = sockline.stop()
    check(status == 0 and sockline.ended - start < 2 * slowdown(),
          "SIGTERM ends it soon, half a packet in the pipe", (status, sockline.stderr))
    check(len(sockline.find("packet")) == 2 and sockline.find("run_stopped"), "with its last record")


def test_pipe_from_tcpdump():
    with Namespace() as host:
        dump = subprocess.Popen([*host.prefix, "tcpdump", "-i", "lo", "-U", "-w", "-", "udp port 9"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        dump.stderr.readline()  # "listening on"
        sockline = HERE.sockline("-e", "packet", "-r", "-", wait=False, stdin=dump.stdout)
        host.helper("gen", "-k", "-c", "100", "127.0.0.1").wait()
        sockline.wait_for("packet", count=100)
        dump.terminate()
        dump.wait()
        check(sockline.wait() == 0 and len(sockline.find("packet")) == 100, "tcpdump -w - | sockline -r -",
              sockline.stderr)


run(globals())
