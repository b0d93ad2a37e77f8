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

for fuzzer in ${FUZZERS:?}; do
	name=${fuzzer##*/fuzz_}
	# New inputs go into the first folder.
	set -- "$scratch/$name"
	mkdir "$1"
	[ ! -d "$seeds/$name" ] || set -- "$@" "$seeds/$name"
	point "$name" "${top_builddir:?}/$fuzzer" -max_total_time="${FUZZ_SECONDS:-7}" -timeout=5 \
		-rss_limit_mb=1024 -artifact_prefix="$top_builddir/" "$@"
	tail -n 1 "$tap_output" | sed 's/^/# /'
done
plan
