/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of snapshots: errors of each method (reference 8.2), what is stored, Update, rebase at commit. */
#include "snap_suite.h"

#include <stdio.h>

#include "libross/base/clock.h"

static bool
info_equal(const struct snapshot_info *a, const struct snapshot_info *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->parent, b->parent) == 0 &&
           a->kind == b->kind && a->created_ns == b->created_ns && a->updated_ns == b->updated_ns &&
           labels_equal(&a->labels, &b->labels);
}

/* ---- the cases: errors of each method (reference 8.2) ---- */

static int
missing_is_not_found(struct snap_suite *t)
{
    CODE(stat_code(t, K("no"), err), CODE_NOT_FOUND);
    CODE(usage_code(t, K("no"), err), CODE_NOT_FOUND);
    CODE(mounts_code(t, K("no"), err), CODE_NOT_FOUND);
    CODE(remove_code(t, K("no"), err), CODE_NOT_FOUND);
    CODE(commit(t, K("name"), K("no"), err), CODE_NOT_FOUND);
    CODE(update_code(t, K("no"), "", err), CODE_NOT_FOUND);
    CODE(update_code(t, "", "", err), CODE_INVALID_ARGUMENT);
    return 0;
}

static int
prepare_errors(struct snap_suite *t)
{
    static const enum snapshot_kind kinds[] = {SNAPSHOT_ACTIVE, SNAPSHOT_VIEW};

    OK(layer(t, K("base"), "", NULL, err));
    OK(active(t, K("active"), "", err));
    OK(view(t, K("view"), K("base"), err));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CODE(prepare(t, kinds[i], K("x"), K("no"), NULL, err), CODE_NOT_FOUND);
        CODE(prepare(t, kinds[i], K("x"), K("active"), NULL, err), CODE_INVALID_ARGUMENT);
        CODE(prepare(t, kinds[i], K("x"), K("view"), NULL, err), CODE_INVALID_ARGUMENT);
        CODE(prepare(t, kinds[i], K("active"), "", NULL, err), CODE_ALREADY_EXISTS);
        CODE(prepare(t, kinds[i], K("view"), "", NULL, err), CODE_ALREADY_EXISTS);
        CODE(prepare(t, kinds[i], K("base"), "", NULL, err), CODE_ALREADY_EXISTS);
        CODE(prepare(t, kinds[i], K("active"), K("base"), NULL, err), CODE_ALREADY_EXISTS);
        CODE(stat_code(t, K("x"), err), CODE_NOT_FOUND);
    }
    return 0;
}

static int
commit_errors(struct snap_suite *t)
{
    OK(layer(t, K("base"), "", NULL, err));
    OK(active(t, K("a"), K("base"), err));
    OK(active(t, K("b"), K("base"), err));
    OK(view(t, K("v"), K("base"), err));
    CODE(commit(t, K("base"), K("a"), err), CODE_ALREADY_EXISTS);
    CODE(commit(t, K("b"), K("a"), err), CODE_ALREADY_EXISTS);
    CODE(commit(t, K("a"), K("a"), err), CODE_ALREADY_EXISTS);
    CODE(commit(t, K("base"), K("no"), err), CODE_ALREADY_EXISTS); /* name before key */
    CODE(commit(t, K("new"), K("v"), err), CODE_FAILED_PRECONDITION);
    CODE(commit(t, K("new"), K("base"), err), CODE_FAILED_PRECONDITION);
    CODE(stat_code(t, K("new"), err), CODE_NOT_FOUND);
    OK(commit(t, K("new"), K("a"), err));
    CODE(stat_code(t, K("a"), err), CODE_NOT_FOUND);
    CODE(mounts_code(t, K("new"), err), CODE_FAILED_PRECONDITION);
    CODE(commit(t, K("newer"), K("a"), err), CODE_NOT_FOUND);
    return 0;
}

