#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Owners that capture files state, as other programs write them: never a process of this host."""

import os
import struct
import sys

from test_replay import check, is_valid, replay, run_all, write
from test_replay_files import MIDNIGHT, Blocks, datagram, of

COMMENT, PROCESS_THREAD, APPLE_PROCESS, APPLE_BLOCK = 1, 8, 0x8001, 0x80000001
SENT, RECEIVED = 2, 1


def owners(*arguments):
    """(process, user, peer process, attribution) of each packet's record."""
    output = replay(*arguments, "-e", "packet,connection,stats")
    is_valid(output, " ".join(arguments))
    found = []
    for record in of(output, "packet"):
        peer = record["sockline"].get("peer", {})
        found.append((record.get("process"), record.get("user"), peer.get("process"),
                      record["sockline"]["attribution"]))
    return found


CAPTURE = {"method": "capture"}
UNKNOWN = (None, None, None, {"method": "unknown", "reason": "replay"})


def file_of(*packets, order="<", before=()):
    """packets: (options, flags); before: process blocks, as (pid, options)."""
    blocks = Blocks(order)
    blocks.interface(101, "eth0")
    for pid, options in before:
        blocks.block(APPLE_BLOCK, struct.pack(order + "I", pid), *options)
    for number, (options, flags) in enumerate(packets):
        blocks.packet(0, MIDNIGHT * 10**9 + number, datagram(), *options, flags=flags)
    return write("owners.pcapng", blocks.bytes)


def comment(text):
    return (COMMENT, text.encode())


def test_own_comments():
    """Both ends, a user of another host, odd bytes; what is not whole is not believed."""
    own = "sockline: process.pid=77 process.name=a\\x20b process.entity_id=00000000000000ff user.id=0 user.name=jo"
    ends = "sockline: end=source process.pid=5 user.id=0\nsockline: end=destination process.pid=6 later.key=1"
    wrong = ("sockline: process.name=curl", "sockline: process.pid=0", "sockline: process.pid=12x", "sockline: ",
             "sockline: process.pid=1 process.name=\\x2", "sockline: process.pid=1  process.name=a",
             "sockline: process.pid=1 user.id=4294967296", "sockline: process.pid=99999999999", "other: process.pid=1",
             "sockline: process.pid=1 attribution.shared_pids=1,,2", "sockline: process.pid=1 tunnel.depth=1",
             "sockline: tunnel.depth=256 process.pid=1", "sockline: tunnel.depth=0 process.pid=1",
             "sockline: tunnel.depth=x process.pid=1", "sockline: end=source tunnel.depth=1 process.pid=1")
    packets = [([comment(text)], SENT) for text in (own, ends, *wrong)]
    found = owners("-r", file_of(*packets, ([comment("sockline: process.pid=9 attribution.shared_pids=9,10")], SENT)))
    check(found[0] == ({"pid": 77, "name": "a b", "entity_id": "00000000000000ff"}, {"id": "0", "name": "jo"}, None,
                       CAPTURE), "a process with the user's name that the file has, not this host's", found[0])
    check(found[1] == ({"pid": 5}, {"id": "0"}, {"pid": 6}, CAPTURE), "the owners of both ends", found[1])
    for text, owner in zip(wrong, found[2:]):
        check(owner == UNKNOWN, f"no owner by {text!r}", owner)
    check(found[-1] == ({"pid": 9}, None, None, {"method": "capture", "shared_pids": [9, 10]}), "shared", found[-1])


def test_ptcpdump():
    whole = [comment("PID: 4242\nCmd: /usr/bin/curl\nArgs: curl https://x/"), comment("ThreadId: 4243\nThreadName: x"),
             comment("UserId: 0"), comment("ParentPID: 4100\nParentCmd: /usr/bin/bash\nParentArgs: -bash"),
             comment("ContainerName: web\nContainerId: " + "ab" * 32)]
    output = replay("-r", file_of((whole, SENT), ([comment("PID: 7\nCmd: /usr/bin/some-long...")], RECEIVED)))
    first, second = of(output, "packet")
    check((first["process"], first["user"], first["container"]) ==
          ({"pid": 4242, "name": "curl", "executable": "/usr/bin/curl"}, {"id": "0"}, {"id": "ab" * 32}),
          "process, user without a name of this host, container", first)
    check(second["process"] == {"pid": 7}, "half a path is none", second["process"])
    opened = of(output, "connection_opened")[0]
    check(opened["process"]["parent"] == {"pid": 4100, "name": "bash", "executable": "/usr/bin/bash"}, "the parent",
          opened["process"])


def test_apple():
    """The place of the block counts, in both byte orders; a packet without one has no owner."""
    processes = ((501, [(2, b"curl"), (3, b"/usr/bin/curl")]), (77, [(2, b"mDNSResponder\0")]), (501, [(2, b"other")]))
    for order in "<>":
        def of_process(number, order=order):
            return [(APPLE_PROCESS, struct.pack(order + "I", number))]
        found = owners("-r", file_of((of_process(0), SENT), (of_process(1), RECEIVED), (of_process(2), SENT),
                                     (of_process(3), SENT), ([], SENT), order=order, before=processes))
        check([owner[0] for owner in found] ==
              [{"pid": 501, "name": "curl", "executable": "/usr/bin/curl"}, {"pid": 77, "name": "mDNSResponder"},
               {"pid": 501, "name": "other"}, None, None], f"{order}: processes by the place of their blocks", found)


