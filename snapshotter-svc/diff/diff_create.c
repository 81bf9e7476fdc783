/* SPDX-License-Identifier: Apache-2.0 */
/* Making a layer blob from the difference of two snapshots (reference 10.5). */
#include "diff_create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "diff_target.h"
#include "libross/archive/tar_diff.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/random.h"
#include "libross/mount/mount_temp.h"
#include "libross/mount/mount_upper.h"

#define LABEL_UNCOMPRESSED "containerd.io/uncompressed"
#define LABEL_EXPIRE       "containerd.io/gc.expire"
#define LEASE_NS           (INT64_C(3600) * NS_PER_S)
#define TYPE_TAR           "application/vnd.oci.image.layer.v1.tar"

static int
compression_of(const char *media_type, const char **ret_type, enum compression *ret,
               struct err *err)
{
    static const struct {
        const char *type;
        enum compression compression;
    } types[] = {
        {TYPE_TAR "+gzip", COMPRESSION_GZIP},
        {TYPE_TAR, COMPRESSION_NONE},
        {TYPE_TAR "+zstd", COMPRESSION_ZSTD},
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!*media_type || strcmp(media_type, types[i].type) == 0) {
            *ret_type = types[i].type;
            *ret = types[i].compression;
            return 0;
        }
    return err_set(err, CODE_UNIMPLEMENTED,
                   "layers of media type '%.128s' cannot be made: not implemented", media_type);
}

/* ---- what is compared ---- */

static bool
starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void
overlay_readonly(struct mount *m)
{
    auto_free char *upper = NULL;
    const char *found = mount_option_find(m, "upperdir");
    struct strv options = {0};

    if (!found)
        return;
    upper = xstrdup(found);
    for (size_t i = 0; i < m->options.n; i++) {
        const char *o = m->options.items[i];

        if (starts_with(o, "lowerdir="))
            strv_printf(&options, "lowerdir=%s:%s", upper, o + strlen("lowerdir="));
        else if (!starts_with(o, "upperdir=") && !starts_with(o, "workdir=") &&
                 strcmp(o, "volatile") != 0)
            strv_add(&options, o);
    }
    strv_done(&m->options);
    m->options = options;
}

struct mount_list
diff_readonly(const struct mount_list *mounts)
{
    struct mount_list l = mount_list_clone(mounts);

    for (size_t i = 0; i < l.n; i++) {
        struct mount *m = &l.items[i];

        if (strcmp(m->type, "overlay") == 0)
            overlay_readonly(m);
        for (size_t k = m->options.n; k-- > 0;)
            if (strcmp(m->options.items[k], "rw") == 0)
                strv_remove(&m->options, k);
        if (!strv_has(&m->options, "ro"))
            strv_add(&m->options, "ro");
    }
    return l;
}

bool
diff_is_upper_of(const struct mount_list *left, const struct mount_list *right)
{
    AUTO(diff_target) upper = diff_target_of(right);
    const struct mount *m = left->items;
    AUTO(strv) layers = {0};

    if (upper.kind != DIFF_TARGET_UPPER || upper.userxattr || left->n != 1)
        return false;
    if (strcmp(m->type, "bind") == 0) {
        strv_add(&layers, m->source);
    } else if (strcmp(m->type, "overlay") == 0 && mount_option_find(m, "lowerdir") &&
               !mount_option_find(m, "upperdir")) {
        layers = strv_split(mount_option_find(m, "lowerdir"), ':');
    }
    return layers.n && strv_equal(&layers, &upper.lowerdirs);
}

/* ---- the ingest ---- */

struct ingest {
    struct content *content;
    struct call_ctx ctx;
    struct content_writer *writer;
    char *ref, *lease;
    bool random;
};

/*
 * A caller whose lease did not come through (containerd does not forward it to a proxied differ) has nothing that keeps
 * the blob until it refers to it: a lease of our own does, and ends by itself. Without leases the blob takes its
 * chance.
 */
static void
take_lease(struct ingest *in, struct rpc_channel *ch)
{
    AUTO(lease) made = {0};
    AUTO(labels) labels = {0};
    char hex[33], expires[CLOCK_STR_MAX];

    if (in->ctx.lease || !ch)
        return;
    in->lease = xasprintf("ross-diff-%s", random_hex(hex, 16));
    labels_set(&labels, LABEL_EXPIRE, clock_format(clock_now_ns() + LEASE_NS, expires));
    if (leases_client_create(ch, &in->ctx, in->lease, &labels, &made, NULL) == 0)
        in->ctx.lease = in->lease;
}

static int
ingest_begin(struct ingest *in, const char *ref, struct err *err)
{
    char hex[33];
    int r;

    in->random = !*ref;
    in->ref = in->random ? xasprintf("ross-diff-%s", random_hex(hex, 16)) : xstrdup(ref);
    r = content_writer_open(in->content, &in->ctx, &(struct content_writer_open){.ref = in->ref},
                            &in->writer, err);
    if (r < 0)
        return err_wrap(err, r, "write the layer");
    /* What an earlier attempt under this name left is of no use. */
    return in->random ? 0 : content_writer_truncate(in->writer, 0, err);
}

static void
ingest_end(struct ingest *in, bool failed)
{
    content_writer_free(in->writer);
    if (failed && in->random && in->ref)
        (void) content_abort(in->content, &in->ctx, in->ref, NULL);
    free(in->ref);
    free(in->lease);
}

static int
sink(void *arg, const void *p, size_t n, struct err *err)
{
    struct ingest *in = arg;

    return content_writer_write(in->writer, p, n, err);
}

