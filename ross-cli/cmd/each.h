/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that take several containers. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

typedef int (*each_fn)(struct session *s, const struct container *c, void *arg, struct err *err);

/*
 * fn for each word (name, id, beginning of an id); one that fails does not keep the others from
 * their turn. Every error but
 * the last is printed, that is returned. echo: the words that went well are printed.
 */
int each_container(struct session *s, int n_words, char **words, bool echo, each_fn fn, void *arg,
                   struct err *err);
