#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': builds the Debian package, and in a new system in a folder installs it, captures, and purges
# it; to build and to install it by the commands of contrib/debian as its README has them. Takes minutes and Debian's
# archive; outside CI. Needs root. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"
root=$scratch/root

# command_of_readme NUMBER: with a sudo that root does without.
# shellcheck disable=SC2317 # point calls it, and the others
command_of_readme()
{
	echo 'sudo() { "$@"; }'
	commands_of debian | sed -n "$1{p;q}" | grep '^sudo '
}

# shellcheck disable=SC2317
builds()
{
	copy_tree && command_of_readme 1 >"$scratch/build" && (cd "$tree" && sh -e "$scratch/build")
}

# The new system's files, but for what apt and dpkg note and what every change of users leaves.
# shellcheck disable=SC2317
files()
{
	(cd "$root" && find . -xdev '(' -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt \
		-o -path ./var/log -o -path ./proc -o -path ./sys -o -path ./tmp ')' -prune \
		-o ! -name 'passwd-' ! -name 'group-' ! -name 'shadow-' ! -name 'gshadow-' -print | sort
	find "$root/var/log" -name "*sockline*")
}

# shellcheck disable=SC2317
prepared()
{
	new_system "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" iproute2,jq,python3-minimal,libpython3-stdlib "$root" &&
		in_system "$root" apt-get -qq update &&
		in_system "$root" apt-get -qq --no-install-recommends satisfy "$(dpkg-deb -f "$package" Depends)" &&
		mkdir -p "$root/package/build/packages" && cp "$package" "$root/package/build/packages" &&
		cp "$top/contrib/debian/tests/capture" "$root/package" &&
		command_of_readme 2 >"$root/package/install" &&
		files >"$scratch/before"
}

# shellcheck disable=SC2317
nothing_left()
{
	files >"$scratch/after"
	diff "$scratch/before" "$scratch/after"
}

install_packages dpkg-dev lintian mmdebstrap || exit 1
point 'the package is built' builds
package=$(find "$tree/build/packages" -name 'sockline_*.deb')
point 'lintian has no complaint' lintian --allow-root --pedantic --display-info \
	--fail-on error,warning,info,pedantic "$tree"/build/packages/*.changes
point 'a new system has what the package depends on' prepared
point 'it is installed' in_system "$root" sh -c 'cd /package && sh -e install'
point 'it captures, and names the process of a connection' in_system "$root" /package/capture
point 'the service is off' in_system "$root" test ! -e /etc/systemd/system/multi-user.target.wants/sockline.service
point 'it is purged' in_system "$root" apt-get -qq purge sockline
point 'nothing of it is left' nothing_left
plan
