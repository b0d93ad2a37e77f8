# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Community IDs of packets made with scapy: those of tests/helpers/community_ids are tshark's."""

import os
import random
import shutil
import subprocess
import sys
import tempfile

try:
    from scapy import all as scapy
except ImportError:
    scapy = None

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, comment, done, skip_all  # noqa: E402

HELPER = os.path.join(os.environ.get("top_builddir", "build"), "tests/helpers/community_ids")
ADDRESSES = (
    ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1"), ("127.0.0.1", "127.0.0.1"),
    ("9.255.0.1", "10.0.0.1"), ("fe80::1", "fe80::2"), ("2001:db8::ff", "2001:db8::1:0"), ("::1", "::1"),
)
PORTS = ((80, 256), (256, 80), (53, 40000), (443, 443), (0, 1), (65535, 65534))


def network(source, destination):
    if ":" in source:
        return scapy.IPv6(src=source, dst=destination)
    return scapy.IP(src=source, dst=destination)


def cases():
    """(protocol, source, destination, port or type, port or code, packet)"""
    for source, destination in ADDRESSES:
        under = network(source, destination)
        for first, second in PORTS:
            yield 6, source, destination, first, second, under / scapy.TCP(sport=first, dport=second)
            yield 17, source, destination, first, second, under / scapy.UDP(sport=first, dport=second)
            yield 132, source, destination, first, second, \
                under / scapy.SCTP(sport=first, dport=second) / scapy.SCTPChunkInit()
        if ":" in source:
            # tshark 4.0 gives none to IPv6 without ports, nor to type 145.
            for kind in (1, 2, 3, 128, 129, 130, 131, 133, 134, 135, 136, 144):
                message = scapy.Raw(bytes([kind, 0]) + b"\0\0" + b"\0" * 28)
                yield 58, source, destination, kind, 0, \
                    scapy.IPv6(src=source, dst=destination, nh=58) / message
        else:
            bare = scapy.IP(src=source, dst=destination, proto=253)
            yield 253, source, destination, "-", "-", bare / b"experiment"
            yield 47, source, destination, "-", "-", under / scapy.GRE() / b"payload"
            for kind, code in ((0, 0), (3, 1), (3, 3), (8, 0), (9, 0), (10, 0), (11, 0), (11, 1),
                               (13, 0), (14, 0), (15, 0), (16, 0), (17, 0), (18, 0)):
                yield 1, source, destination, kind, code, under / scapy.ICMP(type=kind, code=code)


def random_cases(generator, count):
    for _ in range(count):
        source, destination = (f"10.{generator.randrange(256)}.0.{generator.randrange(1, 255)}"
                               for _ in range(2))
        first, second = generator.randrange(65536), generator.randrange(65536)
        yield 6, source, destination, first, second, \
            network(source, destination) / scapy.TCP(sport=first, dport=second)


def from_tshark(packets):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "packets.pcap")
        scapy.wrpcap(path, [scapy.Ether(bytes(scapy.Ether(src="02:00:00:00:00:01",
                                                          dst="02:00:00:00:00:02") / packet))
                            for packet in packets])
        run = subprocess.run(["tshark", "-r", path, "--enable-protocol", "communityid", "-T", "fields",
                              "-e", "communityid", "-E", "occurrence=f"],
                             capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def main():
    if scapy is None or not shutil.which("tshark"):
        return skip_all("needs scapy and tshark")
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    comment(f"SEED={seed}")
    all_cases = list(cases()) + list(random_cases(random.Random(seed), 300))
    ours = subprocess.run([HELPER], input="".join(" ".join(map(str, case[:5])) + "\n"
                                                  for case in all_cases),
                          capture_output=True, text=True, check=True).stdout.splitlines()
    theirs = from_tshark([case[5] for case in all_cases])
    differences = [f"{case[:5]}: ours {mine}, tshark {other}"
                   for case, mine, other in zip(all_cases, ours, theirs) if mine != other]
    check(len(ours) == len(theirs) == len(all_cases) and not differences,
          f"{len(all_cases)} Community IDs are those of tshark", "\n".join(differences))
    return done()


if __name__ == "__main__":
    sys.exit(main())
