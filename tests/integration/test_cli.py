#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Bad input (P28): exit status 2 (usage) or 1 (run time), one line on stderr that names what is
wrong, nothing on stdout. And what good input does where no other test looks."""

import gzip
import json
import os
import struct
import subprocess

from harness import SOCKLINE, check, path, run, slowdown, write

USAGE, RUNTIME, EITHER = (2,), (1,), (1, 2)
LONG = "x" * 100000


def pcap(packets=3):
    """Ethernet, IPv4, UDP 192.0.2.1:12345 -> 192.0.2.2:53."""
    frame = bytes.fromhex("020000000002020000000001" "0800" "4500001e00000000401100c5"
                          "c0000201c0000202" "30390035000a0000" "6869")
    record = struct.pack("<4I", 1732270272, 123456, len(frame), len(frame)) + frame
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * packets


def make_files():
    good = pcap()
    write("good.pcap", good)
    write("cut-packet.pcap", good[:-3])
    write("empty.pcap", b"")
    write("text.pcap", b"this is not a capture file\n" * 10)
    write("gzip.pcap.gz", gzip.compress(good)[:12])  # cut off in its header
    write("cut-magic.pcap", good[:3])
    write("cut-header.pcap", good[:20])
    write("no-such-link.pcap", good[:20] + struct.pack("<I", 0x300001) + good[24:])
    write("unreadable.pcap", good)
    os.chmod(path("unreadable.pcap"), 0)
    os.mkdir(path("folder"))
    write("bad-filter", "udp prot 53\n")
    write("good-filter", "udp port 53\n")
    write("commented-filter", "# of the name servers\nudp # not TCP\nport 53 # domain")
    write("empty-filter", "")
    write("binary-filter", b"udp\0port 53")
    write("plain.txt", "somebody's notes, without an end")
    write("linked", "")
    os.link(path("linked"), path("hard-link"))
    os.symlink(path("linked"), path("symbolic-link"))
    os.mkfifo(path("fifo"))


def usage_cases():
    """(arguments, what the line must name)."""
    # Options that do not exist, or lack what they need.
    yield ["-Z"], "-Z"
    yield ["-lZ"], "-Z"
    yield ["--nosuch"], "--nosuch"
    yield ["--nosuch=3"], "--nosuch"
    yield ["--li"], "--li"  # ambiguous
    yield ["--version=3"], "--version"
    for option in ("-i", "-r", "-o", "-w", "-e", "-c", "-d", "-s", "-B", "-Q", "-F"):
        yield [option], option
    for option in ("--interface", "--read", "--flush-interval", "--community-id-seed"):
        yield [option], option
    # Numbers.
    for text in ("", "0", "-1", "+", "abc", "5x", "1e3", "18446744073709551616", " "):
        yield ["-c", text], "-c"
    for text in ("-1", "x", "262145", "99999999999999999999"):
        yield ["-s", text], "-s"
    for text in ("0", "x", "99999999999"):
        yield ["-B", text], "-B"
    for text in ("0", "", "5x", "-3s", "s", "10ms", "99999999999999h"):
        yield ["-d", text], "-d"
    for option in ("--update-interval", "--stats-interval", "--flush-interval"):
        for text in ("x", "-1", "99999999999999999999"):
            yield [option, text], option
    for text in ("-1", "65536", "x"):
        yield ["--community-id-seed", text], "--community-id-seed"
    for text in ("0", "x", "99999999999"):
        yield ["--max-connections", text], "--max-connections"
    for option, text in (("--max-memory", "1Q"), ("--payload", "x"), ("--payload", "-1"),
                         ("--pid", "0"), ("--pid", "x"), ("--port", "65536"), ("--port", "x"),
                         ("--rotate-size", "10X"), ("--rotate-size", "0"),
                         ("--rotate-interval", "10x"), ("--rotate-keep", "-1")):
        yield [option, text], option
    # Words.
    for option, text in (("-Q", "sideways"), ("--sockets", "magic"), ("--attribution", "magic"),
                         ("--on-slow-reader", "wait"), ("--log-format", "xml"),
                         ("-e", ""), ("-e", "nosuch"), ("-e", "packet,"), ("-e", "packet,,stats"),
                         ("--user", "no such user"), ("--fields", "no.such.field"),
                         ("--without", "no.such.field")):
        yield [option, text], option
    # Filters.
    for text in ("udp prot 53", "(", "port 70000", "host 256.1.1.1", "ip and not ip"):
        yield [text], text
    yield ["-F", path("bad-filter")], "udp prot 53"
    yield ["-F", path("good-filter"), "tcp"], "-F"
    yield ["-F", path("good-filter"), "-F", path("good-filter")], "-F"
    yield ["-F", ""], "-F"
    yield ["-F", path("binary-filter")], path("binary-filter")
    # What cannot go together.
    good = path("good.pcap")
    yield ["-r", good, "-i", "lo"], "-i"
    yield ["-r", good, "-S"], "-S"
    yield ["-r", good, "-Q", "in"], "-Q"
    yield ["-r", good, "-r", good], "-r"
    yield ["-i", "lo", "-i", "lo"], "lo"
    yield ["-i", "any", "-i", "lo"], "any"
    yield ["-i", "lo", "-i", "any"], "any"
    yield ["-r", "-", "-F", "-"], "-F"
    yield ["--netns", ""], "--netns"
    yield ["-i", ""], "-i"
    yield ["-S", "-i", "lo"], "-i"
    yield ["-S", "tcp"], "-S"
    yield ["-S", "-c", "3"], "-c"
    yield ["-S", "-d", "3"], "-d"
    yield ["-S", "-e", "packet"], "-e"
    yield ["-S", "--format", "zeek"], "--format"
    yield ["--format", "zeek", "-e", "packet"], "-e"
    yield ["--format", "ocsf", "-e", "packet,traffic"], "-e"
    yield ["--format", "ocsf", "-e", "stats"], "-e"
    yield ["--format", "zeek", "-e", "opened"], "-e"
    yield ["-S", "--no-dedupe"], "--no-dedupe"
    yield ["-S", "--summary"], "--summary"
    yield ["--progress"], "--progress"
    yield ["--top", "-S"], "-S"
    yield ["--top", "-r", good], "-r"
    yield ["--top", "--self-test"], "--self-test"
    yield ["--top", "--", "true"], "command"
    yield ["--top", "-w", "-", "-o", path("plain.txt")], "-w -"
    yield ["--top", "-e", "packet"], "-e"
    yield ["-S", "--payload", "9"], "--payload"
    yield ["--payload", "4097"], "--payload"
    yield ["-r", good, "-e", "process"], "-e process"
    yield ["--all-processes"], "--all-processes needs"
    yield ["-r", good, "-e", "all", "--all-processes"], "-r and --all-processes"
    yield ["--listening"], "--listening"
    yield ["--"], "--: the command is missing"
    yield ["-l", "--"], "--: the command is missing"
    for address in ("unix:", "tcp:foo", "tcp:127.0.0.1:99999", "tcp::1", "fd:", "fd:x"):
        yield ["-o", address], "-o " + address
    yield ["--tcp"], "--tcp"
    yield ["--fields", "source.ipp"], "--fields: unknown field 'source.ipp'; the nearest is 'source.ip'"
    yield ["--without", "source.ip,rtt_us"], "the nearest is 'sockline.tcp.rtt_us'"
    yield ["--fields", "source.ip,"], "--fields: a field is empty"
    yield ["--fields", LONG], "--fields"
    yield ["--fields", "source.ip", "--format", "text"], "--fields and --without need --format ecs"
    yield ["--rotate-size", "1M"], "--rotate-size"
    # Hostile: still one line, of printable characters, that a terminal survives.
    yield ["-c", "\x1b[31mred\n\r\x07"], "-c"
    yield ["-Z\n"], "-Z"
    yield ["--\xff\xfe"], "--"
    yield ["-e", LONG], "-e"
    yield ["udp prot " + LONG], "udp prot"


def runtime_cases():
    """(arguments, what the line must name, possible statuses)."""
    for name in ("missing.pcap", "empty.pcap", "text.pcap", "cut-magic.pcap", "cut-header.pcap",
                 "folder", "no-such-link.pcap"):
        yield ["-r", path(name)], path(name), RUNTIME
    yield ["-r", path("gzip.pcap.gz")], "gzip", RUNTIME
    yield ["-r", path("gzip.pcap.gz")], path("gzip.pcap.gz"), RUNTIME
    yield ["-r", ""], "-r", EITHER
    yield ["-r", path("good.pcap"), "wlan type mgt"], "wlan", EITHER
    yield ["-F", path("missing")], path("missing"), RUNTIME
    yield ["-F", path("folder")], path("folder"), RUNTIME
    yield ["-i", "nosuch0"], "nosuch0", RUNTIME
    yield ["-i", "lo", "-i", "nosuch0"], "nosuch0", RUNTIME
    yield ["-i", "a-name-that-is-too-long"], "a-name-that-is-too-long", RUNTIME
    yield ["-i", "\x1b[31m\nevil"], "evil", RUNTIME
    yield ["-i", LONG], "xxx", RUNTIME
    yield ["-L", "-i", "nosuch0"], "nosuch0", RUNTIME
    good = path("good.pcap")
    for name in ("folder", "missing/file", "symbolic-link", "hard-link", "fifo", "plain.txt"):
        yield ["-r", good, "-o", path(name)], path(name), RUNTIME
    yield ["-r", good, "-o", "/dev/full"], "/dev/full", RUNTIME
    yield ["-r", good, "-o", ""], "-o", EITHER
    yield ["-r", good, "-w", path("missing/file")], path("missing/file"), RUNTIME
    yield ["--netns", "/nonexistent"], "/nonexistent", EITHER


def sockline(arguments, via=(), **keywords):
    """Runs it to its end, with a bound."""
    encoded = [argument if isinstance(argument, bytes) else argument.encode("latin-1")
               for argument in arguments]
    keywords.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([*via, SOCKLINE, *encoded], capture_output="stdout" not in keywords,
                          check=False, timeout=10 * slowdown(), **keywords)


def check_refusal(title, result, named, statuses):
    lines = result.stderr.splitlines(keepends=True)
    problems = []
    if result.returncode not in statuses:
        problems.append(f"status {result.returncode}, not one of {statuses}")
    if result.stdout:
        problems.append("something on stdout")
    if len(lines) != 1 or not lines[0].startswith(b"sockline: ") or not lines[0].endswith(b"\n"):
        problems.append("not one line that begins with 'sockline: '")
    if any(byte < 32 or byte >= 127 for byte in result.stderr.rstrip(b"\n")):
        problems.append("control bytes on stderr")
    if len(result.stderr) > 2000:
        problems.append(f"a line of {len(result.stderr)} bytes")
    if named.encode() not in result.stderr:
        problems.append(f"does not name {named!r}")
    check(not problems, title, "; ".join(problems) + f"\n{result.stderr[:2000]!r}")


def shown(arguments):
    """For a title: short, printable, without the name of the folder."""
    words = [argument.replace(path(""), "")[:30] for argument in arguments]
    return "sockline " + " ".join(words).encode("unicode_escape").decode()


def test_usage():
    for arguments, named in usage_cases():
        check_refusal(shown(arguments), sockline(arguments), named, USAGE)


def test_runtime():
    for arguments, named, statuses in runtime_cases():
        check_refusal(shown(arguments), sockline(arguments), named, statuses)
    with open(path("gzip.pcap.gz"), "rb") as file:
        check_refusal("-r - of a gzip file that is cut off", sockline(["-r", "-"], stdin=file), "gzip", RUNTIME)
    check_refusal("-r - of nothing", sockline(["-r", "-"]), "standard input", RUNTIME)


def test_start_that_fails():
    """It leaves no file that was not there, and one that was there as it was."""
    write("half.ndjson", '{"a":1}\n{"b')
    for arguments in (["-r", path("missing.pcap")], ["-i", "nosuch0"], ["-r", path("good.pcap"), "wlan type mgt"]):
        made = [path("made.ndjson"), path("made.pcapng")]
        results = [sockline([*arguments, "-o", made[0], "-w", made[1]]),
                   sockline([*arguments, "-o", path("half.ndjson"), "-w", path("missing/file")])]
        with open(path("half.ndjson"), encoding="utf-8") as file:
            kept = file.read()
        check(all(result.returncode in EITHER for result in results) and not any(map(os.path.exists, made))
              and kept == '{"a":1}\n{"b', f"{shown(arguments)}: files are as before", (results, kept))


def test_no_permission():
    no_raw = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    for arguments in ([], ["-i", "lo"], ["-L"]):
        check_refusal(f"without CAP_NET_RAW: {shown(arguments)}", sockline(arguments, via=no_raw),
                      "CAP_NET_RAW", RUNTIME)
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all")
    result = sockline(["-i", "lo"], via=nobody)
    check(result.returncode == 1 and not result.stdout and
          b"CAP_NET_RAW" in result.stderr.splitlines()[-1], "as nobody: the last line says it",
          result.stderr)
    check_refusal("a file that may not be read", sockline(["-r", path("unreadable.pcap")], via=nobody),
                  "unreadable.pcap", RUNTIME)
    os.chmod(os.path.dirname(path("")), 0o755)
    check_refusal("a folder that may not be written",
                  sockline(["-r", path("good.pcap"), "-o", path("folder/out")], via=nobody),
                  "folder/out", RUNTIME)


def test_few_descriptors():
    """Whichever step fails for lack of them, the limit is named, or the run is a whole one."""
    for method in ("auto", "lookup"):
        unnamed = []
        for limit in range(6, 45):
            result = sockline(["-q", "--netns", "self", "-i", "lo", "-d", "1", "--attribution",
                               method], via=("prlimit", f"--nofile={limit}"))
            named = result.returncode == 1 and not result.stdout and \
                f"RLIMIT_NOFILE is {limit},".encode() in result.stderr.splitlines()[-1]
            whole = result.returncode == 0 and b'"run_stopped"' in result.stdout
            if not named and not whole:
                unnamed.append((limit, result.returncode, result.stderr))
            if whole:
                break
        check(not unnamed and limit > 6, f"{method}: fewer than {limit} descriptors: the limit is named",
              unnamed)


def test_damaged_file():
    """The packets before the damage come, then the error with the place."""
    good = pcap(100)
    record = (len(good) - 24) // 100
    for name, content, packets in (("cut in a header", good[:24 + 50 * record + 8], 50),
                                   ("cut in a packet", good[:24 + 50 * record + 30], 50),
                                   ("first packet cut", good[:24 + 30], 0)):
        file = write("damaged.pcap", content)
        result = sockline(["-q", "-e", "packet", "-r", file])
        records = [json.loads(line) for line in result.stdout.splitlines()]
        lines = result.stderr.splitlines()
        check(result.returncode == 1 and len(lines) == 1 and file.encode() in lines[0] and
              f"byte {len(content)}".encode() in lines[0], f"{name}: file and offset", result.stderr)
        found = [record for record in records if record["event"]["action"] == "packet"]
        check(len(found) == packets and records[-1]["event"]["action"] == "run_stopped",
              f"{name}: {packets} packets and the end", result.stdout[-500:])


def test_broken_outputs():
    """A standard descriptor that is closed must not become another file by chance."""
    good = path("good.pcap")
    result = subprocess.run(["sh", "-c", '"$0" -r "$1" >&-', SOCKLINE, good], check=False,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=10 * slowdown())
    check(result.returncode == 1 and result.stderr.count(b"\n") >= 1, "stdout closed: status 1",
          (result.returncode, result.stderr))
    result = subprocess.run(["sh", "-c", '"$0" -r "$1" 2>&-', SOCKLINE, good], check=False,
                            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=10 * slowdown())
    check(result.returncode == 0 and all(json.loads(line) for line in result.stdout.splitlines()),
          "stderr closed: only records on stdout", (result.returncode, result.stdout[:300]))
    with open("/dev/full", "wb") as full:
        result = sockline(["-r", good], stdout=full, stderr=subprocess.PIPE)
        check(result.returncode == 1 and b"No space left" in result.stderr,
              "stdout full: status 1 and why", (result.returncode, result.stderr))


def test_answers_without_room():
    """-h, -V, -D and a self-test are lost like records: a line says so, and the status is 1."""
    for option in ("-h", "-V", "-D", f"--self-test -r {path('good.pcap')}"):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([SOCKLINE, *option.split()], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=10 * slowdown(), check=False)
        check(result.returncode == 1 and "No space left" in result.stderr and
              result.stderr.count("\n") == 1, f"{option.split()[0]} to /dev/full: status 1, and why", result)


def test_closed_descriptors():
    """The output file takes the number of no standard descriptor: no message lands in it."""
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        target = path(f"closed-{len(closed)}-{closed[0]}.ndjson")
        subprocess.run(["/bin/sh", "-c", f'"$0" -v -r "$1" -o "$2" {closed}', SOCKLINE,
                        path("cut-packet.pcap"), target],
                       stderr=subprocess.DEVNULL, timeout=10 * slowdown(), check=False)
        with open(target, encoding="utf-8") as file:
            lines = file.read().splitlines()
        check(len(lines) >= 3 and all(line.startswith('{"@timestamp"') for line in lines),
              f"{closed}: the file has records and nothing else", lines[-2:])


def test_log_format():
    result = sockline(["--log-format", "json", "-r", path("missing.pcap")])
    line = json.loads(result.stderr)
    check(result.returncode == 1 and result.stderr.count(b"\n") == 1 and
          path("missing.pcap") in line["message"], "--log-format json: one object", result.stderr)
    result = sockline(["-q", "-r", path("missing.pcap")])
    check(result.returncode == 1 and path("missing.pcap").encode() in result.stderr,
          "-q: errors are not silenced", result.stderr)
    result = sockline(["-q", "-r", path("good.pcap")])
    check(result.returncode == 0 and not result.stderr, "-q: nothing on stderr", result.stderr)
    for options, summed in (([], False), (["--summary"], True), (["--summary", "-q"], False),
                            (["--format", "text"], True), (["--format", "text", "--no-summary"], False)):
        result = sockline([*options, "-r", path("good.pcap")])
        check((b" connections, " in result.stderr) == summed and b"reading" not in result.stderr,
              f"{shown(options)}: {'' if summed else 'no '}summary on stderr", result.stderr)


# Options, the field of run_started's config that shows each, and its value then and without them.
LIVE = ((["-i", "lo"], "interfaces", ["lo"], ["any"]), (["udp"], "filter", "udp", None),
        (["-e", "stats,lifecycle"], "events", ["lifecycle", "stats"], ["packet", "connection", "stats"]),
        (["--all-processes"], "all_processes", True, False),
        (["-s", "96"], "snaplen", 96, 256), (["-B", "4096"], "buffer_bytes", 4096 << 10, 32768 << 10),
        (["--attribution", "lookup"], "attribution", "lookup", None),
        (["--sockets", "proc"], "sockets", "proc", "auto"),
        (["--community-id-seed", "7"], "community_id_seed", 7, 0),
        (["-Q", "in"], "direction", "in", "inout"), (["-p"], "promiscuous", False, True),
        (["--immediate-mode"], "immediate_mode", True, False), (["--guess"], "guess", True, False),
        (["--hash"], "hash", True, False),
        (["--args"], "args", True, False),
        (["--pid", "1", "--process", "curl", "--process", "/bin/sh", "--user", "root", "--container", "web",
          "--cgroup", "/a", "--port", "443"], "selection",
         {"pid": ["1"], "process": ["curl", "/bin/sh"], "user": ["root"], "container": ["web"], "cgroup": ["/a"],
          "port": ["443"]}, None),
        (["--netns", "/proc/self/ns/net"], "netns", "paths", "auto"),
        ([], "netns_paths", ["/proc/self/ns/net"], None), (["--no-dedupe"], "dedupe", False, True),
        (["--payload", "64"], "payload", 64, None),
        (["--fields", "source.ip,process"], "fields", ["source.ip", "process"], None),
        (["--without", "process.parent"], "without", ["process.parent"], None),
        (["--no-inspect"], "inspect", False, True),
        (["--no-tunnels"], "tunnels", False, True),
        (["--max-connections", "99"], "max_connections", 99, 65536),
        (["--max-memory", "1G"], "max_memory_bytes", 1 << 30, None), (["-c", "5"], "count", 5, None),
        (["-d", "2"], "duration_ns", 2 * 10**9, None),
        (["--update-interval", "0"], "update_interval_ns", 0, 60 * 10**9),
        (["--stats-interval", "1m"], "stats_interval_ns", 60 * 10**9, 10 * 10**9),
        (["--flush-interval", "5"], "flush_interval_ns", 5 * 10**6, 100 * 10**6),
        (["-l"], "flush_each", True, False), (["--on-slow-reader", "drop"], "on_slow_reader", "drop", "block"))
SNAPSHOT = ((["-S"], "events", ["socket"], None), (["--udp", "--raw"], "kinds", ["udp", "raw"], None),
            (["--listening"], "listening", True, None),
            (["--interval", "1", "-d", "1"], "interval_ns", 10**9, None))
HOST_ONLY = {"interfaces", "buffer_bytes", "direction", "promiscuous", "immediate_mode", "netns",
             "netns_paths", "guess", "hash", "args", "all_processes"}


def config_of(arguments):
    result = sockline(["-q", *arguments])
    first = json.loads(result.stdout.splitlines()[0]) if result.stdout else {}
    return first["sockline"]["config"] if result.returncode == 0 else {"failed": result.stderr}


def test_config():
    """run_started has each option that changes what the records mean."""
    for title, cases in (("a capture", LIVE), ("a snapshot", SNAPSHOT)):
        config = config_of([word for words, _, _, _ in cases for word in words])
        wrong = [(field, config.get(field)) for _, field, value, _ in cases if config.get(field) != value]
        check(not wrong, f"{title} with all options: run_started has them", wrong or config)
    config = config_of(["-d", "1"])
    wrong = [(field, config.get(field)) for _, field, _, usual in LIVE
             if config.get(field) != usual and field not in ("duration_ns", "attribution")]
    check(not wrong, "without options: the defaults", (wrong, config))
    method = config_of(["-S", "--udp"])["attribution"]
    check(method == "lookup", "one snapshot looks its holders up", method)
    config = config_of(["-r", path("good.pcap")])
    check(not HOST_ONLY & set(config) and config["file"] == path("good.pcap") and
          config["attribution"] == "replay", "of a file: only what applies to it", config)
    generate = os.path.join(os.path.dirname(SOCKLINE), "completion", "generate")
    table = subprocess.run([generate, "table"], capture_output=True, text=True, check=True).stdout
    fields = {line.split("\t")[4] for line in table.splitlines()} - {"-"}
    tried = {case[1] for case in (*LIVE, *SNAPSHOT)} | {"file"}
    check(fields <= tried, "each field of the table of options was tried", fields - tried)


def test_answers():
    """--help, --version, -D and -L: GNU style, to stdout, status 0."""
    for arguments, expected in ((["--help"], b"Usage: sockline"), (["-h"], b"Usage: sockline"),
                                (["--version"], b"sockline "), (["-V"], b"libpcap version"),
                                (["-D"], b"any (Pseudo-device"), (["-D"], b"lo [Up, Running, Loopback]"),
                                (["-L"], b"LINUX_SLL2 (Linux cooked v2)"),
                                (["--list-fields"], b"\nsource\nsource.address\n"),
                                (["-L", "-i", "lo"], b"EN10MB (Ethernet)")):
        result = sockline(arguments)
        check(result.returncode == 0 and expected in result.stdout and not result.stderr,
              shown(arguments), (result.returncode, result.stdout, result.stderr))
        with open("/dev/full", "wb") as full:
            result = sockline(arguments, stdout=full, stderr=subprocess.PIPE)
            check(result.returncode == 1, f"{shown(arguments)} > /dev/full: status 1",
                  result.returncode)


def test_accepted():
    """Spellings that fingers know."""
    good = path("good.pcap")
    for arguments in (["-n"], ["-nn"], ["-l"], ["-U"], ["-lnq"], ["-p"], ["-s", "0"], ["-s96"], ["-B", "4096"],
                      ["--immediate-mode"], ["-Q", "inout"], ["udp", "port", "53"], ["udp port 53"],
                      ["-F", path("good-filter")], ["-F", path("commented-filter")],
                      ["-F", path("empty-filter")], ["-e", "all"], ["-c", "1"], ["-d", "1m"], ["-v"],
                      ["--update-interval", "0"], ["--stats-interval", "0"]):
        result = sockline(["-r", good, *arguments])
        check(result.returncode == 0 and b'"run_stopped"' in result.stdout.splitlines()[-1],
              shown(arguments), (result.returncode, result.stderr))
    # What was not written is then none of what was expected.
    result = sockline(["-r", good, "-F", path("empty-filter")],
                      env={**os.environ, "MALLOC_PERTURB_": "85"})
    check(result.returncode == 0 and result.stdout.count(b'"action":"packet"') == 3,
          "-F empty-filter, fresh memory not zero: all packets", (result.returncode, result.stderr))
    with open(good, "rb") as file:
        result = sockline(["-r", "-"], stdin=file)
        check(result.returncode == 0 and result.stdout.count(b'"action":"packet"') == 3,
              "-r - reads standard input", (result.returncode, result.stderr))


make_files()
run(globals())
