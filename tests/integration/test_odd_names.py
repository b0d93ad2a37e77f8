#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Names that are not UTF-8: each is in its record, with its exact bytes beside it."""

import base64
import os
import shutil
import signal
import socket
import struct
import subprocess

from harness import SOCKLINE, Namespace, Sockline, check, path, run, until

ODD = "od\udcffd"  # how Python writes the byte 0xff in a name
USERS = {4001: "us\udcffer", 4002: "ef\udcffect"}


def exact(record, name):
    """The bytes that were not UTF-8."""
    value = record["sockline"]["raw"][name]
    return [base64.b64decode(each) for each in value] if isinstance(value, list) else base64.b64decode(value)


def odd_machine():
    """Words before a command: it has a host name and users that are not UTF-8."""
    with open("/etc/passwd", "rb") as file:
        users = file.read()
    with open(path("passwd"), "wb") as file:
        file.write(users + b"".join(b"%s:x:%d:%d::/:/bin/sh\n" % (os.fsencode(name), number, number)
                                    for number, name in USERS.items()))
    return ("unshare", "-m", "-u", "sh", "-c", 'printf %s "$0" >/proc/sys/kernel/hostname && '
            f'mount --bind {path("passwd")} /etc/passwd && exec "$@"', ODD)


def snapshot(*options):
    """The records of its sockets."""
    sockline = Sockline([*odd_machine(), SOCKLINE, "-S", *options])
    check(sockline.wait(60) == 0, "a snapshot ends well", sockline.stderr)
    return sockline.find("existing_socket")


def cgroup_root():
    return next((root for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                 if os.path.exists(root + "/cgroup.procs")), None)


def become(cgroup):
    if cgroup:
        with open(cgroup + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write("0")
    os.setresuid(*USERS, next(reversed(USERS)))


def test_processes():
    """Two processes share a socket; their parent has closed it."""
    # Six bytes of JSON for each: the record would be too long.
    folder = path("/".join([ODD, "\x01" * 200, "\x01" * 200, "\x01" * 200]))
    root = cgroup_root()
    cgroup = root and f"{root}/lxc.payload.{ODD}"
    os.makedirs(folder)
    for name in ODD, "sh":
        shutil.copy(shutil.which("busybox"), f"{folder}/{name}")
    for at, byte in enumerate(folder):
        if byte == "/" and at >= len(path("")) - 1:
            os.chmod(folder[:at], 0o755)  # other users go through them
    if cgroup:
        os.mkdir(cgroup)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        script = 'exec 9<&0; (read x <&9) & (read x <&9) & eval "exec $0>&-"; echo; wait'
        parent = subprocess.Popen(["sh", "-c", script, str(listener.fileno())], executable=f"{folder}/{ODD}",
                                  pass_fds=[listener.fileno()], preexec_fn=lambda: become(cgroup),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        listener.close()
        parent.stdout.readline()
        try:
            records = snapshot("--port", str(port))
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
            parent.wait()
            if cgroup:
                until(lambda: not open(cgroup + "/cgroup.procs", encoding="ascii").read(), "its end")
                os.rmdir(cgroup)
    check(len(records) == 1, "the socket is listed", records)
    record = records[0]
    names = ("process_name", "parent_name", "user_name", "host_name")
    check([exact(record, name) for name in names] == [b"od\xffd", b"od\xffd", b"us\xffer", b"od\xffd"],
          "the exact bytes of names", record)
    check({record["process"]["name"], record["process"]["parent"]["name"], record["user"]["name"],
           record["host"]["name"]} == {"od\ufffdd", "us\ufffder"}, "and what stands for them", record)
    check(exact(record, "holder_names") == [b"od\xffd"] * 2, "those of the holders of a shared socket", record)
    check("process.parent.executable" in record["sockline"]["truncated"], "what did not fit is named", record)
    if cgroup:
        check(exact(record, "container_id") == b"od\xffd" and exact(record, "cgroup").endswith(b"od\xffd"),
              "a container of LXC and its group", record)


def test_unix():
    """A process with two users, which a shell would not keep."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path(ODD + ".socket"))
        listener.listen()
        became, child = os.pipe(), os.fork()
        if child == 0:
            become(None)
            os.write(became[1], b"x")
            signal.pause()
    try:
        os.read(became[0], 1)
        records = [record for record in snapshot("--unix", "--cgroup", "/") if record.get("process", {}).get("pid") == child]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    check(len(records) == 1 and exact(records[0], "source_address") == os.fsencode(path(ODD + ".socket")),
          "the address of a UNIX socket", records)
    check(exact(records[0], "effective_user_name") == b"ef\xffect", "the effective user", records)


def test_files():
    with open(path(ODD + ".pcap"), "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    sockline = Sockline(["sh", "-c", f'{SOCKLINE} -r "$0.pcap" -o "$0.ndjson" --label site=x && cat "$0.ndjson"', path(ODD)])
    check(sockline.wait() == 0, "files with such names", sockline.stderr)
    check(exact(sockline.find("run_started")[0], "file") == os.fsencode(path(ODD + ".pcap")), "the capture",
          sockline.records)
    check(all(record["labels"] == {"site": "x"} for record in sockline.records), "--label: all records have it",
          sockline.records)
    check(exact(sockline.find("output_opened")[0], "file_path") == os.fsencode(path(ODD + ".ndjson")), "the output",
          sockline.records)


def test_run():
    """The interface, the file, the host."""
    with Namespace() as host:
        host.run("ip", "link", "add", ODD, "type", "veth", "peer", "name", "plain")
        host.run("ip", "address", "add", "192.0.2.1/24", "dev", ODD)
        for name in ODD, "plain":
            host.run("ip", "link", "set", name, "up")
        host.run("ip", "neigh", "add", "192.0.2.7", "lladdr", "02:00:00:00:00:07", "dev", ODD)
        place = Namespace.__new__(Namespace)
        place.__dict__.update(host.__dict__, prefix=(*host.prefix, *odd_machine()))
        sockline = place.sockline("-i", ODD, "-e", "packet,stats", "-c", "3", "udp port 9")
        host.helper("gen", "-c", "10", "192.0.2.7").wait()
        check(sockline.wait() == 0, "an interface with such a name", sockline.stderr)
        packet = sockline.find("packet")[0]
        check(exact(packet, "interface_name") == b"od\xffd" and exact(packet, "host_name") == b"od\xffd",
              "packets have it, and the host's", packet)
        check(exact(sockline.find("run_started")[0], "interfaces") == [b"od\xffd"] and
              exact(sockline.find("capture_stats")[-1], "captures") == [b"od\xffd"], "the records of the run, too",
              sockline.records)


run(globals())
