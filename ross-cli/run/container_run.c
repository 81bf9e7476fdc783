/* SPDX-License-Identifier: Apache-2.0 */
/* `run` from image name to exit code. */
#include "container_run.h"

#include <stdio.h>
#include <string.h>

#include "api/client/records_client.h"
#include "api/client/runc_options.h"
#include "container_dir.h"
#include "container_make.h"
#include "container_remove.h"
#include "foreground.h"
#include "image_find.h"
#include "image_get.h"
#include "image_open.h"
#include "libross/base/clock.h"
#include "libross/base/path.h"
#include "libross/oci/platform.h"
#include "timing.h"

#define STATUS_CANNOT_EXECUTE 126
#define STATUS_NOT_FOUND      127

/* ---- the image ---- */

static int
pull(struct session *s, const struct run_options *opt, struct pull_options *how, struct err *err)
{
    const struct registry_options registry = {.plain_http = opt->plain_http};
    AUTO(pull_result) result = {0};

    return image_get(s, &registry, how, &result, err);
}

/* A layer stack can be missing although the record is there: another process removed it, or only content was pulled. */
static bool
is_unpacked(struct session *s, const struct image_view *view)
{
    char chain[DIGEST_STR_MAX];
    AUTO(snapshot_info) info = {0};
    struct snapshots *snapshots;

    return session_snapshots(s, &snapshots, NULL) == 0 &&
           snapshots_stat(snapshots, &s->ctx, digest_format(&view->chain_id, chain), &info, NULL) ==
               0;
}

static int
get_image(struct session *s, const struct run_options *opt, struct pull_options *how,
          struct image *ret, struct image_view *ret_view, struct err *err)
{
    const char *name = how->reference;
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
        how->platform = &platform;
    if (r == 0)
        r = session_content(s, &content, err);
    if (r < 0)
        return r;
    for (int round = 0;; round++) {
        AUTO(image_view) view = {0};
        AUTO(image) image = {0};

        r = round == 0 && strcmp(policy, "always") == 0 ? -CODE_NOT_FOUND
                                                        : image_find(s, name, &image, err);
        if (r == 0)
            r = image_open(content, &s->ctx, &image, how->platform, &view, err);
        if (r == 0 && round == 0 && !is_unpacked(s, &view))
            r = err_set(err, CODE_NOT_FOUND, "image '%s' is not unpacked here", name);
        if (r == 0) {
            *ret = TAKE_STRUCT(image);
            *ret_view = TAKE_STRUCT(view);
            return 0;
        }
        if (r != -CODE_NOT_FOUND || round > 0 || strcmp(policy, "never") == 0)
            return r;
        r = pull(s, opt, how, err);
        if (r < 0)
            return r;
    }
}

/* ---- the task ---- */

