#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""With fewer privileges sockline does less, and says so (P20): in run_started and on stderr, by the
name of the capability; and nothing is wrong because of it."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time

from harness import HERE, SOCKLINE, Namespace, check, path, run, skip
from mksock import Mksock, source_end

USER = str(60000 + os.getpid() % 5000)  # nobody's: a limit of processes counts those of other tests, too
NOBODY = ("setpriv", "--reuid", USER, "--regid", USER, "--clear-groups")
# Words of errors that a missing capability causes.
REFUSALS = ("not permitted", "permission", "denied", "EPERM", "EACCES")


# What it needs at the start or later, but for CAP_NET_RAW.
NEEDED = ("cap_dac_read_search", "cap_net_admin", "cap_ipc_lock", "cap_sys_ptrace", "cap_sys_admin",
          "cap_sys_nice", "cap_perfmon")
# Without it these may go too, and those may stay in its place: tracefs is mounted by CAP_SYS_ADMIN here.
INSTEAD = {"cap_sys_admin": ({"cap_perfmon"}, set()), "cap_perfmon": (set(), {"cap_sys_admin"})}


def without(*names):
    dropped = ",".join("-" + name for name in names)
    return ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}")


def as_anybody():
    """A copy of sockline that every user may run."""
    folder = path("bin")
    if not os.path.exists(folder):
        os.mkdir(folder)
        shutil.copy(SOCKLINE, folder)
        for name in (os.path.dirname(folder), folder, os.path.join(folder, "sockline")):
            os.chmod(name, 0o755)
    return os.path.join(folder, "sockline")


def check_texts(title, texts):
    """Each refusal names what is missing."""
    for text in texts:
        if any(word.lower() in text.lower() for word in REFUSALS):
            check("cap_" in text.lower(), f"{title}: a refusal names the capability", text)


def begun(host, title, via, *options):
    """run_started of a run that succeeds with that little, and its stderr."""
    sockline = host.sockline("-i", "lo", "-e", "connection", *options, via=via)
    started = sockline.find("run_started")[0]["sockline"]
    check(sockline.stop() == 0, f"{title}: runs and ends well", sockline.stderr)
    check_texts(title, started["degraded"])
    lines = sockline.stderr.splitlines()
    check(all(f"sockline: {text}" in lines for text in started["degraded"]),
          f"{title}: what is degraded stands on stderr, too", f"{started['degraded']}\n{sockline.stderr}")
    return started, sockline.stderr


def refused(host, title, via, *options, wanted, program=SOCKLINE):
    """A run that cannot do what it is asked for."""
    result = subprocess.run([*host.prefix, *via, program, "--netns", "self", *options],
                            capture_output=True, text=True, check=False, timeout=20)
    last = result.stderr.splitlines()[-1:] or [""]
    check(result.returncode == 1 and result.stdout == "" and wanted in last[0],
          f"{title}: status 1, and a line that names {wanted}", result)
    check_texts(title, result.stderr.splitlines())


def test_each_capability():
    with Namespace() as host:
        started, errors = begun(host, "root", ())
        check("tracepoints" not in started["config"]["attribution"] or started["degraded"] == [],
              "root: nothing is degraded", started["degraded"])
        whole = started["capabilities"]
        for name in NEEDED:
            short = name.removeprefix("cap_")
            started, _ = begun(host, name, without(short))
            gone, instead = INSTEAD.get(name, (set(), set()))
            check(name not in started["capabilities"] and
                  set(whole) - gone - {name} <= set(started["capabilities"]) <= set(whole) | instead,
                  f"{name}: the others are held", started["capabilities"])
            said = any(name in text.lower() for text in started["degraded"])
            # perf events and the proc connector can be had by others, too, or by nobody.
            if name in ("cap_sys_ptrace", "cap_dac_read_search", "cap_sys_admin"):
                check(said, f"{name}: it says what is lost", started["degraded"])


