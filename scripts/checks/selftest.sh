#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A check that cannot fail checks nothing: gives each of them a small tree with one violation, and
# one without.
set -euo pipefail
checks=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
spdx='/* SPDX-License-Identifier: GPL-2.0-or-later */'
failed=0
note=TO # in two parts: this file is checked too

fresh() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/src/{base,json,net,runtime,shim,engine,cli}
    printf '%s\n#pragma once\n\n#include <stddef.h>\n\nsize_t base_length(const char *text);\n' "$spdx" >"$tree/src/base/good.h"
    printf '%s\n#pragma once\n' "$spdx" >"$tree/src/shim/shim_client.h"
    printf '%s\n#pragma once\n' "$spdx" >"$tree/src/shim/loop.h"
    printf '%s\n#include "base/good.h"\n#include "shim/shim_client.h"\n\nint net_up(void)\n{\n    return 0;\n}\n' "$spdx" >"$tree/src/net/good.c"
}

# expect RESULT CHECK DESCRIPTION
expect() {
    local result=pass
    "$checks/$2" "$tree" >"$tree/out" 2>&1 || result=fail
    if [ "$result" != "$1" ]; then
        printf 'self-test: %s: expected %s, got %s: %s\n' "$2" "$1" "$result" "$3"
        sed 's/^/    /' "$tree/out"
        failed=1
    fi
    rm -f "$tree/out"
}

# violation CHECK FILE DESCRIPTION, the file's text on stdin
violation() {
    fresh
    cat >"$tree/src/$2"
    expect fail "$1" "$3"
}

fresh
for check in layering.py size.py banned.py hygiene.py headers.sh; do
    expect pass $check "a clean tree"
done

violation layering.py base/up.c "a lower module includes a higher one" <<<'#include "net/up.h"'
violation layering.py engine/x.c "beyond the shim's interface" <<<'#include "shim/loop.h"'
violation layering.py cli/x.c "the command line uses the shim" <<<'#include "shim/shim_client.h"'
violation layering.py runtime/x.c "the runtime uses a module it may not" <<<'#include "shim/shim_client.h"'
fresh
mkdir "$tree/src/other"
printf '' >"$tree/src/other/x.c"
expect fail layering.py "an unknown module"
fresh
printf '#include "base/b.h"\n' >"$tree/src/base/a.h"
printf '#include "base/a.h"\n' >"$tree/src/base/b.h"
expect fail layering.py "an include cycle"

{ yes 'int x;' || true; } 2>/dev/null | head -1001 | violation size.py base/x.c "a long file"
{ yes 'int x;' || true; } 2>/dev/null | head -200 | violation size.py base/x.h "a long header"
{
    printf 'static int f(int a,\n             int b)\n{\n'
    { yes '    a += b;' || true; } 2>/dev/null | head -98
    printf '}\n'
} | violation size.py base/x.c "a long function"

for call in 'strcpy(a, b)' 'sprintf (a, b)' 'x = atoi(s)' 'system("x")' 'signal(2, f)' 'fork()' 'strtol(s, 0, 10)'; do
    violation banned.py net/x.c "$call" <<<"int f(void) { $call; }"
done
fresh
cat >"$tree/src/shim/x.c" <<<'int f(void) { fork(); a->signal(1); /* strcpy(a, b) */ puts("atoi(x)"); my_system(1); }'
expect pass banned.py "allowed places, members, comments and strings"

# table ROW: a clean tree with that row in the daemon's table of flags, and a page that has --debug
table() {
    fresh
    mkdir -p "$tree"/src/daemon "$tree"/docs/man
    printf '    {"%s", 0},\n' "$@" >"$tree/src/daemon/settings.c"
    printf '.SH OPTIONS\n.TP\n.B \\-D\\fR, \\fB\\-\\-debug\nMore.\n.SH FILES\n' >"$tree/docs/man/lighterd.8"
}
table debug
expect pass manual.py "a flag that the page has"
table debug label
expect fail manual.py "a flag that the page lacks"
table label
expect fail manual.py "a flag that is no more"
rm -rf "$tree/docs"

violation hygiene.py base/x.c "no licence line" <<<'int x;'
violation hygiene.py base/x.h "no pragma" <<<"$spdx"
violation hygiene.py base/x.c "a note to self" <<<"$spdx
/* ${note}DO: later */"
violation hygiene.py base/x.c "trailing blanks" <<<"$spdx
int x;  "
violation hygiene.py base/x.c "a tab" <<<"$spdx
	int x;"
violation headers.sh base/x.h "a header that needs another" <<<"$spdx
#pragma once
size_t f(void);"

exit $failed
