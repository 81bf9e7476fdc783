/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every implementation of the snapshots contract must answer.
 *
 * A case is a function that returns 0, or -1 after CHECK has printed what was wrong. It names its snapshots with K(), a
 * ring of strings below a prefix of its own, and leaves nothing: after each case everything below the prefix is
 * removed, children first.
 */
#include "snapshots_conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/random.h"
#include "libross/mount/mount_temp.h"

#define LAYERS_DEFAULT 500
#define KEYS           16

struct suite {
    const struct snapshots_conformance *opt;
    struct snapshots *s;
    struct call_ctx ctx;
    char prefix[64];
    char *keys[KEYS];
    unsigned next_key;
};

/* ---- telling ---- */

static int
wrong(struct suite *t, int line, const char *what)
{
    (void) fprintf(t->opt->to, "    line %d: %s\n", line, what);
    return -1;
}

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return wrong(t, __LINE__, #cond);                                                      \
    } while (0)

static int
code_is(struct suite *t, int line, const char *call, int r, int want, const struct err *err)
{
    auto_free char *what = NULL;

    if (r == -want)
        return 0;
    what = xasprintf("%s: wanted %s, got %s (%s)", call, code_name(want),
                     r < 0 ? code_name(-r) : "success", err->msg);
    return wrong(t, line, what);
}

