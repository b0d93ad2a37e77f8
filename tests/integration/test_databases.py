#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""contrib with databases and brokers: what arrives is what was written, in number and value."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

from harness import TREE, Namespace, check, path, run, skip, until, write

CONTRIB = os.path.join(TREE, "contrib")
NAME = "a\"b\\c'd\te"  # of a process: quotes, a backslash and a tab
TALK = """
import ctypes, socket, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
listener = socket.create_server(("127.0.0.1", 0))
for size in range(1, 21):
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.send(b"x" * size)
    client.close()
    server.close()
"""
_lines = []


def lines():
    """The lines of a real run, made once."""
    if not _lines:
        with Namespace() as host:
            sockline = host.sockline("-i", "lo", "-e", "all")
            host.run(sys.executable, "-c", TALK, NAME)
            sockline.wait_for("connection_closed", count=20)
            sockline.stop()
            _lines.extend(sockline.output.splitlines())
        write("sockline.ndjson", b"".join(line + b"\n" for line in _lines))
    return _lines


def closed():
    """(number, their bytes) of connection_closed of the process with the odd name."""
    records = [record for record in map(json.loads, lines())
               if record["event"]["action"] == "connection_closed"
               and record.get("process", {}).get("name") == NAME]
    return len(records), sum(record["network"]["bytes"] for record in records)


def installed(name, *more):
    found = shutil.which(name, path=":".join([os.environ["PATH"], "/usr/sbin", "/sbin", *more]))
    if not found:
        skip(name, "not installed")
    return found


