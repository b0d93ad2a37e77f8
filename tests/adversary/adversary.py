#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What an ordinary user of the host can do against a run of root: `make check-long' runs these, each bounded in
number and time. Meanwhile processes of somebody else make a connection each. Their owner is right, or unknown
with a reason; the memory of the run stays within a bound, and it ends soon. What hides a socket, or gives a
process a false name, makes nobody else its owner. The storm of network namespaces is in test_netns_limits.py.
"""

import os
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from harness import HELPERS, HERE, Namespace, check, comment, path, run, slowdown, until  # noqa: E402

USER, FILE_USER = 54321, 33
PORT, OTHER_PORT = 7951, 7952
OTHERS = 60  # connections, each of a process of its own
MEMORY_KB = 48 << 10  # that a run may grow by: its tables are bounded
LIFE = 20  # seconds after which an attack ends by itself

# Its parts see `libc', `until_told()' and the names of modules; they are of the user.
PREAMBLE = f"""
import array, ctypes, os, resource, select, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
signal.alarm({LIFE})
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.setgroups([])
os.setgid({USER})
os.setuid({USER})
def until_told():
    return not select.select([sys.stdin], [], [], 0)[0]
def inet(kind):
    return socket.socket(socket.AF_INET, kind)
"""

FORKS = """
print("ready", flush=True)
for number in range(4000):
    if not until_told():
        break
    if os.fork() == 0:
        os._exit(0)
    os.wait()
"""

SOCKETS = """
held = []
for number in range(min(most - 50, 20000)):
    held.append(inet(socket.SOCK_DGRAM))
    if number % 2:
        held[-1].bind(("127.0.0.1", 0))
print("ready", flush=True)
sys.stdin.read()
"""

DESCRIPTORS = """
one = inet(socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 0))
for number in range(20):
    if os.fork() == 0:
        for copy in range(min(most - 50, 1000)):
            os.dup(one.fileno())
        signal.pause()
print("ready", flush=True)
sys.stdin.read()
os.killpg(0, signal.SIGKILL)
"""

DATAGRAMS = f"""
one = inet(socket.SOCK_DGRAM)
one.connect(("127.0.0.1", {OTHER_PORT}))
print("ready", flush=True)
while until_told():
    for number in range(200):
        try:
            one.send(b"x")
        except ConnectionRefusedError:
            pass
"""

INTERFACES = """
if libc.unshare(0x50000000) != 0:  # CLONE_NEWUSER | CLONE_NEWNET
    print("cannot", flush=True)
    sys.exit()
print("ready", flush=True)
for turn in range(20):
    for change in ("add dev d%d type dummy", "set dev d%d up", "del dev d%d"):
        child = os.popen("ip -batch - >/dev/null 2>&1", "w")
        child.writelines("link " + change % number + "\\n" for number in range(40))
        child.close()
    if not until_told():
        break
"""

# Each of the others.
OTHER = f"""
import os, socket, sys
for number in range({OTHERS}):
    sys.stdout.flush()
    if os.fork() == 0:
        one = socket.create_connection(("127.0.0.1", {PORT}))
        print(one.getsockname()[1], os.getpid(), flush=True)
        one.sendall(b"x")
        one.recv(1)
        os._exit(0)
    os.wait()
"""

SERVER = f"""
import socket
one = socket.create_server(("127.0.0.1", {PORT}), backlog=1000)
print("ready", flush=True)
while True:
    peer, _ = one.accept()
    peer.recv(1)
    peer.close()
"""


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def attack(host, program):
    process = host.start(sys.executable, "-c", PREAMBLE + program, process_group=0)
    return process, process.line(timeout=20) == "ready"


def judge(sockline, truth):
    """(right, unknown, wrong) of the others' connections."""
    right, unknown, wrong = 0, 0, []
    for record in sockline.find("connection_closed"):
        pid = truth.pop(record["source"]["port"], None)
        if pid is None:
            continue
        found = record.get("process", {}).get("pid")
        reason = record["sockline"]["attribution"].get("reason")
        if found == pid:
            right += 1
        elif found is None and reason:
            unknown += 1
        else:
            wrong.append((pid, found, reason))
    return right, unknown, wrong


