#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What README.md, contrib/jq and sockline(8) have people type is run here, on real records."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

from harness import SOCKLINE, TIMEOUT, TREE, Namespace, check, path, run, skip, slowdown, write

ACTIONS = re.compile(r'"action":"(\w+)"')

# One round, or with "loop" one after the other: HTTP fast and slow, a refused connection, a UDP
# exchange, DNS.
TRAFFIC = r"""
import contextlib, socket, subprocess, sys, time
while True:
    for port in (8080, 8081):
        subprocess.run([*sys.argv[2:], f"http://127.0.0.1:{port}/"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    with socket.create_connection(("127.0.0.1", 8080)) as slow:
        time.sleep(0.3)
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while slow.recv(4096):
            pass
    server, client, resolver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    server.bind(("127.0.0.1", 0))
    client.sendto(b"question", server.getsockname())
    server.sendto(b"answer", server.recvfrom(100)[1])
    client.recv(100)
    for _ in range(10):
        resolver.sendto(b"\0" * 17, ("192.0.2.53", 53))
    if sys.argv[1] == "once":
        break
    time.sleep(0.05)
"""
FETCH = ["curl", "-s"] if shutil.which("curl") else \
    [sys.executable, "-c", "import sys, urllib.request as r; r.urlopen(sys.argv[1]).read()"]

# The comment above each line of README.md: what at least one line of its output looks like.
README_OUTPUT = {
    "who connects where": r"\d\d:\d\d:\d\d\t\S+\t127\.0\.0\.1\t8080",
    "bytes of closed connections by program": r"[1-9]\d+\t(curl|python3.*)",
    "connections that failed, and why": r"refused\t127\.0\.0\.1\t8081",
    "who listens": r"127\.0\.0\.1\t8080\tpython3.*\troot",
    "sockets by kind": r'\{.*"tcp":[1-9].*\}',
    "how owners of packets were found, or why not": r" *[1-9]\d* (tracepoint|socket|listener)",
    "packets a second": r" *[1-9]\d* 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "round-trip times the kernel measured": r"[1-9]\d*\t127\.0\.0\.1\t\S+",
    "what was dropped, and where": r'\{"capture":\[\{"interface":"any","received":[1-9]\d*,.*\],"dropped":0\}',
    "records missing from this file": r"0",
}
JQ_OUTPUT = {
    "top.jq": r"[1-9]\d+\t[1-9]\d*\t[1-9]\d*\t\d+\t\S+",
    "late.jq": r'\{.*"action":"packet".*\}',
}


def read(name):
    with open(os.path.join(TREE, name), encoding="utf-8") as file:
        return file.read()


def blocks(markdown, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)


def readme_lines():
    """(comment above, line) of each line that begins with jq."""
    found, comment = [], ""
    for line in "".join(blocks(read("README.md"), "sh")).splitlines():
        if line.startswith("jq "):
            found.append((comment, line))
        comment = line.removeprefix("# ") if line.startswith("# ") else ""
    return found


def manual_examples():
    """The lines of the displays in EXAMPLES of sockline(8), as mdoc(7) renders them."""
    section = read("src/man/sockline.8").split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    lines = []
    for display in re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", section, re.MULTILINE | re.DOTALL):
        for escape, text in ((r"\(aq", "'"), (r"\(dq", '"'), (r"\-", "-"), (r"\&", ""), (r"\e", "\\")):
            display = display.replace(escape, text)
        lines += display.splitlines()
    return lines


@contextlib.contextmanager
def busy_host(rounds):
    """A namespace with an interface eth0, a server on 127.0.0.1:8080, and traffic."""
    with Namespace() as host:
        host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        host.ip("addr", "add", "192.0.2.1/24", "dev", "eth0")
        host.ip("link", "set", "eth1", "up")
        host.ip("link", "set", "eth0", "up")
        host.ip("neigh", "add", "192.0.2.53", "lladdr", "02:00:00:00:00:53", "dev", "eth0")
        server = host.start(sys.executable, "-u", "-m", "http.server", "-b", "127.0.0.1", "8080",
                            "-d", os.path.dirname(path("")))
        server.line()

        def traffic():
            return host.start(sys.executable, "-c", TRAFFIC, rounds, *FETCH)
        yield host, traffic


def shell(line, folder, prefix=(), program=""):
    """Runs a line as bash would, in folder. program: of the name sockline, first in PATH."""
    environment = dict(os.environ)
    if program:
        environment["PATH"] = os.path.dirname(program) + ":" + environment["PATH"]
    return subprocess.run([*prefix, "bash", "-o", "pipefail", "-c", line], cwd=folder, text=True,
                          env=environment, capture_output=True, check=False,
                          timeout=2 * TIMEOUT * slowdown())


def check_line(line, folder, pattern):
    result = shell(line, folder)
    fits = any(re.fullmatch(pattern, text) for text in result.stdout.splitlines())
    check(result.returncode == 0 and fits, line,
          f"status {result.returncode}, looking for {pattern}\n{result.stderr}{result.stdout[:2000]}")


