#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""What the packages say is what configure.ac and the tree say: dependencies, versions, files."""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, complaints, done, skip  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
CONTRIB = os.path.join(ROOT, "contrib")
# Each library by its name in pkg-config, and the package of its headers in Debian, Fedora, Alpine,
# Arch and Nix.
LIBRARIES = {
    "json-c": ("libjson-c-dev", "json-c-devel", "json-c-dev", "json-c", "json_c"),
    "libnl-3.0": ("libnl-3-dev", "libnl3-devel", "libnl3-dev", "libnl", "libnl"),
    "liblz4": ("liblz4-dev", "lz4-devel", "lz4-dev", "lz4", "lz4"),
    "libpcap": ("libpcap-dev", "libpcap-devel", "libpcap-dev", "libpcap", "libpcap"),
    "libseccomp": ("libseccomp-dev", "libseccomp-devel", "libseccomp-dev", "libseccomp", "libseccomp"),
    "libzstd": ("libzstd-dev", "libzstd-devel", "zstd-dev", "zstd", "zstd"),
    "nettle": ("nettle-dev", "nettle-devel", "nettle-dev", "nettle", "nettle"),
    "zlib": ("zlib1g-dev", "zlib-devel", "zlib-dev", "zlib", "zlib"),
}
# What Debian 13 calls the libraries themselves.
TRIXIE = {
    "json-c": "libjson-c5", "libnl-3.0": "libnl-3-200", "liblz4": "liblz4-1", "libpcap": "libpcap0.8t64",
    "libseccomp": "libseccomp2", "libzstd": "libzstd1", "nettle": "libnettle8t64", "zlib": "zlib1g",
}
DEBIAN, FEDORA, ALPINE, ARCH, NIX = range(5)
# What a list has beside libraries.
TOOLS = {"autoconf", "automake", "base-devel", "gcc", "glibc", "libc6-dev", "linux-headers", "make", "musl-dev",
         "pkg-config", "pkgconf", "pkgconf-pkg-config"}
# Folders of contrib that are no examples for users of a package.
PACKAGES = {"alpine", "arch", "debian", "nix", "rpm"}


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def found(pattern, name):
    """What the pattern's group is in the file; "" where it is not."""
    match = re.search(pattern, read(name), re.MULTILINE | re.DOTALL)
    return match.group(1) if match else ""


def with_versions(pattern, text):
    return {name: version or "" for name, version in re.findall(pattern, text)}


def check_list(words, column, title):
    """The list has the libraries' packages in that column, tools, and nothing else."""
    wanted = {names[column] for names in LIBRARIES.values()}
    given = set(words) - TOOLS
    check(given == wanted, f"{title} names each library's package", sorted(given ^ wanted))


def test_libraries():
    asked = with_versions(r"([a-z][a-z0-9.-]*)(?: >= ([0-9.]+))?",
                          found(r"PKG_CHECK_MODULES\(\[DEPENDENCIES\],\s*\[(.*?)\]", "configure.ac"))
    check(asked.keys() == LIBRARIES.keys(), "configure.ac asks for the libraries of this test", asked)
    listed = found(r"for sockline_library in (libpcap[^;]*);", "configure.ac").split()
    check(set(listed) == asked.keys(), "the bill of materials has them", listed)
    given = with_versions(r"\n ([a-z0-9-]+)(?: \(>= ([0-9.]+)\))?(?=,)",
                          found(r"(\nBuild-Depends:.*?)\n\n", "contrib/debian/control"))
    check({names[DEBIAN]: asked.get(name) for name, names in LIBRARIES.items()}.items() <= given.items(),
          "debian/control has them, with the versions", given)
    given = with_versions(r"BuildRequires: +pkgconfig\(([^)]+)\)(?: >= ([0-9.]+))?",
                          read("contrib/rpm/sockline.spec"))
    check(given == asked, "the spec has them, with the versions", given)
    check_list(found(r'^makedepends="(.*?)"', "contrib/alpine/APKBUILD").split(), ALPINE, "APKBUILD")
    check_list(found(r"^depends=\((.*?)\)", "contrib/arch/PKGBUILD").split(), ARCH, "PKGBUILD")
    check_list(found(r" buildInputs = \[ (.*?) \]", "contrib/nix/default.nix").split(), NIX, "default.nix")
    common = "contrib/common.sh"
    check_list(found(r"^run_packages='(.*?)'", common).split(), DEBIAN, "contrib/run")
    text = read("contrib/container/Containerfile").replace("\\\n", " ")
    stages = [words.split() for words in re.findall(r"--no-install-recommends ([^&\n]*)", text)]
    check(len(stages) == 2, "the Containerfile has two stages", stages)
    check_list(stages[0], DEBIAN, "the Containerfile")
    check(sorted(stages[1]) == sorted(TRIXIE.values()) and TRIXIE.keys() == LIBRARIES.keys(),
          "its second stage has the libraries", stages[1])
    for system, column in (("Fedora", FEDORA), ("Alpine", ALPINE), ("Arch", ARCH)):
        words = re.sub(r"'\s*\\\s*'", " ", found(rf"say '  {system}: (.*?)'\n", common)).split()
        check_list(words, column, f"what contrib/run says on {system}")


