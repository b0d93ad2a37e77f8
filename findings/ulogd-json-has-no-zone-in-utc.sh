#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ulogd's JSON says in which time zone a time is, but in UTC.
#
# Guess:  "timestamp" of ulogd's JSON is of ISO 8601 with the zone's offset: +0000 for UTC, as +0530 for
#         Kolkata.
# Seen:   ulogd 2.0.8: 2026-11-30T17:51:57.626132+0530 under TZ=Asia/Kolkata, and ...T12:21:55.513157, with
#         nothing behind it, under TZ=UTC. "ip.fragoff" of a datagram that is no fragment is 16384: it has
#         the flag not to fragment in it.
# Effect: ISO 8601 and most readers take what has no zone for local time: the logs of servers that run in
#         UTC are shifted where they are read elsewhere, those of others are not.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-ul-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download ulogd2=2.0.8-1 ulogd2-json=2.0.8-1 libjansson4 nftables=1.0.6-2+deb12u2 \
	libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 libmnl0=1.0.4-3 libnetfilter-log1 libnfnetlink0=1.0.2-2 \
	libnetfilter-conntrack3=1.0.9-3 libedit2 libbsd0 libmd0 libxtables12 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libnftables.so.*' | head -n 1)")
export LD_LIBRARY_PATH
plugins=$(dirname "$(find "$work/root" -name ulogd_output_JSON.so)")
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
ip netns exec "$a" root/usr/sbin/nft -f - <<'N' || exit 2
table inet t {
	chain i {
		type filter hook input priority 0;
		udp dport 4242 log group 5;
	}
}
N
cat >conf <<C
[global]
logfile="$work/log"
plugin="$plugins/ulogd_inppkt_NFLOG.so"
plugin="$plugins/ulogd_raw2packet_BASE.so"
plugin="$plugins/ulogd_output_JSON.so"
stack=log1:NFLOG,base1:BASE,json1:JSON
[log1]
group=5
[json1]
sync=1
file="$work/json"
C
ip netns exec "$a" python3 - "$work" <<'P'
import json, os, re, socket, subprocess, sys, time

os.chdir(sys.argv[1])
seen = {}
with open("json", "a+", encoding="ascii") as written:
    for zone in ("UTC", "Asia/Kolkata"):
        with subprocess.Popen(["root/usr/sbin/ulogd", "-c", "conf"], env={**os.environ, "TZ": zone},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as ulogd, \
             socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(100):  # until it listens
                sender.sendto(b"x", ("127.0.0.1", 4242))
                time.sleep(0.1)
                if line := written.readline():
                    seen[zone] = json.loads(line)
                    break
            ulogd.terminate()
        written.seek(0, os.SEEK_END)
for zone, record in seen.items():
    print(f"{zone}: {record['timestamp']}, ip.fragoff {record['ip.fragoff']}")
ends = [re.sub(r".*\.\d{6}", "", record["timestamp"]) for record in seen.values()]
sys.exit(ends != ["", "+0530"] or any(record["ip.fragoff"] != 16384 for record in seen.values()))
P
