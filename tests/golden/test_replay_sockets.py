#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A capture and recorded sockets give exactly the records of replay_sockets.ndjson.

REGENERATE=1 writes the golden file anew: read the difference before committing it.
"""

import difflib
import json
import os
import subprocess
import sys
import tempfile

from scapy.all import ICMP, IP, TCP, UDP, Ether, IPv6, wrpcap  # pylint: disable=import-error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
HELPER = os.path.join(os.environ.get("top_builddir", "build"), "tests/helpers/replay_sockets")
GOLDEN = os.path.join(ROOT, "tests/golden/replay_sockets.ndjson")
HERE, THERE, HERE6, THERE6 = "192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db8::7"

SOCKETS = f"""address {HERE}
address {HERE6}
6\t{HERE}\t40000\t{THERE}\t443\tsocket\t4242\tcurl\t/usr/bin/curl\t1000\t91827
6\t{HERE}\t22\t*\t0\tlistener\t877\tsshd\t/usr/sbin/sshd\t0\t20114
17\t{HERE6}\t50000\t*\t0\tsocket\t500\tresolver\t/usr/sbin/resolver\t102\t30000
6\t{HERE}\t41000\t{HERE}\t8080\tsocket\t600\tclient\t/usr/bin/client\t1000\t30001
6\t{HERE}\t8080\t*\t0\tlistener\t601\tserver\t/usr/bin/server\t33\t30002
"""


def tcp(client, port, server, server_port):
    def one(forth, flags, seq, ack, payload=b""):
        ends = (client, port, server, server_port) if forth else (server, server_port, client, port)
        return (IP(src=ends[0], dst=ends[2]) /
                TCP(sport=ends[1], dport=ends[3], flags=flags, seq=seq, ack=ack) / payload)
    return [one(True, "S", 1, 0), one(False, "SA", 100, 2), one(True, "A", 2, 101),
            one(True, "PA", 2, 101, b"hello"), one(False, "FA", 101, 7),
            one(True, "FA", 7, 102), one(False, "A", 102, 8)]


def capture(path):
    packets = tcp(HERE, 40000, THERE, 443) + tcp(THERE, 5555, HERE, 22)
    packets += tcp(HERE, 41000, HERE, 8080)
    packets += [IPv6(src=HERE6, dst=THERE6) / UDP(sport=50000, dport=53) / b"question",
                IPv6(src=THERE6, dst=HERE6) / UDP(sport=53, dport=50000) / b"answer",
                IP(src=HERE, dst=THERE) / TCP(sport=1, dport=2, flags="S", seq=9),
                IP(src=THERE, dst="203.0.113.5") / ICMP(id=7)]
    frames = []
    for number, packet in enumerate(packets):
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet
        frame.time = 1700000000 + number / 1000
        frames.append(frame)
    wrpcap(path, frames)


# Found when the run ends, while its connection is closed.
LATE = f"""address {HERE6}
traffic
17\t{HERE6}\t50000\t*\t0\tlate\t500\tresolver\t/usr/sbin/resolver\t102\t30000
"""


def replay(folder, sockets):
    with open(f"{folder}/sockets", "w", encoding="ascii") as file:
        file.write(sockets)
    return subprocess.run([HELPER, f"{folder}/sockets", f"{folder}/capture"], capture_output=True, check=True).stdout


def traffic_of(lines):
    """Bytes that process_traffic says of each process, last: sent and received."""
    last = {}
    for record in map(json.loads, lines.splitlines()):
        if record["event"]["action"] == "process_traffic":
            traffic = record["sockline"]["traffic"]
            last[record.get("process", {}).get("name")] = (traffic["sent"]["bytes"], traffic["received"]["bytes"])
    return last


def main():
    with tempfile.TemporaryDirectory() as folder:
        capture(f"{folder}/capture")
        got, again = (replay(folder, SOCKETS) for _ in range(2))
        late = replay(folder, LATE)
    if os.environ.get("REGENERATE"):
        with open(GOLDEN, "wb") as golden:
            golden.write(got)
    with open(GOLDEN, "rb") as golden:
        expected = golden.read()
    valid = subprocess.run([os.path.join(ROOT, "tests/helpers/validate")], input=got,
                           capture_output=True, check=False)
    owners = {json.loads(line).get("process", {}).get("name") for line in got.splitlines()}
    check(got == expected, "replay with recorded sockets gives the golden records",
          "\n".join(difflib.unified_diff(expected.decode().splitlines(), got.decode().splitlines(),
                                         "golden", "now", lineterm="", n=0)))
    check(got == again, "replay with recorded sockets gives the same bytes twice")
    check(valid.returncode == 0, "every line of it is valid", valid.stderr.decode())
    check(owners >= {"curl", "sshd", "resolver", "client"}, "every recorded owner is named in it")
    check(traffic_of(late) == {"resolver": (56, 54)}, "an owner that is found at the end has its traffic",
          traffic_of(late))
    return done()


if __name__ == "__main__":
    sys.exit(main())
