# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Records of connections as rows of the table of sockline.sql.
select(.event.dataset == "sockline.connection") | {
	time: (."@timestamp"[:19] + "Z" | fromdate),
	nanosecond: (."@timestamp"[20:29] | tonumber),
	host_id: (.host.id // ""), # a part of the key, which cannot be NULL
	run: .sockline.run,
	sequence: .event.sequence,
	action: .event.action,
	id: .sockline.connection.id,
	duration_ns: .event.duration,
	outcome: .event.outcome,
	reason: .event.reason,
	transport: .network.transport,
	direction: .network.direction,
	source_ip: .source.ip,
	source_port: .source.port,
	source_bytes: .source.bytes,
	destination_ip: .destination.ip,
	destination_port: .destination.port,
	destination_bytes: .destination.bytes,
	pid: .process.pid,
	program: .process.name,
	executable: .process.executable,
	user: .user.name,
	container: .container.id,
	owner_unknown: .sockline.attribution.reason
}
