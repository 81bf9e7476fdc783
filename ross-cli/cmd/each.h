/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that take several words: containers, networks, volumes. */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

typedef int (*each_word_fn)(struct session *s, const char *word, void *arg, struct err *err);
typedef int (*each_fn)(struct session *s, const struct container *c, void *arg, struct err *err);

/*
 * fn for each word; one that fails does not keep the others from their turn. Every error but the last is printed,
 * that is returned. echo: the words that went well are printed; 1 from fn: there was nothing to do.
 */
int each_word(struct session *s, int n_words, char **words, bool echo, each_word_fn fn, void *arg,
              struct err *err);
/* The same for containers (name, id, beginning of an id). */
int each_container(struct session *s, int n_words, char **words, bool echo, each_fn fn, void *arg,
                   struct err *err);
