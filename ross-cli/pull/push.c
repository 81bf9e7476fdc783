/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calling thread tells the user; a conductor thread plans, lets several uploaders take blobs from one list,
 * and then sends the manifests in order.
 */
#include "ross-cli/pull/push.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/contract/content_read.h"
#include "libross/oci/oci_manifest.h"
#include "ross-cli/pull/image.h"
#include "ross-cli/pull/push_plan.h"
#include "ross-cli/registry/registry_push.h"

#define UPLOADERS_MAX 32
#define PIECE_BYTES   (1024 * 1024)

struct push {
    struct job *job;
    const struct push_options *opt;
    struct push_plan plan;
    struct push_result *ret; /* counts guarded by job->lock */
    size_t next;             /* blob to take, under job->lock */
};

void
push_result_done(struct push_result *r)
{
    free(r->name);
    oci_desc_done(&r->target);
    *r = (struct push_result){0};
}

/* ---- one blob ---- */

struct blob_source {
    struct push *push;
    size_t i;
    struct content_reader *reader;
    int64_t at;
    char *piece;
};

static ssize_t
source_next(void *arg, const void **ret_piece, struct err *err)
{
    struct blob_source *s = arg;
    ssize_t n;

    if (atomic_load(&s->push->job->stop))
        return err_set(err, CODE_CANCELED, "canceled");
    n = content_reader_pread(s->reader, s->piece, PIECE_BYTES, s->at, err);
    if (n > 0) {
        s->at += n;
        board_bytes(s->push->job->board, s->i, s->at);
    }
    *ret_piece = s->piece;
    return n;
}

static int
source_seek(void *arg, int64_t offset, struct err *err)
{
    struct blob_source *s = arg;

    (void) err;
    s->at = offset;
    if (offset == 0)
        board_layer(s->push->job->board, s->i, PULL_UPLOADING);
    board_bytes(s->push->job->board, s->i, offset);
    return 0;
}

static void
count(struct push *p, size_t i, enum registry_pushed how)
{
    struct job *j = p->job;

    (void) pthread_mutex_lock(&j->lock);
    if (how == PUSHED_NOW) {
        p->ret->uploaded++;
        p->ret->uploaded_bytes += p->plan.blobs[i].desc.size_bytes;
    } else if (how == PUSHED_BY_MOUNT) {
        p->ret->mounted++;
    } else {
        p->ret->existed++;
    }
    (void) pthread_mutex_unlock(&j->lock);
    board_layer(j->board, i, how == PUSHED_NOW ? PULL_DONE : PULL_EXISTS);
}

static int
blob_push(struct push *p, size_t i, struct err *err)
{
    const struct push_blob *b = &p->plan.blobs[i];
    const struct registry_push_options opt = {.mount_from = b->mount_from,
                                              .chunk_bytes = p->opt->chunk_bytes};
    AUTO_PTR(content_reader) reader = NULL;
    auto_free char *piece = xmalloc(PIECE_BYTES);
    struct blob_source s = {.push = p, .i = i, .piece = piece};
    const struct registry_source source = {.next = source_next, .seek = source_seek, .arg = &s};
    enum registry_pushed how;
    int r = content_reader_open(p->job->svc->content, &p->job->ctx, &b->desc.digest, &reader, err);

    s.reader = reader;
    if (r == 0)
        r = registry_blob_push(p->job->registry, &p->job->ref, &b->desc, &opt, &source, &how, err);
    if (r == 0)
        count(p, i, how);
    return r;
}

static void *
uploader(void *arg)
{
    struct push *p = arg;
    struct job *j = p->job;

    for (;;) {
        char shown[DIGEST_STR_MAX];
        struct err err = {0};
        (void) pthread_mutex_lock(&j->lock);
        size_t i = p->next < p->plan.n_blobs ? p->next++ : SIZE_MAX;
        (void) pthread_mutex_unlock(&j->lock);
        if (i == SIZE_MAX || atomic_load(&j->stop))
            return NULL;
        int r = blob_push(p, i, &err);
        if (r < 0) {
            board_layer(j->board, i, PULL_FAILED);
            (void) err_wrap(&err, r, "blob %s",
                            digest_format(&p->plan.blobs[i].desc.digest, shown));
            (void) job_fail(j, r, &err);
            return NULL;
        }
    }
}

