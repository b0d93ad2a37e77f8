# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Events held against the published classes of OCSF, the Open Cybersecurity Schema Framework.

tests/golden/ocsf.json has the classes and objects that are in use, with what they inherit and without
their texts. It was made from a checkout of https://github.com/ocsf/ocsf-schema (Apache-2.0), at v1.8.0, by

    python3 tests/helpers/ocsf.py CHECKOUT >tests/golden/ocsf.json
"""

import glob
import json
import os
import re
import sys

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/ocsf.json")
CLASSES = ("base_event", "network_activity", "dns_activity", "process_activity")
OBJECTS = ("actor", "container", "device", "dns_answer", "dns_query", "file", "fingerprint", "image",
           "key_value_object", "metadata", "network_connection_info", "network_endpoint",
           "network_proxy", "network_traffic", "os", "process", "product", "user")
LINE_MAX = 8000
JSON_TYPES = {"integer_t": int, "long_t": int, "float_t": float, "boolean_t": bool, "string_t": str}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Source:
    """A checkout, whose parts refer to each other."""

    def __init__(self, root):
        self.root = root
        self.dictionary = read(f"{root}/dictionary.json")
        self.categories = read(f"{root}/categories.json")["attributes"]
        parts = [read(path) for path in glob.glob(f"{root}/objects/*.json") + glob.glob(f"{root}/events/**/*.json",
                                                                                         recursive=True)]
        self.parts = {part["name"]: part for part in parts if "name" in part}

    def inherited(self, part, key, none):
        if key in part:
            return part[key]
        return self.inherited(self.parts[part["extends"]], key, none) if "extends" in part else none

    def attributes(self, part):
        found = self.attributes(self.parts[part["extends"]]) if "extends" in part else {}
        for name, about in part.get("attributes", {}).items():
            if name == "$include":
                for path in about:
                    profile = read(f"{self.root}/{path}")
                    for inner, more in profile["attributes"].items():
                        found[inner] = {**more, "profile": profile["name"], **found.get(inner, {})}
            else:
                before = found.get(name, {})
                found[name] = {**before, **about, "enum": {**before.get("enum", {}), **about.get("enum", {})}}
        return found

    def resolve(self, part):
        result = {}
        for name, about in sorted(self.attributes(part).items()):
            general = self.dictionary["attributes"][name]
            result[name] = {
                "type": about.get("type", general["type"]),
                "array": general.get("is_array", False),
                "requirement": about.get("requirement", "optional"),
                "profile": about.get("profile"),
                "sibling": general.get("sibling"),
                "enum": {value: text["caption"] for value, text in
                         {**general.get("enum", {}), **about.get("enum", {})}.items()},
            }
            result[name] = {key: value for key, value in result[name].items() if value}
        # Each class has its own instead of what it inherits.
        for name in ("class_uid", "category_uid"):
            if name in result:
                del result[name]["enum"]
        return {"attributes": result, "constraints": self.inherited(part, "constraints", {})}

    def publish(self):
        classes = {}
        for name in CLASSES:
            part = self.parts[name]
            category = self.inherited(part, "category", "other")
            about = self.categories.get(category, {"uid": 0, "caption": "Uncategorized"})
            classes[str(1000 * about["uid"] + part.get("uid", 0))] = {
                "caption": part["caption"], "category": about["uid"], "category_caption": about["caption"],
                **self.resolve(part)}
        types = {name: {key: about[key] for key in ("type", "regex", "range", "max_len") if key in about}
                 for name, about in self.dictionary["types"]["attributes"].items()}
        return {"version": read(f"{self.root}/version.json")["version"], "types": types, "classes": classes,
                "objects": {name: self.resolve(self.parts[name]) for name in OBJECTS}}


class Validator:
    def __init__(self):
        self.published = read(PUBLISHED)

    def value(self, about, value, path):
        if about["type"] == "object":
            if not isinstance(value, dict):
                yield f"{path} is no object"
        elif about["type"] in self.published["types"]:
            yield from self.scalar(about["type"], value, path)
        elif about["type"] in self.published["objects"]:
            yield from self.object(self.published["objects"][about["type"]], value, path)
        else:
            yield f"{path}: no description of {about['type']} at hand"
        if about.get("enum") and str(value) not in about["enum"]:
            yield f"{path}: {value} is none of {', '.join(about['enum'])}"

    def scalar(self, name, value, path):
        about = self.published["types"][name]
        json_type = JSON_TYPES[name if name in JSON_TYPES else self.base_of(name)]
        if not isinstance(value, json_type) or isinstance(value, bool) != (json_type is bool):
            yield f"{path}: {value!r} is no {name}"
            return
        if "regex" in about and not re.search(about["regex"], value):
            yield f"{path}: {value!r} is no {name}"
        if "range" in about and not about["range"][0] <= value <= about["range"][1]:
            yield f"{path}: {value} is out of range"
        if "max_len" in about and len(value) > about["max_len"]:
            yield f"{path}: {value} is too long"

    def base_of(self, name):
        base = self.published["types"][name]["type"]
        return base if base in JSON_TYPES else self.base_of(base)

    def object(self, description, value, path):
        if not isinstance(value, dict):
            yield f"{path} is no object"
            return
        attributes = description["attributes"]
        for name, about in attributes.items():
            wanted = about["requirement"] == "required" and about.get("profile", self.profiles[0]) in self.profiles
            if wanted and name not in value:
                yield f"{path}.{name} is missing"
        for name, part in value.items():
            # The profile datetime adds such a one to each time.
            about = attributes.get(name) or (
                name.endswith("_dt") and attributes.get(name[:-3], {}).get("type") == "timestamp_t" and
                {"type": "datetime_t", "profile": "datetime"})
            if not about:
                yield f"{path}.{name} is not described"
                continue
            if about.get("profile", self.profiles[0]) not in self.profiles:
                yield f"{path}.{name} is of the profile {about['profile']}"
            if about.get("array") and not (isinstance(part, list) and part):
                yield f"{path}.{name} is no list, or empty"
            for element in part if about.get("array") else [part]:
                yield from self.value(about, element, f"{path}.{name}")
            yield from self.sibling(attributes, value, name, path)
        for kind, names in description["constraints"].items():
            if kind == "at_least_one" and not set(names) & value.keys():
                yield f"{path} has none of {', '.join(names)}"

    @staticmethod
    def sibling(attributes, value, name, path):
        """The text beside a number of an enumeration is its caption, unless that is Other."""
        about = attributes.get(name, {})
        text = value.get(about.get("sibling"))
        captions = about.get("enum", {})
        if text is not None and value[name] != 99 and captions.get(str(value[name])) not in (None, text):
            yield f"{path}.{name} is {captions[str(value[name])]}, not {text}"

    def complaints(self, record):
        uid = str(record.get("class_uid"))
        description = self.published["classes"].get(uid)
        if not description:
            yield f"class {uid} is not known"
            return
        self.profiles = record.get("metadata", {}).get("profiles", []) + [None]
        yield from self.object(description, record, "event")
        activity = record.get("activity_id")
        expected = {
            "class_name": description["caption"], "category_uid": description["category"],
            "category_name": description["category_caption"], "type_uid": 100 * int(uid) + activity,
            "type_name": f"{description['caption']}: {record.get('activity_name')}",
        }
        for name, value in expected.items():
            if record.get(name) != value:
                yield f"event.{name} is {record.get(name)}, not {value}"
        if record["metadata"]["version"] != self.published["version"]:
            yield "event.metadata.version is another"


def complaints_of(lines):
    """The first ones of lines of JSON."""
    validator = Validator()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [f"line {number}: {text}" for text in validator.complaints(json.loads(line, object_pairs_hook=unique))]
        except ValueError as error:
            found.append(f"line {number}: {error}")
        if len(line) > LINE_MAX:
            found.append(f"line {number} has {len(line)} bytes")
    return found[:10]


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError(f"a name is there twice: {[name for name, _ in pairs]}")
    return dict(pairs)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], "rb") as file:
            found = complaints_of(file.readlines())
        print("\n".join(found))
        return 1 if found else 0
    published = Source(sys.argv[1]).publish()
    # A class or an object a line.
    for kind in ("classes", "objects", "types"):
        published[kind] = {name: json.dumps(part, sort_keys=True) for name, part in sorted(published[kind].items())}
    text = json.dumps(published, indent=1)
    print(re.sub(r'"(\{.*\})"', lambda found: json.loads(found[0]), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
