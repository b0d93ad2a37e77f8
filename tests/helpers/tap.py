# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Test points in TAP (testanything.org), for all tests in Python.

    check(status == 0, "it ends with status 0", output)
    sys.exit(done())

What does not hold is followed by comments: the place, the condition, the values of its names, the
command that the test notes in `command`, and the detail.
"""

import ast
import linecache
import os
import re
import sys

VALUE_MAX = 300  # characters of a value
TREE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))

counts = {"points": 0, "failed": 0}


def comment(text):
    for line in str(text).splitlines():
        print("# " + line.encode("ascii", "backslashreplace").decode())
    sys.stdout.flush()


def _condition(frame):
    """The first argument of the call that the frame is in, as a tree; None if it cannot be found."""
    positions = getattr(frame.f_code, "co_positions", None)  # from Python 3.11 on
    first, last, start, end = (list(positions())[frame.f_lasti // 2] if positions else (None,) * 4)
    if None in (first, last, start, end):
        return None
    lines = [linecache.getline(frame.f_code.co_filename, number).encode()
             for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        return ast.parse(b"".join(lines).decode(), mode="eval").body.args[0]
    except (SyntaxError, AttributeError, IndexError, UnicodeError):
        return None


def _explain(frame):
    """Prints where the test stands and what the condition's names are worth."""
    places, at = [], frame
    while at and at.f_code.co_filename.startswith(os.path.join(TREE, "tests/")):
        name = os.path.relpath(at.f_code.co_filename, TREE)
        if name.endswith("/harness.py"):
            break
        places.append(f"{name}:{at.f_lineno} in {at.f_code.co_name}")
        at = at.f_back
    comment(", called from ".join(places[:3]))
    condition = _condition(frame)
    if condition is None:
        return
    comment("condition: " + ast.unparse(condition))
    scope = {**frame.f_globals, **frame.f_locals}
    for name in dict.fromkeys(node.id for node in ast.walk(condition) if isinstance(node, ast.Name)):
        if name in scope and not callable(scope[name]):
            comment(f"{name} = {repr(scope[name])[:VALUE_MAX]}")


def _test_of(frame):
    """The function test_... that the frame belongs to, with a colon, so that a title stands alone."""
    while frame and not frame.f_code.co_name.startswith("test_"):
        frame = frame.f_back
    return frame.f_code.co_name + ": " if frame else ""


def check(holds, title, detail="", depth=1):
    """A test point. depth: of the caller whose place is shown. Returns holds as a bool."""
    counts["points"] += 1
    title = re.sub(r"[#\n]", " ", _test_of(sys._getframe(depth)) + title)
    print(f"{'ok' if holds else 'not ok'} {counts['points']} - {title}", flush=True)
    if not holds:
        counts["failed"] += 1
        _explain(sys._getframe(depth))
        comment(detail)
    return bool(holds)


def complaints(title, found):
    """A test point that holds when nothing is found to complain about."""
    found = sorted(map(str, found))
    return check(not found, title, "\n".join(found), depth=2)


def skip(title, reason):
    """A test point that cannot be had here."""
    counts["points"] += 1
    print(f"ok {counts['points']} - {title} # SKIP {reason}", flush=True)


def skip_all(reason):
    """The whole plan of a test that cannot run here. Returns the exit status."""
    print(f"1..0 # SKIP {reason}")
    return 0


def done():
    """Prints the plan. Returns the exit status."""
    print(f"1..{counts['points']}", flush=True)
    return 1 if counts["failed"] or not counts["points"] else 0
