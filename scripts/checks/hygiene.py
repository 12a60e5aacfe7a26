#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What every file must have and must not have: the licence line first, `#pragma once` in headers,
no notes to self, no tabs or trailing blanks, a newline at the end.

usage: hygiene.py [ROOT]
"""
import pathlib
import re
import sys

SPDX = "SPDX-License-Identifier: GPL-2.0-or-later"
C_FIRST = f"/* {SPDX} */"
NOTES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
TEXT = {".c", ".h", ".py", ".sh", ".md", ".build", ".service", ".socket"}
TOPS = ("src", "tests", "scripts", "docs", "packaging")


def problems(path):
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    is_c = path.suffix in (".c", ".h")
    if is_c and (not lines or lines[0] != C_FIRST):
        yield 1, f"the first line is not {C_FIRST}"
    if path.suffix in (".py", ".sh") and text and SPDX not in "\n".join(lines[:3]):
        yield 1, f"no {SPDX} in the first lines"
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield 1, "no #pragma once"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    for number, line in enumerate(lines, 1):
        if NOTES.search(line):
            yield number, "a note to self: do it, or file an issue"
        if line != line.rstrip() and path.suffix != ".md":
            yield number, "trailing blanks"
        if is_c and "\t" in line:
            yield number, "a tab"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad = []
    for top in TOPS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in TEXT and path.is_file() and "corpus" not in path.parts:
                where = path.relative_to(root)
                bad += [f"{where}:{number}: {what}" for number, what in problems(path)]
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main())
