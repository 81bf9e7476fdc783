/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases of the snapshots' conformance suite share.
 *
 * A case is a function that returns 0, 1 when it does not apply, or -1 after CHECK has printed what was wrong. It names
 * its snapshots with K(), a ring of strings below a prefix of its own, and leaves nothing: after each case everything
 * below the prefix is removed, children first.
 */
#pragma once

#include <string.h>

#include "snapshots_conformance.h"

#define SNAP_SUITE_KEYS 16

struct snap_suite {
    const struct snapshots_conformance *opt;
    struct snapshots *s;
    struct call_ctx ctx;
    char prefix[64];
    char *keys[SNAP_SUITE_KEYS];
    unsigned next_key;
};

struct snap_case {
    const char *name;
    int (*fn)(struct snap_suite *t);
};

/* The cases, by subject; each list ends with a NULL name. */
extern const struct snap_case snap_cases_rules[];
extern const struct snap_case snap_cases_filters[];
extern const struct snap_case snap_cases_mounts[];
extern const struct snap_case snap_cases_many[];

int snap_suite_wrong(struct snap_suite *t, int line, const char *what);
int snap_suite_code_is(struct snap_suite *t, int line, const char *call, int r, int want,
                       const struct err *err);
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return snap_suite_wrong(t, __LINE__, #cond);                                           \
    } while (0)
#define CODE(call, want)                                                                           \
    do {                                                                                           \
        struct err err_ = {0}, *err = &err_;                                                       \
        int code_ = (call);                                                                        \
        if (snap_suite_code_is(t, __LINE__, #call, code_, (want), err) < 0)                        \
            return -1;                                                                             \
    } while (0)
#define OK(call) CODE(call, CODE_OK)

/* The name below the prefix; good until fifteen others were asked for. */
const char *snap_suite_key(struct snap_suite *t, const char *name);
#define K(name) snap_suite_key(t, (name))

static const struct labels no_labels;
static const struct strv no_words;

/* "a=1 b=2" */
struct labels snap_suite_labels(const char *text);
/* Names below the prefix that match, without it, sorted and joined with a space. */
int snap_suite_names(struct snap_suite *t, const struct strv *filters, char **ret, struct err *err);
/* Everything of this case, children before parents. */
void snap_suite_sweep(struct snap_suite *t);

/* ---- short forms ---- */

static inline int
prepare(struct snap_suite *t, enum snapshot_kind kind, const char *key, const char *parent,
        const struct labels *labels, struct err *err)
{
    struct mount_list mounts = {0};
    int r = snapshots_prepare(t->s, &t->ctx, kind, key, parent, labels ? labels : &no_labels,
                              &mounts, err);

    if (r == 0)
        mount_list_done(&mounts);
    return r;
}

static inline int
active(struct snap_suite *t, const char *key, const char *parent, struct err *err)
{
    return prepare(t, SNAPSHOT_ACTIVE, key, parent, NULL, err);
}

static inline int
view(struct snap_suite *t, const char *key, const char *parent, struct err *err)
{
    return prepare(t, SNAPSHOT_VIEW, key, parent, NULL, err);
}

static inline int
commit(struct snap_suite *t, const char *name, const char *key, struct err *err)
{
    return snapshots_commit(t->s, &t->ctx, name, key, "", &no_labels, err);
}

/* A committed layer in one step. */
static inline int
layer(struct snap_suite *t, const char *name, const char *parent, const struct labels *labels,
      struct err *err)
{
    auto_free char *key = xasprintf("%s-making", name);
    int r = active(t, key, parent, err);

    if (r == 0)
        r = snapshots_commit(t->s, &t->ctx, name, key, "", labels ? labels : &no_labels, err);
    return r;
}

static inline int
stat_code(struct snap_suite *t, const char *key, struct err *err)
{
    AUTO(snapshot_info) info = {0};

    return snapshots_stat(t->s, &t->ctx, key, &info, err);
}

static inline int
mounts_code(struct snap_suite *t, const char *key, struct err *err)
{
    AUTO(mount_list) l = {0};

    return snapshots_mounts(t->s, &t->ctx, key, &l, err);
}

static inline int
usage_code(struct snap_suite *t, const char *key, struct err *err)
{
    struct snapshot_usage u;

    return snapshots_usage(t->s, &t->ctx, key, &u, err);
}

static inline int
remove_code(struct snap_suite *t, const char *key, struct err *err)
{
    return snapshots_remove(t->s, &t->ctx, key, err);
}

static inline int
update(struct snap_suite *t, const char *key, const struct labels *labels, const char *mask,
       struct snapshot_info *ret, struct err *err)
{
    AUTO(strv) words = {0};

    if (mask && *mask)
        words = strv_split(mask, ' ');
    return snapshots_update(t->s, &t->ctx, key, labels, &words, ret, err);
}

static inline int
update_code(struct snap_suite *t, const char *key, const char *mask, struct err *err)
{
    AUTO(snapshot_info) info = {0};

    return update(t, key, &no_labels, mask, &info, err);
}
