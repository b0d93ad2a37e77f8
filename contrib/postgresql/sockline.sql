-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
-- psql -f sockline.sql; see README.md.
CREATE TABLE IF NOT EXISTS sockline_records (record jsonb NOT NULL);

-- A record has one number in one run of sockline: what is sent again is found.
CREATE UNIQUE INDEX IF NOT EXISTS sockline_records_number
    ON sockline_records ((record #>> '{sockline,run}'), ((record #>> '{event,sequence}')::bigint));

CREATE OR REPLACE VIEW sockline_connections AS
SELECT record #>> '{sockline,connection,id}' AS id,
       record #>> '{event,action}' AS action,
       (record ->> '@timestamp')::timestamptz AS time,
       (record #>> '{event,duration}')::bigint AS duration_ns,
       record #>> '{event,outcome}' AS outcome,
       record #>> '{event,reason}' AS reason,
       record #>> '{network,transport}' AS transport,
       record #>> '{network,direction}' AS direction,
       (record #>> '{source,ip}')::inet AS source_ip,
       (record #>> '{source,port}')::integer AS source_port,
       (record #>> '{source,bytes}')::bigint AS source_bytes,
       (record #>> '{destination,ip}')::inet AS destination_ip,
       (record #>> '{destination,port}')::integer AS destination_port,
       (record #>> '{destination,bytes}')::bigint AS destination_bytes,
       (record #>> '{process,pid}')::integer AS pid,
       record #>> '{process,name}' AS program,
       record #>> '{process,executable}' AS executable,
       record #>> '{user,name}' AS "user",
       record #>> '{container,id}' AS container,
       record #>> '{sockline,attribution,reason}' AS owner_unknown
FROM sockline_records
WHERE record #>> '{event,dataset}' = 'sockline.connection';
