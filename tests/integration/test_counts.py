#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""received + dropped = sent, exactly, in the records too (P7)."""

import json
import time

from harness import Namespace, check, run

UDP = ("udp", "port", "9")


def totals(sockline):
    """Of the last record: (received, dropped, packets)."""
    stats = sockline.wait_for("run_stopped")["sockline"]["stats"]
    captures = stats["capture"]
    return (sum(capture["received"] for capture in captures),
            sum(capture["dropped"] for capture in captures), stats["packets"])


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


def test_packet_records():
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", "-i", "veth0", *UDP)
        gen = left.helper("gen", "-i", "veth0", "-c", "20000", "-r", "20000", right.address)
        gen.wait(60)
        status = sockline.stop()
        received, dropped, packets = totals(sockline)
        records = len(sockline.find("packet"))
        check(status == 0 and records == received == packets and received + dropped == 20000,
              "20000 frames: a record for each", (status, records, received, dropped, packets))
        host = right.sockline("-e", "packet", "-i", "lo", *UDP)
        right.helper("gen", "-k", "-c", "1000", "127.0.0.1").wait()
        host.stop()
        check(len(host.find("packet")) == 1000, "loopback: each packet once", len(host.records))


run(globals())
