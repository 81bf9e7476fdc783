/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three kinds of workers over one table of layers:
 *
 *   fetchers   fetch:  WAITING → RUNNING → DONE       several; each takes the lowest layer that waits
 *   unpackers  unpack: WAITING → APPLYING → APPLIED   several; likewise. One that is fetched is taken first, else
 *              one whose
 *                                                     bytes come just now: the snapshotter follows them while they grow
 *   committer  unpack: APPLIED → COMMITTED            the calling thread, base first, naming the parent at commit
 *
 * Without rebase a layer is prepared on its committed parent: then they are unpacked one by one, and only when fetched.
 *
 * The table and its condition are the job's. A failure sets job.stop: workers leave at the next step, the
 * committer joins them and removes the snapshots that were not committed.
 */
#include "ross-cli/pull/layers.h"

#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "ross-cli/pull/fetch.h"
#include "ross-cli/pull/layer_table.h"

#define UNPACKERS_MAX 8
#define FETCHERS_MAX  64

struct layers {
    struct job *job;
    struct layer_table table;
    bool unpack;
};

/* ---- the table ---- */

/* With job->lock held. */

static void
changed(struct layers *l)
{
    (void) pthread_cond_broadcast(&l->job->cond);
}

/* The next layer to fetch: LAYER_NONE when none is left. */
static size_t
take_to_fetch(struct layers *l)
{
    size_t found;

    (void) pthread_mutex_lock(&l->job->lock);
    found = layer_table_to_fetch(&l->table);
    if (found != LAYER_NONE)
        l->table.items[found].fetch = FETCH_RUNNING;
    (void) pthread_mutex_unlock(&l->job->lock);
    return atomic_load(&l->job->stop) ? LAYER_NONE : found;
}

/* The next layer to unpack; waits for one. LAYER_NONE when none is left, or the job stops. */
static size_t
take_to_unpack(struct layers *l)
{
    size_t found = LAYER_NONE;

    (void) pthread_mutex_lock(&l->job->lock);
    while (!atomic_load(&l->job->stop) && !layer_table_past(&l->table, UNPACK_APPLYING)) {
        found = layer_table_to_unpack(&l->table);
        if (found != LAYER_NONE) {
            l->table.items[found].unpack = UNPACK_APPLYING;
            changed(l);
            break;
        }
        (void) pthread_cond_wait(&l->job->cond, &l->job->lock);
    }
    (void) pthread_mutex_unlock(&l->job->lock);
    return found;
}

static int
layer_failed(struct layers *l, size_t i, int r, struct err *err)
{
    char shown[DIGEST_STR_MAX];

    (void) err_wrap(err, r, "layer %s", digest_format(&l->table.items[i].desc->digest, shown));
    board_layer(l->job->board, i, PULL_FAILED);
    return job_fail(l->job, r, err);
}

/* ---- fetching ---- */

struct stream_watch {
    struct layers *layers;
    size_t i;
};

static void
on_stream(void *arg)
{
    struct stream_watch *w = arg;
    struct layers *l = w->layers;

    (void) pthread_mutex_lock(&l->job->lock);
    l->table.items[w->i].streaming = true;
    changed(l);
    (void) pthread_mutex_unlock(&l->job->lock);
}

static enum pull_state
state_shown(const struct layers *l, size_t i, bool existed)
{
    if (!l->unpack)
        return existed ? PULL_EXISTS : PULL_DONE;
    return l->table.items[i].unpack == UNPACK_APPLYING ? PULL_UNPACKING : PULL_DOWNLOADED;
}

/* The layer and its twins are in the store. */
static void
layer_fetched(struct layers *l, size_t i, bool existed)
{
    (void) pthread_mutex_lock(&l->job->lock);
    for (size_t k = i; k < l->table.n; k++) {
        struct layer *layer = &l->table.items[k];
        if (layer->same_as != i)
            continue;
        if ((!l->unpack || l->job->registry) && layer->unpack < UNPACK_APPLIED)
            board_layer(l->job->board, k, state_shown(l, k, existed));
        layer->fetch = FETCH_DONE;
    }
    changed(l);
    (void) pthread_mutex_unlock(&l->job->lock);
}

static void *
fetcher(void *arg)
{
    struct layers *l = arg;
    size_t i;

    while ((i = take_to_fetch(l)) != LAYER_NONE) {
        struct stream_watch w = {.layers = l, .i = i};
        const struct fetch_watch watch = {.on_stream = on_stream, .arg = &w};
        struct err err = {0};
        int r = fetch_blob(l->job, l->table.items[i].desc, i, &watch, &err);
        if (r < 0) {
            (void) layer_failed(l, i, r, &err);
            break;
        }
        layer_fetched(l, i, r == 1);
    }
    return NULL;
}

/* ---- unpacking ---- */

