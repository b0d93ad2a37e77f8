#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""received + dropped = sent, exactly, in the records too (P7)."""

import collections
import json
import os
import signal
import tempfile
import time

from harness import HERE, SOCKLINE, Namespace, check, run, until
from mksock import Mksock

UDP = ("udp", "port", "9")


def totals(sockline):
    """(received, dropped, packets) of the last record; packets with those left unread when it was stopped."""
    stats = sockline.wait_for("run_stopped")["sockline"]["stats"]
    captures = stats["capture"]
    return (sum(capture["received"] for capture in captures),
            sum(capture["dropped"] for capture in captures),
            stats["packets"] + sum(capture["unread"] for capture in captures if "unread" in capture))


def test_flood():
    with Namespace.pair() as (left, right):
        for interface in (["-i", "veth0"], []):
            sockline = right.sockline("-e", "stats", *interface, *UDP)
            gen = left.helper("gen", "-i", "veth0", "-c", "1000000", right.address)
            gen.wait(60)
            status = sockline.stop()
            sent = json.loads(gen.lines[-1])["sent"]
            received, dropped, packets = totals(sockline)
            name = " ".join(interface) or "any"
            check(status == 0 and sent == 1000000 and received + dropped == sent == packets + dropped,
                  f"{name}: 1 M frames: {received} received + {dropped} dropped",
                  (status, sent, received, dropped, packets, sockline.stderr))


def test_stopped_in_a_flood():
    with Namespace.pair() as (left, right):
        for number in range(5):
            sockline = right.sockline("-e", "stats", "-i", "veth0", *UDP)
            gen = left.helper("gen", "-i", "veth0", "-c", "0", right.address)
            gen.json()
            time.sleep(0.1 + 0.05 * number)
            status = sockline.stop()
            gen.stop()
            sent = json.loads(gen.lines[-1])["sent"]
            received, dropped, packets = totals(sockline)
            check(status == 0 and 0 < received == packets and received + dropped <= sent,
                  f"stopped in a flood, {number + 1}: each received packet is in the totals",
                  (status, sent, received, dropped, packets))


def test_count_limit():
    """-c ends the run: what came with the last packet is unread, whether a ring or a queue had it."""
    with Namespace.pair() as (left, right):
        for interface in (["-i", "veth0"], []):
            sockline = right.sockline("-e", "packet,stats", "-c", "12", *interface, *UDP)
            left.helper("gen", "-i", "veth0", "-c", "1000", right.address).wait(60)
            check(sockline.wait(20) == 0, "it ends by itself", sockline.stderr)
            received, dropped, packets = totals(sockline)
            name = " ".join(interface) or "any"
            check(len(sockline.find("packet")) == 12 and 12 <= received <= 1000 and dropped == 0 and packets == received,
                  f"{name}: each received packet is in the totals", (received, dropped, packets))
            check("sockline: 12 packets captured, " in sockline.stderr, f"{name}: the closing line has those with records",
                  sockline.stderr)


def test_packet_records():
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", "-i", "veth0", *UDP)
        gen = left.helper("gen", "-i", "veth0", "-c", "20000", "-r", "20000", right.address)
        gen.wait(60)
        status = sockline.stop_when_asleep()
        received, dropped, packets = totals(sockline)
        records = len(sockline.find("packet"))
        check(status == 0 and records == received == packets and received + dropped == 20000,
              "20000 frames: a record for each", (status, records, received, dropped, packets))
        host = right.sockline("-e", "packet", "-i", "lo", *UDP)
        right.helper("gen", "-k", "-c", "1000", "127.0.0.1").wait()
        host.stop_when_asleep()
        check(len(host.find("packet")) == 1000, "loopback: each packet once", len(host.records))


def flood(sockline, place, *arguments):
    """Sends more than a ring can hold while sockline stands still. Returns the number of packets."""
    sockline.send_signal(signal.SIGSTOP)
    try:
        gen = place.helper("gen", "-c", "100000", *arguments)
        gen.wait(60)
    finally:
        sockline.send_signal(signal.SIGCONT)
    return json.loads(gen.lines[-1])["sent"]


def test_process_traffic():
    """Both ends of a connection are of one process; the packets say what it sent and received."""
    with Namespace() as host:
        sockline = host.sockline("-e", "packet,process", "-i", "lo", "--stats-interval", "1")
        holder = Mksock(host, "tcp-listen 127.0.0.1 0", "tcp-connect 127.0.0.1 $1", "tcp-accept %1")
        record = sockline.wait_for("process_traffic", lambda record: "process" in record)
        check(record["process"]["pid"] == holder.pid and
              record["sockline"]["traffic"]["connections"] == 1, "one connection, of both ends of it",
              record)
        holder.end()
        time.sleep(0.3)
        sockline.stop()
        # The last of each process, and of the unknown: what was counted there before an owner was
        # found goes over to the owner, so that totals add up where intervals need not.
        last = {record.get("process", {}).get("entity_id"): record["sockline"]["traffic"]
                for record in sockline.find("process_traffic")}
        sizes = [record["network"]["bytes"] for record in sockline.find("packet")]
        for way in ("sent", "received"):
            check(sum(total[way]["packets"] for total in last.values()) == len(sizes) > 3 and
                  sum(total[way]["bytes"] for total in last.values()) == sum(sizes),
                  f"{way}: the totals add up to the packets", (last, sizes))


