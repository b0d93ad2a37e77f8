#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Packet number 2 of a pcapng file is another one for editcap than for tcpdump and capinfos.
#
# Guess:  a custom block is metadata, and a reader that has no use for it passes over it: packets are
#         numbered as they come, and tools that count packets agree on how many a file has.
# Seen:   Wireshark 4.0.17: in a file with a custom block before each of three packets editcap numbers
#         six, as tshark does in frame.number: "editcap -r IN OUT 1-3" keeps one packet, and 4 is
#         the second. capinfos counts three packets, as tcpdump does, whose -c 3 reads all of them.
# Effect: a number of a packet means nothing between tools where a file may have custom blocks (as those of
#         processes that Wireshark 4.7 writes): time and length name a packet better.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
shark=4.0.17-0+deb12u3
apt-get -qq download tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 wireshark-common=$shark libwiretap13=$shark \
	libwsutil14=$shark libglib2.0-0 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libwiretap.so.*' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$work/root/usr/bin:$PATH
python3 - <<'P'
import struct
def block(kind, body):
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
with open("in.pcapng", "wb") as file:
    file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0)))
    for second in (1, 2, 3):
        time = second * 1000000
        file.write(block(0xbad, struct.pack("<I", 32473) + b"whatever"))
        file.write(block(6, struct.pack("<IIIII", 0, time >> 32, time & 0xffffffff, 60, 60) + bytes(60)))
P

# seconds FILE: of the packets in it.
seconds()
{
	tcpdump -n -tt -r "$1" 2>/dev/null | sed -n 's/^ *\([0-9]*\)\.0.*/\1/p' | tr '\n' ' '
}

tcpdump --version 2>&1 | head -n 2
editcap --version | head -n 1
editcap -r in.pcapng first3.pcapng 1-3 && editcap -r in.pcapng fourth.pcapng 4 || exit 2
counted=$(capinfos -T -r -c in.pcapng | cut -f 2)
echo "packets: tcpdump $(seconds in.pcapng)- capinfos counts $counted"
echo "editcap: 1-3 are $(seconds first3.pcapng)- 4 is $(seconds fourth.pcapng)"
[ "$(seconds in.pcapng)" = '1 2 3 ' ] && [ "$counted" = 3 ] &&
	[ "$(seconds first3.pcapng)" = '1 ' ] && [ "$(seconds fourth.pcapng)" = '2 ' ]
