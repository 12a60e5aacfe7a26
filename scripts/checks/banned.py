#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that are not used here, with the reason and what to use instead.

Comments and string literals do not count. src/base/banned.h poisons some of these for the compiler;
this finds them all, in code that is not compiled on this machine too.

usage: banned.py [ROOT]
"""
import pathlib
import re
import sys

# name -> (reason, module prefixes under src/ in which it is allowed)
BANNED = {
    "strcpy": ("no bound", ()),
    "strcat": ("no bound", ()),
    "strncpy": ("may leave no terminator", ()),
    "strncat": ("its bound is not the buffer's", ()),
    "sprintf": ("no bound: snprintf, or a buffer of base", ()),
    "vsprintf": ("no bound", ()),
    "gets": ("no bound", ()),
    "strtok": ("static state", ()),
    "localtime": ("static state: localtime_r", ()),
    "gmtime": ("static state: gmtime_r", ()),
    "ctime": ("static state", ()),
    "asctime": ("static state", ()),
    "atoi": ("accepts garbage: the strict parsers of base", ()),
    "atol": ("accepts garbage: the strict parsers of base", ()),
    "atoll": ("accepts garbage: the strict parsers of base", ()),
    "atof": ("accepts garbage: the strict parsers of base", ()),
    "strtol": ("only behind the strict parsers of base", ("base/",)),
    "strtoul": ("only behind the strict parsers of base", ("base/",)),
    "strtoll": ("only behind the strict parsers of base", ("base/",)),
    "strtoull": ("only behind the strict parsers of base", ("base/",)),
    "sscanf": ("accepts garbage: the strict parsers of base", ()),
    "system": ("a shell: spawn of base", ()),
    "popen": ("a shell: spawn of base", ()),
    "alloca": ("unbounded stack", ()),
    "signal": ("unspecified semantics: sigaction", ()),
    "tmpnam": ("a race", ()),
    "mktemp": ("a race", ()),
    "fork": ("only where one thread runs: spawn of base", ("shim/", "runtime/", "init/")),
}

CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED))
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)


def code_only(text):
    """The text with comments and literals blanked, line numbers kept."""
    return NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    src = root / "src"
    bad = []
    for path in sorted(src.rglob("*.[ch]")):
        inside = str(path.relative_to(src))
        if inside == "base/banned.h":
            continue
        for number, line in enumerate(code_only(path.read_text(errors="replace")).splitlines(), 1):
            for name in CALL.findall(line):
                reason, allowed = BANNED[name]
                if not inside.startswith(allowed):
                    bad.append(f"src/{inside}:{number}: {name}(): {reason}")
    for line in bad:
        print(line)
    return 1 if bad else 0


sys.exit(main())
