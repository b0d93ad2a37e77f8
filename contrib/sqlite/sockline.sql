-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
-- sqlite3 sockline.db < sockline.sql; see README.md.
CREATE TABLE IF NOT EXISTS records (record TEXT NOT NULL CHECK (json_valid(record)));

DROP VIEW IF EXISTS connections;
CREATE VIEW connections AS
SELECT json_extract(record, '$.sockline.connection.id') AS id,
       json_extract(record, '$.event.action') AS action,
       json_extract(record, '$."@timestamp"') AS time,
       json_extract(record, '$.event.duration') AS duration_ns,
       json_extract(record, '$.event.outcome') AS outcome,
       json_extract(record, '$.event.reason') AS reason,
       json_extract(record, '$.network.transport') AS transport,
       json_extract(record, '$.network.direction') AS direction,
       json_extract(record, '$.source.ip') AS source_ip,
       json_extract(record, '$.source.port') AS source_port,
       json_extract(record, '$.source.bytes') AS source_bytes,
       json_extract(record, '$.destination.ip') AS destination_ip,
       json_extract(record, '$.destination.port') AS destination_port,
       json_extract(record, '$.destination.bytes') AS destination_bytes,
       json_extract(record, '$.process.pid') AS pid,
       json_extract(record, '$.process.name') AS program,
       json_extract(record, '$.process.executable') AS executable,
       json_extract(record, '$.user.name') AS user,
       json_extract(record, '$.container.id') AS container,
       json_extract(record, '$.sockline.attribution.reason') AS owner_unknown
FROM records
WHERE json_extract(record, '$.event.dataset') = 'sockline.connection';
