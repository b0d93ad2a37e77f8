# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams by tests/helpers/gen, and the records of them."""

import json

from harness import check

PACKET = ("-e", "packet")


def packets(records):
    return [record for record in records if record["event"]["action"] == "packet"]


def flood(place, *options):
    """Datagrams to port 9 of loopback, which is open: no ICMP comes back. Has begun."""
    gen = place.helper("gen", "-k", *options, "127.0.0.1")
    gen.json()
    return gen


def sent(gen):
    return json.loads(gen.lines[-1])["sent"]


def final(sockline):
    """The last record, which must be run_stopped."""
    last = sockline.records[-1]
    check(last["event"]["action"] == "run_stopped", "the last record is run_stopped", last)
    return last