static int
remove_with_children_says_so(struct snap_suite *t)
{
    struct err e = {0};

    OK(layer(t, K("base"), "", NULL, err));
    OK(layer(t, K("middle"), K("base"), NULL, err));
    OK(active(t, K("top"), K("middle"), err));
    CODE(remove_code(t, K("base"), err), CODE_FAILED_PRECONDITION);
    CODE(remove_code(t, K("middle"), err), CODE_FAILED_PRECONDITION);
    (void) remove_code(t, K("middle"), &e);
    CHECK(strstr(e.msg, "remove"));
    OK(remove_code(t, K("top"), err));
    OK(view(t, K("top"), K("middle"), err));
    CODE(remove_code(t, K("middle"), err), CODE_FAILED_PRECONDITION);
    OK(remove_code(t, K("top"), err));
    OK(remove_code(t, K("middle"), err));
    OK(remove_code(t, K("base"), err));
    CODE(remove_code(t, K("base"), err), CODE_NOT_FOUND);
    return 0;
}

static int
keys_are_free_again(struct snap_suite *t)
{
    OK(layer(t, K("base"), "", NULL, err));
    OK(view(t, K("k"), K("base"), err));
    OK(remove_code(t, K("k"), err));
    OK(active(t, K("k"), K("base"), err));
    OK(commit(t, K("n"), K("k"), err));
    OK(active(t, K("k"), K("n"), err));
    OK(remove_code(t, K("k"), err));
    OK(remove_code(t, K("n"), err));
    OK(layer(t, K("n"), "", NULL, err));
    return 0;
}

static int
odd_keys_are_bytes(struct snap_suite *t)
{
    static const char *const names[] = {
        "/absolute/path", "with space", "a:b:c", "extract-123456789-abcd sha256:0123",
        "ünïcødé/日本",   "..",         "%s%n",  "'quoted\"",
    };
    auto_free char *lengthy = xmalloc(601);

    memset(lengthy, 'x', 600);
    lengthy[600] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        OK(active(t, K(names[i]), "", err));
        OK(stat_code(t, K(names[i]), err));
    }
    OK(active(t, K(lengthy), "", err));
    OK(stat_code(t, K(lengthy), err));
    return 0;
}

/* ---- what is stored ---- */

static int
info_is_what_was_asked(struct snap_suite *t)
{
    AUTO(labels) labels = snap_suite_labels("a=1 containerd.io/snapshot.ref=sha256:abc empty=");
    AUTO(labels) kept = snap_suite_labels("a=1 containerd.io/snapshot.ref=sha256:abc");
    AUTO(snapshot_info) info = {0};
    int64_t before = clock_now_ns(), after;

    OK(layer(t, K("base"), "", NULL, err));
    OK(prepare(t, SNAPSHOT_ACTIVE, K("k"), K("base"), &labels, err));
    after = clock_now_ns();
    OK(snapshots_stat(t->s, &t->ctx, K("k"), &info, err));
    CHECK(strcmp(info.name, K("k")) == 0);
    CHECK(strcmp(info.parent, K("base")) == 0);
    CHECK(info.kind == SNAPSHOT_ACTIVE);
    CHECK(info.created_ns >= before && info.created_ns <= after);
    CHECK(info.created_ns == info.updated_ns);
    CHECK(labels_equal(&info.labels, &kept));
    return 0;
}

static int
commit_replaces_labels_and_times(struct snap_suite *t)
{
    AUTO(labels) first = snap_suite_labels("a=1 b=2");
    AUTO(labels) second = snap_suite_labels("b=3");
    AUTO(snapshot_info) was = {0};
    AUTO(snapshot_info) is = {0};

    OK(prepare(t, SNAPSHOT_ACTIVE, K("k"), "", &first, err));
    OK(snapshots_stat(t->s, &t->ctx, K("k"), &was, err));
    OK(snapshots_commit(t->s, &t->ctx, K("n"), K("k"), "", &second, err));
    OK(snapshots_stat(t->s, &t->ctx, K("n"), &is, err));
    CHECK(is.kind == SNAPSHOT_COMMITTED);
    CHECK(strcmp(is.parent, "") == 0);
    CHECK(labels_equal(&is.labels, &second));
    CHECK(is.created_ns >= was.created_ns);
    CHECK(is.created_ns == is.updated_ns);
    return 0;
}

