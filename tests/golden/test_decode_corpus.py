# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Foreign capture files, many of them malformed: no crash, no hang, the same output twice.

SOCKLINE_CORPUS names the folder; they are other people's and no part of this tree. Run it in a
tree configured with --enable-sanitizers too. Each prefix of each file's first packets (200, or
SOCKLINE_PREFIXES) is decoded, and looked into for names, at the end of a guard page.
"""

import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, comment, done, skip_all  # noqa: E402

DECODE_DUMP = os.path.join(os.environ.get("top_builddir", "."), "tests/helpers/decode_dump")
PREFIXES = os.environ.get("SOCKLINE_PREFIXES", "200")  # of so many packets a file
SECONDS = 5
PREFIX_SECONDS = 5 + int(PREFIXES) / 10
MUTATIONS = 20
PCAP_HEADER = 24
NOT_OPENED = 3  # libpcap refuses the file: its right


def run(*arguments, seconds=SECONDS):
    """(what is wrong, output); nothing is wrong when the file was read or refused in time."""
    try:
        done = subprocess.run([DECODE_DUMP, *arguments], capture_output=True, timeout=seconds,
                              check=False)
    except subprocess.TimeoutExpired:
        return f"longer than {seconds} s", b""
    if done.returncode not in (0, NOT_OPENED):
        return f"exit {done.returncode}: {done.stderr[-300:].decode(errors='replace')}", b""
    return "", done.stdout


def write_mutated(chance, source, path):
    with open(source, "rb") as file:
        content = bytearray(file.read())
    for _ in range(MUTATIONS if len(content) > PCAP_HEADER else 0):
        content[chance.randrange(PCAP_HEADER, len(content))] = chance.randrange(256)
    with open(path, "wb") as file:
        file.write(content)


def complaint_about(path):
    """What is wrong, how many prefixes were tried, and how often names were in them."""
    wrong, output = run(path)
    again, same = run(path)
    if not wrong and not again and output != same:
        return "two outputs", 0, 0
    if wrong or again:
        return wrong or again, 0, 0
    wrong, output = run("-p", PREFIXES, path, seconds=PREFIX_SECONDS)
    numbers = [int(word) for word in output.split() if word.isdigit()]
    return (wrong, *(numbers or (0, 0)))


def main():
    folder = os.environ.get("SOCKLINE_CORPUS")
    if not folder:
        return skip_all("SOCKLINE_CORPUS is not set")
    seed = int(os.environ.get("SEED", 0)) or random.SystemRandom().getrandbits(32)
    comment(f"SEED={seed}")
    chance = random.Random(seed)
    prefixes = findings = 0
    names = sorted(name for name in os.listdir(folder) if not name.endswith(".tsv"))
    with tempfile.TemporaryDirectory() as temporary:
        mutated = os.path.join(temporary, "mutated")
        for name in names:
            path = os.path.join(folder, name)
            write_mutated(chance, path, mutated)
            complaint, count, found = complaint_about(path)
            prefixes, findings = prefixes + count, findings + found
            if not complaint:
                complaint = run(mutated)[0]
                complaint = complaint and f"with {MUTATIONS} bytes changed: {complaint}"
            check(not complaint, name, complaint)
    comment(f"{prefixes} prefixes of packets, {findings} times names in them")
    return done()


if __name__ == "__main__":
    sys.exit(main())
