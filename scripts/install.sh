#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what BUILD holds, or removes it again with --remove.
#   PREFIX  where programs and manual pages go (/usr/local)
#   UNITDIR where the systemd units go (PREFIX/lib/systemd/system)
#   DESTDIR put before every path: for packages
. "$(dirname "$0")/lib.sh"

PREFIX=${PREFIX:-/usr/local}
UNITDIR=${UNITDIR:-$PREFIX/lib/systemd/system}
root=${DESTDIR:-}
pages=(docs/man/*.[1-8])
completion=$PREFIX/share/bash-completion/completions/lighter

if [ "${1:-}" = --remove ]; then
    for program in "${PROGRAMS[@]}"; do rm -f "$root$PREFIX/bin/$program"; done
    for page in "${pages[@]}"; do rm -f "$root$PREFIX/share/man/man${page##*.}/${page##*/}"; done
    rm -f "$root$UNITDIR"/lighter.{service,socket} "$root$completion"
    exit 0
fi

scripts/build.sh
# The daemon finds its shim and its init beside itself.
install -d "$root$PREFIX/bin" "$root$UNITDIR"
for program in "${PROGRAMS[@]}"; do install -m 755 "$BUILD/$program" "$root$PREFIX/bin/$program"; done
for page in "${pages[@]}"; do
    [ -e "$page" ] || continue
    install -D -m 644 "$page" "$root$PREFIX/share/man/man${page##*.}/${page##*/}"
done
install -D -m 644 packaging/completion/lighter.bash "$root$completion"
sed "s|^ExecStart=/usr/bin/|ExecStart=$PREFIX/bin/|" packaging/lighter.service >"$root$UNITDIR/lighter.service"
chmod 644 "$root$UNITDIR/lighter.service"
install -m 644 packaging/lighter.socket "$root$UNITDIR/lighter.socket"
# A package makes the socket's group when it is installed.
if [ -z "$root" ] && [ "$(id -u)" = 0 ] && ! getent group lighter >/dev/null; then groupadd --system lighter; fi
