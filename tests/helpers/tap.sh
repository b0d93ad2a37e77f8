# shellcheck shell=sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Test points in TAP for tests that are shell scripts, which read this with `.'; plan comes last.

tap_count=0
tap_failed=0
tap_output=$(mktemp) || exit 1
trap 'rm -f "$tap_output"' EXIT

# point NAME COMMAND...: runs COMMAND. When it fails, the command and its output follow.
point()
{
	tap_name=$1
	shift
	tap_count=$((tap_count + 1))
	if ! command -v "$1" >/dev/null; then
		echo "not ok $tap_count - $tap_name: $1 is not installed"
		tap_failed=1
		return
	fi
	"$@" >"$tap_output" 2>&1
	tap_status=$?
	if [ $tap_status -eq 0 ]; then
		echo "ok $tap_count - $tap_name"
	else
		echo "not ok $tap_count - $tap_name"
		echo "# status $tap_status: $*" | cut -c 1-1000
		sed 's/^/# /' "$tap_output"
		tap_failed=1
	fi
}

# skip NAME REASON
skip()
{
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# Exits with the status of the whole.
plan()
{
	echo "1..$tap_count"
	exit $tap_failed
}
