# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The architecture of the tree, as rules that a machine can hold.

Each rule is a function that returns a list of complaints. Run as a program it
prints TAP: one test point a rule, its complaints as diagnostics.
"""

import fnmatch
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../helpers"), os.path.join(HERE, "../mutants")]
import rules as mutants  # noqa: E402
import tap  # noqa: E402

# Lowest first. A file includes only files of its own layer or lower ones; the
# first pattern that fits a path below src decides.
LAYERS = (
    ("base", ("base/*",)),
    # Bytes and structs in, structs and bytes out: no descriptors, no system calls.
    ("pure", (
        "connections/*", "decode/*", "display/*", "events/*", "inspect/*", "capture/origin.*", "capture/owner_*",
        "capture/pcapng*", "capture/pktap.*", "capture/ptcpdump.*", "sockets/socket.h", "sockets/socket_details.h",
        "processes/process.h", "processes/container.*",
        "processes/process_args.*", "processes/redact*",
        "attribution/owner.*", "attribution/windows.h", "host/host_counters.h",
        "tracepoints/trace_event.h", "tracepoints/initial_stack.*", "tracepoints/exec_sample.*",
        "interfaces/interfaces.h",  # for its plain struct interface; interfaces.c is a source
    )),
    # Each owns a descriptor.
    ("sources", (
        "capture/*", "interfaces/*", "sockets/*", "processes/*", "tracepoints/*",
        "sentinel/*", "output/*", "security/*")),
    ("attribution", ("attribution/*",)),
    ("stream", ("stream/*",)),
    ("host", ("host/*",)),
    ("app", ("app/*",)),
    ("main", ("main.c", "completion/*")),
)

# Headers that the build makes.
GENERATED = ("config.h", "version.h")

# At the head of each file. In two parts, as they are not this file's own.
TAGS = ("SPDX" "-FileCopyrightText: The sockline authors", "SPDX" "-License-Identifier: Apache-2.0")

# One module knows each library.
LIBRARIES = (
    (r"pcap(/.*)?\.h|pcap-.*\.h", ("capture/capture*",)),
    (r"netlink/.*", ("sockets/netlink.c",)),
    (r"seccomp\.h", ("security/syscall_filter.c",)),
    # Records are written by one module. The other reads files of container runtimes: nothing of
    # what it parses leaves it but copied strings.
    (r"json-c/.*|json\.h", ("events/encode*", "processes/container_names.c")),
    (r"linux/(inet|unix|packet|netlink|vm_sockets|xdp|tipc_sockets|smc)_diag\.h",
     ("sockets/sock_diag.c", "sockets/diag_*")),
)

# All windows of time that decide an owner stand in one header. These of the same folders decide none.
WINDOWS = "attribution/windows.h"
NO_WINDOWS = {"stream/capture_writer.c", "stream/duplicates.h", "stream/emitter.c", "stream/stream_replay.c"}

# An exported symbol is the name of its file, or begins with it and "_"; a part of a
# module (encode_socket.c) may use the module's name (encode.c). Here: other
# beginnings, where the type and not the file is what callers name.
ALSO_PREFIX = {
    "inet": ("tuple",),
    "process_table": ("process",),
    "owner": ("attribution",),
    "encode": ("encoder",),
    "listener_table": ("listener",),
    "netns_thread": ("socket",),  # in place of libc's, for libpcap and libnl
}

# What socket(2), which netns_thread.c defines, has no argument for: the helper and the thread's namespace.
GLOBALS = {("netns_thread", "helper"), ("netns_thread", "inside")}

LINES_MAX = 500
# Path: why it may be longer.
LONGER = {
    "Makefile.am": "a line for each source file and each test",
    "src/man/sockline-events.5": "an entry for each field of the schema",
    "tests/bench/attribution_table.py": "one table: its scenarios, their truth and how they are found",
    "tests/golden/test_replay.py": "the captures that it makes are most of it",
    "tests/unit/test_process_history.c": "lives of processes, and all questions about them",
    "tests/unit/test_trace_record.c": "a record of each kind, and all ways to break it",
    "tests/bench/bench.py": "one table: a function for each of its parts",
}

SOURCE_SUFFIXES = (".c", ".h", ".py", ".sh", ".am", ".ac", ".8", ".5", ".bash", ".zsh", ".fish")
WRITTEN_SUFFIXES = SOURCE_SUFFIXES + (".json", ".ndjson")
SKIPPED_FOLDERS = ("__pycache__", ".deps", "corpus")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def files_below(root, folder=""):
    """Paths relative to root, sorted."""
    found = []
    for path, folders, names in os.walk(os.path.join(root, folder)):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        found += [os.path.relpath(os.path.join(path, name), root) for name in names]
    return sorted(found)


def sources_below(root):
    """C files and headers below root/src, relative to src."""
    return [path for path in files_below(os.path.join(root, "src")) if path.endswith((".c", ".h"))]


def written_files(root):
    """All that people wrote and that can hold a comment, programs without suffix too."""
    found = [name for name in ("autogen.sh", "configure.ac", "Makefile.am", ".ci/run")
             if os.path.exists(os.path.join(root, name))]
    for folder in ("src", "tests", "contrib"):
        for path in files_below(root, folder):
            with open(os.path.join(root, path), "rb") as file:
                is_script = file.read(2) == b"#!"
            if is_script or path.endswith(SOURCE_SUFFIXES):
                found.append(path)
    return found


def includes(root, path):
    """(text between the marks, True for quotes) of each #include of src/path."""
    lines = re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]',
                       read(os.path.join(root, "src", path)), re.MULTILINE)
    return [(name, mark == '"') for mark, name in lines]


