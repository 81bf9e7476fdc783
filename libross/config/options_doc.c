/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of options as Markdown. */
#include "libross/config/options_doc.h"

#include <string.h>

#define MARKUP "\\`*_[]<>#|"

void
markdown_put(FILE *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (strchr(MARKUP, *p))
            (void) fputc('\\', to);
        (void) fputc(*p, to);
    }
}

static void
put_marked(FILE *to, const char *mark, const char *before, const char *text)
{
    (void) fprintf(to, "%s%s", mark, before);
    markdown_put(to, text);
    (void) fputs(mark, to);
}

void
options_markdown(FILE *to, const struct option_row *rows, size_t n)
{
    for (const struct option_row *o = rows; o < rows + n; o++) {
        if (o->hidden)
            continue;
        if (o->letter)
            (void) fprintf(to, "**-%c**, ", o->letter);
        put_marked(to, "**", "--", o->name);
        if (o->arg) {
            (void) fputc(' ', to);
            put_marked(to, "*", "", o->arg);
        }
        (void) fputs("\n:   ", to);
        markdown_put(to, o->help);
        (void) fputs("\n\n", to);
    }
}
