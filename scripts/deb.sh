#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes dist/lighter_VERSION_ARCH.deb of a release build, with the dependencies its programs show.
. "$(dirname "$0")/lib.sh"

version=$(project_version)
arch=$(dpkg --print-architecture)
export BUILD=build-release
scripts/build.sh --buildtype=release

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tree=$stage/debian/lighter
mkdir -p "$tree/DEBIAN" dist
chmod 755 "$stage"
DESTDIR=$tree PREFIX=/usr UNITDIR=/lib/systemd/system scripts/install.sh
for program in "${PROGRAMS[@]}"; do strip --strip-unneeded "$tree/usr/bin/$program"; done
find "$tree/usr/share/man" -type f -exec gzip -9n {} + 2>/dev/null || true
install -d "$tree/usr/share/doc/lighter"
cat >"$tree/usr/share/doc/lighter/copyright" <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: lighter
License: GPL-2.0-or-later
 On Debian systems the full text is in /usr/share/common-licenses/GPL-2.
END
install -m 755 packaging/postinst packaging/prerm packaging/postrm "$tree/DEBIAN/"

# dpkg-shlibdeps wants a source package's control file.
printf 'Source: lighter\n\nPackage: lighter\nArchitecture: any\n' >"$stage/debian/control"
depends=$(cd "$stage" && dpkg-shlibdeps -O --ignore-missing-info debian/lighter/usr/bin/lighterd \
    debian/lighter/usr/bin/lighter debian/lighter/usr/bin/lighter-runtime 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || die "the dependencies could not be found"
sed -e "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$tree" | cut -f1)/" packaging/control.in >"$tree/DEBIAN/control"
deb=dist/lighter_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$tree" "$deb" >/dev/null
say "$deb"
