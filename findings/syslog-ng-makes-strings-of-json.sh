#!/bin/sh
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
# syslog-ng makes strings of what it parses as JSON: of numbers, true, null and whole lists.
#
# Guess:  json-parser() and $(format-json) together give the types back that were read: at most the order
#         and the white space of an object change.
# Seen:   syslog-ng 3.38.1 with the @version 3.38 that Debian's configuration has: 96962 is "96962", true is
#         "true", null is "", 1234567.123456789 is "1234567.123457", ["network","session"] is
#         "network,session", and {} is gone. With @version 4.0 booleans and lists stay; fractions have six
#         digits all the same, and [1,2] is ["1","2"].
# Effect: event.category and event.type, which ECS has as lists, arrive as one word that no rule matches,
#         and numbers as text; NDJSON that is to arrive as it is, is passed on as ${MESSAGE} unparsed.
# Needs Debian 12 (amd64) and Python 3.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
apt-get -qq download syslog-ng-core=3.38.1-5+deb12u1 libivykis0=0.42.4-1 libnet1=1.1.6+dfsg-3.2 2>/dev/null || {
	echo 'the pinned packages cannot be had'
	exit 2
}
for deb in *.deb; do dpkg -x "$deb" root; done
python3 - "$PWD" <<'P'
import glob, json, os, subprocess, sys, time

work = sys.argv[1]
libraries = {os.path.dirname(path) for path in glob.glob("root/usr/lib/**/*.so.*", recursive=True)}
modules = os.path.dirname(glob.glob("root/usr/lib/**/libjson-plugin.so", recursive=True)[0])
with open("in", "w", encoding="ascii") as file:
    print('{"list":["network","session"],"ids":[1,2],"number":96962,"fraction":1234567.123456789,'
          '"yes":true,"none":null,"empty":{}}', file=file)

def copied(version):
    with open("conf", "w", encoding="ascii") as file:
        file.write(f"""@version: {version}
source s {{ file("{work}/in" flags(no-parse) follow-freq(1) read-old-records(yes)); }};
parser p {{ json-parser(prefix(".j.")); }};
destination d {{ file("{work}/{version}" template("$(format-json .j.* --rekey .j.* --shift-levels 2)\\n")); }};
log {{ source(s); parser(p); destination(d); }};
""")
    command = ["root/usr/sbin/syslog-ng", "-F", "-f", "conf", "--no-caps", f"--module-path={work}/{modules}",
               "-R", f"{work}/persist{version}", "-p", f"{work}/pid", "-c", f"{work}/control"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}) as daemon:
        try:
            for _ in range(150):
                if os.path.exists(version) and os.path.getsize(version) > 0:
                    break
                time.sleep(0.1)
        finally:
            daemon.kill()
    with open(version, encoding="ascii") as file:
        return json.loads(file.readline())

expected = {
    "3.38": {"list": "network,session", "ids": "1,2", "number": "96962", "fraction": "1234567.123457", "yes": "true",
             "none": ""},
    "4.0": {"list": ["network", "session"], "ids": ["1", "2"], "number": 96962, "fraction": 1234567.123457,
            "yes": True, "none": None},
}
changed = False
for version, wanted in expected.items():
    got = copied(version)
    print(f"syslog-ng 3.38.1, @version {version}: {json.dumps(got)}")
    changed = changed or got != wanted
sys.exit(changed)
P
