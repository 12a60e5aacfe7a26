/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/user.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"

#define PASSWD_MAX (4 * MIB)
#define HOME_MAX   4096

/* name:password:uid:gid:gecos:home:shell; the uid must be a number, nothing else. */
static char *home_of_line(const char *line, size_t len, uint32_t uid)
{
    const char *field[7] = {line};
    size_t n = 1;
    uint32_t number;

    for (size_t i = 0; i < len && n < 7; i++)
        if (line[i] == ':')
            field[n++] = line + i + 1;
    if (n < 6)
        return NULL;
    _cleanup_free_ char *id = xstrndup(field[2], (size_t)(field[3] - field[2] - 1));
    if (parse_u32(id, &number) < 0 || number != uid)
        return NULL;
    const char *end = n > 6 ? field[6] - 1 : line + len;
    size_t home_len = (size_t)(end - field[5]);
    if (home_len == 0 || home_len > HOME_MAX)
        return NULL;
    for (size_t i = 0; i < home_len; i++)
        if ((unsigned char)field[5][i] < ' ' || field[5][i] == 0x7f)
            return NULL;
    return xstrndup(field[5], home_len);
}

char *user_home_in(const char *passwd, uint32_t uid)
{
    while (*passwd) {
        size_t len = strcspn(passwd, "\n");
        char *home = home_of_line(passwd, len, uid);
        if (home)
            return home;
        passwd += len + (passwd[len] == '\n');
    }
    return NULL;
}

char *user_home(uint32_t uid)
{
    struct stat st;
    _cleanup_free_ char *text = NULL;
    /* O_NONBLOCK: the image may have put a fifo there. */
    _cleanup_close_ int fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)PASSWD_MAX ||
        read_fd(fd, PASSWD_MAX, &text, NULL) < 0)
        return xstrdup("/");
    char *home = user_home_in(text, uid);
    return home ? home : xstrdup("/");
}
