#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Packets of pcapng files beside those of tshark: number, time, interface, link type.

The files are made here, of all that the format has for packets. SOCKLINE_CORPUS names a folder of other files,
which are read too: of these, what tshark reads to the end, and what gzip, zstd and lz4 make of it.
"""

import datetime
import decimal
import json
import os
import shutil
import struct
import subprocess
import sys

from test_replay import SOCKLINE, any_file, check, run_all, write
from test_replay_files import COMPRESS, MIDNIGHT, Blocks, datagram

MAGIC = b"\x0a\x0d\x0d\x0a"
FIELDS = ("frame.number", "frame.time_epoch", "frame.interface_id", "frame.interface_name", "frame.encap_type")
ETHERNET = bytes.fromhex("020000000002 020000000001 0800")
COPY = "copy.pcapng"


def tshark(path):
    """FIELDS of each packet; None where tshark does not read the file to its end."""
    result = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", *(word for field in FIELDS for word in ("-e", field))],
                            capture_output=True, check=False)
    lines = result.stdout.decode(errors="replace").split("\n")[:-1]
    return [line.split("\t") for line in lines] if result.returncode == 0 else None


def sockline(path):
    """Status, output, and the packets' records. The packets are written to COPY as well."""
    if os.path.exists(COPY):
        os.remove(COPY)
    result = subprocess.run([SOCKLINE, "-q", "-r", path, "-e", "packet", "-w", COPY], capture_output=True, check=False,
                            timeout=60)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    return result.returncode, result.stdout, [record for record in records if record["event"]["action"] == "packet"]


def nanoseconds(record):
    text = record["@timestamp"]
    seconds = datetime.datetime.fromisoformat(text[:19] + "+00:00").timestamp()
    return int(seconds) * 10**9 + int(text[20:29])


def differs(record, fields):
    """Which of FIELDS but the last. tshark knows no time of a simple packet."""
    interface = record.get("observer", {}).get("ingress", {}).get("interface", {})
    number, time, index, name = fields[:4]
    found = {
        "number": record["sockline"]["packet"]["number"] != int(number),
        "time": time and nanoseconds(record) != int(decimal.Decimal(time) * 10**9),
        # One interface that has no name is not named.
        "interface": interface and interface["id"] != index,
        "name": interface.get("name", "unknown") != name,
    }
    return [what for what, wrong in found.items() if wrong]


def differences(path, expected):
    """What sockline reads otherwise than tshark; and its output."""
    status, output, records = sockline(path)
    found = [f"status {status}"] if status else []
    if len(records) != len(expected):
        found.append(f"{len(records)} packets, not {len(expected)}")
    for record, fields in zip(records, expected):
        wrong = differs(record, fields)
        if wrong:
            found.append(f"{' '.join(wrong)}: {fields} {record}")
    if expected and [fields[-1] for fields in tshark(COPY) or ()] != [fields[-1] for fields in expected]:
        found.append("link types")
    return found, output


def repacked(path, output):
    """The forms of the file that do not give the same output."""
    found = []
    for command in COMPRESS:
        packed = subprocess.run([*command, path], stdout=subprocess.PIPE, check=True).stdout
        shutil.copystat(path, write("packed", packed))  # the time of a first packet that has none
        if any_file(sockline("packed")[1]) != any_file(output):
            found.append(command[0])
    return found


def mixed(order, other):
    """Two sections in two byte orders, with blocks between packets that are of none."""
    blocks = Blocks(order)
    blocks.interface(1, "eth0", snaplen=96)
    blocks.interface(101, "tun0", resolution=6)
    blocks.packet(0, MIDNIGHT * 10**9 + 1, ETHERNET + datagram(5001), (1, b"a comment"), (1, b"and another"))
    blocks.packet(1, MIDNIGHT * 10**6 + 2, datagram(5002), flags=1)
    blocks.block(4, struct.pack(order + "HH", 0, 0))  # names of addresses: none
    blocks.interface(113, "any", resolution=0x80 | 20)  # in the middle of the file
    blocks.packet(2, MIDNIGHT << 20 | 3 << 18, struct.pack(">HHH8sH", 0, 1, 0, bytes(8), 0x800) + datagram(5003))
    blocks.block(5, struct.pack(order + "IQ", 0, 0), (4, struct.pack(order + "Q", 17)))
    blocks.section(other)
    # Wireshark 4.0.17 has the names of the first section for the same places in the second.
    blocks.interface(228, "eth0", resolution=3)
    blocks.packet(0, MIDNIGHT * 10**3 + 4, datagram(5004))
    blocks.simple(datagram(5005))
    blocks.interface(0, "tun0", resolution=0)
    blocks.packet(1, MIDNIGHT + 5, struct.pack("<I", 2) + datagram(5006))
    return blocks.bytes


def check_file(path, title):
    found, output = differences(path, tshark(path))
    check(not found, f"{title}: as tshark reads it", "\n".join(found[:5]))
    found = repacked(path, output)
    check(not found, f"{title}: the same when it is compressed", found)


def test_made():
    if not shutil.which("tshark"):
        return
    check_file(write("little.pcapng", mixed("<", ">")), "little endian first")
    check_file(write("big.pcapng", mixed(">", "<")), "big endian first")


def test_corpus():
    folder = os.environ.get("SOCKLINE_CORPUS")
    if not folder or not shutil.which("tshark"):
        return
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            begins = file.read(len(MAGIC))
        if begins == MAGIC and tshark(path) is not None:
            check_file(path, name)


if __name__ == "__main__":
    sys.exit(run_all(globals()))
