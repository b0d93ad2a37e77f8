#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""contrib with the real programs: systemd-analyze (P21), logrotate, rsyslog."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import kubernetes  # noqa: E402
from harness import SOCKLINE, TREE, Namespace, check, path, run, skip, until, write

CONTRIB = os.path.join(TREE, "contrib")
LOG = "/var/log/sockline/sockline.ndjson"
SEND = "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n" \
    "for n in range(int(sys.argv[1])): s.sendto(b'x', ('127.0.0.1', 9))"
# Its two sockets stay open for a second, so that they can be found without tracepoints.
TALK = "import socket, time; a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in 'ab')\n" \
    "a.bind(('127.0.0.1', 0)); b.sendto(b'x', a.getsockname()); time.sleep(1)"


def installed(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not found:
        skip(name, "not installed")
    return found


def contrib(name, *replacements):
    """A copy of the file with some of its text replaced; returns its path."""
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        text = file.read()
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"contrib/{name} lacks {old!r}")
        text = text.replace(old, new)
    return write(os.path.basename(name), text)


def result_of(*argv, **keywords):
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False,
                          **keywords)


def records_of(file):
    """The records in the whole lines of a file that is being written."""
    if not os.path.exists(file):
        return []
    with open(file, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def check_unit(unit, title):
    """What it says of the machine's own units does not matter."""
    result = result_of("systemd-analyze", "verify", "--man=no", unit)
    said = [line for line in result.stderr.splitlines() if not re.match(r"/(usr/)?lib/systemd/", line)]
    check(result.returncode == 0 and not said, title, result.stderr)


def test_systemd():
    if not installed("systemd-analyze"):
        return
    unit = contrib("systemd/sockline.service", ("/usr/sbin/sockline", SOCKLINE))
    check_unit(unit, "systemd-analyze verify")
    result = result_of("systemd-analyze", "security", "--offline=true", "--threshold=19", unit)
    check(result.returncode == 0, "systemd-analyze security: an exposure of at most 1.9", result.stdout)
    os.makedirs(unit + ".d")
    os.rename(contrib("systemd/cap-sys-admin.conf"), os.path.join(unit + ".d", "cap-sys-admin.conf"))
    check_unit(unit, "and with cap-sys-admin.conf")
    result = result_of("systemd-analyze", "security", "--offline=true", "--threshold=22", unit)
    check(result.returncode == 0 and "Service has administrator privileges" in result.stdout,
          "which costs 0.3 of exposure", result.stdout)
    os.rename(contrib("systemd/siem.conf", ("/usr/sbin/sockline", SOCKLINE)), os.path.join(unit + ".d", "siem.conf"))
    check_unit(unit, "and with siem.conf")
    shutil.rmtree(unit + ".d")
    if not installed("systemd-sysusers"):
        return
    users = contrib("systemd/sockline.sysusers")
    result = result_of("systemd-sysusers", "--root=" + path("root"), "--dry-run", users)
    check(result.returncode == 0, "systemd-sysusers", result.stderr)


def test_unit_runs():
    """As the unit's user, with its capabilities and nothing else, and its look at /proc."""
    with open(os.path.join(CONTRIB, "systemd/sockline.service"), encoding="utf-8") as file:
        unit = file.read()
    names = re.search(r"^AmbientCapabilities=(.*)$", unit, re.MULTILINE)[1].lower().split()
    added = "".join(",+" + name.removeprefix("cap_") for name in names)
    hides = re.search(r"^ProtectProc=(.*)$", unit, re.MULTILINE)[1]
    words = re.search(r"^ExecStart=\S+ (.*) -o ", unit, re.MULTILINE)[1].split()
    folder = path("log")
    os.mkdir(folder)
    os.chown(folder, 65534, 65534)
    os.chmod(os.path.dirname(folder), 0o755)
    program = shutil.copy(SOCKLINE, path("program"))
    file = os.path.join(folder, "sockline.ndjson")
    with Namespace() as host:
        sockline = host.start("unshare", "-m", "sh", "-c",
                              f'mount -t proc -o hidepid={hides} proc /proc && exec "$@"', "sh",
                              "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              "--inh-caps=-all" + added, "--ambient-caps=-all" + added,
                              "--bounding-set=-all" + added, "--no-new-privs", program, *words,
                              "-o", file)
        until(lambda: len(records_of(file)) > 1, lambda: f"records; {sockline.stderr}")

        def named():
            """A record of another user's processes. The first may come before all of /proc is read."""
            host.run("setpriv", "--reuid=1", "--clear-groups", sys.executable, "-c", TALK)
            return [record for record in records_of(file) if "process" in record]
        found = until(named, lambda: f"a process; {records_of(file)}")
        check(all(record["user"]["id"] == "1" for record in found), "names another user's process", found)
        check(sockline.stop() == 0, "ends with 0", sockline.stderr)
        started = next(record for record in records_of(file)
                       if record["event"]["action"] == "run_started")
        # CAP_PERFMON stays with tracepoints, for which there is no tracefs in a namespace of this kind.
        check(set(names) - {"cap_perfmon"} <= set(started["sockline"]["capabilities"]) <= set(names),
              "has the capabilities of the unit", started)
        mode = os.stat(file).st_mode & 0o777
        check(mode == 0o640, "the file has mode 0640", oct(mode))


def test_siem_service():
    """The drop-in for a SIEM: what it writes, and where."""
    with open(os.path.join(CONTRIB, "systemd/siem.conf"), encoding="utf-8") as file:
        words = re.search(r"^ExecStart=/usr/sbin/sockline (.*) -o (\S+)$", file.read(), re.MULTILINE)
    check(words[2] == LOG + ".zst", "beside the other file, compressed", words[2])
    file = path("siem.ndjson.zst")
    with Namespace() as host:
        result = host.run(SOCKLINE, "--netns", "self", *words[1].split(), "-o", file, "--", sys.executable, "-c", TALK)
    records = [json.loads(line) for line in result_of_bytes("zstd", "-dc", file).splitlines()]
    config = next(record for record in records if record["event"]["action"] == "run_started")["sockline"]["config"]
    check(sorted(config["events"]) == ["attributed", "closed", "stats"] and config["stats_interval_ns"] == 60 * 10 ** 9,
          "its records", config)
    actions = {record["event"]["action"] for record in records}
    check("connection_closed" in actions and not actions & {"connection_opened", "connection_updated"},
          "a connection has one record", (actions, result))


def daemonset():
    """The pod's specification; None: there is nothing that reads YAML."""
    try:
        import yaml
    except ImportError:
        skip("daemonset.yaml", "needs python3-yaml")
        return None
    with open(os.path.join(CONTRIB, "kubernetes/daemonset.yaml"), encoding="utf-8") as file:
        namespace, daemon = yaml.safe_load_all(file)
    wrong = kubernetes.complaints_of(namespace) + kubernetes.complaints_of(daemon)
    check(not wrong, "its objects are of the API of Kubernetes", wrong)
    spoiled = copy.deepcopy(daemon)
    pod = spoiled["spec"]["template"]["spec"]
    pod["hostPid"] = pod.pop("hostPID")
    pod["containers"][0]["securityContext"]["runAsUser"] = "0"
    del pod["containers"][0]["name"]
    check(len(kubernetes.complaints_of(spoiled)) == 3, "a wrong name, a wrong type and what is missing are noticed",
          kubernetes.complaints_of(spoiled))
    template = daemon["spec"]["template"]
    check(daemon["metadata"]["namespace"] == namespace["metadata"]["name"] and
          daemon["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"], "its names fit each other")
    return template["spec"]


def test_kubernetes():
    """With the capabilities of the DaemonSet and no others, it has what it has as root."""
    pod = daemonset()
    if not pod:
        return
    container, = pod["containers"]
    check(pod["hostPID"] and pod["hostNetwork"], "the node's processes and network")
    security = container["securityContext"]
    names = ["cap_" + name.lower() for name in security["capabilities"]["add"]]
    check(security["readOnlyRootFilesystem"] and security["capabilities"]["drop"] == ["ALL"], "and no more")
    volumes = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: (volumes[mount["name"]], mount["readOnly"]) for mount in container["volumeMounts"]}
    check(all(mounts.get(name) == (name, True) for name in
              ("/sys/kernel/tracing", "/etc/machine-id", "/etc/passwd", "/run/containerd")) and
          len(mounts) == len(volumes), "what it reads of the node, to read alone", mounts)
    with Namespace() as host:
        full = host.run(SOCKLINE, "--self-test", *container["args"])
        caps = "-all" + "".join(",+" + name.removeprefix("cap_") for name in names)
        less = host.run("setpriv", "--inh-caps=-all", "--bounding-set=" + caps, SOCKLINE, "--self-test", *container["args"])
    # The namespaces of tests beside this one come and go.
    less, full = (re.sub(r"\d+ captured", "captured", text) for text in (less, full))
    check(less == full, "what it has with these capabilities", f"{full}\n{less}")
    needed = set(re.findall(r"^capability +(cap_\w+):", full, re.MULTILINE))
    # The sentinel wants that where there are no tracepoints.
    check(needed and needed <= set(names), "the capabilities that it asks for", (needed, names))
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as file:
        listed = set(re.findall(r"`CAP_(\w+)`", re.search(r"^\| capability.*?\n\n", file.read(), re.M | re.S)[0]))
    check(set(security["capabilities"]["add"]) == listed | {"IPC_LOCK"}, "those of the README, and locked memory", listed)


