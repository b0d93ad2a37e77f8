# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Sockets of the families that few hosts have, and what ss(8) and sockline say of each."""

import collections
import re

# Programs of the tests.
OURS = ("mksock", "python")
# ss calls them otherwise. It lists UDP-Lite nowhere, and SMC in a program of its own.
FAMILIES = {"tcp": "-t", "udp": "-u", "unix": "-x", "raw": "-w", "packet": "-0", "mptcp": "-M",
            "sctp": "-S", "dccp": "-d", "vsock": "--vsock", "tipc": "--tipc", "xdp": "--xdp"}

# As many of the rare families as there are in the kernel. A listener and a connection, or a socket.
OTHERS = """
made = []
def make(family, kind, protocol, address, connects):
    try:
        made.append(socket.socket(family, kind, protocol))
        if address:
            made[-1].bind(address)
        if connects:
            listener = made[-1]
            listener.listen()
            made.append(socket.socket(family, kind, protocol))
            made[-1].connect(listener.getsockname())
            made.append(listener.accept()[0])
    except OSError:
        pass
loopback = ("127.0.0.1", 0)
make(socket.AF_INET, socket.SOCK_STREAM, 132, loopback, True)  # SCTP
make(socket.AF_INET, socket.SOCK_SEQPACKET, 132, loopback, False)
make(socket.AF_INET, 6, 33, loopback, True)  # DCCP
make(socket.AF_VSOCK, socket.SOCK_STREAM, 0, (1, 7777), True)
make(44, socket.SOCK_RAW, 0, None, False)  # XDP
make(socket.AF_TIPC, socket.SOCK_RDM, 0, None, False)
make(43, socket.SOCK_STREAM, 0, None, False)  # SMC
wait(len(made))
"""


def kind(record):
    return record["sockline"]["socket"]["kind"]


def own(records):
    """Without packet and netlink sockets of sockline, of the kernel, and of others that capture here."""
    return [record for record in records if kind(record) not in ("packet", "netlink") or
            record.get("process", {}).get("name", "").startswith(OURS)]


def ss_lines(place, name):
    """The lines of a family, without those of associations, below their socket's."""
    lines = place.run("ss", FAMILIES[name], "-a", "-H", "-n", "-e", "-p", "-O").splitlines()
    return [line for line in lines if not line.startswith("`-") and
            (name != "packet" or re.search(rf'\(\("({"|".join(OURS)})', line))]


def of_ss(line):
    """Inode and holders of a line of ss_lines. It shows no inode of vsock."""
    inode = re.search(r"\bino:(\d+)", line)
    if not inode and not line.startswith("v_"):
        inode = re.match(r"(?:\S+\s+){5}(\d+)", line)
    return inode.group(1) if inode else "0", tuple(sorted(set(map(int, re.findall(r"pid=(\d+)", line)))))


def of_record(record):
    if record["sockline"]["attribution"]["method"] != "socket":  # that of its listener
        return record["sockline"]["socket"].get("inode", "0"), ()
    shared = record["sockline"]["attribution"].get("shared_pids")
    pids = shared or ([record["process"]["pid"]] if "process" in record else [])
    return record["sockline"]["socket"].get("inode", "0"), tuple(sorted(pids))


def difference(name, records, lines):
    """What one of sockline and ss alone has of a family: (inode, holders)."""
    here = collections.Counter(of_record(record) for record in records if kind(record) == name)
    there = collections.Counter(map(of_ss, lines))
    if all(inode == "0" for inode, _ in there):  # it read /proc/net/raw, or there is no inode to show
        here = collections.Counter(("0", pids) for _, pids in here.elements())
    return [*(here - there), *(there - here)]
