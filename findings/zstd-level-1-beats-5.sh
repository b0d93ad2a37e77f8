#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Packet records as NDJSON become larger with each of zstd's levels 2 to 5 than with level 1.
#
# Guess:  a higher level takes longer and gives a smaller file; 3, the default, beats 1.
# Seen:   zstd 1.5.4 (Debian 12), lines that differ in a time, a few numbers and the ends of one
#         of 2,000 connections: level 1 gives 1.59 MB, 2 1.73, 3 1.71, 4 1.71, 5 1.67.
# Effect: -o FILE.zst has level 1 where --compress-level is not given.
# Needs Debian 12 (amd64).
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download zstd=1.5.4+dfsg2-5+deb12u1 libzstd1=1.5.4+dfsg2-5+deb12u1 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
dpkg -x zstd_*.deb root
dpkg -x libzstd1_*.deb root
zstd=$work/root/usr/bin/zstd
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libzstd.so.1' | head -1)")
export LD_LIBRARY_PATH
awk '
function any(n) { seed = (seed * 16807) % 2147483647; return seed % n }
BEGIN {
	seed = 42
	for (i = 0; i < 40000; i++) {
		flow = any(2000)
		printf "{\"@timestamp\":\"2026-11-29T15:00:%02d.%09dZ\",", i / 1000 % 60, any(1e9)
		printf "\"event\":{\"category\":[\"network\"],\"type\":[\"connection\"],"
		printf "\"action\":\"packet\",\"sequence\":%d},\"network\":{\"type\":\"ipv4\",", i
		printf "\"transport\":\"tcp\",\"bytes\":%d},", 40 + any(1400)
		printf "\"source\":{\"ip\":\"10.0.%d.%d\",\"port\":%d},", flow % 4, flow % 256, 30000 + flow
		printf "\"destination\":{\"ip\":\"198.51.100.%d\",\"port\":443},", flow % 200
		printf "\"packet\":{\"number\":%d,\"length\":%d},", i, 54 + any(1400)
		printf "\"tcp\":{\"flags\":[\"psh\",\"ack\"],\"seq\":%d,\"ack\":%d}}\n", any(2e9), any(2e9)
	}
}' >records.ndjson
"$zstd" --version
for level in 1 2 3 4 5; do
	"$zstd" -q -$level -c records.ndjson >packed.$level
	echo "level $level: $(wc -c <packed.$level) bytes"
	[ $level -eq 1 ] || [ "$(wc -c <packed.$level)" -gt "$(wc -c <packed.1)" ] || {
		echo "level $level is smaller than level 1 now"
		exit 1
	}
done
