#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""One packet on several interfaces is written and counted once; two that are alike are two."""

import collections

from harness import HERE, Failure, Namespace, check, run, skip

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

DATAGRAM_COUNT = 10
DATAGRAMS = f"""
import socket, sys, time
one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for number in range({DATAGRAM_COUNT}):
    one.sendto(b"%08d" % number, (sys.argv[1], int(sys.argv[2])))
    time.sleep(0.01)
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


def test_two_namespaces():
    """Captures of two namespaces are read one after the other; datagrams of IPv6 have no number."""
    with Namespace.pair() as (left, right):
        for number, one in enumerate((left, right), 1):
            one.sysctl("net.ipv6.conf.veth0.disable_ipv6", 0)
            one.ip("addr", "add", f"fd77::{number}/64", "dev", "veth0", "nodad")
        sockline = HERE.sockline("-e", "packet,connection,process", "--netns", f"/run/netns/{right.name}",
                                 f"udp port {PORT} or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)",
                                 netns=f"/run/netns/{left.name}")
        left.run("python3", "-c", DATAGRAMS, "fd77::2", PORT)
        right.run("ping", "-c", 5, "-i", "0.01", "fd77::1")
        sockline.stop()
        kinds = collections.Counter(one["network"]["transport"] for one in sockline.find("packet"))
        check(kinds == {"udp": DATAGRAM_COUNT, "ipv6-icmp": 10}, "each packet has one record", kinds)
        size = sum(one["network"]["bytes"] for one in sockline.find("packet"))
        sent = sum({one.get("process", {}).get("entity_id"): one["sockline"]["traffic"]["sent"]["bytes"]
                    for one in sockline.find("process_traffic")}.values())
        check(sent == size, "and its bytes are those that processes sent", (sent, size))


run(globals())
