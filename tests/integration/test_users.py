#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""For which user a process works, and with whose rights, also when it is gone at once: programs of
other users, set-user-ID ones, in a user namespace of their own. A wrong user fails in any run."""

import os
import shutil

from harness import HELPERS, HERE, Namespace, check, path, run, skip, until

ROUNDS = 3
PORT = 7800
USER, GROUP, OWNER = "4321", "4322", "4323"
AS_USER = ("setpriv", "--reuid", USER, "--regid", GROUP, "--clear-groups")


def programs():
    """The same program: as it is, with set-user-ID of root, and of another user."""
    found = []
    for name, owner, mode in (("plain", 0, 0o755), ("root", 0, 0o4755), ("other", int(OWNER), 0o4755)):
        shutil.copy(os.path.join(HELPERS, "exec_flow"), path(name))
        os.chown(path(name), owner, 0)
        os.chmod(path(name), mode)
        found.append(path(name))
    os.chmod(os.path.dirname(path("plain")), 0o755)
    return found


def may_set_user():
    return not os.statvfs(os.path.dirname(path("plain"))).f_flag & os.ST_NOSUID


def users(record):
    """(real, effective where it is another, group). Without a process the user is the socket's."""
    user = record.get("user", {})
    if "process" not in record:
        return None, user.get("id"), None
    return user.get("id"), user.get("effective", {}).get("id"), record.get("group", {}).get("id")


PLAIN, ROOTS, OTHERS = range(3)
CASES = (
    ("root", (), PLAIN, ("0", None, "0")),
    ("a user", AS_USER, PLAIN, (USER, None, GROUP)),
    ("a user's set-user-ID program of root", AS_USER, ROOTS, (USER, "0", GROUP)),
    ("the same of another user", AS_USER, OTHERS, (USER, OWNER, GROUP)),
    ("root's set-user-ID program of a user", (), OTHERS, ("0", OWNER, "0")),
    ("a user who is root in a namespace", (*AS_USER, "unshare", "-U", "-r"), PLAIN, (USER, None, GROUP)),
    ("a set-user-ID program after that", (*AS_USER, "unshare", "-U", "-r"), ROOTS, (USER, None, GROUP)),
    # They hide the ids from what the kernel samples of the new stack.
    ("a user's program with 3,000 variables", (*AS_USER, "env", *(f"V{number}=x" for number in range(3000))), PLAIN,
     (USER, None, GROUP)),
    ("a user's program with 3,000 arguments", (*AS_USER, "sh", "-c", f'exec "$@" {"- " * 3000}', "-"), PLAIN,
     (USER, None, GROUP)),
    ("su", ("su", "-s", "/bin/sh", "daemon", "-c", 'exec "$0" "$@"', "--"), PLAIN, ("1", None, "1")),
)


def to_port(record):
    return record["destination"].get("port") == PORT


def complies(got, expected):
    """Unknown is no fault: but what is there is right."""
    real, effective, group = expected
    return got[0] in (None, real) and got[1] in (None, effective or real) and got[2] in (None, group)


def possible(cases):
    """Those whose program may be what it is, each with the ports of its runs."""
    for number, (title, words, which, expected) in enumerate(cases):
        if which == PLAIN or may_set_user():
            yield title, words, which, expected, range(20000 + 100 * number, 20000 + 100 * number + ROUNDS)
        else:
            skip(title, "the file system ignores set-user-ID")


def play(method, heard, cases):
    """Processes that make a connection and send a datagram, and are gone. The records by port."""
    made = programs()
    with Namespace() as host:
        # Process events are refused in other network namespaces than the first.
        place, netns = (HERE, f"/run/netns/{host.name}") if heard else (host, "self")
        sockline = place.sockline("-e", "packet,connection", "--attribution", method, netns=netns)
        for _, words, which, _, ports in cases:
            for port in ports:
                host.run(*words, made[which], port, PORT)
        wanted = {(port, protocol) for case in cases for port in case[-1] for protocol in ("tcp", "udp")}
        until(lambda: wanted <= {(one["source"]["port"], one["network"]["transport"])
                                 for one in sockline.find("packet", to_port)}, "all packets")
        sockline.stop()
        return sockline.find("connection_closed", to_port), sockline.find("packet", to_port)


