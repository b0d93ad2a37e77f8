#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""contrib/report: the sums of its page, names that are markup, and the page in a browser where there is one."""

import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../helpers"))
from tap import check, complaints, done, skip  # noqa: E402

FOLDER = os.path.join(HERE, "../../contrib/report")
# By contrib/test, of npm.
UPLOT = os.environ.get("UPLOT") or os.path.join(os.environ.get("top_builddir", "."), "consumers/node_modules/uplot")
HOSTILE = ("</script><script>document.title='taken'</script>", "<img src=x onerror=document.title='taken'>",
           "\"><b id=taken>", "' onclick='x", "--><i>", "&lt;u&gt;", "]]>", "\u202egnp\u2028\ud800\x00")
NAMES = ("curl", "sshd", *HOSTILE)


def record(action, number, second, **more):
    fields = {"@timestamp": f"2026-11-22T10:11:{second:02}.000000000Z", "host": {"name": HOSTILE[0]},
              "sockline": {"run": "b1946ac92492d234", "attribution": {"method": "tracepoint"}}}
    fields["event"] = {"action": action, "sequence": number, **more.pop("event", {})}
    fields["sockline"].update(more.pop("sockline", {}))
    return {**fields, **more}


def connection(number, name, egress=True, failure=None):
    """Two records of a connection of ten seconds: 100 bytes are sent and 1,000 are received."""
    both = {"process": {"name": name}, "user": {"name": name},
            "network": {"direction": "egress" if egress else "ingress", "transport": "tcp"}}
    start = {"start": "2026-11-22T10:11:10.000000000Z"}
    identity = {"connection": {"id": f"{number:016x}"}}
    outcome = {"outcome": "failure", "reason": failure} if failure else {"outcome": "success", "reason": "fin"}
    end = ({"ip": "192.0.2.1", "bytes": 100 if egress else 1000},
           {"ip": "192.0.2.2", "port": 443, "domain": name, "bytes": 1000 if egress else 100})
    yield record("connection_opened", number, 10, event=start, sockline=identity,
                 source={"ip": "192.0.2.1"}, destination={"ip": "192.0.2.2", "port": 443, "domain": name}, **both)
    yield record("connection_closed", number + 1, 20, event={**start, **outcome}, sockline=identity,
                 source=end[0], destination=end[1], **both)


def records():
    number = 1
    for name in NAMES:
        yield from connection(number, name, name != "sshd", "refused" if name == "curl" else None)
        number += 2
    yield record("listening_started", number + 3, 20, network={"transport": "tcp", "direction": "ingress"},
                 destination={"ip": "::", "port": 22}, process={"name": HOSTILE[1]}, user={"name": "root"})


def lines():
    text = "".join(json.dumps(one) + "\n" for one in records())
    return (text + "no JSON\n[]\n{\"@timestamp\": 7}\n\"x\"\n" + "[" * 5000 + "\n").encode()


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.tables, self.inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag in ("h2", "script"):
            self.tables.append([])
        if tag in ("td", "h2", "script", "title"):
            self.inside = []

    def handle_data(self, data):
        if self.inside is not None:
            self.inside.append(data)

    def handle_endtag(self, tag):
        if tag in ("td", "h2", "script", "title") and self.inside is not None:
            if self.tables:
                self.tables[-1].append("".join(self.inside))
            self.inside = None


def report(uplot, *names):
    return subprocess.run([os.path.join(FOLDER, "report"), "--uplot", uplot, *names], input=lines(), capture_output=True,
                          check=False, timeout=60)


def made(uplot):
    tried = report(uplot)
    check(tried.returncode == 0, "a page is made", tried.stderr.decode())
    return tried.stdout.decode()


def test_files(folder, uplot, page):
    """Plain, compressed, cut off, and not there."""
    plain = os.path.join(folder, "a.ndjson")
    with open(plain, "wb") as file:
        file.write(lines())
    subprocess.run(["gzip", "-k", plain], check=True)
    subprocess.run(["zstd", "-q", plain, "-o", plain + ".zst"], check=True)
    for name in (plain, plain + ".gz", plain + ".zst"):
        tried = report(uplot, name)
        check(tried.returncode == 0 and tried.stdout.decode() == page, f"the same page of {os.path.basename(name)}", tried.stderr)
    for suffix in (".gz", ".zst"):
        with open(plain + suffix, "rb") as whole, open(plain + ".cut" + suffix, "wb") as cut:
            cut.write(whole.read()[:-4])
    for name in (plain + ".cut.gz", plain + ".cut.zst", os.path.join(folder, "none"), folder):
        tried = report(uplot, name, plain)
        complaint = tried.stderr.decode()
        check(tried.returncode == 1 and complaint.startswith(f"report: {name}: ") and "Traceback" not in complaint,
              f"{os.path.basename(name)} is named", complaint)
        check(b"<dt>records</dt>" in tried.stdout and b"sshd" in tried.stdout, "and the page has what the other file has")


