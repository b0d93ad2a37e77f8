-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
-- Whole records in one column of the type JSON, for ClickHouse 25.3 and later; see README.md.
CREATE TABLE IF NOT EXISTS sockline_records
(
    record JSON(
        `@timestamp` DateTime64(9, 'UTC'),
        host.id String,
        sockline.run String,
        event.sequence UInt64,
        event.action LowCardinality(String),
        source.bytes UInt64,
        destination.bytes UInt64)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(record.`@timestamp`)
ORDER BY (record.host.id, record.`@timestamp`, record.sockline.run, record.event.sequence);