def test_logrotate():
    logrotate = installed("logrotate")
    if not logrotate:
        return
    folder = path("rotated")
    os.mkdir(folder, 0o755)
    file = os.path.join(folder, "sockline.ndjson")
    with Namespace() as host:
        sockline = host.start(SOCKLINE, "--netns", f"/run/netns/{host.name}", "-e", "packet", "-o", file)
        until(lambda: records_of(file), "the first record")
        config = contrib("logrotate/sockline", (LOG, file), ("su sockline sockline", "su root root"),
                         ("systemctl try-reload-or-restart sockline.service",
                          f"kill -HUP {sockline.pid}"))
        os.chmod(config, 0o644)
        for number in range(3):
            sender = host.start(sys.executable, "-c", SEND, "2000")
            result = result_of(logrotate, "--force", "--state", path("state"), config)
            check(result.returncode == 0, f"rotation {number + 1}", result.stderr)
            until(lambda: os.path.exists(file), "the new file")
            check(sender.wait() == 0, "packets were sent meanwhile")
        check(sockline.stop() == 0, "ends with 0", sockline.stderr)
        names = sorted(os.listdir(folder))
        check(len(names) == 4, "logrotate kept three files", names)
        content = b"".join(result_of_bytes("zcat", "-f", os.path.join(folder, name))
                           for name in sorted(names, key=age))
        records = [json.loads(line) for line in content.splitlines()]
        numbers = [record["event"]["sequence"] for record in records]
        check(numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 6000,
              "no record is lost, twice or out of order", (len(numbers), numbers[:5]))


