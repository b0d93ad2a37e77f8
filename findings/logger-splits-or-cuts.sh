#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# logger makes several messages of a long line of its input, and a cut one of the same line as an argument.
#
# Guess:  --size is the "maximum permitted message size" (logger(1), 1 KiB): what is longer is cut, wherever
#         it comes from.
# Seen:   util-linux 2.38.1: of a line of 3000 bytes on standard input come three messages (1024, 1024 and
#         952 bytes), each with a header of its own; as one argument it is one message of 1024, and 1976
#         bytes are lost; as 700 short arguments it is four messages, broken between words. The exit status
#         is 0 each time.
# Effect: NDJSON with records beyond 1 KiB that is piped into logger is no JSON in the log, with no word of
#         it: --size 64KiB is needed.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download bsdutils=1:2.38.1-5+deb12u3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x bsdutils_*.deb root
root/usr/bin/logger --version
python3 - root/usr/bin/logger <<'P'
import socket, subprocess, sys

log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("log")

def messages(*arguments, text=""):
    """Bytes of each message without its header."""
    subprocess.run([sys.argv[1], "--socket", "log", "--tag", "t", *arguments], input=text, text=True, check=True)
    log.setblocking(False)
    sizes = []
    try:
        while True:
            sizes.append(len(log.recv(65536).partition(b" t: ")[2]))
    except BlockingIOError:
        return sizes

line = "x" * 3000
seen = [messages(text=line + "\n"), messages(line), messages(*["word"] * 700),
        messages("--size", "4KiB", text=line + "\n")]
for case, sizes in zip(("standard input", "one argument", "700 arguments", "standard input, 4 KiB"), seen):
    print(f"{case}: {sizes}")
sys.exit(seen[:2] + seen[3:] != [[1024, 1024, 952], [1024], [3000]] or len(seen[2]) != 4)
P
