/* SPDX-License-Identifier: Apache-2.0 */
/* A TOML tree as a sorted list of its values, one string each, to see what an edit changed. */
#pragma once

#include "libross/base/strv.h"
#include "libross/config/toml.h"

#define CD_LEAVES_SEP "\x1f" /* between the keys, and behind the last one */

/* "a\x1f" "b\x1f" "= \"text\"" for each value; items of arrays have their number as key. */
void cd_leaves(const struct toml *root, struct strv *ret);

/* Whether both lists are the same but for entries that begin with one of `except`. */
bool cd_leaves_same(const struct strv *a, const struct strv *b, const struct strv *except);
