/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/fetch.h"

#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/contract/content_read.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/media_type.h"
#include "libross/oci/oci_config.h"

#define PIECE_BYTES       (1024 * 1024)
#define RESUMES_MAX       5 /* broken connections in a row without a byte between them */
#define LOCK_PAUSE_MS     20
#define LOCK_PAUSE_MAX_MS 500
#define RESUME_PAUSE_MS   100

/* ---- labels ---- */

static void
add_source(const struct job *j, struct labels *l)
{
    if (j->registry)
        gc_labels_add_source(l, j->ref.domain, j->ref.path);
}

/* The labels that differ from what is stored, as values and mask. */
static void
labels_missing(const struct labels *want, const struct labels *have, struct labels *ret,
               struct strv *ret_mask)
{
    for (size_t i = 0; i < want->n; i++) {
        const char *old = labels_find(have, want->items[i].key);
        if (old && strcmp(old, want->items[i].value) == 0)
            continue;
        labels_set(ret, want->items[i].key, want->items[i].value);
        strv_printf(ret_mask, "labels.%s", want->items[i].key);
    }
}

static int
label_info(struct job *j, const struct content_info *info, const struct labels *labels,
           struct err *err)
{
    struct labels want = {0}, set = {0};
    struct strv mask = {0};
    struct content_info now = {0};
    int r = 0;

    /* The sources known so far, and ours. */
    for (size_t i = 0; i < info->labels.n; i++)
        if (strncmp(info->labels.items[i].key, GC_LABEL_SOURCE, strlen(GC_LABEL_SOURCE)) == 0)
            labels_set(&want, info->labels.items[i].key, info->labels.items[i].value);
    add_source(j, &want);
    for (size_t i = 0; labels && i < labels->n; i++)
        labels_set(&want, labels->items[i].key, labels->items[i].value);
    labels_missing(&want, &info->labels, &set, &mask);
    if (mask.n)
        r = content_update(j->svc->content, &j->ctx, &info->digest, &set, &mask, &now, err);
    content_info_done(&now);
    labels_done(&want);
    labels_done(&set);
    strv_done(&mask);
    return r;
}

int
fetch_label(struct job *j, const struct digest *d, const struct labels *labels, struct err *err)
{
    struct content_info info = {0};
    int r = content_info_get(j->svc->content, &j->ctx, d, &info, err);

    if (r == 0)
        r = label_info(j, &info, labels, err);
    content_info_done(&info);
    return r == -CODE_NOT_FOUND ? 0 : r;
}

/* 1 when the blob is there (and has our labels now), 0 when not. */
static int
blob_is_there(struct job *j, const struct oci_desc *d, struct err *err)
{
    struct content_info info = {0};
    int r = content_info_get(j->svc->content, &j->ctx, &d->digest, &info, err);

    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r == 0 && info.size_bytes != d->size_bytes)
        r = err_set(err, CODE_DATA_LOSS, "the store has %lld bytes, the descriptor says %lld",
                    (long long) info.size_bytes, (long long) d->size_bytes);
    if (r == 0)
        r = label_info(j, &info, NULL, err);
    content_info_done(&info);
    return r < 0 ? r : 1;
}

/* ---- writing ---- */

struct transfer {
    struct job *job;
    const struct oci_desc *desc;
    size_t layer;
    const struct fetch_watch *watch;
    struct content_writer *writer;
    int64_t at;
    char *piece;
};

static void
note_bytes(const struct transfer *t)
{
    if (t->layer != FETCH_NO_LAYER)
        board_bytes(t->job->board, t->layer, t->at);
}

static void
note_state(const struct transfer *t, enum pull_state state)
{
    if (t->layer != FETCH_NO_LAYER)
        board_layer(t->job->board, t->layer, state);
}

/* One stream from t->at on, as far as it goes. */
static int
stream_copy(struct transfer *t, struct registry_stream *s, struct err *err)
{
    for (;;) {
        ssize_t n = registry_stream_read(s, t->piece, PIECE_BYTES, err);
        if (n <= 0)
            return (int) n;
        int r = content_writer_write(t->writer, t->piece, (size_t) n, err);
        if (r < 0)
            return err_wrap(err, r, "content store") == -CODE_UNAVAILABLE ? -CODE_INTERNAL : r;
        t->at += n;
        note_bytes(t);
        if (atomic_load(&t->job->stop))
            return err_set(err, CODE_CANCELED, "canceled");
    }
}

