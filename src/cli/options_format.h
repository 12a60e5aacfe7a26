/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The help texts of --format, which many commands share. */

#define HELP_FORMAT_END                                                                      \
    "'json':             Print in JSON format\n"                                             \
    "'TEMPLATE':         Print output using the given Go template.\n"                        \
    "Refer to https://docs.docker.com/go/formatting/ for more information about formatting " \
    "output with templates"

#define HELP_FORMAT "Format output using a custom template:\n" HELP_FORMAT_END

#define HELP_FORMAT_TABLE                                                              \
    "Format output using a custom template:\n"                                         \
    "'table':            Print output in table format with column headers (default)\n" \
    "'table TEMPLATE':   Print output in table format using the given Go template\n" HELP_FORMAT_END
