#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The fields that --fields knows (src/events/field_table.c) are those of the schema."""

import json
import os
import re
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
from tap import check, done  # noqa: E402

SCHEMA = os.path.join(HERE, "../../src/schema/sockline.schema.json")
TABLE = os.path.join(HERE, "../../src/events/field_table.c")


def objects_of(schema):
    """Path of each object -> the names of its members; of arrays it is that of their elements."""
    objects = {}

    def walk(part, path):
        part = {**schema["$defs"].get(part.get("$ref", "").rpartition("/")[2], {}), **part}
        for name, inner in part.get("properties", {}).items():
            objects.setdefault(path, set()).add(name)
            walk(inner, f"{path}.{name}" if path else name)
        if "items" in part:
            walk(part["items"], path)
    walk(schema, "")
    return objects


def row(path, names):
    """As it stands in the table."""
    lines = textwrap.wrap(" ".join(sorted(names)), 78)
    return f'\t{{ "{path}",\n\t  "' + ' "\n\t  "'.join(lines) + '" },\n'


def main():
    with open(SCHEMA, encoding="utf-8") as file:
        objects = objects_of(json.load(file))
    with open(TABLE, encoding="utf-8") as file:
        found = re.search(r"rows\[\] = \{\n(.*?)^\};\n", file.read(), re.M | re.S).group(1)
    rows = [row(path, objects[path]) for path in sorted(objects)]
    missing = [line for line in rows if line not in found]
    check(not missing, "every object of the schema has its row", "".join(missing))
    check("".join(rows) == found, "in order, and there are no others")
    return done()


if __name__ == "__main__":
    sys.exit(main())
