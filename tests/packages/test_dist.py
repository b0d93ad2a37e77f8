#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""`make dist` makes the same tarball of the same sources, whoever makes it and when."""

import os
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done  # noqa: E402

BUILD = os.environ.get("top_builddir", "build/b")
NAME = "test_dist"  # other tests, and those who run make beside them, have the usual name
DATE = 1700000000


def versioned():
    """Paths of what is released of the repository; none where the tree is no checkout."""
    listed = subprocess.run(["git", "-C", os.environ.get("top_srcdir", "."), "ls-files", "-z"],
                            capture_output=True, text=True, check=False).stdout
    return {path for path in listed.split("\0") if path and path != ".gitignore" and not path.startswith("findings/")}


def dist(umask, **environment):
    """The bytes of a tarball that is made in the way of another user."""
    tarball = os.path.join(BUILD, NAME + ".tar.gz")
    kept = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SOURCE_DATE_EPOCH")}
    made = subprocess.run(["make", "-C", BUILD, "dist", "distdir=" + NAME], text=True,
                          capture_output=True, check=False, umask=umask,
                          env={**kept, "SOURCE_DATE_EPOCH": str(DATE), **environment})
    check(made.returncode == 0, f"make dist, with umask {umask:03o}", made.stdout + made.stderr)
    if made.returncode != 0:
        return b""
    with open(tarball, "rb") as file:
        content = file.read()
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    os.unlink(tarball)
    strays = [member.name for member in members
              if member.mtime != DATE or member.uid or member.gid or member.mode & 0o022]
    check(not strays, f"its files, of umask {umask:03o}, have the time and the owner that were asked for",
          strays)
    missing = versioned() - {member.name.partition("/")[2] for member in members}
    check(not missing, f"each file of the repository is in it, of umask {umask:03o}", sorted(missing))
    return content


def main():
    first = dist(0o022, TZ="UTC", LC_ALL="C")
    second = dist(0o007, TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", GZIP="-1")
    check(first and first == second, "both tarballs are the same to the byte")
    return done()


if __name__ == "__main__":
    sys.exit(main())
