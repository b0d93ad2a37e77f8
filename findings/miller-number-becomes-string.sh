#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Miller writes a JSON number that needs more than 63 bits as a string.
#
# Guess:  mlr --json cat leaves a number that it does nothing with as it was read, digit for digit, or, like
#         others, makes the nearest double of it.
# Seen:   Miller 6.6.0: 9223372036854775807 comes out as it was, 9223372036854775808 as
#         "9223372036854775808", in quotes; so does 1E400. typeof() says string, and a sum with it is (error). With
#         a decimal point or an exponent within reach (1e30) it is a number.
# Effect: counters and identifiers of 64 bits without a sign change their JSON type from one record to the
#         next on their way through Miller: below 2^63, or as strings from the start, they do not.
# Needs Debian 12 (amd64).
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download miller=6.6.0-2+b3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x miller_*.deb root
mlr=$work/root/usr/bin/mlr
"$mlr" --version
mlr()
{
	"$mlr" --ijson --ojsonl "$@"
}
for number in 9223372036854775807 9223372036854775808 18446744073709551615 -9223372036854775809 1e30 1E400; do
	copy=$(echo "{\"n\":$number}" | mlr cat)
	# shellcheck disable=SC2016 # $n is Miller's
	type=$(echo "{\"n\":$number}" | mlr put -q 'print typeof($n); print $n + 1' | tr '\n' ' ')
	echo "$number: $copy, type and sum with 1: $type"
	case $number in
	9223372036854775807 | 1e30) expected="{\"n\": $number}" ;;
	*) expected="{\"n\": \"$number\"}" ;;
	esac
	[ "$copy" = "$expected" ] || changed=yes
done
[ -z "${changed-}" ]
