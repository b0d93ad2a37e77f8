#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Runs each fuzzer for some seconds, from the seeds in tests/fuzz/corpus/NAME. TAP: a point a fuzzer.
#
# From the environment: top_srcdir, top_builddir, FUZZERS, FUZZ_SECONDS (10).

set -u
seeds=${top_srcdir:?}/tests/fuzz/corpus
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
count=0
failed=0

for fuzzer in ${FUZZERS:?}; do
	count=$((count + 1))
	name=${fuzzer##*/fuzz_}
	# New inputs go into the first folder.
	set -- "$scratch/$name"
	mkdir "$1"
	[ ! -d "$seeds/$name" ] || set -- "$@" "$seeds/$name"
	if "${top_builddir:?}/$fuzzer" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=1024 \
		-artifact_prefix="$top_builddir/" "$@" >"$scratch/log" 2>&1; then
		echo "ok $count - $name: $(tail -n 1 "$scratch/log")"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$scratch/log"
		failed=1
	fi
done
echo "1..$count"
exit $failed
