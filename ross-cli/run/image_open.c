/* SPDX-License-Identifier: Apache-2.0 */
/* What an image record means on this machine: manifest, config, top layer. */
#include "image_open.h"

#include "libross/contract/content_read.h"
#include "libross/oci/chain_id.h"
#include "libross/oci/platform.h"

void
image_view_done(struct image_view *v)
{
    oci_desc_done(&v->manifest_desc);
    oci_manifest_done(&v->manifest);
    oci_config_done(&v->config);
    free(v->config_json);
    *v = (struct image_view){0};
}

/* The manifest behind the target: through an index when it is one, and the indexes in it. */
static int
find_manifest(struct content *content, const struct call_ctx *ctx, const struct oci_desc *target,
              const struct oci_platform *want, unsigned depth, struct oci_desc *ret,
              struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_index) index = {0};
    auto_free char *shown = NULL;
    const struct oci_desc *chosen;
    enum media_kind kind;
    int r;

    r = content_read_blob(content, ctx, target, &bytes, err);
    if (r == 0)
        r = oci_document_kind(bytes.data, bytes.len, target->media_type, &kind, err);
    if (r != 0)
        return r;
    if (kind != MEDIA_INDEX) {
        *ret = oci_desc_clone(target);
        return 0;
    }
    r = oci_index_parse(bytes.data, bytes.len, target->media_type, &index, err);
    if (r < 0)
        return r;
    chosen = oci_index_choose(&index, want);
    if (!chosen) {
        shown = platform_format(want);
        return err_set(err, CODE_NOT_FOUND, "the image has no manifest for %s", shown);
    }
    if (media_type_kind(chosen->media_type) == MEDIA_INDEX && depth < OCI_INDEX_DEPTH_MAX)
        return find_manifest(content, ctx, chosen, want, depth + 1, ret, err);
    *ret = oci_desc_clone(chosen);
    return 0;
}

static int
read_manifest(struct content *content, const struct call_ctx *ctx, struct image_view *v,
              struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    int r;

    r = content_read_blob(content, ctx, &v->manifest_desc, &bytes, err);
    if (r == 0)
        r = oci_manifest_parse(bytes.data, bytes.len, v->manifest_desc.media_type, &v->manifest,
                               err);
    if (r < 0)
        return r;
    v->size_bytes = v->manifest_desc.size_bytes + v->manifest.config.size_bytes;
    for (size_t i = 0; i < v->manifest.n_layers; i++)
        v->size_bytes += v->manifest.layers[i].size_bytes;
    return 0;
}

static int
read_config(struct content *content, const struct call_ctx *ctx, struct image_view *v,
            struct err *err)
{
    struct digest chain[LAYERS_MAX];
    AUTO(buf) bytes = BUF_INIT(OCI_CONFIG_SIZE_MAX);
    int r;

    r = content_read_blob(content, ctx, &v->manifest.config, &bytes, err);
    if (r == 0)
        r = oci_config_parse(bytes.data, bytes.len, &v->config, err);
    if (r < 0)
        return r;
    if (v->config.n_diff_ids != v->manifest.n_layers)
        return err_set(err, CODE_DATA_LOSS, "the manifest has %zu layers and the config %zu",
                       v->manifest.n_layers, v->config.n_diff_ids);
    if (v->config.n_diff_ids) {
        chain_id_compute(v->config.diff_ids, v->config.n_diff_ids, chain);
        v->chain_id = chain[v->config.n_diff_ids - 1];
    }
    v->config_json = buf_take(&bytes);
    return 0;
}

/* An image without an index has one platform, and its config says which. */
static int
check_platform(const struct oci_platform *want, const struct oci_platform *have, struct err *err)
{
    auto_free char *wanted = NULL, *is = NULL;

    if (platform_rank(want, have) >= 0)
        return 0;
    wanted = platform_format(want);
    is = platform_format(have);
    return err_set(err, CODE_NOT_FOUND, "it is for %s, not for %s", is, wanted);
}

int
image_open(struct content *content, const struct call_ctx *ctx, const struct image *image,
           const struct oci_platform *want, struct image_view *ret, struct err *err)
{
    AUTO(oci_platform) host = {0};
    AUTO(image_view) v = {0};
    const bool asked = want != NULL;
    int r;

    if (!want) {
        platform_host(&host);
        want = &host;
    }
    r = find_manifest(content, ctx, &image->target, want, 1, &v.manifest_desc, err);
    if (r == 0)
        r = read_manifest(content, ctx, &v, err);
    if (r == 0)
        r = read_config(content, ctx, &v, err);
    if (r == 0 && asked)
        r = check_platform(want, &v.config.platform, err);
    if (r < 0)
        return err_wrap(err, r, "image '%s'", image->name);
    *ret = TAKE_STRUCT(v);
    return 0;
}
