/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/table.h"

#include "base/alloc.h"
#include "base/str.h"

#define MIN_WIDTH 10
#define PADDING   3

struct line {
    char **cells;   /* owned */
    size_t n;       /* the last cell is not ended by a tab */
    size_t *widths; /* owned: padded width of each cell but the last */
};

static size_t chars_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* The column `c` of the lines from `from` that have it: sets their widths; the first line after. */
static size_t set_block(struct line *lines, size_t n_lines, size_t from, size_t c)
{
    size_t width = MIN_WIDTH, end = from;
    for (; end < n_lines && lines[end].n > c + 1; end++)
        width = MAX(width, chars_of(lines[end].cells[c]) + PADDING);
    for (size_t i = from; i < end; i++)
        lines[i].widths[c] = width;
    return end;
}

static void set_widths(struct line *lines, size_t n_lines)
{
    size_t columns = 0;
    for (size_t i = 0; i < n_lines; i++)
        columns = MAX(columns, lines[i].n);
    for (size_t c = 0; c + 1 < columns; c++)
        for (size_t i = 0; i < n_lines;)
            i = lines[i].n > c + 1 ? set_block(lines, n_lines, i, c) : i + 1;
}

void table_align(const char *text, struct buf *out)
{
    _cleanup_strv_ char **raw = str_split(text, '\n');
    size_t n = strv_len(raw);
    struct line *lines = XNEW_ARRAY(struct line, n);
    for (size_t i = 0; i < n; i++) {
        lines[i].cells = str_split(raw[i], '\t');
        lines[i].n = strv_len(lines[i].cells);
        lines[i].widths = XNEW_ARRAY(size_t, lines[i].n);
    }
    set_widths(lines, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < lines[i].n; c++) {
            (void)buf_adds(out, lines[i].cells[c]);
            if (c + 1 < lines[i].n)
                (void)buf_addf(out, "%*s", (int)(lines[i].widths[c] - chars_of(lines[i].cells[c])),
                               "");
        }
        if (i + 1 < n)
            (void)buf_addc(out, '\n');
        strv_free(lines[i].cells);
        free(lines[i].widths);
    }
    free(lines);
}
