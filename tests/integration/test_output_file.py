#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Output to a file or a socket (P22), that is renamed under it (P23), or left behind by kill -9 (P3)."""

import glob
import json
import os
import random
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import HERE, SOCKLINE, Failure, Namespace, Sockline, check, path, run, until
from traffic import PACKET, flood, packets


def to_file(host, name, *options, **keywords):
    """sockline with -o, begun. Its first records follow what is there, but for a broken line: all of a file that grows
    fast would take longer to read each time."""
    start = max(0, os.path.getsize(path(name)) - 65536) if os.path.exists(path(name)) else 0

    def runs():
        if not os.path.exists(path(name)):
            return 0
        if name.endswith(".zst"):
            return content(path(name)).count(b'"run_started"')
        with open(path(name), "rb") as file:
            file.seek(start)
            return file.read(131072).count(b'"run_started"')
    before = runs()
    sockline = host.sockline("-i", "lo", *PACKET, "-o", path(name), *options, wait=False,
                             **keywords)
    until(lambda: runs() > before, "the file")
    return sockline


def content(name):
    """Its lines; of a compressed file as far as frames are whole. Those that are there now: a reader that is as fast
    as the writer would never come to the end."""
    with open(name, "rb") as file:
        data = file.read(os.fstat(file.fileno()).st_size)
    if name.endswith(".zst"):
        data = subprocess.run(["zstdcat"], input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
    return data


def validated(data, title, partial=False):
    """Its records."""
    checker = Sockline(["cat"])
    checker.popen.stdin.write(data)
    checker.popen.stdin.close()
    checker.popen.wait()
    for thread in checker._threads:
        thread.join()
    checker.validate(partial)
    checker.kill()
    check(data.endswith(b"\n"), f"{title}: ends with a whole line", data[-200:])
    return checker.records


def test_file():
    with Namespace() as host:
        os.umask(0)
        sockline = to_file(host, "plain.ndjson")
        flood(host, "-c", "100").wait()
        check(sockline.stop_when_asleep() == 0 and sockline.output == b"", "-o: nothing on standard output")
        os.umask(0o022)
        mode = stat.S_IMODE(os.stat(path("plain.ndjson")).st_mode)
        check(mode == 0o640, "-o: mode 0640, whatever the umask", oct(mode))
        first = content(path("plain.ndjson"))
        records = validated(first, "-o")
        check(records[0]["event"]["action"] == "output_opened" and len(packets(records)) == 100,
              "-o: output_opened, then the records", records[0])
        to_file(host, "plain.ndjson").stop()
        check(content(path("plain.ndjson")).startswith(first), "-o: appends")
        for refused in ("symbolic", "hard", "fifo", "folder"):
            target = path(refused)
            {"symbolic": lambda: os.symlink(path("plain.ndjson"), target),
             "hard": lambda: os.link(path("plain.ndjson"), target),
             "fifo": lambda: os.mkfifo(target), "folder": lambda: os.mkdir(target)}[refused]()
            before = content(path("plain.ndjson"))
            sockline = host.sockline("-i", "lo", "-o", target, wait=False)
            check(sockline.wait() == 1 and target in sockline.stderr and
                  content(path("plain.ndjson")) == before, f"-o: a {refused} is refused",
                  sockline.stderr)


def test_rotation():
    """Renamed under it, then SIGHUP: nothing is lost or split."""
    with Namespace() as host:
        sockline = to_file(host, "log.ndjson")
        gen = flood(host, "-c", "10000", "-r", "8000")
        parts = []
        for number in range(8):
            time.sleep(0.12)
            parts.append(path(f"log.{number}"))
            os.rename(path("log.ndjson"), parts[-1])
            sockline.send_signal(signal.SIGHUP)
            until(lambda: os.path.exists(path("log.ndjson")), "the new file")
        gen.wait()
        check(sockline.stop_when_asleep() == 0, "renamed 8 times", sockline.stderr)
        parts.append(path("log.ndjson"))
        data = [content(part) for part in parts]
        check(all(part.endswith(b"\n") for part in data), "every part ends with a whole line")
        actions = [json.loads(part.split(b"\n", 1)[0])["event"]["action"] for part in data]
        check(set(actions) == {"output_opened"}, "and begins with output_opened", actions)
        records = validated(b"".join(data), "all parts")
        numbers = [record["event"]["sequence"] for record in records]
        check(numbers == list(range(1, len(numbers) + 1)), "together they have every number", len(numbers))
        check(len(packets(records)) == 10000, "and every packet", len(packets(records)))
        missing = path("gone")
        os.mkdir(missing)
        sockline = to_file(host, "gone/log.ndjson")
        os.rename(missing, path("moved"))
        sockline.send_signal(signal.SIGHUP)
        until(lambda: "stays in use" in sockline.stderr, "the message")
        flood(host, "-c", "10").wait()
        check(sockline.stop_when_asleep() == 0 and len(packets(validated(
            content(path("moved/log.ndjson")), "the old file"))) == 10,
              "a file that cannot be opened: the old one stays in use", sockline.stderr)


def test_rotates_by_itself():
    """Two runs write to one file, and both rotate it: no record of either is lost or split."""
    with Namespace() as host:
        rotate = ("-q", "--rotate-size", "64K", "--rotate-keep", "999")
        # Each sees all packets and has a run id and numbers of its own.
        runs = [to_file(host, "many.ndjson", *rotate) for _ in range(2)]
        flood(host, "-c", "3000", "-r", "8000").wait()
        check([sockline.stop_when_asleep() for sockline in runs] == [0, 0] and
              not any(sockline.stderr for sockline in runs), "two runs rotate one file",
              [sockline.stderr for sockline in runs])
        former = sorted(glob.glob(path("many.ndjson.*")), key=lambda name: -int(name.split(".")[-1]))
        data = [content(part) for part in former + [path("many.ndjson")]]
        check(len(data) > 20 and all(part.endswith(b"\n") for part in data),
              f"{len(data)} files, each ends with a whole line")
        numbers = {}
        for record in validated(b"".join(data), "all files"):
            numbers.setdefault(record["sockline"]["run"], []).append(record["event"]["sequence"])
        check(len(numbers) == 2 and all(sorted(each) == list(range(1, len(each) + 1)) and len(each) > 3000
                                        for each in numbers.values()),
              "together they have every record of both", {run: len(each) for run, each in numbers.items()})


def test_rotates_by_time():
    """An idle run moves its file, too, when the interval is over."""
    with Namespace() as host:
        sockline = to_file(host, "timed.ndjson", "--rotate-interval", "1", "--rotate-keep", "2")
        flood(host, "-c", "10").wait()
        until(lambda: os.path.exists(path("timed.ndjson.1")) and b'"packet"' in
              b"".join(content(name) for name in glob.glob(path("timed.ndjson.*"))), "the former file")
        check(sockline.stop() == 0, "rotated by time", sockline.stderr)


def read_peer(connection, data, most=None):
    """Until the connection ends or there are so many bytes."""
    while most is None or len(data) < most:
        piece = connection.recv(65536)
        if not piece:
            break
        data.extend(piece)


def test_socket():
    """The reader of a socket dies under load and comes back: no record is lost, some come twice."""
    with Namespace() as host, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path("peer"))
        listener.listen()
        sockline = host.sockline("-i", "lo", *PACKET, "-o", "unix:" + path("peer"), wait=False)
        first, second = bytearray(), bytearray()
        connection = listener.accept()[0]
        read_peer(connection, first, 1)
        gen = flood(host, "-c", "4000", "-r", "2000")
        read_peer(connection, first, 500000)
        connection.close()
        connection = listener.accept()[0]
        reader = threading.Thread(target=read_peer, args=(connection, second))
        reader.start()
        gen.wait()
        check(sockline.stop_when_asleep() == 0 and sockline.stderr.count("has ended") == 1,
              "a reader that dies: one message", sockline.stderr)
        reader.join()
        whole = bytes(first[:first.rindex(b"\n") + 1]).splitlines() + bytes(second).splitlines()
        numbers = [json.loads(line)["event"]["sequence"] for line in whole]
        check(set(numbers) == set(range(1, max(numbers) + 1)) and max(numbers) > 4000,
              "the two readers have every record", [len(numbers), max(numbers)])
        check(json.loads(whole[-1])["event"]["action"] == "run_stopped", "up to the last", whole[-1])


