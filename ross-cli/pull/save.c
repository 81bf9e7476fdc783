/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/save.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/contract/content_read.h"
#include "libross/json/json.h"
#include "libross/oci/oci_desc_json.h"
#include "libross/oci/oci_manifest.h"
#include "libross/oci/oci_ref.h"
#include "libross/oci/platform.h"
#include "ross-cli/pull/push_plan.h"
#include "ross-cli/pull/save_sink.h"

#define PIECE_BYTES (1024 * 1024)
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct save {
    const struct pull_services *svc;
    const struct save_options *opt;
    struct call_ctx ctx;
    struct save_sink sink;
    struct json *index, *docker; /* the manifests of index.json; manifest.json */
    struct oci_desc *blobs;      /* all, each once */
    size_t n;
};

/* ---- what goes in ---- */

static void
add_blob(struct save *s, const struct oci_desc *d)
{
    for (size_t i = 0; i < s->n; i++)
        if (digest_equal(&s->blobs[i].digest, &d->digest))
            return;
    s->blobs = xreallocarray(s->blobs, s->n + 1, sizeof *s->blobs);
    s->blobs[s->n++] = oci_desc_clone(d);
}

static char *
blob_name(const struct digest *d)
{
    char hex[DIGEST_HEX_MAX];

    return xasprintf("blobs/%s/%s", digest_alg_name(d->alg), digest_hex(d, hex));
}

/* The manifest that docker is told of: the target, or the one of the index for this machine. */
static int
docker_manifest(struct save *s, const struct oci_desc *target, struct oci_manifest *ret,
                struct err *err)
{
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_platform) host = {0};
    AUTO(oci_index) index = {0};
    int r = content_read_blob(s->svc->content, &s->ctx, target, &bytes, err);

    if (r < 0)
        return r;
    if (media_type_kind(target->media_type) == MEDIA_MANIFEST)
        return oci_manifest_parse(bytes.data, bytes.len, target->media_type, ret, err);
    r = oci_index_parse(bytes.data, bytes.len, target->media_type, &index, err);
    if (r < 0)
        return r;
    platform_host(&host);
    const struct oci_desc *d =
        oci_index_choose(&index, s->opt->platform ? s->opt->platform : &host);
    if (!d)
        return 1; /* nothing for this machine: nothing for docker */
    return docker_manifest(s, d, ret, err);
}

static int
add_docker(struct save *s, const struct oci_desc *target, const char *name, struct err *err)
{
    AUTO(oci_manifest) m = {0};
    int r = docker_manifest(s, target, &m, err);

    if (r != 0)
        return r < 0 ? r : 0;
    auto_free char *config = blob_name(&m.config.digest);
    struct json *entry = json_new_object(), *tags = json_new_array(), *layers = json_new_array();
    json_push(tags, json_new_str(name));
    for (size_t i = 0; i < m.n_layers; i++) {
        auto_free char *layer = blob_name(&m.layers[i].digest);
        json_push(layers, json_new_str(layer));
    }
    json_set(entry, "Config", json_new_str(config));
    json_set(entry, "RepoTags", tags);
    json_set(entry, "Layers", layers);
    json_push(s->docker, entry);
    return 0;
}

static void
add_index_entry(struct save *s, const struct oci_desc *target, const char *name, const char *tag)
{
    struct oci_desc d = oci_desc_clone(target);

    labels_set_raw(&d.annotations, "io.containerd.image.name", name);
    if (tag)
        labels_set_raw(&d.annotations, "org.opencontainers.image.ref.name", tag);
    json_push(s->index, oci_desc_to_json(&d));
    oci_desc_done(&d);
}

static int
add_image(struct save *s, const char *typed, struct err *err)
{
    struct push_plan plan = {0};
    AUTO(oci_ref) ref = {0};
    struct image image = {0};
    int r = oci_ref_parse(typed, &ref, err);

    if (r < 0)
        return r;
    auto_free char *name = oci_ref_format(&ref), *familiar = oci_ref_familiar(&ref);
    r = images_client_get(s->svc->records, &s->ctx, name, &image, err);
    if (r == 0)
        r = push_plan_make(s->svc->content, &s->ctx, &image.target, ref.domain, ref.path,
                           s->opt->platform, &plan, err);
    if (r == 0)
        r = add_docker(s, &plan.target, familiar, err);
    if (r == 0)
        add_index_entry(s, &plan.target, name, ref.tag);
    for (size_t i = plan.n_manifests; r == 0 && i-- > 0;)
        add_blob(s, &plan.manifests[i]);
    for (size_t i = 0; r == 0 && i < plan.n_blobs; i++)
        add_blob(s, &plan.blobs[i].desc);
    push_plan_done(&plan);
    image_done(&image);
    return r < 0 ? err_wrap(err, r, "image '%s'", typed) : 0;
}

