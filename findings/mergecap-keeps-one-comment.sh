#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# mergecap keeps the first file's comment, and puts its own in the place of the others'.
#
# Guess:  a capture that is merged of two files has both files' section comments (opt_comment of the Section
#         Header Block), as it has the comments of their packets.
# Seen:   Wireshark 4.0.17: the merged file has one section with the first file's comment, and a second one,
#         "File created by merging:", with the names of the files. The second file's comment is nowhere in
#         it. With the files in the other order it is the other comment that is lost. Comments of packets
#         are all there.
# Effect: what a section's comment says of where a capture is from must be read before files are merged.
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

def block(kind, body):
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)

def write(name):
    """A file of one packet, with a comment of the section and one of the packet."""
    frame = bytes(60)
    with open(name, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) +
                         option(1, f"section of {name}".encode()) + bytes(4)))
        file.write(block(1, struct.pack("<HHI", 1, 0, 65535)))
        file.write(block(6, struct.pack("<IIIII", 0, 0x5f5e1, 0, len(frame), len(frame)) + frame +
                         option(1, f"packet of {name}".encode()) + bytes(4)))

def merged(*names):
    subprocess.run(["mergecap", "-w", "out", *names], check=True)
    with open("out", "rb") as file:
        content = file.read()
    return [f"{kind} of {name}" for kind in ("section", "packet") for name in ("one", "two")
            if f"{kind} of {name}".encode() in content]

write("one")
write("two")
seen = [merged("one", "two"), merged("two", "one")]
print(subprocess.run(["mergecap", "-v"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
print(f"comments of one and two: {seen[0]}\ncomments of two and one: {seen[1]}")
sys.exit(seen != [["section of one", "packet of one", "packet of two"],
                  ["section of two", "packet of one", "packet of two"]])
P
