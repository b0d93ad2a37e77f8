# shellcheck shell=sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What contrib/run and contrib/test share. Sourced with `top' set to the tree.

run_packages='autoconf automake make gcc libc6-dev pkg-config
	libpcap-dev libjson-c-dev libnl-3-dev nettle-dev libzstd-dev zlib1g-dev liblz4-dev
	libseccomp-dev'

say()
{
	printf 'contrib/%s: %s\n' "${0##*/}" "$*" >&2
}

# quietly COMMAND...: its output goes to $log, and to stderr when it fails.
quietly()
{
	"$@" >"$log" 2>&1 </dev/null && return
	say "this failed: $*"
	cat "$log" >&2
	return 1
}

# Sets source, build and log. The build is in the tree; where that cannot be
# (read-only, or a path that configure refuses), of a copy below /var/tmp.
choose_folders()
{
	source=$top
	build=$top/build/${0##*/}
	case $top in
	*[!A-Za-z0-9/._+-]*) writable=no ;;
	*) writable=yes ;;
	esac
	if [ $writable = no ] || ! mkdir -p "$build" 2>/dev/null || [ ! -w "$build" ] ||
		[ ! -w "$top" ]; then
		work=/var/tmp/sockline-$(id -u)-$(printf '%s' "$top" | cksum | tr ' ' -)
		mkdir -m 700 "$work" 2>/dev/null
		# /var/tmp is everybody's: the folder must be ours.
		if [ -h "$work" ] || [ ! -O "$work" ]; then
			say "$work belongs to somebody else"
			return 1
		fi
		source=$work/source
		build=$work/build/${0##*/}
		mkdir -p "$source" "$build" || return 1
		tar -C "$top" --exclude=./.git --exclude=./build -cf - . | tar -C "$source" -xf - ||
			return 1
		release=$(sed -n 's/^AC_INIT(\[sockline\], \[\(.*\)\])$/\1/p' "$top/configure.ac")
		sh "$top/src/version.sh" "$top" "$release" >"$source/.version" || return 1
	fi
	log=$build/${0##*/}.log
}

# install_packages PACKAGE...: Debian's names. Does nothing when all are there.
install_packages()
{
	if ! command -v apt-get >/dev/null; then
		check_tools
		return
	fi
	missing=
	for package; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*' installed') ;;
		*) missing="$missing $package" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "run it with sudo, or install:$missing"
		return 1
	fi
	say "installing$missing"
	# The lists may be absent or old: they are fetched only when it does not work without.
	# shellcheck disable=SC2086 # a list of names
	apt_get install $missing >"$log" 2>&1 ||
		{ quietly apt_get update && quietly apt_get install $missing; }
}

# The lock (9) must not stay with a service that a package starts.
apt_get()
{
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
		-o Dpkg::Use-Pty=0 --no-install-recommends --yes "$@" </dev/null 9>&-
}

# For other distributions: says what to install, unless it is there.
check_tools()
{
	command -v autoreconf >/dev/null && command -v automake >/dev/null &&
		command -v make >/dev/null && command -v cc >/dev/null &&
		command -v pkg-config >/dev/null &&
		pkg-config --exists libpcap json-c libnl-3.0 nettle libzstd zlib liblz4 libseccomp && return
	say 'some of these packages are missing; install them and try again:'
	say '  Fedora: autoconf automake make gcc pkgconf-pkg-config libpcap-devel json-c-devel' \
		'libnl3-devel nettle-devel libzstd-devel zlib-devel lz4-devel libseccomp-devel'
	say '  Alpine: autoconf automake make gcc musl-dev linux-headers pkgconf libpcap-dev' \
		'json-c-dev libnl3-dev nettle-dev zstd-dev zlib-dev lz4-dev libseccomp-dev'
	say '  Arch: base-devel libpcap json-c libnl nettle zstd zlib lz4 libseccomp'
	return 1
}

# compile CONFIGURE-ARGUMENT...: brings $build up to date.
compile()
{
	say "building in $build"
	[ -x "$source/configure" ] || quietly "$source/autogen.sh" || return 1
	cd "$build" || return 1
	# A tree that was moved is configured again.
	grep -qsx "abs_top_srcdir = $source" Makefile || quietly "$source/configure" "$@" || return 1
	quietly make -j "$(nproc)"
}

# What root made in somebody's tree becomes that somebody's.
give_back()
{
	[ "$(id -u)" -eq 0 ] && [ "$source" = "$top" ] || return 0
	for path in build build-aux autom4te.cache configure aclocal.m4 config.h.in Makefile.in; do
		[ ! -e "$top/$path" ] || chown -R --reference="$top" "$top/$path"
	done
}

# take_turns: two at once in one build folder wait for each other.
take_turns()
{
	exec 9>"$build/lock"
	flock -n 9 && return
	say 'waiting for another one that is at work here'
	flock 9
}
