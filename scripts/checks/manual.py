#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The manual pages name every flag and command that the programs' tables hold, and no other.

usage: manual.py [ROOT]
"""
import pathlib
import re
import sys

# page -> (table, row: its first group is the name, the page's entries)
FLAG = re.compile(r"^\.(?:B|BI|BR)\s.*?--([a-z-]+)", re.MULTILINE)
COMMAND = re.compile(r"^\.TP\n\.B ([a-z]+)$", re.MULTILINE)
PAGES = {
    "lighterd.8": ("src/daemon/settings.c", r'^    \{"([a-z-]+)",', FLAG, "OPTIONS"),
    "lighter.1": ("src/cli/commands.c", r'^    \{"([a-z]+)", &cmd_', COMMAND, "COMMANDS"),
    "lighter-runtime.8": ("src/runtime/cli/main.c", r'^    \{"([a-z]+)", cmd_', COMMAND, "COMMANDS"),
}


def section(page, name):
    return page.split(f".SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    bad = []
    for name, (table, row, entry, part) in PAGES.items():
        source, path = root / table, root / "docs/man" / name
        if not source.is_file():
            continue
        have = set(re.findall(row, source.read_text(), re.MULTILINE))
        said = set(entry.findall(section(path.read_text().replace("\\-", "-"), part)))
        if not have:
            bad.append(f"{table}: no rows found")
        bad += [f"docs/man/{name}: {what} is missing" for what in sorted(have - said)]
        bad += [f"docs/man/{name}: there is no {what}" for what in sorted(said - have)]
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main())
