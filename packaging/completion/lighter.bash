# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for lighter: the program writes the script from its own option tables.
command -v lighter >/dev/null 2>&1 && source <(lighter completion bash)
