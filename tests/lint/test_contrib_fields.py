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
from tap import check, complaints, done, skip  # check_events_manual knows where it is

# Names that begin as a field and are none: files, subjects and packages.
FILES = r"ndjson|conf|yaml|yml|db|sql|json|service|sysusers|sysctl|spec|records|failed|sincedb|read_time|targets|receiver"
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
FOLDERS = ("clickhouse", "duckdb", "filebeat", "fluent-bit", "jq", "lnav", "logstash", "loki", "miller", "otel", "pipeline",
           "postgresql", "rsyslog", "splunk", "sqlite", "syslog-ng", "vector")
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


# How a recipe names the form of a time, and the pieces of that form.
TIMES = (("fluent-bit/parsers.conf", r"Time_Format +(\S+)"), ("splunk/props.conf", r"TIME_FORMAT = (\S+)"),
         ("otel/sockline.yaml", r'layout: "(.*?)"'), ("loki/config.alloy", r'format = "(.*?)"'),
         ("vector/README.md", r'parse_timestamp!\(\.@timestamp, "(.*?)"\)'),
         ("vector/sockline.yaml", r'parse_timestamp!\(\.@timestamp, "(.*?)"\)'))
RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
WHOLE = {"RFC3339Nano": RFC3339, "2006-01-02T15:04:05.999999999Z07:00": RFC3339, "%+": RFC3339}
PIECES = {"%Y": r"\d{4}", "%m": r"\d\d", "%d": r"\d\d", "%H": r"\d\d", "%M": r"\d\d", "%S": r"\d\d", "%L": r"\d{1,9}",
          "%9N": r"\d{9}", "%z": r"(Z|[+-]\d\d:?\d\d)", "%Z": r"[A-Z]+"}


def pattern_of(form):
    """What fits a form of a time; None for one with a piece that is not known."""
    if form in WHOLE:
        return WHOLE[form]
    found = "".join(PIECES.get(piece, re.escape(piece)) for piece in re.findall(r"%\d?\w|.", form))
    return None if "%" in found else found


def test_times():
    """Each recipe takes the record's own time, to the nanosecond, in a form that fits it."""
    with open(os.path.join(schemas.ROOT, "tests/golden/records.ndjson"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    times = [json.loads(line)["@timestamp"] for line in lines]
    check(all(re.fullmatch(r".*\.\d{9}Z", time) for time in times), "a time has nine digits", times[:1])
    for name, form in TIMES:
        found = re.search(form, schemas.read(f"contrib/{name}"))
        pattern = pattern_of(found[1]) if found else None
        wrong = [time for time in times if not pattern or not re.fullmatch(pattern, time)]
        check(not wrong, f"contrib/{name} has the form of a record's time", (found and found[1], wrong[:1]))
    prefix = re.search(r"TIME_PREFIX = (.*)", schemas.read("contrib/splunk/props.conf"))[1]
    wrong = [line for line, time in zip(lines, times) if not line[re.search(prefix, line).end():].startswith(time)]
    check(not wrong, "Splunk looks for the time where it is", wrong[:1])
    stated = re.search(r"ordinary records have [^.]*?([\d,]+)\.\n", schemas.read("contrib/splunk/README.md"))
    wrong = [line for line in lines if not stated or len(line) >= int(stated[1].replace(",", ""))]
    check(not wrong, "and its README states the length of ordinary records", (stated and stated[0], wrong[:1]))


def test_yaml():
    try:
        import yaml
    except ImportError:
        skip("the files of YAML", "needs python3-yaml")
        return
    blocks = re.findall(r"^  ```yaml\n(.*?)^  ```", schemas.read("contrib/vector/README.md"), re.M | re.S)
    check(len(blocks) == 1 and isinstance(yaml.safe_load(blocks[0]), dict), "contrib/vector: its README's YAML", blocks)
    otel, vector, beat = (yaml.safe_load(schemas.read(f"contrib/{name}"))
                          for name in ("otel/sockline.yaml", "vector/sockline.yaml", "filebeat/filebeat.yml"))
    pipeline = otel["service"]["pipelines"]["logs/sockline"]
    check(all(set(pipeline[kind]) <= otel[kind].keys() for kind in ("receivers", "processors", "exporters")) and
          set(otel["service"]["extensions"]) <= otel["extensions"].keys() and
          otel["receivers"]["filelog/sockline"]["storage"] in otel["extensions"],
          "OpenTelemetry: each part that is named is there", otel)
    parts = vector["sources"].keys() | vector["transforms"].keys()
    inputs = [name for kind in ("transforms", "sinks") for part in vector[kind].values() for name in part["inputs"]]
    check(inputs and set(inputs) == parts, "Vector: each input that is named is there, and no part is left over", inputs)
    files = [otel["receivers"]["filelog/sockline"]["include"], vector["sources"]["sockline_file"]["include"],
             beat["filebeat.inputs"][0]["paths"]]
    check(files == 3 * [[LOG]], "they read the file of the service", files)


# Folders of those who take the records, and the files that a user copies. The others' README is the recipe.
LOG = "/var/log/sockline/sockline.ndjson"
CONSUMERS = ("clickhouse", "duckdb", "elastic", "filebeat", "fluent-bit", "jq", "lnav", "logstash", "loki", "miller", "mqtt",
             "nats", "otel", "pipeline", "postgresql", "redis", "rsyslog", "splunk", "sqlite", "syslog-ng", "vector")
RECIPES = ("miller", "mqtt")
READERS = ("filebeat", "fluent-bit", "logstash", "loki", "otel", "pipeline", "rsyslog", "splunk", "syslog-ng", "vector")


def test_folders():
    """Each folder is all that a user copies: files, and a README that names them, versions, pitfalls and the test."""
    for name in CONSUMERS:
        readme = schemas.read(f"contrib/{name}/README.md")
        files = sorted(set(os.listdir(os.path.join(schemas.ROOT, "contrib", name))) - {"README.md"})
        check(bool(files) == (name not in RECIPES), f"contrib/{name}: files to copy", files)
        check(all(file in readme for file in files), "its README names them", files)
        check(re.search(r"\b(tests/|test_)\w+", readme) and re.search(r"^- ", readme, re.M) and
              re.search(r"(Tested with|Tried with|measured with|For|from|[Ww]ritten from .*) [A-Z@/\w]+[\w@/ '-]* \d+(\.\d+)*", readme),
              "versions, pitfalls, and what tests it", readme)
    for name in READERS:
        check(any(LOG in text for path, text in recipes(schemas.ROOT, name) if not path.endswith("README.md")),
              f"contrib/{name} reads the file of the service", name)


def main():
    test_times()
    test_yaml()
    test_folders()
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
