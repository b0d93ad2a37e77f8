# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# What a host writes, by a file of its records of some time: jq -R -n -r -f size.jq sockline.ndjson
def seconds: (.[:19] + "Z" | fromdate) + (.[19:29] | tonumber);
def gigabytes_a_day($bytes; $span): $bytes * 86400 / $span / 1e9 | . * 1000 | round / 1000;
reduce inputs as $line ({records: 0, bytes: 0, connections: 0};
	($line | fromjson) as $record
	| .records += 1
	| .bytes += ($line | utf8bytelength) + 1
	| if $record.event.action == "connection_closed" then .connections += 1 else . end
	| .first //= ($record."@timestamp" | seconds)
	| .last = ($record."@timestamp" | seconds))
| (.last - .first) as $span
| "seconds\t\($span | round)",
  "connections\t\(.connections)",
  "records\t\(.records)",
  "bytes/record\t\(.bytes / .records | round)",
  "GB/day\t\(gigabytes_a_day(.bytes; $span))"
