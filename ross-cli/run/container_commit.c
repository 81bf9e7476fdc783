/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's root filesystem as a new image: the Diff service makes a layer blob of what lies between its image's
 * snapshot and its own; config, manifest and record follow, all under one lease.
 */
#include "container_commit.h"

#include <string.h>

#include "api/client/diff_client.h"
#include "api/client/records_client.h"
#include "container_status.h"
#include "container_stop.h"
#include "event_log.h"
#include "image_find.h"
#include "image_get.h"
#include "image_open.h"
#include "libross/base/clock.h"
#include "libross/base/random.h"
#include "libross/json/json.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/oci_config_change.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/pull/lease_owner.h"

#define LEASE_LIFE_NS (3600 * NS_PER_S)
#define UNIQUE_BYTES  8
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar+gzip"
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"

struct commit {
    struct session *s;
    const struct container *c;
    const struct container_commit *how;
    char unique[2 * UNIQUE_BYTES + 1];
    char *lease;
    struct call_ctx ctx; /* with the lease */
    struct rpc_channel *records, *diff;
    struct content *content;
    struct snapshots *snapshots;
    struct image image; /* that it was made of */
    struct image_view view;
    struct oci_desc layer, config, manifest;
    struct digest diff_id;
};

/* ---- before ---- */

static int
open_services(struct commit *k, struct err *err)
{
    struct session *s = k->s;
    struct labels labels = {0};
    char expire[CLOCK_STR_MAX];
    int r;

    r = session_contentd(s, &k->records, err);
    if (r == 0)
        r = session_content(s, &k->content, err);
    if (r == 0)
        r = session_snapshots(s, &k->snapshots, err);
    if (r == 0)
        r = session_snapshotter(s, &k->diff, err);
    if (r < 0)
        return r;
    (void) random_hex(k->unique, UNIQUE_BYTES);
    k->lease = xasprintf("commit-%s", k->unique);
    labels_set(&labels, GC_LABEL_EXPIRE, clock_format(clock_now_ns() + LEASE_LIFE_NS, expire));
    lease_owner_set(&labels);
    r = leases_client_create(k->records, &s->ctx, k->lease, &labels, NULL, err);
    labels_done(&labels);
    k->ctx = s->ctx;
    k->ctx.lease = k->lease;
    return r;
}

/* The image as it was: its name may by now belong to another one. */
static int
open_image(struct commit *k, struct err *err)
{
    AUTO(snapshot_info) info = {0};
    char chain[DIGEST_STR_MAX];
    int r;

    r = snapshots_stat(k->snapshots, &k->ctx, k->c->snapshot_key, &info, err);
    if (r == 0)
        r = image_find(k->s, k->c->image, &k->image, err);
    if (r == 0)
        r = image_open(k->content, &k->ctx, &k->image, NULL, &k->view, err);
    if (r < 0 && r != -CODE_NOT_FOUND)
        return r;
    if (r < 0 || strcmp(info.parent, digest_format(&k->view.chain_id, chain)) != 0)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the image '%s' that container '%s' was made of is not here any more",
                       k->c->image, container_name(k->c));
    return 0;
}

/* ---- the layer ---- */

static int
make_layer(struct commit *k, struct err *err)
{
    auto_free char *view = xasprintf("commit-view-%s", k->unique);
    auto_free char *ref = xasprintf("commit-layer-%s", k->unique);
    AUTO(mount_list) lower = {0}, upper = {0};
    AUTO(content_info) info = {0};
    const struct labels none = {0};
    char chain[DIGEST_STR_MAX];
    const char *diff_id;
    int r, end;

    r = snapshots_prepare(k->snapshots, &k->ctx, SNAPSHOT_VIEW, view,
                          digest_format(&k->view.chain_id, chain), &none, &lower, err);
    if (r < 0)
        return r;
    r = snapshots_mounts(k->snapshots, &k->ctx, k->c->snapshot_key, &upper, err);
    if (r == 0)
        r = diff_client_create(k->diff, &k->ctx, &lower, &upper, TYPE_LAYER, ref, &none, &k->layer,
                               err);
    end = snapshots_remove(k->snapshots, &k->ctx, view, r < 0 ? NULL : err);
    if (r == 0)
        r = end;
    if (r == 0)
        r = content_info_get(k->content, &k->ctx, &k->layer.digest, &info, err);
    if (r < 0)
        return r;
    diff_id = labels_find(&info.labels, GC_LABEL_UNCOMPRESSED);
    if (!diff_id)
        diff_id = labels_find(&k->layer.annotations, GC_LABEL_UNCOMPRESSED);
    if (!diff_id)
        return err_set(err, CODE_INTERNAL,
                       "the Diff service does not say what the layer unpacks to");
    r = digest_parse(diff_id, &k->diff_id, err);
    labels_done(&k->layer.annotations);
    return r;
}