def test_versions():
    version = found(r"^AC_INIT\(\[sockline\], \[(.*?)\]", "configure.ac")
    places = {"contrib/debian/changelog": r"^sockline \((.*?)-", "contrib/rpm/sockline.spec": r"^Version: +(\S+)",
              "contrib/arch/PKGBUILD": r"^pkgver=(\S+)", "contrib/alpine/APKBUILD": r"^pkgver=(\S+)",
              "contrib/nix/default.nix": r'^ +version = "(.*?)"'}
    complaints("each package has the version of configure.ac",
               [f"{name}: {found(pattern, name)}, configure.ac: {version}" for name, pattern in places.items()
                if found(pattern, name) != version])


def test_files():
    folders = {entry.name for entry in os.scandir(CONTRIB) if entry.is_dir()}
    examples = {os.path.basename(line) for line in read("contrib/debian/sockline.examples").splitlines()}
    check(examples == folders - PACKAGES, "the Debian package has each folder of examples",
          sorted(examples ^ (folders - PACKAGES)))
    complaints("what the Debian package is to have is there",
               [name for name in read("contrib/debian/sockline.docs").splitlines()
                if not os.path.exists(os.path.join(ROOT, name))])
    lists = re.findall(r"^(?:dist_)?\w+_(?:MANS|DATA) = ((?:\\\n|[^\n\\])*)", read("Makefile.am"), re.MULTILINE)
    wanted = {re.sub(r"\.\d$", "", os.path.basename(name))
              for text in lists for name in text.replace("\\\n", " ").split()} | {"sockline"}
    lines = re.findall(r"^(?:%config\(noreplace\) )?(%\{_.*)$",
                       found(r"^%files\n(.*?)^%changelog", "contrib/rpm/sockline.spec"), re.MULTILINE)
    given = {re.sub(r"\.\d\*$", "", os.path.basename(line)) for line in lines}
    check(given == wanted, "the spec lists what make install installs", sorted(given ^ wanted))


def test_shell():
    for name in ("alpine/APKBUILD", "arch/PKGBUILD"):
        if not shutil.which("shellcheck"):
            skip(f"{name} is good shell", "needs shellcheck")
            continue
        tried = subprocess.run(["shellcheck", os.path.join(CONTRIB, name)], text=True, capture_output=True, check=False)
        check(tried.returncode == 0, f"{name} is good shell", tried.stdout)


def test_nix():
    """Its functions and arguments; there is no collection of packages here to build it with."""
    if not shutil.which("nix-instantiate"):
        skip("default.nix can be evaluated", "needs nix-instantiate")
        return
    package = os.path.abspath(os.path.join(CONTRIB, "nix/default.nix"))
    arguments = " ".join(f"{names[NIX]} = 0;" for names in LIBRARIES.values())
    tried = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--expr", f"""(import {package} {{
            lib = {{ cleanSource = path: 0; licenses.asl20 = 0; platforms.linux = 0; }};
            stdenv.mkDerivation = package: package; autoreconfHook = 0; pkg-config = 0; {arguments}
         }}).pname"""], text=True, capture_output=True, check=False)
    check(tried.stdout.strip() == '"sockline"', "default.nix can be evaluated", tried.stderr)


def main():
    test_libraries()
    test_versions()
    test_files()
    test_shell()
    test_nix()
    return done()


if __name__ == "__main__":
    sys.exit(main())
