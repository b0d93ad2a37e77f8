#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""One packet on several interfaces is written and counted once; two that are alike are two."""

import collections

from harness import Failure, Namespace, check, run, skip

ADDRESS, PORT, EACH = "fe80::77", 5353, 5

# A datagram to a group of the link, on each of the interfaces, some times.
MULTICAST = f"""
import socket, sys, time
sockets = []
for name in sys.argv[1:]:
    index = socket.if_nametoindex(name)
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("{ADDRESS}", {PORT}, 0, index))
    sockets.append((one, index))
for _ in range({EACH}):
    for one, index in sockets:
        one.sendto(b"who is there", ("ff02::fb", {PORT}, 0, index))
    time.sleep(0.02)
"""


def seen(host, senders, *options):
    """Records of packets by interface, their copies, and what connections count."""
    for name in senders:
        host.ip("addr", "add", f"{ADDRESS}/64", "dev", name, "nodad")
    sockline = host.sockline("-e", "packet,connection", "--attribution", "lookup", *options, f"ip6 and udp port {PORT}")
    host.run("python3", "-c", MULTICAST, *senders)
    sockline.wait_for("packet", count=EACH * len(senders))
    check(sockline.stop() == 0, "ends well", sockline.stderr)
    packets = sockline.find("packet")
    on = collections.Counter(one["observer"]["ingress"]["interface"]["name"] for one in packets)
    copies = collections.Counter(one["observer"]["ingress"]["interface"]["name"] for one in packets
                                 if "duplicate_of" in one["sockline"]["packet"])
    counted = sum(one["source"]["packets"] for one in sockline.find("connection_closed"))
    return dict(on), dict(copies), counted


def veth(host, name, *options):
    host.ip("link", "add", name, *options, "type", "veth", "peer", "name", name + "p")
    for end in (name, name + "p"):
        host.ip("link", "set", end, "addrgenmode", "none", "up")


def test_two_links():
    """One address of the link on each of two: what is sent on both is sent twice, and seen by each peer."""
    for options, mac in ((("--no-dedupe",), ("address", "02:00:00:00:00:77")), ((), ())):
        with Namespace() as host:
            veth(host, "va", *mac)
            veth(host, "vb", *mac)
            on, copies, counted = seen(host, ("va", "vb"), *options)
            of_peers = {} if not options else {"vap": EACH, "vbp": EACH}
            check(on == {"va": EACH, "vb": EACH, **of_peers} and copies == of_peers and
                  counted == 2 * EACH, f"{options}: each once, and its peer a copy",
                  f"{on} {copies} {counted}")


def test_bridge():
    """What a bridge sends passes its port, and the peer of that."""
    with Namespace() as host:
        veth(host, "va")
        host.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        host.ip("link", "set", "va", "master", "br0")
        host.ip("link", "set", "br0", "addrgenmode", "none", "up")
        on, copies, counted = seen(host, ("br0",), "--no-dedupe")
        passed = {"va": EACH, "vap": EACH}
        check(on == {"br0": EACH, **passed} and copies == passed and counted == EACH,
              "it is counted once", f"{on} {copies} {counted}")


def test_two_vlans():
    """All VLANs of an interface have its hardware address, and so one address of the link."""
    with Namespace() as host:
        veth(host, "va")
        try:
            for tag in (10, 20):
                host.ip("link", "add", "link", "va", "name", f"va.{tag}", "type", "vlan", "id", tag)
                host.ip("link", "set", f"va.{tag}", "addrgenmode", "none", "up")
        except Failure:
            skip("each once, and copies below", "no VLAN in this kernel")
            return
        on, copies, counted = seen(host, ("va.10", "va.20"))
        below = {"va": 2 * EACH, "vap": 2 * EACH}
        check(on == {"va.10": EACH, "va.20": EACH, **below} and copies == below and
              counted == 2 * EACH, "each once, and copies below", f"{on} {copies} {counted}")


run(globals())
