# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of contrib with other programs share: the records of one run, and the folders of contrib."""

import json
import os
import re
import shutil
import subprocess
import sys

from harness import BUILD, TREE, Namespace, check, path, skip, write

CONTRIB = os.path.join(TREE, "contrib")
FETCHED = os.path.join(BUILD, "consumers")  # what contrib/test does not install: unpacked, or of npm
LOG = "/var/log/sockline/sockline.ndjson"
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


def contents(name):
    """The text of a file of contrib."""
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        return file.read()


def commands(name, number=0):
    """The commands of a block of a README, one a line."""
    blocks = re.findall(r"^```sh\n(.*?)^```", contents(f"{name}/README.md"), re.MULTILINE | re.DOTALL)
    return [line for line in blocks[number].splitlines() if not line.startswith("#")]


def config_of(name, *replacements):
    """A copy of the file of contrib with some of its text replaced; returns its path."""
    text = contents(name)
    for old, new in replacements:
        if old not in text:
            raise ValueError(f"contrib/{name} lacks {old!r}")
        text = text.replace(old, new)
    return write(name.replace("/", "-"), text)


def folder_of(name):
    """A copy of the folder of contrib with the records in it."""
    folder = path(name)
    shutil.copytree(os.path.join(CONTRIB, name), folder, dirs_exist_ok=True)
    lines()
    shutil.copy(path("sockline.ndjson"), folder)
    return folder


def node_folder(name, package):
    """folder_of(name) with the packages of npm; None without them."""
    modules = os.path.join(FETCHED, "node_modules")
    if not installed("node"):
        return None
    if not os.path.isdir(os.path.join(modules, package)):
        skip(package, "contrib/test did not get it from npm")
        return None
    folder = folder_of(name)
    os.symlink(modules, os.path.join(folder, "node_modules"))
    return folder


def shell(folder, command, **environment):
    result = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
                            env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
    check(result.returncode == 0 and not result.stderr, command[:60], result.stderr)
    return result.stdout
