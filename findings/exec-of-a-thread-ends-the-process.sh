#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# A process one of whose threads calls execve(2) is reported to have ended, and then runs on.
#
# Guess:  when another thread than the first calls execve(2), the end of each other thread is reported,
#         and then the exec. An exit with pid = tgid is the end of a process.
# Seen:   Linux 6.18: the proc connector reports an exit with process_pid = process_tgid, code 0 and the
#         signal SIGCHLD, which is what a true end looks like, then the exec of the same pid. The thread
#         that called execve(2) takes over the pid of the first (fs/exec.c, de_thread()), so that
#         nothing ever reports the end of its own id. sched_process_exit has the same; only its
#         group_dead, since Linux 6.16, tells the two apart.
# Effect: whoever forgets a process at that exit has no owner for what the new program sends.
# Needs root, the first pid namespace, and Python 3.
set -u
exec python3 - <<'P'
import os, socket, struct, subprocess, sys

NETLINK_CONNECTOR, CN_IDX_PROC, PROC_CN_MCAST_LISTEN, SO_RCVBUFFORCE = 11, 1, 1, 33
EXEC, EXIT = 0x2, 0x80000000
PROGRAM = """
import os, threading, time
def run():
    print(threading.get_native_id(), flush=True)
    os.execv("/bin/sleep", ["sleep", "0.3"])
threading.Thread(target=run).start()
time.sleep(10)
"""

events = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
events.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
events.bind((0, CN_IDX_PROC))
body = struct.pack("=IIIIHHI", CN_IDX_PROC, 1, 0, 0, 4, 0, PROC_CN_MCAST_LISTEN)
events.send(struct.pack("=IHHII", 16 + len(body), 3, 0, 0, 0) + body)
events.settimeout(1)
process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
thread = int(process.stdout.readline())
process.wait()
seen = []
try:
    while len(seen) < 4:
        message = events.recv(4096)
        what, = struct.unpack_from("=I", message, 36)
        pid, tgid, code, signal = struct.unpack_from("=IIII", message, 52)
        if what in (EXEC, EXIT) and tgid == process.pid:
            name = "exec" if what == EXEC else f"exit {code} {signal}"
            seen.append(name if pid == tgid else name + (" of the thread" if pid == thread else " of another"))
except TimeoutError:
    pass
print(f"Linux {os.uname().release}: of pid {process.pid}: {seen}")
sys.exit(seen != ["exec", "exit 0 17", "exec", "exit 0 17"])
P
