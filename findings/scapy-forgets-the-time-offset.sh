#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Scapy reads the times of a pcapng file without if_tsoffset, which moves its packets.
#
# Guess:  Scapy, which reads if_tsresol of any kind (10^-9, 2^-10), adds if_tsoffset to each packet's time
#         as well, as the format has it and as libpcap and Wireshark do.
# Seen:   Scapy 2.5.0: a packet at 1700000000.5 that is written as 1699999000.5 with an offset of 1000 s has
#         time 1699999000.5; dpkt 1.9.8 and tcpdump 4.99.3 have 1700000000.5. There is no warning.
# Effect: packets of two interfaces, one with an offset, are in another order for a script of Scapy than for
#         the tools whose output it is compared with.
# Needs Debian 12 (amd64).
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download python3-scapy=2.5.0+dfsg-2 python3-dpkt=1.9.8-1 tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 \
	2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcap.so.*' | head -n 1)")
export LD_LIBRARY_PATH
PYTHONPATH=$work/root/usr/lib/python3/dist-packages HOME=$work /usr/bin/python3 - <<'P'
import struct, subprocess, sys

import dpkt
import scapy
from scapy.utils import PcapReader

def block(kind, body):
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

def write(name, offset):
    """One packet at 1700000000.5."""
    ticks = (1700000000 - offset) * 10**6 + 500000
    frame = bytes(60)
    option = struct.pack("<HHq", 14, 8, offset) + bytes(4) if offset else b""  # if_tsoffset
    with open(name, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) +
                   block(1, struct.pack("<HHI", 1, 0, 65535) + option) +
                   block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xffffffff, 60, 60) + frame))

def times(name):
    with open(name, "rb") as file:
        by_dpkt, = (float(time) for time, _ in dpkt.pcapng.Reader(file))
    with PcapReader(name) as reader:
        by_scapy, = (float(packet.time) for packet in reader)
    line = subprocess.run(["root/usr/bin/tcpdump", "-r", name, "-tt", "-n"], capture_output=True, text=True,
                          check=True).stdout
    return {"scapy": by_scapy, "dpkt": by_dpkt, "tcpdump": float(line.split()[0])}

write("plain", 0)
write("offset", 1000)
plain, offset = times("plain"), times("offset")
print(f"Scapy {scapy.__version__}, dpkt {dpkt.__version__}: no offset: {plain}\n1000 s: {offset}")
right = 1700000000.5
sys.exit(set(plain.values()) != {right} or offset != {"scapy": right - 1000, "dpkt": right, "tcpdump": right})
P
