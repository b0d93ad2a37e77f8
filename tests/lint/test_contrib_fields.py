#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What contrib's recipes name as fields of a record are such: in any of the notations that they have for a
path, each path that begins as the schema does is in the schema. Prints TAP."""

import json
import os
import re
import sys

import check_events_manual as schemas
from tap import check, complaints, done  # check_events_manual knows where it is

# Names that begin as a field and are none: files, subjects and packages.
FILES = r"ndjson|conf|db|sql|json|service|sysusers|sysctl|spec|records|failed|sincedb|read_time|targets|receiver"
NOTATIONS = (
    (r"\$!?|\$\.", ""),  # rsyslog: $!process!name; a path of SQLite: $.process.name
    (r"(?<=\w)!(?=\w)", "."),
    (r"['\"]?\]\[['\"]?", "."),  # Logstash: [process][name]; Fluent Bit: ['process']['name']
    (r"\['([\w@]+)'\]", r".\1"),
    (r"\{(\w+(?:,\w+)+)\}", lambda match: match[1].replace(",", ".")),  # PostgreSQL: {process,name}
    (r"\.sockline\.(?=(?:@|event|process|network|source|destination)\b)", ""),  # syslog-ng: our prefix
)
# In these files a path has slashes, or its parts stand apart (jq: .process.name is one).
SLASHES = ("lnav",)
# contrib/elastic has a test of its own; the other folders name none.
FOLDERS = ("clickhouse", "duckdb", "fluent-bit", "jq", "lnav", "logstash", "loki", "miller", "otel", "pipeline",
           "postgresql", "rsyslog", "splunk", "sqlite", "syslog-ng")
# Names of others: of Node.js, librdkafka, Miller and OpenTelemetry.
OTHERS = {"process.argv", "message.timeout.ms", "network.bytes_sum", "network.connection.state"}


def paths_of_schema():
    """Every path, of parts and of whole fields."""
    schema = json.loads(schemas.read("src/schema/sockline.schema.json"))
    found = set()
    for path, _ in schemas.fields_of_schema(schema, schema):
        parts = path.replace("[]", "").split(".")
        found |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return found


def names_in(text, tops, slashes=False):
    """The paths that begin with one of the top-level members."""
    for pattern, replacement in NOTATIONS:
        text = re.sub(pattern, replacement, text)
    if slashes:
        text = text.replace("/", ".")
    return set(re.findall(rf"(?<![\w.@/-])\.?((?:{tops})(?:\.(?!(?:{FILES})\b)[a-z][a-z_]*)+)\b(?!\()", text))


def recipes(root, folder):
    for name in sorted(os.listdir(os.path.join(root, "contrib", folder))):
        path = os.path.join("contrib", folder, name)
        if os.path.isfile(os.path.join(root, path)):
            yield path, schemas.read(path)


def main():
    known = paths_of_schema()
    tops = "|".join(sorted(path for path in known if re.fullmatch(r"[a-z]+", path)))
    samples = ("$!process!nam", "$process['nam']", "[process][nam]", "{process,nam}", "$.process.nam",
               ".sockline.process.nam", '"process.nam"', ".process.nam")
    check(all(names_in(sample, tops) == {"process.nam"} for sample in samples), "each notation is read",
          [(sample, names_in(sample, tops)) for sample in samples])
    seen = set()
    for folder in FOLDERS:
        found, wrong = set(), []
        for path, text in recipes(schemas.ROOT, folder):
            names = names_in(text, tops, folder in SLASHES)
            found |= names
            wrong += [f"{path}: {name}" for name in sorted(names - known - OTHERS)]
        complaints(f"contrib/{folder} names fields that a record has", wrong)
        check(found & known, "and some at all", folder)
        seen |= found
    complaints("names of others are found", OTHERS - seen)
    return done()


sys.exit(main())