# As RestrictNamespaces= of a systemd unit, which takes away what CAP_SYS_ADMIN would give.
NO_SETNS = (sys.executable, "-c", """
import ctypes, errno, os, sys
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
filter = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(allow)))
number = library.seccomp_syscall_resolve_name(b"setns")
assert library.seccomp_rule_add(filter, ctypes.c_uint32(refuse), number, 0) == 0
assert library.seccomp_load(filter) == 0
os.execvp(sys.argv[1], sys.argv[1:])
""")


def test_setns_refused():
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "-e", "connection", via=NO_SETNS, netns=None)
        started = sockline.find("run_started")[0]["sockline"]
        check("setns(2) is refused: only the own network namespace is seen" in started["degraded"] and
              not any(one["feature"] == "network_namespaces" for one in started["helper_privileges"]),
              "no setns(2): it says so, and keeps no privilege for it", started)
        check(sockline.stop() == 0 and "not captured" not in sockline.stderr, "and tries none", sockline.stderr)
        result = subprocess.run([*host.prefix, *NO_SETNS, SOCKLINE, "--netns", "all"], capture_output=True, text=True,
                                check=False, timeout=60)
        check(result.returncode == 1 and result.stdout == "" and "--netns all: setns(2) is refused" in result.stderr,
              "nor runs where all namespaces are asked for", result)


# Without a mounted tracefs, whatever the host has.
HIDE_TRACEFS = ("unshare", "-m", "sh", "-c",
                'umount -l /sys/kernel/debug/tracing /sys/kernel/tracing /sys/kernel/debug 2>/dev/null; '
                'exec "$@"', "sh")


def alone(*names):
    """As another user, with these capabilities and no more."""
    kept = ",".join(["-all", *("+" + name for name in names)])
    return (*NOBODY, f"--bounding-set={kept}", f"--inh-caps={kept}", f"--ambient-caps={kept}")


# Why a method is in use.
BEST = "the kernel allows it"
SECOND = "tracepoints are not to be had; "
LAST = "neither tracepoints nor the sentinel"
CPU_GROUPS = "/sys/fs/cgroup/cpu"  # of v1, where a new one has no budget for real time


def enter(folder):
    with open(f"{folder}/tasks", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))


@contextlib.contextmanager
def in_cpu_group():
    """What is started meanwhile has no budget for real time. False where that cannot be had."""
    folder = f"{CPU_GROUPS}/sockline-{os.getpid()}"
    with open("/proc/self/cgroup", encoding="ascii") as file:
        own = [line.strip().split(":", 2)[2] for line in file if line.split(":")[1] == "cpu"]
    if not own or not os.path.exists(f"{CPU_GROUPS}/cpu.rt_runtime_us"):
        yield False
        return
    os.mkdir(folder)
    try:
        enter(folder)
        yield True
    finally:
        enter(CPU_GROUPS + own[0])
        os.rmdir(folder)


def next_method(host, program, title, via, method, why, words):
    sockline = host.sockline("-i", "lo", "-e", "connection", via=via, program=program)
    started = sockline.find("run_started")[0]["sockline"]
    check(sockline.stop() == 0, f"{title}: runs and ends well", sockline.stderr)
    check(started["config"]["attribution"] == method and
          started["config"]["attribution_why"].startswith(why), f"{title}: by {method}, {why}",
          started["config"])
    # The proc connector is of the first network namespace alone, which not every case may enter.
    lost = [text for text in started["degraded"]
            if "process events" not in text and "network namespace is seen" not in text]
    check(len(lost) == len(words) and all(any(word in text for text in lost) for word in words),
          f"{title}: a text for each thing that is lost", lost)
    lines = sockline.stderr.splitlines()
    check(all(lines.count(f"sockline: {text}") == 1 for text in started["degraded"]),
          f"{title}: and a line for each text", lines)


def perf_event_paranoid():
    """Above 2, on Debian and Ubuntu, perf events are for CAP_SYS_ADMIN alone."""
    with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as file:
        return int(file.read())


