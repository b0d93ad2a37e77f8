#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets written as pcapng (-w): what tshark reads of them, and what a replay does."""

import os
import shutil
import stat
import struct
import subprocess
import sys

from test_replay import SOCKLINE, check, first_difference, others, replay, run_all, write
from test_replay_files import MIDNIGHT, Blocks, datagram, of
from test_replay_owners import PROCESS_THREAD, RECEIVED, SENT, comment, file_of, pktap

ETHERNET = bytes.fromhex("020000000002 020000000001 0800")
FIELDS = ("frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.interface_name",
          "frame.packet_flags_direction", "frame.protocols")


def tshark(path, *fields):
    arguments = [argument for field in fields for argument in ("-e", field)]
    result = subprocess.run(["tshark", "-r", path, "-T", "fields", *arguments], capture_output=True, check=True)
    return [line.split("\t") for line in result.stdout.decode().splitlines()]


def several():
    """Interfaces of several link types, a packet that was cut, and owners of all kinds."""
    blocks = Blocks()
    for link_type, name in ((1, "eth0"), (101, "tun0"), (258, "en0"), (228, "")):
        blocks.interface(link_type, name)
    ticks = MIDNIGHT * 10**9
    blocks.packet(0, ticks + 1, ETHERNET + datagram(5001), comment("PID: 7\nCmd: /bin/a b\\\u00fc\u0085\u202e"),
                  flags=SENT)
    blocks.packet(1, ticks + 2, datagram(5002), comment("sockline: process.pid=8 process.name=a\\x0ab\\xff user.id=0 "
                                                        "user.name=jo user.effective.id=5"), flags=RECEIVED)
    blocks.packet(1, ticks + 3, datagram(5003),
                  comment("sockline: end=source process.pid=9 attribution.shared_pids=9,10\n"
                          "sockline: end=destination attribution.reason=no_socket"))
    blocks.packet(2, ticks + 4, pktap(77, b"mDNSResponder", 1), flags=RECEIVED)
    blocks.packet(3, ticks + 5, datagram(5004), (PROCESS_THREAD, struct.pack("<II", 11, 12)))
    blocks.packet(0, ticks + 6, ETHERNET + datagram(5005), flags=1 | 4 << 2)
    data = datagram(5006)
    blocks.block(6, struct.pack("<IIIII", 1, ticks >> 32, ticks + 7 & 0xFFFFFFFF, len(data), 1500) + data +
                 b"\0" * (-len(data) % 4))
    return write("several.pcapng", blocks.bytes)


def written(path, *arguments):
    """The records of the run that wrote copy.pcapng."""
    return replay("-r", path, "-w", "copy.pcapng", *arguments)


def of_packets(output):
    """Records of packets and connections: the others have the file's name and what is written."""
    return b"\n".join(line for line in output.splitlines() if b'"sockline.run"' not in line
                      and b'"sockline.stats"' not in line)


def test_same():
    """The same packets for tshark, and the same records; the next copy is the same file."""
    capture = others()
    for path in (several(), write("others.pcap", capture.pcap())):
        records = written(path)
        if shutil.which("tshark"):
            expected, found = tshark(path, *FIELDS), tshark("copy.pcapng", *FIELDS)
            if path.endswith(".pcap"):
                expected = [fields[:4] + fields[6:] for fields in expected]
                found = [fields[:4] + fields[6:] for fields in found]
            check(found == expected, f"{path}: tshark reads the same packets", (expected, found))
        again = replay("-r", "copy.pcapng")
        check(of_packets(again) == of_packets(records), f"{path}: the copy gives the same records",
              first_difference(of_packets(records), of_packets(again)))
        os.rename("copy.pcapng", "first.pcapng")
        written("first.pcapng")
        with open("first.pcapng", "rb") as first, open("copy.pcapng", "rb") as second:
            check(first.read() == second.read(), f"{path}: the copy of the copy is the same file")


def test_comments():
    """As sockline(8) has them; tshark shows lines."""
    written(several())
    lines = [fields[0].replace("\\n", "\n") for fields in tshark("copy.pcapng", "frame.comment")]
    check(lines == [
        "sockline: end=source process.pid=7 process.name=a\\x20b\\x5c\u00fc\\xc2\\x85\\xe2\\x80\\xae "
        "process.executable=/bin/a\\x20b\\x5c\u00fc\\xc2\\x85\\xe2\\x80\\xae attribution.method=capture",
        "sockline: end=destination process.pid=8 process.name=a\\x0ab\\xff user.id=0 user.name=jo user.effective.id=5 "
        "attribution.method=capture",
        "sockline: end=source process.pid=9 attribution.method=capture attribution.shared_pids=9,10\n"
        "sockline: end=destination attribution.method=unknown attribution.reason=no_socket",
        "sockline: end=destination process.pid=77 process.name=mDNSResponder attribution.method=capture",
        "sockline: process.pid=11 attribution.method=capture", "", ""], "the comments", lines)


def test_long():
    """A path that makes a line longer than is read is left out."""
    written(file_of(([comment("PID: 7\nCmd: /" + "\u0085" * 600 + "/curl")], SENT)))
    process = of(replay("-r", "copy.pcapng"), "packet")[0].get("process")
    check(process == {"pid": 7, "name": "curl"}, "the process without its path", process)


