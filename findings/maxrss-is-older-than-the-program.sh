#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# The peak memory that wait4(2) reports of a program is that of the process before its exec.
#
# Guess:  ru_maxrss of true(1) is the 1 to 2 MiB that true needs, whatever started it: exec gives a process
#         new memory, and VmHWM in /proc/PID/status begins anew there.
# Seen:   Linux 6.18: started by a program that has 300 MiB resident, true(1) has an ru_maxrss of 300 MiB,
#         by fork(2) as by posix_spawn(3), which shares the memory until the exec. Through a shell that
#         forks once more it is what true needs. exec_mmap() in fs/exec.c enters the old memory's peak
#         into the process before it leaves that memory.
# Effect: a benchmark in Python or a test runner in Java measures itself: each program that is smaller has
#         the same peak, and its growth stays unseen.
# Needs Python 3 and coreutils.
set -u
exec python3 - <<'P'
import os, platform, sys

held = bytearray(300 << 20)
for at in range(0, len(held), 4096):
    held[at] = 1

def peak(start):
    _, status, usage = os.wait4(start(), 0)
    assert status == 0
    return usage.ru_maxrss / 1024

def fork():
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/true", ["true"])
    return pid

def spawn():
    return os.posix_spawn("/bin/true", ["true"], {})

# A small Python in a process that a shell makes: what it starts had only that one before.
def peak_through_shell():
    read, write = os.pipe()
    code = ("import os; print(os.wait4(os.posix_spawn('/bin/true', ['true'], {}), 0)[2].ru_maxrss)")
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        os.execv("/bin/sh", ["sh", "-c", '"$0" -c "$1"; :', sys.executable, code])
    os.close(write)
    peak = int(os.read(read, 100)) / 1024
    os.waitpid(pid, 0)
    return peak

forked, spawned, apart = peak(fork), peak(spawn), peak_through_shell()
print(f"Linux {platform.release()}: true(1), MiB: after fork {forked:.0f}, after posix_spawn {spawned:.0f}, "
      f"started by a smaller process {apart:.0f}")
sys.exit(not (forked > 290 and spawned > 290 and apart < 60))
P
