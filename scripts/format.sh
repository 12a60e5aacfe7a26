#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Formats every C file in place; with --check only says which are not formatted.
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --check ]; then
    c_files | xargs -0r clang-format --dry-run --Werror --ferror-limit=3
else
    c_files | xargs -0r clang-format -i
fi