/* ---- writing ---- */

static int
put(struct save *s, const void *p, size_t n, struct err *err)
{
    int r = s->sink.ops->bytes(&s->sink, p, n, err);

    if (r == 0 && call_ctx_cancelled(&s->ctx))
        return err_set(err, CODE_CANCELED, "canceled");
    return r;
}

static int
put_text(struct save *s, const char *name, const char *text, size_t n, struct err *err)
{
    int r = s->sink.ops->file(&s->sink, name, (int64_t) n, err);

    if (r == 0)
        r = put(s, text, n, err);
    if (r == 0)
        r = s->sink.ops->file_end(&s->sink, err);
    return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

static int
put_blob(struct save *s, const struct oci_desc *d, struct err *err)
{
    AUTO_PTR(content_reader) reader = NULL;
    auto_free char *name = blob_name(&d->digest), *piece = xmalloc(PIECE_BYTES);
    int64_t at = 0;
    int r = content_reader_open(s->svc->content, &s->ctx, &d->digest, &reader, err);

    if (r == 0 && reader->size_bytes != d->size_bytes)
        r = err_set(err, CODE_DATA_LOSS, "has %lld bytes instead of %lld",
                    (long long) reader->size_bytes, (long long) d->size_bytes);
    if (r == 0)
        r = s->sink.ops->file(&s->sink, name, d->size_bytes, err);
    while (r == 0 && at < d->size_bytes) {
        ssize_t n = content_reader_pread(reader, piece, PIECE_BYTES, at, err);
        if (n == 0)
            return err_set(err, CODE_DATA_LOSS, "%s ends early", name);
        r = n < 0 ? (int) n : put(s, piece, (size_t) n, err);
        at += n;
    }
    if (r == 0)
        r = s->sink.ops->file_end(&s->sink, err);
    return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

static int
put_index(struct save *s, struct err *err)
{
    struct json *root = json_new_object();
    size_t n;

    json_set(root, "schemaVersion", json_new_int(2));
    json_set(root, "mediaType", json_new_str(MEDIA_OCI_INDEX));
    json_set(root, "manifests", json_clone(s->index));
    auto_free char *text = json_dump(root, &n);
    json_free(root);
    return put_text(s, "index.json", text, n, err);
}

static int
put_all(struct save *s, struct err *err)
{
    enum save_format format = s->opt->format;
    size_t n;
    auto_free char *docker = json_dump(s->docker, &n);
    int r = 0;

    if (format != SAVE_DOCKER)
        r = put_text(s, "oci-layout", LAYOUT_TEXT, strlen(LAYOUT_TEXT), err);
    if (r == 0 && format != SAVE_DOCKER)
        r = put_index(s, err);
    if (r == 0 && (format == SAVE_BOTH || format == SAVE_DOCKER))
        r = put_text(s, "manifest.json", docker, n, err);
    for (size_t i = 0; r == 0 && i < s->n; i++)
        r = put_blob(s, &s->blobs[i], err);
    return r < 0 ? r : s->sink.ops->end(&s->sink, err);
}

int
save_images(const struct pull_services *svc, const struct save_options *opt, struct err *err)
{
    struct save s = {.svc = svc,
                     .opt = opt,
                     .ctx = {.ns = svc->ns, .cancelled = opt->cancelled},
                     .sink = opt->format == SAVE_OCI_DIR ? save_sink_dir(opt->fd)
                                                         : save_sink_tar(opt->fd),
                     .index = json_new_array(),
                     .docker = json_new_array()};
    int r = 0;

    for (size_t i = 0; r == 0 && i < opt->images->n; i++)
        r = add_image(&s, opt->images->items[i], err);
    if (r == 0 && opt->format == SAVE_DOCKER && json_len(s.docker) < opt->images->n)
        r = err_set(err, CODE_NOT_FOUND,
                    "an image has nothing for this machine, and an archive for docker holds one "
                    "platform of each (--platform, or --format oci)");
    if (r == 0)
        r = put_all(&s, err);
    save_sink_done(&s.sink);
    for (size_t i = 0; i < s.n; i++)
        oci_desc_done(&s.blobs[i]);
    free(s.blobs);
    json_free(s.index);
    json_free(s.docker);
    return r < 0 ? err_wrap(err, r, "save") : 0;
}
