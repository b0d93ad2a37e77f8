#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer for some seconds, from the seeds in tests/fuzz/corpus/NAME. TAP: a point a fuzzer.
#
# From the environment: top_srcdir, top_builddir, FUZZERS, FUZZ_SECONDS (7).

set -u
seeds=${top_srcdir:?}/tests/fuzz/corpus
# shellcheck source=tests/helpers/tap.sh
. "$top_srcdir/tests/helpers/tap.sh"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch" "$tap_output"' EXIT

# run FUZZER: its output and its status go to files of its name. New inputs go into the first folder.
run()
{
	name=${1##*/fuzz_}
	set -- "${top_builddir:?}/$1" "$scratch/$name"
	mkdir "$2"
	[ ! -d "$seeds/$name" ] || set -- "$@" "$seeds/$name"
	"$@" -max_total_time="${FUZZ_SECONDS:-7}" -timeout=5 -rss_limit_mb=1024 \
		-artifact_prefix="$top_builddir/" >"$scratch/$name.out" 2>&1
	echo $? >"$scratch/$name.status"
}

# shellcheck disable=SC2317 # point calls it
report()
{
	cat "$scratch/$1.out"
	return "$(cat "$scratch/$1.status")"
}

# As many at a time as there are processors.
running=0
for fuzzer in ${FUZZERS:?}; do
	run "$fuzzer" &
	running=$((running + 1))
	[ $((running % $(nproc))) -ne 0 ] || wait
done
wait
for fuzzer in $FUZZERS; do
	name=${fuzzer##*/fuzz_}
	point "$name" report "$name"
	tail -n 1 "$tap_output" | sed 's/^/# /'
done
plan
