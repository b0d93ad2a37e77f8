#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets are counted exactly (P7), interfaces may come and go (P14): src/capture by itself."""

import ctypes
import errno
import json
import os
import socket
import time

from harness import HELPERS, HERE, LIBC, Namespace, check, run

UDP = ("-f", "udp port 9")
# linux/if_packet.h, asm-generic/socket.h
SOL_PACKET, PACKET_VERSION, PACKET_IGNORE_OUTGOING, SO_GET_FILTER = 263, 10, 23, 26
TPACKET_V2, TPACKET_V3 = 1, 2


class Dump:
    """tests/helpers/capture_dump, capturing."""

    def __init__(self, place, *arguments, **keywords):
        self.process = place.helper("capture_dump", *arguments, **keywords)
        self.first = self.process.json()

    def counters(self):
        self.process.send("c")
        return self.process.json()

    def end(self):
        """Stops, drains, and returns the final counters."""
        self.process.finish()
        return json.loads(self.process.lines[-1])

    def packets(self):
        return [line for line in map(json.loads, list(self.process.lines)) if "packet" in line]


def send(place, *arguments):
    gen = place.helper("gen", *arguments)
    gen.wait(60)
    return json.loads(gen.lines[-1])["sent"]


def exact(counters, sent):
    return counters["received"] + counters["dropped"] == sent and \
        counters["delivered"] == counters["received"]


def test_every_packet_is_counted():
    with Namespace.pair() as (left, right):
        for interface in ("any", "veth0"):
            dump = Dump(right, *UDP, interface)
            sent = send(left, "-i", "veth0", "-c", "100000", right.address)
            counters = dump.end()
            check(sent == 100000 and exact(counters, sent), f"{interface}: 100000 frames", counters)
        for interface in ("any", "lo"):
            dump = Dump(left, *UDP, interface)
            sent = send(left, "-k", "-c", "100000", "127.0.0.1")
            counters = dump.end()
            check(exact(counters, sent), f"{interface}: 100000 on loopback, each once", counters)
        dump = Dump(right, *UDP, "-I", "-s", "128", "veth0")
        sent = send(left, "-i", "veth0", "-c", "100000", "-r", "50000", right.address)
        counters = dump.end()
        check(exact(counters, sent), "immediate mode: 100000 frames", counters)


def test_drops_are_counted():
    with Namespace.pair() as (left, right):
        dump = Dump(right, *UDP, "-h", "-B", "1024", "veth0")
        sent = send(left, "-i", "veth0", "-c", "100000", right.address)
        counters = dump.counters()
        check(counters["dropped"] > 0 and counters["received"] + counters["dropped"] == sent,
              "a reader that sleeps: received + dropped = sent", counters)
        counters = dump.end()
        check(exact(counters, sent), "and what was received is delivered at the end", counters)


def test_stop_in_the_middle():
    with Namespace.pair() as (left, right):
        for number in range(10):
            interface = "any" if number % 2 else "veth0"
            dump = Dump(right, *UDP, interface)
            gen = left.helper("gen", "-i", "veth0", "-c", "0", right.address)
            gen.json()
            time.sleep(0.05 + 0.01 * number)
            counters = dump.end()
            gen.stop()
            sent = json.loads(gen.lines[-1])["sent"]
            check(0 < counters["received"] == counters["delivered"] and
                  counters["received"] + counters["dropped"] <= sent,
                  f"{interface} stopped in a flood, {number + 1}: all received is delivered",
                  (counters, sent))


def test_direction():
    with Namespace.pair() as (left, right):
        for interface, direction, count in (
                ("veth0", "in", 1000), ("veth0", "out", 500), ("lo", "in", 300), ("lo", "out", 0),
                ("any", "in", 1300), ("any", "out", 500)):
            dump = Dump(right, *UDP, "-Q", direction, interface)
            send(left, "-i", "veth0", "-c", "1000", right.address)
            send(right, "-c", "500", left.address)
            send(right, "-c", "300", "127.0.0.1")
            counters = dump.end()
            check(exact(counters, count), f"-Q {direction} on {interface}: {count} packets", counters)


def test_filter():
    with Namespace.pair() as (left, right):
        # The first packets after opening count: nothing may slip in before the filter.
        flood = left.helper("gen", "-i", "veth0", "-c", "0", "-r", "100000", "-p", "7", right.address)
        flood.json()
        for interface in ("any", "veth0"):
            dump = Dump(right, *UDP, interface)
            send(left, "-i", "veth0", "-c", "1000", right.address)
            counters = dump.end()
            check(exact(counters, 1000), f"{interface}: of a flood the filter takes 1000", counters)
        flood.stop()
        # Bytes of the cooked header that the kernel's filter cannot see: libpcap filters.
        dump = Dump(right, "-f", "ether[6] == 1 and udp port 9", "any")
        send(left, "-i", "veth0", "-c", "1000", right.address)
        start = time.monotonic()
        counters = dump.end()
        check(counters["delivered"] == 0 and counters["received"] == 1000,
              "a filter that only libpcap can evaluate", counters)
        check(time.monotonic() - start < 2, "does not hold up the end")
        for arguments in (("-f", "tcp prot 80", "any"), ("-f", "ether host 02:00:00:00:00:01", "any"),
                          ("-y", "NOSUCH", "lo"), ("-y", "IEEE802_11", "lo"), ("-y", "EN10MB", "any")):
            dump = Dump(right, *arguments)
            check(dump.first.get("error") == errno.EINVAL and arguments[1] in dump.first["text"],
                  f"refused: {' '.join(arguments)}", dump.first)


def packet_socket(process):
    """What the kernel knows of the capture: ring version, ignores outgoing, has a filter."""
    pidfd = os.pidfd_open(process.pid)
    try:
        for number in map(int, os.listdir(f"/proc/{process.pid}/fd")):
            taken = LIBC.syscall(438, pidfd, number, 0)  # pidfd_getfd
            if taken < 0:
                continue
            if not os.readlink(f"/proc/self/fd/{taken}").startswith("socket:"):
                os.close(taken)
                continue
            with socket.socket(fileno=taken) as found:
                if found.family != socket.AF_PACKET:
                    continue
                instructions = ctypes.c_uint32(0)
                LIBC.getsockopt(found.fileno(), socket.SOL_SOCKET, SO_GET_FILTER, None,
                                ctypes.byref(instructions))
                return (found.getsockopt(SOL_PACKET, PACKET_VERSION),
                        found.getsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING),
                        instructions.value > 1)
    finally:
        os.close(pidfd)
    return None


def test_kernel_does_its_part():
    with Namespace.pair() as (_, right):
        for title, arguments, version, ignores in (
                ("lo", (*UDP, "lo"), TPACKET_V3, 1),
                ("any", (*UDP, "any"), TPACKET_V3, 0),
                ("an interface", (*UDP, "veth0"), TPACKET_V3, 0),
                ("incoming", (*UDP, "-Q", "in", "veth0"), TPACKET_V3, 1),
                ("immediate mode", (*UDP, "-I", "veth0"), TPACKET_V2, 0)):
            dump = Dump(right, *arguments)
            found = packet_socket(dump.process)
            check(found == (version, ignores, True),
                  f"{title}: TPACKET_V{version + 1}, a filter in the kernel, and "
                  f"{'no' if ignores else 'all'} outgoing packets looked at", found)
            dump.end()


def test_any_tells_the_interface():
    with Namespace.pair() as (left, right):
        dump = Dump(right, "-v", *UDP, "any")
        check(dump.first["link_type"] == "LINUX_SLL2", "any is LINUX_SLL2", dump.first)
        indexes = {link["ifname"]: link["ifindex"] for link in json.loads(right.ip("-j", "link"))}
        send(left, "-i", "veth0", "-c", "3", "-m", right.mac, right.address)
        send(right, "-c", "2", left.address)
        send(right, "-c", "1", "127.0.0.1")
        counters = dump.end()
        check(exact(counters, 6), "6 packets", counters)
        packets = [(packet["ifindex"], packet["type"]) for packet in dump.packets()]
        to_us, outgoing = 0, 4
        check(sorted(packets) == sorted([(indexes["veth0"], to_us)] * 3
                                        + [(indexes["veth0"], outgoing)] * 2
                                        + [(indexes["lo"], to_us)]),
              "each with its interface and direction", packets)


