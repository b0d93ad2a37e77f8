#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A capture that pzstd compressed is no capture for Wireshark, which reads the same file from zstd.
#
# Guess:  pzstd, of the package zstd, writes what zstd writes: whatever reads a capture that zstd compressed
#         reads it.
# Seen:   zstd 1.5.4, Wireshark 4.0.17 (capinfos; tshark is the same): a .zst by zstd has its one packet,
#         that by pzstd "isn't a capture file". pzstd puts a skippable frame before each frame, and so at the
#         file's beginning, where not zstd's magic number is but one of the 16 that zstd's and lz4's frames
#         have in common (RFC 8878 3.1.2). Behind or between frames Wireshark passes over one. zstd(1) and
#         lz4(1) read all of these.
# Effect: a reader that knows compression by the first four bytes passes over skippable frames
#         first, and takes the format from what follows them.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
shark=4.0.17-0+deb12u3 zstd=1.5.4+dfsg2-5+deb12u1
apt-get -qq download zstd=$zstd libzstd1=$zstd libpcap0.8=1.10.3-1 wireshark-common=$shark libwiretap13=$shark \
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
with open("one.pcap", "wb") as file:
    file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    file.write(struct.pack("<IIII", 1, 0, 60, 60) + bytes(60))
P
zstd -q one.pcap -o zstd.zst && pzstd -q one.pcap -o pzstd.zst || exit 2
printf '\120\052\115\030\004\000\000\000skip' >skippable
cat skippable zstd.zst >before.zst
cat zstd.zst skippable >behind.zst

# packets FILE: how many capinfos finds, or "none".
packets()
{
	capinfos -T -r -c "$1" 2>/dev/null | cut -f 2 | grep . || echo none
}

zstd --version
capinfos --version | head -n 1
for file in zstd pzstd before behind; do
	zstd -dcq $file.zst | cmp -s - one.pcap || exit 2
	seen="${seen-}$(packets $file.zst) "
	echo "$file: $(packets $file.zst), begins with $(od -An -tx1 -N4 $file.zst)"
done
[ "$seen" = '1 none none 1 ' ]
