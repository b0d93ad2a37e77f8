#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# In a pcapng file of several sections tshark names the interface of another section than the packet's own.
#
# Guess:  interfaces are numbered anew in each section of a pcapng file: frame.interface_id and
#         frame.interface_name of a packet are those of its own section, as its link type and its
#         frame.section_number are.
# Seen:   tshark 4.0.17: the name is looked up in a list of all interfaces of the file by the number that the packet
#         has in its section. The only interface of the second section has the name of the first section's; the
#         second one of the third section has that of the second section's. Link type and section number are
#         right. editcap looks up the link type like that, finds that it is not the packet's, and ends with
#         "internal error". capinfos lists all four names, three times.
# Effect: after `cat a.pcapng b.pcapng' (a valid file of two sections) or a capture that was restarted, packets stand
#         under an interface that did not see them, and such a file cannot be cut or merged.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
shark=4.0.17-0+deb12u3
apt-get -qq download tshark=$shark wireshark-common=$shark libwireshark16=$shark libwireshark-data=$shark \
	libwiretap13=$shark libwsutil14=$shark libbcg729-0 libbrotli1 libc-ares2 libgcrypt20 libglib2.0-0 libgnutls30 \
	libgpg-error0 libk5crypto3 libkrb5-3 liblua5.2-0 liblz4-1 libmaxminddb0 libnghttp2-14 libnl-3-200 \
	libnl-genl-3-200 libnl-route-3-200 libopencore-amrnb0 libopus0 libpcap0.8 libpcre2-8-0 libsbc1 libsmi2ldbl \
	libsnappy1v5 libspandsp2 libspeexdsp1 libssh-gcrypt-4 libtiff6 libxml2 libjbig0 libjpeg62-turbo libwebp7 \
	libdeflate0 liblerc4 libicu72 libdbus-1-3 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
PATH=$work/root/usr/bin:$PATH
python3 - <<'P'
import struct
def block(kind, body):
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
def interface(link_type, name):
    return block(1, struct.pack("<HHIHH8sHH", link_type, 0, 0, 2, len(name), name, 0, 0))
def packet(number):
    return block(6, struct.pack("<IIIII", number, 0, 0, 20, 20) + b"\x45\0\0\x14" + bytes(4) + b"\x40\xfd" + bytes(2) + bytes(8))
section = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
with open("in.pcapng", "wb") as file:
    file.write(section + interface(228, b"one") + packet(0))
    file.write(section + interface(101, b"two") + packet(0))
    file.write(section + interface(101, b"three") + interface(101, b"four") + packet(1))
P
tshark --version 2>/dev/null | head -n 1
shown=$(tshark -n -r in.pcapng -T fields -E separator=' ' -e frame.section_number -e frame.interface_name \
	-e frame.encap_type 2>/dev/null)
listed=$(capinfos in.pcapng | sed -n 's/^ *Name = //p' | tr '\n' ' ')
editcap in.pcapng out.pcapng 2>editcap.err
status=$?
printf 'section, interface, encapsulation of each packet:\n%s\n' "$shown"
echo "capinfos lists: $listed"
echo "editcap, status $status: $(tail -n 1 editcap.err)"
[ "$shown" = '1 one 129
2 one 7
3 two 7' ] && [ "$listed" = 'one two three four one two three four one two three four ' ] && [ $status -ne 0 ] &&
	grep -q 'interface 0 encap 129 != packet encap 7' editcap.err
