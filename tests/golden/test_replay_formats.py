#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Lines with the names of others, of the captures in test_replay.py and of DNS."""

import sys

from test_replay import CASES, SERVER, Capture, check, compare, records_of, replay, run_all, scapy, \
    without_local, write
from test_replay_names import address, ask, exchange, reply


def resolutions():
    capture = Capture()
    alias = scapy.DNSRR(rrname="WWW.example.com", type="CNAME", rdata="web.example.net", ttl=300)
    exchange(capture, ask("WWW.example.com"), reply("WWW.example.com", alias, address("web.example.net", SERVER)))
    exchange(capture, ask("gone.example.com", 2), reply("gone.example.com", identifier=2, rcode=3))
    exchange(capture, ask("late.example.com", 3, "HTTPS"), port=40001)
    return capture


CAPTURES = {**CASES, "dns": resolutions}


def test_zeek():
    """--format zeek: a line for each connection that ended, with the same totals."""
    counts = ("orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes")
    output = b""
    for name, make in CAPTURES.items():
        write(f"{name}.pcap", make().pcap())
        lines = replay("-r", f"{name}.pcap", "--format", "zeek", "-e", "closed,dns", "--label", "site=a")
        totals = {line["uid"]: [line.get(key) for key in counts]
                  for line in records_of(lines) if line["_path"] == "conn"}
        expected = {record["sockline"]["connection"]["id"]:
                    [record[end].get(key) for end in ("source", "destination") for key in ("packets", "bytes")]
                    for record in records_of(replay("-r", f"{name}.pcap", "-e", "closed"))
                    if record["event"]["action"] == "connection_closed"}
        check(totals == expected and totals, f"{name}: conn.log has the totals of the records",
              f"{totals}\n{expected}")
        output += lines
    compare("replay_zeek.ndjson", without_local(output), "the golden lines with Zeek's names")
    check(replay("-r", "tcp.pcap", "--format", "zeek") ==
          replay("-r", "tcp.pcap", "--format", "zeek", "-e", "connection"), "zeek has conn.log if nothing is asked for")


if __name__ == "__main__":
    sys.exit(run_all(globals()))
