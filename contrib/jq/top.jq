# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Bytes, packets and connections of each process, most bytes first.
#   jq -n -r -f contrib/jq/top.jq events.ndjson
[inputs | select(.event.action == "connection_closed" and .network.bytes)]
| group_by(.process.entity_id)
| map({
    name: (.[0].process.name // "unknown"),
    pid: (.[0].process.pid // "-"),
    bytes: (map(.network.bytes) | add),
    packets: (map(.network.packets) | add),
    connections: length
  })
| sort_by(-.bytes)[]
| [.bytes, .packets, .connections, .pid, .name]
| @tsv
