#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets of a live run as pcapng (-w): a replay gives the owners of the run, and tshark reads them."""

import json
import os
import subprocess

from harness import SOCKLINE, Namespace, check, path, run

# Short clients of a server, one after the other, each a process of its own; all but the server are gone at the end.
TRAFFIC = """
import os, socket, sys
"".encode("idna")  # it is loaded while that is still allowed
server = socket.create_server((sys.argv[1], 0), backlog=200)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind((sys.argv[1], 0))
for number in range(25):
    if os.fork() == 0:
        if number % 2:
            open("/proc/self/comm", "w").write(f"a b{number}")
        if number % 3 == 0:
            os.setuid(1000 + number)
        with socket.create_connection(server.getsockname()) as client:
            client.sendall(b"x" * 1000)
            client.recv(1000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", datagrams.getsockname())
        os._exit(0)
    accepted, _ = server.accept()
    accepted.recv(1000)
    accepted.sendall(b"y" * 500)
    accepted.close()
    datagrams.recv(10)
    os.wait()
"""


def owners(record):
    """All that a packet's record says of processes and users that are known."""
    sockline = record["sockline"]
    peer = sockline.get("peer", {})
    return record["@timestamp"], [
        record.get("process"), record.get("user"), record.get("container"), sockline["attribution"].get("shared_pids"),
        peer.get("process"), peer.get("user"), peer.get("attribution", {}).get("shared_pids")]


def replayed(file):
    result = subprocess.run([SOCKLINE, "-q", "-r", file, "-e", "packet"], capture_output=True, check=False, timeout=60)
    check(result.returncode == 0, "the replay ends well", result.stderr)
    records = map(json.loads, result.stdout.splitlines())
    return [record for record in records if record["event"]["action"] == "packet"]


def fields_of(file, *fields):
    arguments = [argument for field in fields for argument in ("-e", field)]
    result = subprocess.run(["tshark", "-r", file, "-T", "fields", *arguments], capture_output=True, check=True)
    return [line.split("\t") for line in result.stdout.decode().splitlines()]


def compare(host, *options):
    file, title = path(f"packets{len(options)}.pcapng"), " ".join(options)
    sockline = host.sockline("-e", "packet,stats", "-w", file, *options)
    host.run("python3", "-c", TRAFFIC, "127.0.0.1")
    sockline.wait_until_asleep()
    check(sockline.stop() == 0, f"{title}: ends well", sockline.stderr)
    live, again = sockline.find("packet"), replayed(file)
    known = sum("process" in record for record in live)
    check(len(live) > 200 and known > len(live) / 2, f"{title}: packets with owners", (known, len(live)))
    check(len(again) == len(live), f"{title}: each packet is there", (len(again), len(live)))
    differ = [(left, right) for left, right in zip(map(owners, live), map(owners, again)) if left != right]
    check(not differ, f"{title}: the replay gives the time and owners of the run", differ[:3])
    check({record["sockline"]["attribution"]["method"] for record in again} <= {"capture", "unknown"},
          f"{title}: by the file alone")
    stats = sockline.find("run_stopped")[0]["sockline"]["stats"]["write"]
    check((stats["packets"], stats["dropped"]) == (len(live), 0), f"{title}: they are counted", stats)
    read = fields_of(file, "frame.time_epoch", "frame.interface_name", "frame.packet_id", "frame.comment")
    check([int(fields[2]) for fields in read] == [record["sockline"]["packet"]["number"] for record in live] and
          {fields[1] for fields in read} == {"lo"}, f"{title}: tshark reads the same packets", read[:2])
    check([any(found) for _, found in map(owners, live)] == ["sockline: end=" in fields[3] for fields in read],
          f"{title}: tshark shows the owners")


def test_owners():
    """Short processes, on any and on a named interface; everything is given up that is not needed any more."""
    with Namespace() as host:
        compare(host, "-i", "any")
        compare(host, "-i", "lo", "-s", "100")
        check(os.stat(path("packets2.pcapng")).st_mode & 0o777 == 0o640, "the file's mode")


run(globals())
