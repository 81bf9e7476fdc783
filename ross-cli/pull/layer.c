/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/layer.h"

#include <string.h>

#include "api/client/diff_client.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/base/random.h"
#include "libross/oci/gc_labels.h"
#include "ross-cli/pull/fetch.h"

#define CLEANUP_LIMIT_NS      (60 * NS_PER_S)
#define LABEL_SNAPSHOT_REF    "containerd.io/snapshot.ref"
#define LABEL_SNAPSHOT_PREFIX "containerd.io/snapshot/"

static void
snapshot_labels(const struct layer *layer, struct labels *ret)
{
    labels_set(ret, LABEL_SNAPSHOT_REF, layer->chain);
    for (size_t i = 0; i < layer->desc->annotations.n; i++) {
        const struct label *a = &layer->desc->annotations.items[i];
        if (strncmp(a->key, LABEL_SNAPSHOT_PREFIX, strlen(LABEL_SNAPSHOT_PREFIX)) == 0)
            labels_set(ret, a->key, a->value);
    }
}

static int
prepare(struct job *j, struct layer *layer, const char *parent, const char *top,
        struct mount_list *ret, struct err *err)
{
    struct labels labels = {0};
    char random[9];
    int r;

    layer->key = xasprintf("extract-%lld-%s %s", (long long) (clock_now_ns() % NS_PER_S),
                           random_hex(random, 4), layer->chain);
    snapshot_labels(layer, &labels);
    labels_set(&labels, LABEL_PULL, top);
    r = job_keep_snapshot(j, layer->key, err);
    if (r == 0)
        r = snapshots_prepare(j->svc->snapshots, &j->ctx, SNAPSHOT_ACTIVE, layer->key, parent,
                              &labels, ret, err);
    labels_done(&labels);
    return r;
}

/* A snapshotter that has the layer already says AlreadyExists (reference 8.9). */
static int
check_remote(struct job *j, struct layer *layer, struct err *err)
{
    struct snapshot_info info = {0};
    struct err ignored = {0};
    int r = snapshots_stat(j->svc->snapshots, &j->ctx, layer->chain, &info, &ignored);

    snapshot_info_done(&info);
    free(TAKE(layer->key));
    return r < 0 ? -err->code : 0;
}

static int
apply(struct job *j, struct layer *layer, const struct mount_list *mounts, struct err *err)
{
    char got[DIGEST_STR_MAX], want[DIGEST_STR_MAX];
    struct oci_desc applied = {0};
    int r = diff_client_apply(j->svc->diff, &j->ctx, layer->desc, mounts, false, &applied, err);

    if (r < 0)
        return err_wrap(err, r, "unpack");
    if (!digest_equal(&applied.digest, &layer->diff_id))
        r = err_set(err, CODE_DATA_LOSS, "unpacks to %s, the image's config says %s",
                    digest_format(&applied.digest, got), digest_format(&layer->diff_id, want));
    oci_desc_done(&applied);
    return r;
}

void
layer_drop(struct job *j, struct layer *layer)
{
    const struct call_ctx ctx = {.ns = j->svc->ns,
                                 .deadline_ns = clock_mono_ns() + CLEANUP_LIMIT_NS};
    struct err err = {0};
    int r;

    if (!layer->key)
        return;
    r = snapshots_remove(j->svc->snapshots, &ctx, layer->key, &err);
    if (r < 0 && r != -CODE_NOT_FOUND)
        log_debug("a half-made snapshot stays until its lease ends", KV_STR("key", layer->key),
                  KV_ERR(&err));
    free(TAKE(layer->key));
}

int
layer_unpack(struct job *j, struct layer *layer, const char *parent, const char *top,
             struct err *err)
{
    struct mount_list mounts = {0};
    int r = prepare(j, layer, parent, top, &mounts, err);

    if (r == -CODE_ALREADY_EXISTS)
        r = check_remote(j, layer, err);
    else if (r == 0)
        r = apply(j, layer, &mounts, err);
    mount_list_done(&mounts);
    return r;
}

static int
label_layer(struct job *j, const struct layer *layer, struct err *err)
{
    struct labels labels = {0};
    char shown[DIGEST_STR_MAX];
    int r;

    labels_set(&labels, GC_LABEL_UNCOMPRESSED, digest_format(&layer->diff_id, shown));
    r = fetch_label(j, &layer->desc->digest, &labels, err);
    labels_done(&labels);
    return r;
}

int
layer_commit(struct job *j, struct layer *layer, const char *parent, struct err *err)
{
    struct labels labels = {0};
    int64_t start = clock_mono_ns();
    int r;

    if (!layer->key)
        return 0; /* it was there */
    snapshot_labels(layer, &labels);
    r = job_keep_snapshot(j, layer->chain, err);
    if (r == 0)
        r = snapshots_commit(j->svc->snapshots, &j->ctx, layer->chain, layer->key, parent, &labels,
                             err);
    labels_done(&labels);
    if (r == -CODE_ALREADY_EXISTS) {
        layer_drop(j, layer);
        r = 0;
    } else if (r == 0) {
        free(TAKE(layer->key));
    }
    if (r == 0)
        r = label_layer(j, layer, err);
    job_took(j, &j->timing.commit_ns, start);
    return r;
}
