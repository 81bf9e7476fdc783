/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of ours in a text file of somebody else, between marks, so that they can be taken away to the byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

/* `lines` (without line ends) before line `at`, 1-based, instead of the n_replaced lines from there on. */
struct cd_edit {
    size_t at, n_replaced;
    struct strv lines;
};

#define CD_TEXT_END SIZE_MAX /* at: behind the last line */

size_t cd_text_lines(const char *text); /* how many, a last one without line end included */
/* Line n, 1-based, without its line end; malloc'ed, NULL when there is none. */
char *cd_text_line(const char *text, size_t n);

/*
 * text with the edits, each between two marks; replaced lines are kept as comments.
 *   text   NULL = there is no file
 *   edits  ascending by `at`, not overlapping
 * malloc'ed. Pure, as all of this file.
 */
char *cd_text_apply(const char *text, const struct cd_edit *edits, size_t n);

/*
 * The reverse: what cd_text_apply() got, and all that was written outside of the marks since then.
 *   *ret        malloc'ed; NULL when there was no file and nobody else wrote into it
 *   *ret_parts  how many parts of ours were there
 * FailedPrecondition: a mark without its partner.
 */
int cd_text_strip(const char *text, char **ret, size_t *ret_parts, struct err *err);

/* Prints the parts of ours, marks included, with `indent` before each line. */
void cd_text_show(FILE *to, const char *text, const char *indent);