def hears():
    """Process events are to be had."""
    probe = HERE.sockline("-e", "stats", "--attribution", "lookup")
    probe.stop()
    return "process events" not in str(probe.find("run_started")[0]["sockline"]["degraded"])


def test_users():
    """By tracepoints and process events nothing is missing; by others nothing is wrong."""
    cases = list(possible(CASES))
    for method, heard in (("tracepoints", True), ("tracepoints", False), ("sentinel", True), ("lookup", True)):
        connections, packets = play(method, heard, cases)
        for title, _, _, expected, ports in cases:
            found = [users(one) for one in connections if one["source"]["port"] in ports]
            shown = [(*users(one)[:2], None) for one in packets if one["source"]["port"] in ports]
            title = f"{method}{'' if heard else ' alone'}: {title}"
            check(all(complies(one, expected) for one in found), f"{title}: none is wrong", found)
            check(all(complies(one, expected) for one in shown), f"{title}: nor in packets", shown)
            if method == "tracepoints" and heard and hears_events:
                check(set(found) == {expected}, f"{title}: none is missing", found)
                check({one[:2] for one in shown} == {expected[:2]}, f"{title}: nor in packets", shown)


LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 7801)):
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_container_pid():
    """A process of another pid namespace is 1 there; one of the same has no other number."""
    with Namespace() as host:
        for words, expected in (((), None), (("unshare", "-p", "-f"), 1)):
            listener = host.start(*words, "python3", "-c", LISTENER)
            listener.line()
            sockline = host.sockline("-S", "--tcp", wait=False)
            check(sockline.wait() == 0, "ends well", sockline.stderr)
            found = [one["sockline"].get("process", {}).get("container_pid")
                     for one in sockline.find("existing_socket")]
            check(found == [expected], f"{' '.join(words) or 'without'}: its pid there", found)
            listener.send("\n")
            listener.finish()


def test_mount_namespace():
    """A program that is mounted over another one has its own device and inode."""
    copy = path("mounted")
    shutil.copy(os.path.join(HELPERS, "mksock"), copy)
    file = os.stat(copy)
    forge = 'mount --bind "$0" /usr/bin/true && exec /usr/bin/true "tcp-listen 127.0.0.1 7802"'
    with Namespace() as host:
        forger = host.start("unshare", "-m", "sh", "-c", forge, copy)
        until(lambda: "ready" in forger.output.decode(), "the forger")
        sockline = host.sockline("-S", "--tcp", "--listening", wait=False)
        check(sockline.wait() == 0, "ends well", sockline.stderr)
        found = sockline.find("existing_socket", lambda one: one["destination"]["port"] == 7802)
        mounts = os.stat(f"/proc/{forger.pid}/ns/mnt").st_ino
        expected = {"mount_namespace": str(mounts),
                    "executable": {"device": f"{os.major(file.st_dev)}:{os.minor(file.st_dev)}",
                                   "inode": str(file.st_ino)}}
        check([(one["process"]["executable"], one["sockline"].get("process")) for one in found] ==
              [(os.path.realpath("/usr/bin/true"), expected)],
              "the path of the other, the device and inode of its own", (found, expected))
        forger.send("exit\n")
        forger.finish()


ENDING = """
import os, socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.bind(("127.0.0.1", int(sys.argv[1])))
    end.sendto(b"x", ("127.0.0.1", 7800))
exec(sys.argv[2])
"""


def test_end():
    """A process that has ended has its end and how it ended; where that is not known, nothing."""
    endings = (("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137), ("pass", 0))
    known = hears_events and tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 16)
    with Namespace() as host:
        sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints", netns=f"/run/netns/{host.name}")
        for port, (code, _) in enumerate(endings, 20000):
            host.start("python3", "-c", ENDING, port, code).wait()
        until(lambda: len(sockline.find("connection_opened", to_port)) == len(endings), "all")
        sockline.stop()
        found = {one["source"]["port"]: one["process"] for one in sockline.find("connection_closed", to_port)}
    for port, (code, expected) in enumerate(endings, 20000):
        process = found[port]
        status, end = process.get("exit_code"), process.get("end")
        check(status == expected or (status is None and not known), f"{code}: its status", process)
        check(end > process["start"] if end else not known, f"{code}: its end", process)


hears_events = hears()
run(globals())
