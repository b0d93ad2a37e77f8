# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Objects held against the API of Kubernetes: names of fields, their types, and which are required.

tests/golden/kubernetes.json has the types that a DaemonSet and a Namespace reach, without their texts. It was made
from npm's kubernetes-types 1.30.0 (Apache-2.0), which is made from the OpenAPI description of Kubernetes 1.30, by

    python3 tests/helpers/kubernetes.py node_modules/kubernetes-types >tests/golden/kubernetes.json
"""

import glob
import json
import os
import re
import sys

API = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/kubernetes.json")
ROOTS = ("apps/v1.DaemonSet", "core/v1.Namespace")
PLAIN = {"string": str, "number": int, "boolean": bool}
TEXTS = {"Time": str, "MicroTime": str, "Quantity": (str, int)}


def types_of(package):
    """{"apps/v1.DaemonSet": {field: [type, required]}} of all files; the types of others with their file."""
    found = {}
    for path in sorted(glob.glob(f"{package}/*/*.d.ts")):
        module = os.path.relpath(path, package)[:-len(".d.ts")]
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        text = re.sub(r"\{\s*\[name: string\]: ([^;]*);\s*\};", r"{ [name: string]: \1 };", text)
        homes = {}
        for names, home in re.findall(r'import \{ (.*?) \} from "\.\./(.*?)"', text):
            homes.update(dict.fromkeys(names.split(", "), home))
        for name, body in re.findall(r"export interface (\w+) \{(.*?)^\}", text, re.M | re.S):
            found[f"{module}.{name}"] = {
                field: [qualified(kind, homes, module), mark != "?"]
                for field, mark, kind in re.findall(r"^ +(?:readonly )?(\w+)(\??): (.*?);$", body, re.M)}
    return found


def qualified(kind, homes, module):
    """The type with the file of each that it names; those in quotes are texts."""
    def with_home(match):
        name = match[1]
        return match[0] if not name or name in TEXTS or name == "Array" else f"{homes.get(name, module)}.{name}"
    return re.sub(r'"[^"]*"|\b([A-Z]\w+)', with_home, kind)


def reached(types):
    found, ahead = {}, list(ROOTS)
    while ahead:
        name = ahead.pop()
        if name in found or name not in types:
            continue
        found[name] = types[name]
        for kind, _ in types[name].values():
            ahead += re.findall(r"[\w/]+\.[A-Z]\w+", kind)
    return found


def complaints(types, kind, value, path):
    """Each thing in which the value is not of the type."""
    array, table = re.fullmatch(r"Array<(.*)>", kind), re.fullmatch(r"\{ \[name: string\]: (.*) \}", kind)
    if array or table:
        wanted = list if array else dict
        if not isinstance(value, wanted):
            yield f"{path} is no {wanted.__name__}"
            return
        for key, element in enumerate(value) if array else value.items():
            yield from complaints(types, (array or table)[1], element, f"{path}[{key}]")
    elif kind.startswith('"'):
        if value not in re.findall(r'"(.*?)"', kind):
            yield f"{path} is {value}, not {kind}"
    elif kind in TEXTS or set(kind.split(" | ")) <= PLAIN.keys():
        wanted = TEXTS.get(kind) or tuple(PLAIN[part] for part in kind.split(" | "))
        if not isinstance(value, wanted) or isinstance(value, bool) != (kind == "boolean"):
            yield f"{path} is {value!r}, no {kind}"
    elif not isinstance(value, dict):
        yield f"{path} is no object"
    else:
        fields = types[kind]
        yield from (f"{path}.{name} is missing" for name, (_, required) in fields.items() if required and name not in value)
        for name, part in value.items():
            if name not in fields:
                yield f"{path}.{name} is not in {kind}"
            else:
                yield from complaints(types, fields[name][0], part, f"{path}.{name}")


def complaints_of(manifest):
    """Those of an object with apiVersion and kind."""
    with open(API, encoding="utf-8") as file:
        types = json.load(file)
    name = next((name for name in ROOTS if name.endswith(f".{manifest.get('kind')}")), None)
    return list(complaints(types, name, manifest, manifest["kind"])) if name else [f"{manifest.get('kind')} is not known"]


def main():
    types = reached(types_of(sys.argv[1]))
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(types.items())]
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
