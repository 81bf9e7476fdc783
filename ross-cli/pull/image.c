/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/image.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/base/clock.h"
#include "libross/oci/chain_id.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/platform.h"
#include "ross-cli/pull/fetch.h"
#include "ross-cli/pull/layers.h"

static int
wrap_desc(const struct oci_desc *d, int r, struct err *err)
{
    char shown[DIGEST_STR_MAX];

    return err_wrap(err, r, "%s %s", media_kind_name(media_type_kind(d->media_type)),
                    digest_format(&d->digest, shown));
}

/* ---- manifest ---- */

/* Reads a manifest and stores it with its labels. */
static int
manifest_fetch(struct job *j, const struct oci_desc *d, struct oci_manifest *ret, struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    struct labels labels = {0};
    struct oci_manifest m = {0};
    bool stored = false;
    int r = fetch_document(j, d, &bytes, &stored, err);

    if (r == 0)
        r = oci_manifest_parse(bytes.data, bytes.len, d->media_type, &m, err);
    if (r < 0)
        return wrap_desc(d, r, err);
    struct oci_desc *children = xcalloc(m.n_layers + 1, sizeof *children);
    children[0] = m.config;
    if (m.n_layers)
        memcpy(children + 1, m.layers, m.n_layers * sizeof *children);
    gc_labels_add_children(&labels, children, m.n_layers + 1);
    free(children); /* borrowed what it held */
    r = fetch_store(j, d, &bytes, stored, &labels, err);
    labels_done(&labels);
    if (r < 0) {
        oci_manifest_done(&m);
        return wrap_desc(d, r, err);
    }
    *ret = m;
    return 0;
}

static int
config_fetch(struct job *j, const struct oci_manifest *m, struct oci_config *ret, struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(OCI_CONFIG_SIZE_MAX);
    const struct labels none = {0};
    bool stored = false;
    int r = fetch_document(j, &m->config, &bytes, &stored, err);

    if (r == 0)
        r = oci_config_parse(bytes.data, bytes.len, ret, err);
    if (r < 0)
        return wrap_desc(&m->config, r, err);
    r = fetch_store(j, &m->config, &bytes, stored, &none, err);
    if (r == 0 && ret->n_diff_ids != m->n_layers)
        r = err_set(err, CODE_DATA_LOSS, "names %zu layers, the manifest %zu", ret->n_diff_ids,
                    m->n_layers);
    if (r < 0)
        oci_config_done(ret);
    return r < 0 ? wrap_desc(&m->config, r, err) : 0;
}

/* A manifest without an index around it may be for another machine: only its config says so. */
static int
config_check_platform(const struct job *j, const struct oci_config *config, struct err *err)
{
    if (platform_rank(&j->platform, &config->platform) >= 0)
        return 0;
    auto_free char *have = platform_format(&config->platform);
    auto_free char *want = platform_format(&j->platform);
    return err_set(err, CODE_NOT_FOUND, "the image is for %s, not for %s (--platform)", have, want);
}

static int
label_config(struct job *j, const struct oci_desc *config, const struct digest *chain,
             struct err *err)
{
    struct labels labels = {0};
    int r;

    gc_labels_add_snapshot(&labels, j->svc->snapshotter, chain);
    r = fetch_label(j, &config->digest, &labels, err);
    labels_done(&labels);
    return r < 0 ? wrap_desc(config, r, err) : 0;
}

/* The layers of an image, into snapshots when there is a snapshotter. */
static int
unpack(struct job *j, const struct oci_manifest *m, const struct oci_config *config,
       struct pull_result *ret, struct err *err)
{
    struct digest chain[LAYERS_MAX];
    int r;

    board_layers(j->board, m->layers, m->n_layers);
    if (!j->svc->snapshots)
        return layers_fetch(j, m, err);
    if (m->n_layers == 0)
        return 0;
    chain_id_compute(config->diff_ids, m->n_layers, chain);
    r = job_share(j, &chain[m->n_layers - 1], err);
    if (r == 0)
        r = layers_unpack(j, m, config, chain, err);
    if (r == 0)
        r = label_config(j, &m->config, &chain[m->n_layers - 1], err);
    if (r == 0)
        ret->chain_id = chain[m->n_layers - 1];
    return r;
}

