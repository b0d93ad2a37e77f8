#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the command of contrib/arch as its README has it, with Debian's makepkg, and what it made: its
# files, and that it captures. pacman has a database of its own with one package that provides what the PKGBUILD wants.
# It is built without optimisation, and check() is left out, as the build of the Debian package runs it. Needs root and Debian's
# archive. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"

# Prints what stands for the packages that the PKGBUILD wants.
# shellcheck disable=SC2016,SC2317 # bash expands it; point calls it, and the others
provider()
{
	printf 'pkgname=provider\npkgver=1\npkgrel=1\narch=(any)\npkgdesc="Stands for others"\nlicense=(none)\nprovides=(%s)\n' \
		"$(bash -c '. "$1" && echo "${depends[*]}"' bash "$top/contrib/arch/PKGBUILD")"
}

# makepkg asks $PACMAN.
# shellcheck disable=SC2317
ready()
{
	printf '#!/bin/sh\nexec pacman --dbpath "%s" "$@"\n' "$scratch/db" >"$scratch/pacman" && chmod 755 "$scratch/pacman" &&
		cat /etc/makepkg.conf - >"$home/makepkg.conf" <<-'SETTINGS' &&
			BUILDENV=(!distcc !color !ccache !check !sign)
			PKGEXT=.pkg.tar
			CFLAGS=-O0
			MAKEFLAGS=-j2
		SETTINGS
		mkdir "$home/provider" "$scratch/db" && provider >"$home/provider/PKGBUILD" &&
		chown -R nobody:nogroup "$home" && makepkg_as_user env -C "$home/provider" makepkg --nodeps &&
		"$scratch/pacman" --noconfirm -U --dbonly "$home"/provider/provider-1-1-any.pkg.tar
}

# shellcheck disable=SC2317
makepkg_as_user()
{
	as_user env MAKEPKG_CONF="$home/makepkg.conf" PACMAN="$scratch/pacman" "$@"
}

# shellcheck disable=SC2317
builds()
{
	commands_of arch >"$scratch/commands" && [ -s "$scratch/commands" ] && makepkg_as_user sh -e "$scratch/commands"
}

# shellcheck disable=SC2317
unpacked()
{
	mkdir "$scratch/root" && tar -C "$scratch/root" -xf "$tree"/contrib/arch/sockline-[0-9]*-x86_64.pkg.tar
}

install_packages makepkg pacman-package-manager libarchive-tools fakeroot jq iproute2 || exit 1
point 'a tree, configured' configured_tree
point 'pacman knows what the build needs' ready
point 'the command of contrib/arch' builds
point 'its package is unpacked' unpacked
point 'it has the files' has "$scratch/root" usr/bin/sockline usr/lib/systemd/system/sockline.service \
	usr/lib/sysusers.d/sockline.conf etc/logrotate.d/sockline usr/share/sockline/sockline.schema.json
point 'it captures' captures "$scratch/root/usr/bin"
plan
