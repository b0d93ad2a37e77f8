# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What src/schema/released/VERSION.schema.json promised holds: no field, value of a field or action of
a released version is removed, no field is retyped, and what each record had to have it still has."""

import copy
import json
import os
import sys

import check_events_manual as schemas
from tap import check, complaints, done  # check_events_manual knows where it is

FOLDER = "src/schema/released"
CURRENT = "src/schema/sockline.schema.json"
# Version -> what it had and no program ever wrote, with the reason.
WITHDRAWN = {}
# Version -> what a new major version of the schema changed, with the reason. Its own number is one of these.
CHANGED = {
    "0.1.0": {
        'sockline.schema has no "1.0" any more': "a new major version has another number",
        'sockline.loss.where has no "interfaces" any more': "they are listed anew at once: no record said so",
        "user.id may be absent": "it is the real user now; where the effective one alone is known, that is said",
        "sockline.peer.user.id may be absent": "the same of the peer",
        "existing_socket may be without sockline.tcp.rtt_us": "0 was written where nothing was measured",
        "listening_started may be without sockline.tcp.rtt_us": "the same",
        "listening_stopped may be without sockline.tcp.rtt_us": "the same",
    },
}


def values_of(schema, part, path=""):
    """Yields (path, value) of each enumeration and constant."""
    if part in (True, False):
        return
    part = schemas.resolve(schema, part)
    for value in part.get("enum", [part["const"]] if "const" in part else []):
        yield path, json.dumps(value)
    for name, inner in part.get("properties", {}).items():
        yield from values_of(schema, inner, f"{path}.{name}" if path else name)
    if "items" in part:
        yield from values_of(schema, part["items"], path + "[]")


def needs_of(schema, part, path=""):
    """Yields the paths that a record must have."""
    if part in (True, False):
        return
    part = schemas.resolve(schema, part)
    for name in part.get("required", ()):
        yield f"{path}.{name}" if path else name
    for name, inner in part.get("properties", {}).items():
        yield from needs_of(schema, inner, f"{path}.{name}" if path else name)


def rules_of(schema):
    """Action -> what its record adds to the rules of all."""
    found = {}
    for rule in schema["allOf"]:
        action = rule["if"].get("properties", {}).get("event", {}).get("properties", {}).get("action", {})
        for name in action.get("enum", [action["const"]] if "const" in action else []):
            found.setdefault(name, []).append(rule["then"])
    return found


def allowed_of(schema, action):
    """The names at the top of this action's record and in its sockline object; all, if not limited."""
    found = {}
    for rule in rules_of(schema).get(action, ()):
        for path, part in (("", rule), ("sockline", rule.get("properties", {}).get("sockline", {}))):
            names = part.get("propertyNames", {}).get("enum")
            if names is not None:
                found[path] = found.get(path, set(names)) & set(names)
    return found


def broken_promises(old, new):
    """What the old schema promised and the new one does not hold."""
    have = dict(schemas.fields_of_schema(new, new))
    for path, kind in schemas.fields_of_schema(old, old):
        if path not in have:
            yield f"{path} is gone"
        elif have[path] != kind:
            yield f"{path} was {kind}, is {have[path]}"
    values = set(values_of(new, new))
    unlimited = have.keys() - {path.removesuffix("[]") for path, _ in values}
    for path, value in values_of(old, old):
        if path in have and path.removesuffix("[]") not in unlimited and (path, value) not in values:
            yield f"{path} has no {value} any more"
    for path in set(needs_of(old, old)) - set(needs_of(new, new)):
        yield f"{path} may be absent"
    for action, rules in rules_of(old).items():
        now = {path for rule in rules_of(new).get(action, ()) for path in needs_of(new, rule)}
        for path in {path for rule in rules for path in needs_of(old, rule)} - now:
            yield f"{action} may be without {path}"
        limits = allowed_of(new, action)
        for path, names in allowed_of(old, action).items():
            for name in sorted(names - limits.get(path, names)):
                yield f"{action} may not have {path}{'.' if path else ''}{name} any more"


def major_of(schema):
    return int(schema["properties"]["sockline"]["properties"]["schema"]["const"].partition(".")[0])


def spoiled(schema):
    """(what is done to the schema, the complaint that must follow)"""
    def change(function):
        other = copy.deepcopy(schema)
        function(other)
        return other
    yield change(lambda new: new["properties"]["process"]["properties"].pop("pid")), "process.pid is gone"
    yield change(lambda new: new["properties"]["process"]["properties"].update(pid={"type": "string"})), \
        "process.pid was integer, is string"
    yield change(lambda new: new["properties"]["event"]["properties"]["action"]["enum"].remove("packet")), \
        'event.action has no "packet" any more'
    yield change(lambda new: new["required"].remove("host")), "host may be absent"
    yield change(lambda new: rules_of(new)["packet"][0]["properties"]["sockline"]["required"].remove(
        "attribution")), "packet may be without sockline.attribution"
    yield change(lambda new: rules_of(new)["packet"][0]["propertyNames"]["enum"].remove("user")), \
        "packet may not have user any more"


OF_TYPES = {"object": ("properties", "required", "propertyNames", "additionalProperties", "minProperties",
                       "maxProperties"),
            "array": ("items", "contains", "uniqueItems", "minItems", "maxItems"),
            "string": ("pattern", "minLength", "maxLength", "format")}


def untyped(schema, where="#", inherited=None):
    """Where a keyword stands without the type that it is for: strict validators, as ajv's, refuse that."""
    if not isinstance(schema, dict):
        return
    kind = schema.get("type", inherited)
    for name, keywords in OF_TYPES.items():
        if kind != name and any(keyword in schema for keyword in keywords):
            yield f"{where} lacks the type {name}"
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs"):
            for name, part in value.items():
                yield from untyped(part, f"{where}/{keyword}/{name}")
        elif keyword in ("items", "contains", "additionalProperties", "propertyNames"):
            yield from untyped(value, f"{where}/{keyword}", "string" if keyword == "propertyNames" else None)
        elif keyword in ("if", "then", "else", "not"):
            yield from untyped(value, f"{where}/{keyword}", kind)
        elif keyword in ("allOf", "anyOf", "oneOf"):
            for number, part in enumerate(value):
                yield from untyped(part, f"{where}/{keyword}/{number}", kind)


def main():
    current = json.loads(schemas.read(CURRENT))
    names = sorted(os.listdir(os.path.join(schemas.ROOT, FOLDER)))
    check(names, "there are released schemas")
    for name in names:
        version = name.removesuffix(".schema.json")
        released = json.loads(schemas.read(f"{FOLDER}/{name}"))
        withdrawn, changed = WITHDRAWN.get(version, {}), CHANGED.get(version, {})
        broken = [text for text in broken_promises(released, current)
                  if not any(word in text for word in withdrawn)]
        complaints(f"the schema keeps what {version} promised",
                   (text for text in broken if text not in changed))
        complaints(f"what is listed as changed since {version} is changed", set(changed) - set(broken))
        check(not changed or major_of(current) > major_of(released),
              f"what changed since {version} has a new major version of the schema",
              f"{major_of(released)}, {major_of(current)}")
    complaints("each keyword of the schema has its type beside it", untyped(current))
    check(list(untyped({"type": "object", "properties": {"a": {"required": ["b"]}}})) ==
          ["#/properties/a lacks the type object"], "noticed: a keyword without its type")
    for new, expected in spoiled(current):
        found = list(broken_promises(current, new))
        check(expected in found, f"noticed: {expected}")
    return done()


if __name__ == "__main__":
    sys.exit(main())
