#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# ip -j monitor prints no JSON, and does not say so.
#
# Guess:  with -j, ip prints JSON (ip(8): "Output results in JavaScript Object Notation"), monitor an object
#         for each change, or it refuses the two together.
# Seen:   iproute2 6.1.0: ip -j monitor prints the lines for people that it prints without -j, and no
#         warning; ip -j link show prints JSON of the same change.
# Effect: a program that follows changes by JSON lists everything after each line, or asks rtnetlink itself.
# Needs root, Debian 12 (amd64) and Python 3: makes a network namespace of its own.
set -u
work=$(mktemp -d)
a=find-im-$$
trap 'ip netns del $a 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download iproute2=6.1.0-3 2>/dev/null || {
	echo 'the pinned package cannot be had'
	exit 2
}
dpkg -x iproute2_*.deb root
ip netns add "$a" || exit 2
ip netns exec "$a" python3 - "$PWD/root/bin/ip" <<'P'
import json, os, subprocess, sys, time

def changes(*options):
    """The first line that comes of a change."""
    with subprocess.Popen(["stdbuf", "-oL", sys.argv[1], *options, "monitor", "link"], stdout=subprocess.PIPE) as monitor:
        os.set_blocking(monitor.stdout.fileno(), False)
        printed = b""
        for number in range(100):  # until it listens
            subprocess.run([sys.argv[1], "link", "set", "lo", "down" if number % 2 else "up"], check=True)
            time.sleep(0.05)
            printed += monitor.stdout.read() or b""
            if b"\n" in printed:
                break
        monitor.kill()
    return printed.decode().partition("\n")[0]

def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

line = changes("-j")
shown = subprocess.run([sys.argv[1], "-j", "link", "show"], capture_output=True, text=True, check=True).stdout
print(f"ip -j monitor: {line}\nip -j link: {shown[:60]}...")
sys.exit(is_json(line) or not line.startswith("1: lo: <") or not is_json(shown))
P