/* All the rest of the blob, over as many streams as it takes. */
static int
transfer_rest(struct transfer *t, struct err *err)
{
    struct job *j = t->job;
    int failures = 0, r = 0;

    while (t->at < t->desc->size_bytes) {
        AUTO_PTR(registry_stream) s = NULL;
        int64_t before = t->at;
        r = registry_blob_open(j->registry, &j->ref, t->desc, t->at, &s, err);
        if (r < 0)
            return r;
        r = stream_copy(t, s, err);
        if (r == 0)
            continue;
        failures = t->at > before ? 1 : failures + 1;
        if (r != -CODE_UNAVAILABLE || failures > RESUMES_MAX)
            return r;
        log_debug("connection broke, going on", KV_INT("offset", t->at));
        r = job_pause(j, (int64_t) RESUME_PAUSE_MS * failures, err);
        if (r < 0)
            return r;
    }
    return r;
}

/*
 * Publishes; a first try that went on from an older ingest may be wrong because of that one: 1 = again from the
 * start.
 */
static int
transfer_commit(struct transfer *t, bool resumed, struct err *err)
{
    struct labels labels = {0};
    int r;

    add_source(t->job, &labels);
    r = content_writer_commit(t->writer, t->desc->size_bytes, &t->desc->digest, &labels, err);
    labels_done(&labels);
    if (r == -CODE_ALREADY_EXISTS)
        return 0;
    if (r == -CODE_FAILED_PRECONDITION && resumed)
        return 1;
    if (r == -CODE_FAILED_PRECONDITION)
        return err_set(err, CODE_DATA_LOSS, "registry %s sent bytes that do not have this digest",
                       t->job->ref.domain);
    return r;
}

/* With the writer open: 0, 1 when it must start again from nothing, negative. */
static int
transfer_run(struct transfer *t, struct err *err)
{
    struct ingest_status status = {0};
    bool resumed;
    int r = content_writer_status(t->writer, &status, err);

    if (r < 0)
        return r;
    t->at = status.offset;
    ingest_status_done(&status);
    if (t->at > t->desc->size_bytes) {
        r = content_writer_truncate(t->writer, 0, err);
        if (r < 0)
            return r;
        t->at = 0;
    }
    resumed = t->at > 0;
    if (resumed)
        log_debug("resuming an ingest", KV_INT("offset", t->at));
    note_state(t, PULL_DOWNLOADING);
    note_bytes(t);
    if (t->watch)
        t->watch->on_stream(t->watch->arg);
    r = transfer_rest(t, err);
    return r < 0 ? r : transfer_commit(t, resumed, err);
}

/* Somebody else writes it: shows how far that one is. */
static int
wait_for_writer(struct transfer *t, const char *ref, int64_t *pause_ms, struct err *err)
{
    struct ingest_status status = {0};

    note_state(t, PULL_WAITING);
    if (content_status(t->job->svc->content, &t->job->ctx, ref, &status, NULL) == 0) {
        t->at = status.offset;
        note_bytes(t);
        ingest_status_done(&status);
    }
    int r = job_pause(t->job, *pause_ms, err);
    *pause_ms = *pause_ms * 2 < LOCK_PAUSE_MAX_MS ? *pause_ms * 2 : LOCK_PAUSE_MAX_MS;
    return r;
}

/* An ingest whose bytes are wrong must not be what the next try goes on with. */
static void
drop_ingest(struct job *j, const char *ref)
{
    struct call_ctx ctx = {.ns = j->svc->ns, .deadline_ns = clock_mono_ns() + 10 * NS_PER_S};
    struct err err = {0};

    if (content_abort(j->svc->content, &ctx, ref, &err) < 0)
        log_debug("a wrong ingest stays", KV_STR("ref", ref), KV_ERR(&err));
}