def test_next_method():
    """Tracepoints, else the sentinel, else lookup; what is lacking costs a line each and no more."""
    # Via what, which method is then in use and why, and a word for each thing that is lost.
    cases = [
        ("tracefs is mounted nowhere", HIDE_TRACEFS, "tracepoints", BEST, ()),
        ("no tracefs", (*HIDE_TRACEFS, *without("sys_admin")), "sentinel", SECOND + "SCHED_FIFO",
         ("tracefs" if perf_event_paranoid() <= 2 else "kernel.perf_event_paranoid",)),
        ("no perf events", without("perfmon", "sys_admin"), "sentinel", SECOND + "SCHED_FIFO",
         ("CAP_PERFMON",)),
        ("no urgency", without("perfmon", "sys_admin", "sys_nice"), "sentinel", SECOND + "ordinary",
         ("CAP_PERFMON", "cap_sys_nice")),
        ("no process events", without("perfmon", "sys_admin", "net_admin"), "sentinel", SECOND,
         ("CAP_PERFMON",)),
        ("no look at others", without("perfmon", "sys_admin", "sys_ptrace"), "sentinel", SECOND,
         ("CAP_PERFMON", "cap_sys_ptrace")),
        ("packets alone", alone("net_raw"), "sentinel", SECOND,
         ("CAP_PERFMON", "cap_sys_ptrace", "cap_sys_nice")),
        ("not one thread", ("prlimit", "--nproc=1", *alone("net_raw")), "lookup", LAST,
         ("CAP_PERFMON", "sentinel: ", "cap_sys_ptrace")),
        ("tracefs for root", alone("net_raw", "perfmon", "sys_admin"), "sentinel", SECOND,
         ("CAP_DAC_READ_SEARCH", "cap_sys_ptrace", "cap_sys_nice")),
        ("no locked memory",
         ("prlimit", "--memlock=0", *alone("net_raw", "perfmon", "sys_admin", "dac_read_search")),
         "tracepoints", BEST, ("cap_sys_ptrace",)),
    ]
    program = as_anybody()
    with Namespace() as host:
        started, _ = begun(host, "root", ())
        if started["config"]["attribution"] != "tracepoints":
            skip("the next method", "tracepoints are not to be had")
            return
        for case in cases:
            next_method(host, program, *case)
        with in_cpu_group() as possible:
            if possible:
                next_method(host, program, "no real time", without("perfmon", "sys_admin"), "sentinel",
                            SECOND + "nice -20", ("CAP_PERFMON", "rt_runtime_us"))


def test_what_is_refused():
    with Namespace() as host:
        refused(host, "no cap_net_raw", without("net_raw"), "-i", "lo", wanted="CAP_NET_RAW")
        refused(host, "no cap_net_raw, all interfaces", without("net_raw"), wanted="CAP_NET_RAW")
        refused(host, "no cap_perfmon", without("perfmon", "sys_admin"), "-i", "lo", "--attribution",
                "tracepoints", wanted="CAP_PERFMON")
        result = subprocess.run([*without("sys_admin"), SOCKLINE, "--netns", "all", "-i", "lo"],
                                capture_output=True, text=True, check=False, timeout=20)
        check(result.returncode == 1 and "CAP_SYS_ADMIN" in result.stderr,
              "no cap_sys_admin: --netns all is refused", result)
        refused(host, "nobody", NOBODY, "-i", "lo", wanted="CAP_NET_RAW", program=as_anybody())


