-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
-- The records of sockline*.ndjson in the present folder, of which nothing is copied; see README.md.
CREATE OR REPLACE VIEW records AS
SELECT * FROM read_json('sockline*.ndjson', format = 'newline_delimited', columns = {
    '@timestamp': 'TIMESTAMP_NS',
    'event': 'STRUCT("action" VARCHAR, dataset VARCHAR, "sequence" UBIGINT, "start" TIMESTAMP_NS, "end" TIMESTAMP_NS,
        duration UBIGINT, outcome VARCHAR, reason VARCHAR)',
    'host': 'STRUCT(id VARCHAR, name VARCHAR)',
    'network': 'STRUCT("type" VARCHAR, transport VARCHAR, direction VARCHAR, community_id VARCHAR, bytes UBIGINT,
        packets UBIGINT)',
    'source': 'STRUCT(ip VARCHAR, port USMALLINT, bytes UBIGINT, packets UBIGINT)',
    'destination': 'STRUCT(ip VARCHAR, port USMALLINT, bytes UBIGINT, packets UBIGINT)',
    'process': 'STRUCT(pid UINTEGER, "name" VARCHAR, entity_id VARCHAR, executable VARCHAR, "start" TIMESTAMP_NS)',
    'user': 'STRUCT(id VARCHAR, "name" VARCHAR)',
    'container': 'STRUCT(id VARCHAR)',
    'sockline': 'STRUCT(run VARCHAR, "connection" STRUCT(id VARCHAR, state VARCHAR),
        attribution STRUCT("method" VARCHAR, reason VARCHAR))'
});

CREATE OR REPLACE VIEW connections AS
SELECT sockline.connection.id AS id, event.action AS action, "@timestamp" AS time, event.duration AS duration_ns,
       event.outcome AS outcome, event.reason AS reason, network.transport AS transport,
       network.direction AS direction, source.ip AS source_ip, source.port AS source_port,
       source.bytes AS source_bytes, destination.ip AS destination_ip, destination.port AS destination_port,
       destination.bytes AS destination_bytes, process.pid AS pid, process.name AS program,
       process.executable AS executable, user.name AS "user", container.id AS container,
       sockline.attribution.reason AS owner_unknown
FROM records
WHERE event.dataset = 'sockline.connection';
