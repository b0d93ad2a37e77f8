#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The socket that a program had in io_uring is closed by a kernel thread, after the program has gone.
#
# Guess:  when a process exits, the kernel closes its files in that process: what traces sock:inet_sock_set_state
#         sees its pid with the step to FIN_WAIT1, and the FIN is sent before its parent's wait(2) returns.
# Seen:   Linux 6.18: of a socket that is a registered file of a ring (io_uring_register(2)) the step is one of
#         "kworker/1:1", 30 to 50 ms after the process was waited for; without the ring it is the process' own,
#         and comes before. The ring keeps the file, and is taken apart by a work queue.
# Effect: whatever names who closes a connection names a kernel thread, and a connection outlives its process.
# Needs root and Python 3: makes a network namespace and an instance of tracefs of its own.
set -u
exec python3 - <<'P'
import ctypes, os, re, socket, sys, time

libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x40000000 | 0x20000) == 0  # CLONE_NEWNET | CLONE_NEWNS
os.system("ip link set lo up; mount --make-rprivate /")
if not os.path.exists("/sys/kernel/tracing/instances"):
    os.system("mount -t tracefs none /sys/kernel/tracing")
trace = f"/sys/kernel/tracing/instances/ring-{os.getpid()}"
os.mkdir(trace)
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]

def write(name, text):
    with open(f"{trace}/{name}", "w") as file:
        file.write(text)

def closed_by(with_ring):
    """Who closes a client that has exited, and how many ms after that."""
    write("trace", "")
    child = os.fork()
    if not child:
        client = socket.create_connection(server.getsockname())
        if with_ring:
            ring = libc.syscall(425, 4, ctypes.create_string_buffer(120))  # io_uring_setup
            fd = (ctypes.c_int * 1)(client.fileno())
            if ring < 0 or libc.syscall(427, ring, 2, ctypes.byref(fd), 1) != 0:  # io_uring_register, of files
                os._exit(2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "no io_uring"
    ended = time.monotonic()
    accepted = server.accept()[0]
    accepted.recv(1)  # until the FIN
    late = (time.monotonic() - ended) * 1000
    accepted.close()
    time.sleep(0.3)
    with open(trace + "/trace") as file:
        line = next(one for one in file if "newstate=TCP_FIN_WAIT1" in one and f"dport={port} " in one)
    name, pid = re.match(r"\s*(\S+)-(\d+)\s", line).groups()
    return ("itself" if int(pid) == child else name), late

try:
    write("trace_clock", "mono")
    write("events/sock/inet_sock_set_state/enable", "1")
    for with_ring in (False, True):
        who, late = closed_by(with_ring)
        print(f"Linux {os.uname().release}: with{'' if with_ring else 'out'} a ring closed by {who}, {late:.0f} ms late")
        if who.startswith("kworker/") != with_ring:
            sys.exit(1)
finally:
    write("events/sock/inet_sock_set_state/enable", "0")
    os.rmdir(trace)
P
