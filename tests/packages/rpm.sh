#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the commands of contrib/rpm as its README has them, with Debian's rpmbuild, and what they
# made: its files, and that it captures. rpm has a database of its own with one package that provides what the spec wants.
# What %check runs is left out, as the build of the Debian package runs it. Needs root and Debian's archive. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"

# Prints what stands for the packages that the spec wants.
# shellcheck disable=SC2317 # point calls it, and the others
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
	cat >"$home/.rpmmacros" <<-'MACROS'
		%_unitdir /usr/lib/systemd/system
		%systemd_post() :
		%systemd_preun() :
		%systemd_postun_with_restart() :
		%__spec_check_pre exit 0
	MACROS
	provider >"$home/provider.spec" &&
		as_user rpmbuild -bb "$home/provider.spec" &&
		as_user rpm -i --justdb "$home/rpmbuild/RPMS/noarch/provider-1-1.noarch.rpm"
}

# shellcheck disable=SC2317
unpacked()
{
	mkdir "$scratch/root" &&
		rpm -U --nodeps --noscripts --root "$scratch/root" --dbpath /db "$home"/rpmbuild/RPMS/*/sockline-[0-9]*.rpm
}

install_packages rpm jq iproute2 pkg-config || exit 1
point 'a tree, configured' configured_tree
point 'rpm knows what the build needs' ready
point 'the commands of contrib/rpm' as_written rpm
point 'its package is unpacked' unpacked
point 'it has the files' has "$scratch/root" usr/sbin/sockline usr/lib/systemd/system/sockline.service \
	usr/lib/sysusers.d/sockline.conf etc/logrotate.d/sockline usr/share/sockline/sockline.schema.json
point 'it captures' captures "$scratch/root/usr/sbin"
plan
