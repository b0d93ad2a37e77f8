# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The validator takes the golden records and refuses what is broken in them, one thing at a time."""

import copy
import importlib.machinery
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

ROOT = os.environ.get("top_srcdir", ".")
HELPERS = os.path.join(ROOT, "tests/helpers")
SCHEMA = os.path.join(ROOT, "src/schema/sockline.schema.json")
sys.path.insert(0, HELPERS)
import schema_check  # noqa: E402
from tap import check, comment, done, skip_all  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import jsonschema
    except ImportError:
        jsonschema = None

with open(os.path.join(ROOT, "tests/golden/records.ndjson"), "rb") as golden:
    LINES = golden.read().splitlines(keepends=True)
PACKET, OPENED, CLOSED, SOCKET = LINES[0], LINES[1], LINES[5], LINES[7]
RANDOM_CASES = 1000


def of(action):
    return next(line for line in LINES if b'"action":"%s"' % action.encode() in line)


def swap(line, old, new):
    if isinstance(old, str):
        old, new = old.encode(), new.encode()
    assert old in line, old
    return line.replace(old, new, 1)


# Name, input, what the message must hold. A line alone may begin with any sequence number.
BROKEN = (
    ("no LF at the end", PACKET[:-1], "LF"),
    ("CR LF", PACKET[:-1] + b"\r\n", "around"),
    ("empty line", b"\n", "Expecting value"),
    ("a blank before the object", b" " + PACKET, "around"),
    ("two objects on a line", PACKET[:-1] + PACKET, "Extra data"),
    ("an array", b"[" + PACKET[:-1] + b"]\n", "around"),
    ("half a line", PACKET[:300] + b"\n", "Unterminated string"),
    ("byte order mark", b"\xef\xbb\xbf" + PACKET, "Expecting value"),
    ("not UTF-8", swap(PACKET, b"curl", b"c\xffrl"), "utf-8"),
    ("overlong UTF-8", swap(PACKET, b"curl", b"c\xc0\xafrl"), "utf-8"),
    ("half a surrogate pair", swap(PACKET, "curl", "\\ud800"), "surrogate"),
    ("a bare control byte", swap(PACKET, b"curl", b"c\x01rl"), "control"),
    ("DEL", swap(PACKET, b"curl", b"c\x7frl"), "control"),
    ("a bidirectional control", swap(PACKET, "curl", "c\u202erl"), "control"),
    ("a duplicate key", swap(PACKET, '"ttl":64', '"ttl":64,"ttl":64'), "duplicate key ttl"),
    ("NaN", swap(PACKET, '"ttl":64', '"ttl":NaN'), "not JSON"),
    ("a fraction", swap(PACKET, '"ttl":64', '"ttl":64.0'), "not an integer"),
    ("an exponent", swap(PACKET, '"ttl":64', '"ttl":64e0'), "not an integer"),
    ("null", swap(PACKET, '"ttl":64', '"ttl":null'), "ttl"),
    ("true for a number", swap(PACKET, '"ttl":64', '"ttl":true'), "ttl"),
    ("a number too large", swap(PACKET, '"ttl":64', '"ttl":256'), "ttl"),
    ("a count over 2^53", swap(PACKET, '"number":9', '"number":9007199254740992'), "number"),
    ("an identifier as a number", swap(PACKET, '"id":"1000"', '"id":1000'), "user.id"),
    ("an identifier in upper case", swap(PACKET, "9f86d081884c7d65", "9F86D081884C7D65"), "entity_id"),
    ("an empty string", swap(PACKET, '"name":"curl"', '"name":""'), "process.name"),
    ("a field of no one", swap(PACKET, '"ttl":64', '"ttl":64,"tos":0'), "tos"),
    ("a top-level field of no one", swap(PACKET, '"host":', '"type":"x","host":'), "type"),
    ("8,001 bytes", swap(PACKET, "/usr/bin/curl", "x" * (8001 - len(PACKET) + 13)), "8001 bytes"),
    ("no time", swap(PACKET, b'"@timestamp":"2026-11-22T10:11:12.123456789Z",', b""), "@timestamp"),
    ("milliseconds", swap(PACKET, "12.123456789Z", "12.123Z"), "@timestamp"),
    ("local time", swap(PACKET, "12.123456789Z", "12.123456789+01:00"), "@timestamp"),
    ("no attribution", swap(PACKET, ',"attribution":{"method":"socket"}', ""), "attribution"),
    ("unknown without a reason", swap(PACKET, '"method":"socket"', '"method":"unknown"'), "reason"),
    ("known with a reason", swap(PACKET, '"method":"socket"', '"method":"socket","reason":"exited"'),
     "reason"),
    ("the dataset of another action", swap(PACKET, "sockline.packet", "sockline.socket"), "dataset"),
    ("the type of another action", swap(OPENED, '"start"]', '"end"]'), "type"),
    ("a packet with a parent", swap(PACKET, '"user":', '"message":"x","user":'), "message"),
    ("a flag of no one", swap(PACKET, '["syn"]', '["xyz"]'), "flags"),
    ("a flag twice", swap(PACKET, '["syn"]', '["syn","syn"]'), "flags"),
    ("IPv6 not in RFC 5952 form", swap(SOCKET, '"ip":"::"', '"ip":"0::0"'), "canonical"),
    ("IPv4-mapped IPv6", swap(SOCKET, '"ip":"::"', '"ip":"::ffff:1.2.3.4"'), "destination.ip"),
    ("IPv4 with a leading zero", swap(PACKET, "10.0.2.15", "10.0.2.015"), "canonical"),
    ("IPv4 as IPv6", swap(PACKET, '"type":"ipv4"', '"type":"ipv6"'), "network.type"),
    ("end before start", swap(CLOSED, '"start":"2026-11-22T10:11:12', '"start":"2026-11-22T10:12:12'),
     "before"),
    ("a sum that is none", swap(CLOSED, '"bytes":6011', '"bytes":6010'), "sum"),
    ("one of the counts missing", swap(CLOSED, ',"bytes":812,"packets":9}', ',"bytes":812}'), "packets"),
    ("an interval where none belongs", swap(of("connection_updated"), '_updated"', '_opened"'), "event"),
    ("a loss of nothing", swap(of("records_dropped"), '"count":12', '"count":0'), "count"),
    ("a stop without reason", swap(of("run_stopped"), ',"reason":"signal"', ""), "reason"),
    ("numbers that repeat", PACKET + PACKET, "event.sequence 1 after 1"),
    ("numbers that go back", OPENED + PACKET, "event.sequence 1 after 2"),
    ("a gap that nobody announces", PACKET + CLOSED, "4 records missing, 0 announced"),
    ("a gap that is announced as less", PACKET + swap(of("records_dropped"), ":32}", ":15}"),
     "13 records missing"),
    ("more announced than missing", PACKET + swap(of("records_dropped"), ":32}", ":5}"), "announced"),
)