struct equal_walk {
    struct snap_suite *t;
    unsigned seen, different;
};

static int
stat_equals(const struct snapshot_info *info, void *arg)
{
    struct equal_walk *w = arg;
    AUTO(snapshot_info) again = {0};

    if (strncmp(info->name, w->t->prefix, strlen(w->t->prefix)) != 0)
        return 0;
    w->seen++;
    if (snapshots_stat(w->t->s, &w->t->ctx, info->name, &again, NULL) < 0 ||
        !info_equal(info, &again))
        w->different++;
    return 0;
}

/* Also: Stat while a List is under way does not block. */
static int
list_equals_stat(struct snap_suite *t)
{
    AUTO(labels) labels = snap_suite_labels("x=y containerd.io/gc.root=now");
    AUTO(snapshot_info) info = {0};
    struct equal_walk w = {.t = t};
    char name[32];

    for (int i = 0; i < 230; i++) {
        (void) snprintf(name, sizeof name, "k%03d", i);
        OK(prepare(t, i % 3 ? SNAPSHOT_ACTIVE : SNAPSHOT_VIEW, K(name), "", &labels, err));
    }
    OK(commit(t, K("n"), K("k001"), err));
    OK(update(t, K("k002"), &labels, "labels.x", &info, err));
    OK(snapshots_list(t->s, &t->ctx, &no_words, stat_equals, &w, err));
    CHECK(w.seen == 230);
    CHECK(w.different == 0);
    return 0;
}

static int
labels_have_a_limit(struct snap_suite *t)
{
    AUTO(labels) fits = {0};
    AUTO(labels) over = {0};
    char value[LABEL_SIZE_MAX];

    memset(value, 'v', sizeof value);
    value[LABEL_SIZE_MAX - 1] = '\0';
    labels_set(&fits, "k", value);
    labels_set(&over, "kk", value);
    OK(prepare(t, SNAPSHOT_ACTIVE, K("fits"), "", &fits, err));
    CODE(prepare(t, SNAPSHOT_ACTIVE, K("over"), "", &over, err), CODE_INVALID_ARGUMENT);
    CODE(stat_code(t, K("over"), err), CODE_NOT_FOUND);
    return 0;
}

/* ---- Update (reference 8.3) ---- */