static int
manifest_image(struct job *j, const struct oci_desc *d, struct pull_result *ret, struct err *err)
{
    AUTO(oci_manifest) m = {0};
    AUTO(oci_config) config = {0};
    int64_t start = clock_mono_ns();
    int r = manifest_fetch(j, d, &m, err);

    if (r < 0)
        return r;
    if (media_type_kind(m.config.media_type) != MEDIA_CONFIG)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the manifest describes '%.100s', which is no container image",
                       m.artifact_type ? m.artifact_type : m.config.media_type);
    r = config_fetch(j, &m, &config, err);
    if (r == 0)
        r = config_check_platform(j, &config, err);
    if (r < 0)
        return r;
    job_took(j, &j->timing.manifests_ns, start);
    ret->manifest = oci_desc_clone(d);
    ret->config = oci_desc_clone(&m.config);
    return unpack(j, &m, &config, ret, err);
}

/* ---- index ---- */

/* A manifest that is not unpacked: everything below it into the store, whatever it is. */
static int
manifest_content(struct job *j, const struct oci_desc *d, struct err *err)
{
    AUTO(oci_manifest) m = {0};
    int r = manifest_fetch(j, d, &m, err);

    if (r == 0)
        r = fetch_blob(j, &m.config, FETCH_NO_LAYER, NULL, err);
    for (size_t i = 0; r >= 0 && i < m.n_layers; i++)
        r = fetch_blob(j, &m.layers[i], FETCH_NO_LAYER, NULL, err);
    return r < 0 ? wrap_desc(d, r, err) : 0;
}

/*
 * All but the chosen manifest of an index. What comes from a file rather than a registry may hold some of them
 * only: those that are missing are left out.
 */
static int
other_platforms(struct job *j, const struct oci_index *index, const struct oci_desc *chosen,
                struct err *err)
{
    for (size_t i = 0; i < index->n; i++) {
        const struct oci_desc *d = &index->manifests[i];
        int r = 0;
        if (d == chosen)
            continue;
        if (media_type_kind(d->media_type) == MEDIA_MANIFEST)
            r = manifest_content(j, d, err);
        else
            r = fetch_blob(j, d, FETCH_NO_LAYER, NULL, err);
        if (r < 0 && (j->registry || r != -CODE_NOT_FOUND))
            return r;
    }
    return 0;
}

/* Whether a child of an index is kept: what is fetched, and of a file what is there. */
static bool
is_kept(struct job *j, const struct oci_desc *child, const struct oci_desc *chosen)
{
    struct content_info info = {0};
    bool there;

    if (j->opt->all_platforms || digest_equal(&child->digest, &chosen->digest))
        return true;
    if (j->registry)
        return false;
    there = content_info_get(j->svc->content, &j->ctx, &child->digest, &info, NULL) == 0;
    content_info_done(&info);
    return there;
}

/* Labels for the children that are kept, by their position in the index. */
static void
index_labels(struct job *j, const struct oci_index *index, const struct oci_desc *chosen,
             struct labels *ret)
{
    struct labels all = {0};

    gc_labels_add_children(&all, index->manifests, index->n);
    for (size_t i = 0; i < index->n; i++) {
        char digest[DIGEST_STR_MAX];
        if (!is_kept(j, &index->manifests[i], chosen))
            continue;
        digest_format(&index->manifests[i].digest, digest);
        for (size_t k = 0; k < all.n; k++)
            if (strcmp(all.items[k].value, digest) == 0)
                labels_set(ret, all.items[k].key, all.items[k].value);
    }
    labels_done(&all);
}