def fits(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def layer_of(path):
    for number, (_, patterns) in enumerate(LAYERS):
        if fits(path, patterns):
            return number
    return None


def check_layers(root):
    complaints = []
    for path in sources_below(root):
        layer = layer_of(path)
        if layer is None:
            complaints.append(f"src/{path} belongs to no layer of tests/lint/architecture.py")
            continue
        for name, quoted in includes(root, path):
            other = layer_of(name) if quoted else None
            if other is not None and other > layer:
                complaints.append(f"src/{path} ({LAYERS[layer][0]}) includes "
                                  f"{name} ({LAYERS[other][0]})")
            if (quoted and name not in GENERATED
                    and not os.path.exists(os.path.join(root, "src", name))):
                complaints.append(f"src/{path}: \"{name}\" is not a path below src")
    return complaints


def check_cycles(root):
    headers = [path for path in sources_below(root) if path.endswith(".h")]
    graph = {path: [name for name, quoted in includes(root, path) if quoted and name in headers]
             for path in headers}
    complaints, done = [], set()

    def visit(path, above):
        if path in above:
            complaints.append(" -> ".join(above[above.index(path):] + [path]))
        elif path not in done:
            for name in graph[path]:
                visit(name, above + [path])
            done.add(path)

    for path in headers:
        visit(path, [])
    return complaints


def check_libraries(root):
    return [f"src/{path} includes <{name}>, which is for {' '.join(allowed)} alone"
            for path in sources_below(root)
            for name, _ in includes(root, path)
            for pattern, allowed in LIBRARIES
            if re.fullmatch(pattern, name) and name not in sources_below(root)
            and not fits(path, allowed)]


def check_headers_alone(root, compiler, flags):
    complaints = []
    for path in sources_below(root):
        if not path.endswith(".h"):
            continue
        run = subprocess.run(compiler + flags + ["-I", os.path.join(root, "src"), "-fsyntax-only",
                                                 "-x", "c", "-"],
                             input=f'#include "{path}"\n', capture_output=True, text=True,
                             check=False)
        if run.returncode != 0 or run.stderr:
            complaints.append(f"src/{path} does not compile alone:\n{run.stderr}")
    return complaints


def symbols(archive, nm):
    """(file stem, name, nm's letter, section) of what our sources define in the archive."""
    run = subprocess.run(nm + ["--format=sysv", "--defined-only", archive], capture_output=True,
                         text=True, check=True)
    found, stem = [], None
    for line in run.stdout.splitlines():
        member = re.search(r"\[(.*)\.o\]:$", line)
        fields = [field.strip() for field in line.split("|")]
        if member:
            stem = member.group(1)
        # Names with a leading "_" or "." are the compiler's (sanitizers, gcov).
        elif len(fields) == 7 and fields[0][:1] not in ("_", "."):
            found.append((stem, fields[0], fields[2], fields[6]))
    return found


def check_symbols(archive, nm):
    complaints = []
    found = symbols(archive, nm)
    modules = {stem for stem, _, _, _ in found}
    for stem, name, letter, _ in found:
        prefixes = (stem,) + ALSO_PREFIX.get(stem, ()) + tuple(
            module for module in modules if stem.startswith(module + "_"))
        if letter.isupper() and not any(name == prefix or name.startswith(prefix + "_")
                                        for prefix in prefixes):
            complaints.append(f"{stem}.c exports {name}, which does not begin with {stem}_")
    return complaints


def check_globals(archive, nm):
    # .data.rel.ro holds constants with addresses in them: read-only once relocated.
    return [f"{stem}.c has a writable global: {name} ({section})"
            for stem, name, letter, section in symbols(archive, nm)
            if letter in "BbDdGgSsC" and not section.startswith(".data.rel.ro") and (stem, name) not in GLOBALS]


def check_listed(root):
    """What is not in Makefile.am, by itself or with its folder, is not built or not in the tarball."""
    makefile = set(re.findall(r"[\w./-]+", read(os.path.join(root, "Makefile.am"))))
    complaints = []
    for path in files_below(root, "src") + files_below(root, "tests"):
        # A program is listed by its name, its source follows; "tests" alone is a word of a comment.
        names = {path, path.removesuffix(".c")}
        folder = os.path.dirname(path)
        while "/" in folder:
            if not path.endswith((".c", ".h")) and not fits(os.path.basename(path), ("test_*",)):
                names.add(folder)
            folder = os.path.dirname(folder)
        if path.endswith(WRITTEN_SUFFIXES) and not names & makefile:
            complaints.append(f"{path} is not in Makefile.am")
    return complaints


def check_lengths(root):
    complaints = []
    for path in written_files(root):
        if path.startswith("src/man/"):  # a program has one page, however long
            continue
        lines = read(os.path.join(root, path)).count("\n")
        if lines > LINES_MAX and path not in LONGER:
            complaints.append(f"{path} has {lines} lines; over {LINES_MAX} needs a seam, "
                              "or a reason in LONGER of tests/lint/architecture.py")
    return complaints


def check_spdx(root):
    """The tags of other files, as README.md, are in .reuse/dep5."""
    complaints = []
    for path in written_files(root):
        head = "\n".join(read(os.path.join(root, path)).splitlines()[:3])
        missing = [tag for tag in TAGS if tag not in head]
        if missing:
            complaints.append(f"{path} has no {' and no '.join(missing)} in its first three lines")
    return complaints


def comments_of(path, text):
    """(line number, text in one line) of each comment, docstring, and paragraph of a manual."""
    if path.endswith((".c", ".h")):
        pattern = r"(?s)/\*(.*?)\*/"
    elif path.startswith("src/man/"):
        pattern = r"(?m)((?:^[^.\n].*\n)+)"
    else:  # whole lines are one comment, and what stands behind code is another
        pattern = r'(?m)((?:^[ \t]*#[ \w].*\n)+)|(?<=\S)[ \t]+# (.*)|(?:\A(?:#.*\n)*|:\n)[ \t]*"""((?:.|\n)*?)"""'
    for match in re.finditer(pattern, text):
        words = "".join(group or "" for group in match.groups())
        # An empty line ends a sentence as a full stop does.
        words = re.sub(r"\n[ \t*#]*\n[ \t*#]*", ". ", words)
        yield text.count("\n", 0, match.start(match.lastindex)) + 1, re.sub(r"[\s*#]+", " ", words).strip(" .")


def check_comments(root):
    """The subject of a sentence comes first: the process, socket or thread by its name."""
    complaints = []
    for path in written_files(root):
        for number, words in comments_of(path, read(os.path.join(root, path))):
            complaints += [f"{path}:{number} has a sentence that begins with \"{word}\": put the subject first"
                           for word in re.findall(r"(?:^|[.;!?] )(Of|Who|Whose|Nobody)\b", words)]
            complaints += [f"{path}:{number} has \"{word}\": report, notify or mark"
                           for word in re.findall(r"\b(?:told|tells?)\b", words)]
    return complaints


def check_windows(root):
    return [f"src/{path} defines {name}, which belongs into {WINDOWS}"
            for path in sources_below(root)
            if fits(path, ("attribution/*", "stream/*")) and path not in NO_WINDOWS | {WINDOWS}
            for name in re.findall(r"^#define (\w+_(?:NS|MS))\b", read(os.path.join(root, "src", path)),
                                   re.MULTILINE)]


def check_mutants(root, broken, alive):
    """`make mutants' breaks one rule at a time: what it breaks is still there, once."""
    rules = [(path, text) for path, text, _ in broken]
    return [f"tests/mutants/rules.py: src/{path} has not this once: {text}" for path, text in rules
            if len(re.findall(mutants.pattern_of(text), read(os.path.join(root, "src", path)))) != 1
            ] + [f"tests/mutants/rules.py: ALIVE has no mutant of {path}: {text}"
                 for path, text in alive if (path, text) not in rules]


def check_readmes(root):
    folders = [entry.name for entry in os.scandir(os.path.join(root, "contrib")) if entry.is_dir()]
    text = read(os.path.join(root, "contrib/README.md"))
    return [f"contrib/{folder} has no README.md"
            for folder in sorted(folders)
            if not os.path.exists(os.path.join(root, "contrib", folder, "README.md"))
            ] + [f"contrib/README.md does not name {folder}"
                 for folder in sorted(folders) if folder not in text]


def table_rows(text, title):
    """The rows of the first table whose head begins with the title, as lists of cells."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith(f"| {title} |")]
    rows = []
    for line in lines[heads[0] + 2:] if heads else ():
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def check_layer_table(root):
    """README.md has the layers above, and src/README.md has each folder with its layer."""
    complaints = []
    rows = [(cells[0], set(re.findall(r"`(?:src/)?([^`]+)`", cells[1])))
            for cells in table_rows(read(os.path.join(root, "README.md")), "layer")]
    layers = [(name, {pattern.removesuffix("/*") for pattern in patterns})
              for name, patterns in LAYERS]
    if [name for name, _ in rows] != [name for name, _ in layers]:
        complaints.append("README.md: the layers are " + " ".join(name for name, _ in layers))
    for (name, patterns), (_, found) in zip(layers, rows):
        complaints += [f"README.md, layer {name}: {pattern} is in one of the table and LAYERS"
                       for pattern in sorted(patterns ^ found)]
    rows = {cells[0].strip("`"): cells[1]
            for cells in table_rows(read(os.path.join(root, "src/README.md")), "folder")}
    for folder in sorted(entry.name for entry in os.scandir(os.path.join(root, "src"))
                         if entry.is_dir() and entry.name not in SKIPPED_FOLDERS):
        expected = next((name for name, patterns in LAYERS if folder + "/*" in patterns), "-")
        if rows.pop(folder, None) != expected:
            complaints.append(f"src/README.md does not have {folder} with the layer {expected}")
    return complaints + [f"src/README.md has the folder {folder}, which is not there"
                         for folder in rows]


def check_map(root):
    """Files and functions that src/README.md names are there; one without a folder is in that of the file before."""
    sources = sources_below(root)
    everything = "".join(read(os.path.join(root, "src", path)) for path in sources)
    complaints, folder = [], ""
    for line in read(os.path.join(root, "src/README.md")).splitlines():
        if line.startswith("|"):
            folder = ""
        for name in re.findall(r"`([^` ]+)`", line):
            if re.fullmatch(r"[\w/*]+\.[ch]", name):
                places = (name, f"{folder}/{name}") if folder and "/" not in name else (name, "*/" + name)
                found = any(fits(path, places) for path in sources)
                folder = os.path.dirname(name) or folder
            elif re.fullmatch(r"\w+\(\)", name):
                found = re.search(rf"\b{name[:-2]}\(", everything)
            else:
                continue
            if not found:
                complaints.append(f"src/README.md names {name}, which is not there")
    return complaints


def main():
    root = os.environ.get("top_srcdir", ".")
    archive = os.path.join(os.environ.get("top_builddir", "build"), "src/libsockline.a")
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = shlex.split(os.environ.get("LINT_CFLAGS", "-std=gnu11 -D_GNU_SOURCE -Wall -Wextra"))
    nm = shlex.split(os.environ.get("NM", "nm"))

    rules = (
        ("files include only downward", check_layers, (root,)),
        ("headers include each other in no circle", check_cycles, (root,)),
        ("each library has one includer", check_libraries, (root,)),
        ("each header compiles alone", check_headers_alone, (root, compiler, flags)),
        ("exported symbols begin with the name of their file", check_symbols, (archive, nm)),
        ("there are no writable globals", check_globals, (archive, nm)),
        ("each source and test is in Makefile.am", check_listed, (root,)),
        (f"no file has over {LINES_MAX} lines", check_lengths, (root,)),
        ("each file names its holder and its licence", check_spdx, (root,)),
        ("sentences of comments and manuals begin with their subject", check_comments, (root,)),
        (f"windows of time stand in {WINDOWS}", check_windows, (root,)),
        ("mutants break rules that there are", check_mutants, (root, mutants.MUTANTS, mutants.ALIVE)),
        ("each folder of contrib has a README", check_readmes, (root,)),
        ("the tables of layers and of folders are those of this file", check_layer_table, (root,)),
        ("the map of the sources names what there is", check_map, (root,)),
    )
    for title, rule, arguments in rules:
        tap.complaints(title, rule(*arguments))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
