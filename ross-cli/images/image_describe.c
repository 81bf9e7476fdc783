/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/image_describe.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/base/clock.h"
#include "libross/oci/chain_id.h"
#include "libross/oci/oci_desc_json.h"
#include "libross/oci/oci_ref.h"
#include "libross/oci/platform.h"

/* ---- inspect ---- */

static void
set_str(struct json *o, const char *key, const char *value)
{
    json_set(o, key, json_new_str(value ? value : ""));
}

static void
set_names(struct json *o, const struct image *image, const struct strv *names)
{
    struct json *tags = json_new_array(), *digests = json_new_array();
    struct strv seen = {0};
    char digest[DIGEST_STR_MAX];

    digest_format(&image->target.digest, digest);
    for (size_t i = 0; i < names->n; i++) {
        AUTO(oci_ref) ref = {0};
        if (image_name_is_none(names->items[i]) || oci_ref_parse(names->items[i], &ref, NULL) < 0)
            continue;
        auto_free char *repository = oci_ref_familiar_name(&ref);
        auto_free char *by_digest = xasprintf("%s@%s", repository, digest);
        if (ref.tag) {
            auto_free char *tag = xasprintf("%s:%s", repository, ref.tag);
            json_push(tags, json_new_str(tag));
        }
        if (!strv_has(&seen, by_digest)) {
            strv_add(&seen, by_digest);
            json_push(digests, json_new_str(by_digest));
        }
    }
    strv_done(&seen);
    json_set(o, "RepoTags", tags);
    json_set(o, "RepoDigests", digests);
}

static struct json *
rootfs(const struct oci_config *config)
{
    struct json *o = json_new_object(), *layers = json_new_array();
    char digest[DIGEST_STR_MAX];

    for (size_t i = 0; i < config->n_diff_ids; i++)
        json_push(layers, json_new_str(digest_format(&config->diff_ids[i], digest)));
    set_str(o, "Type", "layers");
    json_set(o, "Layers", layers);
    return o;
}

/* What docker has no field for. */
static struct json *
beyond_docker(const struct image *image, const struct image_view *view)
{
    struct json *o = json_new_object(), *layers = json_new_array();
    char digest[DIGEST_STR_MAX];
    auto_free char *platform = platform_format(&view->config.platform);

    set_str(o, "Name", image->name);
    set_str(o, "Platform", platform);
    set_str(o, "Manifest", digest_format(&view->manifest_desc.digest, digest));
    set_str(o, "ChainId",
            digest_is_set(&view->chain_id) ? digest_format(&view->chain_id, digest) : "");
    for (size_t i = 0; i < view->manifest.n_layers; i++)
        json_push(layers, oci_desc_to_json(&view->manifest.layers[i]));
    json_set(o, "Layers", layers);
    json_set(o, "Labels", json_new_labels(&image->labels));
    return o;
}

static const char *
last_comment(const struct oci_config *config)
{
    return config->n_history ? config->history[config->n_history - 1].comment : NULL;
}

struct json *
image_describe(const struct image *image, const struct image_view *view, const struct strv *names)
{
    const struct oci_config *c = &view->config;
    char digest[DIGEST_STR_MAX], when[CLOCK_STR_MAX];
    struct json *o = json_new_object(), *metadata = json_new_object(), *run;
    AUTO_PTR(json) stored = NULL;

    set_str(o, "Id", digest_format(&view->manifest.config.digest, digest));
    set_names(o, image, names);
    set_str(o, "Comment", last_comment(c));
    set_str(o, "Created", c->created);
    set_str(o, "Author", c->author);
    /* as it is stored, with fields that only others know */
    (void) json_parse(view->config_json, strlen(view->config_json), &stored, NULL);
    run = json_find(stored, "config");
    json_set(o, "Config", run ? json_clone(run) : json_new_object());
    set_str(o, "Architecture", c->platform.architecture);
    if (c->platform.variant && *c->platform.variant)
        set_str(o, "Variant", c->platform.variant);
    set_str(o, "Os", c->platform.os);
    json_set(o, "Size", json_new_int(view->size_bytes));
    json_set(o, "RootFS", rootfs(c));
    set_str(metadata, "LastTagTime", clock_format(image->updated_ns, when));
    json_set(o, "Metadata", metadata);
    json_set(o, "Descriptor", oci_desc_to_json(&image->target));
    json_set(o, "Ross", beyond_docker(image, view));
    return o;
}

