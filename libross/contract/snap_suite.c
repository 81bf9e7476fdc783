/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases of the snapshots' conformance suite share. */
#include "snap_suite.h"

#include <stdio.h>

int
snap_suite_wrong(struct snap_suite *t, int line, const char *what)
{
    (void) fprintf(t->opt->to, "    line %d: %s\n", line, what);
    return -1;
}

int
snap_suite_code_is(struct snap_suite *t, int line, const char *call, int r, int want,
                   const struct err *err)
{
    auto_free char *what = NULL;

    if (r == -want)
        return 0;
    what = xasprintf("%s: wanted %s, got %s (%s)", call, code_name(want),
                     r < 0 ? code_name(-r) : "success", err->msg);
    return snap_suite_wrong(t, line, what);
}

const char *
snap_suite_key(struct snap_suite *t, const char *name)
{
    unsigned at = t->next_key++ % SNAP_SUITE_KEYS;

    free(t->keys[at]);
    t->keys[at] = xasprintf("%s%s", t->prefix, name);
    return t->keys[at];
}

struct labels
snap_suite_labels(const char *text)
{
    struct labels l = {0};
    struct strv words = {0};

    if (*text)
        words = strv_split(text, ' ');
    for (size_t i = 0; i < words.n; i++) {
        char *value = strchr(words.items[i], '=');

        *value++ = '\0';
        labels_set_raw(&l, words.items[i], value);
    }
    strv_done(&words);
    return l;
}

struct found {
    struct snap_suite *t;
    struct strv names; /* without the prefix */
};

static int
found_add(const struct snapshot_info *info, void *arg)
{
    struct found *f = arg;
    size_t len = strlen(f->t->prefix);

    if (strncmp(info->name, f->t->prefix, len) == 0)
        strv_add(&f->names, info->name + len);
    return 0;
}

int
snap_suite_names(struct snap_suite *t, const struct strv *filters, char **ret, struct err *err)
{
    struct found f = {.t = t};
    int r = snapshots_list(t->s, &t->ctx, filters, found_add, &f, err);

    if (r == 0) {
        strv_sort(&f.names);
        *ret = strv_join(&f.names, " ");
    }
    strv_done(&f.names);
    return r;
}

void
snap_suite_sweep(struct snap_suite *t)
{
    bool progress = true;

    while (progress) {
        struct found f = {.t = t};

        progress = false;
        (void) snapshots_list(t->s, &t->ctx, &no_words, found_add, &f, NULL);
        for (size_t i = f.names.n; i-- > 0;)
            progress |= remove_code(t, K(f.names.items[i]), NULL) == 0;
        strv_done(&f.names);
    }
}