static int
blob_write(struct transfer *t, const char *ref, struct err *err)
{
    const struct content_writer_open open = {
        .ref = ref, .total = t->desc->size_bytes, .expected = &t->desc->digest};
    int64_t pause_ms = LOCK_PAUSE_MS;

    for (;;) {
        int r = blob_is_there(t->job, t->desc, err);
        if (r != 0)
            return r;
        r = content_writer_open(t->job->svc->content, &t->job->ctx, &open, &t->writer, err);
        if (r == -CODE_ALREADY_EXISTS)
            return 1;
        if (r == -CODE_UNAVAILABLE) {
            r = wait_for_writer(t, ref, &pause_ms, err);
            if (r < 0)
                return r;
            continue;
        }
        if (r < 0)
            return err_wrap(err, r, "content store");
        r = transfer_run(t, err);
        content_writer_free(TAKE(t->writer));
        if (r == 1 || r == -CODE_DATA_LOSS)
            drop_ingest(t->job, ref);
        if (r != 1)
            return r;
    }
}

int
fetch_blob(struct job *j, const struct oci_desc *d, size_t layer, const struct fetch_watch *watch,
           struct err *err)
{
    struct transfer t = {.job = j, .desc = d, .layer = layer, .watch = watch};
    auto_free char *ref = gc_ingest_ref(d);
    int64_t start = clock_mono_ns();
    int r;

    if (!j->registry) {
        r = blob_is_there(j, d, err);
        return r == 0 ? err_set(err, CODE_NOT_FOUND, "not in the content store") : r;
    }
    t.piece = xmalloc(PIECE_BYTES);
    r = blob_write(&t, ref, err);
    free(t.piece);
    if (r == 0) {
        job_took(j, &j->timing.download_ns, start);
        (void) pthread_mutex_lock(&j->lock);
        j->timing.downloaded_bytes += d->size_bytes;
        (void) pthread_mutex_unlock(&j->lock);
    }
    return r;
}

/* ---- documents ---- */

int
fetch_document(struct job *j, const struct oci_desc *d, struct buf *ret, bool *ret_stored,
               struct err *err)
{
    int r = content_read_blob(j->svc->content, &j->ctx, d, ret, err);

    *ret_stored = r == 0;
    if (r != -CODE_NOT_FOUND || !j->registry)
        return r;
    if (media_type_kind(d->media_type) == MEDIA_INDEX ||
        media_type_kind(d->media_type) == MEDIA_MANIFEST)
        return registry_fetch_manifest(j->registry, &j->ref, d, ret, err);
    if (d->size_bytes > (int64_t) ret->max_bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "%lld bytes are more than the limit of %zu",
                       (long long) d->size_bytes, ret->max_bytes);
    r = fetch_blob(j, d, FETCH_NO_LAYER, NULL, err);
    if (r < 0)
        return r;
    *ret_stored = true;
    return content_read_blob(j->svc->content, &j->ctx, d, ret, err);
}

int
fetch_store(struct job *j, const struct oci_desc *d, const struct buf *bytes, bool stored,
            const struct labels *labels, struct err *err)
{
    auto_free char *ref = gc_ingest_ref(d);
    const struct content_writer_open open = {
        .ref = ref, .total = d->size_bytes, .expected = &d->digest};
    int64_t pause_ms = LOCK_PAUSE_MS;
    struct transfer t = {.job = j, .desc = d, .layer = FETCH_NO_LAYER};

    while (!stored) {
        AUTO_PTR(content_writer) w = NULL;
        struct labels all = labels_clone(labels);
        int r = content_writer_open(j->svc->content, &j->ctx, &open, &w, err);

        add_source(j, &all);
        if (r == 0)
            r = content_writer_truncate(w, 0, err);
        if (r == 0)
            r = content_writer_write(w, bytes->data, bytes->len, err);
        if (r == 0)
            r = content_writer_commit(w, d->size_bytes, &d->digest, &all, err);
        labels_done(&all);
        if (r == 0)
            return 0;
        if (r == -CODE_UNAVAILABLE)
            r = wait_for_writer(&t, ref, &pause_ms, err);
        else if (r == -CODE_ALREADY_EXISTS)
            stored = true, r = 0;
        if (r < 0)
            return err_wrap(err, r, "content store");
        if (!stored) {
            r = blob_is_there(j, d, err);
            if (r < 0)
                return r;
            stored = r == 1;
        }
    }
    return fetch_label(j, &d->digest, labels, err);
}