def test_page(folder):
    """With nothing in the place of the library."""
    uplot = os.path.join(folder, "dist")
    os.mkdir(uplot)
    for name in ("uPlot.iife.min.js", "uPlot.min.css", "../LICENSE"):
        with open(os.path.join(uplot, name), "w", encoding="utf-8"):
            pass
    text = made(uplot)
    test_files(folder, uplot, text)
    page = Page(text)
    known = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "div", "dt", "dd", "table", "thead",
             "tbody", "tr", "th", "td", "progress", "script"}
    complaints("no element comes from a name", set(page.elements) - known)
    check(page.elements.count("script") == 3, "the data and two scripts", page.elements.count("script"))
    complaints("nothing is loaded, and no attribute comes from a name",
               set(page.attributes) - {"lang", "charset", "http-equiv", "content", "name", "class", "id", "type", "max", "value"})
    found = {cells[0]: cells[1:] for cells in page.tables}
    rows = found["Who talked to whom"]
    odd = HOSTILE[-1]
    check({name for name in NAMES if name in rows} == set(NAMES) - {odd}, "each name is there as it is", rows)
    check("\\u202egnp\\u2028\\ud800\\u0000" in rows, "what cannot be printed is there by its number", rows)
    index = rows.index("sshd")
    check(rows[index:index + 11] == ["sshd", "sshd", "ingress", "192.0.2.1", "tcp", "443", "1", "100 B", "", "1.0 kB", ""],
          "who talked to whom: the owner's end sends", rows[index:index + 11])
    check(found["Failures"] == ["refused", "curl", "curl", "egress", "curl", "tcp", "443", "1"], "failures", found["Failures"])
    check(found["Listeners"] == ["tcp", "::", "22", HOSTILE[1], "root"], "listeners", found["Listeners"])
    check("5 lines are no records" in text, "what is no record is counted")
    check("<dt>missing records</dt><dd>3</dd>" in text, "and what is missing")
    data = json.loads(next(cells for cells in page.tables if cells[0].startswith('{"times"'))[0])
    rates = [sum(line) for line in data["rates"]]
    check(len(data["programs"]) == 7 and data["programs"][6] == "others" and rates == [1100] * 6 + [1100 * (len(NAMES) - 6)],
          "bytes over time: six programs and the others, all bytes of each", (data["programs"], rates))
    check(all(rate == 110 for rate in data["rates"][0][:10]), "evenly over ten seconds", data)


def test_browser(folder):
    browser = shutil.which("chromium")
    if not browser or not os.path.exists(UPLOT):
        skip("the page in a browser", "needs chromium, and npm's uplot")
        return
    with open(os.path.join(UPLOT, "package.json"), encoding="utf-8") as got, \
            open(os.path.join(FOLDER, "package.json"), encoding="utf-8") as wanted:
        check(json.load(got)["version"] == json.load(wanted)["dependencies"]["uplot"], "uPlot is the one of package.json")
    name = os.path.join(folder, "page.html")
    with open(name, "w", encoding="utf-8") as file:
        file.write(made(os.path.join(UPLOT, "dist")))
    words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--user-data-dir=" + folder + "/profile",
             "--virtual-time-budget=2000", "--window-size=1200,2000"]
    tried = subprocess.run([*words, "--dump-dom", "file://" + name], capture_output=True, text=True, check=False, timeout=120)
    check("<canvas" in tried.stdout and "u-legend" in tried.stdout, "the chart is drawn", tried.stderr)
    check("<title>sockline: " in tried.stdout and 'id="taken"' not in tried.stdout and "<img" not in tried.stdout,
          "no name became markup, and none ran", tried.stdout[:400])
    complaints("the console has nothing", [line for line in tried.stderr.splitlines() if "CONSOLE" in line])
    if "PICTURE" in os.environ:  # for a person to look at
        subprocess.run([*words, "--screenshot=" + os.environ["PICTURE"], "file://" + name], check=True, timeout=120)


def main():
    with tempfile.TemporaryDirectory() as folder:
        test_page(folder)
        test_browser(folder)
    return done()


if __name__ == "__main__":
    sys.exit(main())
