# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Breaks one rule of the program at a time (rules.py), and asks the tests to notice. See `make mutants'.

A mutant is killed when a test fails that passes without it. Tests of the file's own module come first; the
library is shared, so that only the mutant is compiled. Arguments: text that the file or the rule contains.
--quick leaves out integration, and tests that take more than some seconds and are of another module.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shlex
import subprocess
import sys
import time

from rules import ALIVE, MUTANTS, pattern_of

ROOT = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
COMPILE = shlex.split(os.environ.get("COMPILE", ""))
LIBRARIES = shlex.split(os.environ.get("LINK_LIBRARIES", ""))
COMPILER = shlex.split(os.environ.get("CC", "cc"))
WORK = os.path.join(BUILD, "linked")
LIBRARY = os.path.join(WORK, "libsockline_mutant.so")
GOLDEN = ("test_replay.py", "test_replay_flows.py", "test_replay_sockets.py", "test_validate.py")
INTEGRATION = ("test_curl.py", "test_snapshot.py", "test_attribution_ends.py")  # with root
TIME_MIN = 20  # seconds
QUICK = 4  # seconds of a test
WANTED = 85  # per cent


def objects():
    """Objects of the library by path below src, without suffix."""
    return {os.path.relpath(path, BUILD + "/src").removesuffix(".o"): path
            for path in glob.glob(BUILD + "/src/*/*.o") if "/completion/" not in path}


def link_library(replaced=None):
    """The shared library; replaced: (path below src without suffix, object)."""
    parts = objects()
    parts.update([replaced] if replaced else [])
    # A running test may still have the old one open: a new file takes its place.
    subprocess.run([*COMPILER, "-shared", "-o", LIBRARY + ".new", *parts.values(), *LIBRARIES], check=True)
    os.replace(LIBRARY + ".new", LIBRARY)


def link_programs():
    """All that the tests run, against the shared library."""
    for path in [BUILD + "/src/main.o", *glob.glob(BUILD + "/tests/unit/*.o"),
                 *glob.glob(BUILD + "/tests/helpers/*.o")]:
        program = os.path.join(WORK, os.path.relpath(path, BUILD).removesuffix(".o"))
        program = program.replace("src/main", "src/sockline")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        if os.path.exists(program) and os.path.getmtime(program) > os.path.getmtime(path):
            continue
        subprocess.run([*COMPILER, "-pthread", "-o", program, path, LIBRARY, *LIBRARIES,
                        "-Wl,-rpath," + WORK], check=True)


def all_tests(quick):
    """Name -> command."""
    found = {os.path.basename(path): [path] for path in sorted(glob.glob(WORK + "/tests/unit/test_*"))}
    python = os.environ.get("PYTHON", sys.executable)
    folders = [("golden", GOLDEN)] + \
        ([("integration", INTEGRATION)] if os.geteuid() == 0 and not quick else [])
    for folder, names in folders:
        for name in names:
            if os.path.exists(f"{ROOT}/tests/{folder}/{name}"):
                found[f"{folder}/{name}"] = [python, f"{ROOT}/tests/{folder}/{name}"]
    return found


def passes(command, seconds):
    environment = {**os.environ, "top_srcdir": ROOT, "top_builddir": WORK, "SEED": "1",
                   "SOCKLINE": WORK + "/src/sockline", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(command, env=environment, cwd=BUILD, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def measure(tests):
    """Name -> seconds of those that pass as things are."""
    def one(name):
        begin = time.monotonic()
        return passes(tests[name], 300), time.monotonic() - begin
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip(tests, pool.map(one, tests)))
    for name, (passed, _) in results.items():
        if not passed:
            print(f"# {name} fails without mutants and is left out", flush=True)
    return {name: seconds for name, (passed, seconds) in results.items() if passed}


def is_related(name, file):
    module = os.path.basename(file).removesuffix(".c")
    own = name.removeprefix("test_")
    return own.startswith(module) or module.startswith(own)


def in_order(seconds, file, quick):
    """The tests of the module first, then short ones before long ones."""
    names = [name for name in seconds
             if not quick or seconds[name] < QUICK or "/" in name or is_related(name, file)]
    return sorted(names, key=lambda name: (not is_related(name, file), seconds[name]))


def killer_of(tests, seconds, order):
    """The name of a test that fails; None when all pass."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for at in range(0, len(order), 8):
            names = order[at:at + 8]
            limits = [max(TIME_MIN, 10 * seconds[name]) for name in names]
            for name, passed in zip(names, pool.map(passes, [tests[name] for name in names], limits)):
                # Alone it must fail again: what load made fail killed nothing.
                if not passed and not passes(tests[name], max(TIME_MIN, 10 * seconds[name])):
                    return name
    return None


def make_mutant(file, text, instead):
    """The object of the mutant; None when the text is not there, or what comes of it is no C."""
    with open(f"{ROOT}/src/{file}", encoding="utf-8") as source:
        original = source.read()
    found = re.findall(pattern_of(text), original)
    if len(found) != 1:
        return None
    path = os.path.join(WORK, "mutant.c")
    with open(path, "w", encoding="utf-8") as mutant:
        mutant.write(original.replace(found[0], instead))
    done = subprocess.run([*COMPILE, "-w", "-c", "-o", path.replace(".c", ".o"), path], cwd=BUILD,
                          check=False, stderr=subprocess.DEVNULL)
    return path.replace(".c", ".o") if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="*")
    arguments = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    link_library()
    link_programs()
    tests = all_tests(arguments.quick)
    seconds = measure(tests)
    killed = alive = stale = 0
    for file, text, instead in MUTANTS:
        if arguments.parts and not any(part in file or part in text for part in arguments.parts):
            continue
        mutant = make_mutant(file, text, instead)
        label = f"{file}: {text.splitlines()[0]} -> {instead.splitlines()[0] if instead else ''}"
        if mutant is None:
            stale += 1
            print(f"stale   {label}", flush=True)
            continue
        link_library((file.removesuffix(".c"), mutant))
        killer = killer_of(tests, seconds, in_order(seconds, file, arguments.quick))
        killed += killer is not None
        alive += killer is None
        reason = ALIVE.get((file, text), "")
        print(f"killed  {label}  [{killer}]" if killer else f"ALIVE   {label}  {reason}", flush=True)
    link_library()
    total = killed + alive
    rate = 100 * killed // max(total, 1)
    print(f"{killed} of {total} mutants killed ({rate} %), {stale} stale")
    return 0 if rate >= WANTED and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
