/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance of snapshots: long chains, many callers at once. */
#include "snap_suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define LAYERS_DEFAULT 500

static int
a_deep_chain_works(struct snap_suite *t)
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
#define DUELS  40

struct racer {
    struct snap_suite *t;
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
    struct snap_suite *t = me->t;

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
racers_agree(struct snap_suite *t)
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

struct duel {
    struct snap_suite *t;
    const char *key, *name;
    pthread_barrier_t *start;
    int committed, removed;
};

static void *
duel_commit(void *arg)
{
    struct duel *d = arg;

    (void) pthread_barrier_wait(d->start);
    d->committed = commit(d->t, d->name, d->key, NULL);
    return NULL;
}

static void *
duel_remove(void *arg)
{
    struct duel *d = arg;

    (void) pthread_barrier_wait(d->start);
    d->removed = remove_code(d->t, d->key, NULL);
    return NULL;
}

/* Whoever comes first has it; the other one finds nothing. */
static int
one_of_commit_and_remove_wins(struct snap_suite *t)
{
    pthread_barrier_t start;
    pthread_t threads[2];

    (void) pthread_barrier_init(&start, NULL, 2);
    for (unsigned i = 0; i < DUELS; i++) {
        auto_free char *key = xasprintf("%skey-%u", t->prefix, i);
        auto_free char *name = xasprintf("%sname-%u", t->prefix, i);
        struct duel d = {.t = t, .key = key, .name = name, .start = &start};

        OK(active(t, key, "", err));
        if (pthread_create(&threads[0], NULL, duel_commit, &d) != 0 ||
            pthread_create(&threads[1], NULL, duel_remove, &d) != 0)
            abort();
        (void) pthread_join(threads[0], NULL);
        (void) pthread_join(threads[1], NULL);
        CHECK((d.committed == 0) != (d.removed == 0));
        CHECK(d.committed == 0 || d.committed == -CODE_NOT_FOUND);
        CHECK(d.removed == 0 || d.removed == -CODE_NOT_FOUND);
        CODE(stat_code(t, key, err), CODE_NOT_FOUND);
        CODE(stat_code(t, name, err), d.committed == 0 ? CODE_OK : CODE_NOT_FOUND);
    }
    (void) pthread_barrier_destroy(&start);
    return 0;
}

static void *
clean_up(void *arg)
{
    struct racer *me = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        auto_free char *key = xasprintf("%sgone-%u-%u", me->prefix, me->number, i);
        int r;

        if (active(me->t, key, "", NULL) < 0 || remove_code(me->t, key, NULL) < 0)
            atomic_fetch_add(me->bad, 1);
        r = snapshots_cleanup(me->t->s, &me->t->ctx, NULL);
        if (r != 0 && r != -CODE_UNIMPLEMENTED)
            atomic_fetch_add(me->bad, 1);
    }
    return NULL;
}

static int
cleanups_side_by_side_end(struct snap_suite *t)
{
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    atomic_uint bad = 0;

    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.t = t, .prefix = t->prefix, .number = i, .bad = &bad};
        if (pthread_create(&threads[i], NULL, clean_up, &racers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < RACERS; i++)
        (void) pthread_join(threads[i], NULL);
    CHECK(bad == 0);
    return 0;
}

struct removing {
    struct snap_suite *t;
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
a_list_survives_removals(struct snap_suite *t)
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
    OK(snap_suite_names(t, &no_words, &names, err));
    CHECK(strcmp(names, "") == 0);
    return 0;
}

static int
cleanup_is_harmless(struct snap_suite *t)
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

const struct snap_case snap_cases_many[] = {
    {"a_deep_chain_works", a_deep_chain_works},
    {"racers_agree", racers_agree},
    {"a_list_survives_removals", a_list_survives_removals},
    {"one_of_commit_and_remove_wins", one_of_commit_and_remove_wins},
    {"cleanups_side_by_side_end", cleanups_side_by_side_end},
    {"cleanup_is_harmless", cleanup_is_harmless},
    {0},
};
