#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Once everything is open, all threads hold what they go on to use and can get no more (P19); owners
are found by that, see the other tests."""

import os
import shutil
import signal
import socket
import subprocess

from harness import HERE, SOCKLINE, Namespace, check, path, run, skip, until

NUMBERS = {"cap_dac_override": 1, "cap_dac_read_search": 2, "cap_kill": 5, "cap_net_admin": 12,
           "cap_net_raw": 13, "cap_ipc_lock": 14, "cap_sys_ptrace": 19, "cap_sys_admin": 21,
           "cap_sys_nice": 23, "cap_perfmon": 38}
LOOK = {"cap_dac_read_search", "cap_sys_ptrace"}
ROOM = {"cap_net_admin"}  # for NAT, where the kernel tracks connections
# SECBIT_NOROOT, NO_SETUID_FIXUP, KEEP_CAPS, NO_CAP_AMBIENT_RAISE: their locks, and all but KEEP_CAPS.
SECUREBITS = 0xef
PORT = 7762


def names_of(text):
    bits = int(text, 16)
    held = {name for name, number in NUMBERS.items() if bits >> number & 1}
    rest = bits & ~sum(1 << number for number in NUMBERS.values())
    return held | ({f"others: {rest:x}"} if rest else set())


def statuses(pid):
    """The status of each thread, as a dictionary; the main one's first."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8", errors="replace") as file:
                found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if int(thread) == pid:
                raise
    return found


def core_limit(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return next(line.split()[4:6] for line in file if line.startswith("Max core file size"))


def check_confined(title, sockline, wanted, maybe=frozenset(), bounded=True):
    """The main thread holds `wanted` and at most `maybe` besides; run_started names just these."""
    started = sockline.find("run_started")[0]["sockline"]
    named = {entry["capability"] for entry in started.get("privileges", [])}
    threads = statuses(sockline.pid)
    main = next(thread for thread in threads if thread["Pid"] == str(sockline.pid))
    held = names_of(main["CapEff"])
    check(wanted <= held <= wanted | maybe, f"{title}: what is in use is held, and nothing else", held)
    check(named == set(started["capabilities"]) == held, f"{title}: run_started names each",
          started.get("privileges"))
    for thread in threads:
        name = f"{title}: {'main' if thread is main else 'another'} thread"
        check(thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "2",
              f"{name}: no_new_privs, and a filter of system calls", thread)
        check(names_of(thread["CapEff"]) <= held and thread["CapPrm"] == thread["CapEff"],
              f"{name}: no more than the main one", thread)
        check(names_of(thread["CapInh"]) == names_of(thread["CapAmb"]) == set(),
              f"{name}: nothing is handed on", thread)
        if bounded:
            check(names_of(thread["CapBnd"]) <= held | LOOK, f"{name}: the bounding set is cut", thread)
    check(core_limit(sockline.pid) == ["0", "0"], f"{title}: no core file", core_limit(sockline.pid))
    return started


def traced_by_its_user(pid):
    """Whether a process of the same user, without capabilities, may look at its memory."""
    attempt = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "head", "-c1",
                              f"/proc/{pid}/auxv"], capture_output=True, check=False)
    return attempt.returncode == 0


