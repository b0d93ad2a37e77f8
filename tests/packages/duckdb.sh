#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the commands of contrib/duckdb as its README has them, with what they take from npm.
# tests/integration/test_databases.py compares values. Needs npm's registry. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"
folder=$scratch/duckdb

# shellcheck disable=SC2317 # point calls it
as_in_folder()
{
	commands_of duckdb >"$scratch/commands" && [ -s "$scratch/commands" ] &&
		cp -R "$top/contrib/duckdb" "$folder" && cp "$top/tests/golden/records.ndjson" "$folder/sockline.ndjson" &&
		(cd "$folder" && sh -e "$scratch/commands") >"$scratch/rows" && cat "$scratch/rows" &&
		grep -q '^{"program":.*,"connections":"[0-9]*","bytes":"[0-9]*"}$' "$scratch/rows"
}

command -v npm >/dev/null || install_packages npm || exit 1
point 'the commands of contrib/duckdb' as_in_folder
plan
