#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# json-c writes an integer beyond 64 bits as another one, and calls that a success.
#
# Guess:  18446744073709551616 (2^64), which JSON allows, is read as the nearest double, as by most readers
#         of JSON, or is an error.
# Seen:   json-c 0.16: it is an integer, and printed again it is 18446744073709551615; so is every larger
#         one, of whatever length. Below -2^63 all are -9223372036854775808. json_tokener_get_error() is
#         json_tokener_success, with JSON_TOKENER_STRICT, too; ERANGE in errno is the only trace, and 1e400
#         leaves that as well, though its text is kept as it was read.
# Effect: what passes through json-c unread is not the same document; numbers that are identifiers
#         belong into strings.
# Needs Debian 12 (amd64) and gcc.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download libjson-c5=0.16-2 libjson-c-dev=0.16-2 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
cat >again.c <<'C'
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct json_tokener *tokener = json_tokener_new();

	printf("json-c %s\n", json_c_version());
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	for (int i = 1; i < argc; i++) {
		struct json_object *number;

		json_tokener_reset(tokener);
		errno = 0;
		number = json_tokener_parse_ex(tokener, argv[i], (int)strlen(argv[i]) + 1);
		printf("%s %s %s, %s, errno %d\n", argv[i], json_type_to_name(json_object_get_type(number)),
		       json_object_to_json_string(number), json_tokener_error_desc(json_tokener_get_error(tokener)),
		       errno);
		json_object_put(number);
	}
	json_tokener_free(tokener);
	return 0;
}
C
libraries=$(dirname "$(find root -name 'libjson-c.so.5')")
gcc -o again again.c -Iroot/usr/include "$libraries/libjson-c.so.5" || exit 2
LD_LIBRARY_PATH=$libraries ./again 18446744073709551615 18446744073709551616 99999999999999999999999999 \
	-9223372036854775809 18446744073709551616.0 1e400 >seen
cat seen
cat >expected <<'E'
json-c 0.16
18446744073709551615 int 18446744073709551615, success, errno 0
18446744073709551616 int 18446744073709551615, success, errno 34
99999999999999999999999999 int 18446744073709551615, success, errno 34
-9223372036854775809 int -9223372036854775808, success, errno 34
18446744073709551616.0 double 18446744073709551616.0, success, errno 0
1e400 double 1e400, success, errno 34
E
cmp -s seen expected
