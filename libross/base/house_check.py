#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a machine can see, over the files that git tracks.

    house_check.py ROOT       names every offence, exit 1 when there is one
    house_check.py --self     every rule must find its sample and leave the good one alone
"""
import pathlib
import re
import subprocess
import sys

COLUMNS_MAX = 120
LINES_MAX = 1000
OUTGROWN = {  # known to be too long, to be cut before they grow further
}
BANNED = ("strcpy strcat sprintf vsprintf gets strtok usleep sleep system popen mktemp tmpnam").split()
OPEN_ENDS = ["FIX" + "ME", "TO" + "DO", "X" + "XX"]

PROGRAMS = ("contentd", "snapshotter-svc", "shim-v2", "ross-cli")
# what a directory may include from, beside itself; the first row that fits counts
LAYERS = [
    ("libross/base", ()),
    ("libross/contract", ("libross",)),
    ("libross/json", ("libross/base",)),
    ("libross/db", ("libross/base",)),
    ("libross/mount", ("libross/base",)),
    ("libross", ("libross/base", "libross/archive", "libross/config", "libross/db", "libross/filter",
                 "libross/json", "libross/mount", "libross/oci")),
    ("api", ("libross",)),
] + [(program, ("libross", "api")) for program in PROGRAMS]
# one door per foreign library
DOORS = [
    ("sqlite3.h", ("libross/db",)),
    ("archive.h", ("libross/archive",)),
    ("archive_entry.h", ("libross/archive",)),
    ("zlib.h", ("libross/archive",)),
    ("zstd.h", ("libross/archive",)),
    ("isa-l", ("libross/archive",)),
    ("openssl/", ("libross/oci",)),
    ("jansson.h", ("libross/json",)),
    ("curl/", ("ross-cli/registry",)),
    ("grpc/", ("api/grpc",)),
    ("libsmartcols/", ("ross-cli/ui",)),
]

C_NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
OPEN_END = re.compile(r"\b(" + "|".join(OPEN_ENDS) + r")\b")


def inside(path, directory):
    return path == directory or path.startswith(directory + "/")


def blank(match):
    """Comments and texts away, lines kept."""
    return re.sub(r"[^\n]", " ", match.group())


def check_lines(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS_MAX and path.endswith((".c", ".h", ".proto")):
            yield number, f"{len(line)} columns, more than {COLUMNS_MAX}"
        if path.endswith((".c", ".h")) and "\t" in line:
            yield number, "a tab"
        found = OPEN_END.search(line)
        if found:
            yield number, found.group()


def check_whole(path, text):
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.split("\n")[:3]):
        yield 1, "no SPDX-License-Identifier in the first lines"
    if path.endswith((".c", ".h")) and text.count("\n") > OUTGROWN.get(path, LINES_MAX):
        yield text.count("\n"), f"more than {LINES_MAX} lines"


def check_calls(path, text):
    for found in CALL.finditer(C_NOISE.sub(blank, text)):
        yield text.count("\n", 0, found.start()) + 1, f"{found.group(1)}() is banned"


def check_includes(path, text):
    own = next((row for row in LAYERS if inside(path, row[0])), None)
    for found in INCLUDE.finditer(text):
        number, name = text.count("\n", 0, found.start()) + 1, found.group(2)
        if found.group(1) == "<":
            for header, homes in DOORS:
                at_door = any(inside(path, home) for home in homes)
                if (name == header or header.endswith("/") and name.startswith(header)) and not at_door:
                    yield number, f"<{name}> belongs to {' '.join(homes)} alone"
            continue
        if not own or "/" not in name:
            continue
        above = re.match(r"(libross|api|contentd|snapshotter-svc|shim-v2|ross-cli)(/|$)", name)
        home = own[0] if own[0] != "libross" else "/".join(path.split("/")[:2])
        if above and not any(inside(name, d) for d in (home,) + own[1]):
            yield number, f'"{name}" is above or beside {home}'


def check(path, text):
    """(line, what) of every offence."""
    name = path.rsplit("/", 1)[-1]
    script = text.startswith("#!")
    code = path.endswith((".c", ".h"))
    if not (code or script or path.endswith((".proto", ".py", ".sh", ".cmake")) or name == "CMakeLists.txt"):
        return
    yield from check_lines(path, text)
    if code or script or path.endswith((".py", ".proto")):
        yield from check_whole(path, text)
    if code:
        yield from check_calls(path, text)
        yield from check_includes(path, text)


SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
SAMPLES = [  # path, text, the word that the complaint must have; None = none
    ("libross/base/a.c", SPDX + "int x;\n", None),
    ("libross/base/a.c", "int x;\n", "SPDX"),
    ("libross/base/a.c", SPDX + "\tint x;\n", "tab"),
    ("libross/base/a.c", SPDX + "x" * 121 + "\n", "columns"),
    ("libross/base/a.c", SPDX + "ü" * 120 + "\n", None),
    ("libross/base/a.c", SPDX + "\n" * 1001, "lines"),
    ("libross/base/a.c", SPDX + "/* " + OPEN_ENDS[0] + " */\n", OPEN_ENDS[0]),
    ("dev", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n# " + OPEN_ENDS[1] + ": x\n", OPEN_ENDS[1]),
    ("libross/base/a.c", SPDX + "f(\"" + OPEN_ENDS[2] + "X" * 3 + "\");\n", None),
    ("libross/base/a.c", SPDX + "strcpy(a, b);\n", "strcpy"),
    ("libross/base/a.c", SPDX + "x = sleep (1);\n", "sleep"),
    ("libross/base/a.c", SPDX + "snprintf(a, 1, b); s->system(x); file_system(y); /* system() */\n", None),
    ("libross/base/a.c", SPDX + 'puts("system(1)");\n', None),
    ("libross/base/a.c", SPDX + '#include "libross/oci/digest.h"\n', "above"),
    ("libross/base/a.c", SPDX + '#include "libross/base/err.h"\n#include "err.h"\n', None),
    ("libross/mount/a.c", SPDX + '#include "libross/oci/digest.h"\n', "above"),
    ("libross/oci/a.c", SPDX + '#include "libross/contract/content.h"\n', "above"),
    ("libross/oci/a.c", SPDX + '#include "libross/json/json.h"\n', None),
    ("libross/contract/a.c", SPDX + '#include "libross/oci/digest.h"\n', None),
    ("libross/contract/a.c", SPDX + '#include "api/rpc/rpc.h"\n', "above"),
    ("api/rpc/a.c", SPDX + '#include "contentd/x.h"\n', "above"),
    ("contentd/a.c", SPDX + '#include "api/rpc/rpc.h"\n#include "contentd/x.h"\n', None),
    ("contentd/a.c", SPDX + '#include "snapshotter-svc/x.h"\n', "above"),
    ("contentd/a.c", SPDX + "#include <sqlite3.h>\n", "alone"),
    ("libross/db/a.c", SPDX + "#include <sqlite3.h>\n", None),
    ("shim-v2/a.c", SPDX + "#include <openssl/evp.h>\n", "alone"),
    ("README.md", "x" * 300, None),
]


def check_self():
    bad = 0
    for path, text, want in SAMPLES:
        found = " ".join(what for _, what in check(path, text))
        if (want is None and found) or (want is not None and want not in found):
            print(f"rule sample {path} {text[-60:]!r}: wanted {want}, got '{found}'")
            bad += 1
    return bad


def check_tree(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode != 0:
        print("skipped: not a git checkout")
        sys.exit(77)
    bad = files = 0
    for path in listed.stdout.decode().split("\0"):
        full = pathlib.Path(root, path)
        if not path or not full.is_file() or path.startswith("integration/corpus/"):
            continue
        try:
            text = full.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or an archive
        files += 1
        for number, what in check(path, text):
            print(f"{path}:{number}: {what}")
            bad += 1
    print(f"{files} files, {bad} offences")
    return bad + (files == 0)


if __name__ == "__main__":
    sys.exit(1 if (check_self() if sys.argv[1] == "--self" else check_tree(sys.argv[1])) else 0)
