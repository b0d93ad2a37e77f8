#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A service manager hears when everything is open (P29), that the loop turns, and of the end."""

import os
import socket

from harness import HERE, TIMEOUT, check, path, run


def manager(name):
    """What systemd has in its place: a datagram socket, by a path or abstract."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(name.replace("@", "\0", 1))
    listening.settimeout(TIMEOUT)
    return listening


def started(name, *arguments, **variables):
    words = [f"{key}={value}" for key, value in {"NOTIFY_SOCKET": name, **variables}.items()]
    return HERE.sockline("-i", "lo", "-e", "stats", "--attribution", "lookup", *arguments, via=("env", *words), wait=False)


def hear(listening, wanted):
    """Datagrams up to the one that has the line."""
    heard = []
    while not heard or wanted not in heard[-1].split("\n"):
        heard.append(listening.recv(4096).decode())
    return heard


def test_p29_ready():
    for name in (path("manager"), f"@sockline-test-{os.getpid()}"):
        with manager(name) as listening:
            sockline = started(name, "--stats-interval", "1", WATCHDOG_USEC=200000)
            heard = hear(listening, "READY=1")
            check(len(heard) == 1, f"{name}: it is ready first of all", heard)
            sockline.wait_for("run_started")
            heard = hear(listening, "WATCHDOG=1") + hear(listening, "WATCHDOG=1")
            check(all("WATCHDOG=1" in text or "STATUS=" in text for text in heard),
                  f"{name}: the watchdog is kept quiet", heard)
            while not listening.recv(4096).startswith(b"STATUS="):
                pass
            check(True, f"{name}: and there is a status")
            check(sockline.stop() == 0, f"{name}: ends well", sockline.stderr)
            heard = hear(listening, "STOPPING=1")
            check(heard, f"{name}: the end is announced")


def test_watchdog_of_another():
    name = path("other")
    with manager(name) as listening:
        sockline = started(name, WATCHDOG_USEC=100000, WATCHDOG_PID=1)
        sockline.wait_for("run_started")
        sockline.stop()
        heard = hear(listening, "STOPPING=1")
        check("WATCHDOG=1" not in heard, "a watchdog for another process is left alone", heard)


def test_no_manager():
    for name in (path("nobody"), "relative", "@", "/" + 200 * "x"):
        sockline = started(name)
        sockline.wait_for("run_started")
        check(sockline.stop() == 0 and "NOTIFY_SOCKET" in sockline.stderr,
              f"{name[:20]}: a manager that is not there is no failure", sockline.stderr)


run(globals())
