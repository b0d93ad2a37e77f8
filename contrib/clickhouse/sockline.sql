-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
-- clickhouse-client --multiquery < sockline.sql; see README.md. What is unknown is NULL.
CREATE TABLE IF NOT EXISTS sockline_connections
(
    time DateTime('UTC'),
    nanosecond UInt32,
    host_id String,
    run String,
    sequence UInt64,
    action String,
    id String,
    duration_ns Nullable(UInt64),
    outcome Nullable(String),
    reason Nullable(String),
    transport Nullable(String),
    direction Nullable(String),
    source_ip Nullable(String),
    source_port Nullable(UInt16),
    source_bytes Nullable(UInt64),
    destination_ip Nullable(String),
    destination_port Nullable(UInt16),
    destination_bytes Nullable(UInt64),
    pid Nullable(UInt32),
    program Nullable(String),
    executable Nullable(String),
    user Nullable(String),
    container Nullable(String),
    owner_unknown Nullable(String)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (host_id, time, run, sequence);