/* With its processes frozen while its files are read, so that they fit together. */
static int
make_layer_paused(struct commit *k, struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    int r, end = 0;

    r = container_status_get(k->s, k->c->id, &st, err);
    if (r == 0 && k->how->pause && st.kind == CONTAINER_RUNNING) {
        r = task_client_open(st.address, &ch, err);
        if (r == 0)
            r = task_client_pause(ch, NULL, k->c->id, err);
    }
    if (r < 0)
        return r;
    r = make_layer(k, err);
    if (ch)
        end = task_client_resume(ch, NULL, k->c->id, r < 0 ? NULL : err);
    return r < 0 ? r : end;
}

/* ---- the documents ---- */

static int
put_blob(struct commit *k, const char *what, const char *type, const void *p, size_t n,
         const struct labels *labels, struct oci_desc *ret, struct err *err)
{
    auto_free char *ref = xasprintf("commit-%s-%s", what, k->unique);
    const struct content_writer_open open = {.ref = ref, .total = (int64_t) n};
    AUTO_PTR(content_writer) w = NULL;
    struct oci_desc d = {.size_bytes = (int64_t) n};
    int r;

    digest_compute(DIGEST_SHA256, p, n, &d.digest);
    r = content_writer_open(k->content, &k->ctx, &open, &w, err);
    if (r == 0)
        r = content_writer_write(w, p, n, err);
    if (r == 0)
        r = content_writer_commit(w, (int64_t) n, &d.digest, labels, err);
    if (r < 0 && r != -CODE_ALREADY_EXISTS)
        return err_wrap(err, r, "store the %s", what);
    d.media_type = xstrdup(type);
    *ret = d;
    return 0;
}

static struct json *
child(struct json *o, const char *key, bool array)
{
    if (!json_find(o, key))
        json_set(o, key, array ? json_new_array() : json_new_object());
    return json_find(o, key);
}

static int
make_config(struct commit *k, struct err *err)
{
    const struct container_commit *how = k->how;
    char now[CLOCK_STR_MAX], digest[DIGEST_STR_MAX];
    struct json *history = json_new_object();
    AUTO_PTR(json) o = NULL;
    struct labels labels = {0};
    auto_free char *text = NULL;
    size_t len;
    int r;

    r = json_parse(k->view.config_json, strlen(k->view.config_json), &o, err);
    if (r == 0)
        r = oci_config_change(child(o, "config", false), how->changes, err);
    if (r < 0) {
        json_free(history);
        return r;
    }
    (void) clock_format(clock_now_ns(), now);
    json_set(o, "created", json_new_str(now));
    if (how->author)
        json_set(o, "author", json_new_str(how->author));
    json_push(child(child(o, "rootfs", false), "diff_ids", true),
              json_new_str(digest_format(&k->diff_id, digest)));
    json_set(history, "created", json_new_str(now));
    json_set(history, "created_by", json_new_str("ross-cli commit"));
    if (how->author)
        json_set(history, "author", json_new_str(how->author));
    if (how->message)
        json_set(history, "comment", json_new_str(how->message));
    json_push(child(o, "history", true), history);
    text = json_dump(o, &len);
    r = put_blob(k, "config", TYPE_CONFIG, text, len, &labels, &k->config, err);
    labels_done(&labels);
    return r;
}

