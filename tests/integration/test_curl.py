#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The first thing that anybody tries: curl fetches from a server. Every record names both, and the
totals are those of tcpdump's capture of the same packets."""

import os
import shutil
import signal
import subprocess
import sys
import time

from harness import Namespace, check, path, run, until
from mksock import destination_end, source_end

PIECES, PIECE = 20, 15000
# http.server, but slow enough to be looked at.
SERVER = f"""
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", {PIECES} * {PIECE})
        self.end_headers()
        for _ in range({PIECES}):
            self.wfile.write(b"x" * {PIECE})
            time.sleep(0.06)
http.server.HTTPServer((sys.argv[1], 8080), Slow).serve_forever()
"""
MODES = ("tracepoints", "lookup")


class Tcpdump:
    def __init__(self, place, interface):
        self.file = path(f"tcpdump.{time.monotonic_ns()}.pcap")
        self.process = place.start("tcpdump", "-Z", "root", "-U", "--immediate-mode", "-s", "128", "-w",
                                   self.file, "-i", interface, "tcp")
        until(lambda: "listening on" in self.process.stderr, "tcpdump to begin")

    def totals(self):
        """(packets, bytes of the IP layer) by (address, port) of the sender."""
        self.process.wait_until_asleep()  # what it has not read by then it would not write
        self.process.stop(signal.SIGINT)
        rows = subprocess.run(["tshark", "-n", "-r", self.file, "-T", "fields", "-e", "ip.src",
                               "-e", "tcp.srcport", "-e", "ip.len"],
                              capture_output=True, text=True, check=True).stdout.splitlines()
        totals = {}
        for row in rows:
            address, port, length = row.split("\t")
            packets, size = totals.get((address, int(port)), (0, 0))
            totals[address, int(port)] = packets + 1, size + int(length)
        return totals


def is_named(end, process, name, executable):
    return end.pid == process.pid and end.name == name and end.executable == executable


def fetch(client, server, address, interface, mode):
    """One download, some seconds long. Both ends are on this host where both places are one."""
    http = server.start(sys.executable, "-c", SERVER, address)
    until(lambda: ":1F90 00000000:0000 0A" in server.run("cat", "/proc/net/tcp"), "the server to listen")
    tcpdump = Tcpdump(client, interface)
    sockline = client.sockline("-i", interface, "--attribution", mode, "tcp")
    curl = client.start("curl", "-sS", "-o", "/dev/null", f"http://{address}:8080/file")
    check(curl.wait() == 0, f"{mode}: curl ends well", curl.stderr)
    closed = sockline.wait_for("connection_closed")
    totals = tcpdump.totals()
    check(sockline.stop() == 0, f"{mode}: sockline ends well", sockline.stderr)
    http.stop()
    check_records(sockline, closed, curl, http, client is server, mode)
    ends = [(end["ip"], end["port"]) for end in (closed["source"], closed["destination"])]
    ours = {name: (end["packets"], end["bytes"])
            for name, end in zip(ends, (closed["source"], closed["destination"]))}
    check(ours == totals, f"{mode}: packets and bytes are tcpdump's", f"{ours}\n{totals}")
    counted = len(sockline.find("packet"))
    check(counted == sum(packets for packets, _ in totals.values()),
          f"{mode}: a record for each packet", f"{counted} {totals}")


def check_records(sockline, closed, curl, http, same_host, mode):
    executable = shutil.which("curl")
    python = os.path.realpath(sys.executable)
    named = {"opened": sockline.find("connection_opened"), "closed": [closed]}
    for what, records in named.items():
        check(len(records) == 1, f"{mode}: one connection {what}", records)
        # A lookup, and on a busy machine that of the listener, is done after the first packet.
        if what == "opened" and (mode == "lookup" or destination_end(records[0]).reason == "pending"):
            records = sockline.find("connection_attributed")[-1:] or records
        check(is_named(source_end(records[0]), curl, "curl", executable),
              f"{mode}: {what}: curl by pid, name and executable", records[0])
        if same_host:
            check(is_named(destination_end(records[0]), http, os.path.basename(sys.executable), python),
                  f"{mode}: {what}: the server too", records[0])
    packets = sockline.find("packet")
    sent = [source_end(record) for record in packets
            if record["source"]["port"] == closed["source"]["port"]]
    wrong = [end for end in sent if end.pid not in (curl.pid, None)]
    unnamed = [end for end in sent if end.pid is None]
    check(not wrong and (mode == "lookup" or not unnamed),
          f"{mode}: packets that curl sent are curl's", wrong or unnamed)
    check(len(unnamed) <= len(sent) // 2, f"{mode}: most are named", f"{len(unnamed)} of {len(sent)}")
    check(closed["event"]["reason"] == "fin" and closed["event"]["outcome"] == "success" and
          closed["event"]["duration"] > 10**9, f"{mode}: how it ended", closed["event"])
    check(closed["network"]["direction"] == "egress", f"{mode}: this host began it", closed["network"])
    check(closed["destination"]["bytes"] > PIECES * PIECE, f"{mode}: the file has passed", closed["destination"])


def test_loopback():
    with Namespace() as host:
        for mode in MODES:
            fetch(host, host, "127.0.0.1", "lo", mode)


def test_veth():
    with Namespace.pair() as (left, right):
        fetch(left, right, right.address, "veth0", "tracepoints")


if not all(map(shutil.which, ("curl", "tcpdump", "tshark"))):
    print("1..0 # SKIP needs curl, tcpdump and tshark")
    sys.exit(0)
run(globals())
