#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What is added to a process: --hash, the names of its container, and --args."""

import hashlib
import json
import os
import shutil
import time

from harness import HERE, Namespace, check, path, run, skip, until
from mksock import Mksock

ID = "5e1" + "c0de" * 15 + "f"
DOCKER = {"ID": ID, "Name": "/sel-web", "Config": {"Image": "nginx:1.27", "Env": ["TOKEN=hunter2"]}}
NAMES = {"id": ID, "name": "sel-web", "image": {"name": "nginx:1.27"}, "runtime": "docker"}


def sha256(name):
    with open(name, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def busybox():
    """A copy of our own, so that no earlier run has made its hash known."""
    name = path("busybox-sel")
    shutil.copy(shutil.which("busybox"), name)
    return name


def owned_by(record, name):
    return record.get("process", {}).get("executable") == name


def named_soon(sockline, name, pid):
    """The first record of that process. None: a lookup on a busy machine may not have found it in time."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = sockline.find(where=lambda one: owned_by(one, name) and one["process"]["pid"] == pid)
        if found:
            return found[0]
        time.sleep(0.05)
    return None


def test_hash():
    """Each program that runs long enough to be opened has the hash of its file."""
    name = busybox()
    for method in ("auto", "lookup"):
        with Namespace() as host:
            server = Mksock(host, "tcp-listen 127.0.0.1 0")
            sockline = host.sockline("--hash", "-e", "connection", "--attribution", method)
            first, number = None, 0
            while number < 8 and "hash" not in (first or {}).get("process", {}):
                client = host.start(name, "nc", "127.0.0.1", server.port())
                first = named_soon(sockline, name, client.pid)
                number += 1
                time.sleep(0.3 * number)  # each runs longer, until one has run for long enough
                client.kill()
            client = host.start(name, "nc", "127.0.0.1", server.port())
            named_soon(sockline, name, client.pid)
            client.kill()
            check(sockline.stop() == 0, f"{method}: ends well", sockline.stderr)
            records = sockline.find(where=lambda one: owned_by(one, name))
            found = [(one["process"]["pid"], one["process"].get("hash", {}).get("sha256")) for one in records]
            check({one for _, one in found} - {None} == {sha256(name)}, f"{method}: the hash is that of the file", found)
            check((client.pid, sha256(name)) in found and (client.pid, None) not in found,
                  f"{method}: at the next run it is known from the beginning", found)


def test_no_hash():
    """Without the option nothing is read."""
    with Namespace() as host:
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        sockline = host.sockline("-e", "connection")
        client = host.start(busybox(), "nc", "127.0.0.1", server.port())
        sockline.wait_for("connection_opened")
        client.kill()
        sockline.stop()
        check(not sockline.find(where=lambda one: "hash" in one.get("process", {})), "no hash without --hash")


def test_chroot():
    """In another root directory the executable is as the process sees it, where events report it, and
    else as sockline does; its hash is that of the file."""
    root, name = path("root-sel"), shutil.which("busybox")
    os.mkdir(root)
    enter = f"mount --rbind / {root} && exec chroot {root} \"$@\""
    for method, runs in (("auto", 2), ("lookup", 1)):  # it is hashed by the second one
        with Namespace() as host:
            server = Mksock(host, "tcp-listen 127.0.0.1 0")
            sockline = host.sockline("--hash", "-e", "connection", "--attribution", method)
            for _ in range(runs):
                client = host.start("unshare", "-m", "sh", "-c", enter, "sh", name, "nc", "127.0.0.1", server.port())
                pid = client.pid
                sockline.wait_for(where=lambda one, pid=pid: one.get("process", {}).get("pid") == pid)
                time.sleep(0.3)
                client.kill()
            sockline.stop()
            events = sockline.find("run_started")[0]["sockline"]["config"]["attribution"] == "tracepoints"
            found = [one["process"] for one in sockline.find() if one.get("process", {}).get("pid") == pid]
            # Without events, what it ran when it was killed is not known if that was long after it was read.
            shown = {one.get("executable") for one in found} - ({None} if not events else set())
            check(shown == {name if events else root + name}, f"{method}: its path", found)
            check(runs == 1 or {one.get("hash", {}).get("sha256") for one in found} == {sha256(name)},
                  f"{method}: its hash", found)
            server.end()


def new_cgroup():
    """The cgroup of a container of docker; where cgroup v2 is, alone or beside v1. None: there is none."""
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(root + "/cgroup.procs"):
            name = f"{root}/sel-{os.getpid()}/docker-{ID}.scope"
            try:
                os.makedirs(name)
            except OSError:
                return None
            return name
    return None


def remove_cgroup(name):
    for folder in (name, os.path.dirname(name)):
        until(lambda one=folder: try_remove(one), f"{folder} to be empty")


def try_remove(folder):
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def test_container():
    """A process in a control group of docker, and docker's file about it, in a /var/lib of our own."""
    cgroup = new_cgroup()
    if not cgroup:
        skip("containers have names", "no cgroup v2 to make a group in")
        return
    with open(path("config.v2.json"), "w", encoding="utf-8") as file:
        json.dump(DOCKER, file)
    own = (f"mount --make-rprivate / && mount -t tmpfs none /var/lib && mkdir -p /var/lib/docker/containers/{ID} &&"
           f" cp {path('config.v2.json')} /var/lib/docker/containers/{ID}/ && exec \"$@\"")
    via = ("unshare", "-m", "sh", "-c", own, "sh")
    try:
        with Namespace() as host:
            server = Mksock(host, "tcp-listen 127.0.0.1 0")
            sockline = host.sockline("-e", "packet,connection", via=via)
            client = host.start("sh", "-c", "read go && exec busybox nc 127.0.0.1 $1", "sh", server.port())
            with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(f"{client.pid}\n")
            client.send("go\n")
            sockline.wait_for("connection_opened")
            until(lambda: sockline.find(where=lambda one: "name" in one.get("container", {}))
                  or client.send("x\n"), "a name", interval=0.2)
            client.kill()
            check(sockline.stop() == 0, "ends well", sockline.stderr)
            closed = sockline.find("connection_closed")[0]
            check(closed.get("container") == NAMES, "the closing record has all the names", closed)
            packets = sockline.find("packet", lambda one: "name" in one.get("container", {}))
            check(all(one["container"] == {"id": ID, "name": "sel-web"} for one in packets),
                  "packets have the name alone", packets)
            check(b"hunter2" not in sockline.output, "nothing of its environment is written")
            server.end()
    finally:
        remove_cgroup(cgroup)


def test_snapshot():
    """A snapshot reads at once what is there to be read."""
    name = busybox()
    with Namespace() as host:
        client = host.start(name, "nc", "-l", "-p", "7", "127.0.0.1")
        until(lambda: "LISTEN" in HERE.run("ip", "netns", "exec", host.name, "ss", "-ltn"), "a listener")
        sockline = host.sockline("--hash", "-S", "--tcp", wait=False)
        check(sockline.wait() == 0, "ends well", sockline.stderr)
        found = [one["process"].get("hash") for one in sockline.find("existing_socket", lambda one: owned_by(one, name))]
        check(found == [{"sha256": sha256(name)}], "its sockets have the hash of their program", found)
        client.kill()


PLAIN, SECRET, VARIABLE = "ArgumentOfSel", "SecretOfSel", "VariableOfSel"
CONNECTS = "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/$1\nread go\n"


def start_marked(host, server):
    """A script that has a connection, a mark and a secret among its arguments, another in its environment."""
    with open(path("script-sel"), "w", encoding="ascii") as file:
        file.write(CONNECTS)
    os.chmod(path("script-sel"), 0o755)
    bad = f"exec env -i SEL={VARIABLE} \"$0\" \"$@\" \"$(printf '\\377')\""
    return host.start("sh", "-c", bad, path("script-sel"), server.port(), PLAIN, "--password", SECRET,
                      f"https://me:{SECRET}@host/", f"TOKEN={SECRET}")


def arguments(server):
    return ["/bin/bash", path("script-sel"), str(server.port()), PLAIN, "--password", "[redacted]",
            "https://[redacted]@host/", "TOKEN=[redacted]", "\ufffd"]


def check_marked(title, sockline, written, wanted, server, stays=False):
    """Nothing secret is written, and the rest where it is wanted alone."""
    everything = written + sockline.output + sockline.errors
    check(SECRET.encode() not in everything and VARIABLE.encode() not in everything,
          f"{title}: neither a secret nor a variable is written")
    records = [json.loads(line) for line in (written or sockline.output).splitlines()]
    started = next(one for one in records if one["event"]["action"] == "run_started")
    method = started["sockline"]["config"].get("attribution")
    if wanted and method in ("sentinel", "lookup") and not stays:
        return  # it may have been looked at too late for its first record
    check((PLAIN.encode() in everything) == wanted, f"{title}: arguments only where they are wanted")
    if not wanted:
        return
    processes = [one["process"] for one in records if PLAIN in str(one.get("process", {}).get("args"))]
    # A script: its interpreter is what runs, under the script's name.
    own = {(one["name"], one["executable"]) for one in processes if one["args"] == arguments(server)}
    check(own == {("script-sel", os.path.realpath("/bin/bash"))}, f"{title}: name and interpreter", processes)
    check(processes and all(one["args"] == arguments(server) and one["args_count"] == len(one["args"]) and
                            one["command_line"] == " ".join(one["args"]) for one in processes),
          f"{title}: they are all there", processes)
    raw = {str(one["sockline"].get("raw")) for one in records if one.get("process") in processes}
    check(raw == {"{'process_args': ['/w==']}"}, f"{title}: with the bytes that are not UTF-8", raw)
    check(not any("args" in one.get("process", {}) for one in records if one["event"]["action"] == "packet"),
          f"{title}: not in packets")


def contents(name):
    with open(name, "rb") as file:
        return file.read()


def test_args():
    """With the option records have the arguments, without it no byte of them; secrets never."""
    for options in (["--args"], []):
        title = " ".join(options) or "without"
        file = path("marked.ndjson")
        with Namespace() as host:
            server = Mksock(host, "tcp-listen 127.0.0.1 0")
            sockline = host.sockline("-e", "all", "-o", file, *options, wait=False)
            until(lambda: os.path.exists(file) and b"run_started" in contents(file), "the start")
            client = start_marked(host, server)
            until(lambda: b"connection_opened" in contents(file), "a connection")
            client.kill()
            check(sockline.stop() == 0, f"{title}: ends well", sockline.stderr)
            check_marked(title, sockline, contents(file), "--args" in options, server)
            server.end()
        os.unlink(file)


def test_args_snapshot():
    """A process that was there before shows what it shows in /proc."""
    with Namespace() as host:
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        client = start_marked(host, server)
        until(lambda: "ESTAB" in HERE.run("ip", "netns", "exec", host.name, "ss", "-tn"), "a connection")
        for options in ([], ["--args"], ["--args", "--attribution", "lookup"], ["--args", "--attribution", "auto"]):
            sockline = host.sockline("-S", "--tcp", *options, wait=False)
            check(sockline.wait() == 0, "ends well", sockline.stderr)
            check_marked(f"snapshot {options}", sockline, b"", bool(options), server, stays=True)
        client.kill()
        server.end()


run(globals())
