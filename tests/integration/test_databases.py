#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""contrib with databases, brokers and what brings records there: what arrives is what was written, in
number and value. The records are of one run."""

import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

from consumers import CONTRIB, FETCHED, LOG, NAME, TALK, closed, commands, config_of, contents, folder_of, installed, \
    lines, node_folder, shell
from harness import TIMEOUT, TREE, Namespace, check, path, run, skip, slowdown, until, write
from terminal import Terminal

COLLECT = """
import os, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    while data := connection.recv(65536):
        os.write(1, data)
"""
CLICKHOUSE = """<yandex>
<logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>9000</tcp_port>
<path>FOLDER/data/</path><tmp_path>FOLDER/tmp/</tmp_path><mark_cache_size>1000000</mark_cache_size>
<users_config>clickhouse.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<profiles><default/></profiles><quotas><default/></quotas>
<users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
</default></users>
</yandex>
"""
RSYSLOGD = "/usr/sbin/rsyslogd"
OTHER = b"0123456789abcdef0123456789abcdef"  # host.id of another machine


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
    *setup, view, query = commands("lnav")
    for command in setup:
        shell(folder, command, HOME=folder)
    output = shell(folder, query, HOME=folder)
    check(re.search(r"e +%d\b" % closed()[0], output), "lnav: connections by program", output)
    printed = shell(folder, view.replace("lnav", "lnav -n"), HOME=folder)
    check(sum("connection_closed" in row for row in printed.splitlines()) >= 20,
          "a line for each record", printed[:500])
    terminal = Terminal(["sh", "-c", f"cd {folder} && {view}"], rows=50, columns=200, environment={"HOME": folder})
    terminal.wait_for("run_stopped", TIMEOUT * slowdown())
    terminal.type("q")
    check(terminal.end(TIMEOUT * slowdown()) == 0, "lnav: the last records on a terminal", terminal.seen[-2000:])


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



def syslog_ng():
    """(words that run it, its environment): the system's, or the unpacked one; None without it."""
    root = os.path.join(FETCHED, "root")
    program = os.path.join(root, "usr/sbin/syslog-ng")
    if not os.path.exists(program):
        return shutil.which("syslog-ng", path=os.environ["PATH"] + ":/usr/sbin"), [], []
    libraries = glob.glob(root + "/usr/lib/*-linux-gnu") + [root + "/usr/lib/syslog-ng"]
    return program, ["--module-path", *glob.glob(root + "/usr/lib/syslog-ng/[0-9]*")], libraries


def test_syslog_ng():
    program, options, libraries = syslog_ng()
    if not program:
        skip("syslog-ng", "neither installed nor fetched by contrib/test")
        return
    lines()
    output = path("syslog-ng.connections")
    settings = config_of("syslog-ng/sockline.conf", (LOG, path("sockline.ndjson")), ('"collector"', '"127.0.0.1"'),
                         ("/var/lib/syslog-ng", os.path.dirname(output)),
                         ("/var/log/sockline-connections.log", output))
    config = write("syslog-ng.conf", f'@version: 3.35\n@include "{settings}"\n')
    options += ["--no-caps", "--cfgfile", config, "--persist-file", path("syslog-ng.persist"),
                "--pidfile", path("syslog-ng.pid"), "--control", path("syslog-ng.ctl")]
    with Namespace() as host:
        collector = host.start(sys.executable, "-c", COLLECT, "5170")
        check(collector.line() == "ready", "a collector listens")
        server = host.start("env", "LD_LIBRARY_PATH=" + ":".join(libraries), program, "--foreground", *options)
        until(lambda: collector.output.count(b"\n") > len(lines()),
              lambda: f"all records; {collector.output.count(10)} {server.stderr}")
        check(collector.output.splitlines()[1:] == lines(), "syslog-ng: each record as it was written, in order")
        opened = sum(b'"action":"connection_opened"' in line for line in lines())

        def rows():
            if not os.path.exists(output):
                return []
            with open(output, encoding="utf-8") as file:
                return file.read().split("\n")[:-1]
        until(lambda: len(rows()) >= opened, lambda: f"{opened} lines of text; {rows()}")
        pattern = r"20\S+Z \S.*\[\d*\] tcp 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+"
        check(len(rows()) == opened and all(re.fullmatch(pattern, row) for row in rows()),
              "a line of text for each connection", rows()[:3])
        server.stop()



def records_of_two_hosts():
    """The lines, and again as those of another host."""
    host = re.escape(json.loads(lines()[0])["host"]["id"].encode())
    return lines() + [re.sub(rb'("host":{[^}]*"id":")' + host, rb"\g<1>" + OTHER, line, count=1) for line in lines()]


def kafka(host):
    """The addresses of three brokers."""
    return host.start(sys.executable, os.path.join(TREE, "tests/helpers/mock_kafka.py"), "sockline", "12").line()


