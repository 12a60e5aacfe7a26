#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Writes the tar of a root file system with a static busybox to standard output.
set -euo pipefail

busybox=$(command -v busybox) || { echo "busybox-image: no busybox here" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,etc,home,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var/www}
chmod 755 "$root"
chmod 1777 "$root/tmp"
chmod 700 "$root/root"
cp "$busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n' >"$root/etc/group"
# The same input gives the same layer.
tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - .
