#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# `make check-package': builds the Debian package, and in a new system in a folder installs it,
# captures, and purges it. Takes minutes and Debian's archive; outside CI. Needs root. TAP.

set -u
top=${top_srcdir:?}
# shellcheck source=tests/helpers/tap.sh
. "$top/tests/helpers/tap.sh"
# shellcheck source=contrib/common.sh
. "$top/contrib/common.sh"
scratch=$(mktemp -d /var/tmp/sockline-package.XXXXXX) || exit 1
trap 'rm -rf "$scratch" "$tap_output"' EXIT
log=$scratch/log
root=$scratch/root

# in_root COMMAND...: as if the new system were the machine's. Its mounts end with the command.
# shellcheck disable=SC2317 # point calls it, and the others
in_root()
{
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -c 'root=$1; shift
		mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" &&
			exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
				DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" "$@"
}

# The new system's files, but for what apt and dpkg note and what every change of users leaves.
# shellcheck disable=SC2317
files()
{
	(cd "$root" && find . -xdev '(' -path ./var/cache -o -path ./var/lib/dpkg -o -path ./var/lib/apt \
		-o -path ./var/log -o -path ./proc -o -path ./sys -o -path ./tmp ')' -prune \
		-o ! -name 'passwd-' ! -name 'group-' ! -name 'shadow-' ! -name 'gshadow-' -print | sort
	find ./var/log -name '*sockline*')
}

# shellcheck disable=SC2317
new_system()
{
	mmdebstrap --variant=minbase --include=iproute2,jq,python3-minimal,libpython3-stdlib \
		"$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$root" http://deb.debian.org/debian &&
		in_root apt-get -qq update &&
		in_root apt-get -qq --no-install-recommends satisfy "$(dpkg-deb -f "$package" Depends)" &&
		mkdir "$root/package" &&
		cp "$package" "$top/contrib/debian/tests/capture" "$root/package" &&
		files >"$scratch/before"
}

# shellcheck disable=SC2317
nothing_left()
{
	files >"$scratch/after"
	diff "$scratch/before" "$scratch/after"
}

install_packages dpkg-dev lintian mmdebstrap || exit 1
point 'the package is built' "$top/contrib/debian/build" "$scratch/out"
package=$(find "$scratch/out" -name 'sockline_*.deb')
point 'lintian has no complaint' lintian --allow-root --pedantic --display-info \
	--fail-on error,warning,info,pedantic "$scratch"/out/*.changes
point 'a new system has what the package depends on' new_system
point 'it is installed' in_root sh -c 'apt-get -qq install /package/*.deb'
point 'it captures, and names the process of a connection' in_root /package/capture
point 'the service is off' in_root test ! -e /etc/systemd/system/multi-user.target.wants/sockline.service
point 'it is purged' in_root apt-get -qq purge sockline
point 'nothing of it is left' nothing_left
plan
