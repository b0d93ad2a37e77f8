#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Narrow records (--fields, --without): what is left of whole ones, and valid but for what is required."""

import json
import os
import sys

from test_replay import CASES, check, compare, records_of, replay, run_all, without_local, write

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
from schema_check import compile_schema  # noqa: E402

SCHEMA = os.path.join(HERE, "../../src/schema/sockline.schema.json")
CORE = ["@timestamp", "event.action", "event.sequence", "sockline.run", "sockline.truncated"]
OWN = ("sockline.run", "sockline.log", "sockline.stats")  # datasets of records about sockline itself
EIGHT = ("source.ip,source.port,destination.ip,destination.port,network.transport,network.bytes,"
         "process.pid,process.name")
CHOICES = ((EIGHT, None), ("source", None), ("destination.mac", None), ("source.mac,destination.mac,network.vlan", None),
           ("sockline.tcp,sockline.icmp.type,event", None), ("sockline.connection,sockline.tunnel", None),
           ("sockline.packet.length,sockline.attribution.method,network", None), ("source,destination", "source.mac"),
           (None, "ecs,host,event.kind,event.category,event.type"), (None, "source.ip,sockline.packet,sockline.tcp.seq"),
           ("labels,observer", None), ("@timestamp", None))


def inside(path, others):
    return any(path == other or path.startswith(other + ".") for other in others)


def around(path, others):
    return any(other.startswith(path + ".") for other in others)


def left_of(value, fields, without, path=""):
    """The same slowly: for each member the lists again. None: nothing."""
    if isinstance(value, list):
        left = [left_of(part, fields, without, path) for part in value]
        return [part for part in left if part is not None] or None
    left = {}
    for name, part in value.items():
        inner = f"{path}.{name}" if path else name
        wanted = fields is None or inside(inner, fields)
        partly = around(inner, CORE) or (around(inner, fields) if fields else False) or \
            (wanted and around(inner, without))
        if inside(inner, CORE) or (wanted and not partly and not inside(inner, without)):
            left[name] = part
        elif partly:
            kept = left_of(part, fields, without if wanted else ["", *without], inner)
            if kept is not None:
                left[name] = kept
    return left or None


def narrowed(record, fields, without):
    if record["event"]["dataset"] in OWN:
        fields = None
        if not without:
            return record
    return left_of(record, fields and fields.split(","), without.split(",") if without else [])


def loosened(schema):
    """Without what has to be there: that is of whole records."""
    if isinstance(schema, dict):
        return {name: loosened(part) for name, part in schema.items()
                if name not in ("required", "dependentRequired", "minProperties", "contains")
                or not isinstance(part, (list, int, dict))}
    return [loosened(part) for part in schema] if isinstance(schema, list) else schema


def is_valid(valid, records):
    return all(valid(record) and {"action", "sequence"} <= record["event"].keys() and
               "@timestamp" in record and "run" in record["sockline"] for record in records)


def test_choices():
    with open(SCHEMA, encoding="utf-8") as file:
        valid = compile_schema(loosened(json.load(file)))
    for name, make in CASES.items():
        write(f"{name}.pcap", make().pcap())
        whole = records_of(replay("-r", f"{name}.pcap", "-e", "all"))
        for fields, without in CHOICES:
            options = [*(("--fields", fields) if fields else ()), *(("--without", without) if without else ())]
            found = records_of(replay("-r", f"{name}.pcap", "-e", "all", *options))
            title = f"{name} {' '.join(options)}"
            check(is_valid(valid, found), f"{title}: valid")
            for one, other in zip(whole, found):
                if one["event"]["action"] == "run_started":
                    config = other.get("sockline", {}).get("config", {})
                    check(config.pop("fields", None) == (fields and fields.split(",")) and
                          config.pop("without", None) == (without and without.split(",")),
                          f"{title}: run_started names them", config)
                if "stats" in one["sockline"]:  # which count the bytes
                    one["sockline"]["stats"]["records"] = other["sockline"]["stats"]["records"]
            wrong = [(narrowed(one, fields, without), other) for one, other in zip(whole, found)
                     if json.dumps(narrowed(one, fields, without)) != json.dumps(other)]
            check(not wrong and len(whole) == len(found), f"{title}: what is left", wrong[:1])


def test_golden():
    output = b"".join(replay("-r", f"{name}.pcap", "-e", "packet,connection", "--fields", EIGHT,
                             "--without", "process.parent") for name in CASES)
    compare("replay_fields.ndjson", without_local(output), "the golden records of eight fields")


if __name__ == "__main__":
    sys.exit(run_all(globals()))
