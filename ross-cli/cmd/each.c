/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that take several words: containers, networks, volumes. */
#include "each.h"

#include <stdio.h>

#include "ross-cli/run/container_status.h"

int
each_word(struct session *s, int n_words, char **words, bool echo, each_word_fn fn, void *arg,
          struct err *err)
{
    int failed = 0, r;

    for (int i = 0; i < n_words; i++) {
        struct err one = {0};

        r = fn(s, words[i], arg, &one);
        if (r >= 0) {
            if (echo && r == 0)
                printf("%s\n", words[i]);
            (void) fflush(stdout);
            continue;
        }
        if (failed)
            fprintf(stderr, "ross-cli: %s\n", err->msg);
        failed = r;
        *err = one;
    }
    return failed;
}

struct container_call {
    each_fn fn;
    void *arg;
};

static int
call_container(struct session *s, const char *word, void *arg, struct err *err)
{
    const struct container_call *call = arg;
    AUTO(container) c = {0};
    int r = container_find(s, word, &c, err);

    return r < 0 ? r : call->fn(s, &c, call->arg, err);
}

int
each_container(struct session *s, int n_words, char **words, bool echo, each_fn fn, void *arg,
               struct err *err)
{
    struct container_call call = {.fn = fn, .arg = arg};

    return each_word(s, n_words, words, echo, call_container, &call, err);
}