def paths_in(value, above=""):
    """The names of all members, with dots: {"a": [{"b": 1}]} has a and a.b."""
    if isinstance(value, list):
        return set().union(*(paths_in(item, above) for item in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, item in value.items():
        found |= {f"{above}{name}"} | paths_in(item, f"{above}{name}.")
    return found


def test_readme_and_jq():
    with busy_host("once") as (host, traffic):
        sockline = host.sockline("-e", "all", "--stats-interval", "1",
                                 netns=f"/run/netns/{host.name}")
        sockline.wait_for("snapshot_completed")
        check(traffic().wait() == 0, "the traffic is made")
        sockline.wait_for("capture_stats", lambda record: record["sockline"]["stats"]["packets"] > 9)
        # Taken before the harness validates, which forgets the bytes.
        sockline.validated = True
        check(sockline.stop() == 0, "sockline -e all ends with 0", sockline.stderr)
        write("events.ndjson", sockline.output)
        sockline.validated = False
        sockline.validate()

    folder = os.path.dirname(path("events.ndjson"))
    os.symlink(os.path.join(TREE, "contrib"), os.path.join(folder, "contrib"))
    lines = readme_lines()
    check(sorted(comment for comment, _ in lines) == sorted(README_OUTPUT),
          "each jq line of README.md is known here", lines)
    for comment, line in lines:
        check_line(line, folder, README_OUTPUT.get(comment, ".+"))
    lines = re.findall(r"`(jq [^`]* -f [^`]*)`", read("contrib/jq/README.md"))
    names = [name for name in os.listdir(os.path.join(TREE, "contrib/jq")) if name.endswith(".jq")]
    check(sorted(names) == sorted(JQ_OUTPUT) and len(lines) == len(names),
          "each filter of contrib/jq is known here", lines)
    for line in lines:
        check_line(line, folder, JQ_OUTPUT[os.path.basename(line.split(" -f ")[1].split()[0])])

    seen = {}
    for record in sockline.records:
        seen.setdefault(record["event"]["action"], set()).update(paths_in(record))
    for line in "".join(blocks(read("README.md"), "json")).splitlines():
        action = ACTIONS.search(line)[1]
        unknown = paths_in(json.loads(line)) - seen.get(action, set())
        check(not unknown, f"README.md shows {action} as it is", sorted(unknown))


def test_first_example():
    """The console at the top of README.md: what it prints has its form."""
    if not shutil.which("curl"):
        skip("the example of curl", "needs curl")
        return
    console, = blocks(read("README.md"), "console")
    command, output = re.fullmatch(r"\$ (.*\n(?: .*\n)*)(.*)\n", console).groups()
    with busy_host("loop") as (host, traffic):
        traffic()
        # Bounded in time, and only here.
        for name, text in (("sockline", f'exec {SOCKLINE} "$@" --netns /run/netns/{host.name} -d 2'), ("sudo", 'exec "$@"')):
            os.chmod(write(name, f"#!/bin/sh\n{text}\n"), 0o755)
        result = shell(command, path(""), host.prefix, path("sockline"))
    rows, wanted = [json.loads(line) for line in result.stdout.splitlines()], json.loads(output)
    rows = [row for row in rows if row[0] == wanted[0]]
    kinds = [type(value) for value in wanted]
    check(result.returncode == 0 and any(row[2:4] == ["127.0.0.1", 8080] for row in rows) and
          all([type(value) for value in row] == kinds for row in rows), "README.md: the example of curl", result)


def test_manual():
    with busy_host("loop") as (host, traffic):
        traffic()
        # Bounded in time, and only here: the last of two equal options counts.
        wrapper = write("sockline", f"""#!/bin/sh
case " $* " in
*" -r "*) exec {SOCKLINE} "$@" ;;
*" -S "*) exec {SOCKLINE} "$@" --netns /run/netns/{host.name} ;;
esac
exec {SOCKLINE} "$@" --netns /run/netns/{host.name} -d 2
""")
        os.chmod(wrapper, 0o755)
        folder = os.path.dirname(wrapper)
        lines = manual_examples()
        check(len(lines) > 4, "sockline(8) has examples", lines)
        for line in lines:
            result = shell(line, folder, host.prefix, wrapper)
            output = result.stdout
            written = os.path.join(folder, "records.ndjson")
            if not output and os.path.exists(written):
                with open(written, encoding="utf-8") as file:
                    output = file.read()
            records = [text for text in output.splitlines() if text.startswith("{")]
            good = result.returncode == 0 and output and all(map(json.loads, records))
            check(good, line, f"status {result.returncode}\n{result.stderr}{output[:2000]}")


def test_paths():
    names = re.findall(r"`((?:contrib|src|tests)/[\w./-]+)`", read("README.md"))
    missing = [name for name in names if not os.path.exists(os.path.join(TREE, name))]
    check(names and not missing, "the paths in README.md exist", missing)


run(globals())