def test_descriptor():
    """fd:N is open, and for writing; otherwise the message names it."""
    with Namespace() as host:
        host.run("sh", "-c", f"{SOCKLINE} -S -o fd:7 7>{path('seven')}")
        validated(content(path("seven")), "fd:7")
        for wrong in ("fd:8", "fd:0", "fd:", "fd:x"):
            with open("/dev/null", "rb") as null:
                result = subprocess.run([SOCKLINE, "-S", "-o", wrong], capture_output=True, text=True,
                                        stdin=null, check=False)
            check(result.returncode == (1 if wrong[3:].isdigit() else 2) and wrong in result.stderr and not result.stdout,
                  f"-o {wrong} is refused", result.stderr)


def test_full_disk():
    """It waits, and says so; what waited is written when there is room."""
    disk = path("disk")
    os.mkdir(disk)
    HERE.run("mount", "-t", "tmpfs", "-o", "size=256k", "sockline-test", disk)
    try:
        with Namespace() as host:
            sockline = to_file(host, "disk/full.ndjson")
            flood(host, "-c", "1000", "-r", "5000").wait()
            until(lambda: "full" in sockline.stderr, "the message")
            time.sleep(0.5)
            check(sockline.stderr.count("\n") == 1, "a full disk: one message", sockline.stderr)
            validated(content(path("disk/full.ndjson")), "a full disk")
            HERE.run("mount", "-o", "remount,size=8m", disk)
            check(sockline.stop_when_asleep() == 0, "room again: status 0", sockline.stderr)
            records = validated(content(path("disk/full.ndjson")), "room again")
            check(len(packets(records)) == 1000 and records[-1]["event"]["action"] == "run_stopped",
                  "and every record", len(records))
    finally:
        HERE.run("umount", "-l", disk)