def storm(name, program, netns="self"):
    """The others' connections while the user does it."""
    with Namespace() as host:
        server = host.start(sys.executable, "-c", SERVER)
        server.line()
        sockline = host.sockline("-e", "connection,stats", "tcp", "port", str(PORT), netns=netns)
        before = resident_kb(sockline.pid)
        process, works = attack(host, program)
        if not works:
            comment(f"{name}: users may not do it here")
            process.kill()
            return
        others = host.start(sys.executable, "-c", OTHER)
        check(others.finish(timeout=60) == 0, f"{name}: the others come through", others.stderr)
        truth = {int(port): int(pid) for port, pid in (line.split() for line in others.lines)}
        ports = set(truth)
        sockline.wait_for("connection_closed", lambda one: one["source"]["port"] in ports, count=OTHERS, timeout=30)
        grown = resident_kb(sockline.pid) - before
        process.finish(timeout=LIFE + 10)
        began = time.monotonic()
        check(sockline.stop(timeout=20) == 0 and sockline.ended - began < 3 * slowdown(), f"{name}: ends soon",
              (sockline.ended - began, sockline.stderr))
        right, unknown, wrong = judge(sockline, truth)
        check(not wrong and not truth and right + unknown == OTHERS, f"{name}: no owner of others is wrong",
              (right, unknown, wrong, truth))
        check(grown < MEMORY_KB, f"{name}: memory stays within the bound", grown)
        comment(f"{name}: {right} of {OTHERS} named, {unknown} unknown, {grown} KiB more, "
                f"the end took {sockline.ended - began:.2f} s")


def test_forks():
    storm("processes", FORKS)


def test_sockets():
    storm("sockets", SOCKETS)


def test_descriptors():
    storm("descriptors", DESCRIPTORS)


def test_datagrams():
    storm("a flood of datagrams", DATAGRAMS)


def test_interfaces():
    storm("interfaces", INTERFACES, netns=None)


# How a user hides a socket, or who uses it: the connection is made, then come three bytes from the server.
CONNECT = f"""
one = inet(socket.SOCK_STREAM)
one.connect(("127.0.0.1", {PORT}))
def made():
    print(one.getsockname()[1], flush=True)
    sys.stdin.readline()
"""
FORGED_NAME = 'libc.prctl(15, b"sshd")\n' + CONNECT + 'made()\n'
PRIVATE_TABLE = f"""
def work():
    assert libc.unshare(0x400) == 0  # CLONE_FILES
    {CONNECT.strip().replace(chr(10), chr(10) + "    ")}
    made()
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
IN_FLIGHT = CONNECT + """
ends = socket.socketpair()
port = one.getsockname()[1]
socket.send_fds(ends[0], [b"x"], [one.fileno()])
one.close()
print(port, flush=True)
sys.stdin.readline()
"""
SET_USER_ID = CONNECT + """
os.set_inheritable(one.fileno(), True)
print(one.getsockname()[1], flush=True)
os.execv({program!r}, [{program!r}, "unix-none"])
"""

# Answers with a byte a second, to whoever connected.
PUSHER = f"""
import socket, time
one = socket.create_server(("127.0.0.1", {PORT}), backlog=10)
print("ready", flush=True)
peer, _ = one.accept()
for number in range(3):
    time.sleep(0.3)
    peer.sendall(b"x")
print("sent", flush=True)
time.sleep(60)
"""


def hidden(name, program, allowed):
    """The records of the user's connection: allowed(record, pid) holds for each that names a process."""
    for method in ("tracepoints", "sentinel", "lookup"):
        with Namespace() as host:
            server = host.start(sys.executable, "-c", PUSHER)
            server.line()
            sockline = host.sockline("-e", "packet,connection", "--attribution", method, "tcp", "port", str(PORT))
            process = host.start(sys.executable, "-c", PREAMBLE + program)
            port = int(process.line())
            server.line()
            # Its SYN+ACK, and what it pushes.
            sockline.wait_for("packet", lambda one: one["source"]["port"] == PORT, count=4)
            check(sockline.stop() == 0, f"{name}, {method}: ends well", sockline.stderr)
            wrong = [record for record in sockline.find("connection_opened") + sockline.find("connection_closed") +
                     sockline.find("connection_attributed")
                     if record["source"]["port"] == port and "process" in record and
                     not allowed(record, process.pid)]
            check(not wrong, f"{name}, {method}: no other process has it", wrong)


def is_user(record, pid):
    return record["process"]["pid"] == pid and record.get("user", {}).get("id", str(USER)) == str(USER)


def test_forged_name():
    python = os.path.realpath(sys.executable)
    hidden("a name that is another program's", FORGED_NAME, lambda record, pid: is_user(record, pid) and
           record["process"].get("executable", python) == python)


def test_private_table():
    hidden("a thread with descriptors of its own", PRIVATE_TABLE, is_user)


def test_in_flight():
    hidden("a socket in flight", IN_FLIGHT, is_user)


def test_set_user_id():
    program = path("mksock")
    shutil.copy(os.path.join(HELPERS, "mksock"), program)
    os.chown(program, FILE_USER, -1)
    os.chmod(program, 0o4755)
    os.chmod(os.path.dirname(program), 0o755)
    hidden("a set-user-ID program that inherits it", SET_USER_ID.format(program=program), is_user)


run(globals())