/* depth: 1 for the image's own index, one more for each in which it is */
static int
index_image(struct job *j, const struct oci_desc *d, unsigned depth, struct pull_result *ret,
            struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_index) index = {0};
    struct labels labels = {0};
    const struct oci_desc *chosen;
    bool stored = false;
    int r = fetch_document(j, d, &bytes, &stored, err);

    if (r == 0)
        r = oci_index_parse(bytes.data, bytes.len, d->media_type, &index, err);
    if (r < 0)
        return wrap_desc(d, r, err);
    chosen = oci_index_choose(&index, &j->platform);
    if (!chosen) {
        auto_free char *want = platform_format(&j->platform);
        return err_set(err, CODE_NOT_FOUND, "the image has nothing for %s", want);
    }
    index_labels(j, &index, chosen, &labels);
    r = fetch_store(j, d, &bytes, stored, &labels, err);
    labels_done(&labels);
    if (r < 0)
        return wrap_desc(d, r, err);
    if (media_type_kind(chosen->media_type) != MEDIA_INDEX)
        r = manifest_image(j, chosen, ret, err);
    else if (depth < OCI_INDEX_DEPTH_MAX)
        r = index_image(j, chosen, depth + 1, ret, err);
    else
        r = err_set(err, CODE_INVALID_ARGUMENT, "more than %d indexes inside each other",
                    OCI_INDEX_DEPTH_MAX);
    if (r == 0 && (j->opt->all_platforms || !j->registry))
        r = other_platforms(j, &index, chosen, err);
    return r;
}

int
image_fetch(struct job *j, const struct oci_desc *target, struct pull_result *ret, struct err *err)
{
    ret->target = oci_desc_clone(target);
    switch (media_type_kind(target->media_type)) {
    case MEDIA_INDEX:
        return index_image(j, target, 1, ret, err);
    case MEDIA_MANIFEST:
        return manifest_image(j, target, ret, err);
    default:
        return err_set(err, CODE_INVALID_ARGUMENT, "'%.100s' is no image", target->media_type);
    }
}

/* ---- record ---- */

static int
record_update(struct job *j, const struct image *want, bool *ret_changed, struct err *err)
{
    struct image have = {0};
    struct strv mask = {0};
    int r = images_client_get(j->svc->records, &j->ctx, want->name, &have, err);

    if (r < 0)
        return r;
    *ret_changed = !digest_equal(&have.target.digest, &want->target.digest);
    image_done(&have);
    strv_add(&mask, "target");
    for (size_t i = 0; i < want->labels.n; i++)
        strv_printf(&mask, "labels.%s", want->labels.items[i].key);
    if (*ret_changed || want->labels.n)
        r = images_client_update(j->svc->records, &j->ctx, want, &mask, NULL, err);
    strv_done(&mask);
    return r;
}

int
image_record(struct job *j, const struct oci_desc *target, const struct labels *labels,
             bool *ret_changed, struct err *err)
{
    struct image want = {.name = j->name, .target = *target};
    int64_t start = clock_mono_ns();
    int r;

    if (labels)
        want.labels = *labels;
    r = images_client_create(j->svc->records, &j->ctx, &want, NULL, err);
    *ret_changed = r == 0;
    if (r == -CODE_ALREADY_EXISTS)
        r = record_update(j, &want, ret_changed, err);
    job_took(j, &j->timing.record_ns, start);
    return r < 0 ? err_wrap(err, r, "image record") : 0;
}

/* ---- the two threads ---- */

struct conduct {
    struct job *job;
    int (*fn)(struct job *j, void *arg, struct err *err);
    void *arg;
    struct err err;
    int r;
};

static void *
conductor(void *arg)
{
    struct conduct *c = arg;

    c->r = c->fn(c->job, c->arg, &c->err);
    board_image(c->job->board, c->r < 0 ? PULL_FAILED : PULL_DONE);
    board_end(c->job->board);
    return NULL;
}

static void
on_cancel(void *arg)
{
    struct err err = {0};

    (void) job_fail(arg, err_set(&err, CODE_CANCELED, "canceled"), &err);
}

int
job_conduct(struct job *j, int (*fn)(struct job *j, void *arg, struct err *err), void *arg,
            struct err *err)
{
    struct conduct c = {.job = j, .fn = fn, .arg = arg};
    pthread_t thread;
    int r = pthread_create(&thread, NULL, conductor, &c);

    if (r)
        return err_sys(err, r, "start a thread");
    board_pump(j->board, j->opt->on_event, j->opt->on_event_arg, j->opt->cancelled, on_cancel, j);
    (void) pthread_join(thread, NULL);
    /* What stopped the job says more than what the conductor ran into then. */
    if (c.r < 0 && j->failed.code) {
        c.r = -j->failed.code;
        c.err = j->failed;
    }
    if (c.r < 0 && err)
        *err = c.err;
    return c.r;
}
