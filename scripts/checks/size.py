#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""File and function length: a file fails above 1000 lines (a word of warning above 600), a header
from 200, a function above 100.

Files are formatted when this runs, so a function is what lies between a `{` and a `}` that stand
alone in the first column.

usage: size.py [ROOT]
"""
import pathlib
import sys

FILE_MAX, FILE_WARN, HEADER_MAX, FUNCTION_MAX = 1000, 600, 200, 100


def functions(lines):
    """(first line, name, length) of each function, counted from its signature's last line."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number - 1
        elif line.startswith("}") and start is not None:
            signature = start
            while signature > 1 and lines[signature - 1][:1] in (" ", "\t"):
                signature -= 1
            yield signature, lines[signature - 1].strip(), number - signature + 1
            start = None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad, notes = [], []
    files = [p for top in ("src", "tests") for p in sorted((root / top).rglob("*.[ch]"))]
    for path in files:
        where = path.relative_to(root)
        lines = path.read_text(errors="replace").splitlines()
        limit = HEADER_MAX - 1 if path.suffix == ".h" else FILE_MAX
        if len(lines) > limit:
            bad.append(f"{where}: {len(lines)} lines, at most {limit}")
        elif len(lines) > FILE_WARN:
            notes.append(f"{where}: {len(lines)} lines: does it still tell one thing?")
        for number, name, length in functions(lines):
            if length > FUNCTION_MAX:
                bad.append(f"{where}:{number}: {length} lines in one function: {name}")
    for note in notes:
        print(f"note: {note}")
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main())
