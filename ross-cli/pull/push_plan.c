/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/push_plan.h"

#include <string.h>

#include "libross/contract/content_read.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/platform.h"

#define DEPTH_MAX 4

struct planner {
    struct content *content;
    const struct call_ctx *ctx;
    const char *host, *repository;
    struct push_plan plan;
};

void
push_plan_done(struct push_plan *p)
{
    for (size_t i = 0; i < p->n_blobs; i++) {
        oci_desc_done(&p->blobs[i].desc);
        free(p->blobs[i].mount_from);
    }
    for (size_t i = 0; i < p->n_manifests; i++)
        oci_desc_done(&p->manifests[i]);
    free(p->blobs);
    free(p->manifests);
    oci_desc_done(&p->target);
    *p = (struct push_plan){0};
}

static int
wrap(const struct oci_desc *d, int r, struct err *err)
{
    char shown[DIGEST_STR_MAX];

    return err_wrap(err, r, "%s %s", media_kind_name(media_type_kind(d->media_type)),
                    digest_format(&d->digest, shown));
}

/* The first repository in the label that is not the target itself. */
static char *
mount_source(const struct planner *p, const struct labels *labels)
{
    auto_free char *key = xasprintf("%s.%s", GC_LABEL_SOURCE, p->host);
    const char *value = labels_find(labels, key);
    struct strv repositories = value ? strv_split(value, ',') : (struct strv){0};
    char *found = NULL;

    for (size_t i = 0; !found && i < repositories.n; i++)
        if (repositories.items[i][0] && strcmp(repositories.items[i], p->repository) != 0)
            found = xstrdup(repositories.items[i]);
    strv_done(&repositories);
    return found;
}

static int
add_blob(struct planner *p, const struct oci_desc *d, struct err *err)
{
    struct content_info info = {0};
    int r;

    if (media_type_find(d->media_type)->foreign)
        return 0;
    for (size_t i = 0; i < p->plan.n_blobs; i++)
        if (digest_equal(&p->plan.blobs[i].desc.digest, &d->digest))
            return 0;
    if (p->plan.n_blobs == PLAN_BLOBS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d blobs", PLAN_BLOBS_MAX);
    r = content_info_get(p->content, p->ctx, &d->digest, &info, err);
    if (r < 0)
        return wrap(d, r, err);
    p->plan.blobs = xreallocarray(p->plan.blobs, p->plan.n_blobs + 1, sizeof *p->plan.blobs);
    p->plan.blobs[p->plan.n_blobs++] =
        (struct push_blob){.desc = oci_desc_clone(d), .mount_from = mount_source(p, &info.labels)};
    content_info_done(&info);
    return 0;
}

static void
add_manifest(struct planner *p, const struct oci_desc *d)
{
    for (size_t i = 0; i < p->plan.n_manifests; i++)
        if (digest_equal(&p->plan.manifests[i].digest, &d->digest))
            return;
    p->plan.manifests =
        xreallocarray(p->plan.manifests, p->plan.n_manifests + 1, sizeof *p->plan.manifests);
    p->plan.manifests[p->plan.n_manifests++] = oci_desc_clone(d);
}

static int
plan_manifest(struct planner *p, const struct oci_desc *d, struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_manifest) m = {0};
    int r = content_read_blob(p->content, p->ctx, d, &bytes, err);

    if (r == 0)
        r = oci_manifest_parse(bytes.data, bytes.len, d->media_type, &m, err);
    if (r < 0)
        return wrap(d, r, err);
    r = add_blob(p, &m.config, err);
    for (size_t i = 0; r == 0 && i < m.n_layers; i++)
        r = add_blob(p, &m.layers[i], err);
    if (r == 0)
        add_manifest(p, d);
    return r;
}

static int
plan_tree(struct planner *p, const struct oci_desc *d, int depth, struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_index) index = {0};
    int r;

    switch (media_type_kind(d->media_type)) {
    case MEDIA_MANIFEST:
        return plan_manifest(p, d, err);
    case MEDIA_INDEX:
        break;
    default:
        return add_blob(p, d, err);
    }
    if (depth == DEPTH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "indexes are nested deeper than %d", DEPTH_MAX);
    r = content_read_blob(p->content, p->ctx, d, &bytes, err);
    if (r == 0)
        r = oci_index_parse(bytes.data, bytes.len, d->media_type, &index, err);
    if (r < 0)
        return wrap(d, r, err);
    for (size_t i = 0; r == 0 && i < index.n; i++)
        r = plan_tree(p, &index.manifests[i], depth + 1, err);
    if (r == 0)
        add_manifest(p, d);
    return r;
}

/* The manifest of an index that suits the platform. */
static int
choose(struct planner *p, const struct oci_desc *d, const struct oci_platform *platform,
       struct oci_desc *ret, struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_platform) host = {0};
    AUTO(oci_index) index = {0};
    int r = content_read_blob(p->content, p->ctx, d, &bytes, err);

    if (r == 0)
        r = oci_index_parse(bytes.data, bytes.len, d->media_type, &index, err);
    if (r < 0)
        return wrap(d, r, err);
    if (!platform)
        platform_host(&host);
    const struct oci_desc *chosen = oci_index_choose(&index, platform ? platform : &host);
    if (!chosen)
        return err_set(err, CODE_NOT_FOUND, "the image has nothing for the platform");
    *ret = oci_desc_clone(chosen);
    return 0;
}

int
push_plan_make(struct content *content, const struct call_ctx *ctx, const struct oci_desc *target,
               const char *host, const char *repository, const struct oci_platform *platform,
               struct push_plan *ret, struct err *err)
{
    struct planner p = {.content = content, .ctx = ctx, .host = host, .repository = repository};
    bool index = media_type_kind(target->media_type) == MEDIA_INDEX;
    int r = -CODE_NOT_FOUND;

    if (!platform || !index) {
        p.plan.target = oci_desc_clone(target);
        r = plan_tree(&p, target, 0, err);
    }
    /* Only some platforms were pulled: one of them is pushed. */
    if (r == -CODE_NOT_FOUND && index) {
        push_plan_done(&p.plan);
        r = choose(&p, target, platform, &p.plan.target, err);
        if (r == 0)
            r = plan_tree(&p, &p.plan.target, 0, err);
    }
    if (r < 0) {
        push_plan_done(&p.plan);
        return r;
    }
    *ret = p.plan;
    return 0;
}
