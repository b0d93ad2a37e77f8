#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Wireshark's library reads times of pcapng in picoseconds with a wrong fraction of the second.
#
# Guess:  if_tsresol 12 (10^-12 s) is read like 6 or 9, cut to nanoseconds: 1700000.999999999999 s is
#         1700000.999999999.
# Seen:   Wireshark 4.0.17 (editcap; tshark is the same): 1700000.003875820. libpcap 1.10.3 has
#         .999999999. Up to .018 s behind a full second both agree; behind that Wireshark multiplies what is
#         left by 10^9 before it divides by 10^12, which 64 bits do not hold.
# Effect: packets of one second go back and forth, by up to a second, and no reader is told.
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
frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5" + b"data" * 12
with open("picoseconds.pcapng", "wb") as file:
    file.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
    file.write(block(1, struct.pack("<HHIHHB3xI", 1, 0, 0, 9, 1, 12, 0)))
    for fraction in (18 * 10**9, 19 * 10**9, 250 * 10**9, 10**12 - 1):
        ticks = 1700000 * 10**12 + fraction
        length = len(frame) // 4 * 4
        file.write(block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xffffffff, length, length) +
                         frame[:length]))
P
tcpdump --version 2>&1 | head -n 2
editcap --version | head -n 1
editcap -F nsecpcap picoseconds.pcapng nanoseconds.pcap || exit 2
seconds()
{
	tcpdump -n -tt --nano -r "$1" 2>/dev/null | sed -n 's/^\([0-9.]*\) .*/\1/p' | tr '\n' ' '
}
libpcap=$(seconds picoseconds.pcapng)
wireshark=$(seconds nanoseconds.pcap)
echo "libpcap:   $libpcap"
echo "Wireshark: $wireshark"
[ "$libpcap" = '1700000.018000000 1700000.019000000 1700000.250000000 1700000.999999999 ' ] &&
	[ "${wireshark%% *}" = 1700000.018000000 ] && [ "$wireshark" != "$libpcap" ] &&
	! echo "$wireshark" | grep -qE '\.019000000|\.250000000|\.999999999'
