# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""src/version.sh: the version of a checkout, of an unpacked tarball and of bare sources."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done, skip  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
SOCKLINE = os.environ.get("SOCKLINE", "build/src/sockline")
TITLES = ("without a tag the release and the commit", "a tagged commit", "a commit after the tag",
          "a change that is in no commit", "a tarball that lies in another project's checkout")


def version(folder):
    return subprocess.run(["sh", os.path.join(ROOT, "src/version.sh"), folder, "1.2.3"], text=True,
                          capture_output=True, check=True).stdout.removesuffix("\n")


def git(folder, *words):
    subprocess.run(["git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@example.com",
                    "-c", "commit.gpgsign=false", *words], check=True, capture_output=True)


def test_checkout(folder):
    git(folder, "init", "-q")
    with open(folder + "/file", "w", encoding="ascii") as file:
        file.write("first\n")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "first")
    found = version(folder)
    check(re.fullmatch(r"1\.2\.3-g[0-9a-f]{7,}", found), TITLES[0])
    git(folder, "tag", "-m", "release", "v2.0.0")
    found = version(folder)
    check(found == "2.0.0", TITLES[1])
    git(folder, "commit", "-qm", "second", "--allow-empty")
    found = version(folder)
    check(re.fullmatch(r"2\.0\.0-1-g[0-9a-f]{7,}", found), TITLES[2])
    with open(folder + "/file", "a", encoding="ascii") as file:
        file.write("second\n")
    found = version(folder)
    check(re.fullmatch(r"2\.0\.0-1-g[0-9a-f]{7,}-dirty", found), TITLES[3])
    os.mkdir(folder + "/unpacked")
    found = version(folder + "/unpacked")
    check(found == "1.2.3", TITLES[4])


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = version(folder)
        check(found == "1.2.3", "bare sources have the number of the release")
        with open(folder + "/.version", "w", encoding="ascii") as file:
            file.write("1.2.2-7-g0123456\n")
        found = version(folder)
        check(found == "1.2.2-7-g0123456", "a tarball has the version that it was made from")
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("git"):
            test_checkout(folder)
        else:
            for title in TITLES:
                skip(title, "needs git")
    run = subprocess.run([SOCKLINE, "--version"], text=True, capture_output=True, check=True)
    check(re.match(r"sockline \d+\.\d+\.\d+(-\S+)?\n", run.stdout), "--version begins with a version",
          run.stdout)
    return done()


if __name__ == "__main__":
    sys.exit(main())
