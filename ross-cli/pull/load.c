/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/clock.h"
#include "libross/contract/records.h"
#include "libross/json/json.h"
#include "libross/oci/oci_config.h"
#include "libross/oci/oci_manifest.h"
#include "ross-cli/pull/image.h"
#include "ross-cli/pull/load_archive.h"
#include "ross-cli/pull/load_layout.h"
#include "ross-cli/pull/load_rootfs.h"

#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"
#define ANNOTATION_REF_NAME   "org.opencontainers.image.ref.name"

struct load {
    const struct pull_services *svc;
    const struct load_options *opt;
    struct job job; /* its lease keeps the blobs */
    struct load_set set;
    load_image_fn on_image;
    void *arg;
    /* What shall get records: name and target. */
    struct image *images;
    size_t n;
};

/* ---- which images are there ---- */

static int
add_image(struct load *l, const char *name, const struct oci_desc *target, struct err *err)
{
    AUTO(oci_ref) ref = {0};
    int r;

    if (l->n == LOAD_IMAGES_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d images", LOAD_IMAGES_MAX);
    if (!name)
        return err_set(err, CODE_INVALID_ARGUMENT, "the image has no name; give it one (--name)");
    r = oci_ref_parse(name, &ref, err);
    if (r < 0)
        return r;
    l->images = xreallocarray(l->images, l->n + 1, sizeof *l->images);
    l->images[l->n++] =
        (struct image){.name = oci_ref_format(&ref), .target = oci_desc_clone(target)};
    return 0;
}

static int
one_name_only(const struct load *l, size_t images, struct err *err)
{
    if (images == 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "there is no image in it");
    if (l->opt->name && images > 1)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "there are %zu images in it, one name is not enough", images);
    return 0;
}

static int
images_of_index(struct load *l, struct err *err)
{
    AUTO(oci_index) index = {0};
    int r = oci_index_parse(l->set.index_json, l->set.index_bytes, NULL, &index, err);

    if (r == 0)
        r = one_name_only(l, index.n, err);
    for (size_t i = 0; r == 0 && i < index.n; i++) {
        const struct oci_desc *d = &index.manifests[i];
        const char *name = l->opt->name;
        if (!name)
            name = labels_find(&d->annotations, ANNOTATION_IMAGE_NAME);
        if (!name)
            name = labels_find(&d->annotations, ANNOTATION_REF_NAME);
        r = add_image(l, name, d, err);
    }
    return r < 0 ? err_wrap(err, r, "index.json") : 0;
}

/* ---- docker archives ---- */

static int
docker_find(const struct load *l, const char *name, const struct load_file **ret, struct err *err)
{
    *ret = name ? load_find(&l->set, name) : NULL;
    return *ret ? 0
                : err_set(err, CODE_INVALID_ARGUMENT, "'%.200s' is not in the archive",
                          name ? name : "");
}

/* One image of manifest.json as an OCI manifest. */
static int
docker_manifest(const struct load *l, const struct json *entry, struct oci_manifest *m,
                struct err *err)
{
    const struct json *layers = json_find(entry, "Layers");
    const struct load_file *f;
    int r = docker_find(l, json_str(json_find(entry, "Config")), &f, err);