static int
unpack_once(struct layers *l, size_t i, struct err *err)
{
    const char *parent = l->job->svc->rebase || i == 0 ? "" : l->table.items[i - 1].chain;

    return layer_unpack(l->job, &l->table.items[i], parent, l->table.items[l->table.n - 1].chain,
                        err);
}

static int
commit(struct layers *l, size_t i, struct err *err)
{
    const char *parent = l->job->svc->rebase && i > 0 ? l->table.items[i - 1].chain : "";

    return layer_commit(l->job, &l->table.items[i], parent, err);
}

/* Whether the layer is in the store; waits for that unless `now`. The job may stop meanwhile. */
static bool
is_fetched(struct layers *l, size_t i, bool now)
{
    bool fetched;

    (void) pthread_mutex_lock(&l->job->lock);
    while (!now && l->table.items[i].fetch != FETCH_DONE && !atomic_load(&l->job->stop))
        (void) pthread_cond_wait(&l->job->cond, &l->job->lock);
    fetched = l->table.items[i].fetch == FETCH_DONE;
    (void) pthread_mutex_unlock(&l->job->lock);
    return fetched;
}

static void
stop_following(struct layers *l)
{
    (void) pthread_mutex_lock(&l->job->lock);
    l->table.no_follow = true;
    (void) pthread_mutex_unlock(&l->job->lock);
}

static int
unpack(struct layers *l, size_t i, struct err *err)
{
    bool fetched = is_fetched(l, i, true);
    int64_t start = clock_mono_ns();
    int r;

    if (fetched)
        board_layer(l->job->board, i, PULL_UNPACKING);
    r = unpack_once(l, i, err);
    if (r < 0 && !fetched && !atomic_load(&l->job->stop)) {
        /* Following is a shortcut: whatever went wrong with it, the whole blob decides. */
        log_debug("unpacking again from the whole blob", KV_ERR(err));
        if (r == -CODE_NOT_FOUND)
            stop_following(l);
        layer_drop(l->job, &l->table.items[i]);
        start = clock_mono_ns();
        if (is_fetched(l, i, false)) {
            board_layer(l->job->board, i, PULL_UNPACKING);
            r = unpack_once(l, i, err);
        }
    }
    job_took(l->job, &l->job->timing.unpack_ns, start);
    return r;
}

static void *
unpacker(void *arg)
{
    struct layers *l = arg;
    size_t i;

    while ((i = take_to_unpack(l)) != LAYER_NONE) {
        struct err err = {0};
        int r = unpack(l, i, &err);
        if (r < 0) {
            (void) layer_failed(l, i, r, &err);
            break;
        }
        (void) pthread_mutex_lock(&l->job->lock);
        l->table.items[i].unpack = UNPACK_APPLIED;
        changed(l);
        (void) pthread_mutex_unlock(&l->job->lock);
    }
    return NULL;
}

/* ---- committing ---- */

/* Waits for the layer to be applied, and in the store; false when the job stops. */
static bool
wait_applied(struct layers *l, size_t i)
{
    bool applied;

    (void) pthread_mutex_lock(&l->job->lock);
    while (!atomic_load(&l->job->stop) && !layer_table_may_commit(&l->table, i))
        (void) pthread_cond_wait(&l->job->cond, &l->job->lock);
    applied = layer_table_may_commit(&l->table, i) && !atomic_load(&l->job->stop);
    (void) pthread_mutex_unlock(&l->job->lock);
    return applied;
}

static void
commit_all(struct layers *l)
{
    for (size_t i = 0; i < l->table.n; i++) {
        struct err err = {0};
        if (!wait_applied(l, i))
            return;
        if (l->table.items[i].unpack == UNPACK_COMMITTED)
            continue;
        int r = commit(l, i, &err);
        if (r < 0) {
            (void) layer_failed(l, i, r, &err);
            return;
        }
        board_layer(l->job->board, i, PULL_DONE);
        (void) pthread_mutex_lock(&l->job->lock);
        l->table.items[i].unpack = UNPACK_COMMITTED;
        changed(l);
        (void) pthread_mutex_unlock(&l->job->lock);
    }
}

/* ---- the whole ---- */

static void
layers_init(struct layers *l, struct job *j, const struct oci_manifest *m,
            const struct oci_config *config, const struct digest *chain)
{
    *l = (struct layers){
        .job = j, .unpack = config != NULL, .table = {.n = m->n_layers, .rebase = j->svc->rebase}};
    l->table.items = xcalloc(l->table.n ? l->table.n : 1, sizeof *l->table.items);
    for (size_t i = 0; i < l->table.n; i++) {
        struct layer *layer = &l->table.items[i];
        layer->desc = &m->layers[i];
        for (layer->same_as = 0;
             !digest_equal(&m->layers[layer->same_as].digest, &layer->desc->digest);)
            layer->same_as++;
        if (config) {
            layer->diff_id = config->diff_ids[i];
            digest_format(&chain[i], layer->chain);
        }
    }
}

