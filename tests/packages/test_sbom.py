#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The software bill of materials: what SPDX 2.3 demands of a document, and that it has each library."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import check, done  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
SOCKLINE = os.environ.get("SOCKLINE", "build/b/src/sockline")
DATE, DATE_TEXT = "1700000000", "2023-11-14T22:13:20Z"
# SPDX's own identifiers, of those that src/sbom.sh knows.
LICENSES = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-2.0-only", "GPL-2.0-or-later", "LGPL-2.1-only",
            "LGPL-3.0-or-later", "MIT", "Zlib"}


def sbom(version, *libraries):
    made = subprocess.run(["sh", os.path.join(ROOT, "src/sbom.sh"), version, DATE, *libraries], text=True,
                          capture_output=True, check=True)
    return json.loads(made.stdout)


def check_document(document, title):
    """The fields without which a document, a package or a relationship is none, clause by clause."""
    check((document["spdxVersion"], document["dataLicense"], document["SPDXID"]) ==
          ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT") and document["name"], f"{title}: it is SPDX 2.3 (6.1 to 6.4)")
    check(re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s#]+", document["documentNamespace"]),
          f"{title}: its namespace is a URI without a fragment (6.5)")
    made = document["creationInfo"]
    check(made["creators"] and all(re.match(r"(Tool|Organization|Person): \S", name) for name in made["creators"]) and
          re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["created"]), f"{title}: made by, and when (6.8, 6.9)")
    ids = [package["SPDXID"] for package in document["packages"]]
    check(len(set(ids)) == len(ids) and all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in ids),
          f"{title}: each package has an identifier of its own (7.2)", ids)
    bad = [package for package in document["packages"]
           if not package["name"] or package["downloadLocation"] != "NOASSERTION" or
           package["filesAnalyzed"] is not False or not package.get("versionInfo", "not known") or
           not set(re.split(" OR | AND ", package["licenseDeclared"])) <= LICENSES]
    check(not bad, f"{title}: name, version, place and licence of each (7.1, 7.3, 7.7, 7.8, 7.15)", bad)
    ends = {end for link in document["relationships"]
            for end in (link["spdxElementId"], link["relatedSpdxElement"])}
    check(ends == {*ids, "SPDXRef-DOCUMENT"}, f"{title}: what is in it is connected, and nothing else (11.1)", ends)


def main():
    document = sbom("1.2.3", "libpcap=1.10.3", "zlib=")
    check_document(document, "as asked for")
    check(document["creationInfo"]["created"] == DATE_TEXT, "its time is that of the sources")
    versions = {package["name"]: package.get("versionInfo") for package in document["packages"]}
    check(versions == {"sockline": "1.2.3", "libpcap": "1.10.3", "zlib": None},
          "a version that is not known is left out")
    check(document == sbom("1.2.3", "libpcap=1.10.3", "zlib="), "the same build has the same document")
    check(document["documentNamespace"] != sbom("1.2.3", "libpcap=1.10.4", "zlib=")["documentNamespace"],
          "another build has another namespace")
    with open(os.path.join(os.path.dirname(SOCKLINE), "../sockline.spdx.json"), encoding="utf-8") as file:
        document = json.load(file)
    check_document(document, "of this build")
    version = subprocess.run([SOCKLINE, "--version"], text=True, capture_output=True,
                             check=True).stdout.split("\n")[0].removeprefix("sockline ")
    check(document["packages"][0]["versionInfo"] == version, "it is of the program that was built", version)
    return done()


if __name__ == "__main__":
    sys.exit(main())
