#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""mock_kafka.py TOPIC PARTITIONS: three brokers of librdkafka's mock cluster in this process, which keep
what they are sent in memory, until stdin ends. Prints their addresses. The lines "down" and "up" on stdin
take them all away, and bring them back with what they had; each is printed when it is done."""

import ctypes
import sys

PRODUCER = 0
BROKERS = 3


def main(topic, partitions):
    kafka = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(kafka, name).restype = ctypes.c_void_p
    kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    error = ctypes.create_string_buffer(512)
    handle = kafka.rd_kafka_new(PRODUCER, ctypes.c_void_p(kafka.rd_kafka_conf_new()), error, len(error))
    cluster = kafka.rd_kafka_mock_cluster_new(ctypes.c_void_p(handle), BROKERS) if handle else None
    if not cluster:
        sys.exit(f"no cluster: {error.value.decode()}")
    cluster = ctypes.c_void_p(cluster)
    if kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), int(partitions), 1):
        sys.exit("no topic")
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    calls = {"down": kafka.rd_kafka_mock_broker_set_down, "up": kafka.rd_kafka_mock_broker_set_up}
    for line in sys.stdin:
        failed = [broker for broker in range(1, BROKERS + 1) if calls[line.strip()](cluster, broker)]
        print(f"failed: {failed}" if failed else line.strip(), flush=True)


main(*sys.argv[1:])
