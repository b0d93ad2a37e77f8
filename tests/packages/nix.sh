#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Part of `make check-package': the command of contrib/nix as its README has it, with Debian's nix, and what it made: its files,
# and that it captures. tests/packages/nixpkgs stands for nixpkgs: its libraries and compiler are Debian's. Needs root. TAP.

set -u
# shellcheck source=tests/packages/common.sh
. "${top_srcdir:?}/tests/packages/common.sh"

# A store of its own. A builder that sees nothing of the system would have no compiler.
# shellcheck disable=SC2317 # point calls it, and the others
builds()
{
	commands_of nix >"$scratch/commands" && [ -s "$scratch/commands" ] &&
		as_user env NIX_STORE_DIR="$home/store" NIX_STATE_DIR="$home/state" NIX_LOG_DIR="$home/log" NIX_CONF_DIR="$home" \
			NIX_CONFIG='sandbox = false' NIX_PATH="nixpkgs=$top/tests/packages/nixpkgs" sh -e "$scratch/commands"
}

# shellcheck disable=SC2317
service_fits()
{
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$tree/result/lib/systemd/system/sockline.service")
	[ -x "$program" ] || { echo "no $program"; return 1; }
}

# shellcheck disable=SC2086 # a list of names
install_packages $run_packages nix-bin jq iproute2 || exit 1
point 'a tree' copy_tree
point 'the command of contrib/nix' builds
point 'it has the files' has "$tree/result" bin/sockline share/sockline/sockline.schema.json share/man/man8/sockline.8.gz \
	lib/systemd/system/sockline.service lib/sysusers.d/sockline.conf etc/logrotate.d/sockline
point 'the service runs its program' service_fits
point 'it captures' captures "$tree/result/bin"
plan
