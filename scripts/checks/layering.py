#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A module includes only modules before it; headers form no cycle.

usage: layering.py [ROOT]
"""
import pathlib
import re
import sys

ORDER = (
    "base json db http oci runtime shim tar layer image registry net volume container "
    "build engine api daemon client cli init"
).split()

# Modules that may see less than everything before them.
ONLY = {
    "runtime": {"base", "json", "oci"},
    "shim": {"base", "json", "oci", "runtime"},
    "client": {"base", "json", "http", "oci"},
    "cli": {"base", "json", "http", "oci", "client", "tar"},  # tar: the near side of cp
    "init": {"base"},
}

# What the rest may see of the shim: the client side of it, and how detach keys are written.
SHIM_INTERFACE = {"shim/shim_client.h", "shim/detach.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def resolve(src, path, name):
    """The file an include names: beside the includer, or under src/."""
    for candidate in (path.parent / name, src / name):
        if candidate.is_file():
            return candidate.resolve()
    return None


def forbidden(module, target, name):
    if target == module:
        return None
    if target not in ORDER:
        return f"unknown module {target}"
    if target == "shim" and module not in ONLY:
        return None if name in SHIM_INTERFACE else "only the shim's interface may be used"
    if module in ONLY:
        return None if target in ONLY[module] else f"{module} may use only {', '.join(sorted(ONLY[module]))}"
    if ORDER.index(target) > ORDER.index(module):
        return f"{target} comes after {module}"
    return None


def cycles(graph):
    """Each cycle of the include graph once, as a list of files."""
    state, stack, found = {}, [], []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for target in graph.get(node, ()):
            if state.get(target) == "open":
                found.append(stack[stack.index(target):] + [target])
            elif target not in state:
                visit(target)
        stack.pop()
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            visit(node)
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    src = root / "src"
    bad = []
    graph = {}
    for path in sorted(src.rglob("*.[ch]")):
        where = path.relative_to(root)
        module = path.relative_to(src).parts[0]
        if module not in ORDER and path.parent != src:
            bad.append(f"{where}: unknown module {module}")
            continue
        for number, name in includes(path):
            target = resolve(src, path, name)
            if target and src in target.parents:
                inside = target.relative_to(src)
                if path.suffix == ".h":
                    graph.setdefault(path.resolve(), []).append(target)
            else:
                inside = pathlib.PurePath(name)
                if inside.parts[0] not in ORDER:
                    continue
            if len(inside.parts) < 2 or path.parent == src:
                continue
            reason = forbidden(module, inside.parts[0], str(inside))
            if reason:
                bad.append(f'{where}:{number}: "{name}": {reason}')
    for cycle in cycles(graph):
        bad.append("include cycle: " + " -> ".join(str(p.relative_to(src)) for p in cycle))
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


sys.exit(main())