def test_killed():
    """At most one broken tail, which the next start removes and reports."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    print(f"# SEED={seed}")
    generator = random.Random(seed)
    with Namespace() as host:
        gen = flood(host, "-c", "0", "-r", "20000")
        for _ in range(5):
            sockline = to_file(host, "killed.ndjson", "-q")
            time.sleep(generator.random() * 0.3)
            sockline.popen.kill()
            sockline.kill()
        with open(path("killed.ndjson"), "ab") as file:
            file.write(b'{"broken":')
        # The kill may have cut a line off, which the words above then go on with.
        broken = len(content(path("killed.ndjson")).rpartition(b"\n")[2])
        gen.stop()
        sockline = to_file(host, "killed.ndjson")
        sockline.stop()
        data = content(path("killed.ndjson"))
        lines = data.splitlines(keepends=True)
        for line in lines:
            try:
                json.loads(line)
            except ValueError:
                raise Failure(f"a broken line: {line}") from None
        opened = [record for record in map(json.loads, lines)
                  if record["event"]["action"] == "output_opened"]
        check(len(opened) == 6 and opened[-1]["sockline"]["output"]["repaired_bytes"] == broken,
              "killed with -o: a broken tail is removed, and reported", opened[-1])


def test_compressed():
    """Readable while it grows, after kill -9 as well; renamed under it, nothing is lost."""
    with Namespace() as host:
        gen = flood(host, "-c", "0", "-r", "5000")
        sockline = to_file(host, "log.zst", "-q", flush=())
        until(lambda: content(path("log.zst")).count(b'"packet"') > 500, "records in whole frames")
        sockline.popen.kill()
        sockline.kill()
        gen.stop()
        with open(path("log.zst"), "ab") as file:
            file.write(bytes.fromhex("28b52ffd2400"))
        sockline = to_file(host, "log.zst", flush=())
        gen = flood(host, "-c", "5000", "-r", "8000")
        time.sleep(0.2)
        os.rename(path("log.zst"), path("log.1.zst"))
        sockline.send_signal(signal.SIGHUP)
        until(lambda: os.path.exists(path("log.zst")), "the new file")
        gen.wait()
        check(sockline.stop_when_asleep() == 0, "a compressed file: status 0", sockline.stderr)
        data = content(path("log.1.zst")) + content(path("log.zst"))
        records = validated(data, "a compressed file")
        opened = [record for record in records if record["event"]["action"] == "output_opened"]
        check(opened[1]["sockline"]["output"]["repaired_bytes"] >= 6,
              "a frame that kill -9 cut off is removed, and reported", opened)
        ours = [record for record in records
                if record["sockline"]["run"] == records[-1]["sockline"]["run"]]
        check([record["event"]["sequence"] for record in ours] == list(range(1, len(ours) + 1)) and
              len(packets(ours)) == 5000, "renamed under it: every record is in one of the two", len(ours))
        sizes = sum(os.path.getsize(path(name)) for name in ("log.1.zst", "log.zst"))
        check(sizes * 4 < len(data), "and they are short", [sizes, len(data)])


run(globals())
