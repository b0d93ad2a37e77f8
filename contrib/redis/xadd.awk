# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Each line as XADD of the Redis protocol; LC_ALL=C, for lengths are in bytes. See README.md.
function bulk(text) { return "$" length(text) "\r\n" text "\r\n" }
{
	printf "*8\r\n%s%s%s%s%s%s%s%s", bulk("XADD"), bulk("sockline"), bulk("MAXLEN"),
		bulk("~"), bulk("1000000"), bulk("*"), bulk("record"), bulk($0)
	fflush()
}
