#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""mock_kafka.py TOPIC PARTITIONS: three brokers of librdkafka's mock cluster in this process, which keep
what they are sent in memory, until stdin ends. Prints their addresses."""

import ctypes
import os
import sys

PRODUCER = 0


def main(topic, partitions):
    kafka = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(kafka, name).restype = ctypes.c_void_p
    kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    error = ctypes.create_string_buffer(512)
    handle = kafka.rd_kafka_new(PRODUCER, ctypes.c_void_p(kafka.rd_kafka_conf_new()), error, len(error))
    cluster = kafka.rd_kafka_mock_cluster_new(ctypes.c_void_p(handle), 3) if handle else None
    if not cluster:
        sys.exit(f"no cluster: {error.value.decode()}")
    cluster = ctypes.c_void_p(cluster)
    if kafka.rd_kafka_mock_topic_create(cluster, topic.encode(), int(partitions), 1):
        sys.exit("no topic")
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    while os.read(0, 4096):
        pass


main(*sys.argv[1:])
