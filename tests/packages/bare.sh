#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the commands of README.md that build sockline, as it has them, in a new Debian that has none
# of what the build needs: it has sudo, and jq for the example. So has that of contrib/pipeline that installs a package.
# Takes minutes and Debian's archive. Needs root. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"
root=$scratch/root

# apt asks nobody, and no service of a package is started.
# shellcheck disable=SC2317 # point calls it, and the others
prepared()
{
	new_system "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" sudo,jq "$root" && copy_tree &&
		mv "$tree" "$root/sockline" &&
		echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90assume-yes" &&
		printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d" &&
		! in_system "$root" sh -c 'command -v gcc || command -v make'
}

# as_in PATTERN FOLDER [SUFFIX]: the line of contrib/FOLDER/README.md, or of README.md, that is the pattern; SUFFIX goes after.
# shellcheck disable=SC2317
as_in()
{
	line=$(commands_of "$2" | grep -x "$1") && [ "$(echo "$line" | wc -l)" -eq 1 ] &&
		in_system "$root" timeout 7200 sh -ec "cd /sockline && $line${3:-}"
}

# shellcheck disable=SC2317
ten_packets()
{
	as_in 'sudo contrib/run -c 10 | jq \.' '' >"$scratch/records" &&
		jq -se 'map(select(.event.action == "packet")) | length == 10' "$scratch/records"
}

# It ends when its reader is gone.
# shellcheck disable=SC2317
without_end()
{
	as_in 'sudo contrib/run' '' ' | head -n 5' >"$scratch/records" &&
		jq -se 'length == 5 and .[0].event.action == "run_started"' "$scratch/records"
}

# shellcheck disable=SC2016,SC2317 # as the README has it
by_hand()
{
	line=$(sed -n 's/^Or `\(\.\/autogen.*\)`, with .*/\1/p' "$top/README.md") && [ -n "$line" ] &&
		in_system "$root" sh -ec "cd /sockline && $line && cd / && sockline --self-test"
}

install_packages mmdebstrap jq || exit 1
point 'a new system' prepared
python3 - <<-'TRAFFIC' &
	import socket, time
	sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
	receiver.bind(("127.0.0.1", 0))
	for _ in range(72000):
	    sender.sendto(b"x", receiver.getsockname())
	    receiver.recv(1)
	    time.sleep(0.1)
	TRAFFIC
traffic=$!
trap 'kill $traffic; rm -rf "$scratch" "$tap_output"' EXIT
point 'sudo contrib/run -c 10 | jq .' ten_packets
point 'sudo contrib/run' without_end
point 'the commands of autoconf' by_hand
point 'the package of contrib/pipeline' as_in 'sudo apt-get install rsyslog-kafka' pipeline
plan
