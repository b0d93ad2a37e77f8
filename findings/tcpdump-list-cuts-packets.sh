#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Files that tcpdump -V reads one after another and -w writes as one lose bytes by the order of the list.
#
# Guess:  tcpdump -V LIST -w FILE writes packets that read back as they were, in whatever order files of
#         different snapshot lengths (-s) are listed.
# Seen:   tcpdump 4.99.3, libpcap 1.10.3: FILE has the header of the first file of the list. Packets of 442
#         bytes from a file of 262144 behind one of 64 are written whole, but with 64 in the
#         header libpcap cuts them to 64 (as tshark 4.0.17 does). With the list turned around nothing is lost. No word of it is printed.
# Effect: bytes that are in a capture file are not seen in it; a reader that goes by the length of each
#         packet, and not by the file's header, has them.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download tcpdump=4.99.3-1 libpcap0.8=1.10.3-1 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
tcpdump=$work/root/usr/bin/tcpdump
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libpcap.so.*' | head -n 1)")
export LD_LIBRARY_PATH
python3 - <<'P'
import struct
udp = struct.pack("!HHHH", 4242, 4242, 408, 0) + b"x" * 400
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))
frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\10\0" + ip + udp
for name, limit in (("short", 64), ("long", 262144)):
    with open(name, "wb") as file:
        kept = frame[:limit]
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, limit, 1))
        file.write(struct.pack("<IIII", 1, 0, len(kept), len(frame)) + kept)
P
printf 'short\nlong\n' >short-first
printf 'long\nshort\n' >long-first
"$tcpdump" --version 2>&1 | head -n 2
for list in short-first long-first; do
	"$tcpdump" -q -Z root -V $list -w $list.pcap 2>/dev/null
	# The bytes that -XX prints of each packet: 16 a line.
	read_back=$("$tcpdump" -n -XX -r $list.pcap 2>/dev/null | awk '
		/^[0-9]/ { if (lines) printf "%d ", lines; lines = 0 }
		/^\t0x/ { lines++ }
		END { print lines }')
	echo "$list: $(wc -c <$list.pcap) bytes; lines of 16 bytes in the packets: $read_back"
	eval "$(echo $list | tr - _)='$read_back'"
done
# shellcheck disable=SC2154 # eval sets them
[ "$short_first" = '4 4' ] && [ "$long_first" = '28 4' ] &&
	[ "$(wc -c <short-first.pcap)" -eq "$(wc -c <long-first.pcap)" ]