def commands(name, number=0):
    """The commands of a block of a README, one a line."""
    with open(os.path.join(CONTRIB, name, "README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
    return [line for line in blocks[number].splitlines() if not line.startswith("#")]


def folder_of(name):
    """A copy of the folder of contrib with the records in it."""
    folder = path(name)
    shutil.copytree(os.path.join(CONTRIB, name), folder)
    lines()
    shutil.copy(path("sockline.ndjson"), folder)
    return folder


def shell(folder, command, **environment):
    result = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
                            env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
    check(result.returncode == 0 and not result.stderr, command[:60], result.stderr)
    return result.stdout


def test_sqlite():
    if not installed("sqlite3"):
        return
    folder = folder_of("sqlite")
    outputs = [shell(folder, command) for command in commands("sqlite")]
    check([NAME, *map(str, closed())] in [row.split("|") for row in outputs[-1].splitlines()],
          "SQLite: connections and bytes by program", outputs[-1])
    count = shell(folder, "sqlite3 sockline.db 'SELECT count(*) FROM records'")
    check(int(count) == len(lines()), "every record", [count, len(lines())])
    # Text, not bytes: what the database has is what was written.
    kept = shell(folder, "sqlite3 sockline.db 'SELECT record FROM records ORDER BY rowid'")
    check(kept.encode().splitlines() == lines(), "as it was written")


def test_postgresql():
    base = "/usr/lib/postgresql"
    versions = sorted(os.listdir(base), key=int) if os.path.isdir(base) else []
    binaries = os.path.join(base, versions[-1], "bin") if versions else ""
    if not installed("initdb", binaries) or not installed("psql"):
        return
    user = pwd.getpwnam("postgres")
    folder = folder_of("postgresql")
    data = tempfile.mkdtemp(prefix="sockline-pg-", dir="/tmp")
    os.chown(data, user.pw_uid, user.pw_gid)
    server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
              "env", "-C", "/", "PATH=" + binaries + ":" + os.environ["PATH"]]
    control = [*server, "pg_ctl", "-s", "-w", "-D", data + "/data", "-l", data + "/log"]
    environment = {"PGHOST": data, "PGUSER": "postgres", "PGOPTIONS": "-c client_min_messages=warning"}
    try:
        subprocess.run([*server, "initdb", "-N", "-A", "trust", "-D", data + "/data"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([*control, "-o", f"-c listen_addresses= -c fsync=off -k {data}", "start"], check=True)
        outputs = [shell(folder, command.replace("psql", "psql -q -A -t", 1), **environment)
                   for command in commands("postgresql")]
        check([NAME, *map(str, closed())] in [row.split("|") for row in outputs[-1].splitlines()],
              "PostgreSQL: connections and bytes by program", outputs[-1])
        kept = shell(folder, "psql -q -A -t -c \"SELECT record FROM sockline_records "
                     "ORDER BY (record #>> '{event,sequence}')::int\"", **environment)
        check([json.loads(row) for row in kept.splitlines()] == [json.loads(line) for line in lines()],
              "every record, with its values")
        times = shell(folder, "psql -q -A -t -c \"SELECT count(*) FROM sockline_connections "
                      "WHERE time > now() - interval '1 hour' AND source_ip = inet '127.0.0.1'\"", **environment)
        check(int(times) >= 40, "times and addresses have types", times)
        subprocess.run([*control, "-m", "immediate", "stop"], check=True)
    finally:
        shutil.rmtree(data)


def test_miller():
    if not installed("mlr"):
        return
    folder = folder_of("miller")
    table, values = (shell(folder, command) for command in commands("miller"))
    count, size = closed()
    row = next(row for row in table.splitlines() if row.startswith(NAME))
    check(row[len(NAME):].split() == [str(count), str(size)], "Miller: bytes by program", table)
    check(len(values.splitlines()) == 1 + sum(b'"connection_closed"' in line for line in lines()),
          "CSV: a line each, with one head", values)


def test_lnav():
    if not installed("lnav"):
        return
    folder = folder_of("lnav")
    *setup, _, query = commands("lnav")
    for command in setup:
        shell(folder, command, HOME=folder)
    output = shell(folder, query, HOME=folder)
    check(re.search(r"e +%d\b" % closed()[0], output), "lnav: connections by program", output)
    view = shell(folder, "lnav -n sockline.ndjson", HOME=folder)
    check(sum("connection_closed" in row for row in view.splitlines()) >= 20,
          "a line for each record", view[:500])


def test_redis():
    server = installed("redis-server")
    if not server or not installed("redis-cli"):
        return
    folder = folder_of("redis")
    with Namespace() as host:
        redis = host.start(server, "--port", "0", "--unixsocket", path("redis.sock"), "--save", "",
                           "--dir", folder)
        until(lambda: os.path.exists(path("redis.sock")), "redis")
        command = commands("redis")[0].replace("sudo sockline -e connection", "cat sockline.ndjson")
        output = shell(folder, command.replace("redis-cli", f"redis-cli -s {path('redis.sock')}"))
        check(f"errors: 0, replies: {len(lines())}" in output, "Redis: a reply to each record", output)
        kept = subprocess.run(["redis-cli", "-s", path("redis.sock"), "--raw", "XRANGE", "sockline", "-", "+"],
                              capture_output=True, check=True).stdout
        check([row for row in kept.splitlines() if row.startswith(b"{")] == lines(), "each as it was written")
        redis.stop()


def test_mqtt():
    server = installed("mosquitto")
    if not server or not installed("mosquitto_pub"):
        return
    folder = folder_of("mqtt")
    write("mosquitto.conf", "listener 1883 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    with Namespace() as host:
        broker = host.start(server, "-c", path("mosquitto.conf"))
        until(lambda: host.start("mosquitto_pub", "-t", "x", "-n").wait() == 0, "the broker")
        reader = host.start("mosquitto_sub", "-q", "1", "-t", "sockline/records")

        def ready():
            host.start("mosquitto_pub", "-q", "1", "-t", "sockline/records", "-m", "ready").wait()
            return b"ready" in reader.output

        def kept():
            return [row for row in reader.output.splitlines() if row != b"ready"]
        until(ready, "a subscription")
        command = commands("mqtt")[0].replace("sudo sockline -e connection", "cat sockline.ndjson")
        host.run("sh", "-c", f"cd {folder} && {command}")
        until(lambda: len(kept()) >= len(lines()), lambda: f"all messages; {len(kept())}")
        check(kept() == lines(), "MQTT: each record as it was written", [len(kept()), len(lines())])
        reader.stop()
        broker.stop()


run(globals())
