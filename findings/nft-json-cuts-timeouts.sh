#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# nft's JSON has times in whole seconds: a set's timeout of half a second comes back as none.
#
# Guess:  "timeout" in nft -j is 1.5 or "1s500ms" where the text form has "timeout 1s500ms", and what nft -j
#         list writes, nft -j -f reads back as the same rules.
# Seen:   nftables 1.0.6, Linux 6.18: 1s500ms is 1 in JSON, and 1s after it was read back. A set of "timeout
#         500ms" has "timeout": 0 in JSON, and no timeout once that was read back: what is put into it stays
#         for good.
# Effect: rules that are kept as JSON (as by configuration management) are other rules, and a list of those
#         seen within half a second is one of all that were ever seen.
# Needs root and Debian 12 (amd64): makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-nj-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 libmnl0=1.0.4-3 \
	libedit2 libbsd0 libmd0 libjansson4 libxtables12 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libnftables.so.*' | head -n 1)")
export LD_LIBRARY_PATH
ip netns add "$a" || exit 2
nft()
{
	ip netns exec "$a" "$work/root/usr/sbin/nft" "$@"
}
timeouts()
{
	nft list table inet t | sed -n 's/^\tset \(.*\) {/\1:/p; s/^\t\ttimeout \(.*\)/\1/p' | tr '\n' ' '
}
nft -v
nft -f - <<'N' || exit 2
table inet t {
	set half { type ipv4_addr; timeout 500ms; }
	set more { type ipv4_addr; timeout 1500ms; }
}
N
before=$(timeouts)
nft -j list table inet t >json
nft flush ruleset && nft -j -f json || exit 2
after=$(timeouts)
json=$(grep -o '"timeout": [0-9.]*' json | tr '\n' ' ')
echo "before: $before; as JSON: $json; read back: $after"
[ "$before" = 'half: 500ms more: 1s500ms ' ] && [ "$after" = 'half: more: 1s ' ] &&
	[ "$json" = '"timeout": 0 "timeout": 1 ' ]