def test_pids():
    """The option of the draft; the comment of etl2pcapng, which names what ran: with --guess alone."""
    option = (PROCESS_THREAD, struct.pack("<II", 1234, 5678))
    path = file_of(([option], None), ([(PROCESS_THREAD, bytes(8))], None), ([option, comment("PID=1234 TID=1")], None))
    found = owners("-r", path)
    check(found == [({"pid": 1234}, None, None, CAPTURE), UNKNOWN, UNKNOWN], "a pid, none, and one that ran", found)
    found = owners("-r", path, "--guess")[2]
    check(found == ({"pid": 1234}, None, None, {"method": "guess"}), "one that ran is a guess", found)


def pktap(pid, name, flags):
    head = struct.pack("<III24sIIIIi20s", 156, 1, 12, b"en0", flags, 2, 0, 0, pid, name)
    return head.ljust(156, b"\0") + datagram()


def test_pktap():
    """macOS's header, in a pcap file and in blocks."""
    frames = [pktap(501, b"curl", 2), pktap(77, b"mDNSResponder", 1), pktap(-1, b"", 2)]
    blocks = Blocks()
    blocks.interface(258, "pktap0")
    file = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 258)
    for frame in frames:
        blocks.packet(0, MIDNIGHT * 10**9, frame)
        file += struct.pack("<IIII", MIDNIGHT, 0, len(frame), len(frame)) + frame
    for path in (write("pktap.pcap", file), write("pktap.pcapng", blocks.bytes)):
        found = owners("-r", path)
        check(found == [({"pid": 501, "name": "curl"}, None, None, CAPTURE),
                        ({"pid": 77, "name": "mDNSResponder"}, None, None, CAPTURE), UNKNOWN], path, found)
        packet = of(replay("-r", path), "packet")[0]
        check(packet["observer"]["ingress"]["interface"]["name"] == "en0", "its interface", packet.get("observer"))


def test_connections():
    """A connection has the owners of its packets; two that no end can be given to are none."""
    def named(pid, flags):
        return ([comment(f"PID: {pid}")], flags)
    output = replay("-r", file_of(([], SENT), named(1, SENT), named(1, SENT), named(2, SENT)))
    found = [(record["event"]["action"], record.get("process", {}).get("pid")) for record in
             (*of(output, "connection_opened"), *of(output, "connection_attributed"), *of(output, "connection_closed"))]
    check(found == [("connection_opened", None), ("connection_attributed", 1), ("connection_attributed", 2),
                    ("connection_closed", 2)], "known later, and then another", found)
    output = replay("-r", file_of(named(1, None), named(2, None), named(1, None)))
    closed = of(output, "connection_closed")[0]
    check("process" not in closed and closed["sockline"]["attribution"]["reason"] == "ambiguous",
          "two processes, and no direction", closed["sockline"]["attribution"])
    check([record["process"]["pid"] for record in of(output, "packet")] == [1, 2, 1], "each packet has its own")


def test_namespaces():
    """One tuple in two network namespaces is two connections; a number that cannot be is none."""
    blocks = Blocks()
    texts = ((3, b"netns=4026531840"), (1, b"ifIndex: 1, netNsInode: 4026531999, netNsName: x"), (3, b"netns=4294967296"),
             (3, b"of netns=7"))
    for number, option in enumerate(texts):
        blocks.block(1, struct.pack("<HHI", 101, 0, 0), (9, b"\x09"), (2, b"lo"), option)
        blocks.packet(number, MIDNIGHT * 10**9 + number, datagram(), comment(f"PID: {number + 1}"), flags=SENT)
    output = replay("-r", write("namespaces.pcapng", blocks.bytes))
    is_valid(output, "namespaces")
    found = [packet["sockline"]["packet"].get("netns") for packet in of(output, "packet")]
    check(found == ["4026531840", "4026531999", None, None], "the namespace of each packet", found)
    found = [(opened["process"]["pid"], opened["sockline"].get("socket", {}).get("netns"))
             for opened in of(output, "connection_opened")]
    check(found == [(1, "4026531840"), (2, "4026531999"), (3, None)], "connections of their own", found)


def test_selection():
    """Owners that the file names are chosen as those of a live run."""
    container = "ContainerId: " + "ab" * 32
    path = file_of(([comment(f"PID: 1\nCmd: /usr/bin/curl\n{container}")], SENT),
                   ([comment("PID: 2\nUserId: 1000")], None), ([], SENT))
    for arguments, pids in ((("--pid", "2"), [2]), (("--process", "curl"), [1]), (("--process", "/usr/bin/curl"), [1]),
                            (("--container", "ab" * 6), [1]), (("--user", "1000"), [2]), (("--user", "0"), [])):
        found = [owner[0]["pid"] for owner in owners("-r", path, *arguments)]
        check(found == pids, f"{' '.join(arguments)}", found)


def test_no_process_of_this_host():
    """The pid of a process that is there, and nothing that is known of it."""
    pid = os.getpid()
    found = owners("-r", file_of(([comment(f"PID: {pid}")], SENT)))
    check(found == [({"pid": pid}, None, None, CAPTURE)], "the pid alone", found)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
