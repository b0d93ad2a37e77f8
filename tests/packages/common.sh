# shellcheck shell=sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What the tests of `make check-package' share that run the commands of a README as it has them. Read with `.'; sets
# scratch, removed at the end, and log.

# shellcheck source=tests/helpers/tap.sh
. "${top_srcdir:?}/tests/helpers/tap.sh"
top=$top_srcdir
# shellcheck source=contrib/common.sh
. "$top/contrib/common.sh"
# A make that calls this has variables for its own rules.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
scratch=$(mktemp -d /var/tmp/sockline-package.XXXXXX) || exit 1
trap 'rm -rf "$scratch" "$tap_output"' EXIT
# shellcheck disable=SC2034 # install_packages reads it
log=$scratch/log
tree=$scratch/tree
home=$scratch/home

# commands_of FOLDER: the lines of the blocks of commands in contrib/FOLDER/README.md; without FOLDER, of README.md.
commands_of()
{
	awk '/^```sh/ { inside = 1; next } /^```/ { inside = 0 } inside && !/^#/' "$top/${1:+contrib/$1/}README.md"
}

# copy_tree: $tree, as a fresh clone has it.
copy_tree()
{
	mkdir "$tree" "$home" &&
		tar -C "$top" --exclude=./.git --exclude=./build -cf - . | tar -C "$tree" -xf - &&
		sh "$top/src/version.sh" "$top" "$(sed -n 's/^AC_INIT(\[sockline\], \[\(.*\)\])$/\1/p' "$top/configure.ac")" \
			>"$tree/.version" &&
		chmod 755 "$scratch" && chown -R nobody:nogroup "$tree" "$home"
}

# as_user COMMAND...: in $tree; some tools refuse root.
as_user()
{
	setpriv --reuid=nobody --regid=nogroup --clear-groups env -C "$tree" HOME="$home" "$@"
}

# configured_tree: where `make dist' works.
configured_tree()
{
	copy_tree && { [ -x "$tree/configure" ] || as_user ./autogen.sh; } && as_user ./configure -q --disable-dependency-tracking
}

# as_written FOLDER: runs them in $tree.
as_written()
{
	commands_of "$1" >"$scratch/commands" && [ -s "$scratch/commands" ] && as_user sh -e "$scratch/commands"
}

# has ROOT FILE...: none is empty.
has()
{
	folder=$1
	shift
	for file; do
		[ -s "$folder/$file" ] || { echo "$file is missing"; (cd "$folder" && find . -type f); return 1; }
	done
}

# new_system RELEASE PACKAGES PLACE: one of Debian, in a folder or tarball. Its mounts end with it.
new_system()
{
	unshare --mount mmdebstrap --variant=minbase ${2:+"--include=$2"} "$1" "$3" http://deb.debian.org/debian
}

# in_system FOLDER COMMAND...: as if the system there were the machine's. Its mounts end with the command.
in_system()
{
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare --mount sh -c 'root=$1; shift
		mount -t proc proc "$root/proc" && mount -t sysfs sysfs "$root/sys" &&
			exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
				DEBIAN_FRONTEND=noninteractive "$@"' sh "$@"
}

# captures FOLDER: the sockline there. The autopkgtest of Debian's package, but for its last line, which looks for the user.
captures()
{
	sed '$d' "$top/contrib/debian/tests/capture" >"$scratch/capture" && chmod 755 "$scratch/capture" &&
		PATH=$1:$PATH "$scratch/capture"
}
