#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Each command in README.md and contrib is run by a test as it is written; those of tests/packages by `make check-package'.
Those that install files are run here, with copies of /etc, /opt and /usr/local over the machine's."""

import glob
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import ingest  # noqa: E402
from consumers import CONTRIB, commands  # noqa: E402
from harness import SOCKLINE, TREE, check, path, run, skip  # noqa: E402

BLOCK = re.compile(r"^( *)```(?:sh|console)\n(.*?)^\1```", re.M | re.S)
# The test that runs what it reads in the README, and what it reads that with, or with the name of the folder in it.
BY_TEST = {
    "README.md": (("integration/test_readme.py", ("readme_lines(", 'blocks(read("README.md"), "console")')),
                  ("packages/bare.sh", ("as_in 'sudo contrib/run' ", r"as_in 'sudo contrib/run -c 10 | jq \.' "))),
    "alpine": (("packages/alpine.sh", ("commands_of alpine ",)),),
    "arch": (("packages/arch.sh", ("commands_of arch ",)),),
    "container": (("packages/container.sh", ("commands_of container ",)),),
    "debian": (("packages/debian.sh", ("command_of_readme 1 ", "command_of_readme 2 ")),),
    "duckdb": (("packages/duckdb.sh", ("commands_of duckdb ",)), ("integration/test_databases.py", ('commands("duckdb"',))),
    "kubernetes": (("integration/test_kubectl.py", ('commands("kubernetes"',)),),
    "nix": (("packages/nix.sh", ("commands_of nix ",)),),
    "pipeline": (("integration/test_databases.py", ('commands("pipeline"',)),
                 ("packages/bare.sh", ("as_in 'sudo apt-get install rsyslog-kafka' pipeline",))),
    "report": (("packages/report.sh", ("commands_of report ",)),),
    "rpm": (("packages/rpm.sh", ("as_written rpm",)),),
    "elastic": (("integration/test_commands.py", ('commands("elastic"',)),),
    **{name: (("integration/test_databases.py", (f'commands("{name}"',)),) for name in
       ("clickhouse", "lnav", "miller", "mqtt", "nats", "postgresql", "redis", "sqlite")},
}
# Where the test picks out lines: those.
PICKED = {
    "README.md": (r"sudo contrib/run( -c 10 \| jq \.)?", r"jq .*",
                  r"\$ sudo sockline -e connection \| jq .*|      \[.process.name.*|\[\"curl\",.*"),
    "container": (r"podman build .*", r"podman run .*"),
    "debian": (r"sudo contrib/debian/build .*", r"sudo apt-get install \./build/packages/.*"),
}
INSTALLS = re.compile(r"sudo (install|systemd-sysusers|sysctl|systemctl|groupadd|setcap)\b.*")
CALLS = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
"""


def blocks():
    """(folder or README.md, line) of each line of a command."""
    for file in [os.path.join(TREE, "README.md"), *sorted(glob.glob(os.path.join(CONTRIB, "*/README.md")))]:
        name = os.path.basename(os.path.dirname(file)) if file.startswith(CONTRIB) else "README.md"
        with open(file, encoding="utf-8") as text:
            for _, block in BLOCK.findall(text.read()):
                for line in textwrap.dedent(block).splitlines():
                    if line and not line.startswith("#"):
                        yield name, line


def test_known():
    """A new folder with commands needs a test that runs them as it reads them."""
    found = list(blocks())
    unknown = [(name, line) for name, line in found if not INSTALLS.fullmatch(line) and (name not in BY_TEST or
               not any(re.fullmatch(pattern, line) for pattern in PICKED.get(name, (".*",))))]
    check(len(found) > 60 and not unknown, "each command is run by a test", unknown)
    for name, tests in BY_TEST.items():
        for test, places in tests:
            with open(os.path.join(TREE, "tests", test), encoding="utf-8") as file:
                text = file.read()
            check(all(place in text for place in places), f"{test} runs those of {name}")
    unused = [(name, pattern) for name in BY_TEST for pattern in PICKED.get(name, (".*",))
              if not any(one == name and re.fullmatch(pattern, line) for one, line in found)]
    check(not unused, "no others are known", unused)


def over_the_machine(folder, script):
    """Runs it in folder, with a layer over /etc, /opt and /usr/local; what is in PATH's first folder notes its calls."""
    shims = path("shims")
    os.makedirs(shims, exist_ok=True)
    for name in ("systemctl", "sysctl"):  # would change the machine
        with open(os.path.join(shims, name), "w", encoding="utf-8") as file:
            file.write(CALLS)
    with open(os.path.join(shims, "sudo"), "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec "$@"\n')
    for name in os.listdir(shims):
        os.chmod(os.path.join(shims, name), 0o755)
    layers = path("layers")
    os.makedirs(layers, exist_ok=True)
    setup = f"""set -e
mount -t tmpfs sockline-test {layers}
for place in etc opt usr/local; do
    mkdir -p {layers}/$place.upper {layers}/$place.work
    mount -t overlay -o lowerdir=/$place,upperdir={layers}/$place.upper,workdir={layers}/$place.work overlay /$place
done
"""
    environment = {**os.environ, "PATH": shims + ":/usr/sbin:/sbin:" + os.environ["PATH"], "CALLS": path("calls")}
    result = subprocess.run(["unshare", "--mount", "sh", "-c", setup + "echo ready\n" + script], cwd=folder, text=True,
                            env=environment, capture_output=True, check=False)
    return result.stdout.startswith("ready\n"), result


def installs(name):
    return [line for one, line in blocks() if one == name and INSTALLS.fullmatch(line)]


def destination(line):
    """(the source, where it is installed) of a line with install."""
    *_, source, place = line.split("#")[0].split()
    return source, place + os.path.basename(source) if place.endswith("/") else place


def test_installs():
    names = sorted({name for name, line in blocks() if INSTALLS.fullmatch(line)} - {"README.md"})
    for name in names:
        folder = path(f"installs-{name}")
        shutil.copytree(os.path.join(CONTRIB, name), folder)
        given = installs(name)
        files = [destination(line) for line in given if " install " in line]
        folders = " ".join(os.path.dirname(place) for line, (_, place) in
                           zip((line for line in given if " install " in line), files) if " -D " not in line)
        compare = "\n".join(f"cmp {source} {place}" for source, place in files)
        if "sudo systemd-sysusers" in given and shutil.which("systemd-sysusers"):
            compare += "\ngetent passwd sockline >/dev/null"
        elif "sudo systemd-sysusers" in given:
            given.remove("sudo systemd-sysusers")
        ready, result = over_the_machine(folder, "\n".join([f"mkdir -p . {folders}", *given, compare]))
        if not ready:
            skip(f"contrib/{name}", f"no layers over /etc: {result.stderr[:200]}")
            continue
        check(result.returncode == 0 and files, f"contrib/{name}: its files are where they belong", (given, result.stderr))
    with open(path("calls"), encoding="utf-8") as file:
        calls = file.read().splitlines()
    restarted = ("filebeat", "fluent-bit", "logstash", "alloy", "otelcol-contrib", "rsyslog", "rsyslog", "syslog-ng")
    wanted = [*(f"systemctl restart {name}" for name in restarted), "sysctl -p /etc/sysctl.d/60-sockline.conf",
              "systemctl daemon-reload", "systemctl enable --now sockline", "systemctl restart vector"]
    check(calls == wanted, "and the services are asked to read them", calls)


def test_capabilities():
    """README.md: another user with the capabilities, and no more."""
    folder = path("readme")
    os.makedirs(os.path.join(folder, "build/run/src"))
    shutil.copy(SOCKLINE, os.path.join(folder, "build/run/src/sockline"))
    given = installs("README.md")
    # The shell between has lost root's capabilities.
    tries = [f"setpriv --reuid=65534 --regid={group} --clear-groups sh -c "
             "'/usr/local/sbin/sockline --version >/dev/null 2>&1; echo $?'" for group in
             ("$(getent group sockline | cut -d: -f3)", "65534")]
    ready, result = over_the_machine(folder, "\n".join([*given, "getcap /usr/local/sbin/sockline", *tries]))
    if not ready:
        skip("README.md", f"no layers over /etc: {result.stderr[:200]}")
        return
    _, given_capabilities, *statuses = result.stdout.splitlines()
    wanted = re.search(r"setcap (.*)\+ep", given[-1])[1].split(",")
    check(sorted(re.findall(r"cap_\w+", given_capabilities)) == sorted(wanted), "another user's program has the capabilities",
          given_capabilities)
    check(result.returncode == 0 and statuses == ["0", "126"], "members of the group run it, and no others",
          (given, result.stdout, result.stderr))


class Elastic(http.server.BaseHTTPRequestHandler):
    """As far as the commands need it: names and their objects, and _bulk, whose _id is made by the pipeline."""

    kept, documents = {}, {}

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.kept[self.path] = (self.headers["Content-Type"], json.loads(body))
        self.answer({"acknowledged": True})

    def do_POST(self):
        rows = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        errors = False
        for action, document in zip(map(json.loads, rows[::2]), map(json.loads, rows[1::2])):
            key, made = ingest.run_pipeline(self.kept["/_ingest/pipeline/sockline"][1], document)
            errors |= key in self.documents
            self.documents.setdefault(key, (action["create"]["_index"], made))
        self.answer({"errors": errors} if self.path == "/_bulk?filter_path=errors" else {})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_elastic():
    if not shutil.which("curl") or not shutil.which("jq"):
        skip("elastic", "needs curl and jq")
        return
    folder = path("elastic")
    shutil.copytree(os.path.join(CONTRIB, "elastic"), folder)
    records = shutil.copy(os.path.join(TREE, "tests/golden/records.ndjson"), os.path.join(folder, "sockline.ndjson"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elastic) as server:
        threading.Thread(target=server.serve_forever).start()
        environment = {**os.environ, "ES": f"http://127.0.0.1:{server.server_port}"}
        outputs = []
        for command in (*commands("elastic"), *2 * commands("elastic", 1)):
            outputs.append(subprocess.run(["sh", "-c", command], cwd=folder, env=environment, text=True,
                                          capture_output=True, check=False))
        server.shutdown()
    check(all(one.returncode == 0 and not one.stderr for one in outputs), "the commands of contrib/elastic", outputs)
    places = {"/_component_template/sockline-mappings": "component-template.json",
              "/_ingest/pipeline/sockline": "pipeline.json", "/_index_template/logs-sockline": "index-template.json"}
    for place, name in places.items():
        with open(os.path.join(CONTRIB, "elastic", name), encoding="utf-8") as file:
            check(Elastic.kept.get(place) == ("application/json", json.load(file)), f"{name} is put", list(Elastic.kept))
    with open(records, encoding="utf-8") as file:
        sent = [json.loads(line) for line in file]
    wanted = {f"{one['sockline']['run']}-{one['event']['sequence']}": f"logs-{one['event']['dataset']}-default" for one in sent}
    check({key: index for key, (index, _) in Elastic.documents.items()} == wanted, "each record is in its data stream")
    check([one.stdout for one in outputs[-2:]] == ['{"errors": false}', '{"errors": true}'],
          "what is sent again is refused, and not there twice", outputs[-2:])


run(globals())