#define CODE(call, want)                                                                           \
    do {                                                                                           \
        struct err err_ = {0}, *err = &err_;                                                       \
        int code_ = (call);                                                                        \
        if (code_is(t, __LINE__, #call, code_, (want), err) < 0)                                   \
            return -1;                                                                             \
    } while (0)
#define OK(call) CODE(call, CODE_OK)

/* ---- short forms ---- */

static const char *
key_of(struct suite *t, const char *name)
{
    unsigned at = t->next_key++ % KEYS;

    free(t->keys[at]);
    t->keys[at] = xasprintf("%s%s", t->prefix, name);
    return t->keys[at];
}
#define K(name) key_of(t, (name))

static const struct labels no_labels;
static const struct strv no_words;

static int
prepare(struct suite *t, enum snapshot_kind kind, const char *key, const char *parent,
        const struct labels *labels, struct err *err)
{
    struct mount_list mounts = {0};
    int r = snapshots_prepare(t->s, &t->ctx, kind, key, parent, labels ? labels : &no_labels,
                              &mounts, err);

    if (r == 0)
        mount_list_done(&mounts);
    return r;
}

static int
active(struct suite *t, const char *key, const char *parent, struct err *err)
{
    return prepare(t, SNAPSHOT_ACTIVE, key, parent, NULL, err);
}

static int
view(struct suite *t, const char *key, const char *parent, struct err *err)
{
    return prepare(t, SNAPSHOT_VIEW, key, parent, NULL, err);
}

static int
commit(struct suite *t, const char *name, const char *key, struct err *err)
{
    return snapshots_commit(t->s, &t->ctx, name, key, "", &no_labels, err);
}

/* A committed layer in one step. */
static int
layer(struct suite *t, const char *name, const char *parent, const struct labels *labels,
      struct err *err)
{
    auto_free char *key = xasprintf("%s-making", name);
    int r = active(t, key, parent, err);

    if (r == 0)
        r = snapshots_commit(t->s, &t->ctx, name, key, "", labels ? labels : &no_labels, err);
    return r;
}

static int
stat_code(struct suite *t, const char *key, struct err *err)
{
    AUTO(snapshot_info) info = {0};

    return snapshots_stat(t->s, &t->ctx, key, &info, err);
}

static int
mounts_code(struct suite *t, const char *key, struct err *err)
{
    AUTO(mount_list) l = {0};

    return snapshots_mounts(t->s, &t->ctx, key, &l, err);
}

static int
usage_code(struct suite *t, const char *key, struct err *err)
{
    struct snapshot_usage u;

    return snapshots_usage(t->s, &t->ctx, key, &u, err);
}

static int
remove_code(struct suite *t, const char *key, struct err *err)
{
    return snapshots_remove(t->s, &t->ctx, key, err);
}

static int
update(struct suite *t, const char *key, const struct labels *labels, const char *mask,
       struct snapshot_info *ret, struct err *err)
{
    AUTO(strv) words = {0};

    if (mask && *mask)
        words = strv_split(mask, ' ');
    return snapshots_update(t->s, &t->ctx, key, labels, &words, ret, err);
}

static int
update_code(struct suite *t, const char *key, const char *mask, struct err *err)
{
    AUTO(snapshot_info) info = {0};

    return update(t, key, &no_labels, mask, &info, err);
}

/* "a=1 b=2" */
static struct labels
labels_of(const char *text)
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

static bool
info_equal(const struct snapshot_info *a, const struct snapshot_info *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->parent, b->parent) == 0 &&
           a->kind == b->kind && a->created_ns == b->created_ns && a->updated_ns == b->updated_ns &&
           labels_equal(&a->labels, &b->labels);
}

/* ---- listing ---- */

struct found {
    struct suite *t;
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

/* Names below the prefix that match, sorted and joined with a space. */
static int
list_names(struct suite *t, const struct strv *filters, char **ret, struct err *err)
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

static int
filters_code(struct suite *t, const char *filter, struct err *err)
{
    auto_free char *names = NULL;
    AUTO(strv) filters = {0};

    strv_add(&filters, filter);
    return list_names(t, &filters, &names, err);
}

/* Everything of this case, children before parents. */
static void
sweep(struct suite *t)
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

/* ---- the cases: errors of each method (reference 8.2) ---- */

static int
missing_is_not_found(struct suite *t)
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
prepare_errors(struct suite *t)
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
commit_errors(struct suite *t)
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
remove_with_children_says_so(struct suite *t)
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
keys_are_free_again(struct suite *t)
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
odd_keys_are_bytes(struct suite *t)
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
info_is_what_was_asked(struct suite *t)
{
    AUTO(labels) labels = labels_of("a=1 containerd.io/snapshot.ref=sha256:abc empty=");
    AUTO(labels) kept = labels_of("a=1 containerd.io/snapshot.ref=sha256:abc");
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
commit_replaces_labels_and_times(struct suite *t)
{
    AUTO(labels) first = labels_of("a=1 b=2");
    AUTO(labels) second = labels_of("b=3");
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
    struct suite *t;
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
list_equals_stat(struct suite *t)
{
    AUTO(labels) labels = labels_of("x=y containerd.io/gc.root=now");
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
labels_have_a_limit(struct suite *t)
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
update_masks(struct suite *t)
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
        AUTO(labels) before = labels_of(cases[i].before);
        AUTO(labels) from = labels_of(cases[i].info);
        AUTO(labels) after = labels_of(cases[i].after);
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
committed_labels_can_change(struct suite *t)
{
    AUTO(labels) labels = labels_of("new=1");
    AUTO(snapshot_info) info = {0};

    OK(layer(t, K("base"), "", NULL, err));
    OK(update(t, K("base"), &labels, "", &info, err));
    CHECK(info.kind == SNAPSHOT_COMMITTED);
    CHECK(labels_equal(&info.labels, &labels));
    return 0;
}

/* ---- filters (reference 8.4) ---- */

struct filter_case {
    const char *filter, *also; /* `also`: a second expression, or NULL */
    const char *want;          /* names below the prefix, %P in a filter is the prefix */
};

static const struct filter_case filter_cases[] = {
    {"", NULL, "base one three two"},
    {"labels.a==1", NULL, "one two"},
    {"labels.a==2", NULL, "three"},
    {"labels.\"a\"==1", NULL, "one two"},
    {"labels.a==\"1\"", NULL, "one two"},
    {"labels.a==1,labels.b==x", NULL, "one"},
    {"labels.a==2", "labels.b==x", "one three"},
    {"labels.b", NULL, "one two"},
    {"labels.none", NULL, ""},
    {"labels.none==x", NULL, ""},
    {"labels.a!=1", NULL, "base three"},
    {"labels.none!=x", NULL, "base one three two"},
    {"labels.none!=\"\"", NULL, ""},
    {"labels.none~=x", NULL, ""},
    {"labels.none~=\"^$\"", NULL, "base one three two"},
    {"labels.b~=/^[xy]$/", NULL, "one two"},
    {"labels.b~=|^x|", NULL, "one"},
    {"labels.b~=x", NULL, "one"},
    {"labels.b~=\"[\"", NULL, ""},
    {"labels.\"containerd.io/snapshot.ref\"==sha256:77", NULL, "three"},
    {"labels.dotted.key==v", NULL, "three"},
    {"labels.\"dotted.key\"==v", NULL, "three"},
    {"labels.dotted", NULL, ""},
    {"kind==committed", NULL, "base"},
    {"kind==active", NULL, "one three"},
    {"kind==view", NULL, "two"},
    {"kind!=view,labels.a", NULL, "one three"},
    {"parent==\"%Pbase\"", NULL, "one two"},
    {"parent==\"\",labels.a", NULL, "three"},
    {"parent!=\"\",labels.a", NULL, "one two"},
    {"parent", NULL, "base one three two"},
    {"name==\"%Pone\"", NULL, "one"},
    {"name~=\"%Pt.*\"", NULL, "three two"},
    {" labels.a == 1, kind ==  view", NULL, "two"},
    {"nothing", NULL, ""},
    {"nothing==x", "name==\"%Pone\"", "one"},
    {"labels.spaces==\"a b,c\"", NULL, "two"},
    {"labels.tab==\"\\x41\\tB\"", NULL, "two"},
};

static const char *const bad_filters[] = {
    "labels.a=1",
    "labels.a===1",
    "labels.a==",
    "==1",
    "labels.a==1,",
    "labels.a==1 ,kind==view",
    ",",
    "labels.a==1 x",
    "labels.a==\"1",
    "labels.",
    "labels.a=!1",
    "labels.a<1",
    "labels.a==/1/",
    "labels./a/==1",
    "labels..a",
    "labels.a==\"\\q\"",
    "labels.a~1",
    "labels.a~=/x",
    "kind==,",
    "labels.a==.x",
};

static char *
with_prefix(const struct suite *t, const char *filter)
{
    const char *at = strstr(filter, "%P");

    if (!at)
        return xstrdup(filter);
    return xasprintf("%.*s%s%s", (int) (at - filter), filter, t->prefix, at + 2);
}

static int
make_filter_objects(struct suite *t)
{
    AUTO(labels) one = labels_of("a=1 b=x");
    AUTO(labels) two = labels_of("a=1 b=y");
    AUTO(labels) three = labels_of("a=2 containerd.io/snapshot.ref=sha256:77 dotted.key=v");

    labels_set(&two, "spaces", "a b,c");
    labels_set(&two, "tab", "A\tB");
    OK(layer(t, K("base"), "", NULL, err));
    OK(prepare(t, SNAPSHOT_ACTIVE, K("one"), K("base"), &one, err));
    OK(prepare(t, SNAPSHOT_VIEW, K("two"), K("base"), &two, err));
    OK(prepare(t, SNAPSHOT_ACTIVE, K("three"), "", &three, err));
    return 0;
}

static int
filters_select(struct suite *t)
{
    int failed = make_filter_objects(t);

    for (size_t i = 0; failed == 0 && i < ARRAY_LEN(filter_cases); i++) {
        const struct filter_case *c = &filter_cases[i];
        AUTO(strv) filters = {0};
        auto_free char *names = NULL;

        strv_take(&filters, with_prefix(t, c->filter));
        if (c->also)
            strv_take(&filters, with_prefix(t, c->also));
        OK(list_names(t, &filters, &names, err));
        if (strcmp(names, c->want) != 0) {
            (void) fprintf(t->opt->to, "    filter %s%s%s: wanted '%s', got '%s'\n", c->filter,
                           c->also ? " or " : "", c->also ? c->also : "", c->want, names);
            failed = -1;
        }
    }
    return failed;
}

static int
bad_filters_are_refused(struct suite *t)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_filters); i++) {
        struct err e = {0};
        int r = filters_code(t, bad_filters[i], &e);

        if (r == -CODE_UNKNOWN && t->opt->bad_filter_is_unknown)
            continue;
        if (r != -CODE_INVALID_ARGUMENT)
            (void) fprintf(t->opt->to, "    filter %s\n", bad_filters[i]);
        CODE(r, CODE_INVALID_ARGUMENT);
    }
    return 0;
}

/* ---- rebase at commit ---- */

static int
rebase_code(struct suite *t, const char *name, const char *key, const char *parent, struct err *err)
{
    return snapshots_commit(t->s, &t->ctx, name, key, parent, &no_labels, err);
}

static int
rebase_rules(struct suite *t)
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

/* ---- mounts ---- */

static int
mount_shape(struct suite *t, const char *key, const char *type, const char *option,
            const char *not_option)
{
    AUTO(mount_list) l = {0};
    auto_free char *words = NULL, *all = NULL;

    OK(snapshots_mounts(t->s, &t->ctx, key, &l, err));
    CHECK(l.n == 1);
    CHECK(strcmp(l.items[0].type, type) == 0);
    words = strv_join(&l.items[0].options, " ");
    all = xasprintf(" %s ", words);
    if (!strstr(all, option) || (*not_option && strstr(all, not_option)))
        (void) fprintf(t->opt->to, "    %s: %s\n", key, all);
    CHECK(strstr(all, option));
    CHECK(!*not_option || !strstr(all, not_option));
    return 0;
}

static int
mounts_have_the_known_shapes(struct suite *t)
{
    OK(layer(t, K("l1"), "", NULL, err));
    OK(layer(t, K("l2"), K("l1"), NULL, err));
    OK(active(t, K("a0"), "", err));
    OK(active(t, K("a1"), K("l1"), err));
    OK(active(t, K("a2"), K("l2"), err));
    OK(view(t, K("v0"), "", err));
    OK(view(t, K("v1"), K("l1"), err));
    OK(view(t, K("v2"), K("l2"), err));
    if (mount_shape(t, K("a0"), "bind", " rw ", "lowerdir") < 0 ||
        mount_shape(t, K("a1"), "overlay", " upperdir=", ":") < 0 ||
        mount_shape(t, K("a2"), "overlay", ":", " ro ") < 0 ||
        mount_shape(t, K("v0"), "bind", " ro ", " rw ") < 0 ||
        mount_shape(t, K("v1"), "bind", " ro ", " rw ") < 0 ||
        mount_shape(t, K("v2"), "overlay", " lowerdir=", "upperdir") < 0)
        return -1;
    return 0;
}

static int
with_mounted(struct suite *t, const char *key, int (*fn)(struct suite *t, int fd))
{
    AUTO(mount_list) l = {0};
    AUTO_PTR(mount_temp) m = NULL;

    OK(snapshots_mounts(t->s, &t->ctx, key, &l, err));
    OK(mount_temp_open(&l, NULL, NULL, &m, err));
    return fn(t, mount_temp_fd(m));
}

static int
put_files(struct suite *t, int fd)
{
    static const char bytes[5000] = "0123456789";
    auto_close int file = openat(fd, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    CHECK(file >= 0);
    CHECK(fd_write_all(file, bytes, sizeof bytes) == 0);
    CHECK(fsync(file) == 0);
    CHECK(mkdirat(fd, "dir", 0750) == 0);
    CHECK(mkdirat(fd, "dir/sub", 0700) == 0);
    CHECK(linkat(fd, "file", fd, "dir/link", 0) == 0);
    CHECK(symlinkat("file", fd, "dir/sym") == 0);
    return 0;
}

static int
change_files(struct suite *t, int fd)
{
    struct stat st;

    CHECK(fstatat(fd, "dir/sub", &st, 0) == 0 && (st.st_mode & 07777) == 0700);
    CHECK(unlinkat(fd, "dir/sub", AT_REMOVEDIR) == 0);
    CHECK(fchmodat(fd, "dir", 0711, 0) == 0);
    CHECK(renameat(fd, "file", fd, "moved") == 0);
    CHECK(unlinkat(fd, "dir/sym", 0) == 0);
    CHECK(mkdirat(fd, "dir/sym", 0755) == 0);
    return 0;
}

static int
see_changes(struct suite *t, int fd)
{
    struct stat st;

    CHECK(fstatat(fd, "dir/sub", &st, 0) < 0 && errno == ENOENT);
    CHECK(fstatat(fd, "file", &st, 0) < 0 && errno == ENOENT);
    CHECK(fstatat(fd, "moved", &st, 0) == 0 && st.st_size == 5000);
    CHECK(fstatat(fd, "dir", &st, 0) == 0 && (st.st_mode & 07777) == 0711);
    CHECK(fstatat(fd, "dir/sym", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
    CHECK(fstatat(fd, ".", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
    CHECK(mkdirat(fd, "new", 0700) < 0 && errno == EROFS);
    return 0;
}

static int
layers_show_through(struct suite *t)
{
    struct snapshot_usage u;

    if (geteuid() != 0)
        return 1;
    OK(active(t, K("a"), "", err));
    if (with_mounted(t, K("a"), put_files) < 0)
        return -1;
    OK(commit(t, K("l1"), K("a"), err));
    OK(active(t, K("b"), K("l1"), err));
    if (with_mounted(t, K("b"), change_files) < 0)
        return -1;
    OK(commit(t, K("l2"), K("b"), err));
    OK(view(t, K("v"), K("l2"), err));
    if (with_mounted(t, K("v"), see_changes) < 0)
        return -1;
    OK(snapshots_usage(t->s, &t->ctx, K("l1"), &u, err));
    CHECK(u.inodes == 5); /* root, file with its link, dir, sub, sym */
    CHECK(u.size_bytes >= 8192 && u.size_bytes < 64 * 1024);
    OK(snapshots_usage(t->s, &t->ctx, K("v"), &u, err));
    CHECK(u.inodes == 0 && u.size_bytes == 0);
    return 0;
}

static int
usage_of_an_active_is_now(struct suite *t)
{
    struct snapshot_usage u, later;

    if (geteuid() != 0)
        return 1;
    OK(active(t, K("a"), "", err));
    OK(snapshots_usage(t->s, &t->ctx, K("a"), &u, err));
    CHECK(u.inodes == 1);
    if (with_mounted(t, K("a"), put_files) < 0)
        return -1;
    OK(snapshots_usage(t->s, &t->ctx, K("a"), &later, err));
    CHECK(later.inodes == 5 && later.size_bytes > u.size_bytes);
    return 0;
}

/* ---- many ---- */

static int
a_deep_chain_works(struct suite *t)
{
    unsigned layers = t->opt->layers ? t->opt->layers : LAYERS_DEFAULT;
    auto_free char *parent = xstrdup("");
    AUTO(mount_list) l = {0};
    const char *lower;
    size_t colons = 0;

    for (unsigned i = 0; i < layers; i++) {
        auto_free char *name = xasprintf("%slayer-%u", t->prefix, i);

        OK(layer(t, name, parent, NULL, err));
        free(parent);
        parent = TAKE(name);
    }
    OK(active(t, K("top"), parent, err));
    OK(snapshots_mounts(t->s, &t->ctx, K("top"), &l, err));
    lower = mount_option_find(&l.items[0], "lowerdir");
    CHECK(lower);
    for (; *lower; lower++)
        colons += *lower == ':';
    CHECK(colons == layers - 1);
    return 0;
}

#define RACERS 8
#define ROUNDS 20

struct racer {
    struct suite *t;
    const char *prefix;
    unsigned number;
    atomic_uint *won, *exists, *bad;
    pthread_barrier_t *start;
};

/* All ask for the same key; then each goes through the life of a snapshot of its own. */
static void *
race(void *arg)
{
    struct racer *me = arg;
    struct suite *t = me->t;

    for (unsigned i = 0; i < ROUNDS; i++) {
        auto_free char *shared = xasprintf("%sshared-%u", me->prefix, i);
        auto_free char *own = xasprintf("%sown-%u-%u", me->prefix, me->number, i);
        auto_free char *done = xasprintf("%s-done", own);
        auto_free char *base = xasprintf("%sbase", me->prefix);
        int r;

        (void) pthread_barrier_wait(me->start);
        r = active(t, shared, base, NULL);
        if (r == 0)
            atomic_fetch_add(me->won, 1);
        else if (r == -CODE_ALREADY_EXISTS)
            atomic_fetch_add(me->exists, 1);
        else
            atomic_fetch_add(me->bad, 1);
        if (active(t, own, base, NULL) < 0 || stat_code(t, own, NULL) < 0 ||
            commit(t, done, own, NULL) < 0 || stat_code(t, done, NULL) < 0 ||
            stat_code(t, own, NULL) != -CODE_NOT_FOUND || remove_code(t, done, NULL) < 0)
            atomic_fetch_add(me->bad, 1);
    }
    return NULL;
}

static int
racers_agree(struct suite *t)
{
    atomic_uint won = 0, exists = 0, bad = 0;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t start;

    OK(layer(t, K("base"), "", NULL, err));
    (void) pthread_barrier_init(&start, NULL, RACERS);
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.t = t,
                                   .prefix = t->prefix,
                                   .number = i,
                                   .won = &won,
                                   .exists = &exists,
                                   .bad = &bad,
                                   .start = &start};
        if (pthread_create(&threads[i], NULL, race, &racers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < RACERS; i++)
        (void) pthread_join(threads[i], NULL);
    (void) pthread_barrier_destroy(&start);
    CHECK(bad == 0);
    CHECK(won == ROUNDS);
    CHECK(exists == ROUNDS * (RACERS - 1));
    return 0;
}

struct removing {
    struct suite *t;
    unsigned removed;
};

static int
remove_listed(const struct snapshot_info *info, void *arg)
{
    struct removing *w = arg;

    if (strncmp(info->name, w->t->prefix, strlen(w->t->prefix)) == 0)
        w->removed += remove_code(w->t, info->name, NULL) == 0;
    return 0;
}

static int
a_list_survives_removals(struct suite *t)
{
    struct removing w = {.t = t};
    auto_free char *names = NULL;
    char name[32];

    for (int i = 0; i < 250; i++) {
        (void) snprintf(name, sizeof name, "k%d", i);
        OK(active(t, K(name), "", err));
    }
    OK(snapshots_list(t->s, &t->ctx, &no_words, remove_listed, &w, err));
    CHECK(w.removed == 250);
    OK(list_names(t, &no_words, &names, err));
    CHECK(strcmp(names, "") == 0);
    return 0;
}

static int
cleanup_is_harmless(struct suite *t)
{
    struct err e = {0};
    int r;

    OK(layer(t, K("base"), "", NULL, err));
    OK(active(t, K("gone"), K("base"), err));
    OK(active(t, K("stays"), K("base"), err));
    OK(remove_code(t, K("gone"), err));
    r = snapshots_cleanup(t->s, &t->ctx, &e);
    CHECK(r == 0 || r == -CODE_UNIMPLEMENTED);
    OK(mounts_code(t, K("stays"), err));
    OK(stat_code(t, K("base"), err));
    return 0;
}

/* ---- running them ---- */

static const struct {
    const char *name;
    int (*fn)(struct suite *t); /* 0 passed, -1 failed, 1 does not apply */
} cases[] = {
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
    {"filters_select", filters_select},
    {"bad_filters_are_refused", bad_filters_are_refused},
    {"rebase_rules", rebase_rules},
    {"mounts_have_the_known_shapes", mounts_have_the_known_shapes},
    {"layers_show_through", layers_show_through},
    {"usage_of_an_active_is_now", usage_of_an_active_is_now},
    {"a_deep_chain_works", a_deep_chain_works},
    {"racers_agree", racers_agree},
    {"a_list_survives_removals", a_list_survives_removals},
    {"cleanup_is_harmless", cleanup_is_harmless},
};

unsigned
snapshots_conformance_run(const struct snapshots_conformance *opt, unsigned *ret_run)
{
    static const char *const words[] = {"FAILED", "ok", "does not apply"};
    struct suite t = {.opt = opt, .s = opt->s, .ctx = {.ns = opt->ns, .lease = opt->lease}};
    unsigned failed = 0, run = 0;
    char id[9];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t start = clock_mono_ns();
        int r;

        if (opt->only && strcmp(opt->only, cases[i].name) != 0)
            continue;
        (void) snprintf(t.prefix, sizeof t.prefix, "/%s/%zu/", random_hex(id, 4), i);
        r = cases[i].fn(&t);
        sweep(&t);
        (void) fprintf(opt->to, "%s: %s (%lld ms)\n", cases[i].name, words[r + 1],
                       (long long) ((clock_mono_ns() - start) / NS_PER_MS));
        failed += r < 0;
        run += r <= 0;
    }
    for (size_t i = 0; i < KEYS; i++)
        free(t.keys[i]);
    *ret_run = run;
    return failed;
}
