#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# source_date.sh SOURCE: prints the time of the sources in SOURCE, in seconds since 1970.
#
# What is made of the sources bears this time, so that it is the same whenever it is made. It is
# SOURCE_DATE_EPOCH where that is set (reproducible-builds.org). Otherwise it is the time of the
# commit; in a tarball, where each file has that time, it is the time of the file .version.
set -u
source=${1:?}
export GIT_OPTIONAL_LOCKS=0

date=${SOURCE_DATE_EPOCH:-}
if [ -z "$date" ] && [ ! -f "$source/.version" ] && [ -e "$source/.git" ]; then
	date=$(git -C "$source" log -1 --format=%ct 2>/dev/null)
fi
if [ -z "$date" ]; then
	file=$source/.version
	[ -f "$file" ] || file=$source/configure.ac
	date=$(stat -c %Y "$file") || exit 1
fi
printf '%s\n' "$date"