def test_p19_methods():
    """For each way to find owners, and each choice of namespaces, its least privileges."""
    with Namespace() as host:
        best = host.sockline("-i", "lo")
        method = best.find("run_started")[0]["sockline"]["config"]["attribution"]
        perf = {"cap_perfmon"} if method == "tracepoints" else set()
        started = check_confined("--netns self", best, LOOK | {"cap_net_raw"}, ROOM)
        if perf:
            check_helper("--netns self", best, started, perf, namespaces=False)
        check(not traced_by_its_user(best.pid), "root without capabilities may not look at its memory")
        check(best.stop() == 0, "ends well", best.stderr)
        reading = host.sockline("-i", "lo", "--args")
        started = check_confined("--args", reading, LOOK | {"cap_net_raw"}, ROOM)
        check(not perf or {"capability": "cap_sys_ptrace", "feature": "arguments"} in started["privileges"],
              "CAP_SYS_PTRACE is for arguments, too", started["privileges"])
        check(reading.stop() == 0, "--args: ends well", reading.stderr)
        alone = host.sockline("-i", "lo", "--no-separation")
        check_confined("--no-separation", alone, LOOK | perf | {"cap_net_raw"}, ROOM)
        check(alone.stop() == 0, "--no-separation: ends well", alone.stderr)
        for method in ("sentinel", "lookup"):
            sockline = host.sockline("-i", "lo", "--attribution", method)
            check_confined(method, sockline, LOOK | {"cap_net_raw"}, ROOM)
            check(not helpers_of(sockline.pid), f"{method}: no helper that would have nothing to do")
            check(sockline.stop() == 0, f"{method}: ends well", sockline.stderr)


ENTERS = {"capability": "cap_sys_admin", "feature": "network_namespaces"}


