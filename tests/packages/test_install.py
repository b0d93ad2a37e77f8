#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""`make install`: what it installs, and that the service runs the program that it installs."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done  # noqa: E402

BUILD = os.environ.get("top_builddir", "build/b")
# Folder by the name of its variable in the Makefile, and the file there.
FILES = (("sbindir", "sockline"), ("systemdsystemunitdir", "sockline.service"), ("sysusersdir", "sockline.conf"),
         ("logrotatedir", "sockline"), ("pkgdatadir", "sockline.schema.json"), ("pkgdatadir", "sockline.spdx.json"),
         ("man5dir", "sockline-events.5"), ("man8dir", "sockline.8"), ("bashcompletiondir", "sockline.bash"),
         ("zshcompletiondir", "_sockline"), ("fishcompletiondir", "sockline.fish"))


def make(*words):
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", "-s", "-C", BUILD, *words], text=True, capture_output=True, check=False,
                          env=environment)


def files_below(folder):
    return {"/" + os.path.relpath(os.path.join(at, name), folder)
            for at, _, names in os.walk(folder) for name in names}


def main():
    printed = make("show-folders", "--eval=show-folders: ; @printf '%s\\n' " +
                   " ".join(f"'$({variable})'" for variable, _ in FILES)).stdout.splitlines()
    wanted = {os.path.join(folder, name) for folder, (_, name) in zip(printed, FILES)}
    with tempfile.TemporaryDirectory() as root:
        made = make("install", "DESTDIR=" + root)
        check(made.returncode == 0, "make install", made.stdout + made.stderr)
        found = files_below(root)
        check(len(wanted) == len(FILES) and found == wanted, "each file is in its folder, and no other file",
              sorted(found ^ wanted))
        with open(root + printed[1] + "/sockline.service", encoding="utf-8") as file:
            started = re.findall(r"^ExecStart=(\S+)", file.read(), re.MULTILINE)
        check(started == [printed[0] + "/sockline"], "the unit starts the program that was installed")
        made = make("uninstall", "DESTDIR=" + root)
        left = files_below(root)
        check(made.returncode == 0 and not left, "make uninstall leaves nothing", (made.stderr, left))
    return done()


if __name__ == "__main__":
    sys.exit(main())
