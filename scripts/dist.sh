#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes dist/lighter-VERSION.tgz: a folder lighter/ with the stripped programs, to unpack into /usr/bin:
#   tar xzf lighter-VERSION.tgz --strip-components=1 -C /usr/bin
. "$(dirname "$0")/lib.sh"

version=$(project_version)
export BUILD=build-release
scripts/build.sh --buildtype=release
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -d -m 755 "$stage/lighter" dist
for program in "${PROGRAMS[@]}"; do install -m 755 -s "$BUILD/$program" "$stage/lighter/$program"; done
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner -czf "dist/lighter-$version.tgz" lighter
say "dist/lighter-$version.tgz"