def test_times_and_lengths():
    with Namespace.pair() as (left, right):
        dump = Dump(right, "-v", *UDP, "-s", "60", "veth0")
        check(dump.first["snaplen"] == 60, "snaplen", dump.first)
        before = time.time_ns()
        send(left, "-i", "veth0", "-c", "100", "-s", "1000", right.address)
        after = time.time_ns()
        dump.end()
        packets = dump.packets()
        check(len(packets) == 100 and
              all(packet["captured"] == 60 and packet["length"] == 1042 for packet in packets),
              "cut at the snaplen, with the length on the wire", packets[:1])
        check(all(before <= packet["time_ns"] <= after for packet in packets), "times are right")
        check(any(packet["time_ns"] % 1000 for packet in packets), "to the nanosecond")


def test_down_and_up():
    with Namespace.pair() as (left, right):
        dump = Dump(right, *UDP, "veth0")
        descriptors = len(os.listdir(f"/proc/{dump.process.pid}/fd"))
        for _ in range(5):
            send(left, "-i", "veth0", "-c", "1000", right.address)
            right.ip("link", "set", "veth0", "down")
            news = dump.process.json()
            right.ip("link", "set", "veth0", "up")
            if not (check(news.get("error") == errno.ENETDOWN, "down is reported", news) and
                    check(dump.process.json() == {"error": None}, "and when it is over")):
                break
        check(len(os.listdir(f"/proc/{dump.process.pid}/fd")) == descriptors,
              "no descriptor more than before")
        send(left, "-i", "veth0", "-c", "1000", right.address)
        counters = dump.end()
        check(exact(counters, 6000), "no packet is lost or counted twice", counters)


def test_down_is_idle():
    with Namespace.pair() as (_, right):
        dump = Dump(right, *UDP, "veth0")
        right.ip("link", "set", "veth0", "down")
        dump.process.json()
        start = dump.process.cpu_seconds()
        time.sleep(4)
        used = (dump.process.cpu_seconds() - start) / 4
        check(used <= 0.005, "while it is down: at most 0.5 % CPU", used)
        dump.end()


def test_deletion():
    with Namespace.pair() as (left, right):
        dump = Dump(right, *UDP, "veth0")
        any_dump = Dump(right, *UDP, "any")
        send(left, "-i", "veth0", "-c", "1000", right.address)
        right.ip("link", "del", "veth0")
        status = dump.process.wait()
        news, counters = map(json.loads, dump.process.lines[-2:])
        check(status == 1 and news["error"] == errno.ENODEV and "veth0" in news["text"],
              "deletion is reported", news)
        check(exact(counters, 1000), "after all packets from before", counters)
        right.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        for name in ("veth0", "veth1"):
            right.ip("link", "set", name, "up")
        send(right, "-i", "veth1", "-c", "1000", right.address)
        counters = any_dump.end()
        # Sent on veth1 and received on veth0: any sees both.
        check(exact(counters, 3000), "any goes on, and hears interfaces that are new", counters)


def test_refused():
    with Namespace.pair() as (_, right):
        right.ip("link", "set", "veth0", "down")
        for name, error in (("veth0", "ENETDOWN"), ("nosuch0", "ENODEV")):
            dump = Dump(right, name)
            check(dump.first.get("error") == getattr(errno, error) and name in dump.first["text"],
                  f"{name}: {error}", dump.first)
    program = os.path.join(HELPERS, "capture_dump")
    first = HERE.start("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", program, "lo").json()
    check(first.get("error") == errno.EPERM and "CAP_NET_RAW" in first["text"] and
          program in first["text"], "without CAP_NET_RAW: which and how to give it", first)


run(globals())
