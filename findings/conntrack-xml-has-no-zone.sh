#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# conntrack's XML has an event's time in pieces, without a fraction or a zone, and counts days from 1.
#
# Guess:  conntrack -E -o xml,timestamp has the time that -o timestamp has: seconds since 1970 with
#         microseconds. -L -o xml of an empty table is an empty document.
# Seen:   conntrack 1.4.7: "<when>" has hour, min, sec, wday, day, month and year of local time, and nothing
#         says which zone that is; its wday is 1 on Sunday, where struct tm has 0 and ISO 8601 has 7. Events
#         of one second are not told apart. Of an empty table -L -o xml prints nothing, which no reader
#         of XML takes.
# Effect: events are put beside packets by the text form's times, or by the start and stop that the kernel
#         keeps (nf_conntrack_timestamp), which are nanoseconds since 1970.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-ct-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download conntrack=1:1.4.7-1+b2 libnetfilter-conntrack3=1.0.9-3 libmnl0=1.0.4-3 \
	libnfnetlink0=1.0.2-2 nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 \
	libedit2 libbsd0 libmd0 libjansson4 libxtables12 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libnetfilter_conntrack.so.*' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$work/root/usr/sbin:$PATH
ip netns add "$a" && ip -n "$a" link set lo up || exit 2
cat >rules <<'N'
table ip find {
	chain in {
		type filter hook input priority 0
		ct state new counter
	}
}
N
ip netns exec "$a" nft -f rules || exit 2
ip netns exec "$a" python3 - <<'P'
import os, re, socket, subprocess, sys, time

os.environ["TZ"] = "UTC-05:30"
time.tzset()
empty = subprocess.run(["conntrack", "-L", "-o", "xml"], capture_output=True, text=True, check=True).stdout
events = [subprocess.Popen(["conntrack", "-E", "-e", "NEW", "-o", form], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True) for form in ("xml,timestamp", "timestamp")]
time.sleep(1)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.sendto(b"x", ("127.0.0.1", 4242))
time.sleep(1)
for one in events:
    one.terminate()
xml, text = (one.communicate()[0] for one in events)
pieces = dict(re.findall(r"<(\w+)>(\d+)</\w+>", xml[xml.index("<when>"):xml.index("</when>")]))
stamp = re.match(r"\[(\d+\.\d+)\]", text)[1]
local = time.localtime(float(stamp))
print(subprocess.run(["conntrack", "-V"], capture_output=True, text=True, check=True).stdout.strip())
print("text:", stamp, "XML:", pieces, "empty table:", repr(empty))
names = ("hour", "min", "wday", "day", "month", "year")
expected = (local.tm_hour, local.tm_min, (local.tm_wday + 1) % 7 + 1, local.tm_mday, local.tm_mon, local.tm_year)
sys.exit(not (empty == "" and set(pieces) == {*names, "sec"} and
              tuple(int(pieces[name]) for name in names) == expected))
P
