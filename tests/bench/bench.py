#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What sockline costs, beside null programs, tcpdump and tshark.

    bench.py [--quick] [-b BUILD] [-s SECTIONS] [-r RUNS] [--capture FILE] [--json FILE]

Sections: replay, flows, compression, growth, encode, tables, sockets, live, memory, idle,
processes, namespaces, snapshot, totals. CAPTURE=FILE in the environment is --capture: that file is replayed instead of a
generated one of a million packets.

CPU is user and system time of all threads of the one program that is measured. Figures are
medians of five, with the least and the most; --quick makes do with fewer. A ratio, and the goal
beside it, counts for more than a time; "!" stands before a goal that was missed. Programs take
turns, so that a busy minute meets them alike.

Load is made on the loopback of a network namespace of its own. replay, encode and tables need
no privileges; the rest is left out without root. All of it takes half an hour, --quick two
minutes.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from bench_flows import run_compression, run_flows, run_growth, run_totals  # noqa: E402
from bench_live import run_idle, run_live, run_memory, run_processes  # noqa: E402
from bench_namespaces import run_namespaces  # noqa: E402
from bench_snapshot import run_snapshot  # noqa: E402
from cpu import cpu_of  # noqa: E402

# What a packet record of sockline says, in tshark's names: its time is a date, too.
TSHARK_FIELDS = (
    "frame.time frame.number frame.len frame.cap_len eth.src eth.dst vlan.id ip.version ip.src "
    "ip.dst ipv6.src ipv6.dst ip.proto ipv6.nxt ip.ttl ipv6.hlim ip.len ipv6.plen ip.id "
    "ip.frag_offset ipv6.fraghdr.ident ipv6.fraghdr.offset tcp.srcport tcp.dstport tcp.flags "
    "tcp.seq_raw tcp.ack_raw tcp.window_size_value tcp.len tcp.stream udp.srcport udp.dstport "
    "udp.length udp.stream icmp.type icmp.code icmp.ident icmpv6.type icmpv6.code "
    "icmpv6.echo.identifier arp.opcode arp.src.proto_ipv4 arp.dst.proto_ipv4 communityid").split()
APPENDED = ("packet", "connection_opened", "connection_state_changed", "connection_updated",
            "connection_attributed", "connection_closed", "existing_socket", "listening_started",
            "listening_stopped")  # json-c makes the others
EIGHT_FIELDS = ("source.ip,source.port,destination.ip,destination.port,network.transport,"
                "network.bytes,process.pid,process.name")
COUNTED = 20000  # packets of which instructions are counted; quick: half of them
COUNTED_SLOW = 1000  # of tshark


class Results:
    """The table, and the same as NDJSON."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.medians = {}

    def write(self, record):
        if self.file:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()

    def title(self, section, text):
        print(f"\n{section}: {text}", flush=True)

    def add(self, section, name, unit, values, note="", runs=None):
        """runs: of which values are the median, the least and the most."""
        median = statistics.median(values)
        self.medians[section, name, unit] = median
        print(f"  {name:44} {median:10.3f} {unit:10} {min(values):10.3f} .. {max(values):10.3f} "
              f"{note}".rstrip(), flush=True)
        self.write({"bench": section, "name": name, "unit": unit, "median": median,
                    "min": min(values), "max": max(values), "runs": runs or len(values)})

    def goal(self, section, text, value, relation, limit):
        missed = value > limit if relation == "<=" else value < limit
        print(f"  {'!' if missed else ' '} {text}: {value:.2f} (goal {relation} {limit:g})",
              flush=True)
        self.write({"bench": section, "goal": text, "value": value, "relation": relation,
                    "limit": limit, "missed": missed})

    def ratio(self, section, text, one, other, unit, relation, limit):
        first = self.medians.get((section, one, unit))
        second = self.medians.get((section, other, unit))
        if first is not None and second:
            if relation == ">=":  # the other is so many times as much
                first, second = second, first
            self.goal(section, text, first / second if second else 0, relation, limit)

    def close(self):
        if self.file:
            self.file.close()


class Bench:
    def __init__(self, options, results):
        self.options = options
        self.results = results
        self.sockline = os.environ.get("SOCKLINE", os.path.join(options.build, "src/sockline"))
        self.scratch = tempfile.mkdtemp(prefix="bench.")

    def close(self):
        shutil.rmtree(self.scratch)

    def helper(self, name):
        folder = "helpers" if name == "gen" else "bench"
        return os.path.join(self.options.build, "tests", folder, name)

    def path(self, name):
        return os.path.join(self.scratch, name)


def cpu_into_cat(command):
    """The same when cat reads the output, and cat's own."""
    cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    used = cpu_of(command, cat.stdin)
    cat.stdin.close()
    _, status, usage = os.wait4(cat.pid, 0)
    cat.returncode = os.waitstatus_to_exitcode(status)
    return used, usage.ru_utime + usage.ru_stime


