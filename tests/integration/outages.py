#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""`make check-long': readers that are away for longer than the other tests wait. A socket's for ten seconds, and
Kafka's brokers for longer than librdkafka keeps a message unless it is asked to."""

import contextlib
import glob
import json
import os
import socket
import sys
import threading
import time

from consumers import LOG, config_of, installed
from harness import HERE, TREE, Namespace, check, path, run, skip, until, write
from traffic import PACKET, flood

RSYSLOGD = "/usr/sbin/rsyslogd"
TOPIC = "sockline"
AWAY = 10  # seconds
BROKERS_AWAY = 75
SLACK = 60
MOST_IN_HAND = 100  # records that librdkafka has not sent when the brokers go


def read_all(connection, data):
    with contextlib.suppress(ConnectionResetError):  # shut down with something unread
        while piece := connection.recv(1 << 16):
            data.extend(piece)


def listening(kind):
    """(a socket that listens, its name for -o)"""
    if kind == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        return listener, f"tcp:127.0.0.1:{listener.getsockname()[1]}"
    listener = socket.socket(socket.AF_UNIX)
    name = path(f"peer.{time.monotonic_ns()}")
    listener.bind(name)
    listener.listen()
    return listener, f"unix:{name}"


def with_dead_reader(kind, host, *options):
    """A flood for longer than the reader of a socket is away: (status, messages, records, those that came twice)."""
    listener, name = listening(kind)
    with listener:
        # Outside of the namespace, whose packets it captures: its own connection of TCP is not there.
        sockline = HERE.sockline("-i", "lo", *PACKET, "-o", name, *options, wait=False, netns=f"/run/netns/{host.name}")
        first, second = bytearray(), bytearray()
        connection = listener.accept()[0]
        reader = threading.Thread(target=read_all, args=(connection, first))
        reader.start()
        until(lambda: b"run_started" in first, "the first record")
        gen = flood(host, "-c", str(2000 * (AWAY + 3)), "-r", "2000")
        until(lambda: first.count(b"\n") > 1000, "records")
        connection.shutdown(socket.SHUT_RDWR)
        reader.join()
        connection.close()
        time.sleep(AWAY)
        connection = listener.accept()[0]
        reader = threading.Thread(target=read_all, args=(connection, second))
        reader.start()
        gen.wait(timeout=SLACK)
        status = sockline.stop_when_asleep()
        reader.join()
        connection.close()
    whole = bytes(first[:first.rindex(b"\n") + 1]).splitlines() + bytes(second).splitlines()
    records = {}
    for record in map(json.loads, whole):
        records[record["event"]["sequence"]] = record
    return status, sockline.stderr, records, len(whole) - len(records)


def totals(records):
    last = records[max(records)]
    check(last["event"]["action"] == "run_stopped", "the last record is run_stopped", last)
    return last["sockline"]["stats"]


def fits(kind):
    with Namespace() as host:
        status, messages, records, twice = with_dead_reader(kind, host)
        check(status == 0 and messages.count("has ended") == 1, f"{kind}: a reader away for ten seconds: one message", messages)
        check(sorted(records) == list(range(1, max(records) + 1)), "every record arrives", (len(records), max(records), twice))
        stats = totals(records)
        packets = sum(record["event"]["action"] == "packet" for record in records.values())
        check(packets == stats["packets"] == stats["capture"][0]["received"] == 2000 * (AWAY + 3) and
              stats["records"]["dropped"] == 0, "and every packet has one", (packets, stats))


def test_socket_spool():
    """What fits the spool is not lost."""
    fits("unix")
    fits("tcp")


def does_not_fit(kind):
    with Namespace() as host:
        status, messages, records, _ = with_dead_reader(kind, host, "--spool-size", "1M", "--on-slow-reader", "drop")
        stats = totals(records)
        check(status == 1 and "dropped" in messages, f"{kind}: too small a spool: status 1, and a message", messages)
        missing = sorted(set(range(1, max(records) + 1)) - records.keys())
        losses = {number: record["sockline"]["loss"]["count"] for number, record in records.items()
                  if record["event"]["action"] == "records_dropped"}
        check(missing and sum(losses.values()) == len(missing) == stats["records"]["dropped"],
              "as many are announced as are missing", (losses, len(missing), stats["records"]))
        wrong = [number for number, count in losses.items()
                 if set(range(number - count, number)) - set(missing)]
        check(not wrong, "each in the place of those that are missing", (wrong, missing[:1], missing[-1:]))


def test_socket_small_spool():
    """What does not fit is announced, to the record."""
    does_not_fit("unix")
    does_not_fit("tcp")