static int
make_manifest(struct commit *k, struct err *err)
{
    const struct oci_manifest *old = &k->view.manifest;
    size_t n = old->n_layers + 1, len;
    struct oci_desc *all = xcalloc(n + 1, sizeof *all);
    const struct oci_manifest m = {
        .media_type = (char *) (uintptr_t) TYPE_MANIFEST,
        .config = k->config,
        .layers = all + 1,
        .n_layers = n,
    };
    struct labels labels = {0};
    auto_free char *text = NULL;
    int r;

    all[0] = k->config;
    for (size_t i = 0; i < old->n_layers; i++)
        all[i + 1] = old->layers[i];
    all[n] = k->layer;
    text = oci_manifest_format(&m, &len);
    gc_labels_add_children(&labels, all, n + 1);
    r = put_blob(k, "manifest", TYPE_MANIFEST, text, len, &labels, &k->manifest, err);
    labels_done(&labels);
    free(all);
    return r;
}

/* ---- the record ---- */

static int
pick_name(const struct commit *k, char **ret, struct err *err)
{
    char digest[DIGEST_STR_MAX];
    AUTO(oci_ref) ref = {0};
    int r;

    if (!k->how->name) {
        *ret = xstrdup(digest_format(&k->manifest.digest, digest));
        return 0;
    }
    r = oci_ref_parse(k->how->name, &ref, err);
    if (r == 0)
        *ret = oci_ref_format(&ref);
    return r;
}

static int
record_image(struct commit *k, char *name, struct err *err)
{
    const struct image image = {.name = name, .target = k->manifest};
    AUTO(strv) mask = {0};
    int r;

    r = images_client_create(k->records, &k->ctx, &image, NULL, err);
    if (r != -CODE_ALREADY_EXISTS)
        return r;
    strv_add(&mask, "target");
    return images_client_update(k->records, &k->ctx, &image, &mask, NULL, err);
}

static int
unpack(struct commit *k, const char *name, struct err *err)
{
    const struct pull_options opt = {.reference = name};
    AUTO(pull_result) result = {0};
    struct pull_services svc;
    int r;

    r = image_services(k->s, &svc, err);
    return r < 0 ? r : pull_unpack(&svc, name, &k->manifest, &opt, &result, err);
}

static int
commit(struct commit *k, char **ret, char **ret_id, struct err *err)
{
    auto_free char *name = NULL;
    char digest[DIGEST_STR_MAX];
    int r;

    r = open_services(k, err);
    if (r == 0)
        r = open_image(k, err);
    if (r == 0)
        r = make_layer_paused(k, err);
    if (r == 0)
        r = make_config(k, err);
    if (r == 0)
        r = make_manifest(k, err);
    if (r == 0)
        r = pick_name(k, &name, err);
    if (r == 0)
        r = unpack(k, name, err);
    if (r == 0)
        r = record_image(k, name, err);
    if (r < 0)
        return r;
    event_container(k->s, k->c, "commit", NULL, 0);
    *ret_id = xstrdup(digest_format(&k->config.digest, digest));
    *ret = TAKE(name);
    return 0;
}

/* Wrong words are found before anything is done. */
static int
check_words(const struct container_commit *how, struct err *err)
{
    AUTO_PTR(json) nothing = json_new_object();
    AUTO(oci_ref) ref = {0};
    int r = how->name ? oci_ref_parse(how->name, &ref, err) : 0;

    if (r == 0 && how->name && strchr(how->name, '@'))
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "'%.256s' names a digest, which only the new image's content decides",
                    how->name);
    return r < 0 ? r : oci_config_change(nothing, how->changes, err);
}

int
container_commit(struct session *s, const struct container *c, const struct container_commit *how,
                 char **ret, char **ret_id, struct err *err)
{
    struct commit k = {.s = s, .c = c, .how = how};
    int r;

    r = check_words(how, err);
    if (r == 0)
        r = commit(&k, ret, ret_id, err);
    if (k.lease)
        (void) leases_client_delete(k.records, &s->ctx, k.lease, false, NULL);
    free(k.lease);
    image_done(&k.image);
    image_view_done(&k.view);
    oci_desc_done(&k.layer);
    oci_desc_done(&k.config);
    oci_desc_done(&k.manifest);
    return r;
}
