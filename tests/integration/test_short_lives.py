#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that live for less than a millisecond beside busy ones have their whole identity, arguments
and all, in control groups of containers, a quarter of them set-user-ID. A wrong value fails in any attempt."""

import collections
import os
import shutil

from harness import HELPERS, HERE, Namespace, check, comment, path, run, skip, until

LIVES = os.path.realpath(os.path.join(HELPERS, "short_lives"))
BUSY, PARENTS = 2, 2
PORT = 7800
FIRST_PORT = 20000
GROUPS = 20
USER, FILE_USER = "65534", 33
LONG = os.environ.get("LONG") == "1"  # make check-long
COUNTS = {"tracepoints": 2000 if LONG else 300, "sentinel": 80, "lookup": 80}
REMOVED = 800 if LONG else 120
PRESENT = 0.999
ARGUMENTS = {"args", "command_line"}
ARGUMENTS_PRESENT = 0.995  # a machine that is late may have none left to read them from
PLACES = 20
ATTEMPTS = 3  # to know all: a storm of events on the machine makes the kernel lose some


def new_folder():
    """A control group of v2 of our own; None: there is no v2 to make one in."""
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(root + "/cgroup.procs"):
            folder = f"{root}/sockline-short-{os.getpid()}"
            try:
                os.mkdir(folder)
                return folder
            except OSError:
                return None
    return None


def remove(folder):
    def removed():
        try:
            for name in os.listdir(folder):
                if os.path.isdir(f"{folder}/{name}"):
                    os.rmdir(f"{folder}/{name}")
            os.rmdir(folder)
        except OSError:
            return False
        return True
    until(removed, f"{folder} to be empty")


def copies():
    """Four copies of the program: three that are plain, and one that is set-user-ID."""
    for number in range(4):
        name = path(f"lives{number}")
        shutil.copy(LIVES, name)
        if number == 3:
            os.chown(name, FILE_USER, -1)
        os.chmod(name, 0o4755 if number == 3 else 0o755)
    os.chmod(os.path.dirname(path("lives0")), 0o755)
    return [path(f"lives{number}") for number in range(4)]


def identity(record):
    """What a record says of its process, by field; a field that is absent is not there."""
    process, user = record.get("process", {}), record.get("user", {})
    found = {
        "pid": process.get("pid"),
        "executable": process.get("executable"),
        "name": process.get("name"),
        "parent": process.get("parent", {}).get("pid"),
        "parent_executable": process.get("parent", {}).get("executable"),
        "parent_name": process.get("parent", {}).get("name"),
        "user": user.get("id"),
        "effective": user.get("effective", {}).get("id"),
        "cgroup": record["sockline"].get("cgroup"),
        "container": record.get("container", {}).get("id"),
        "args": process.get("args"),
        "command_line": process.get("command_line"),
    }
    if "process.args" in record["sockline"].get("truncated", ()):
        found["first args"] = found.pop("args")  # not all of them, and marked so
    return {name: value for name, value in found.items() if value is not None}


def is_right(name, value, wanted):
    if name == "first args":
        return value == wanted["args"][:len(value)]
    return value == wanted.get(name)


def truth(line):
    port, pid, program, folder, parent = line.split("\t")
    cgroup = folder.split("/sys/fs/cgroup/", 1)[1]
    wanted = {
        "pid": int(pid), "executable": program, "name": os.path.basename(program),
        "parent": int(parent), "parent_executable": LIVES, "parent_name": "short_lives",
        "user": USER, "cgroup": "/" + cgroup.removeprefix("unified/"),
        "container": folder.rsplit("docker-", 1)[1].removesuffix(".scope"),
        "effective": str(FILE_USER) if program.endswith("3") else USER,
        "args": [program, "live", port, str(PORT)], "command_line": f"{program} live {port} {PORT}",
    }
    return int(port), wanted


def compare(records, truths):
    """How many have each field, and what is wrong."""
    present, wrong = collections.Counter(), []
    identities = collections.defaultdict(list)
    for record in records:
        # A record without a process is about the connection; each that has one is looked at.
        if "process" in record:
            identities[record.get("source", {}).get("port")].append(identity(record))
    for port, wanted in truths.items():
        found = identities[port]
        for one in found:
            wrong += [(port, name, value, wanted.get(name)) for name, value in one.items()
                      if not is_right(name, value, wanted)]
        # Where the effective user is not another, the record has but one.
        for name in wanted:
            present[name] += bool(found) and (
                name in found[-1] or name == "effective" and wanted[name] == USER)
    return present, wrong


def compare_ids(records, truths, present, wrong):
    """All records of a process have one entity_id, which no other process has."""
    pids, owners = {wanted["pid"] for wanted in truths.values()}, {}
    ids = collections.defaultdict(set)
    for process in (record["process"] for record in records if "process" in record):
        if process["pid"] in pids:
            ids[process["pid"]].add(process.get("entity_id"))
    for pid, found in ids.items():
        present["entity_id"] += None not in found
        for one in found - {None}:
            if len(found - {None}) > 1 or owners.setdefault(one, pid) != pid:
                wrong.append(("entity_id", pid, found, owners.get(one)))


def compare_lives(records, truths, present, wrong):
    """The same of their starts and ends: one record of each, with the program."""
    found = collections.defaultdict(list)
    for record in records:
        found[record["event"]["action"], record["process"]["pid"]].append(record)
    for wanted in truths.values():
        for action in ("process_started", "process_ended"):
            ones = found[action, wanted["pid"]]
            present[action] += bool(ones)
            if len(ones) > 1 or any(one["process"].get("executable", wanted["executable"]) != wanted["executable"]
                                    for one in ones):
                wrong.append((action, wanted, ones))


def play(folder, method, count, *options, arguments=True):
    """Runs them; -> (present, wrong) as compare() says, and the truths."""
    names = [f"{folder}/docker-{number:064x}.scope" for number in range(1, GROUPS + 1)]
    if "-r" in options:
        names = [folder]
    for name in names:
        os.makedirs(name, exist_ok=True)
    programs = [word for name in copies() for word in ("-e", name)]
    with Namespace() as host:
        # From the first network namespace: process events are refused in others.
        sockline = HERE.sockline("-e", "connection,lifecycle", *["--args"] * arguments, "--attribution", method,
                                 netns=f"/run/netns/{host.name}", flush=())
        # `ip netns exec' would hide the control groups.
        lives = HERE.start("nsenter", f"--net=/run/netns/{host.name}", LIVES, "-b", BUSY, "-j", PARENTS,
                           "-u", USER, *programs, *options, count, PORT, *names)
        status = lives.finish(timeout=30)
        comment(f"beside {BUSY} busy processes {lives.stderr.strip()}")
        check(status == 0, f"{method}: they ran", lives.stderr)
        truths = dict(truth(line.decode()) for line in lives.lines)
        if not arguments:
            truths = {port: {name: value for name, value in one.items() if name not in ARGUMENTS}
                      for port, one in truths.items()}
        until(lambda: len(sockline.find("connection_closed")) >= count, "all connections", timeout=30, interval=0.2)
        sockline.stop()
        records = sockline.find(where=lambda one: "source" in one and
                                one["destination"]["port"] == PORT)
        processes = sockline.find(where=lambda one: one["event"]["dataset"] == "sockline.process")
    present, wrong = compare(records, truths)
    compare_lives(processes, truths, present, wrong)
    compare_ids(records + processes, truths, present, wrong)
    return present, wrong, truths


def judge(title, folder, method, count, *options, arguments=True):
    for attempt in range(ATTEMPTS):
        present, wrong, truths = play(folder, method, count, *options, arguments=arguments)
        check(not wrong, f"{title}: nothing is wrong", wrong[:5])
        wanted = collections.Counter(name for one in truths.values() for name in one)
        wanted.update(dict.fromkeys(("entity_id", "process_started", "process_ended"), len(truths)))
        comment(f"{title}: of {len(truths)}: {dict(present)}")
        missing = {name: wanted[name] - present[name] for name in wanted
                   if present[name] < wanted[name] * (ARGUMENTS_PRESENT if name in ARGUMENTS else PRESENT)}
        if method != "tracepoints":
            return
        if not missing or attempt == ATTEMPTS - 1:
            check(not missing, f"{title}: all is known", f"missing: {missing} of {count}")
            return


def with_folder(title, *arguments, **options):
    folder = new_folder()
    if not folder:
        skip(title, "no cgroup v2 to make a group in")
        return
    try:
        judge(title, folder, *arguments, **options)
    finally:
        remove(folder)


def test_tracepoints():
    # Without arguments, a program begins earlier.
    with_folder("tracepoints", "tracepoints", COUNTS["tracepoints"], arguments=False)


def test_tracepoints_with_arguments():
    if not LONG:
        return  # test_removed_groups has them, too
    with_folder("with arguments", "tracepoints", COUNTS["tracepoints"])


def test_sentinel():
    with_folder("sentinel", "sentinel", COUNTS["sentinel"])


def test_lookup():
    with_folder("lookup", "lookup", COUNTS["lookup"])


def test_removed_groups():
    with_folder("a container that is removed at once", "tracepoints", REMOVED, "-r")


def test_start_in_a_storm():
    """While a run opens many namespaces, it takes in what is reported of programs: nothing of it is lost."""
    for _ in range(PLACES):
        HERE.start("unshare", "-n", "sleep", 60)
    storms = [HERE.start("sh", "-c", "while :; do /bin/true; done") for _ in range(2)]
    lost = []
    for _ in range(ATTEMPTS):
        sockline = HERE.sockline("-e", "connection", "--attribution", "tracepoints", netns=None)
        sockline.stop()
        lost.append(sockline.find("run_stopped")[0]["sockline"]["stats"]["tracepoints"]["lost"])
        if not lost[-1]:
            break
    for storm in storms:
        storm.kill()
    check(lost[-1] == 0, "a start in a storm of programs loses no event", lost)


run(globals())
