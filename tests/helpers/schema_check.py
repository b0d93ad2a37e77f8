# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A JSON Schema as one Python function: the subset that sockline.schema.json uses.

python3-jsonschema reads the schema again for every value, at a few hundred
lines a second. Here each keyword becomes a closure once. A keyword that is not
known raises SchemaError, so that nothing is ever left unchecked in silence.
"""

import json
import re

ANNOTATIONS = {"$schema", "$id", "$comment", "$defs", "title", "description"}
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
}


class SchemaError(Exception):
    pass


def same(a, b):
    """Equal as JSON is: true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return a == b


def is_type(name):
    if name == "integer":
        return lambda value: type(value) is int
    kind = TYPES[name]
    return lambda value: type(value) is kind


def limits(schema, kind, measure, minimum, maximum):
    low = schema.get(minimum, float("-inf"))
    high = schema.get(maximum, float("inf"))

    def check(value):
        return type(value) is not kind or low <= measure(value) <= high
    return check


class Compiler:
    def __init__(self, root):
        self.root = root
        self.definitions = {}

    def reference(self, pointer):
        prefix = "#/$defs/"
        if not pointer.startswith(prefix):
            raise SchemaError(f"$ref {pointer}")
        name = pointer[len(prefix):]
        if name not in self.definitions:
            self.definitions[name] = self.compile(self.root["$defs"][name])
        return self.definitions[name]

    def compile(self, schema):
        """A function value -> bool."""
        if isinstance(schema, bool):
            return lambda value: schema
        checks = []
        for keyword in schema:
            if keyword in ANNOTATIONS:
                continue
            maker = getattr(self, "on_" + keyword.lstrip("$"), None)
            if maker is None:
                raise SchemaError(f"keyword {keyword} is not supported")
            check = maker(schema)
            if check is not None:
                checks.append(check)
        if len(checks) == 1:
            return checks[0]

        def all_of(value):
            for check in checks:
                if not check(value):
                    return False
            return True
        return all_of

    def on_ref(self, schema):
        return self.reference(schema["$ref"])

    def on_type(self, schema):
        return is_type(schema["type"])

    def on_const(self, schema):
        wanted = schema["const"]
        return lambda value: same(value, wanted)

    def on_enum(self, schema):
        if not all(isinstance(value, str) for value in schema["enum"]):
            raise SchemaError("enum of other than strings")
        wanted = frozenset(schema["enum"])
        return lambda value: type(value) is str and value in wanted

    def on_pattern(self, schema):
        # "$" would match before a last newline, too.
        matches = re.compile(re.sub(r"\$$", r"\\Z", schema["pattern"])).search
        return lambda value: type(value) is not str or matches(value) is not None

    def on_minimum(self, schema):
        return limits(schema, int, lambda value: value, "minimum", "maximum")

    def on_maximum(self, schema):
        return None if "minimum" in schema else self.on_minimum(schema)

    def on_minLength(self, schema):
        return limits(schema, str, len, "minLength", "maxLength")

    def on_minItems(self, schema):
        return limits(schema, list, len, "minItems", "maxItems")

    def on_maxItems(self, schema):
        return None if "minItems" in schema else self.on_minItems(schema)

    def on_minProperties(self, schema):
        return limits(schema, dict, len, "minProperties", "maxProperties")

    def on_maxProperties(self, schema):
        return None if "minProperties" in schema else self.on_minProperties(schema)

    def on_uniqueItems(self, schema):
        return lambda value: type(value) is not list or len(value) < 2 or len(
            {json.dumps(item, sort_keys=True) for item in value}) == len(value)

    def on_items(self, schema):
        check = self.compile(schema["items"])
        return lambda value: type(value) is not list or all(map(check, value))

    def on_contains(self, schema):
        check = self.compile(schema["contains"])
        return lambda value: type(value) is not list or any(map(check, value))

    def on_required(self, schema):
        names = frozenset(schema["required"])
        return lambda value: type(value) is not dict or names <= value.keys()

    def on_dependentRequired(self, schema):
        pairs = tuple(schema["dependentRequired"].items())
        return lambda value: type(value) is not dict or all(
            name not in value or value.keys() >= set(others) for name, others in pairs)

    def on_propertyNames(self, schema):
        if list(schema["propertyNames"]) != ["enum"]:
            check = self.compile(schema["propertyNames"])
            return lambda value: type(value) is not dict or all(map(check, value))
        names = frozenset(schema["propertyNames"]["enum"])
        return lambda value: type(value) is not dict or value.keys() <= names

    def on_additionalProperties(self, schema):
        names = frozenset(schema.get("properties", ()))
        if schema["additionalProperties"] is not False:
            check = self.compile(schema["additionalProperties"])
            return lambda value: type(value) is not dict or all(
                name in names or check(part) for name, part in value.items())
        return lambda value: type(value) is not dict or value.keys() <= names

    def on_properties(self, schema):
        checks = {name: self.compile(part) for name, part in schema["properties"].items()}
        # The usual case is a small schema over a large value or the reverse.
        pairs = tuple(checks.items())

        def check(value):
            if type(value) is not dict:
                return True
            if len(pairs) < len(value):
                return all(test(value[name]) for name, test in pairs if name in value)
            for name, part in value.items():
                test = checks.get(name)
                if test is not None and not test(part):
                    return False
            return True
        return check

    def on_allOf(self, schema):
        checks = [self.compile(part) for part in schema["allOf"]]
        return lambda value: all(check(value) for check in checks)

    def on_if(self, schema):
        condition = self.compile(schema["if"])
        then = self.compile(schema.get("then", True))
        otherwise = self.compile(schema.get("else", True))
        return lambda value: then(value) if condition(value) else otherwise(value)

    def on_then(self, schema):
        return None  # with "if"

    def on_else(self, schema):
        return None  # with "if"


def compile_schema(schema):
    return Compiler(schema).compile(schema)
