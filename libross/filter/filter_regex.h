/* SPDX-License-Identifier: Apache-2.0 */
/* RE2's regular expressions by PCRE2's matcher without backtracking; the one door to PCRE2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct filter_regex;

/* n bytes. NULL when RE2 would not take the expression, or it is too large. */
struct filter_regex *filter_regex_new(const char *pattern, size_t n);
/* Whether it is found anywhere in the text. */
bool filter_regex_match(const struct filter_regex *re, const char *text);
void filter_regex_free(struct filter_regex *re); /* NULL is fine */
