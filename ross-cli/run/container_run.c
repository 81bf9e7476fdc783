/* SPDX-License-Identifier: Apache-2.0 */
/* `run` from image name to exit code. */
#include "container_run.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cgroup_warm.h"
#include "command_fault.h"
#include "container_io.h"
#include "container_lock.h"
#include "container_make.h"
#include "container_net.h"
#include "container_remove.h"
#include "container_start.h"
#include "foreground.h"
#include "image_find.h"
#include "image_get.h"
#include "image_open.h"
#include "libross/base/fd.h"
#include "libross/oci/platform.h"
#include "timing.h"

/* ---- the image ---- */

static int
pull(struct session *s, const struct run_options *opt, const struct pull_options *how,
     struct err *err)
{
    const struct registry_options registry = {.plain_http = opt->plain_http};
    AUTO(pull_result) result = {0};

    return image_get(s, &registry, how, &result, err);
}

/* NotFound: the layers are missing although the record is there; they were removed, or only content was pulled. */
static int
check_unpacked(struct session *s, const char *name, const struct image_view *view, struct err *err)
{
    char chain[DIGEST_STR_MAX];
    AUTO(snapshot_info) info = {0};
    struct snapshots *snapshots;
    int r;

    r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_stat(snapshots, &s->ctx, digest_format(&view->chain_id, chain), &info, err);
    return r == -CODE_NOT_FOUND
               ? err_set(err, CODE_NOT_FOUND, "image '%s' is not unpacked here", name)
               : r;
}

static int
get_image(struct session *s, const struct run_options *opt, const struct pull_options *asked,
          struct image *ret, struct image_view *ret_view, struct err *err)
{
    struct pull_options how = *asked;
    const char *name = how.reference;
    const char *policy = opt->pull ? opt->pull : "missing";
    AUTO(oci_platform) platform = {0};
    struct content *content;
    int r = 0;

    if (strcmp(policy, "missing") != 0 && strcmp(policy, "always") != 0 &&
        strcmp(policy, "never") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--pull '%.32s' is not known, use always, missing or never", policy);
    if (opt->platform)
        r = platform_parse(opt->platform, &platform, err);
    if (opt->platform)
        how.platform = &platform;
    if (r == 0)
        r = session_content(s, &content, err);
    if (r != 0)
        return r;
    for (int round = 0;; round++) {
        AUTO(image_view) view = {0};
        AUTO(image) image = {0};

        r = round == 0 && strcmp(policy, "always") == 0 ? -CODE_NOT_FOUND
                                                        : image_find(s, name, &image, err);
        if (r == 0)
            r = image_open(content, &s->ctx, &image, how.platform, &view, err);
        if (r == 0 && round == 0)
            r = check_unpacked(s, name, &view, err);
        if (r == 0) {
            *ret = TAKE_STRUCT(image);
            *ret_view = TAKE_STRUCT(view);
            return 0;
        }
        if (r != -CODE_NOT_FOUND || round > 0 || strcmp(policy, "never") == 0)
            return r;
        r = pull(s, opt, &how, err);
        if (r < 0)
            return r;
    }
}

/* ---- the root filesystem ---- */

/*
 * What will be thrown away needs no way to the disk: without `volatile` the kernel flushes the whole filesystem below
 * an overlay when that is unmounted, which on a busy disk takes longer than the container.
 */
static void
make_volatile(struct mount_list *mounts)
{
    int major = 0, minor = 0;
    struct utsname host;

    if (uname(&host) < 0 || sscanf(host.release, "%d.%d", &major, &minor) != 2 || major < 5 ||
        (major == 5 && minor < 10))
        return;
    for (size_t i = 0; i < mounts->n; i++)
        if (strcmp(mounts->items[i].type, "overlay") == 0 &&
            mount_option_find(&mounts->items[i], "upperdir"))
            strv_add(&mounts->items[i].options, "volatile");
}

/* ---- all of it ---- */

/* The image, fetched when needed, and the container with its bundle. */
static int
get_and_make(struct session *s, const struct run_options *opt, const struct pull_options *how,
             const struct strv *args, bool start, struct timing *timing, struct made_container *ret,
             struct err *err)
{
    AUTO(image_view) view = {0};
    AUTO(image) image = {0};
    int r;

