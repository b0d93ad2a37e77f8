#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The unit of contrib/systemd under systemd itself: tests/kernels/service runs this in a virtual machine, where
systemd is process 1 and `make install' has been. What differs from how README says it is installed is that."""

import glob
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, comment, done  # noqa: E402

SLOWDOWN = float(os.environ.get("SLOWDOWN", "1"))
CONTRIB = "/test/systemd"
FILE = "/var/log/sockline/sockline.ndjson"
DROP_INS = "/etc/systemd/system/sockline.service.d"
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
STRANGER = 65534

# A connection of a process of somebody else; prints its pid and the port.
TALK = """
import os, socket, time
server = socket.create_server(("127.0.0.1", 0))
one = socket.create_connection(server.getsockname())
other = server.accept()[0]
one.sendall(b"x")
other.recv(1)
print(os.getpid(), one.getsockname()[1], flush=True)
time.sleep(2)
"""


def output_of(*words):
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout.decode(errors="replace")


def systemctl(*words):
    status, output = output_of("systemctl", "--no-pager", *words)
    if status:
        comment(f"systemctl {' '.join(words)}: {status} {output}")
        comment(output_of("journalctl", "-n", "20", "-o", "cat", "-u", "sockline")[1])
    return status == 0


def show(name):
    return output_of("systemctl", "show", "-P", name, "sockline")[1].strip()


def until(condition, seconds=10):
    """What the condition becomes; what it was last when that takes too long."""
    end = time.monotonic() + seconds * SLOWDOWN
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.1)


def records(name=FILE):
    """The records of a file that may be compressed and still be written to."""
    with open(name, "rb") as file:
        data = file.read()
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        data = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False).stdout
    return [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def actions(name=FILE):
    return [record["event"]["action"] for record in records(name)]


def last_start():
    return [record for record in records() if record["event"]["action"] == "run_started"][-1]


def method():
    start = last_start()["sockline"]
    comment(f"owners by {start['config']['attribution']}; degraded: {start['degraded']}")
    return start


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def drop_in(name, text=None):
    os.makedirs(DROP_INS, exist_ok=True)
    if text is None:
        shutil.copy(os.path.join(CONTRIB, name), DROP_INS)
    else:
        with open(os.path.join(DROP_INS, name), "w", encoding="utf-8") as file:
            file.write(text)
    systemctl("daemon-reload")


def no_drop_ins():
    shutil.rmtree(DROP_INS, ignore_errors=True)
    systemctl("daemon-reload")


def begin():
    """The service, from nothing, with what it has of drop-ins now."""
    systemctl("stop", "sockline")
    for name in glob.glob(FILE + "*"):
        os.unlink(name)
    return systemctl("start", "sockline")


def connection(name=FILE):
    """(pid of a new connection, the record that says who made it or None)."""
    result = subprocess.run(["setpriv", f"--reuid={STRANGER}", "--clear-groups", sys.executable, "-c", TALK],
                            stdout=subprocess.PIPE, check=True)
    pid, port = map(int, result.stdout.split())

    def found():
        return next((record for record in records(name)
                     if record.get("source", {}).get("port") == port and "process" in record), None)
    return pid, until(found)


def named(title, method=None, name=FILE):
    pid, record = connection(name)
    check(record and record["process"]["pid"] == pid and record["user"]["id"] == str(STRANGER) and
          (not method or record["sockline"]["attribution"]["method"] == method), title, (pid, record))


def exposure():
    status, output = output_of("systemd-analyze", "security", "--no-pager", "sockline.service")
    figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", output)
    return float(figure[1]) if status == 0 and figure else output


def test_installed():
    check(output_of("systemd-sysusers")[0] == 0 and pwd.getpwnam("sockline").pw_shell.endswith("nologin"),
          "systemd-sysusers makes the user")
    status, output = output_of("systemd-analyze", "verify", "--man=no", "sockline.service")
    check(status == 0 and not output, "systemd-analyze verify has no complaint", output)


def test_start():
    check(begin(), "it starts, which ends with READY=1")
    took = (int(show("ActiveEnterTimestampMonotonic")) - int(show("ExecMainStartTimestampMonotonic"))) / 1e6
    comment(f"ready in {took:.2f} s, slowed down by up to {SLOWDOWN:g}")
    check(took < 1 * SLOWDOWN, "within a second")
    check((show("ActiveState"), show("SubState"), show("Type")) == ("active", "running", "notify"), "it is active")
    check(until(lambda: show("StatusText")), "it has a status")
    comment("status: " + show("StatusText"))
    folder, file = os.stat(os.path.dirname(FILE)), os.stat(FILE)
    user = pwd.getpwnam("sockline").pw_uid
    check((folder.st_uid, stat.S_IMODE(folder.st_mode), file.st_uid, stat.S_IMODE(file.st_mode)) ==
          (user, 0o750, user, 0o640), "the file and its folder are of its user", (folder, file))
    comment(f"exposure: {exposure()}")


def test_privileges():
    begin()
    main = show("MainPID")
    pids = output_of("ps", "-o", "pid=", "--ppid", main)[1].split()
    allowed = {name.lower() for name in show("CapabilityBoundingSet").split()}
    check(set(last_start()["sockline"]["capabilities"]) <= allowed == set(show("AmbientCapabilities").split()),
          "it says which capabilities of the unit's it keeps", last_start())
    for pid in (main, *pids):
        status = status_of(pid)
        comment(f"{status['Name']}: CapEff {status['CapEff']} CapBnd {status['CapBnd']} CapAmb {status['CapAmb']}")
        check(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and
              status["Uid"].split() == 4 * [str(pwd.getpwnam("sockline").pw_uid)] and
              int(status["CapEff"], 16) & ~int(show_mask(allowed), 16) == 0,
              f"{status['Name']} has no more than the unit gives", status)


def show_mask(names):
    """The names of capabilities as a mask."""
    numbers = {"cap_dac_read_search": 2, "cap_net_raw": 13, "cap_sys_ptrace": 19, "cap_sys_admin": 21, "cap_perfmon": 38}
    return f"{sum(1 << numbers[name] for name in names):x}"


def test_owners():
    """On Debian perf events want CAP_SYS_ADMIN, until sockline.sysctl changes it."""
    with open(PARANOID, encoding="ascii") as file:
        paranoid = int(file.read())
    comment(f"kernel.perf_event_paranoid is {paranoid}")
    begin()
    start = method()
    named("without the sysctl it names the process of another user")
    if paranoid > 2:
        check(start["config"]["attribution"] == "sentinel" and
              not any("in a network namespace are looked up" in one for one in start["degraded"]),
              "it says that it has the sentinel in place of tracepoints", start)
        drop_in("cap-sys-admin.conf")
        check(begin(), "it starts with cap-sys-admin.conf")
        check(method()["config"]["attribution"] == "tracepoints", "which gives tracepoints")
        named("with cap-sys-admin.conf it names the process")
        comment(f"exposure with cap-sys-admin.conf: {exposure()}")
        no_drop_ins()
    check(output_of("sysctl", "-p", os.path.join(CONTRIB, "sockline.sysctl"))[0] == 0, "sockline.sysctl is taken")
    begin()
    start = method()
    check(start["config"]["attribution"] == "tracepoints", "sockline.sysctl gives tracepoints", start)
    named("with sockline.sysctl it names the process", "tracepoint")


def test_reload():
    begin()
    os.rename(FILE, FILE + ".old")
    check(systemctl("reload", "sockline"), "it reloads")
    check(until(lambda: os.path.exists(FILE)) and until(lambda: "output_opened" in actions()),
          "the file is opened again", glob.glob(FILE + "*"))
    check(records()[0]["event"]["action"] == "output_opened" and "run_started" in actions(FILE + ".old"),
          "and begins with output_opened", (actions(), actions(FILE + ".old")))
    named("what comes next is in the new file")


def test_logrotate():
    begin()
    connection()
    status, output = output_of("logrotate", "-f", "/etc/logrotate.d/sockline")
    check(status == 0 and not output, "logrotate has no complaint", output)
    check(until(lambda: os.path.exists(FILE) and actions()[:1] == ["output_opened"]), "a file begins",
          glob.glob(FILE + "*"))
    connection()
    status, output = output_of("logrotate", "-f", "/etc/logrotate.d/sockline")
    check(status == 0 and sorted(glob.glob(FILE + ".*")) == [FILE + ".1", FILE + ".2.gz"],
          "the one before it is compressed the next time", (output, glob.glob(FILE + "*")))


def test_stop():
    begin()
    connection()
    check(systemctl("stop", "sockline"), "it stops")
    took = (int(show("InactiveEnterTimestampMonotonic")) - int(show("ActiveExitTimestampMonotonic"))) / 1e6
    comment(f"stopped in {took:.2f} s")
    check(took < 1 * SLOWDOWN and show("Result") == "success" and show("ExecMainStatus") == "0", "within a second",
          (took, show("Result")))
    check(actions()[-1] == "run_stopped", "and says so", actions()[-1])
    check(systemctl("start", "sockline") and systemctl("restart", "sockline"), "it starts and restarts")
    check(actions().count("run_stopped") == 2 and actions().count("run_started") == 3, "in the same file", actions())


def test_watchdog():
    drop_in("watchdog.conf", "[Service]\nWatchdogSec=20\nRestartSec=0\n")
    begin()
    first = show("WatchdogTimestampMonotonic")
    check(until(lambda: show("WatchdogTimestampMonotonic") != first, 20), "it feeds the watchdog")
    time.sleep(25)
    check(show("NRestarts") == "0" and show("ActiveState") == "active", "which leaves it alone")
    before = show("MainPID")
    os.kill(int(before), 19)
    check(until(lambda: show("MainPID") not in (before, "0") and show("ActiveState") == "active", 60),
          "one that hangs is killed and starts anew", show("Result"))
    no_drop_ins()


def test_killed():
    begin()
    connection()
    before = show("MainPID")
    os.kill(int(before), 9)
    check(until(lambda: show("MainPID") not in (before, "0") and show("ActiveState") == "active", 30),
          "it starts again after kill -9")
    named("and goes on")


def test_siem():
    drop_in("siem.conf")
    check(begin(), "it starts with siem.conf")
    name = FILE + ".zst"
    connected = subprocess.run([sys.executable, "-c", TALK], stdout=subprocess.PIPE, check=True).stdout.split()
    check(systemctl("stop", "sockline"), "it stops")
    found = [record for record in records(name) if record["event"]["action"] == "connection_closed" and
             record["source"]["port"] == int(connected[1])]
    check(len(found) == 1 and found[0]["process"]["pid"] == int(connected[0]), "the connection is in the file", found)
    allowed = {"run_started", "run_stopped", "connection_closed", "connection_attributed", "capture_stats", "output_opened"}
    check(set(actions(name)) <= allowed, "nothing else is", set(actions(name)))
    no_drop_ins()


def main():
    comment(f"Linux {os.uname().release}, {output_of('systemctl', '--version')[1].splitlines()[0]}")
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            try:
                function()
            except Exception as failure:  # pylint: disable=broad-exception-caught # the others are run too
                check(False, f"{name}: {failure!r}")
    comment("what it wrote to the journal:")
    comment(output_of("journalctl", "-o", "cat", "-u", "sockline")[1])
    return done()


sys.exit(main())
