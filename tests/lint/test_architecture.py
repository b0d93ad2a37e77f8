# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""Each rule of architecture.py must complain about a tree that breaks it, and about no other."""

import os
import shlex
import subprocess
import sys
import tempfile

import architecture
import tap  # architecture knows where it is

HEAD = "".join(f"/* {tag} */\n" for tag in architecture.TAGS)
COMPILER = shlex.split(os.environ.get("CC", "cc"))
NM = shlex.split(os.environ.get("NM", "nm"))

README = "| layer | folders |\n|---|---|\n" + "".join(
    f"| {name} | " + " ".join(f"`src/{pattern.removesuffix('/*')}`" for pattern in patterns) + " |\n"
    for name, patterns in architecture.LAYERS)
MAP = "`base/table.c` `table_size()`\n\n| folder | layer |\n|---|---|\n" + "".join(
    f"| `{folder}` | {folder} |\n" for folder in ("base", "app")) + "| `capture` | sources |\n"

# A tree that keeps every rule. Paths below src.
GOOD = {
    "base/table.h": "int table_size(void);\n",
    "base/table.c": '#include "base/table.h"\n'
                    "static const char *const names[] = { \"a\", \"b\" };\n"
                    "int table_size(void) { return names[0][0]; }\n",
    "capture/capture.c": '#include <pcap.h>\n#include "base/table.h"\n',
    "app/app.c": '#include "base/table.h"\n',
    "../contrib/README.md": "nothing\n",
    "../README.md": README,
    "README.md": MAP,
}

# Rule, what is changed in the good tree, what the complaint must name.
BAD = (
    ("layers", {"base/table.c": '#include "decode/decode.h"\n', "decode/decode.h": ""},
     "base/table.c (base) includes decode/decode.h (pure)"),
    ("layers", {"events/encode.c": '#include "capture/capture.h"\n', "capture/capture.h": ""},
     "events/encode.c (pure) includes"),
    ("layers", {"output/sink.c": '#  include "app/app.h"\n', "app/app.h": ""}, "output/sink.c"),
    ("layers", {"elsewhere/new.c": ""}, "elsewhere/new.c belongs to no layer"),
    ("layers", {"base/table.c": '#include "table.h"\n'}, '"table.h" is not a path'),
    ("cycles", {"base/a.h": '#include "base/b.h"\n', "base/b.h": '#include "base/a.h"\n'},
     "base/a.h -> base/b.h -> base/a.h"),
    ("libraries", {"decode/decode.c": "#include <pcap/dlt.h>\n"}, "decode/decode.c"),
    ("libraries", {"sockets/lister.c": "#include <netlink/socket.h>\n"}, "sockets/lister.c"),
    ("libraries", {"stream.c": "#include <json-c/json.h>\n"}, "stream.c"),
    ("headers_alone", {"base/table.h": "size_t table_size(void);\n"}, "base/table.h"),
    ("symbols", {"base/table.c": "int tables(void); int tables(void) { return 1; }\n"}, "tables"),
    ("globals", {"base/table.c": "static int count; int table_size(void) { return count++; }\n"},
     "count"),
    ("globals", {"base/table.c": "int table_size(void) { static int last = 7; return last++; }\n"},
     "last"),
    ("globals", {"base/table.c": "int table_level = 1;\n"}, "table_level"),
    ("listed", {"base/buf.c": ""}, "src/base/buf.c is not in Makefile.am"),
    ("lengths", {"base/table.c": "\n" * 500}, "base/table.c has 502 lines"),
    ("spdx", {"base/bare.c": None}, "base/bare.c has no SPDX" "-FileCopyrightText"),
    ("layer_table", {"../README.md": "| layer | folders |\n|---|---|\n"},
     "README.md: the layers are base pure"),
    ("layer_table", {"../README.md": README.replace("`src/stream`", "")},
     "README.md, layer stream: stream is in one"),
    ("layer_table", {"elsewhere/new.c": ""}, "src/README.md does not have elsewhere with the layer -"),
    ("layer_table", {"README.md": MAP + "| `stream` | stream |\n"},
     "src/README.md has the folder stream, which is not there"),
    ("comments", {"base/table.c": "int a;\n/*\n * Of" " a table. */\n"}, "src/base/table.c:4 has"),
    ("comments", {"base/table.c": "int a; /* Whose" " it is. */\n"}, "src/base/table.c:3 has"),
    ("comments", {"base/table.c": "/*\n * Tables.\n *\n * Of" " one\n * the size.\n */\n"}, '"Of"'),
    ("comments", {"base/table.c": "/* A table. Nobody" " has it. */\n"}, '"Nobody"'),
    ("comments", {"base/table.c": "/* What it tel" "ls. */\n"}, '"tel' 'ls": report'),
    ("comments", {"man/page.8": "The table.\n.Pp\nOf" " it the size.\n"}, "src/man/page.8:5 has"),
    ("comments", {"../tests/a.py": "x = 1  #" " Who has it\n"}, "tests/a.py:3 has"),
    ("comments", {"../tests/a.py": 'def f():\n    """Nobody' ' has it."""\n'}, "tests/a.py:4 has"),
    ("windows", {"stream/binder.c": "#define SOON_NS 5\n"}, "src/stream/binder.c defines SOON_NS"),
    ("mutants", {"base/table.c": "int table_size(void) { return 1; }\n"}, "src/base/table.c has not"),
    ("map", {"README.md": MAP + "`base/tables.c`\n"}, "src/README.md names base/tables.c"),
    ("map", {"README.md": MAP + "`table_length()`\n"}, "src/README.md names table_length()"),
    ("map", {"README.md": MAP + "\n`capture/capture.c`, `table.c`\n"}, "src/README.md names table.c"),
    ("readmes", {"../contrib/jq/README.md": ""}, "contrib/README.md does not name jq"),
    ("readmes", {"../contrib/run.d/x": "", "../contrib/README.md": "run.d"},
     "contrib/run.d has no README.md"),
)


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, "src", path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write("int bare;\n" if text is None else HEAD + text)


def complaints_of(rule, files):
    """What the rule says about the good tree with these files changed."""
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, {**GOOD, **files})
        with open(root + "/Makefile.am", "w", encoding="utf-8") as file:
            file.writelines(f"# {tag}\n" for tag in architecture.TAGS)
            file.writelines(f"src/{path}\n" for path in GOOD)
        function = getattr(architecture, "check_" + rule)
        if rule == "headers_alone":
            return function(root, COMPILER, ["-std=gnu11"])
        if rule == "mutants":
            return function(root, [("base/table.c", "return  names[0][0];", "return 0;")], {})
        if rule not in ("symbols", "globals"):
            return function(root)
        # nm reads an object as well as an archive, but names the member only in an archive.
        subprocess.run(COMPILER + ["-fPIE", "-I", root + "/src", "-c", "src/base/table.c"],
                       cwd=root, check=True)
        subprocess.run(["ar", "rc", "lib.a", "table.o"], cwd=root, check=True)
        return function(root + "/lib.a", NM)


def main():
    for rule in dict.fromkeys(rule for rule, _, _ in BAD):
        complaints = complaints_of(rule, {})
        tap.check(complaints == [], f"{rule}: a good tree")
    for rule, files, expected in BAD:
        complaints = complaints_of(rule, files)
        tap.check(len(complaints) == 1 and expected in complaints[0], f"{rule}: {expected}")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
