#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': contrib/report as its README says, with what it takes from npm, and
# its page in headless Chromium, which is installed. Needs root, Debian's archive and npm's. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"
folder=$scratch/report

# shellcheck disable=SC2317 # point calls it
in_its_folder()
{
	cp "$top/tests/golden/records.ndjson" "$folder/sockline.ndjson" &&
		commands_of report >"$scratch/commands" && [ -s "$scratch/commands" ] && (cd "$folder" && sh -e "$scratch/commands") &&
		grep -q '<title>sockline: ' "$folder/report.html"
}

# shellcheck disable=SC2317
in_browser()
{
	UPLOT=$folder/node_modules/uplot python3 "$top/tests/packages/test_report.py" >"$scratch/tap"
	status=$?
	cat "$scratch/tap"
	[ "$status" -eq 0 ] && grep -q 'the chart is drawn' "$scratch/tap" && ! grep -q '# SKIP' "$scratch/tap"
}

command -v npm >/dev/null || install_packages npm || exit 1
install_packages chromium || exit 1
cp -R "$top/contrib/report" "$folder" || exit 1
point 'the commands of contrib/report' in_its_folder
point 'its page in a browser' in_browser
plan