def helpers_of(pid):
    """The pids of the helper processes of a run."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = file.read().split()
    return [int(child) for child in children if statuses(child)[0]["Name"] == "sockline-helper"]


def check_helper(title, sockline, started, wanted, namespaces=True):
    """There is one, which holds `wanted` and has nothing open but its socket and its namespace."""
    found = helpers_of(sockline.pid)
    if not check(len(found) == 1, f"{title}: there is one helper", found):
        return 0
    threads = statuses(found[0])
    held = names_of(threads[0]["CapEff"])
    named = {entry["capability"] for entry in started.get("helper_privileges", [])}
    check(held == named == wanted and names_of(threads[0]["CapBnd"]) <= wanted,
          f"{title}: the helper holds what it needs, run_started names each", (held, named))
    check(len(threads) == 1 and threads[0]["NoNewPrivs"] == "1" and threads[0]["Seccomp"] == "2",
          f"{title}: it has one thread, no_new_privs and a filter", threads)
    # The run waits for what it asks.
    check(os.getpriority(os.PRIO_PROCESS, found[0]) == os.getpriority(os.PRIO_PROCESS, sockline.pid),
          f"{title}: it has the priority of the run")
    files = [os.readlink(f"/proc/{found[0]}/fd/{fd}") for fd in sorted(os.listdir(f"/proc/{found[0]}/fd"), key=int)]
    check(files[:3] == ["/dev/null"] * 3 and
          [name.split(":")[0] for name in files[3:]] == ["socket"] + ["net"] * namespaces,
          f"{title}: its socket, and where it enters others its namespace, are all that it has open", files)
    check(core_limit(found[0]) == ["0", "0"] and not traced_by_its_user(found[0]),
          f"{title}: no core file, and its memory is not read")
    return found[0]


def test_p19_namespaces():
    """CAP_SYS_ADMIN is in a process that reads no packets."""
    with Namespace() as host:
        for options in (("--netns", "all"), ("--netns", "all", "--attribution", "sentinel")):
            sockline = host.sockline("-i", "lo", *options, netns=None)
            started = check_confined(str(options), sockline, LOOK | ROOM | {"cap_net_raw"}, {"cap_ipc_lock"})
            perf = {"cap_perfmon"} if "cap_perfmon" in str(started["helper_privileges"]) else set()
            helper = check_helper(str(options), sockline, started,
                                  {"cap_sys_admin", "cap_net_admin", "cap_net_raw"} | perf)
            check(not perf or "sentinel" not in options, f"{options}: perf events are for tracepoints alone", perf)
            check(ENTERS in started["helper_privileges"], "CAP_SYS_ADMIN is for namespaces", started)
            check(sockline.stop() == 0, f"{options}: ends well", sockline.stderr)
            until(lambda pid=helper: not os.path.exists(f"/proc/{pid}"), "the helper to end")
        sockline = host.sockline("-i", "lo", "--netns", "all", "--no-separation", netns=None)
        started = check_confined("--no-separation", sockline, LOOK | ROOM | {"cap_net_raw", "cap_sys_admin"},
                                 {"cap_ipc_lock", "cap_perfmon"})
        check(ENTERS in started["privileges"] and "helper_privileges" not in started and
              not helpers_of(sockline.pid), "--no-separation: no helper", started)
        check(sockline.stop() == 0, "--no-separation: ends well", sockline.stderr)


def test_helper_ends():
    """Killed, it is missed and nothing hangs; killed, the run takes it along."""
    sockline = HERE.sockline("-e", "packet", "udp", "portrange", f"{PORT}-{PORT + 1}", netns=None)
    helper = helpers_of(sockline.pid)[0]
    with Namespace() as before:
        sockline.wait_for("netns_opened",
                          lambda record: record["sockline"]["namespace"]["netns"] == str(before.inode))
        os.kill(helper, signal.SIGKILL)
        sockline.wait_for("helper_lost", lambda record: record["log"]["level"] == "error")
        until(lambda: not os.path.exists(f"/proc/{helper}"), "its status to be taken")
        with Namespace() as late:
            late.helper("gen", "-p", PORT + 1, "127.0.0.1").finish()
            before.helper("gen", "-p", PORT, "127.0.0.1").finish()
            sockline.wait_for("packet", lambda record: record["destination"]["port"] == PORT)
            check(not [record for record in sockline.find("netns_opened")
                       if record["sockline"]["namespace"]["netns"] == str(late.inode)],
                  "what was open goes on, what comes is not opened")
        check(sockline.stop() == 0, "the run ends well without it", sockline.stderr)
    sockline = HERE.sockline("-e", "stats", netns=None)
    helper = helpers_of(sockline.pid)[0]
    sockline.kill()
    until(lambda: not os.path.exists(f"/proc/{helper}") or statuses(helper)[0]["State"].startswith("Z"),
          "the helper to end after SIGKILL of the run")
    check(True, "it goes with the run that is killed")


def test_output():
    """In a user's folder root needs more than its own name to make the file again."""
    folder = path("users")
    os.mkdir(folder, 0o755)
    name = os.path.join(folder, "records.ndjson")
    with Namespace() as host:
        for owner, wanted, options in ((0, set(), ()), (65534, {"cap_dac_override"}, ()),
                                       (65534, {"cap_dac_override"}, ("--no-separation",))):
            os.chown(folder, owner, owner)
            sockline = host.sockline("-i", "lo", "--attribution", "lookup", *options, "-o", name, wait=False)
            until(lambda: os.path.exists(name) and os.path.getsize(name) > 0, "records")
            held = names_of(statuses(sockline.pid)[0]["CapEff"])
            helpers = [names_of(statuses(pid)[0]["CapEff"]) for pid in helpers_of(sockline.pid)]
            check(held & {"cap_dac_override"} == (wanted if options else set()) and
                  helpers == ([] if options else [wanted]),
                  f"folder of {owner}, {options}: {wanted or 'nothing more'}, not where packets are read",
                  (held, helpers))
            os.rename(name, name + ".1")
            sockline.send_signal(signal.SIGHUP)
            until(lambda: os.path.exists(name), "a new file")
            check(sockline.stop() == 0, f"folder of {owner}: the file is made again", sockline.stderr)
            os.unlink(name)
            os.unlink(name + ".1")


