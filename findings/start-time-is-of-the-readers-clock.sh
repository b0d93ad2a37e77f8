#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The start time in /proc/PID/stat, which tells a process from the next with its pid, depends on the reader.
#
# Guess:  field 22 is a fact of the process: two programs of one boot read the same number, wherever they run.
# Seen:   Linux 6.18: the kernel adds the offset of CLOCK_BOOTTIME of the reader's time namespace, as it takes the
#         same from btime in /proc/stat. 1000 s ahead, process 1 began 100,000 ticks later. Of a process that is
#         older than a reader's clock (an offset below zero) the number is about 1.8e12: a time below zero as an
#         unsigned one, in ticks.
# Effect: pid and start time are the identity of a process in many programs; a pair of theirs that is made in a
#         container with clocks of its own is never found outside. Ticks of /proc and times of perf events, which
#         know no namespaces, are not of one clock.
# Needs root, util-linux 2.38 (Debian 12) and Python 3.
set -u
stat='
import os
with open("/proc/1/stat", encoding="utf-8", errors="replace") as file:
    print(file.read().rpartition(")")[2].split()[19])
with open("/proc/stat", encoding="utf-8") as file:
    print(next(line.split()[1] for line in file if line.startswith("btime ")))
'
up=$(cut -d . -f 1 /proc/uptime)
# shellcheck disable=SC2046 # two words each
set -- $(python3 -c "$stat") $(unshare -T --boottime 1000 python3 -c "$stat") \
	$(unshare -T --boottime "-$((up - 60))" python3 -c "$stat")
[ $# -eq 6 ] || {
	echo 'no time namespaces'
	exit 2
}
hertz=$(getconf CLK_TCK)
echo "Linux $(uname -r): start of process 1 and btime: $1 $2, 1000 s ahead $3 $4, behind $5 $6"
ahead=$(($3 - $1)) earlier=$(($2 - $4))
[ "$ahead" -eq $((1000 * hertz)) ] && [ "$earlier" -ge 999 ] && [ "$earlier" -le 1001 ] && [ "$5" -gt 1000000000000 ]