    r = get_image(s, opt, how, &image, &view, err);
    timing_phase(timing, "image");
    if (r == 0)
        r = container_make(s, opt, &image, &view, args, start, ret, err);
    timing_phase(timing, "container record");
    return r;
}

/* Until its end. What stays of it depends on whether it ran. */
static int
run_foreground(struct session *s, const struct run_options *opt, const struct container_start *how,
               int *ret_status, struct err *err)
{
    const struct container *c = how->record;
    auto_close int client_fd = -1;
    struct err second = {0};
    uint32_t status = 0;
    bool started = false;
    int r, end;

    r = container_lock_client(s, c->id, &client_fd, err);
    if (r == 0)
        r = container_start_foreground(s, how, &status, &started, err);
    *ret_status = r < 0 ? 0 : (int) status;
    if (r == FOREGROUND_LEFT)
        return 0;
    if (r < 0 && !started)
        *ret_status = command_fault(err->msg);
    if (r == 0 && !opt->rm)
        return container_end_task(s, c->id, err);
    (void) container_net_wait(how->net, NULL);
    /* a task that ran and was lost is left for `ps` and `rm`, unless it was not to be kept */
    end = !started || opt->rm ? container_remove(s, c, true, &second) : 0;
    if (r == 0 && end < 0) {
        *err = second;
        r = end;
    }
    return r;
}

static int
run_detached(struct session *s, const struct container_start *how, int *ret_status, char **ret_id,
             struct err *err)
{
    auto_close int lock_fd = -1;
    int r;

    r = container_lock(s, how->record->id, &lock_fd, err);
    if (r == 0)
        r = container_start_detached(s, how, err);
    if (r == 0) {
        *ret_id = xstrdup(how->record->id);
        return 0;
    }
    *ret_status = command_fault(err->msg);
    lock_fd = fd_close(lock_fd);
    (void) container_net_wait(how->net, NULL);
    (void) container_remove(s, how->record, true, NULL);
    return r;
}

int
container_run(struct session *s, const struct run_options *opt, const char *image_name,
              const struct strv *args, pull_event_fn on_pull, void *on_pull_arg, int *ret_status,
              char **ret_id, struct err *err)
{
    const struct pull_options pull_how = {
        .reference = image_name,
        .on_event = on_pull,
        .on_event_arg = on_pull_arg,
    };
    AUTO(made_container) made = {0};
    char keys[DETACH_KEYS_MAX + 1];
    struct container_start how;
    struct timing timing;
    int r;

    timing_begin(&timing);
    r = container_io_keys_parse(opt->detach_keys ? opt->detach_keys : DETACH_KEYS_DEFAULT, keys,
                                err);
    if (r < 0)
        return r;
    /* before gRPC starts threads: one that does not block them would be killed by what is meant for the container */
    container_io_block_signals();
    cgroup_warm();
    r = get_and_make(s, opt, &pull_how, args, true, &timing, &made, err);
    if (r < 0)
        return r;
    if (opt->rm)
        make_volatile(&made.mounts);
    how = (struct container_start){
        .record = &made.record,
        .bundle = made.bundle,
        .mounts = &made.mounts,
        .interactive = opt->interactive,
        .terminal = opt->tty,
        .keys = keys,
        .forget = opt->rm,
        .timing = &timing,
        .net = made.net,
    };
    if (opt->detach)
        r = run_detached(s, &how, ret_status, ret_id, err);
    else
        r = run_foreground(s, opt, &how, ret_status, err);
    timing_phase(&timing, opt->detach ? "left alone" : "remove");
    if (opt->timing)
        timing_print(&timing, stderr);
    return r;
}

int
container_create(struct session *s, const struct run_options *opt, const char *image_name,
                 const struct strv *args, pull_event_fn on_pull, void *on_pull_arg, char **ret_id,
                 struct err *err)
{
    struct pull_options how = {
        .reference = image_name,
        .on_event = on_pull,
        .on_event_arg = on_pull_arg,
    };
    AUTO(made_container) made = {0};
    struct timing timing;
    int r;

    timing_begin(&timing);
    r = get_and_make(s, opt, &how, args, false, &timing, &made, err);
    /* the bundle is made at every start: STATE does not outlive the machine's restart */
    if (r == 0)
        r = container_end_task(s, made.record.id, err);
    if (r < 0)
        return r;
    if (opt->timing)
        timing_print(&timing, stderr);
    *ret_id = xstrdup(made.record.id);
    return 0;
}
