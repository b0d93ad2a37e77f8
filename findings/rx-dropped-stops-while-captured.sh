#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# Frames that no protocol takes are counted as dropped, but not while somebody captures.
#
# Guess:  a capture is a copy beside the way of a packet and changes no counter: rx_dropped of an interface
#         counts the frames that nothing on the host took, with a capture and without.
# Seen:   Linux 6.18: ten frames of EtherType 0x88b5 add 10 to rx_dropped. While a packet socket for all
#         protocols is open, of that interface or of all of them, they add nothing: its copy counts as a
#         taker (net/core/dev.c, __netif_receive_skb_core()). One that is bound to another interface
#         does not matter.
# Effect: who looks for the cause of drops with a capture sees them end; an alarm on rx_dropped is silent
#         while any program captures, and goes off when that ends.
# Needs root and Python 3: makes two network namespaces of its own.
set -u
a=find-ra-$$ b=find-rb-$$
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null' EXIT
ip netns add "$a" && ip netns add "$b" && ip -n "$a" link add eth0 type veth peer name eth0 netns "$b" || exit 2
for netns in "$a" "$b"; do
	ip netns exec "$netns" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
	ip -n "$netns" link set eth0 up || exit 2
done
python3 - "$a" "$b" <<'P'
import ctypes, os, socket, sys, time

def enter(name):
    with open(f"/run/netns/{name}", "rb") as file:
        if ctypes.CDLL(None).setns(file.fileno(), 0x40000000) != 0:  # CLONE_NEWNET
            sys.exit(2)

def capture(device=None):
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
    if device:
        tap.bind((device, 3))
    return tap

def dropped():
    with open("/proc/thread-self/net/dev", encoding="ascii") as file:
        return next(int(line.split(":")[1].split()[3]) for line in file if "eth0:" in line)

def captured():
    with open("/proc/thread-self/net/packet", encoding="ascii") as file:
        return len(file.readlines()) > 1

def added():
    before = dropped()
    for _ in range(10):
        sender.send(b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x88\xb5" + bytes(50))
    time.sleep(0.3)
    return dropped() - before

enter(sys.argv[1])
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("eth0", 0))
enter(sys.argv[2])
until = time.monotonic() + 30
while captured() and time.monotonic() < until:
    time.sleep(0.1)
seen = {"none": added()}
for name, device in (("all", None), ("eth0", "eth0"), ("lo", "lo")):
    with capture(device):
        seen[name] = added()
seen["none any more"] = added()
if captured():
    print("another program captures in this namespace")
    sys.exit(2)
print(f"Linux {os.uname().release}: added to rx_dropped, by what is captured: {seen}")
sys.exit(seen != {"none": 10, "all": 0, "eth0": 0, "lo": 10, "none any more": 10})
P