def test_selection():
    """The packets of the records, also where these are not asked for."""
    capture = others()
    path = write("others.pcap", capture.pcap())
    for arguments in (("--port", "53"), ("--port", "53", "-e", "closed")):
        records = of(written(path, *arguments), "packet") or of(replay("-r", path, *arguments[:2]), "packet")
        ids = [int(fields[0]) for fields in tshark("copy.pcapng", "frame.packet_id")]
        check(ids == [record["sockline"]["packet"]["number"] for record in records] != [],
              f"{' '.join(arguments)}: the packets that have records, with their numbers", ids)
    stats = of(written(path, "-e", "stats"), "run_stopped")[0]["sockline"]["stats"]["write"]
    check(stats == {"packets": len(capture.packets), "dropped": 0, "bytes": os.path.getsize("copy.pcapng")} or
          stats["packets"] == len(capture.packets) and 0 < stats["bytes"] < os.path.getsize("copy.pcapng"),
          "they are counted", stats)


def refused(*arguments):
    result = subprocess.run([SOCKLINE, "-q", *arguments], capture_output=True, check=False, timeout=60)
    return result.returncode, result.stderr.decode().strip()


def test_file():
    """What is there is written over only where it is a pcapng file, and no other file of the run."""
    path = several()
    with open(path, "rb") as file:
        before = file.read()
    write("text", b"not a capture\n")
    os.symlink("copy.pcapng", "link.pcapng")
    for target, words in ((path, "another file"), ("text", "not a pcapng file"), ("link.pcapng", "symbolic link"),
                          ("/dev/null", "not a regular file")):
        status, told = refused("-r", path, "-w", target)
        check(status == 1 and words in told, f"{target} is refused", (status, told))
    for arguments, words in ((("-w", "-"), "needed for the records"), (("-S", "-w", "x"), "exclude each other")):
        status, told = refused(*arguments)
        check(status == 2 and words in told, f"{' '.join(arguments)} is refused", (status, told))
    with open(path, "rb") as file:
        check(file.read() == before, "the input is as it was")
    os.umask(0)
    written(path)
    size = os.path.getsize("copy.pcapng")
    check(stat.S_IMODE(os.stat("copy.pcapng").st_mode) == 0o640, "its mode")
    written(path)
    check(os.path.getsize("copy.pcapng") == size, "a second run begins it anew")


def contents(*paths):
    found = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                found.append(file.read())
        except FileNotFoundError:
            found.append(None)
    return found


def test_start():
    """Nothing is lost of a capture that is there while the run can still fail to start, or only tests itself."""
    path = several()
    written(path)
    write("half.ndjson", b'{"whole":1}\n{"ha')
    files = ("copy.pcapng", "half.ndjson", "new.pcapng", "new.ndjson")
    before = contents(*files)
    for options in (("-i", "nosuch0"), ("--netns", "/nonexist"), ("-r", "nosuch.pcapng")):
        status, told = refused(*options, "-w", "copy.pcapng")
        check(status == 1, f"{' '.join(options)}: no start", (status, told))
        check(contents(*files) == before, f"{' '.join(options)}: the capture is as it was")
    for records, packets in (("half.ndjson", "copy.pcapng"), ("new.ndjson", "new.pcapng")):
        lines = subprocess.run([SOCKLINE, "--self-test", "-r", path, "-o", records, "-w", packets], check=True,
                               capture_output=True, text=True, timeout=60).stdout.splitlines()
        check([f"output      {records}", f"packets     {packets}"] == lines[-2:], "--self-test: both files", lines)
        check(contents(*files) == before, "--self-test: they are neither made nor changed")
    result = subprocess.run([SOCKLINE, "--self-test", "-r", path, "-o", "nosuch/a", "-w", "half.ndjson"], check=False,
                            capture_output=True, text=True, timeout=60)
    missing = [line for line in result.stdout.splitlines() if line.startswith("MISSING")]
    check(result.returncode == 1 and len(missing) == 2 and "nosuch/a" in missing[0] and "half.ndjson" in missing[1],
          "--self-test: what cannot be written", (result.returncode, missing))


def test_pipe():
    """Whole, at the pace of the reader."""
    capture = others()
    path = write("others.pcap", capture.pcap())
    written(path)
    with open("copy.pcapng", "rb") as file:
        expected = file.read()
    command = f"{SOCKLINE} -q -r {path} -o records.ndjson -w - | (sleep 0.2; dd bs=100 status=none)"
    found = subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    check(found == expected, "a slow reader has the same file", (len(found), len(expected)))


def test_full():
    """A disk that is full for good: what is lost is reported, and the status says so."""
    path = several()
    result = subprocess.run([SOCKLINE, "-q", "-r", path, "-o", "records.ndjson", "-w", "-"], check=False, timeout=60,
                            stdout=os.open("/dev/full", os.O_WRONLY), stderr=subprocess.PIPE)
    check(result.returncode == 1 and b"-w: " in result.stderr, "packets that were not written", result.stderr)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
