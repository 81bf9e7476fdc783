#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completion scripts of the programs in a folder.

    render.py --bin DIR --out DIR    writes OUT/man/manN/*.N and OUT/completion/*
    render.py --self                 tests the formatter

A source NAME.SECTION.md is a title line "# NAME SECTION: purpose" and then a page in a small Markdown: "# HEADING",
paragraphs, indented blocks, "- " lists and definitions ("term", next line ":   text"); **bold**, *italic*, `literal`,
backslash escapes. A line "@PROGRAM WORD..." is replaced by what that program prints: the tables of its options.
"""
import argparse
import pathlib
import re
import subprocess
import sys

SOURCES = pathlib.Path(__file__).resolve().parent
SPAN = re.compile(r"\\(?P<esc>[^\w\s])|\*\*(?P<b>(?:\\.|[^*\\])+)\*\*|\*(?P<i>(?:\\.|[^*\\])+)\*|`(?P<lit>[^`]+)`")


def plain(text):
    """Text that troff prints as it is."""
    text = re.sub(r"\\([^\w\s])", r"\1", text)
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("'", "\\(aq").replace("^", "\\(ha")
    return text.replace("~", "\\(ti").replace("`", "\\(ga")


def inline(text):
    out, end = [], 0
    for m in SPAN.finditer(text):
        out.append(plain(text[end:m.start()]))
        if m["esc"]:
            out.append(plain(m["esc"]))
        elif m["i"]:
            out.append("\\fI" + plain(m["i"]) + "\\fR")
        else:
            out.append("\\fB" + plain(m["b"] or m["lit"].replace("\\", "\\\\")) + "\\fR")
        end = m.end()
    out.append(plain(text[end:]))
    line = "".join(out)
    return "\\&" + line if line[:1] in ".'" or line.startswith("\\(aq") else line


def roff(text, name, section, purpose, version):
    out = ['.\\" made by docs/man/render.py', f'.TH "{name.upper()}" "{section}" "" "Ross {version}" "Ross"', ".ad l", ".nh",
           ".SH NAME", f"{plain(name)} \\- {inline(purpose)}"]
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        line = lines[i]
        following = lines[i + 1] if i + 1 < len(lines) else ""
        if not line.strip():
            i += 1
        elif line.startswith("# "):
            out.append(f'.SH "{plain(line[2:])}"')
            i += 1
        elif line.startswith("    "):
            block = []
            while i < len(lines) and (lines[i].startswith("    ") or (not lines[i].strip() and block)):
                block.append(lines[i][4:])
                i += 1
            while block and not block[-1].strip():
                block.pop()
            code = [("\\&" if b[:1] in ".'" else "") + plain(b.replace("\\", "\\\\")) for b in block]
            out += [".PP", ".RS 4", ".nf"] + code + [".fi", ".RE"]
        elif following.startswith(":   "):
            body = [following[4:]]
            i += 2
            while i < len(lines) and lines[i].startswith("    "):
                body.append(lines[i].strip())
                i += 1
            out += [".TP", inline(line), inline(" ".join(body))]
        elif line.startswith("- "):
            body = [line[2:]]
            i += 1
            while i < len(lines) and lines[i].startswith("  "):
                body.append(lines[i].strip())
                i += 1
            out += [".IP \\(bu 2", inline(" ".join(body))]
        else:
            body = []
            while i < len(lines) and lines[i].strip() and not lines[i].startswith(("# ", "    ", "- ")):
                body.append(lines[i].strip())
                i += 1
            out += [".PP", inline(" ".join(body))]
    return re.sub(r"(\.SH .*\n)\.PP\n", r"\1", "\n".join(out) + "\n")


def output(bin_dir, words):
    return subprocess.run([str(bin_dir / words[0])] + words[1:], check=True, capture_output=True, text=True).stdout


def expand(text, bin_dir):
    return re.sub(r"^@(\S.*)$", lambda m: output(bin_dir, m[1].split()), text, flags=re.M)


def page(out, name, section, purpose, text, version):
    path = out / "man" / f"man{section}" / f"{name}.{section}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(roff(text, name, section, purpose, version), encoding="utf-8")


def render(bin_dir, out):
    version = output(bin_dir, ["ross-cli", "--version"]).split()[1]
    for source in sorted(SOURCES.glob("*.[0-9].md")):
        title, text = source.read_text(encoding="utf-8").split("\n", 1)
        m = re.fullmatch(r"# (\S+) (\d): (.+)", title)
        if not m or source.name != f"{m[1]}.{m[2]}.md":
            sys.exit(f"{source.name}: the first line is not '# NAME SECTION: purpose'")
        page(out, m[1], m[2], m[3], expand(text, bin_dir), version)
    for row in output(bin_dir, ["ross-cli", "docs", "list"]).splitlines():
        command, summary = row.split("\t")
        words = subprocess.run([str(bin_dir / "ross-cli"), "docs", command], check=True, capture_output=True, text=True).stdout
        more = SOURCES / "commands" / (command.replace(" ", "-") + ".md")
        if more.exists():
            words += more.read_text(encoding="utf-8")
        words += "# SEE ALSO\n\n**ross-cli**(1)\n"
        purpose = summary[0].lower() + summary[1:]
        page(out, "ross-cli-" + command.replace(" ", "-"), "1", purpose, words, version)
    shells = out / "completion"
    shells.mkdir(parents=True, exist_ok=True)
    for shell, name in (("bash", "ross-cli.bash"), ("zsh", "_ross-cli"), ("fish", "ross-cli.fish")):
        (shells / name).write_text(output(bin_dir, ["ross-cli", "completion", shell]), encoding="utf-8")


def check_self():
    cases = [
        ("a *b* **c** `d-e`", "a \\fIb\\fR \\fBc\\fR \\fBd\\-e\\fR"),
        ("**--x** *a\\|b*", "\\fB\\-\\-x\\fR \\fIa|b\\fR"),
        ("a \\*star\\*", "a *star*"),
        (".hidden", "\\&.hidden"),
        ("it's", "it\\(aqs"),
        ("back\\\\slash", "back\\eslash"),
    ]
    bad = [(t, want, inline(t)) for t, want in cases if inline(t) != want]
    text = roff("# X\n\npara\nmore\n\n**t**\n:   def\n\n- one\n  two\n\n    code\n", "n", "1", "p", "0")
    for want in (".SH \"X\"\npara more\n", ".TP\n\\fBt\\fR\ndef\n", ".IP \\(bu 2\none two\n", ".nf\ncode\n.fi\n"):
        if want not in text:
            bad.append((want, "in the page", text))
    for b in bad:
        print("FAILED", b)
    return 1 if bad else 0


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--bin", type=pathlib.Path)
    p.add_argument("--out", type=pathlib.Path)
    p.add_argument("--self", action="store_true")
    a = p.parse_args()
    if a.self:
        sys.exit(check_self())
    if not a.bin or not a.out:
        p.error("--bin and --out are needed")
    render(a.bin, a.out)
