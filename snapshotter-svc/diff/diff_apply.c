/* SPDX-License-Identifier: Apache-2.0 */
/* Applying a layer blob to mounts (reference 10.1 to 10.4). */
#include "diff_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "diff_target.h"
#include "libross/archive/decompress.h"
#include "libross/archive/tar_apply.h"
#include "libross/base/fd.h"
#include "libross/mount/mount_temp.h"

#define LOWER_DIRS_MAX 500 /* overlayfs takes no more */
#define TAR_MEDIA_TYPE "application/vnd.oci.image.layer.v1.tar"

bool
diff_media_type_is_layer(const char *media_type)
{
    static const char *const types[] = {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(media_type, types[i]) == 0)
            return true;
    return false;
}

struct apply {
    const struct diff_settings *settings;
    const struct call_ctx *ctx;
    const struct oci_desc *layer;
    bool sync;
    struct snapshots_target ours; /* the directory, when it is one of our snapshots */
    struct tar_apply_options options;
    struct tar_apply_result result;
};

/* For blob_source_ask(). */
static int
still_there(void *arg, struct err *err)
{
    const struct apply *a = arg;

    if (snapshots_local_fill_is_vain(a->settings->snapshots, &a->ours))
        return err_set(err, CODE_NOT_FOUND,
                       "the snapshot was removed while a layer was applied to it: not found");
    return 0;
}

static int
apply_to(struct apply *a, int root_fd, struct err *err)
{
    AUTO_PTR(blob_source) source = NULL;
    AUTO_PTR(decompress) in = NULL;
    int r;

    r = blob_source_open(&a->settings->places, a->ctx, a->layer, &source, err);
    if (r < 0)
        return r;
    blob_source_ask(source, still_there, a);
    in = decompress_new(blob_source_read, source, a->settings->stream_limits);
    a->options.limits = a->settings->limits;
    a->options.cancelled = a->ctx ? a->ctx->cancelled : NULL;
    return tar_apply(root_fd, in, &a->options, &a->result, err);
}

static int
open_dir(const char *path, int *ret, struct err *err)
{
    int fd;

    if (path[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "mount path '%.200s' is not absolute", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open directory %.300s", path);
    *ret = fd;
    return 0;
}

/* A directory of ours is flushed here and not again at commit. */
static int
apply_to_dir(struct apply *a, const char *dir, struct err *err)
{
    auto_close int fd = -1;
    int r;

    a->options.durable = a->ours.id ? a->ours.durable : a->sync;
    r = open_dir(dir, &fd, err);
    if (r == 0)
        r = apply_to(a, fd, err);
    if (r == 0 && a->ours.id)
        r = snapshots_local_is_synced(a->settings->snapshots, a->ours.id, err);
    return r;
}

static int
apply_to_upper(struct apply *a, const struct diff_target *target, struct err *err)
{
    size_t n = target->lowerdirs.n, opened = 0;
    auto_free int *fds = NULL;
    int r = 0;

    if (n > LOWER_DIRS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "overlay of more than %d layers",
                       LOWER_DIRS_MAX);
    fds = xcalloc(n + 1, sizeof *fds);
    while (r == 0 && opened < n) {
        r = open_dir(target->lowerdirs.items[opened], &fds[opened], err);
        opened += r == 0;
    }
    if (r == 0) {
        a->options.overlay = true;
        a->options.userxattr = target->userxattr;
        a->options.lower_fds = fds;
        a->options.n_lower_fds = n;
        r = apply_to_dir(a, target->dir, err);
    }
    while (opened)
        (void) fd_close(fds[--opened]);
    return r;
}

/*
 * A bind mount is a layer without a parent. One of ours may get a parent at commit, so its whiteouts are kept in the
 * overlay's form (and dropped at commit when it gets none); in any other directory there is nothing for them to hide.
 */
static int
apply_to_bind(struct apply *a, const struct diff_target *target, struct err *err)
{
    int r = 0;

    if (a->ours.id && a->ours.parentless) {
        a->options.overlay = true;
        a->options.userxattr = a->ours.userxattr;
        r = snapshots_local_will_hold_whiteouts(a->settings->snapshots, a->ours.id, err);
    }
    if (r == 0)
        r = apply_to_dir(a, target->dir, err);
    return r;
}

/* Without `volatile`, which would leave a mark that refuses the next mount. */
static struct mount_list
without_volatile(const struct mount_list *mounts)
{
    struct mount_list l = mount_list_clone(mounts);

    for (size_t i = 0; i < l.n; i++)
        for (size_t k = l.items[i].options.n; k-- > 0;)
            if (strcmp(l.items[i].options.items[k], "volatile") == 0)
                strv_remove(&l.items[i].options, k);
    return l;
}

static int
apply_to_mount(struct apply *a, const struct mount_list *mounts, struct err *err)
{
    AUTO(mount_list) l = without_volatile(mounts);
    AUTO_PTR(mount_temp) mount = NULL;
    auto_close int fd = -1;
    int r;

    r = mount_temp_open(&l, a->settings->tmp_dir, NULL, &mount, err);
    if (r < 0)
        return r;
    fd = openat(mount_temp_fd(mount), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno, "open the mounted snapshot");
    a->options.durable = a->sync;
    return apply_to(a, fd, err);
}

/* The directory that is written to, malloc'ed; NULL when that is not to be told from the mounts. */
static char *
filled_dir(const struct diff_target *target, const struct mount_list *mounts)
{
    const char *upper = mount_option_find(&mounts->items[0], "upperdir");

    if (target->kind != DIFF_TARGET_MOUNT)
        return xstrdup(target->dir);
    if (upper)
        return xstrdup(upper);
    return strv_has(&mounts->items[0].options, "ro") ? NULL : xstrdup(mounts->items[0].source);
}

static int
apply_claimed(struct apply *a, const struct diff_target *target, const struct mount_list *mounts,
              struct err *err)
{
    switch (target->kind) {
    case DIFF_TARGET_UPPER:
        return apply_to_upper(a, target, err);
    case DIFF_TARGET_BIND:
        return apply_to_bind(a, target, err);
    case DIFF_TARGET_MOUNT:
        break;
    }
    return apply_to_mount(a, mounts, err);
}

int
diff_apply(const struct diff_settings *d, const struct call_ctx *ctx, const struct oci_desc *layer,
           const struct mount_list *mounts, bool sync, struct oci_desc *ret, struct err *err)
{
    struct apply a = {.settings = d, .ctx = ctx, .layer = layer, .sync = sync};
    AUTO(diff_target) target = diff_target_of(mounts);
    auto_free char *dir = NULL;
    int r = 0;

    if (!diff_media_type_is_layer(layer->media_type))
        return err_set(err, CODE_UNIMPLEMENTED,
                       "layers of media type '%.128s' cannot be applied: not implemented",
                       layer->media_type);
    if (!mounts->n)
        return err_set(err, CODE_INVALID_ARGUMENT, "no mounts to apply the layer to");
    dir = filled_dir(&target, mounts);
    if (dir)
        r = snapshots_local_fill_begin(d->snapshots, ctx, dir, &a.ours, err);
    if (r < 0)
        return r;
    r = apply_claimed(&a, &target, mounts, err);
    snapshots_local_fill_end(d->snapshots, &a.ours);
    if (r < 0)
        return r;
    *ret = (struct oci_desc){
        .media_type = xstrdup(TAR_MEDIA_TYPE),
        .digest = a.result.diff_id,
        .size_bytes = (int64_t) a.result.size_bytes,
    };
    return 0;
}
