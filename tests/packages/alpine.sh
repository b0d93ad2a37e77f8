#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the command of contrib/alpine as its README has it, and what it made: the files of each
# package, and that it captures. Debian has no abuild: a stand-in runs the functions of the APKBUILD in abuild's order, with
# Debian's compiler and libraries, and without optimisation; check() is left out, as the build of the Debian package runs it.
# Needs root. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"

# abuild checksum: appends the sums of the sources. abuild -r: verifies and unpacks them, builds, and packages.
# shellcheck disable=SC2317 # point calls it, and the others
stand_in()
{
	mkdir "$home/bin" && cat >"$home/bin/abuild" <<-'ABUILD' && chmod 755 "$home/bin/abuild"
		#!/bin/sh
		set -e
		CBUILD=$(gcc -dumpmachine) CHOST=$CBUILD startdir=$PWD srcdir=$PWD/src
		export CFLAGS=-O0 MAKEFLAGS=-j2
		. ./APKBUILD
		pkgdir=$PWD/pkg/$pkgname builddir=$srcdir/$pkgname-$pkgver
		case $1 in
		checksum)
			printf 'sha512sums="\n%s\n"\n' "$(sha512sum $source)" >>APKBUILD ;;
		-r)
			echo "$sha512sums" | sed '/^$/d' | sha512sum -c -
			mkdir -p "$srcdir" "$pkgdir"
			tar -C "$srcdir" -xf $source
			for phase in build package; do
				cd "$builddir"
				$phase
			done ;;
		esac
	ABUILD
	chown -R nobody:nogroup "$home"
}

# shellcheck disable=SC2317
builds()
{
	commands_of alpine >"$scratch/commands" && [ -s "$scratch/commands" ] &&
		as_user env PATH="$home/bin:$PATH" sh -e "$scratch/commands"
}

# abuild puts these folders into packages of their own, those of `subpackages'.
# shellcheck disable=SC2317
no_others()
{
	(cd "$made" && find . -type f | grep -v -e '^./usr/sbin/' -e '^./usr/share/sockline/' -e '^./usr/share/man/' \
		-e '^./usr/share/bash-completion/completions/' -e '^./usr/share/fish/vendor_completions.d/' \
		-e '^./usr/share/zsh/site-functions/') >"$scratch/others"
	cat "$scratch/others"
	[ ! -s "$scratch/others" ]
}

# shellcheck disable=SC2086 # a list of names
install_packages $run_packages jq iproute2 || exit 1
made=$tree/contrib/alpine/pkg/sockline
point 'a tree, configured' configured_tree
point 'what stands for abuild' stand_in
point 'the command of contrib/alpine' builds
point 'it has the files' has "$made" usr/sbin/sockline usr/share/sockline/sockline.schema.json \
	usr/share/man/man8/sockline.8 usr/share/bash-completion/completions/sockline.bash \
	usr/share/fish/vendor_completions.d/sockline.fish usr/share/zsh/site-functions/_sockline
point 'no others than those' no_others
point 'it captures' captures "$made/usr/sbin"
plan
