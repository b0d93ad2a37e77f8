#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# fread(3) of 20 bytes from a stream of fopencookie(3) costs more than that of 21 bytes.
#
# Guess:  what is in stdio's buffer already is copied alike, whatever the stream reads from: fread(3) of
#         16 bytes from a stream of fopencookie(3) costs what it costs from a file.
# Seen:   glibc 2.36 (Debian 12, x86-64), instructions a call with a buffer of 64 KiB: a file 131 to 133
#         for 8 to 32 bytes; a cookie 160 for 8, 200 for 16, 220 for 20, and 130 for 21 and more.
#         A custom stream has the default way to read, which copies up to 20 bytes one by one.
# Effect: a library that reads small headers from a FILE, as libpcap does with the 16 bytes of each packet,
#         is slower by half a call behind a custom stream. An own buffer of whole records avoids it.
# Needs gcc, valgrind.
set -u
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/read.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static ssize_t take(void *cookie, char *bytes, size_t size)
{
	return read(*(int *)cookie, bytes, size);
}

int main(int argc, char **argv)
{
	static char buffer[65536];
	char bytes[64];
	int fd = open("/dev/zero", O_RDONLY);
	long size = argc > 3 ? atol(argv[2]) : 0, times = argc > 3 ? atol(argv[3]) : 0, whole = 0;
	FILE *stream = argc > 3 && argv[1][0] == 'c' ?
		fopencookie(&fd, "r", (cookie_io_functions_t){ .read = take }) : fdopen(fd, "r");

	if (!stream || size > (long)sizeof bytes || setvbuf(stream, buffer, _IOFBF, sizeof buffer) != 0)
		return 1;
	for (long i = 0; i < times; i++)
		whole += (long)fread(bytes, (size_t)size, 1, stream);
	return whole == times ? 0 : 1;
}
C
gcc -O2 -o "$scratch/read" "$scratch/read.c" || exit 1

# instructions KIND SIZE TIMES: of a whole run.
instructions()
{
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$scratch/read" "$@" 2>&1 |
		sed -n 's/.*Collected : //p'
}

# cost KIND SIZE: instructions of one call.
cost()
{
	few=$(instructions "$1" "$2" 1000)
	many=$(instructions "$1" "$2" 11000)
	echo $(((many - few) / 10000))
}

ldd --version | head -n 1
for kind in file cookie; do
	for size in 16 20 21 32; do
		cost=$(cost $kind $size)
		echo "$kind, $size bytes: $cost instructions"
		eval "${kind}_$size=$cost"
	done
done
# shellcheck disable=SC2154 # eval sets them
if [ "$cookie_20" -gt $((cookie_21 * 14 / 10)) ] && [ "$cookie_16" -gt $((file_16 * 13 / 10)) ] &&
	[ "$file_20" -lt $((file_21 * 11 / 10)) ]; then
	echo "as written: up to 20 bytes are copied one by one"
else
	echo "this has changed"
	exit 1
fi