/* The blob was there before: it learns the one label that others rely on. */
static int
add_missing_label(struct ingest *in, const struct digest *blob, const struct labels *labels,
                  struct err *err)
{
    const char *diff_id = labels_find(labels, LABEL_UNCOMPRESSED);
    AUTO(content_info) info = {0};
    AUTO(content_info) after = {0};
    AUTO(strv) mask = {0};
    int r;

    if (!diff_id)
        return 0;
    r = content_info_get(in->content, &in->ctx, blob, &info, err);
    if (r < 0 || labels_find(&info.labels, LABEL_UNCOMPRESSED))
        return r;
    strv_add(&mask, "labels." LABEL_UNCOMPRESSED);
    return content_update(in->content, &in->ctx, blob, labels, &mask, &after, err);
}

static int
ingest_commit(struct ingest *in, const struct tar_diff_result *made, enum compression compression,
              const struct labels *labels, struct err *err)
{
    AUTO(labels) all = labels_clone(labels);
    char diff_id[DIGEST_STR_MAX];
    int r;

    if (compression != COMPRESSION_NONE)
        labels_set(&all, LABEL_UNCOMPRESSED, digest_format(&made->diff_id, diff_id));
    r = content_writer_commit(in->writer, (int64_t) made->size_bytes, &made->digest, &all, err);
    if (r != -CODE_ALREADY_EXISTS)
        return r;
    if (err)
        *err = (struct err){0};
    return add_missing_label(in, &made->digest, &all, err);
}

/* ---- the two trees ---- */

static int
open_mounted(const struct diff_settings *d, const struct mount_list *mounts,
             struct mount_temp **ret_mount, int *ret_fd, struct err *err)
{
    AUTO(mount_list) ro = diff_readonly(mounts);
    int r;

    if (!mounts->n)
        return 0; /* *ret_fd stays -1: an empty tree */
    r = mount_temp_open(&ro, d->tmp_dir, NULL, ret_mount, err);
    if (r < 0)
        return r;
    *ret_fd = openat(mount_temp_fd(*ret_mount), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, errno, "open a mounted snapshot") : 0;
}

static int
write_whole(const struct diff_settings *d, const struct mount_list *right, int left_fd,
            struct tar_diff_options *o, struct ingest *in, struct tar_diff_result *made,
            struct err *err)
{
    AUTO_PTR(mount_temp) mount = NULL;
    auto_close int fd = -1;
    int r;

    r = open_mounted(d, right, &mount, &fd, err);
    if (r < 0)
        return r;
    o->upper_is_overlay = false;
    return tar_diff(left_fd, fd, o, sink, in, made, err);
}

/* Only what the upper directory holds is looked at; `*ret_done` false when it uses features that need a mount. */
static int
write_upper(const struct mount_list *right, int left_fd, struct tar_diff_options *o,
            struct ingest *in, struct tar_diff_result *made, bool *ret_done, struct err *err)
{
    auto_close int fd = -1;
    int r;

    if (mount_upper_open(&right->items[0], &fd, NULL) < 0)
        return 0;
    o->upper_is_overlay = true;
    r = tar_diff(left_fd, fd, o, sink, in, made, err);
    if (r == -CODE_FAILED_PRECONDITION) {
        if (err)
            *err = (struct err){0};
        return content_writer_truncate(in->writer, 0, err);
    }
    *ret_done = r == 0;
    return r;
}

static int
write_layer(const struct diff_settings *d, const struct diff_create_request *rq,
            struct tar_diff_options *o, struct ingest *in, struct tar_diff_result *made,
            struct err *err)
{
    AUTO_PTR(mount_temp) mount = NULL;
    auto_close int left_fd = -1;
    bool done = false;
    int r;

    r = open_mounted(d, rq->left, &mount, &left_fd, err);
    if (r == 0 && diff_is_upper_of(rq->left, rq->right))
        r = write_upper(rq->right, left_fd, o, in, made, &done, err);
    if (r == 0 && !done)
        r = write_whole(d, rq->right, left_fd, o, in, made, err);
    return r;
}

int
diff_create(const struct diff_settings *d, const struct call_ctx *ctx,
            const struct diff_create_request *rq, struct oci_desc *ret, struct err *err)
{
    struct ingest in = {.content = d->places.content};
    struct tar_diff_options o = {
        .has_source_epoch = rq->has_source_epoch,
        .source_epoch_sec = rq->source_epoch_sec,
        .cancelled = ctx ? ctx->cancelled : NULL,
    };
    struct tar_diff_result made;
    const char *type = TYPE_TAR;
    int r;

    r = compression_of(rq->media_type, &type, &o.compression, err);
    if (r < 0)
        return r;
    if (!rq->right->n)
        return err_set(err, CODE_INVALID_ARGUMENT, "no mounts of which to make a layer");
    if (!in.content)
        return err_set(err, CODE_FAILED_PRECONDITION, "no content service to write the layer to");
    if (ctx)
        in.ctx = *ctx;
    take_lease(&in, d->places.channel);
    r = ingest_begin(&in, rq->ref, err);
    if (r == 0)
        r = write_layer(d, rq, &o, &in, &made, err);
    if (r == 0)
        r = ingest_commit(&in, &made, o.compression, rq->labels, err);
    ingest_end(&in, r < 0);
    if (r < 0)
        return r;
    *ret = (struct oci_desc){
        .media_type = xstrdup(type),
        .digest = made.digest,
        .size_bytes = (int64_t) made.size_bytes,
    };
    return 0;
}
