# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Fields of a record as paths: "source.ip"."""


def fields_of(value, path=""):
    """The paths of all members that are no objects; "[]" is any element of an array."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from fields_of(inner, f"{path}.{name}" if path else name)
        return
    yield path
    if isinstance(value, list):
        for inner in value:
            yield from fields_of(inner, path + "[]")
