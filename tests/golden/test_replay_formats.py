#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Lines with the names of others, of the captures in test_replay.py and of DNS."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import ocsf  # noqa: E402
from test_replay import CASES, SERVER, Capture, check, compare, records_of, replay, run_all, scapy, \
    without_local, write
from test_replay_names import CLIENT, Flow, address, ask, client_hello, exchange, published, reply


def resolutions():
    capture = Capture()
    alias = scapy.DNSRR(rrname="WWW.example.com", type="CNAME", rdata="web.example.net", ttl=300)
    exchange(capture, ask("WWW.example.com"), reply("WWW.example.com", alias, address("web.example.net", SERVER)))
    exchange(capture, ask("gone.example.com", 2), reply("gone.example.com", identifier=2, rcode=3))
    exchange(capture, ask("late.example.com", 3, "HTTPS"), port=40001)
    return capture


def hellos():
    capture = Capture()
    Flow(capture, 50000, 443).send(">", client_hello(b"WWW.example.com"))
    Flow(capture, 50001, 443).send(">", client_hello(b'"\\\n\xff', first=b"h\xff"))
    Flow(capture, 50002, 443).send(">", b"GET / HTTP/1.1\r\n\r\n")
    capture.add(scapy.IP(src=CLIENT, dst=SERVER) / scapy.UDP(sport=50003, dport=443) / published("version_1"))
    return capture


CAPTURES = {**CASES, "dns": resolutions, "tls": hellos}


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
        hellos_of = {line["uid"]: (line.get("server_name"), line["ja4"], line.get("orig_alpn"), line["sockline.versions"])
                     for line in records_of(lines) if line["_path"] == "ssl"}
        check(hellos_of == hellos_in(f"{name}.pcap"), f"{name}: ssl.log has what clients said first",
              f"{hellos_of}\n{hellos_in(f'{name}.pcap')}")
        output += lines
    compare("replay_zeek.ndjson", without_local(output), "the golden lines with Zeek's names")
    check(replay("-r", "tcp.pcap", "--format", "zeek") ==
          replay("-r", "tcp.pcap", "--format", "zeek", "-e", "connection"), "zeek has conn.log if nothing is asked for")


def hellos_in(capture):
    """The same of the records, by the id of their connection."""
    closed = [record for record in records_of(replay("-r", capture, "-e", "closed"))
              if record["event"]["action"] == "connection_closed" and "tls" in record["sockline"]]
    return {record["sockline"]["connection"]["id"]:
            (record["tls"]["client"]["server_name"], record["sockline"]["ja4"], record["sockline"]["tls"].get("alpn"),
             ["TLSv" + version.replace(".", "") for version in record["sockline"]["tls"]["versions"]])
            for record in closed}


def test_ocsf():
    """--format ocsf: an event for each record that OCSF has a class for, and valid."""
    samples = {}  # by what they are
    for name, make in CAPTURES.items():
        write(f"{name}.pcap", make().pcap())
        events = replay("-r", f"{name}.pcap", "--format", "ocsf", "-e", "all", "--label", "site=a")
        found = ocsf.complaints_of(events.splitlines(True))
        check(not found, f"{name}: every event is valid", "\n".join(found))
        records = records_of(replay("-r", f"{name}.pcap", "-e", "all"))
        written = [record["event"]["action"] for record in records if record["event"]["dataset"] in
                   ("sockline.packet", "sockline.connection", "sockline.dns", "sockline.log")]
        check([event["metadata"]["event_code"] for event in records_of(events)] == written,
              f"{name}: an event for each record of packets, connections and DNS")
        check(totals_of_events(records_of(events)) == totals_of_records(records), f"{name}: the same totals")
        for line in events.splitlines(True):
            event = json.loads(line)
            samples.setdefault((event["type_uid"], event["metadata"]["event_code"], event.get("status_detail")), line)
    output = without_local(b"".join(samples.values()))
    output = re.sub(rb'"device":{.*?},("[^o])', rb'"device":{},\1', output)
    output = re.sub(rb'("vendor_name":"sockline","version":)"[^"]*"', rb'\1"VERSION"', output)
    compare("replay_ocsf.ndjson", output, "one golden event of each kind")


def totals_of_events(events):
    ends = ("bytes_out", "packets_out", "bytes_in", "packets_in")
    return [[event["cumulative_traffic"][name] for name in ends] for event in events
            if event["metadata"]["event_code"] == "connection_closed"]


def totals_of_records(records):
    return [[record[end][name] for end in ("source", "destination") for name in ("bytes", "packets")]
            for record in records if record["event"]["action"] == "connection_closed"]


if __name__ == "__main__":
    sys.exit(run_all(globals()))