static int
update_masks(struct snap_suite *t)
{
    static const struct {
        const char *before, *info, *mask, *after;
        int code;
    } cases[] = {
        {"a=1 b=2", "c=3", "", "c=3", 0},
        {"a=1 b=2", "", "", "", 0},
        {"a=1 b=2", "c=3", "labels", "c=3", 0},
        {"a=1 b=2", "a=9 c=3", "labels.a", "a=9 b=2", 0},
        {"a=1 b=2", "c=3", "labels.a", "b=2", 0},
        {"a=1 b=2", "a= c=3", "labels.a labels.c", "b=2 c=3", 0},
        {"a=1", "x.y/z=1", "labels.x.y/z", "a=1 x.y/z=1", 0},
        {"a=1", "b=2 c=3", "labels labels.a", "b=2 c=3", 0},
        {"a=1", "b=2", "labels.no", "a=1", 0},
        {"a=1", "b=2", "parent", "a=1", CODE_INVALID_ARGUMENT},
        {"a=1", "b=2", "kind", "a=1", CODE_INVALID_ARGUMENT},
        {"a=1", "b=2", "name", "a=1", CODE_INVALID_ARGUMENT},
        {"a=1", "b=2", "labels.b parent", "a=1", CODE_INVALID_ARGUMENT},
        {"a=1", "b=2", "labels.b created_at", "a=1", CODE_INVALID_ARGUMENT},
    };

    OK(layer(t, K("base"), "", NULL, err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(labels) before = snap_suite_labels(cases[i].before);
        AUTO(labels) from = snap_suite_labels(cases[i].info);
        AUTO(labels) after = snap_suite_labels(cases[i].after);
        AUTO(snapshot_info) was = {0};
        AUTO(snapshot_info) answer = {0};
        AUTO(snapshot_info) is = {0};
        char name[32];

        (void) snprintf(name, sizeof name, "k%zu", i);
        OK(prepare(t, i % 2 ? SNAPSHOT_ACTIVE : SNAPSHOT_VIEW, K(name), K("base"), &before, err));
        OK(snapshots_stat(t->s, &t->ctx, K(name), &was, err));
        CODE(update(t, K(name), &from, cases[i].mask, &answer, err), cases[i].code);
        OK(snapshots_stat(t->s, &t->ctx, K(name), &is, err));
        if (!labels_equal(&is.labels, &after))
            (void) fprintf(t->opt->to, "    mask '%s'\n", cases[i].mask);
        CHECK(labels_equal(&is.labels, &after));
        CHECK(is.created_ns == was.created_ns);
        CHECK(strcmp(is.parent, was.parent) == 0 && is.kind == was.kind);
        if (cases[i].code)
            CHECK(info_equal(&was, &is));
        else
            CHECK(info_equal(&answer, &is) && is.updated_ns > was.updated_ns);
    }
    return 0;
}

static int
committed_labels_can_change(struct snap_suite *t)
{
    AUTO(labels) labels = snap_suite_labels("new=1");
    AUTO(snapshot_info) info = {0};

    OK(layer(t, K("base"), "", NULL, err));
    OK(update(t, K("base"), &labels, "", &info, err));
    CHECK(info.kind == SNAPSHOT_COMMITTED);
    CHECK(labels_equal(&info.labels, &labels));
    return 0;
}

/* ---- rebase at commit ---- */

static int
rebase_code(struct snap_suite *t, const char *name, const char *key, const char *parent,
            struct err *err)
{
    return snapshots_commit(t->s, &t->ctx, name, key, parent, &no_labels, err);
}

static int
rebase_rules(struct snap_suite *t)
{
    AUTO(snapshot_info) info = {0};

    if (!t->opt->rebase)
        return 1;
    OK(layer(t, K("base"), "", NULL, err));
    OK(layer(t, K("other"), "", NULL, err));
    OK(active(t, K("a"), "", err));
    OK(active(t, K("b"), K("base"), err));
    OK(active(t, K("c"), "", err));
    CODE(rebase_code(t, K("n"), K("b"), K("other"), err), CODE_INVALID_ARGUMENT);
    CODE(rebase_code(t, K("n"), K("a"), K("no"), err), CODE_NOT_FOUND);
    CODE(rebase_code(t, K("n"), K("a"), K("c"), err), CODE_FAILED_PRECONDITION);
    CODE(stat_code(t, K("n"), err), CODE_NOT_FOUND);
    OK(rebase_code(t, K("nb"), K("b"), K("base"), err));
    OK(rebase_code(t, K("na"), K("a"), K("nb"), err));
    OK(snapshots_stat(t->s, &t->ctx, K("na"), &info, err));
    CHECK(strcmp(info.parent, K("nb")) == 0);
    CODE(remove_code(t, K("nb"), err), CODE_FAILED_PRECONDITION);
    OK(active(t, K("top"), K("na"), err));
    return 0;
}

const struct snap_case snap_cases_rules[] = {
    {"missing_is_not_found", missing_is_not_found},
    {"prepare_errors", prepare_errors},
    {"commit_errors", commit_errors},
    {"remove_with_children_says_so", remove_with_children_says_so},
    {"keys_are_free_again", keys_are_free_again},
    {"odd_keys_are_bytes", odd_keys_are_bytes},
    {"info_is_what_was_asked", info_is_what_was_asked},
    {"commit_replaces_labels_and_times", commit_replaces_labels_and_times},
    {"list_equals_stat", list_equals_stat},
    {"labels_have_a_limit", labels_have_a_limit},
    {"update_masks", update_masks},
    {"committed_labels_can_change", committed_labels_can_change},
    {"rebase_rules", rebase_rules},
    {0},
};
