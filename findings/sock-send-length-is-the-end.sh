#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# sock:sock_send_length is reported when a send is over, which may be seconds after its packets.
#
# Guess:  the event of a send comes before the packets of it, as that of a state or of a route does; or
#         there is one for each part that leaves.
# Seen:   Linux 6.18: one send(2) of 8 MB to an end that reads nothing for a second has one event, with
#         all 8,000,000 bytes, more than a second after the other end could read its first bytes. One that
#         a signal ends has its event at that moment, with the bytes that were taken (net/socket.c,
#         sock_sendmsg_nosec: the event follows the protocol's sendmsg).
# Effect: where several processes have a socket, the sender of a packet is not known by the events of
#         before it; the lengths, summed up, show later which bytes of the stream were whose.
# Needs root, tracefs, Linux 6.3 or later and Python 3: makes a tracing instance and a network namespace.
set -u
name=find-ssl-$$
tracing=/sys/kernel/tracing
[ -d $tracing/instances ] || mount -t tracefs none $tracing || exit 2
instance=$tracing/instances/$name
trap 'echo 0 >$instance/events/sock/sock_send_length/enable; ip netns del $name 2>/dev/null; rmdir $instance' EXIT
mkdir $instance && ip netns add $name && ip -n $name link set lo up || exit 2
echo mono >$instance/trace_clock
echo 1 >$instance/events/sock/sock_send_length/enable || exit 2
nsenter --net=/run/netns/$name python3 - $instance/trace <<'P'
import os, re, signal, socket, sys, time

SIZE = 8_000_000

def events(pid):
    """(time, length) of each event of the process."""
    with open(sys.argv[1]) as file:
        lines = [line for line in file if re.search(rf"-{pid} +\[", line)]
    return [(float(re.search(r" (\d+\.\d+): sock_send", line)[1]), int(re.search(r"length = (\d+)", line)[1]))
            for line in lines]

def send(ended):
    """A child sends; returns when the first bytes could be read, and the events of the child."""
    server = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(server.getsockname())
    child = os.fork()
    if child == 0:
        signal.alarm(ended)
        server.accept()[0].sendall(b"x" * SIZE)
        os._exit(0)
    ours.recv(1, socket.MSG_PEEK)
    began = time.monotonic()
    if not ended:
        time.sleep(1)
        left = SIZE
        while left:
            left -= len(ours.recv(1_000_000))
    os.waitpid(child, 0)
    return began, events(child)

began, whole = send(0)
print(f"Linux {os.uname().release}: {[length for _, length in whole]} bytes,",
      f"{whole[0][0] - began:.1f} s after the first could be read")
after, ended = send(1)
print(f"ended by a signal: {[length for _, length in ended]} bytes, {ended[0][0] - after:.1f} s after")
sys.exit(not ([length for _, length in whole] == [SIZE] and whole[0][0] - began > 0.9 and
              len(ended) == 1 and 0 < ended[0][1] < SIZE and ended[0][0] > after))
P
