#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sums test results into the line `N passed, N failed, N skipped`.

usage: tally.py FILE...

A FILE is Meson's testlog.json (whose programs' cmocka output, plain or TAP, is counted function by
function) or a JUnit XML file (pytest). One that is missing or unreadable is a failure: its run never
came to an end. Exits with 1 if anything failed or nothing passed.
"""
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

PLAIN = re.compile(r"^\[\s*(OK|FAILED|SKIPPED|ERROR)\s*\] ", re.MULTILINE)
TAP = re.compile(r"^(not ok|ok) \d+([^\n]*)", re.MULTILINE)


def count_output(text):
    """[passed, failed, skipped] by what a test program printed."""
    passed = failed = skipped = 0
    for word in PLAIN.findall(text):
        passed += word == "OK"
        failed += word in ("FAILED", "ERROR")
        skipped += word == "SKIPPED"
    for word, rest in TAP.findall(text):
        if "# SKIP" in rest:
            skipped += 1
        elif word == "ok":
            passed += 1
        else:
            failed += 1
    return [passed, failed, skipped]


def count_meson(path):
    total = [0, 0, 0]
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            counts = count_output(test.get("stdout") or "")
            result = test["result"]
            if result == "SKIP" and not any(counts):
                counts = [0, 0, 1]
            elif result == "OK" and not any(counts):
                counts = [1, 0, 0]
            elif result not in ("OK", "SKIP", "EXPECTEDFAIL") and counts[1] == 0:
                counts[1] = 1  # it crashed, timed out, or a sanitizer ended it
            total = [a + b for a, b in zip(total, counts)]
    return total


def count_junit(path):
    total = [0, 0, 0]
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total = [total[0] + tests - failed - skipped, total[1] + failed, total[2] + skipped]
    return total


def main():
    total = [0, 0, 0]
    for path in sys.argv[1:]:
        try:
            counts = count_junit(path) if path.endswith(".xml") else count_meson(path)
        except (OSError, ValueError, KeyError, ElementTree.ParseError) as error:
            print(f"tally: {path}: {error}", file=sys.stderr)
            counts = [0, 1, 0]
        total = [a + b for a, b in zip(total, counts)]
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


sys.exit(main())