def test_output_socket():
    """What reads packets needs no right to connect to the socket of another user, also when that comes late."""
    name = path("reader")
    with Namespace() as host:
        for options, parser, helper in (((), set(), [{"cap_dac_override"}]), (("--no-separation",), {"cap_dac_override"}, [])):
            for late in (False,) if options else (False, True):
                with socket.socket(socket.AF_UNIX) as listener:
                    sockline = None
                    if late:
                        sockline = host.sockline("-i", "lo", "--attribution", "lookup", *options,
                                                 "-o", "unix:" + name, wait=False)
                        until(lambda: helpers_of(sockline.pid) and
                              statuses(sockline.pid)[0]["Seccomp"] == "2", "a filter")
                    listener.bind(name)
                    os.chown(name, 65534, 65534)
                    listener.listen()
                    listener.settimeout(20)
                    sockline = sockline or host.sockline("-i", "lo", "--attribution", "lookup", *options,
                                                         "-o", "unix:" + name, wait=False)
                    for _ in range(2):
                        with listener.accept()[0] as connection:
                            connection.settimeout(20)
                            check(connection.recv(1) == b"{", f"{options}, late {late}: records come")
                    until(lambda: statuses(sockline.pid)[0]["Seccomp"] == "2", "a filter")
                    held = names_of(statuses(sockline.pid)[0]["CapEff"]) & {"cap_dac_override"}
                    helpers = [names_of(statuses(pid)[0]["CapEff"]) for pid in helpers_of(sockline.pid)]
                    check(held == parser and helpers == helper, f"{options}, late {late}: and that right is there",
                          (held, helpers))
                    sockline.kill()
                os.unlink(name)


def test_command():
    """The command is as it was called; sockline keeps what ends it."""
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", "--attribution", "lookup", "--", "sleep", "60")
        check_confined("a command", sockline, LOOK | {"cap_net_raw", "cap_kill"}, ROOM)
        child = int(host.run("pgrep", "-P", str(sockline.pid)).split()[0])
        status = statuses(child)[0]
        check(status["NoNewPrivs"] == status["Seccomp"] == "0" and "cap_sys_admin" in names_of(status["CapBnd"]),
              "set-user-ID programs work in it", status)
        sockline.stop()
        sockline = host.sockline("-i", "lo", "--attribution", "lookup", "--", "sleep", "60",
                                 via=("env", "SUDO_UID=65534", "SUDO_GID=65534"))
        child = int(host.run("pgrep", "-P", str(sockline.pid)).split()[0])
        sockline.stop()
        check(not os.path.exists(f"/proc/{child}"), "the command of another user is ended too", sockline.stderr)


def test_file():
    """A reader of files holds nothing at all."""
    name = path("fifo")
    os.mkfifo(name)
    with Namespace() as host:
        sockline = host.sockline("-r", name, wait=False)
        with open(name, "wb") as file:
            file.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
            file.flush()
            until(lambda: statuses(sockline.pid)[0]["NoNewPrivs"] == "1", "the file's header to be read")
            status = statuses(sockline.pid)[0]
            check(names_of(status["CapEff"]) == names_of(status["CapBnd"]) == set(), "no capability", status)
            until(lambda: statuses(sockline.pid)[0]["Seccomp"] == "2", "a filter of system calls")
        check(sockline.wait() == 0, "ends well", sockline.stderr)


def test_file_capabilities():
    """As README says: by setcap(8), for another user."""
    folder = path("bin")
    os.mkdir(folder)
    program = shutil.copy(SOCKLINE, folder)
    for name in (os.path.dirname(folder), folder, program):
        os.chmod(name, 0o755)
    given = {"cap_net_raw", "cap_perfmon"} | LOOK
    attempt = subprocess.run(["setcap", ",".join(sorted(given)) + "+ep", program], capture_output=True,
                             text=True, check=False)
    if attempt.returncode != 0:
        skip("file capabilities", attempt.stderr)
        return
    with Namespace() as host:
        sockline = host.sockline("-i", "lo", program=program,
                                 via=("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))
        check_confined("setcap", sockline, LOOK | {"cap_net_raw"}, bounded=False)
        check(sockline.stop() == 0, "ends well", sockline.stderr)


run(globals())
