#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# dn_expand(3) of glibc escapes a name of DNS as a zone file does, that of musl not at all.
#
# Guess:  a label may have any bytes, and both C libraries write those that are special as RFC 4343 2.1 has
#         them: a label "a.b" is "a\.b", a space "\032".
# Seen:   glibc 2.36 does, and also for @ and $, which are special in zone files alone: "a@b" becomes "a\@b",
#         and no name of the wire has an @ in its text. musl 1.2.3 copies the bytes: "a.b" is one label or two,
#         and what is no UTF-8 stays so.
# Effect: the text of one and the same answer differs between a program on Debian and on Alpine, and on the
#         latter two names of the wire are one text. A JSON string of it may be invalid.
# Needs Debian 12 (amd64) and gcc.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download musl-dev=1.2.3-1 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x musl-dev_*.deb root
cat >names.c <<'C'
#include <resolv.h>
#include <stdio.h>

int main(void)
{
	static const char labels[][4] = { "a.b", "a@b", "a$b", "a b", "a\\b", "a\xff" "b" };

	for (unsigned i = 0; i < sizeof labels / sizeof *labels; i++) {
		unsigned char wire[] = { 3, labels[i][0], labels[i][1], labels[i][2], 2, 'x', 'y', 0 };
		char text[256];

		if (dn_expand(wire, wire + sizeof wire, wire, text, sizeof text) != sizeof wire)
			return 1;
		puts(text);
	}
	return 0;
}
C
lib=root/usr/lib/x86_64-linux-musl
gcc names.c -o of_glibc -lresolv &&
	gcc -nostdinc -isystem root/usr/include/x86_64-linux-musl -fno-stack-protector -c names.c &&
	gcc -static -nostdlib -no-pie "$lib/crt1.o" "$lib/crti.o" names.o "$lib/libc.a" -lgcc "$lib/crtn.o" -o of_musl || exit 2
./of_glibc >glibc && ./of_musl >musl || exit 1
printf '%s\n' 'a\.b.xy' 'a\@b.xy' 'a\$b.xy' 'a\032b.xy' 'a\\b.xy' 'a\255b.xy' >expected_glibc
printf '%b\n' 'a.b.xy' 'a@b.xy' 'a$b.xy' 'a b.xy' 'a\\b.xy' 'a\0377b.xy' >expected_musl
printf '%s\n' "$(ldd --version | head -n 1):" "$(cat glibc)" 'musl 1.2.3:' "$(tr '\377' '?' <musl)"
cmp glibc expected_glibc && cmp musl expected_musl
