#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Records are selected by owner and port; the rest is counted and not written."""

from harness import Namespace, check, run
from mksock import Mksock

ALWAYS = ("sockline.run", "sockline.log", "sockline.stats")


def chosen(sockline):
    return [one for one in sockline.records if one["event"]["dataset"] not in ALWAYS]


def pids(record):
    peer = record["sockline"].get("peer", {})
    return {one["process"]["pid"] for one in (record, peer) if "process" in one}


def traffic(host, server):
    """Two clients of one server."""
    return [Mksock(host, f"tcp-connect 127.0.0.1 {server.port()}") for _ in range(2)]


def fits(record, options, expected):
    """Is it of an expected process? A port selects also what has no owner yet."""
    if pids(record):
        return bool(pids(record) & expected)
    ports = {str(record[end]["port"]) for end in ("source", "destination")}
    return options[0] == "--port" and str(options[1]) in ports


def test_select():
    """One of two like clients is selected, in several ways."""
    with Namespace() as host:
        server = Mksock(host, "tcp-listen 127.0.0.1 0")
        mine, other = traffic(host, server)
        cases = ((("--pid", mine.pid), {mine.pid}), (("--pid", mine.pid, "--pid", other.pid), {mine.pid, other.pid}),
                 (("--pid", mine.pid, "--user", "0"), {mine.pid}), (("--pid", mine.pid, "--user", "65534"), set()),
                 (("--process", "mksock", "--port", mine.port()), {mine.pid}), (("--port", other.port()), {other.pid}),
                 (("--process", "nobody"), set()), (("--pid", mine.pid, "--port", other.port()), set()))
        for options, expected in cases:
            sockline = host.sockline("-e", "packet,connection,stats", "--attribution", "lookup", *options)
            for client in (mine, other):
                client.tell("send %1 hello")
                client.tell("send %1 hello")
            sockline.wait_until_asleep()
            check(sockline.stop() == 0, f"{options[0]}: ends well", sockline.stderr)
            found = set().union(*(pids(one) for one in chosen(sockline))) - {server.pid}
            title = " ".join(map(str, options[::2]))
            check(found == expected, f"{title}: just these processes", (found, expected, sockline.stderr))
            # The server has the same name: with it alone, while the client is looked for.
            fitting = expected | ({server.pid} if "mksock" in options else set())
            wrong = [one for one in chosen(sockline) if not fits(one, options, fitting)]
            check(not wrong, f"{title}: no record of others", wrong[:2])
            records = sockline.find("run_stopped")[0]["sockline"]["stats"]["records"]
            check(records["deselected"] > 0 or len(expected) == 2, f"{title}: what was left out is counted", records)
            numbers = [one["event"]["sequence"] for one in sockline.records]
            check(numbers == list(range(1, len(numbers) + 1)), f"{title}: no gap in the numbers", numbers)


def test_snapshot():
    """A snapshot of one process."""
    with Namespace() as host:
        mine = Mksock(host, "tcp-listen 127.0.0.1 0", "udp-bind 127.0.0.1 0")
        other = Mksock(host, "tcp-listen 127.0.0.1 0")
        sockline = host.sockline("-S", "--pid", mine.pid, wait=False)
        check(sockline.wait() == 0, "ends well", sockline.stderr)
        found = [pids(one) for one in sockline.find("existing_socket")]
        check(len(found) == 2 and all(one == {mine.pid} for one in found), "its two sockets", found)
        check(sockline.find("snapshot_completed"), "and the end")
        other.end()


def test_usage():
    """What cannot be selected is a wrong usage."""
    with Namespace() as host:
        for options in (("--pid", "0"), ("--pid", "x"), ("--user", "no such user"), ("--cgroup", "web"), ("--port", "65536"),
                        ("--process", ""), ("-r", "-", "--cgroup", "/a"), ("-r", "-", "--user", "root")):
            sockline = host.sockline(*options, wait=False)
            check(sockline.wait() == 2 and options[-2] in sockline.stderr or options[0] == "-r",
                  f"{options}: status 2 and a message", sockline.stderr)


run(globals())