def start_rsyslog(host, brokers):
    """rsyslogd with contrib/pipeline, which reads two.ndjson; its folder is kept from one start to the next."""
    os.makedirs(path("rsyslog"), exist_ok=True)
    settings = config_of("pipeline/rsyslog.conf", (LOG, path("two.ndjson")), ("kafka:9092", brokers),
                         ("/var/spool/rsyslog", path("rsyslog")))
    config = write("rsyslog.conf", f'global(workDirectory="{path("rsyslog")}")\ninclude(file="{settings}")\n')
    return host.start(RSYSLOGD, "-n", "-i", path("rsyslog.pid"), "-f", config)


def can_send():
    if not installed("rsyslogd") or not installed("kcat") or not installed("jq"):
        return False
    if not glob.glob("/usr/lib/*/rsyslog/omkafka.so"):
        skip("omkafka", "rsyslog-kafka is not installed")
        return False
    write("two.ndjson", b"".join(line + b"\n" for line in records_of_two_hosts()))
    return True


def test_pipeline():
    """sockline, rsyslog, three brokers of Kafka, and what reads from these."""
    if not can_send():
        return
    sent = records_of_two_hosts()
    with Namespace() as host:
        brokers = kafka(host)
        server = start_rsyslog(host, brokers)
        # Ends with the last record.
        reader = host.start("kcat", "-C", "-q", "-u", "-b", brokers, "-t", "sockline", "-c", str(len(sent)),
                            "-f", "%p %k %s")
        check(reader.wait() == 0, "Kafka: as many records as were written", reader.stderr + server.stderr)
        partitions = {}
        for row in reader.output.splitlines():
            partition, key, line = row.split(b" ", 2)
            partitions.setdefault((partition, key), []).append(line)
        own, other = sent[:len(lines())], sent[len(lines()):]
        check(list(partitions.values()) in ([own, other], [other, own]),
              "a machine has one partition: all of its records, in order, as they were written",
              {name: len(found) for name, found in partitions.items()})
        check(len({partition for partition, _ in partitions}) == 2, "another machine has another", list(partitions))
        count = sum(b'"sockline.connection"' in line for line in sent)
        for number, (expected, title) in enumerate(((count, "rows for ClickHouse"),
                                                    (2 * len(sent), "lines for OpenSearch")), 1):
            # Without the last program.
            command = commands("pipeline", number)[0].replace("kafka:9092", brokers).rpartition(" | ")[0]
            rows = host.run("sh", "-c", f"cd {CONTRIB}/pipeline && {command}").splitlines()
            check(len(rows) == expected and all(map(json.loads, rows)), title, [len(rows), expected])
        server.stop()
    folder = folder_of("pipeline")
    values = dict(row.split("\t") for row in shell(folder, commands("pipeline", 3)[0]).splitlines())
    size = round(sum(len(line) + 1 for line in lines()) / len(lines()))
    check(values["connections"] == str(sum(b'"action":"connection_closed"' in line for line in lines()))
          and values["records"] == str(len(lines())) and values["bytes/record"] == str(size), "the size", values)


def test_nats():
    server = installed("nats-server")
    if not server or not installed("mosquitto_pub"):
        return
    folder = folder_of("nats")
    with open(os.path.join(folder, "stream.json"), encoding="utf-8") as file:
        stream = json.dumps(json.load(file))
    config = config_of("nats/sockline.conf", ("/var/lib/nats", path("jetstream")))
    start, publish = commands("nats")
    check(start == "nats-server -c sockline.conf", "the README starts the server", start)
    with Namespace() as host:
        nats = host.start(server, "-c", config)
        until(lambda: b"4222" in host.run("ss", "-Hltn").encode(), "the server")
        reader = host.start(sys.executable, os.path.join(TREE, "tests/helpers/nats_reader.py"), stream, str(len(lines())))
        check(json.loads(reader.line())["did_create"], "the stream is made", reader.output)
        until(lambda: host.start("mosquitto_pub", "-t", "x", "-n").wait() == 0, "its MQTT")
        host.run("sh", "-c", f"cd {folder} && "
                 + publish.replace("sudo sockline -e connection", "cat sockline.ndjson"))
        check(reader.wait() == 0, "NATS: all messages", reader.stderr)
        _, *kept, info = reader.output.splitlines()
        check(kept == lines(), "each record as it was written, in order", len(kept))
        check(json.loads(info)["state"]["messages"] == len(lines()), "the stream keeps them", info)
        nats.stop()


