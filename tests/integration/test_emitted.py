#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Each action and each field of the schema was in a record of the real program, in a test.

The harness keeps which fields the records of each integration test had; the golden files are what
replays wrote. So it comes last, and says nothing where the others did not run.
"""

import glob
import json
import os
import sys

from harness import BUILD, SOCKLINE, TREE, check

sys.path[:0] = [os.path.join(TREE, "tests/lint"), os.path.join(TREE, "tests/helpers")]
os.environ.setdefault("top_srcdir", TREE)
import check_events_manual as schemas  # noqa: E402
import tap  # noqa: E402
from fields import fields_of  # noqa: E402

TESTS_MIN = 30
# Tests of `make check': some fields are in their records alone.
BEFORE = ("test_replay_names.py", "test_replay_owners.py", "test_replay_tunnels.py")
# What no test can have on every machine, by the beginning of its path, and why.
NOT_HERE = {
    "orchestrator.": "needs a runtime of Kubernetes, see test_container_names.c",
    "destination.address": "needs vsock or TIPC, and their sock_diag; test_diag_details.c",
    "sockline.sctp.": "needs SCTP; the same",
    "sockline.socket.queue": "needs sock_diag of XDP; the same",
    "sockline.socket.receive_entries": "the same",
    "sockline.socket.send_entries": "the same",
    "sockline.socket.umem.": "the same",
    "sockline.socket.smc_mode": "needs SMC; the same",
    "sockline.mptcp.": "needs MPTCP, see test_snapshot.py",
    "sockline.socket.upper_protocol": "the same",
    "sockline.socket.cgroup": "needs control groups of v2",
    "sockline.snapshot.absent": "needs a kernel without one of the families",
    "sockline.raw.filter": "libpcap takes no such expression",
    "sockline.raw.message": "the messages with names are of interfaces and namespaces that end",
    "sockline.raw.error_message": "the same",
    "sockline.raw.parent_executable": "test_encode_random.c has it: such long paths are cut here",
    "sockline.raw.alpn": "test_replay_names.py has it; the checks before integration may not have run",
    "sockline.dns.answer_count": "the same",
    "sockline.raw.server_name": "test_replay_names.py has it; the checks before integration may not have run",
}


def emitted_by_tests():
    """(what was emitted, by how many tests); files of another build are not taken."""
    found, tests = set(), 0
    for path in glob.glob(os.path.join(BUILD, "tests/emitted/test_*.py")):
        if os.path.getsize(path) > 0 and os.path.getmtime(path) > os.path.getmtime(SOCKLINE):
            tests += 1
            with open(path, encoding="utf-8") as file:
                found.update(file.read().splitlines())
    return found, tests


def emitted_by_replays():
    found = set()
    for path in glob.glob(os.path.join(TREE, "tests/golden/replay_*.ndjson")):
        with open(path, encoding="utf-8") as file:
            for record in map(json.loads, file):
                if "event" not in record:  # in another format
                    continue
                found.add("event.action " + record["event"]["action"])
                found.update(fields_of(record))
    return found


def main():
    schema = json.loads(schemas.read("src/schema/sockline.schema.json"))
    actions = schema["properties"]["event"]["properties"]["action"]["enum"]
    wanted = {path for path, _ in schemas.fields_of_schema(schema, schema)} | \
        {"event.action " + action for action in actions}
    found, tests = emitted_by_tests()
    absent = [name for name in BEFORE if not os.path.exists(os.path.join(BUILD, "tests/emitted", name))]
    if absent:
        return tap.skip_all(f"needs `make check' before it, which has {absent[0]}")
    if tests < TESTS_MIN:
        return tap.skip_all(f"needs the other integration tests before it, only {tests} had records")
    if any(name.startswith("labels.") for name in found):  # with names of the user's own
        found.add("labels")
    missing = wanted - found - emitted_by_replays()
    left = sorted(name for name in missing if not name.startswith(tuple(NOT_HERE)))
    check(not left, f"each of {len(wanted)} actions and fields was in a record of {tests} tests",
          "\n".join(f"no test has {name}" for name in left))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