/* 126 or 127 when the runtime's words say that the command is at fault, else 0. */
static int
command_fault(const char *text)
{
    static const struct {
        const char *words;
        int status;
    } rows[] = {
        {"executable file not found", STATUS_NOT_FOUND},
        {"executable file `", STATUS_NOT_FOUND}, /* crun: "executable file `x` not found" */
        {"no such file or directory", STATUS_NOT_FOUND},
        {"permission denied", STATUS_CANNOT_EXECUTE},
        {"is a directory", STATUS_CANNOT_EXECUTE},
        {"open executable", STATUS_CANNOT_EXECUTE}, /* crun, of a directory */
        {"exec format error", STATUS_CANNOT_EXECUTE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcasestr(text, rows[i].words))
            return rows[i].status;
    return 0;
}

struct started {
    struct session *s;
    const char *id;
    struct container_state note;
    struct timing *timing;
    bool keep; /* the container stays when it has ended: its end is worth a note */
    bool started;
};

static int
on_start(void *arg, struct err *err)
{
    struct started *st = arg;

    st->started = true;
    timing_phase(st->timing, "start");
    st->note = (struct container_state){.started = true, .started_ns = clock_now_ns()};
    if (!st->keep)
        return 0;
    return container_state_write(st->s->root, st->s->ctx.ns, st->id, &st->note, err);
}

static int
on_exit_of(const struct task_exit *end, void *arg, struct err *err)
{
    struct started *st = arg;

    timing_phase(st->timing, "container");
    st->note.finished = true;
    st->note.finished_ns = end->exited_at_ns ? end->exited_at_ns : clock_now_ns();
    st->note.exit_code = end->status;
    if (!st->keep)
        return 0;
    return container_state_write(st->s->root, st->s->ctx.ns, st->id, &st->note, err);
}

static int
run_task(struct session *s, const struct run_options *opt, const struct made_container *m,
         struct timing *timing, uint32_t *ret_status, bool *ret_started, struct err *err)
{
    auto_free char *io_dir = path_join(m->bundle, "io"),
                   *runc_root = path_join(s->state, "runtime");
    auto_free char *address = NULL;
    const struct shim_launch launch = {
        .ns = s->ctx.ns,
        .id = m->record.id,
        .bundle = m->bundle,
        .state = s->state,
    };
    struct started st = {.s = s, .id = m->record.id, .timing = timing, .keep = !opt->rm};
    struct foreground fg = {
        .id = m->record.id,
        .on_start = on_start,
        .on_exit = on_exit_of,
        .arg = &st,
    };
    AUTO_PTR(container_io) io = NULL;
    AUTO(any_value) options = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    struct task_create create;
    uint32_t pid;
    int r;

    *ret_started = false;
    r = container_io_new(io_dir, opt->interactive, opt->tty, &io, err);
    if (r == 0)
        r = shim_launch_start(&launch, &address, err);
    if (r == 0)
        r = task_client_open(address, &ch, err);
    timing_phase(timing, "shim");
    if (r < 0)
        return r;
    options = runc_options_make(m->runtime, runc_root);
    create = (struct task_create){
        .id = m->record.id,
        .bundle = m->bundle,
        .rootfs = &m->mounts,
        .io = container_io_paths(io),
        .options = &options,
    };
    r = task_client_create(ch, NULL, &create, &pid, err);
    timing_phase(timing, "create");
    if (r == 0)
        r = container_io_connect(io, err);
    if (r < 0)
        return r;
    fg.address = address;
    fg.io = io;
    r = foreground_run(&fg, ret_status, err);
    *ret_started = st.started;
    timing_phase(timing, "delete");
    return r;
}

int
container_run(struct session *s, const struct run_options *opt, const char *image_name,
              const struct strv *args, pull_event_fn on_pull, void *on_pull_arg, int *ret_status,
              struct err *err)
{
    struct pull_options how = {
        .reference = image_name,
        .on_event = on_pull,
        .on_event_arg = on_pull_arg,
    };
    struct timing timing;
    AUTO(made_container) made = {0};
    AUTO(image_view) view = {0};
    AUTO(image) image = {0};
    uint32_t status = 0;
    bool started;
    int fault, r;

    timing_begin(&timing);
    /* before gRPC starts threads: one that does not block them would be killed by what is meant for the container */
    container_io_block_signals();
    r = get_image(s, opt, &how, &image, &view, err);
    timing_phase(&timing, "image");
    if (r == 0)
        r = container_make(s, opt, &image, &view, args, &made, err);
    timing_phase(&timing, "container record");
    if (r < 0)
        return r;
    r = run_task(s, opt, &made, &timing, &status, &started, err);
    *ret_status = r < 0 ? 0 : (int) status;
    if (r < 0 && !started) {
        fault = command_fault(err->msg);
        if (fault) {
            *ret_status = fault;
            (void) container_remove(s, &made.record, true, NULL);
            return r;
        }
    }
    if (r < 0 || opt->rm) {
        struct err second = {0};
        /* a task that ran and was lost is left for `ps` and `rm`, unless it was not to be kept */
        int end = !started || opt->rm ? container_remove(s, &made.record, true, &second) : 0;

        if (r == 0 && end < 0) {
            *err = second;
            r = end;
        }
    } else
        r = container_end_task(s, made.record.id, err);
    timing_phase(&timing, "remove");
    if (opt->timing)
        timing_print(&timing, stderr);
    return r;
}