def counted_by_perf(command):
    """None where the processor's counters are out of reach, as in most virtual machines."""
    if not shutil.which("perf"):
        return None
    counted = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "--", *command],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             check=False).stderr
    match = re.search(r"^(\d+),,instructions:u", counted, re.MULTILINE)
    return int(match.group(1)) if match else None


def counted_by_callgrind(command):
    if not shutil.which("valgrind"):
        return None
    counted = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                              *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, check=False).stderr
    match = re.search(r"Collected : (\d+)", counted)
    return int(match.group(1)) if match else None


def instructions_of(command):
    """Instructions of user space; None where nothing can count them."""
    counted = counted_by_perf(command)
    return counted_by_callgrind(command) if counted is None else counted


# Replay


TSHARK = {"all fields": [], "our fields": TSHARK_FIELDS}


def tshark(fields):
    """fields empty: all that there are."""
    chosen = [word for field in fields for word in ("-e", field)]
    return ["tshark", "-n", "--enable-protocol", "communityid", "-T", "ek", *chosen, "-r"]


# A pipe that cannot be opened anew, since there is no /proc, is asked for room before each write
# and gets PIPE_BUF at most: 4,096 bytes are whole even after kill -9 without further ado.
SMALL_WRITES = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]


def replay_into_cat(bench, command, packets):
    """What large writes bring."""
    ways = {"of all that it has room for": [], "of 4,096 bytes at most": SMALL_WRITES}
    if subprocess.run([*SMALL_WRITES, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return  # not root, or root of a container
    times = {name: [] for name in ways}
    for _ in range(bench.options.runs):
        for name, prefix in ways.items():
            times[name].append([seconds / packets * 1e6
                                for seconds in cpu_into_cat([*prefix, *command])])
    for name, pairs in times.items():
        writer, reader = zip(*pairs)
        bench.results.add("replay", f"| cat, writes {name}", "us/packet", writer,
                          f"cat {statistics.median(reader):.3f}")


def packets_in(bench, file):
    output = subprocess.run([bench.helper("null_capture"), "-r", file], check=True,
                            stdout=subprocess.PIPE).stdout
    return json.loads(output)["packets"]


def make_captures(bench):
    """The capture, and its first packets for the slow ones: by name in the scratch directory."""
    few = 4000 if bench.options.quick else 20000
    counted = COUNTED // 2 if bench.options.quick else COUNTED
    file, slice_file = bench.options.capture, bench.path("slice.pcap")
    if not file:
        file = bench.path("capture.pcap")
        count = 200000 if bench.options.quick else 1000000
        subprocess.run([bench.helper("make_capture"), "-n", str(count), file], check=True)
    for name, packets in ((slice_file, few), (bench.path("one.pcap"), 1),
                          (bench.path("some.pcap"), COUNTED_SLOW),
                          (bench.path("begin.pcap"), counted), (bench.path("more.pcap"), 2 * counted)):
        subprocess.run(["tcpdump", "-q", "-r", file, "-c", str(packets), "-w", name], check=True,
                       stderr=subprocess.DEVNULL)
    return file, slice_file


def count_instructions(bench, programs, begin_file, more_file):
    """Instructions for the packets that are in one file and not in the other."""
    files = [bench.path(name) for name in (begin_file, more_file)]
    some = packets_in(bench, files[1]) - packets_in(bench, files[0])
    for name, command in programs.items() if some > 0 else ():
        begin, more = (instructions_of([*command, file]) for file in files)
        if more is None:
            break
        bench.results.add("replay", f"{name}, instructions", "per packet", [(more - begin) / some])


def replay_tshark(bench, file):
    """Without its start, which is half a second."""
    packets = packets_in(bench, file)
    for what, fields in TSHARK.items():
        times = []
        for _ in range(1 if bench.options.quick else 5):
            start = cpu_of([*tshark(fields), bench.path("one.pcap")])
            times.append((cpu_of([*tshark(fields), file]) - start) / packets * 1e6)
        bench.results.add("replay", f"tshark -T ek, {what}", "us/packet", times)


def run_replay(bench):
    file, slice_file = make_captures(bench)
    packets = packets_in(bench, file)
    programs = {
        "null pcap loop": [bench.helper("null_capture"), "-r"],
        "sockline -e connection": [bench.sockline, "-q", "-e", "connection", "-r"],
        "sockline -e connection --no-inspect": [bench.sockline, "-q", "-e", "connection",
                                                "--no-inspect", "-r"],
        "sockline -e packet": [bench.sockline, "-q", "-e", "packet", "-r"],
        "sockline -e packet,connection": [bench.sockline, "-q", "-e", "packet,connection", "-r"],
        "sockline -e packet,connection --no-inspect": [
            bench.sockline, "-q", "-e", "packet,connection", "--no-inspect", "-r"],
        "sockline --fields of 8": [bench.sockline, "-q", "-e", "packet,connection", "--fields", EIGHT_FIELDS, "-r"],
        "tcpdump -nn -tt": ["tcpdump", "-nn", "-tt", "-r"],
    }
    results = bench.results
    results.title("replay", f"{packets} packets, {os.path.getsize(file)} bytes; CPU per packet")
    times = {name: [] for name in programs}
    for _ in range(bench.options.runs):
        for name, command in programs.items():
            times[name].append(cpu_of([*command, file]) / packets * 1e6)
    null = statistics.median(times["null pcap loop"])
    for name, values in times.items():
        results.add("replay", name, "us/packet", values,
                    f"{statistics.median(values) / null:6.1f} x null")
    if shutil.which("tshark"):
        replay_tshark(bench, slice_file)
    # After as many others: in the beginning most packets open a connection.
    count_instructions(bench, programs, "begin.pcap", "more.pcap")
    if shutil.which("tshark") and not bench.options.quick:
        count_instructions(bench, {f"tshark -T ek, {what}": tshark(fields)
                                   for what, fields in TSHARK.items()}, "one.pcap", "some.pcap")
    replay_into_cat(bench, [*programs["sockline -e packet,connection"], file], packets)
    for name in ("sockline -e packet", "sockline -e packet,connection"):
        results.ratio("replay", f"{name} / tcpdump", name, "tcpdump -nn -tt", "us/packet", "<=",
                      0.5)
    results.ratio("replay", "sockline --fields of 8 / all fields", "sockline --fields of 8",
                  "sockline -e packet,connection", "us/packet", "<=", 0.5)
    # What names cost, in a capture of which a tenth is DNS; counted too, as a busy machine blurs times.
    for events in ("connection", "packet,connection"):
        name = f"sockline -e {events}"
        for unit, counted in (("us/packet", ""), ("per packet", ", instructions")):
            results.ratio("replay", f"{name} / --no-inspect{counted}", name + counted,
                          f"{name} --no-inspect{counted}", unit, "<=", 1.15)
    for what in TSHARK:
        results.ratio("replay", f"tshark -T ek, {what} / sockline -e packet,connection",
                      "sockline -e packet,connection", f"tshark -T ek, {what}", "us/packet", ">=",
                      100)
    results.ratio("replay", "sockline -e connection / null", "sockline -e connection",
                  "null pcap loop", "us/packet", "<=", 4)


# Parts of the program alone, by programs of their own


def run_encode(bench):
    results = bench.results
    results.title("encode", "a record made: as a tree, with new pieces, with cached pieces")
    values = {}
    for _ in range(1 if bench.options.quick else 5):
        output = subprocess.run([bench.helper("bench_encode"), "1" if bench.options.quick else "5"],
                                check=True, text=True, stdout=subprocess.PIPE).stdout
        for line in output.splitlines()[1:]:
            name, size, numbers = re.match(r"(.{26}) +(\d+)((?: +\d+)+)$", line).groups()
            name = name.strip()
            ways = ("tree", "cold", "warm") if name in APPENDED else ("",)
            for way, number in zip(ways, numbers.split()):
                key = f"{name}, {way}" if way else name
                values.setdefault((key, f"{size} bytes"), []).append(float(number))
    for (name, note), numbers in values.items():
        results.add("encode", name, "ns", numbers, note)
    results.goal("encode", "warm packet record, ns", results.medians["encode", "packet, warm", "ns"],
                 "<=", 150)
    results.ratio("encode", "packet, tree / warm", "packet, warm", "packet, tree", "ns", ">=", 30)


def run_tables(bench):
    results = bench.results
    results.title("tables", "CPU per operation by number of entries")
    entries = ["1000", "100000", "1000000"]
    output = subprocess.run([bench.helper("bench_tables"), *entries], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        table, size, what, median, least, most, unit = line.split(None, 6)
        results.add("tables", f"{table} {size} {what}", unit,
                    [float(least), float(median), float(most)], runs=5)
    # Packets are looked up in batches; a lookup alone waits for memory two times, whatever the table.
    results.ratio("tables", "connections batched, 1000 -> 1000000", "connections 1000000 batched",
                  "connections 1000 batched", "ns", "<=", 1.5)


def run_sockets(bench):
    results = bench.results
    results.title("sockets", "finding one socket, listing all; CPU")
    size = 0
    output = subprocess.run([bench.helper("bench_sockets"), "20000"], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        match = re.match(r"(find|list) (.*?) +([\d.]+) +([\d.]+) +([\d.]+) us +(\d+) runs", line)
        if match:
            results.add("sockets", f"{match[1]} {match[2]}, {size} sockets", "us",
                        [float(match[4]), float(match[3]), float(match[5])], runs=int(match[6]))
        elif re.match(r"\d+ sockets", line):
            size = int(line.split()[0])
    found = results.medians.get(("sockets", "find TCP, 20000 sockets", "us"))
    if found is not None:
        results.goal("sockets", "find one of 20000, us", found, "<=", 6)
    for what in ("TCP", "UDP"):
        results.ratio("sockets", f"find {what}, 10 -> 20000 sockets", f"find {what}, 20000 sockets",
                      f"find {what}, 10 sockets", "us", "<=", 1.4)


RUN = {"replay": run_replay, "flows": run_flows, "compression": run_compression,
       "growth": run_growth, "encode": run_encode, "tables": run_tables, "sockets": run_sockets,
       "live": run_live, "memory": run_memory, "idle": run_idle, "processes": run_processes,
       "namespaces": run_namespaces, "snapshot": run_snapshot, "totals": run_totals}
UNPRIVILEGED = ("replay", "flows", "compression", "growth", "encode", "tables")


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {"kernel": os.uname().release, "cpus": os.cpu_count(), "model": model,
            "load": os.getloadavg()[0]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-b", "--build", default=os.environ.get("top_builddir", "."))
    parser.add_argument("-s", "--sections", type=lambda text: text.split(","), default=tuple(RUN))
    parser.add_argument("-r", "--runs", type=int, help="of each replay (5, quick 3)")
    parser.add_argument("--capture", metavar="FILE", default=os.environ.get("CAPTURE"))
    parser.add_argument("-j", "--json", metavar="FILE", help="append results as NDJSON")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.runs = options.runs or (3 if options.quick else 5)
    if set(options.sections) - set(RUN):
        parser.error("sections are " + ",".join(RUN))
    return options


def main():
    options = parse()
    results = Results(options.json)
    bench = Bench(options, results)
    about = machine()
    print(f"# {about['model']}, {about['cpus']} CPUs, Linux {about['kernel']}, load "
          f"{about['load']:.1f}")
    results.write({"bench": "machine", **about})
    try:
        for section in RUN:
            if section not in options.sections:
                continue
            if section not in UNPRIVILEGED and os.geteuid() != 0:
                print(f"\n{section}: left out, needs root")
                continue
            RUN[section](bench)
    finally:
        bench.close()
        results.close()
    print(f"\n# load at the end {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
