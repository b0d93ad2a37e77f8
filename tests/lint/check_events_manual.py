#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""sockline-events(5), the JSON Schema and the golden records name the same things. Prints TAP.

Fields are written as paths: "source.ip"; "[]" is any element of an array.
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import complaints, done  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
# ECS 9.4 has more; of these it has the types that stand here.
ECS = {
    "@timestamp": "string", "ecs.version": "string", "message": "string",
    "event.kind": "string", "event.category": "array", "event.type": "array", "event.action": "string",
    "event.dataset": "string", "event.sequence": "integer", "event.start": "string", "event.end": "string",
    "event.duration": "integer", "event.outcome": "string", "event.reason": "string",
    "host.name": "string", "host.id": "string", "host.os.type": "string", "host.boot.id": "string", "labels": "object",
    "observer.ingress.interface.name": "string", "observer.ingress.interface.id": "string",
    "observer.product": "string", "observer.type": "string", "observer.version": "string",
    "observer.os.kernel": "string",
    "network.type": "string", "network.transport": "string", "network.iana_number": "string",
    "network.direction": "string", "network.community_id": "string", "network.bytes": "integer",
    "network.packets": "integer", "network.vlan.id": "string", "network.inner.vlan.id": "string",
    "source.address": "string", "source.ip": "string", "source.port": "integer", "source.mac": "string",
    "source.bytes": "integer", "source.packets": "integer",
    "source.nat.ip": "string", "source.nat.port": "integer",
    "destination.nat.ip": "string", "destination.nat.port": "integer",
    "destination.address": "string", "destination.ip": "string", "destination.port": "integer", "destination.mac": "string",
    "destination.bytes": "integer", "destination.packets": "integer",
    "network.protocol": "string", "tls.client.server_name": "string", "http.request.method": "string",
    "url.domain": "string", "destination.domain": "string",
    "dns.type": "string", "dns.id": "string", "dns.op_code": "string", "dns.header_flags": "array",
    "dns.question.name": "string", "dns.question.type": "string", "dns.question.class": "string",
    "dns.response_code": "string", "dns.answers": "array", "dns.answers[].name": "string",
    "dns.answers[].type": "string", "dns.answers[].class": "string", "dns.answers[].ttl": "integer",
    "dns.answers[].data": "string", "dns.resolved_ip": "array",
    "process.pid": "integer", "process.name": "string", "process.entity_id": "string",
    "process.executable": "string", "process.start": "string", "process.parent.pid": "integer",
    "process.parent.name": "string", "process.args": "array", "process.args_count": "integer",
    "process.command_line": "string",
    "process.hash.sha256": "string", "process.end": "string", "process.exit_code": "integer",
    "process.parent.entity_id": "string", "process.parent.executable": "string",
    "user.id": "string", "user.name": "string", "user.effective.id": "string", "user.effective.name": "string",
    "group.id": "string", "container.id": "string", "container.name": "string",
    "container.image.name": "string", "container.runtime": "string", "orchestrator.namespace": "string",
    "orchestrator.resource.name": "string", "file.path": "string",
    "log.level": "string", "error.message": "string",
}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def resolve(schema, part):
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].split("/")[-1]]
    return part


def fields_of_schema(schema, part, path=""):
    """Yields (path, type) of everything but objects."""
    part = resolve(schema, part)
    kind = part.get("type")
    if kind == "object" and "properties" in part:
        for name, value in part["properties"].items():
            yield from fields_of_schema(schema, value, f"{path}.{name}" if path else name)
        return
    if kind is None:
        kind = "boolean" if part.get("const") is True else "string"
    yield path, kind
    if kind == "array" and resolve(schema, part["items"]).get("type") == "object":
        yield from fields_of_schema(schema, part["items"], path + "[]")


def fields_of_manual(text):
    """Path -> type, from lines such as `.It Va source.ip , destination.ip Pq string'."""
    found = {}
    for names, kind in re.findall(r"^\.It Va (.*) Pq (\w+)$", text, re.MULTILINE):
        for name in names.split(" , "):
            if name in found:
                raise SystemExit(f"Bail out! {name} is described twice")
            found[name] = kind
    return found


