#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""contrib/elastic: the mappings are those of the schema, and what the ingest pipeline makes."""

import copy
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
import ingest  # noqa: E402
from fields import fields_of  # noqa: E402
from tap import check, complaints, done  # noqa: E402

ROOT = os.path.join(HERE, "../..")
ELASTIC = os.path.join(ROOT, "contrib/elastic")
SCHEMA = os.path.join(ROOT, "src/schema/sockline.schema.json")
TYPES = {"date_nanos", "date", "ip", "keyword", "constant_keyword", "long", "boolean", "match_only_text",
         "wildcard", "object"}


def load(name):
    with open(os.path.join(ELASTIC, name), encoding="utf-8") as file:
        return json.load(file)


def records():
    with open(os.path.join(ROOT, "tests/golden/records.ndjson"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def types_of(mapping, path=""):
    """Path of each field -> its type."""
    if "type" in mapping:
        return {path: mapping["type"]}
    found = {}
    for name, inner in mapping["properties"].items():
        found.update(types_of(inner, f"{path}.{name}" if path else name))
    return found


def test_template(types):
    made = subprocess.run([sys.executable, os.path.join(ELASTIC, "make-template"), SCHEMA],
                          capture_output=True, check=True).stdout
    with open(os.path.join(ELASTIC, "component-template.json"), "rb") as file:
        check(file.read() == made, "component-template.json is what make-template makes of the schema",
              "contrib/elastic/make-template src/schema/sockline.schema.json >contrib/elastic/component-template.json")
    check(set(types.values()) == TYPES, "its types", set(types.values()) ^ TYPES)
    check(len(types) < 900, "fewer fields than Elasticsearch allows (1,000 with objects)", len(types))
    index = load("index-template.json")
    check(index["composed_of"] == ["sockline-mappings"] and "data_stream" in index, "a data stream with them")
    check(index["template"]["settings"]["index"]["default_pipeline"] == "sockline", "and with the pipeline")


def matches(kind, value):
    """A value that a field of that type takes without a change."""
    values = value if isinstance(value, list) else [value]
    wanted = {"long": int, "boolean": bool}.get(kind, str)
    return all(type(each) is wanted for each in values)


def test_records(types, pipeline):
    """Each field of the example records, and what the pipeline adds, has a mapping that takes it."""
    wrong = set()
    for record in records():
        for document in (copy.deepcopy(record), ingest.run_pipeline(pipeline, record)[1]):
            for path in fields_of(document):
                if "[]" in path and path.replace("[]", "") not in types:
                    wrong.add(path)
                elif "[]" not in path and not path.startswith("labels."):
                    kind, value = types.get(path), ingest.field_of(document, path)
                    elements = isinstance(value, list) and value and isinstance(value[0], dict)
                    if not elements and (kind is None or not matches(kind, value)):
                        wrong.add(f"{path}: {value} is no {kind}")
    complaints("the example records fit the mappings, before and after the pipeline", wrong)


def test_pipeline_fields(types, pipeline):
    complaints("the pipeline reads fields of the schema, or that it made",
               ingest.fields_read(pipeline) - types.keys())
    complaints("the pipeline writes fields that have a mapping",
               ingest.fields_written(pipeline) - types.keys() - {"_id"})


def made(pipeline, **parts):
    record = {"event": {"sequence": 7, "type": ["x"]}, "host": {"id": "h", "os": {"type": "linux"}},
              "sockline": {"run": "b1946ac92492d234"}}
    for path, value in parts.items():
        ingest.put(record, path.replace("__", "."), value)
    return ingest.run_pipeline(pipeline, record)


def test_actions(pipeline):
    for action, direction, wanted in (("connection_opened", "egress", "connection_attempted"),
                                      ("connection_opened", "ingress", "connection_accepted"),
                                      ("connection_opened", "unknown", "connection_opened"),
                                      ("connection_closed", "egress", "connection_closed"),
                                      ("process_started", None, "fork"), ("process_executed", None, "exec"),
                                      ("process_ended", None, "end"), ("packet", "egress", "packet")):
        document = made(pipeline, event__action=action, **{"network__direction": direction} if direction else {})[1]
        check(document["event"]["action"] == wanted and document["event"]["code"] == action,
              f"{action}, {direction}: {wanted}", document)
        again = ingest.run_pipeline(pipeline, copy.deepcopy(document))[1]
        check(again == document, f"{action}, {direction}: a second time changes nothing", again)
    document = made(pipeline, event__action="process_executed")[1]
    check(document["event"]["type"] == ["x", "start"], "an executed program is a start", document)


def test_added(pipeline):
    key, document = made(pipeline, event__action="packet")
    check(key == "b1946ac92492d234-7", "_id is run and sequence", key)
    check(document["agent"]["id"] == "h", "a host is its own agent", document)
    check(document["event"]["ingested"] == ingest.NOW, "event.ingested", document)
    check("related" not in document, "nothing related where there is nothing", document)
    check(made(pipeline, agent__id="a")[1]["agent"]["id"] == "a", "a shipper's id stays")
    document = made(pipeline, source__ip="10.0.0.1", source__nat__ip="192.0.2.1", destination__ip="192.0.2.2",
                    destination__nat__ip="10.0.0.1", dns__resolved_ip=["192.0.2.3", "192.0.2.2"], user__name="alice",
                    user__effective__name="root")[1]
    check(document["related"] == {"ip": ["10.0.0.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"], "user": ["alice", "root"]},
          "related.ip and related.user have each once", document["related"])


def main():
    types = types_of(load("component-template.json")["template"]["mappings"])
    pipeline = load("pipeline.json")
    test_template(types)
    test_pipeline_fields(types, pipeline)
    test_records(types, pipeline)
    test_actions(pipeline)
    test_added(pipeline)
    return done()


if __name__ == "__main__":
    sys.exit(main())
