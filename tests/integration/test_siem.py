#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Conditions of detection rules hold on records that contrib/elastic's ingest pipeline has seen.

The rules are three of those that Elastic publishes for Linux; their fields and values, in jq's words.
"""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import ingest  # noqa: E402
from harness import TREE, Namespace, check, path, run, skip, write

ELASTIC = os.path.join(TREE, "contrib/elastic")
OUTSIDE = "8.8.8.8"  # rules leave private addresses and those of documentation out; it is in a namespace here
# A connection by a process of another name, and one that it accepts.
TALK = """
import ctypes, socket, sys
ctypes.CDLL(None).prctl(15, b"kworker/u8:3", 0, 0, 0)
listener = socket.create_server(("0.0.0.0", 2323))
client = socket.create_connection((sys.argv[1], 23))
print("ready", flush=True)
server, _ = listener.accept()
sys.stdin.readline()
"""
ANSWER = """
import socket, sys
with socket.create_server((sys.argv[1], 23)) as listener:
    print("ready", flush=True)
    client = listener.accept()[0]
    back = socket.create_connection((sys.argv[2], 2323))
    other = listener.accept()[0]
    sys.stdin.readline()
"""
JQ = r"""
def outside: .destination.ip
  | (type == "string") and (test("^(10|127|169\\.254|192\\.168|172\\.(1[6-9]|2[0-9]|3[01]))\\.|^::1$|^f[ef]") | not);
def network($actions): .host.os.type == "linux" and (.event.category | index("network") != null)
  and IN(.event.action; $actions[]);
def kworker: select(network(["connection_attempted", "connection_accepted"]) and outside
  and (.process.name // "" | startswith("kworker")) and (IN(.destination.port; 2049, 111, 892, 597) | not));
def unusual: select(network(["connection_attempted"]) and outside and (.event.type | index("start") != null)
  and (.process.executable // "" | test("^(/tmp|/var/tmp|/dev/shm)/")));
def telnet: . as $all | .[] | select(.host.os.type == "linux" and .process.name == "telnet"
    and (.event.category | index("process") != null) and (.event.type | index("start") != null)
    and IN(.event.action; "exec", "start"))
  | . as $exec | $all[] | select(.process.entity_id == $exec.process.entity_id and .process.name == "telnet"
    and .host.os.type == "linux" and (.event.category | index("network") != null) and outside
    and ."@timestamp" >= $exec."@timestamp");
"""


def lines():
    """Lines about a process with the name of a kernel thread, and a telnet that lies in /tmp."""
    program = shutil.copy(shutil.which("busybox"), path("telnet"))
    with Namespace.pair() as (left, right):
        right.ip("addr", "add", OUTSIDE, "dev", "lo")
        left.ip("route", "add", "default", "via", right.address)
        sockline = left.sockline("-e", "connection,lifecycle", "--all-processes")
        peer = right.start(sys.executable, "-c", ANSWER, OUTSIDE, left.address)
        peer.line()
        worker = left.start(sys.executable, "-c", TALK, OUTSIDE)
        worker.line()
        telnet = left.start("sh", "-c", f"exec {program} {OUTSIDE} 23")
        sockline.wait_for("connection_opened", count=3)
        # The peer's end ends telnet.
        for process in (worker, peer):
            process.send("\n")
        sockline.wait_for("connection_closed", count=3)
        sockline.stop()
    return sockline.output.splitlines()


def alerts(documents, rule):
    file = write("documents.ndjson", "".join(json.dumps(one) + "\n" for one in documents))
    options = ("-s",) if rule == "telnet" else ()
    found = subprocess.run(["jq", "-c", *options, JQ + rule, file], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in found.splitlines()]


def test_rules():
    if not shutil.which("jq") or not shutil.which("busybox"):
        skip("rules", "needs jq and busybox")
        return
    with open(os.path.join(ELASTIC, "pipeline.json"), encoding="utf-8") as file:
        pipeline = json.load(file)
    # Other processes of a busy machine are thousands.
    records = [record for record in map(json.loads, lines())
               if record["event"]["dataset"] != "sockline.process" or record["process"].get("name") == "telnet"]
    for rule in ("kworker", "unusual", "telnet"):
        check(not alerts(records, rule), f"{rule}: not without the pipeline")
    results = [ingest.run_pipeline(pipeline, record) for record in records]
    check(len({key for key, _ in results}) == len(records), "each record has an _id of its own")
    documents = [document for _, document in results]
    for rule, name in (("kworker", "kworker/u8:3"), ("unusual", "telnet"), ("telnet", "telnet")):
        found = alerts(documents, rule)
        check(found and {one["process"]["name"] for one in found} == {name}, f"{rule}: finds {name}", found)
    accepted = [one for one in documents if one["event"]["action"] == "connection_accepted"]
    check([one["destination"]["port"] for one in accepted] == [2323], "what came in was accepted", accepted)


run(globals())