/* Marks what is there, from the top: one stat for an image that is unpacked already. */
static int
find_existing(struct layers *l, struct err *err)
{
    struct job *j = l->job;
    size_t there = l->table.n;

    for (; there > 0; there--) {
        struct snapshot_info info = {0};
        int r =
            snapshots_stat(j->svc->snapshots, &j->ctx, l->table.items[there - 1].chain, &info, err);
        bool committed = r == 0 && info.kind == SNAPSHOT_COMMITTED;
        snapshot_info_done(&info);
        if (r < 0 && r != -CODE_NOT_FOUND)
            return err_wrap(err, r, "snapshotter");
        if (committed)
            break;
    }
    for (size_t i = 0; i < there; i++) {
        l->table.items[i].unpack = UNPACK_COMMITTED;
        l->table.items[i].fetch = FETCH_DONE;
        board_layer(j->board, i, PULL_EXISTS);
        /* The blob may be here as well: a push can mount it from this repository then. */
        if (j->registry)
            (void) fetch_label(j, &l->table.items[i].desc->digest, NULL, NULL);
    }
    /* Kept by our lease until the image record refers to it. */
    return there ? job_keep_snapshot(j, l->table.items[there - 1].chain, err) : 0;
}

static int
note_key(const struct snapshot_info *info, void *arg)
{
    if (info->kind == SNAPSHOT_ACTIVE)
        strv_add(arg, info->name);
    return 0;
}

/*
 * Active snapshots for this top layer are of pulls that were killed: whoever unpacks for it holds the lock, and
 * that is us now. Without a lock, their leases end them.
 */
static void
drop_stale(struct layers *l)
{
    struct job *j = l->job;
    struct strv filters = {0}, keys = {0};

    if (j->lock_fd < 0)
        return;
    strv_printf(&filters, "labels.\"%s\"==\"%s\"", LABEL_PULL,
                l->table.items[l->table.n - 1].chain);
    (void) snapshots_list(j->svc->snapshots, &j->ctx, &filters, note_key, &keys, NULL);
    for (size_t i = 0; i < keys.n; i++)
        (void) snapshots_remove(j->svc->snapshots, &j->ctx, keys.items[i], NULL);
    strv_done(&keys);
    strv_done(&filters);
}

static unsigned
start_threads(pthread_t *threads, unsigned max, void *(*fn)(void *), struct layers *l)
{
    unsigned n = 0;

    while (n < max && n < l->table.n) {
        int r = pthread_create(&threads[n], NULL, fn, l);
        if (r) {
            struct err err = {0};
            if (n == 0)
                (void) job_fail(l->job, err_sys(&err, r, "start a thread"), &err);
            break;
        }
        n++;
    }
    return n;
}

static int
layers_run(struct layers *l, struct err *err)
{
    struct job *j = l->job;
    unsigned downloads = j->opt->downloads_max ? j->opt->downloads_max : PULL_DOWNLOADS_DEFAULT;
    pthread_t fetchers[FETCHERS_MAX], unpackers[UNPACKERS_MAX];
    unsigned n_fetchers, n_unpackers = 0;

    if (downloads > FETCHERS_MAX)
        downloads = FETCHERS_MAX;
    n_fetchers = start_threads(fetchers, downloads, fetcher, l);
    if (l->unpack) {
        n_unpackers = start_threads(unpackers, j->svc->rebase ? UNPACKERS_MAX : 1, unpacker, l);
        commit_all(l);
    }
    for (unsigned i = 0; i < n_fetchers; i++)
        (void) pthread_join(fetchers[i], NULL);
    for (unsigned i = 0; i < n_unpackers; i++)
        (void) pthread_join(unpackers[i], NULL);
    if (!atomic_load(&j->stop))
        return 0;
    for (size_t i = 0; i < l->table.n; i++)
        layer_drop(l->job, &l->table.items[i]);
    (void) pthread_mutex_lock(&j->lock);
    int r = j->failed.code ? -j->failed.code : -CODE_CANCELED;
    if (err)
        *err = j->failed;
    (void) pthread_mutex_unlock(&j->lock);
    return r;
}

int
layers_unpack(struct job *j, const struct oci_manifest *m, const struct oci_config *config,
              const struct digest *chain, struct err *err)
{
    struct layers l;
    int r;

    layers_init(&l, j, m, config, chain);
    r = find_existing(&l, err);
    if (r == 0) {
        layer_table_settle_twins(&l.table);
        drop_stale(&l);
        if (!layer_table_past(&l.table, UNPACK_COMMITTED))
            r = layers_run(&l, err);
    }
    free(l.table.items);
    return r;
}

int
layers_fetch(struct job *j, const struct oci_manifest *m, struct err *err)
{
    struct layers l;
    int r;

    layers_init(&l, j, m, NULL, NULL);
    r = layers_run(&l, err);
    free(l.table.items);
    return r;
}
