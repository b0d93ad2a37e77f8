#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the commands of contrib/rpm as its README has them, with Debian's rpmbuild, and what they
# made: its files, and that it captures. rpm has a database of its own with one package that provides what the spec wants.
# What %check runs is left out, as the build of the Debian package runs it. Needs root and Debian's archive. TAP.

set -u
top=${top_srcdir:?}
# shellcheck source=tests/helpers/tap.sh
. "$top/tests/helpers/tap.sh"
# shellcheck source=contrib/common.sh
. "$top/contrib/common.sh"
# A make that calls this has variables for its own rules.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
scratch=$(mktemp -d /var/tmp/sockline-rpm.XXXXXX) || exit 1
trap 'rm -rf "$scratch" "$tap_output"' EXIT
# shellcheck disable=SC2034 # install_packages reads it
log=$scratch/log
tree=$scratch/tree
home=$scratch/home

# shellcheck disable=SC2317 # point calls it, and the others
as_user()
{
	setpriv --reuid=nobody --regid=nogroup --clear-groups env -C "$tree" HOME="$home" "$@"
}

# shellcheck disable=SC2317
new_tree()
{
	mkdir "$tree" "$home" &&
		tar -C "$top" --exclude=./.git --exclude=./build -cf - . | tar -C "$tree" -xf - &&
		sh "$top/src/version.sh" "$top" "$(sed -n 's/^AC_INIT(\[sockline\], \[\(.*\)\])$/\1/p' "$top/configure.ac")" \
			>"$tree/.version" &&
		chmod 755 "$scratch" && chown -R nobody:nogroup "$tree" "$home" &&
		as_user ./autogen.sh && as_user ./configure -q
}

# Prints what stands for the packages that the spec wants.
# shellcheck disable=SC2317
provider()
{
	printf 'Name: provider\nVersion: 1\nRelease: 1\nSummary: Stands for others\nLicense: none\nBuildArch: noarch\n'
	sed -n 's/^BuildRequires: *\([^ ]*\).*/\1/p' "$top/contrib/rpm/sockline.spec" | while read -r name; do
		library=${name#pkgconfig(}
		[ "$library" = "$name" ] && version= || version=" = $(pkg-config --modversion "${library%)}")"
		echo "Provides: $name$version"
	done
	printf '%%description\nStands for others.\n%%files\n'
}

# shellcheck disable=SC2317
ready()
{
	cat >"$home/.rpmmacros" <<-'END'
		%_unitdir /usr/lib/systemd/system
		%systemd_post() :
		%systemd_preun() :
		%systemd_postun_with_restart() :
		%__spec_check_pre exit 0
	END
	provider >"$home/provider.spec" &&
		as_user rpmbuild -bb "$home/provider.spec" &&
		as_user rpm -i --justdb "$home/rpmbuild/RPMS/noarch/provider-1-1.noarch.rpm"
}

# shellcheck disable=SC2317
as_written()
{
	awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside' "$top/contrib/rpm/README.md" >"$scratch/commands" &&
		[ -s "$scratch/commands" ] && as_user sh -e "$scratch/commands"
}

# shellcheck disable=SC2317
unpacked()
{
	mkdir "$scratch/root" &&
		rpm -U --nodeps --noscripts --root "$scratch/root" --dbpath /db "$home"/rpmbuild/RPMS/*/sockline-[0-9]*.rpm
}

# has ROOT FILE...
# shellcheck disable=SC2317
has()
{
	for file in "$@"; do
		[ -s "$1/$file" ] || [ "$file" = "$1" ] || { echo "$file is missing"; (cd "$1" && find . -type f); return 1; }
	done
}

# The autopkgtest of Debian's package, but for its last line, which looks for the user.
# shellcheck disable=SC2317
captures()
{
	sed '$d' "$top/contrib/debian/tests/capture" >"$scratch/capture" && chmod 755 "$scratch/capture" &&
		PATH=$1:$PATH "$scratch/capture"
}

install_packages rpm jq iproute2 pkg-config || exit 1
point 'a tree, configured' new_tree
point 'rpm knows what the build needs' ready
point 'the commands of contrib/rpm' as_written
point 'its package is unpacked' unpacked
point 'it has the files' has "$scratch/root" usr/sbin/sockline usr/lib/systemd/system/sockline.service \
	usr/lib/sysusers.d/sockline.conf etc/logrotate.d/sockline usr/share/sockline/sockline.schema.json
point 'it captures' captures "$scratch/root/usr/sbin"
plan