def age(name):
    match = re.search(r"\.(\d+)(\.gz)?$", name)
    return -int(match[1]) if match else 0


def result_of_bytes(*argv):
    return subprocess.run(argv, capture_output=True, check=True).stdout


def test_rsyslog():
    rsyslogd = installed("rsyslogd")
    if not rsyslogd:
        return
    file, output = path("rsyslog.ndjson"), path("connections.log")
    os.mkdir(path("spool"))
    settings = contrib("rsyslog/sockline.conf", (LOG, file), ("/var/log/sockline-connections.log", output))
    config = write("rsyslog.conf", f'global(workDirectory="{path("spool")}")\ninclude(file="{settings}")\n')
    result = result_of(rsyslogd, "-N1", "-f", config)
    check(result.returncode == 0, "rsyslogd takes the configuration", result.stderr)
    with Namespace() as host:
        host.start(rsyslogd, "-n", "-i", path("rsyslog.pid"), "-f", config)
        sockline = host.start(SOCKLINE, "--netns", f"/run/netns/{host.name}", "-e", "all", "-o", file)
        until(lambda: records_of(file), "the first record")
        host.run(sys.executable, "-c", SEND, "1")

        def lines():
            if not os.path.exists(output):
                return []
            with open(output, encoding="utf-8") as log:
                return log.read().splitlines()
        try:
            until(lines, "a line from rsyslog")
        finally:
            sockline.stop()
        pattern = r"20\S+Z \S+ \S*\[\d*\] udp 127\.0\.0\.1:\d+ 127\.0\.0\.1:9"
        check(all(re.fullmatch(pattern, line) for line in lines()), "a line of text a connection", lines())


run(globals())
