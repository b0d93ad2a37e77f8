# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Packet records that went out before their owner was known get it from their connection.
#   jq -s -c -f contrib/jq/late.jq events.ndjson

def key: .sockline.run + (.sockline.connection.id // "");
def sender: [.source.ip, .source.port];

# The last record of a connection knows most.
(reduce (.[] | select(.event.dataset == "sockline.connection")) as $connection
  ({}; .[$connection | key] = $connection)) as $connections
| .[]
| select(.event.dataset == "sockline.packet")
| $connections[key] as $connection
# With two local ends, process owns the sender of a packet, but the source of a connection.
| (if $connection.sockline.peer and ($connection | sender) != sender
   then $connection.sockline.peer
   else {process: $connection.process, attribution: $connection.sockline.attribution}
   end) as $owner
| if .sockline.attribution.method == "unknown" and $owner.process then
    .process = ($owner.process | {pid, name, entity_id, executable})
    | .sockline.attribution = $owner.attribution
  else
    .
  end
