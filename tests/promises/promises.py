#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What sockline promises, each with the tests that hold it: `make promises' runs them and prints a line for
each. PROMISES='P4 P22' takes those alone. Needs root, as the tests do.

A test is a program of tests/unit or tests/golden, or FILE:FUNCTION of tests/integration.
"""

import os
import subprocess
import sys
import time

TREE = os.path.abspath(os.environ["top_srcdir"])
BUILD = os.path.abspath(os.environ["top_builddir"])

PROMISES = (
    ("P1", "standard output is whole, valid lines, also under a storm of signals",
     ("test_output.py:test_storm_of_signals",)),
    ("P2", "a pipe has whole lines, after kill -9 as well", ("test_reader.py:test_killed",)),
    ("P3", "kill -9 leaves at most one broken tail in a file, which is repaired and reported",
     ("test_output_file.py:test_killed", "unit/test_sink_disk")),
    ("P4", "a full disk leaves no half line, and writing resumes",
     ("test_output_file.py:test_full_disk", "unit/test_sink_disk")),
    ("P5", "a reader that goes ends it quietly", ("test_reader.py:test_reader_gone",)),
    ("P6", "a slow reader costs no memory, and what is dropped is announced",
     ("test_reader.py:test_slow_reader_drops", "test_reader.py:test_slow_reader_blocks")),
    ("P7", "received + dropped = sent, exactly",
     ("test_counts.py:test_flood", "test_counts.py:test_stopped_in_a_flood",
      "test_capture.py:test_every_packet_is_counted", "test_capture.py:test_stop_in_the_middle",
      "test_promises.py:test_p7_unread")),
    ("P8", "what netlink loses is counted and found again",
     ("unit/test_sock_destroy", "unit/test_proc_events", "test_attribution_ends.py:test_p8_new_dump")),
    ("P9", "counters have 64 bits and never go back", ("unit/test_capture",)),
    ("P10", "memory is bounded by the tables that are configured", ("test_promises.py:test_p10_memory",)),
    ("P11", "crafted keys do not slow it down", ("unit/test_flow_key", "unit/test_hash")),
    ("P12", "malformed input: no crash, and the same output twice", ("unit/test_decode", "golden/test_replay.py")),
    ("P13", "no parser reads past what was captured", ("unit/test_decode",)),
    ("P14", "interfaces may go down, go and come",
     ("test_interfaces.py:test_down_and_up", "test_interfaces.py:test_delete_and_add",
      "test_interfaces.py:test_down_is_idle")),
    ("P15", "an interface that is missing at the start is reported", ("test_interfaces.py:test_not_there_at_start",)),
    ("P16", "a process number that is used again names nobody else", ("unit/test_pid_reuse",)),
    ("P17", "no owner is wrong; those unknown have a reason",
     ("test_attribution_flows.py:test_loopback", "test_attribution_flows.py:test_veth")),
    ("P18", "hostile names are harmless", ("test_promises.py:test_p18_hostile_names",)),
    ("P19", "only the needed capabilities stay after the start",
     ("test_privileges.py:test_p19_methods", "test_privileges.py:test_p19_namespaces")),
    ("P20", "fewer privileges degrade it, and it says so",
     ("test_degraded.py:test_each_capability", "test_degraded.py:test_hidden_processes")),
    ("P21", "the systemd unit is hardened", ("test_contrib.py:test_systemd", "test_contrib.py:test_unit_runs")),
    ("P22", "output files are safe", ("test_output_file.py:test_file", "unit/test_file")),
    ("P23", "rotation loses and splits nothing",
     ("test_output_file.py:test_rotation", "test_output_file.py:test_compressed")),
    ("P24", "secrets in arguments, environment and requests are not written",
     ("test_promises.py:test_p24_no_secrets",)),
    ("P25", "each failing system call is survived", ("test_promises.py:test_p25_failing_calls",
                                                       "test_promises.py:test_p25_event_loop")),
    ("P26", "descriptors and memory stay flat", ("test_promises.py:test_p26_flat",)),
    ("P27", "clocks may jump", ("test_clock.py:test_clock",)),
    ("P28", "bad input ends with one clear line",
     ("test_cli.py:test_usage", "test_cli.py:test_runtime", "test_cli.py:test_damaged_file")),
    ("P29", "it is ready and stops within a second, with a full pipe too",
     ("test_output.py:test_ready_at_once", "test_service.py:test_p29_ready",
      "test_reader.py:test_stop_with_full_pipe")),
    ("P30", "the same capture gives the same bytes", ("test_replay.py:test_same_bytes", "golden/test_replay.py")),
)


def command(test):
    if test.startswith("unit/"):
        return [os.path.join(BUILD, "tests", test)]
    if test.startswith("golden/"):
        return [sys.executable, os.path.join(TREE, "tests", test)]
    file, function = test.split(":")
    return [sys.executable, os.path.join(TREE, "tests/integration", file), function]


def points_of(test):
    """(passed, failed) points; a test that has none, or that cannot run, has failed."""
    result = subprocess.run(command(test), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = result.stdout.decode(errors="replace").splitlines()
    passed = sum(line.startswith("ok ") and "# SKIP" not in line for line in lines)
    failed = sum(line.startswith("not ok ") for line in lines)
    if failed or result.returncode or not passed:
        sys.stderr.writelines(line + "\n" for line in lines if not line.startswith("ok "))
        failed = max(failed, 1)
    return passed, failed


def main():
    wanted = os.environ.get("PROMISES", "").split()
    broken = 0
    for name, title, tests in PROMISES:
        if wanted and name not in wanted:
            continue
        begun = time.monotonic()
        passed, failed = (sum(column) for column in zip(*map(points_of, tests)))
        broken += failed > 0
        print(f"{name:4} {'broken' if failed else 'holds':7}{passed:5} of {passed + failed:<5}"
              f"{time.monotonic() - begun:6.1f} s  {title}", flush=True)
    sys.exit(1 if broken else 0)


main()
