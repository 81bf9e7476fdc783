/* SPDX-License-Identifier: Apache-2.0 */
/* A table of options as text for manual pages: the same rows that make --help. */
#pragma once

#include "libross/config/options.h"

/*
 * Writes the rows that are not hidden as a definition list in Markdown, an option an item:
 *
 *     **-n**, **--name** *NAME*
 *     :   help
 *
 * What Markdown would take for markup is escaped.
 */
void options_markdown(FILE *to, const struct option_row *rows, size_t n);

/* One text, escaped for Markdown in the same way. */
void markdown_put(FILE *to, const char *text);
