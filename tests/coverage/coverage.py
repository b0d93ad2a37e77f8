#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""How much of the sources ran: the lines and branches of each folder, from what gcov(1) makes of the counts
that the programs of a build with --enable-coverage left. `make coverage' builds, runs the unit and the golden
tests, and calls this. COVERAGE=FILE-OR-FOLDER prints the lines of it that did not run, such as decode/.

A test point for each folder that takes apart what others made, keeps tables or writes records: most of its
lines and branches have run. What is left of events is memory that is short, which is asked for each field; of
output, files and sockets that fail at a certain call, as the integration tests make them.
"""

import collections
import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, comment, done  # noqa: E402

TREE = os.path.abspath(os.environ["top_srcdir"])
BUILD = os.path.abspath(os.environ["top_builddir"])
# Folder: percent of lines, of branches.
HELD = {
    "base": (90, 80), "connections": (90, 80), "decode": (90, 80), "display": (90, 80), "events": (90, 65),
    "inspect": (90, 80), "output": (85, 70), "processes": (90, 80), "sockets": (85, 75),
}
AT_ONCE = 40  # files for one gcov


class Counts:
    """How often each line and each branch of a source ran. It may be in several objects."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = collections.Counter()

    def add(self, lines):
        for line in lines:
            number = line["line_number"]
            self.lines[number] += line["count"]
            for place, branch in enumerate(line["branches"]):
                self.branches[number, place] += branch["count"]


def ran(counts):
    return sum(count > 0 for count in counts.values()), len(counts)


def sources():
    """Counts by the name of a source below src/."""
    found = collections.defaultdict(Counts)
    notes = sorted(glob.glob(BUILD + "/src/**/*.gcno", recursive=True))
    for first in range(0, len(notes), AT_ONCE):
        made = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities",
                               *notes[first:first + AT_ONCE]],
                              cwd=BUILD, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        for text in made.stdout.splitlines():
            for file in json.loads(text)["files"]:
                name = os.path.relpath(os.path.join(BUILD, file["file"]), TREE + "/src")
                if not name.startswith(".."):
                    found[name].add(file["lines"])
    return found


def not_run(name, counts):
    """The numbers of lines that did not run, those in a row as FIRST-LAST."""
    rows = []
    for number in sorted(counts.lines):
        if counts.lines[number] > 0:
            rows.append(None)
        elif rows and rows[-1]:
            rows[-1] = (rows[-1][0], number)
        else:
            rows.append((number, number))
    ranges = [f"{first}-{last}" if first != last else str(first) for first, last in filter(None, rows)]
    return f"{name}: {' '.join(ranges)}" if ranges else None


def percent(part, whole):
    return 100 * part / whole if whole else 100


def main():
    found = sources()
    folders = collections.defaultdict(Counts)
    for name, counts in found.items():
        folder = folders[os.path.dirname(name)]
        folder.lines.update({(name, line): count for line, count in counts.lines.items()})
        folder.branches.update({(name, branch): count for branch, count in counts.branches.items()})
    for name in sorted(folders):
        lines, branches = ran(folders[name].lines), ran(folders[name].branches)
        text = (f"{name or 'main'}: {percent(*lines):.1f} % of {lines[1]} lines, "
                f"{percent(*branches):.1f} % of {branches[1]} branches ran")
        if name in HELD:
            check(percent(*lines) >= HELD[name][0] and percent(*branches) >= HELD[name][1], text,
                  f"wanted: {HELD[name]}")
        else:
            comment(text)
    wanted = os.environ.get("COVERAGE")
    for name in sorted(found):
        text = wanted and name.startswith(wanted) and not_run(name, found[name])
        if text:
            comment(text)
    sys.exit(done())


main()