static int
note_name(const struct image *image, void *arg)
{
    strv_add(arg, image->name);
    return 0;
}

int
image_names(struct session *s, const struct image *image, struct strv *ret, struct err *err)
{
    char digest[DIGEST_STR_MAX];
    AUTO(strv) same_target = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    strv_printf(&same_target, "target.digest==\"%s\"",
                digest_format(&image->target.digest, digest));
    if (r == 0)
        r = images_client_list(ch, &s->ctx, &same_target, note_name, ret, err);
    if (r == 0)
        strv_sort(ret);
    return r;
}

/* ---- history ---- */

/* Row of a layer (SIZE_MAX: of none) with what the history says of it (NULL: nothing). */
static struct json *
history_row(const struct image_view *view, const int64_t *unpacked, size_t layer,
            const struct oci_history *h)
{
    struct json *row = json_new_object();
    bool none = layer == SIZE_MAX;

    set_str(row, "id", "<missing>");
    set_str(row, "created", h ? h->created : NULL);
    set_str(row, "createdBy", h ? h->created_by : NULL);
    json_set(row, "size",
             none                  ? json_new_int(0)
             : unpacked[layer] < 0 ? json_new_null()
                                   : json_new_int(unpacked[layer]));
    json_set(row, "compressed", json_new_int(none ? 0 : view->manifest.layers[layer].size_bytes));
    set_str(row, "comment", h ? h->comment : NULL);
    json_set(row, "emptyLayer", json_new_bool(none));
    return row;
}

struct json *
image_history(const struct image_view *view, const int64_t *unpacked_bytes)
{
    const struct oci_config *c = &view->config;
    struct json *rows = json_new_array();
    size_t n = view->manifest.n_layers, named = 0, layer = n;
    char digest[DIGEST_STR_MAX];

    for (size_t i = 0; i < c->n_history; i++)
        named += !c->history[i].empty_layer;
    /* The history names the upper ones, should it not name all. */
    for (size_t i = c->n_history; i-- > 0;) {
        const struct oci_history *h = &c->history[i];
        bool none = h->empty_layer || layer == 0;
        layer -= none ? 0 : 1;
        json_push(rows, history_row(view, unpacked_bytes, none ? SIZE_MAX : layer, h));
    }
    for (; named < n && layer > 0; layer--)
        json_push(rows, history_row(view, unpacked_bytes, layer - 1, NULL));
    if (json_len(rows))
        set_str(json_at(rows, 0), "id", digest_format(&view->manifest.config.digest, digest));
    return rows;
}

int
image_layers_usage(struct session *s, const struct image_view *view, int64_t *ret, struct err *err)
{
    struct digest chain[LAYERS_MAX];
    char key[DIGEST_STR_MAX];
    struct snapshots *snapshots;
    int r = session_snapshots(s, &snapshots, err);

    if (r < 0 || view->config.n_diff_ids == 0)
        return r;
    chain_id_compute(view->config.diff_ids, view->config.n_diff_ids, chain);
    for (size_t i = 0; i < view->config.n_diff_ids; i++) {
        struct snapshot_usage usage = {0};
        r = snapshots_usage(snapshots, &s->ctx, digest_format(&chain[i], key), &usage, err);
        if (r < 0 && r != -CODE_NOT_FOUND)
            return r;
        ret[i] = r < 0 ? -1 : usage.size_bytes;
    }
    return 0;
}
