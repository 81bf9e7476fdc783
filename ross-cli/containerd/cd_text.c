/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     # >>> ross-cli containerd enable        or, with what the reverse must know:
 *     # >>> ross-cli containerd enable: new file
 *     # >>> ross-cli containerd enable: no line end before
 *     #was: a line that this part replaces
 *     a line of ours
 *     # <<< ross-cli containerd enable
 */
#include "cd_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libross/base/mem.h"

#define MARK_BEGIN "# >>> ross-cli containerd enable"
#define MARK_END   "# <<< ross-cli containerd enable"
#define MARK_WAS   "#was: "
#define NEW_FILE   ": new file"
#define NO_END     ": no line end before"

/* The line at p: its length, and where the next one begins. */
static size_t
line_at(const char *p, const char **ret_next)
{
    size_t len = strcspn(p, "\n");

    *ret_next = p + len + (p[len] == '\n');
    return len;
}

static bool
line_is(const char *p, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(p, text, len) == 0;
}

static bool
line_begins(const char *p, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

size_t
cd_text_lines(const char *text)
{
    size_t n = 0;

    for (const char *p = text; *p; n++)
        (void) line_at(p, &p);
    return n;
}

char *
cd_text_line(const char *text, size_t n)
{
    const char *p = text, *next;

    for (; *p; p = next) {
        size_t len = line_at(p, &next);

        if (--n == 0)
            return xstrndup(p, len);
    }
    return NULL;
}

static void
put_edit(FILE *to, const struct cd_edit *e, const char *begin_more, const char **p)
{
    const char *next;

    fprintf(to, MARK_BEGIN "%s\n", begin_more);
    for (size_t i = 0; i < e->n_replaced && **p; i++, *p = next)
        fprintf(to, MARK_WAS "%.*s\n", (int) line_at(*p, &next), *p);
    for (size_t i = 0; i < e->lines.n; i++)
        fprintf(to, "%s\n", e->lines.items[i]);
    fprintf(to, MARK_END "\n");
}

char *
cd_text_apply(const char *text, const struct cd_edit *edits, size_t n)
{
    const char *p = text ? text : "", *next, *more;
    bool unended = *p && p[strlen(p) - 1] != '\n';
    char *out = NULL;
    size_t out_len, line = 1;
    FILE *to = open_memstream(&out, &out_len);

    if (!to)
        abort();
    for (size_t i = 0; i < n; i++) {
        for (; *p && line < edits[i].at; line++, p = next) {
            size_t len = line_at(p, &next);

            fprintf(to, "%.*s\n", (int) len, p);
        }
        more = !text ? NEW_FILE : unended && i + 1 == n ? NO_END : "";
        line += edits[i].n_replaced;
        put_edit(to, &edits[i], more, &p);
    }
    fputs(p, to);
    if (fclose(to) != 0)
        abort();
    return out;
}

/* The lines that a part replaced, and the end of the part. */
static int
strip_part(FILE *to, const char **p, size_t *line, struct err *err)
{
    size_t began = *line;
    const char *next;

    for (; **p; *p = next) {
        size_t len = line_at(*p, &next);

        (*line)++;
        if (line_is(*p, len, MARK_END)) {
            *p = next;
            return 0;
        }
        if (line_begins(*p, len, MARK_BEGIN))
            break;
        if (line_begins(*p, len, MARK_WAS))
            fprintf(to, "%.*s\n", (int) (len - strlen(MARK_WAS)), *p + strlen(MARK_WAS));
    }
    return err_set(err, CODE_FAILED_PRECONDITION,
                   "line %zu begins a part of ross-cli whose end, '%s', is missing", began,
                   MARK_END);
}

static int
strip_all(const char *p, FILE *to, size_t *parts, bool *made, bool *unended, struct err *err)
{
    size_t line = 0;
    const char *next;
    int r;

    while (*p) {
        size_t len = line_at(p, &next);

        line++;
        if (line_is(p, len, MARK_END))
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "line %zu ends a part of ross-cli whose beginning, '%s', is missing",
                           line, MARK_BEGIN);
        if (!line_begins(p, len, MARK_BEGIN)) {
            fwrite(p, 1, (size_t) (next - p), to);
            p = next;
            continue;
        }
        (*parts)++;
        *made = *made || line_is(p, len, MARK_BEGIN NEW_FILE);
        *unended = line_is(p, len, MARK_BEGIN NO_END);
        p = next;
        r = strip_part(to, &p, &line, err);
        if (r < 0)
            return r;
        *unended = *unended && !*p;
    }
    return 0;
}

int
cd_text_strip(const char *text, char **ret, size_t *ret_parts, struct err *err)
{
    bool made = false, unended = false;
    auto_free char *out = NULL;
    size_t len, parts = 0;
    FILE *to = open_memstream(&out, &len);
    int r;

    if (!to)
        abort();
    r = strip_all(text, to, &parts, &made, &unended, err);
    if (fclose(to) != 0)
        abort();
    if (r < 0)
        return r;
    if (unended && len && out[len - 1] == '\n')
        out[len - 1] = '\0';
    *ret = made && !*out ? NULL : TAKE(out);
    *ret_parts = parts;
    return 0;
}

void
cd_text_show(FILE *to, const char *text, const char *indent)
{
    bool inside = false;
    const char *next;

    for (const char *p = text; *p; p = next) {
        size_t len = line_at(p, &next);

        inside = inside || line_begins(p, len, MARK_BEGIN);
        if (inside)
            fprintf(to, "%s%.*s\n", indent, (int) len, p);
        inside = inside && !line_is(p, len, MARK_END);
    }
}
