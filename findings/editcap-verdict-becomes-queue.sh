#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# editcap, with no options, writes another pcapng: no drop counts, and verdicts that have become queues.
#
# Guess:  editcap IN OUT, or mergecap of one file, copies what it is not asked to change.
# Seen:   Wireshark 4.0.17: blocks of interface statistics are gone, and with them the only counts of
#         dropped packets; so are options 3 (hash) and 8 (process and thread) of packets.
#         Option 7 (verdict) comes out as option 6 (queue), with 9 bytes where a queue has 4.
#         Comments, flags, packet ids and the packet's own drop count stay.
# Effect: what must survive Wireshark's tools, as the owner of a packet, is best a comment; a capture that
#         passed through one states no losses, which is not the same as none.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
shark=4.0.17-0+deb12u3
apt-get -qq download libpcap0.8=1.10.3-1 wireshark-common=$shark libwiretap13=$shark libwsutil14=$shark \
	libglib2.0-0 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libwiretap.so.*' | head -n 1)")
export LD_LIBRARY_PATH
PATH=$work/root/usr/bin:$PATH
python3 - <<'P'
import struct, subprocess, sys

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6
FIXED = {SECTION: 16, INTERFACE: 8, STATISTICS: 12}

def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)

def block(kind, fixed, options=b""):
    body = fixed + (options + bytes(4) if options else b"")
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

def options_of(kind, body):
    """Option code to the value's length."""
    at = 20 + -(-struct.unpack_from("<I", body, 12)[0] // 4) * 4 if kind == PACKET else FIXED[kind]
    found = {}
    while at + 4 <= len(body):
        code, length = struct.unpack_from("<HH", body, at)
        if code == 0:
            break
        found[code] = length
        at += 4 + -(-length // 4) * 4
    return found

def contents(name):
    with open(name, "rb") as file:
        data = file.read()
    at, found = 0, {}
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind != SECTION:
            found[kind] = options_of(kind, data[at + 8:at + length - 4])
        at += length
    return found

time = struct.pack("<II", 1700000000000000 >> 32, 1700000000000000 & 0xffffffff)
options = (option(1, b"comment") + option(2, struct.pack("<I", 1)) + option(3, b"\2\1\2\3\4") +
           option(4, struct.pack("<Q", 5)) + option(5, struct.pack("<Q", 99)) +
           option(7, b"\2" + struct.pack("<Q", 2)) + option(8, struct.pack("<II", 1234, 1235)))
with open("in.pcapng", "wb") as file:
    file.write(block(SECTION, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
    file.write(block(INTERFACE, struct.pack("<HHI", 1, 0, 0), option(2, b"eth0")))
    file.write(block(PACKET, struct.pack("<I", 0) + time + struct.pack("<II", 60, 60) + bytes(60), options))
    file.write(block(STATISTICS, struct.pack("<I", 0) + time, option(4, struct.pack("<Q", 77)) +
                     option(5, struct.pack("<Q", 3))))
print(subprocess.run(["editcap", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
print("in:      ", contents("in.pcapng"))
changed = False
for command in (["editcap", "in.pcapng", "out.pcapng"], ["mergecap", "-w", "out.pcapng", "in.pcapng"]):
    subprocess.run(command, check=True)
    out = contents("out.pcapng")
    print(f"{command[0]}:".ljust(9), out)
    changed = changed or STATISTICS in out or out.get(PACKET) != {1: 7, 2: 4, 4: 8, 5: 8, 6: 9}
sys.exit(changed)
P