def test_self_test():
    """What a run would lack, without a run."""
    def tested(host, via, *options):
        result = subprocess.run([*host.prefix, *via, SOCKLINE, "--self-test", *options], capture_output=True,
                                text=True, check=False)
        return result.returncode, result.stdout.splitlines(), result.stderr

    with Namespace() as host:
        status, lines, stderr = tested(host, (), "-i", "lo", "--netns", "self")
        check(status == 0 and not stderr and {"capture     lo", "namespaces  1 captured", "output      standard output"}
              <= set(lines), "--self-test: nothing is missing", [status, lines, stderr])
        status, lines, _ = tested(host, without("sys_ptrace"), "-i", "lo")
        check(status == 1 and [line for line in lines if line.startswith("MISSING") and "cap_sys_ptrace" in line],
              "--self-test: a capability is missing", lines)
        status, lines, _ = tested(host, (), "-i", "lo", "-o", "unix:" + path("nobody-listens"))
        check(status == 1 and [line for line in lines if line.startswith("MISSING") and "cannot connect" in line],
              "--self-test: nobody reads the output", lines)
        status, lines, stderr = tested(host, (), "-i", "none")
        check(status == 1 and not lines and "none" in stderr, "--self-test: an interface that is not there", stderr)


def test_less_is_not_wrong():
    """Without the right to look at others, an owner is unknown with a reason, not another."""
    with Namespace() as host:
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        for names in (("sys_ptrace", "dac_read_search"), ("perfmon", "sys_admin"),
                      ("perfmon", "sys_admin", "sys_nice", "net_admin", "sys_ptrace")):
            sockline = host.sockline("-i", "lo", "-e", "connection", via=without(*names))
            clients = [Mksock(host, f"tcp-connect 127.0.0.1 {server.port()}") for _ in range(3)]
            sockline.wait_for("connection_opened", count=3)
            for client in clients:
                client.end()
            time.sleep(0.3)
            sockline.stop()
            by_port = {client.port(): client.pid for client in clients}
            ends = [(by_port.get(record["source"]["port"]), source_end(record))
                    for record in sockline.find("connection_closed")]
            check(len(ends) == 3 and all(end.pid in (None, pid) and (end.pid or end.reason)
                                         for pid, end in ends),
                  f"without {' '.join(names)}: the right owner, or a reason", ends)


def test_nobody():
    program = as_anybody()
    result = subprocess.run([*NOBODY, program, "-S", "--netns", "self"], capture_output=True, text=True,
                            check=False, timeout=20)
    lines = result.stdout.splitlines()
    check(result.returncode == 0 and '"snapshot_completed"' in lines[-2] and '"complete":true' in lines[-2],
          "nobody: -S lists every socket", result.stderr)
    check('"no_permission"' in result.stdout, "nobody: whose they are it may not know")
    check_texts("nobody, -S", result.stderr.splitlines())
    with open(path("empty.pcap"), "wb") as file:
        file.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    os.chmod(path("empty.pcap"), stat.S_IRUSR | stat.S_IROTH)
    result = subprocess.run([*NOBODY, program, "-r", path("empty.pcap")], capture_output=True, text=True,
                            check=False, timeout=20)
    check(result.returncode == 0 and '"degraded":[]' in result.stdout, "nobody: -r needs nothing",
          result.stderr)
    with Namespace() as host:
        holder = Mksock(host, "tcp-listen 127.0.0.1 0")
        records = subprocess.run([*host.prefix, *NOBODY, program, "-S", "--tcp", "--netns", "self"],
                                 capture_output=True, text=True, check=False, timeout=20).stdout
        check(f'"port":{holder.port()}' in records and f'"pid":{holder.pid}' not in records,
              "nobody: root's socket without its owner")


def test_hidden_processes():
    """/proc that hides others' processes."""
    script = ("mount -t proc -o hidepid=2 proc /proc && "
              f"exec {' '.join(NOBODY)} {as_anybody()} -S --netns self --tcp")
    result = HERE.start("unshare", "-m", "sh", "-c", script)
    status = result.wait()
    if "mount:" in result.stderr:
        skip("hidepid", result.stderr.strip())
        return
    check(status == 0 and "does not show every process" in result.stderr,
          "hidepid=2: it is said, and nothing breaks", result.stderr)


run(globals())