def fields_of_record(value, path=""):
    if isinstance(value, dict):
        for name, part in value.items():
            yield from fields_of_record(part, f"{path}.{name}" if path else name)
    else:
        yield path


def names_in_manual(text):
    """Words of .Cm, in .It lines too: values of fields and names of actions."""
    words = re.findall(r"^\.(?:It )?Cm (.*)$", text, re.MULTILINE)
    return {word for line in words for word in line.split() if re.fullmatch(r"[a-z_0-9-]+", word)}


def enumerations(schema, part):
    """All values that some field is limited to and that the manual has to explain."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "enum":
                yield from value
            elif name not in ("allOf", "propertyNames"):
                yield from enumerations(schema, value)


def first_example(text):
    """The record under EXAMPLES, its lines joined."""
    block = re.search(r"^\.Bd -literal\n(\{.*?)^\.Ed", text, re.MULTILINE | re.DOTALL)[1]
    return "".join(line.strip() for line in block.splitlines()) + "\n"


def failed_commands(text):
    """The jq commands under EXAMPLES, on the golden records: each has to print something."""
    if not shutil.which("jq"):
        return
    for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", text, re.MULTILINE | re.DOTALL):
        command = re.sub(r"^sockline [^|]*\|", "", block)
        if not command.lstrip().startswith("jq"):
            continue
        run = subprocess.run(["sh", "-c", command], input=read("tests/golden/records.ndjson"),
                             capture_output=True, text=True, check=False)
        if run.returncode != 0 or not run.stdout or run.stdout == "{}\n":
            yield f"{command}{run.stdout}{run.stderr}"


def main():
    schema = json.loads(read("src/schema/sockline.schema.json"))
    text = read("src/man/sockline-events.5")
    golden = read("tests/golden/records.ndjson").splitlines(keepends=True)
    specified = dict(fields_of_schema(schema, schema))
    described = fields_of_manual(text)
    own = {path for path in specified if path.startswith("sockline.")}
    actions = schema["properties"]["event"]["properties"]["action"]["enum"]
    explained = names_in_manual(text)
    # Values that mean what they say: names of protocols, kinds of socket, fields that were cut.
    plain = set(schema["properties"]["network"]["properties"]["transport"]["enum"]) | \
        set(schema["properties"]["sockline"]["properties"]["truncated"]["items"]["enum"]) | \
        set(schema["properties"]["event"]["properties"]["dataset"]["enum"]) | \
        set(schema["properties"]["sockline"]["properties"]["config"]["properties"]["events"]["items"]["enum"])

    complaints("each field of the schema is described, with its type",
               {f"{path} {kind}" for path, kind in specified.items() if described.get(path) != kind})
    complaints("each field that is described is in the schema", described.keys() - specified.keys())
    complaints("fields outside sockline are ECS's, with its types",
               {f"{path} {kind}" for path, kind in specified.items()
                if path not in own and ECS.get(path) != kind})
    complaints("each action is explained", set(actions) - explained)
    complaints("each value of an enumeration is explained",
               set(enumerations(schema, schema)) - explained - plain - set(actions))
    complaints("the golden records have one of each action, in the order of the schema",
               [] if [json.loads(line)["event"]["action"] for line in golden] == actions
               else ["they have not"])
    used = {path for line in golden for path in fields_of_record(json.loads(line))}
    complaints("the golden records use known fields", used - specified.keys())
    complaints("the example in the manual is the first golden record",
               [] if first_example(text) == golden[0] else [first_example(text)])
    complaints("the examples with jq work on the golden records", set(failed_commands(text)))
    complaints("the manual's schema version is the schema's",
               [] if f"schema {schema['$id'].split(':')[-1]}." in text else [schema["$id"]])
    return done()


if __name__ == "__main__":
    sys.exit(main())