def run_validate(data, *options):
    run = subprocess.run(["/usr/bin/python3", os.path.join(HELPERS, "validate"), *options],
                         input=data, capture_output=True, check=False)
    return run.returncode, run.stdout.decode() + run.stderr.decode()


def served(*streams):
    """Whether there is a complaint about each (data, partial), from one process."""
    with tempfile.TemporaryDirectory() as folder:
        requests = []
        for number, (data, partial) in enumerate(streams):
            requests.append(json.dumps({"file": os.path.join(folder, str(number)), "partial": partial}))
            with open(os.path.join(folder, str(number)), "wb") as file:
                file.write(data)
        run = subprocess.run([sys.executable, os.path.join(HELPERS, "validate"), "--serve"], text=True,
                             input="\n".join(requests), capture_output=True, check=False)
    return [json.loads(line) is not None for line in run.stdout.splitlines()]


def load_validator():
    """The same without a process for each case; the program has no suffix to import it by."""
    path = os.path.join(HELPERS, "validate")
    loader = importlib.machinery.SourceFileLoader("validate", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("validate", loader))
    loader.exec_module(module)
    return module.Validator(SCHEMA)


def places(value, found):
    """Every object and array below value, itself included."""
    if isinstance(value, (dict, list)):
        found.append(value)
        for part in value.values() if isinstance(value, dict) else value:
            places(part, found)
    return found


def mutate(generator, record, other):
    place = generator.choice([place for place in places(record, []) if place])
    key = generator.choice(list(place) if isinstance(place, dict) else range(len(place)))
    kind = generator.randrange(4)
    if kind == 0:
        del place[key]
    elif kind == 1:
        place[key] = generator.choice([None, True, 0, -1, 2**53, "", "x", [], {}, ["x"], {"x": 1}])
    elif kind == 2:
        donor = generator.choice([place for place in places(other, []) if isinstance(place, dict)])
        name = generator.choice(list(donor) or ["x"])
        (place if isinstance(place, dict) else record)[name] = copy.deepcopy(donor.get(name))
    else:
        source = generator.choice([place for place in places(other, []) if place])
        place[key] = copy.deepcopy(generator.choice(
            list(source.values()) if isinstance(source, dict) else source))


def compare_with_jsonschema(generator):
    """schema_check.py and jsonschema agree on records of which one to three things are broken."""
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    fast = schema_check.compile_schema(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    slow = jsonschema.Draft202012Validator(schema)
    records = [json.loads(line) for line in LINES]
    taken, apart = 0, []
    for _ in range(RANDOM_CASES):
        record = copy.deepcopy(generator.choice(records))
        for _ in range(generator.randrange(1, 4)):
            mutate(generator, record, generator.choice(records))
        verdict = fast(record)
        taken += verdict
        if verdict != slow.is_valid(record):
            apart.append(json.dumps(record))
    return taken, apart


def main():
    if jsonschema is None:
        return skip_all("needs jsonschema")
    validator = load_validator()
    status, output = run_validate(b"".join(LINES))
    check(status == 0 and output == f"{len(LINES)}\n", "the golden records", output)
    for name, data, message in BROKEN:
        _, complaint = validator.check_stream(io.BytesIO(data))
        check(complaint is not None and message in complaint, f"refused: {name}", str(complaint))
    status, output = run_validate(PACKET + CLOSED)
    check(status == 1 and "missing" in output, "status 1, and why", output)
    status, output = run_validate(PACKET + CLOSED, "--partial")
    check(status == 0 and output == "2\n", "--partial: a gap at the end may stay unannounced", output)
    status, output = run_validate(b"")
    check(status == 0 and output == "0\n", "no lines at all", output)
    check(served((PACKET, False), (PACKET + CLOSED, False), (PACKET + CLOSED, True), (OPENED, False)) ==
          [False, True, False, False], "--serve: each stream has its own answer")

    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    comment(f"SEED={seed}")
    taken, apart = compare_with_jsonschema(random.Random(seed))
    check(not apart, f"jsonschema agrees on {RANDOM_CASES} broken records, {taken} of them valid still",
          "\n".join(apart))
    return done()


if __name__ == "__main__":
    sys.exit(main())