def can_send():
    if not installed("rsyslogd") or not installed("kcat"):
        return False
    if not glob.glob("/usr/lib/*/rsyslog/omkafka.so"):
        skip("omkafka", "rsyslog-kafka is not installed")
        return False
    return True


class Cluster:
    """Three brokers that can be taken away, and rsyslogd with contrib/pipeline, which reads two.ndjson."""

    def __init__(self, host):
        self.host = host
        self.process = host.start(sys.executable, os.path.join(TREE, "tests/helpers/mock_kafka.py"), TOPIC, "12")
        self.brokers = self.process.line()
        self.file = path(f"records.{time.monotonic_ns()}")
        self.folder = path(f"rsyslog.{time.monotonic_ns()}")
        os.mkdir(self.folder)
        settings = config_of("pipeline/rsyslog.conf", (LOG, self.file), ("kafka:9092", self.brokers),
                             ("/var/spool/rsyslog", self.folder))
        self.config = write("outage.conf", f'global(workDirectory="{self.folder}")\ninclude(file="{settings}")\n')
        self.rsyslog = None

    def start_rsyslog(self):
        number = os.path.join(self.folder, "pid")
        if os.path.exists(number):
            os.unlink(number)
        self.rsyslog = self.host.start(RSYSLOGD, "-n", "-i", number, "-f", self.config)

    def all(self, word):
        self.process.send(word + "\n")
        check(self.process.line() == word, f"all brokers are {word}")

    def kept(self):
        """(partition, key, line) of each record that the brokers have. One that was in failedMsgFile has no newline."""
        output = self.host.run("kcat", "-C", "-e", "-q", "-u", "-b", self.brokers, "-t", TOPIC, "-f", "%p %k %s\\n",
                               timeout=SLACK)
        return [line.split(" ", 2) for line in output.splitlines() if line]

    def written(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read().splitlines()


def while_away(host, seconds, meanwhile=lambda cluster: None, lost=0):
    """Records of a run that goes on while the brokers are away: (what was written, what the brokers have). Waits
    until no more than lost of them are missing."""
    cluster = Cluster(host)
    sockline = host.sockline("-i", "lo", *PACKET, "-o", cluster.file, wait=False)
    until(lambda: os.path.exists(cluster.file) and cluster.written(), "the first record")
    cluster.start_rsyslog()
    gen = flood(host, "-c", "0", "-r", "20")
    until(lambda: len(cluster.kept()) > 20, "the first records at the brokers", timeout=SLACK, interval=0.5)
    cluster.all("down")
    time.sleep(seconds / 2)
    meanwhile(cluster)
    time.sleep(seconds / 2)
    cluster.all("up")
    time.sleep(2)
    gen.stop()
    sockline.stop_when_asleep()
    written = cluster.written()

    def missing():
        return len(set(written) - {line for *_, line in cluster.kept()})
    until(lambda: missing() <= lost, lambda: f"every record; {missing()} of {len(written)} are missing",
          timeout=SLACK, interval=1)
    kept = cluster.kept()
    cluster.rsyslog.stop(timeout=SLACK)
    return written, kept


def test_kafka():
    """Each record arrives, in its order, and with its key."""
    if not can_send():
        return
    with Namespace() as host:
        written, kept = while_away(host, BROKERS_AWAY)
    check(len(written) > 10 * BROKERS_AWAY, "brokers are away while records are written", len(written))
    places = {(partition, key) for partition, key, _ in kept}
    check(len(places) == 1, "all records have one partition and key", places)
    lines = list(dict.fromkeys(line for *_, line in kept))
    check(lines == written, "each arrives, in order", (len(lines), len(written)))
    check(len(kept) - len(written) <= 2, "and hardly one twice", (len(kept), len(written)))


def test_kafka_killed():
    """rsyslogd is killed and begins anew while they are away: some come twice, and none is lost."""
    if not can_send():
        return

    def kill(cluster):
        cluster.rsyslog.kill()
        cluster.start_rsyslog()
    with Namespace() as host:
        written, kept = while_away(host, AWAY, kill)
    check({line for *_, line in kept} == set(written), "each arrives though rsyslogd was killed", (len(kept), len(written)))


def test_kafka_stopped():
    """rsyslogd is stopped in order: what librdkafka had not sent yet is lost, as the README says. It is one gap."""
    if not can_send():
        return

    def stop(cluster):
        cluster.rsyslog.stop(timeout=SLACK)
        cluster.start_rsyslog()
    with Namespace() as host:
        written, kept = while_away(host, AWAY, stop, lost=MOST_IN_HAND)
    missing = set(written) - {line for *_, line in kept}
    numbers = sorted(json.loads(line)["event"]["sequence"] for line in missing)
    check(not numbers or numbers == list(range(numbers[0], numbers[-1] + 1)), "what is lost is one gap", numbers)


run(globals())
