/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Functions that are too easy to misuse. The build includes this header before every source file,
 * after the system headers below, so that a use does not compile. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#pragma GCC poison strcpy strcat strncat strtok sprintf vsprintf gets
#pragma GCC poison localtime gmtime ctime asctime mktemp tmpnam tempnam
#pragma GCC poison atoi atol atoll