static int
push_blobs(struct push *p, struct err *err)
{
    unsigned max = p->opt->uploads_max ? p->opt->uploads_max : PUSH_UPLOADS_DEFAULT, n = 0;
    struct oci_desc *descs = xcalloc(p->plan.n_blobs + 1, sizeof *descs);
    pthread_t threads[UPLOADERS_MAX];
    int r = 0;

    for (size_t i = 0; i < p->plan.n_blobs; i++)
        descs[i] = p->plan.blobs[i].desc;
    board_layers(p->job->board, descs, p->plan.n_blobs);
    free(descs);
    while (n < max && n < UPLOADERS_MAX && n < p->plan.n_blobs && r == 0) {
        r = pthread_create(&threads[n], NULL, uploader, p);
        n += r == 0;
    }
    for (unsigned i = 0; i < n; i++)
        (void) pthread_join(threads[i], NULL);
    if (n == 0 && p->plan.n_blobs)
        return err_sys(err, r, "start a thread");
    return atomic_load(&p->job->stop) ? err_set(err, CODE_CANCELED, "canceled") : 0;
}

/* ---- the whole ---- */

static int
push_manifests(struct push *p, struct err *err)
{
    struct job *j = p->job;

    for (size_t i = 0; i < p->plan.n_manifests; i++) {
        const struct oci_desc *d = &p->plan.manifests[i];
        bool last = i + 1 == p->plan.n_manifests;
        AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
        char shown[DIGEST_STR_MAX];
        int r = content_read_blob(j->svc->content, &j->ctx, d, &bytes, err);
        if (r == 0)
            r = registry_manifest_push(j->registry, &j->ref, d, bytes.data, bytes.len,
                                       last ? j->ref.tag : NULL, err);
        if (r < 0)
            return err_wrap(err, r, "manifest %s", digest_format(&d->digest, shown));
    }
    return 0;
}

static int
push_run(struct job *j, void *arg, struct err *err)
{
    struct push *p = arg;
    AUTO(oci_ref) from = {0};
    struct image image = {0};
    int r = oci_ref_parse(p->opt->image, &from, err);

    board_image(j->board, PULL_RESOLVING);
    if (r < 0)
        return r;
    auto_free char *name = oci_ref_format(&from);
    r = images_client_get(j->svc->records, &j->ctx, name, &image, err);
    if (r < 0)
        return r;
    r = push_plan_make(j->svc->content, &j->ctx, &image.target, j->ref.domain, j->ref.path,
                       p->opt->platform, &p->plan, err);
    image_done(&image);
    if (r < 0)
        return r;
    p->ret->target = oci_desc_clone(&p->plan.target);
    board_image(j->board, PULL_UPLOADING);
    r = push_blobs(p, err);
    return r < 0 ? r : push_manifests(p, err);
}

static int
target_check(const struct oci_ref *ref, const char *shown, struct err *err)
{
    if (digest_is_set(&ref->digest))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "'%s' names a digest; an image is pushed to a tag", shown);
    return 0;
}

int
push_image(const struct pull_services *svc, struct registry *registry,
           const struct push_options *opt, struct push_result *ret, struct err *err)
{
    const struct pull_options pull = {
        .on_event = opt->on_event, .on_event_arg = opt->on_event_arg, .cancelled = opt->cancelled};
    const char *to = opt->reference ? opt->reference : opt->image;
    struct push_result result = {0};
    AUTO(oci_ref) ref = {0};
    struct job j;
    int r = oci_ref_parse(to, &ref, err);

    if (r == 0)
        r = target_check(&ref, to, err);
    if (r < 0)
        return r;
    auto_free char *name = oci_ref_format(&ref), *shown = oci_ref_familiar(&ref);
    job_init(&j, svc, &pull, registry, name);
    j.ref = oci_ref_clone(&ref);
    struct push p = {.job = &j, .opt = opt, .ret = &result};
    r = job_conduct(&j, push_run, &p, err);
    if (j.failed.code)
        registry_reset(registry);
    push_plan_done(&p.plan);
    job_done(&j);
    if (r < 0) {
        push_result_done(&result);
        return err_wrap(err, r, "push '%s'", shown);
    }
    result.name = xstrdup(name);
    *ret = result;
    return 0;
}
