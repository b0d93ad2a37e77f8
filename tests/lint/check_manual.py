#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The options in the table of src/app/option_table.c, in --help, in sockline(8) and in the
three completions are the same, and the manual is good mdoc(7). Prints TAP.

An option is known by its spellings: frozenset({"-c", "--count"}). Takers are
those that have an argument, words what that argument may be.
"""

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
from tap import complaints, done, skip  # noqa: E402

ROOT = os.environ.get("top_srcdir", ".")
SOCKLINE = os.environ.get("SOCKLINE", "build/src/sockline")
GENERATE = os.path.join(os.path.dirname(SOCKLINE), "completion", "generate")
COMPLETIONS = (("bash", "sockline.bash"), ("zsh", "_sockline"), ("fish", "sockline.fish"))
MANUALS = ("sockline.8", "sockline-events.5")
# Spellings that work and that --help need not mention.
SILENT = frozenset({"--snapshot-length"})


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Options:
    """What one description of the options says."""

    def __init__(self):
        self.groups = {}   # spelling -> the spellings of the same option
        self.takers = set()  # spellings
        self.words = {}    # spelling -> set of words
        self.configs = {}  # spelling -> field of sockline.config, "-" where it has none

    def add(self, spellings, takes, words=()):
        group = frozenset(spellings).union(*(self.groups.get(name, ()) for name in spellings))
        for name in group:
            self.groups[name] = group
        if takes:
            self.takers |= group
        if words:
            self.words.update({name: set(words) for name in group})


def generate(what):
    return subprocess.run([GENERATE, what], capture_output=True, text=True, check=True).stdout


def from_table():
    options = Options()
    rows = {}
    for line in generate("table").splitlines():
        row, spelling, argument, words, config = line.split("\t")
        spellings = rows.setdefault(row, [])
        spellings.append(spelling)
        options.add(spellings, bool(argument), words.split())
        options.configs[spelling] = config
    return options


def from_help(text):
    options = Options()
    pattern = r"(?:-\w|--[\w-]+)(?:,? (?:-\w|--[\w-]+))*(?: [A-Za-z|=\[\]]+)?(?=\s|$)"
    for line in text.splitlines():
        head = re.match(r" {2,6}(" + pattern + ")", line)
        if not head:
            continue
        spellings = re.findall(r"--?[\w-]+", head[1])
        word = re.search(r" ([A-Za-z|=\[\]]+)$", head[1])
        argument = word[1] if word and (word[1][0].isupper() or "|" in word[1]) else ""
        words = argument.split("|") if argument.islower() else ()
        if "," in head[1]:
            options.add(spellings, bool(argument), words)
        else:  # a list of options that have nothing in common: --tcp --udp
            for spelling in spellings:
                options.add([spelling], bool(argument), words)
    return options


def from_manual():
    options = Options()
    section = read("src/man/sockline.8").split(".Sh OPTIONS")[1].split(".Sh ")[0]
    items = re.split(r"^\.It ", section, flags=re.MULTILINE)[1:]
    for item in items:
        head, _, body = item.partition("\n")
        flags = re.findall(r"Fl (\\?-)?([\w-]+)( Ar)?", head)
        if not flags:  # a list within an option's text
            continue
        spellings = [("--" if dash else "-") + name for dash, name, _ in flags]
        takes = [bool(argument) for _, _, argument in flags]
        if len(set(takes)) != 1:
            raise ValueError(f".It {head}: only some spellings have an argument")
        words = re.findall(r"\bCm ([\w-]+)", body) if takes[0] else ()
        if any(not name.startswith("--") for name in spellings) or takes[0]:
            options.add(spellings, takes[0], words)
        else:  # --tcp, --udp, ... are options of their own
            for spelling in spellings:
                options.add([spelling], False)
    return options


BASH = r"""
source "$1"
shift
COMP_WORDS=(sockline "$@") COMP_CWORD=$#
_sockline 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(*words):
    path = os.path.abspath(os.path.join(ROOT, "src/completion/sockline.bash"))
    run = subprocess.run(["bash", "-c", BASH, "bash", path, *words], capture_output=True,
                         text=True, check=True, cwd="/")
    return run.stdout.split()


def from_bash(source):
    """Asks the function. It does not say which spellings belong together: source does."""
    options = Options()
    plain = bash("etc")
    for spelling in bash("-"):
        # After an option without argument it completes options, after the others it does not.
        takes = bash(spelling, "-") != bash("-")
        words = [word for word in bash(spelling, "") if word not in plain] if takes else ()
        group = source.groups.get(spelling, {spelling})
        options.add(group & set(bash("-")), takes)
        options.words[spelling] = set(words)
    return options


def from_zsh():
    options = Options()
    text = read("src/completion/_sockline")
    for line in re.findall(r"^\t'(.*)' \\?$", text, flags=re.MULTILINE):
        spec = re.match(r"(?:\([^)]*\)|\*)?(?:'\{([^}]*)\}')?(-[\w-]*)?\[[^]]*\](:.*)?$", line)
        if not spec:
            continue
        words = re.search(r":\(([^)]*)\)$|compadd - (.*)$", spec[3] or "")
        options.add((spec[1] or spec[2]).split(","), bool(spec[3]),
                    (words[1] or words[2]).split() if words else ())
    return options


