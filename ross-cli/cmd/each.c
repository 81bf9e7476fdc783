/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that take several containers. */
#include "each.h"

#include <stdio.h>

#include "ross-cli/run/container_status.h"

int
each_container(struct session *s, int n_words, char **words, bool echo, each_fn fn, void *arg,
               struct err *err)
{
    int failed = 0, r;

    for (int i = 0; i < n_words; i++) {
        AUTO(container) c = {0};
        struct err one = {0};

        r = container_find(s, words[i], &c, &one);
        if (r == 0)
            r = fn(s, &c, arg, &one);
        if (r == 0) {
            if (echo)
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