def test_duckdb():
    folder = node_folder("duckdb", "@duckdb/node-api")
    if not folder:
        return
    install, query = commands("duckdb")
    check(install == "npm install @duckdb/node-api", "the README installs it", install)
    rows = [json.loads(row) for row in shell(folder, query).splitlines()]
    count, size = closed()
    check({"program": NAME, "connections": str(count), "bytes": str(size)} in rows,
          "DuckDB: connections and bytes by program", rows)
    query = 'SELECT event.sequence AS number, epoch_ns("@timestamp") % 1000000000 AS ns FROM records ORDER BY 1'
    kept = [json.loads(row) for row in shell(folder, f"node query.cjs '{query}'").splitlines()]
    written = [{"number": str(record["event"]["sequence"]), "ns": str(int(record["@timestamp"][20:29]))}
               for record in map(json.loads, lines())]
    check(kept == written, "every record, with the nanoseconds of its time", kept[:3])


def test_clickhouse():
    server = installed("clickhouse-server")
    if not server or not installed("clickhouse-client") or not installed("jq"):
        return
    folder = folder_of("clickhouse")
    config = write("clickhouse.xml", CLICKHOUSE.replace("FOLDER", path("clickhouse-data")))
    for name in ("clickhouse-data", "clickhouse-data/data", "clickhouse-data/tmp"):
        os.mkdir(path(name))
    with Namespace() as host:
        clickhouse = host.start(server, "--config-file=" + config, stdin=subprocess.DEVNULL)
        until(lambda: "9000" in host.run("ss", "-Hltn"), lambda: f"the server; {clickhouse.output}")
        create, insert, query = commands("clickhouse")
        for command in (create, insert, insert):
            host.run("sh", "-c", f"cd {folder} && {command}")
        output = host.run("sh", "-c", query, stdin=subprocess.DEVNULL)
        name = NAME.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t")
        check([name, *map(str, closed())] in [row.split("\t") for row in output.splitlines()],
              "ClickHouse: connections and bytes by program; what came twice counts once", output)
        rows = host.run("clickhouse-client", "--query", "SELECT time, nanosecond, sequence, id FROM sockline_connections "
                        "FINAL ORDER BY sequence FORMAT TabSeparated", stdin=subprocess.DEVNULL)
        written = [[record["@timestamp"][:19].replace("T", " "), str(int(record["@timestamp"][20:29])),
                    str(record["event"]["sequence"]), record["sockline"]["connection"]["id"]]
                   for record in map(json.loads, lines()) if record["event"]["dataset"] == "sockline.connection"]
        check([row.split("\t") for row in rows.splitlines()] == written, "every record of a connection", rows[:200])
        clickhouse.stop()


def test_columns():
    """contrib/pipeline's list of --fields is enough for the columns of contrib/clickhouse."""
    if not installed("jq"):
        return
    readme = contents("pipeline/README.md")
    filters = contents("clickhouse/connections.jq")
    columns = re.findall(r"^\t(\w+): ", filters, re.M)
    stated = re.findall(r"of the (\d+) columns", readme)
    fields = re.findall(r"^--fields (\S+)$", readme, re.M)
    check(stated == [str(len(columns))] and len(fields) == 1, "the README names the columns' fields",
          (stated, len(columns), fields))
    rows = []
    with Namespace() as host:
        for more in ((), ("--fields", *fields)):
            sockline = host.sockline("-i", "lo", "-e", "closed", *more)
            host.run(sys.executable, "-c", TALK, NAME)
            sockline.wait_for("connection_closed", count=20)
            sockline.validated = bool(more)  # what is left of a record does not fit the schema of whole ones
            sockline.stop()
            made = subprocess.run(["jq", "-c", filters], input=sockline.output, capture_output=True, check=True).stdout
            rows.append([sorted(name for name, value in json.loads(row).items() if value is not None)
                         for row in made.splitlines()])
    check(len(rows[0]) == 20 and rows[0] == rows[1], "with these fields the columns are filled as without --fields", rows)


def test_schema():
    """The schema that is installed, by a validator that refuses what it does not know."""
    folder = node_folder("jq", "ajv")
    if not folder:
        return
    shutil.copy(os.path.join(TREE, "tests/helpers/ajv.cjs"), folder)
    schema = os.path.join(TREE, "src/schema/sockline.schema.json")
    # The second file: each with a process id has a wrong one.
    result = shell(folder, "sed 's/\"pid\":/\"pid\":-/g' sockline.ndjson > wrong.ndjson && "
                   f"node ajv.cjs {schema} sockline.ndjson wrong.ndjson")
    wrong = sum(b'"pid":' in line for line in lines())
    check(result.split() == ["0", str(wrong)] and wrong, "ajv, strict: the invalid records of each file", result)


def test_gojq():
    """The filters of contrib/jq mean the same to another jq, but for the order of members."""
    if not installed("gojq") or not installed("jq"):
        return
    folder = folder_of("jq")
    for options in ("-n -r -f top.jq", "-s -c -f late.jq"):
        expected = shell(folder, f"jq -S {options} sockline.ndjson")
        check(shell(folder, f"gojq {options} sockline.ndjson") == expected != "", f"gojq {options}")


run(globals())