def from_fish():
    options = Options()
    text = read("src/completion/sockline.fish")
    for line in re.findall(r"^complete -c sockline (.*)$", text, flags=re.MULTILINE):
        spellings = ["-" + name for name in re.findall(r"-s (\w)", line)] + \
            ["--" + name for name in re.findall(r"-l ([\w-]+)", line)]
        words = re.search(r"-a '(?:\(__fish_append , )?([a-z ]+)\)?'", line)
        if spellings:
            options.add(spellings, bool(re.search(r" -[xr] ", line + " ")),
                        words[1].split() if words else ())
    return options


def compare(source, other, silent=frozenset()):
    complaints = [f"lacks {name}" for name in source.groups
                  if name not in other.groups and name not in silent]
    complaints += [f"has {name}, which is no option" for name in other.groups
                   if name not in source.groups]
    for name in sorted(set(source.groups) & set(other.groups)):
        if (name in source.takers) != (name in other.takers):
            complaints.append(f"{name} has {'an' if name in source.takers else 'no'} argument")
    return sorted(complaints)


def compare_groups(source, other, silent):
    """Spellings of one option belong together; two that do the same may stand together, too."""
    return sorted({f"{' '.join(sorted(group))} are one option" for group in source.groups.values()
                   if any(name in other.groups and not group - silent <= other.groups[name]
                          for name in group)})


def compare_words(wanted, other):
    return sorted(f"{name}: {' '.join(sorted(other.words.get(name, ())))} "
                  f"instead of {' '.join(sorted(words))}"
                  for name, words in wanted.items()
                  if name in other.groups and other.words.get(name, set()) != words)


def check_configs(options):
    schema = json.loads(read("src/schema/sockline.schema.json"))
    fields = schema["properties"]["sockline"]["properties"]["config"]["properties"]
    return [f"{spelling}: {config or 'no field'}" for spelling, config in options.configs.items()
            if config != "-" and config not in fields]


def owner_words():
    """The names of methods and reasons in the records."""
    return set(re.findall(r'\[ATTRIBUTION_\w+\] = "(\w+)"', read("src/attribution/owner.c")))


def check_owner_words():
    words = owner_words()
    section = read("src/man/sockline.8").split(".Sh OWNERS")[1].split(".Sh ")[0]
    explained = {"sockline(8)": re.findall(r"^\.It Ql (\w+)$", section, re.MULTILINE)}
    tables = re.findall(r"^\| (?:method|reason) \| meaning \|\n(.*?)\n\n", read("README.md"),
                        re.MULTILINE | re.DOTALL)
    explained["README.md"] = re.findall(r"^\| `(\w+)`", "\n".join(tables), re.MULTILINE)
    return [f"{where}: {word} is in only one of the two" for where, found in explained.items()
            for word in sorted(words ^ set(found))] or ([] if words else ["none were found"])


def check_mandoc(path):
    """Matters of style are left out: they depend on the manuals that are installed."""
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.path.join(ROOT, path)],
                         capture_output=True, text=True, check=False)
    return run.stdout.splitlines()


def syntax(shell, path):
    run = subprocess.run([shell, "-n", os.path.join(ROOT, path)], capture_output=True, text=True,
                         check=False)
    return run.stderr.splitlines() or ([f"status {run.returncode}"] if run.returncode else [])


def points():
    """(title, complaints or None where it cannot be found out here)"""
    source = from_table()
    yield "the table has options", [] if len(source.groups) > 40 else ["too few were found"]
    run = subprocess.run([SOCKLINE, "--help"], capture_output=True, text=True, check=False)
    helped = from_help(run.stdout)
    yield "--help ends with 0 and is silent on stderr", \
        [] if (run.returncode, run.stderr) == (0, "") else [f"{run.returncode} {run.stderr}"]
    for title, options in (("--help", helped), ("sockline(8)", from_manual()),
                           ("bash", from_bash(source)), ("zsh", from_zsh()),
                           ("fish", from_fish())):
        silent = SILENT if title == "--help" else frozenset()
        yield f"{title}: the options of the table", compare(source, options, silent)
        if title != "bash":
            yield f"{title}: the spellings of an option", compare_groups(source, options, silent)
        if title != "--help":
            yield f"{title}: the words of the arguments", compare_words(source.words, options)
    yield "each option says which field of run_started has its value", check_configs(source)
    yield "methods and reasons are explained", check_owner_words()
    for shell, path in COMPLETIONS:
        path = "src/completion/" + path
        yield f"{path}: as `make completions' writes it", \
            [] if read(path) == generate(shell) else ["differs"]
        yield f"{path}: syntax", syntax(shell, path) if shutil.which(shell) else None
    for name in MANUALS:
        path = "src/man/" + name
        if os.path.exists(os.path.join(ROOT, path)):
            yield f"{path}: mandoc", check_mandoc(path) if shutil.which("mandoc") else None


def main():
    for title, found in points():
        if found is None:
            skip(title, "not installed")
        else:
            complaints(title, found)
    return done()


if __name__ == "__main__":
    sys.exit(main())
