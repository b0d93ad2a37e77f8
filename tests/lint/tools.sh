#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The analysers that `make lint' runs beside architecture.py. TAP: a test point a tool.
#
# From the environment: top_srcdir, LINT_CFLAGS (as the compiler gets them).

set -u
: "${LINT_CFLAGS:?}"
cd "${top_srcdir:?}" || exit 1
# shellcheck source=tests/helpers/tap.sh
. tests/helpers/tap.sh
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch" "$tap_output"' EXIT
# clang-format's output changes between major versions: others would complain about good code.
clang_format_major=14
analyser_paths='-Xclang -analyzer-config -Xclang max-nodes=75000 -Xclang -analyzer-max-loop -Xclang 2'

c_files=$(find src tests -name '*.[ch]')
shell_scripts=$(find autogen.sh .ci contrib tests src -type f ! -name '*.py' ! -name '*.[ch]' \
	-exec grep -lE '^#! ?/bin/(ba)?sh' {} +)
manuals=$(find src/man -name '*.[58]')

# reuse wants the licence's text in LICENSES too, which a copy of the tree has.
# shellcheck disable=SC2317 # point calls it
reuse_lint()
{
	mkdir -p "$scratch/tree/LICENSES" &&
		git ls-files -z | xargs -0 cp --parents -t "$scratch/tree" &&
		cp LICENSE "$scratch/tree/LICENSES/Apache-2.0.txt" &&
		reuse --root "$scratch/tree" lint
}

# shellcheck disable=SC2086 # lists of names without spaces, and flags, are meant to split
{
	if clang-format --version 2>/dev/null | grep -q "version $clang_format_major\."; then
		point clang-format clang-format --dry-run --Werror $c_files
	else
		skip clang-format "needs version $clang_format_major"
	fi
	# With the tests it would take twice as long. The analyser goes through a loop twice, which
	# shows what the first time leaves to the second, and follows a third of the paths that it
	# follows by default: so it takes a sixth of the time. The largest files come first.
	find src -name '*.c' -printf '%s %p\n' | sort -rn |
		sed "s|^[0-9]* \\(.*\\)|clang-tidy --quiet \\1 -- $LINT_CFLAGS $analyser_paths 2>\\&1|" \
			>"$scratch/tidy"
	point clang-tidy xargs -P "$(nproc)" -I '{}' -a "$scratch/tidy" sh -c '{}'
	# Off: readdir_r is obsolete; compilers and clang-tidy find uninitialised variables without
	# taking out-parameters for inputs; _exit(a != b) is clear; SO_GET_FILTER takes NULL; one
	# thread alone reads passwd(5).
	find src tests -name '*.c' >"$scratch/c_files"
	point cppcheck xargs -P "$(nproc)" -n 8 -a "$scratch/c_files" \
		cppcheck --quiet --error-exitcode=1 --std=c11 --library=posix,gnu \
		--enable=warning,portability,performance --inline-suppr \
		--suppress=getpwuidCalled --suppress=fgetpwentCalled \
		--suppress=readdirCalled --suppress=uninitvar --suppress=ctuuninitvar \
		--suppress=invalidFunctionArgBool --suppress=nullPointer:src/capture/capture_socket.c \
		-I src -I tests/unit
	point shellcheck shellcheck -x $shell_scripts
	[ -z "$manuals" ] || point mandoc mandoc -T lint -W warning $manuals
	if command -v reuse >/dev/null && git rev-parse --git-dir >/dev/null 2>&1; then
		point reuse reuse_lint
	else
		skip reuse 'needs reuse and a checkout'
	fi
}

plan