def test_many_timers_at_once():
    """What is due in the same second is more than the output buffer holds: all of it comes."""
    flows = 20000
    with Namespace.pair() as (left, right), tempfile.TemporaryDirectory() as folder:
        path = folder + "/records"
        # Without -l, which empties the buffer after each record.
        sockline = right.start(SOCKLINE, "--netns", "self", "-e", "connection", "-i", "veth0",
                               "--update-interval", "2", "-o", path, *UDP)
        until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "its first record")
        left.helper("gen", "-i", "veth0", "-c", str(flows), "-f", str(flows),
                    "-m", right.mac, right.address).wait(60)
        time.sleep(5)
        status = sockline.stop()
        with open(path, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        actions = collections.Counter(record["event"]["action"] for record in records)
        updated = {record["sockline"]["connection"]["id"] for record in records
                   if record["event"]["action"] == "connection_updated"}
        capture = records[-1]["sockline"]["stats"]["capture"][0]
        check(status == 0 and "records_dropped" not in actions and
              actions["connection_opened"] == actions["connection_closed"] == len(updated) ==
              flows - capture["dropped"],
              f"{flows} connections of one second: an update of each, nothing is dropped",
              (status, actions, len(updated), capture, sockline.stderr))
        check([record["event"]["sequence"] for record in records] == list(range(1, len(records) + 1)),
              "in the order of their numbers, without a gap", actions)


def test_interface_removed():
    """What an interface counted that went for good is still in the totals."""
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "stats", "-i", "veth0", "-B", "512", *UDP)
        sent = flood(sockline, left, "-i", "veth0", right.address)
        right.ip("link", "del", "veth0")
        sockline.wait_for("capture_lost")
        stats = removed(sockline)[1]
        status = sockline.stop()
        received, dropped, packets = totals(sockline)
        check(status == 0 and dropped > 0 and received == packets and received + dropped == sent,
              f"interface removed: {received} received + {dropped} dropped",
              (status, sent, received, dropped, packets))
        stats = [dict(capture, unread=0) for capture in stats]
        check([stats] == [record["sockline"]["stats"]["capture"]
                          for record in sockline.find("run_stopped")], "known since it went", stats)


def removed(sockline):
    """By a record made now: entries of captures that have ended, all entries."""
    seen = len(sockline.find("capture_stats"))
    sockline.send_signal(signal.SIGUSR1)
    until(lambda: len(sockline.find("capture_stats")) > seen, "capture_stats")
    captures = sockline.find("capture_stats")[-1]["sockline"]["stats"]["capture"]
    # Where there are very many captures on the machine, the last entry is of those that have no room.
    return [capture for capture in captures if "removed" in capture and "unlisted" not in capture], captures


def test_namespace_removed():
    """What the captures of namespaces counted that went: others may come and go on the machine."""
    address = f"127.7.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"  # nobody else's
    filter = ("udp", "port", "9", "and", "dst", "host", address)
    sockline = HERE.sockline("-e", "stats", "-B", "512", *filter, netns="all")
    sent = 0
    for number in (1, 2):
        with Namespace() as host:
            inode = str(host.inode)
            sockline.wait_for("netns_opened", lambda one: one["sockline"]["namespace"]["netns"] == inode,
                              timeout=30)
            sent += flood(sockline, host, address)
            host.helper("gen", "-c", "5", address).wait()  # not in a full block of the ring yet
            sent += 5
        until(lambda: all(capture.get("netns") != inode for capture in removed(sockline)[1]), "its end")
        sums, _ = removed(sockline)
        check(len(sums) == 1 and sums[0]["removed"] >= number and
              sums[0]["received"] + sums[0]["dropped"] == sent,
              f"namespace removed: the sums of {number}", (sums, sent))
    status = sockline.stop()
    received, dropped, packets = totals(sockline)
    check(status == 0 and dropped > 0 and received == packets and received + dropped == sent,
          f"namespaces removed: {received} received + {dropped} dropped",
          (status, sent, received, dropped, packets))


def test_many_captures():
    """More than a record has room for: those with the most packets, and the sums of the rest."""
    with Namespace() as host:
        names = [f"many{number}" for number in range(40)]
        for first, second in zip(names[::2], names[1::2]):
            host.ip("link", "add", first, "type", "veth", "peer", "name", second)
            host.ip("link", "set", first, "up")
            host.ip("link", "set", second, "up")
        sockline = host.sockline("-e", "stats", "-i", "lo", *(word for name in names for word in ("-i", name)),
                                 "udp", "port", "9")
        gen = host.helper("gen", "-k", "-c", "1000", "127.0.0.1")
        gen.wait()
        check(sockline.stop() == 0, "many captures: ends well", sockline.stderr)
        stats = sockline.records[-1]["sockline"]["stats"]
        captures = stats["capture"]
        check(len(captures) == 33 and captures[0]["interface"] == "lo" and captures[-1]["unlisted"] == 9,
              "32 are listed, the busiest first, and 9 summed up", captures)
        check(sum(capture["received"] for capture in captures) == stats["packets"] == 1000,
              "and the sum is right", stats["packets"])


run(globals())
