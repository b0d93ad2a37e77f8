#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Payload of live packets (--payload): more is captured than without, unless -s says otherwise."""

import base64

from harness import Namespace, check, run
from mksock import Mksock

TEXT = "0123456789" * 100


def payloads(host, client, *options):
    """(text, truncated) of the datagrams of the client."""
    sockline = host.sockline("-e", "packet", "--attribution", "lookup", *options)
    client.tell(f"send %1 {TEXT}")
    sockline.wait_until_asleep()
    check(sockline.stop() == 0, f"{options}: ends well", sockline.stderr)
    packets = [one["sockline"]["packet"] for one in sockline.find("packet")
               if one["source"].get("port") == client.port()]
    return {(base64.b64decode(packet["data"]).decode(), packet.get("data_truncated", False)) for packet in packets}


def test_live():
    """A datagram of 1,000 bytes."""
    with Namespace() as host:
        server = Mksock(host, "udp-bind 127.0.0.1 0")
        client = Mksock(host, f"udp-connect 127.0.0.1 {server.port()}")
        found = payloads(host, client, "--payload", "1000")
        check(found == {(TEXT, False)}, "all of it", found)
        cut = payloads(host, client, "--payload", "1000", "-s", "100")
        check(len(cut) == 1, "with -s 100 it is what was captured", cut)
        text, truncated = cut.pop()
        check(0 < len(text) < 100 and TEXT.startswith(text) and truncated, "and marked", text)


run(globals())
