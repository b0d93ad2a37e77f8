#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Interfaces go down, vanish, come back (P14), or are not there at the start (P15)."""

import os
import shutil
import signal
import subprocess
import sys
import time

from harness import SOCKLINE, Namespace, check, run, skip

UDP = ("udp", "port", "9")


def sockets(process):
    """How many it has open. Other descriptors come and go with the processes of the machine."""
    count = 0
    for name in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            count += os.readlink(f"/proc/{process.pid}/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def changes(sockline):
    return [record["event"]["action"] for record in sockline.records
            if record["event"]["action"] in ("capture_lost", "capture_resumed")]


def send(place, count):
    place.helper("gen", "-i", "veth0", "-c", count, "10.77.0.2").wait()


def received(sockline):
    stats = sockline.wait_for("run_stopped")["sockline"]["stats"]
    return sum(capture["received"] for capture in stats["capture"])


def test_down_and_up():
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", "-i", "veth0", *UDP)
        before = sockets(sockline)
        for number in range(1, 51):
            right.ip("link", "set", "veth0", "down")
            sockline.wait_for("capture_lost", count=number)
            right.ip("link", "set", "veth0", "up")
            sockline.wait_for("capture_resumed", count=number)
            send(left, 2)
        after = sockets(sockline)
        check(sockline.stop() == 0, "50 x down and up: ends with status 0", sockline.stderr)
        check(changes(sockline) == ["capture_lost", "capture_resumed"] * 50, "records in pairs",
              changes(sockline))
        check(all("veth0" == record["observer"]["ingress"]["interface"]["name"]
                  for record in sockline.find("capture_lost")), "that name the interface")
        check(len(sockline.find("packet")) == 100 == received(sockline), "no packet is lost",
              len(sockline.find("packet")))
        check(before == after, "no socket more", (before, after))


def test_delete_and_add():
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", "-i", "veth0", *UDP)
        before = sockets(sockline)
        for number in range(1, 11):
            send(left, 3)  # at once before: still in the kernel's hands when the interface goes
            if number % 2:  # it is seen to be down first
                right.ip("link", "set", "veth0", "down")
                sockline.wait_for("capture_lost", count=number)
            right.ip("link", "del", "veth0")
            sockline.wait_for("capture_lost", count=number)
            right.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", left.name)
            for namespace in (left, right):
                namespace.ip("link", "set", "veth0", "up")
            sockline.wait_for("capture_resumed", count=number)
        send(left, 3)
        after = sockets(sockline)
        check(sockline.stop() == 0, "10 x deleted and added: ends with status 0", sockline.stderr)
        check(changes(sockline) == ["capture_lost", "capture_resumed"] * 10, "records in pairs",
              changes(sockline))
        check(len(sockline.find("packet")) == 33 == received(sockline),
              "no packet is lost, totals go on", (len(sockline.find("packet")), received(sockline)))
        check(before == after, "no socket more", (before, after))


def test_all_interfaces():
    """Without -i nothing is lost when one of them goes, and new ones are heard."""
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", *UDP)
        send(left, 3)
        right.ip("link", "del", "veth0")
        right.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", left.name)
        for namespace in (left, right):
            namespace.ip("link", "set", "veth0", "up")
        send(left, 3)
        records = sockline.wait_for("packet", count=6)
        names = {record["observer"]["ingress"]["interface"]["name"] for record in records}
        check(sockline.stop() == 0 and changes(sockline) == [] and names == {"veth0"},
              "all interfaces: goes on", (changes(sockline), names))


# What is reported during one more second of each wait is not seen until the next.
SLOW_WAITS = ("strace", "-Dqqo", "/dev/null", "-e", "trace=?epoll_wait,?epoll_pwait",
              "-e", "inject=?epoll_wait,?epoll_pwait:delay_exit=1000000")


TUN_PROGRAM = """
import fcntl, os, struct, subprocess, sys
udp = struct.pack("!HHHH", 7776, 7777, 12, 0) + b"text"
packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes([10, 0, 0, 1]),
                     bytes([10, 0, 0, 2])) + udp
kept = []
for name, kind in (("mis-tun", None), ("mis-nlmon", 824), ("mis-can", 280)):  # ARPHRD_NETLINK, ARPHRD_CAN
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH14x", name.encode(), 0x1001))  # TUNSETIFF: TUN, NO_PI
    if kind:
        fcntl.ioctl(tun, 0x400454cd, kind)  # TUNSETLINK
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
    for _ in range(5):
        os.write(tun, packet)
    kept.append(tun)
print("sent", flush=True)
sys.stdin.read()
"""


def test_other_traffic():
    """Frames of nlmon and CAN are not among those of all interfaces."""
    with Namespace() as place:
        sockline = place.sockline("-e", "packet")
        agent = place.start(sys.executable, "-c", TUN_PROGRAM)
        check(agent.line() == "sent", "frames of three interfaces")
        time.sleep(0.3)
        sockline.stop()
        names = {record["observer"]["ingress"]["interface"]["name"] for record in sockline.find("packet")
                 if record.get("destination", {}).get("port") == 7777}
        check(names == {"mis-tun"}, "only that of the network is captured", names)


def test_new_interface():
    """Its packets may be read before the kernel's word of it: still it has its name and address."""
    if not shutil.which("strace"):
        skip("a new interface", "needs strace")
        return
    with Namespace.pair() as (left, right):
        sockline = right.sockline("-e", "packet", "--attribution", "lookup", *UDP, via=SLOW_WAITS)
        time.sleep(1.5)
        sockline.send_signal(signal.SIGUSR1)  # ends the wait
        right.ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth1", "netns", left.name)
        for number, namespace in enumerate((left, right), 1):
            namespace.ip("addr", "add", f"10.78.0.{number}/24", "dev", "veth1")
            namespace.ip("link", "set", "veth1", "up")
        left.helper("gen", "-i", "veth1", "-c", "3", "10.78.0.2").wait()
        records = sockline.wait_for("packet", count=3)
        names = [record.get("observer", {}).get("ingress", {}).get("interface", {}).get("name")
                 for record in records]
        reasons = {record["sockline"]["attribution"]["reason"] for record in records}
        check(names == ["veth1"] * 3 and "forwarded" not in reasons,
              "a new interface: its name and address", (names, reasons))
        sockline.stop()


def test_down_is_idle():
    with Namespace.pair() as (_, right):
        # Without tracepoints and process events, which need CAP_SYS_ADMIN here: others on the machine may be busy.
        sockline = right.sockline("-e", "stats", "--attribution", "lookup", "-i", "veth0", *UDP,
                                  via=("setpriv", "--bounding-set=-sys_admin"))
        used = {}
        for state in ("up", "down"):
            right.ip("link", "set", "veth0", state)
            time.sleep(0.5)
            start = sockline.cpu_seconds()
            time.sleep(5)
            used[state] = (sockline.cpu_seconds() - start) / 5
        check(used["down"] - used["up"] <= 0.005, "down costs at most 0.5 % more than up", used)
        sockline.stop()


CLOSE = """
import socket, sys, time
sockets = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300) for _ in range(int(sys.argv[1]))]
started = time.monotonic()
for one in sockets:
    one.close()
print(time.monotonic() - started)
"""


def test_end_of_many():
    """The kernel takes its time to close a capture; many are closed in less than one after the other."""
    with Namespace() as host:
        names = [f"v{number}{end}" for number in range(24) for end in "ab"]
        for number in range(24):
            host.ip("link", "add", f"v{number}a", "up", "type", "veth", "peer", "name", f"v{number}b")
            host.ip("link", "set", f"v{number}b", "up")
        arguments = [word for name in names for word in ("-i", name)]
        sockline = host.sockline("-e", "stats", "--attribution", "lookup", "-B", "64", *arguments)
        one_by_one = float(host.run(sys.executable, "-c", CLOSE, len(names)))
        started = time.monotonic()
        status = sockline.stop()
        took = sockline.ended - started
        check(status == 0, "ends well", sockline.stderr)
        captures = sockline.wait_for("run_stopped")["sockline"]["stats"]["capture"]
        check(len(captures) == 33 and {capture["interface"] for capture in captures[:-1]} <= set(names) and
              captures[-1]["unlisted"] == len(names) - 32, "each is reported", captures)
        check(took < max(one_by_one, 0.3), f"{len(names)} captures end together",
              f"{took} s, and {one_by_one} s for so many sockets in turn")


def test_not_there_at_start():
    with Namespace.pair() as (_, right):
        right.ip("link", "set", "veth0", "down")
        for name, expected in (("veth0", "down"), ("nosuch0", "no such device")):
            result = subprocess.run([*right.prefix, SOCKLINE, "-i", name], capture_output=True,
                                    text=True, check=False, timeout=10)
            check(result.returncode == 1 and not result.stdout and name in result.stderr and
                  expected in result.stderr and result.stderr.count("\n") == 1,
                  f"{name}: a clear error", result.stderr)


run(globals())
