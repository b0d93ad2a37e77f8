# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""An ingest pipeline of Elasticsearch, as far as contrib/elastic uses one.

The processors set, append and foreach; templates of the form {{{a.b}}}; conditions that compare
fields with texts or null, joined by &&. Anything else raises PipelineError.
"""

import re

KEYS = {
    "set": {"description", "if", "field", "value", "override"},
    "append": {"description", "if", "field", "value", "allow_duplicates"},
    "foreach": {"description", "if", "field", "processor", "ignore_missing"},
}
COMPARISON = re.compile(r"ctx((?:\??\.[a-z_]+)+) (==|!=) (null|'[^']*')")
TEMPLATE = re.compile(r"\{\{\{([^{}]+)\}\}\}")
NOW = "2026-11-22T10:11:13.000Z"


class PipelineError(Exception):
    pass


def field_of(document, path):
    """None if it is not there."""
    for name in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def put(document, path, value):
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def comparisons_of(condition):
    """[(path, operator, value)] of which all must hold."""
    found = []
    for part in condition.split(" && ") if condition else ():
        match = COMPARISON.fullmatch(part)
        if not match:
            raise PipelineError(f"condition {part}")
        # A parent that is not there raises an exception, unless there is a question mark.
        names = re.findall(r"(\??)\.([a-z_]+)", match[1])
        if any(mark != "?" for mark, _ in names[1:]):
            raise PipelineError(f"condition {part} without ?")
        value = None if match[3] == "null" else match[3].strip("'")
        found.append((".".join(name for _, name in names), match[2], value))
    return found


def holds(document, condition):
    return all((field_of(document, path) == value) == (operator == "==")
               for path, operator, value in comparisons_of(condition))


def rendered(document, template):
    def text(match):
        value = field_of(document, match[1])
        return "" if value is None else str(value)
    return TEMPLATE.sub(text, template)


def run_set(document, options):
    if options.get("override", True) or field_of(document, options["field"]) is None:
        put(document, options["field"], rendered(document, options["value"]))


def run_append(document, options):
    values = field_of(document, options["field"])
    values = [] if values is None else list(values) if isinstance(values, list) else [values]
    for template in options["value"]:
        value = rendered(document, template)
        if options.get("allow_duplicates", True) or value not in values:
            values.append(value)
    put(document, options["field"], values)


def run_foreach(document, options):
    values = field_of(document, options["field"])
    if values is None and not options.get("ignore_missing", False):
        raise PipelineError(f"{options['field']} is missing")
    for value in values or ():
        document["_ingest"]["_value"] = value
        run_processor(document, options["processor"])
    document["_ingest"].pop("_value", None)


def run_processor(document, processor):
    (name, options), = processor.items()
    if name not in KEYS or not options.keys() <= KEYS[name]:
        raise PipelineError(f"{name} {options}")
    if holds(document, options.get("if")):
        {"set": run_set, "append": run_append, "foreach": run_foreach}[name](document, options)


def run_pipeline(pipeline, record):
    """(_id, the document) of a record, which it changes."""
    record["_ingest"] = {"timestamp": NOW}
    for processor in pipeline["processors"]:
        run_processor(record, processor)
    del record["_ingest"]
    return record.pop("_id", None), record


def fields_read(pipeline):
    """The paths that its conditions, templates and loops read."""
    paths = set()

    def walk(value):
        if isinstance(value, dict):
            paths.update(path for path, _, _ in comparisons_of(value.get("if")))
            if "processor" in value:
                paths.add(value["field"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str):
            paths.update(path for path in TEMPLATE.findall(value) if not path.startswith("_ingest."))
    walk(pipeline)
    return paths


def fields_written(pipeline):
    options = [options for processor in pipeline["processors"] for options in processor.values()]
    options += [next(iter(each["processor"].values())) for each in options if "processor" in each]
    return {each["field"] for each in options if "processor" not in each}