    if (r < 0)
        return r;
    if (json_len(layers) > LAYERS_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more than %d layers", LAYERS_MAX);
    m->media_type = xstrdup(MEDIA_OCI_MANIFEST);
    m->config = (struct oci_desc){
        .media_type = xstrdup(MEDIA_OCI_CONFIG), .digest = f->digest, .size_bytes = f->size_bytes};
    m->layers = xcalloc(json_len(layers) + 1, sizeof *m->layers);
    for (size_t i = 0; i < json_len(layers); i++) {
        r = docker_find(l, json_str(json_at(layers, i)), &f, err);
        if (r < 0)
            return r;
        m->layers[m->n_layers++] =
            (struct oci_desc){.media_type = xstrdup(media_type_layer(false, f->compression)),
                              .digest = f->digest,
                              .size_bytes = f->size_bytes};
    }
    return 0;
}

struct bytes_source {
    const char *p;
    size_t n;
};

static ssize_t
bytes_piece(void *arg, const void **ret_piece, struct err *err)
{
    struct bytes_source *s = arg;
    size_t n = s->n;

    (void) err;
    *ret_piece = s->p;
    s->n = 0;
    return (ssize_t) n;
}

static int
docker_image(struct load *l, const struct json *entry, struct err *err)
{
    const struct json *tags = json_find(entry, "RepoTags");
    AUTO(oci_manifest) m = {0};
    struct bytes_source from = {0};
    struct load_file stored = {0};
    struct oci_desc target = {0};
    int r = docker_manifest(l, entry, &m, err);

    if (r < 0)
        return r;
    auto_free char *text = oci_manifest_format(&m, &from.n);
    from.p = text;
    digest_compute(DIGEST_SHA256, text, from.n, &target.digest);
    target.size_bytes = (int64_t) from.n;
    r = load_write(&l->set, NULL, &target.digest, bytes_piece, &from, &stored, err);
    if (r < 0)
        return r;
    target.media_type = xstrdup(MEDIA_OCI_MANIFEST);
    if (l->opt->name || json_len(tags) == 0)
        r = add_image(l, l->opt->name, &target, err);
    for (size_t i = 0; !l->opt->name && r == 0 && i < json_len(tags); i++)
        r = add_image(l, json_str(json_at(tags, i)), &target, err);
    oci_desc_done(&target);
    return r;
}

static int
images_of_docker(struct load *l, struct err *err)
{
    AUTO_PTR(json) root = NULL;
    int r = json_parse(l->set.manifest_json, l->set.manifest_bytes, &root, err);

    if (r == 0)
        r = one_name_only(l, json_len(root), err);
    for (size_t i = 0; r == 0 && i < json_len(root); i++)
        r = docker_image(l, json_at(root, i), err);
    return r < 0 ? err_wrap(err, r, "manifest.json") : 0;
}

/* ---- from the file to records ---- */

static int
image_of_tree(struct load *l, struct load_input *in, struct err *err)
{
    struct oci_desc target = {0};
    int r = load_rootfs(&l->set, in, l->opt->tree, l->opt->platform, &target, err);

    if (r == 0)
        r = add_image(l, l->opt->name, &target, err);
    oci_desc_done(&target);
    return r;
}

/* 1 when it was a root file system, which is an image then; 0 when the set has what was found. */
static int
read_archive(struct load *l, struct err *err)
{
    struct load_input in = {.fd = l->opt->fd};
    enum load_kind kind = LOAD_IMAGES;
    int r = 0;

    if (l->opt->tree)
        r = load_input_kind(&in, &kind, err);
    if (r == 0 && kind == LOAD_OTHER)
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "it is no tar archive, plain or compressed with gzip or zstd");
    else if (r == 0 && kind == LOAD_TREE)
        r = image_of_tree(l, &in, err);
    else if (r == 0)
        r = load_archive(&l->set, &in, err);
    load_input_done(&in);
    return r < 0 ? r : kind == LOAD_TREE;
}

static int
read_file(struct load *l, struct err *err)
{
    struct stat st;
    int r;

    if (fstat(l->opt->fd, &st) < 0)
        return err_sys(err, errno, "look at it");
    if (S_ISDIR(st.st_mode))
        r = load_layout(&l->set, l->opt->fd, err);
    else
        r = read_archive(l, err);
    if (r != 0)
        return r < 0 ? r : 0;
    if (l->set.index_json && (l->set.oci_layout || !l->set.manifest_json))
        return images_of_index(l, err);
    if (l->set.manifest_json)
        return images_of_docker(l, err);
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "neither an OCI layout nor a docker archive (no index.json, no manifest.json)%s",
                   l->opt->tree ? "" : "; 'image import' makes an image of a root file system");
}

struct one {
    const struct oci_desc *target;
    struct pull_result *ret;
};

static int
one_run(struct job *j, void *arg, struct err *err)
{
    struct one *one = arg;
    int r;

    board_image(j->board, PULL_UNPACKING);
    r = image_fetch(j, one->target, one->ret, err);
    return r < 0 ? r : image_record(j, one->target, NULL, &one->ret->changed, err);
}

static int
unpack_one(struct load *l, const struct image *image, struct err *err)
{
    const struct pull_options opt = {.platform = l->opt->platform,
                                     .on_event = l->opt->on_event,
                                     .on_event_arg = l->opt->on_event_arg,
                                     .cancelled = l->opt->cancelled};
    AUTO(pull_result) result = {.name = xstrdup(image->name)};
    struct one one = {.target = &image->target, .ret = &result};
    struct job j;
    int64_t start = clock_mono_ns();
    int r;

    job_init(&j, l->svc, &opt, NULL, image->name);
    j.ctx.lease = l->job.lease;
    r = job_conduct(&j, one_run, &one, err);
    result.timing = j.timing;
    result.timing.total_ns = clock_mono_ns() - start;
    job_done(&j);
    if (r == 0 && l->on_image)
        r = l->on_image(&result, l->arg);
    return r < 0 ? err_wrap(err, r, "image '%s'", image->name) : 0;
}

int
load_images(const struct pull_services *svc, const struct load_options *opt, load_image_fn on_image,
            void *arg, struct err *err)
{
    const struct pull_options none = {0};
    struct load l = {.svc = svc, .opt = opt, .on_image = on_image, .arg = arg};
    int r;

    job_init(&l.job, svc, &none, NULL, opt->what);
    l.job.ctx.cancelled = opt->cancelled;
    r = job_lease(&l.job, err);
    l.set.content = svc->content;
    l.set.ctx = &l.job.ctx;
    if (r == 0)
        r = read_file(&l, err);
    for (size_t i = 0; r == 0 && i < l.n; i++)
        r = unpack_one(&l, &l.images[i], err);
    for (size_t i = 0; i < l.n; i++)
        image_done(&l.images[i]);
    free(l.images);
    load_set_done(&l.set);
    job_done(&l.job);
    return r < 0 ? err_wrap(err, r, "load %s", opt->what) : 0;
}
