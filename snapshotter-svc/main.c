/* SPDX-License-Identifier: Apache-2.0 */
/* ross-snapshotter: options, objects, wiring. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/client/content_client.h"
#include "api/grpc/grpc_channel.h"
#include "api/service/daemon.h"
#include "api/service/version_service.h"
#include "libross/base/path.h"
#include "libross/config/options.h"
#include "libross/config/places.h"
#include "snapshotter-svc/check.h"
#include "snapshotter-svc/diff/diff_service.h"
#include "snapshotter-svc/diff/layer_limits.h"
#include "snapshotter-svc/snapshots_local.h"
#include "snapshotter-svc/snapshots_service.h"

#define PROGRAM "ross-snapshotter"
#define ABOUT                                                                                      \
    "Serves layered root filesystems on overlayfs, and applies and makes layers.\n"                \
    "With the word `check`, looks for damage instead; exit code 1 when there is some."
#define EXIT_BAD 1
#define EXIT_USE 2

struct options {
    struct daemon_options daemon; /* first */
    const char *content_root, *content_address, *sync;
    struct strv mount_options;
    struct layer_limits limits;
    bool upperdir_label, repair;
};

#define ROW(n, t, field, a, h)                                                                     \
    {                                                                                              \
        .name = (n), .type = (t), .offset = offsetof(struct options, field), .arg = (a),           \
        .help = (h)                                                                                \
    }

static const struct option_row own_rows[] = {
    ROW("content-root", OPTION_STR, content_root, "DIR",
        "Read blobs from the content store in DIR when it has them (default ROOT/content)."),
    ROW("content-address", OPTION_STR, content_address, "SOCKET",
        "Read other blobs, and write new layers, through the content service behind this socket "
        "(default STATE/contentd.sock)."),
    ROW("sync", OPTION_STR, sync, "full|commit|none",
        "When what was changed is on the disk: full, when a call is answered (the default); "
        "commit, "
        "commits when they are answered and the rest within a second; none, whenever the kernel "
        "likes."),
    ROW("upperdir-label", OPTION_FLAG, upperdir_label, NULL,
        "Answer each snapshot's directory as its label " LABEL_UPPERDIR "."),
    ROW("mount-option", OPTION_STRV, mount_options, "OPTION",
        "Add OPTION to every overlay mount; may be given more than once."),
    ROW("repair", OPTION_FLAG, repair, NULL, "With `check`: mend what can be mended."),
};

static int
usage_error(const struct err *err)
{
    (void) fprintf(stderr, PROGRAM ": %s\n", err->msg);
    return err->code == CODE_INVALID_ARGUMENT ? EXIT_USE : EXIT_BAD;
}

static int
sync_from_word(const char *word, enum snapshots_sync *ret, struct err *err)
{
    static const char *const words[] = {
        [SNAPSHOTS_SYNC_FULL] = "full",
        [SNAPSHOTS_SYNC_COMMIT] = "commit",
        [SNAPSHOTS_SYNC_NONE] = "none",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *ret = (enum snapshots_sync) i;
            return 0;
        }
    return err_set(err, CODE_INVALID_ARGUMENT, "--sync is 'full', 'commit' or 'none', not '%.64s'",
                   word);
}

/* Where blobs are read: the files when there are any, the service behind them. */
static int
serve(const struct options *o, struct snapshots_local *local, struct err *err)
{
    auto_free char *root =
        o->content_root ? xstrdup(o->content_root) : path_join(o->daemon.root, "content");
    auto_free char *address = places_contentd_address(o->content_address, o->daemon.state);
    struct diff_settings diff = {
        .snapshots = local,
        .places.content_root = root,
        .limits = &o->limits.tar,
        .stream_limits = &o->limits.stream,
    };
    AUTO_PTR(rpc_channel) ch = NULL;
    struct rpc_service services[3];
    int r;

    r = grpc_channel_open(address, &ch, err);
    if (r < 0)
        return r;
    diff.places.channel = ch;
    diff.places.content = content_client_new(ch);
    services[0] = snapshots_service(snapshots_local_contract(local));
    services[1] = diff_service(&diff);
    services[2] = version_service();
    r = daemon_serve(&o->daemon, services, ARRAY_LEN(services), err);
    content_free(diff.places.content);
    return r;
}

/*
 * Before any thread exists, and long before daemon_serve() waits for them: a signal that comes while the database is
 * opened is kept until then.
 */
static void
block_ending_signals(void)
{
    sigset_t set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int
run(const struct options *o, bool check, struct err *err)
{
    struct snapshots_local_options opt = {
        .root = o->daemon.root,
        .upperdir_label = o->upperdir_label,
        .mount_options = &o->mount_options,
    };
    struct snapshots_local *local;
    struct err e = {0};
    int lock_fd, r;

    r = o->sync ? sync_from_word(o->sync, &opt.sync, err) : 0;
    if (r == 0)
        r = daemon_lock(&o->daemon, &lock_fd, &e); /* held for the life of the process */
    if (r == -CODE_FAILED_PRECONDITION && check && !o->repair)
        return check_beside(o->daemon.root, o->daemon.state, stdout, err);
    if (r < 0 && e.code)
        *err = e;
    if (r < 0)
        return r;
    if (check)
        return check_run(o->daemon.root, o->repair, stdout, err);
    block_ending_signals();
    r = snapshots_local_open(&opt, &local, err);
    if (r < 0)
        return r;
    r = serve(o, local, err);
    snapshots_free(snapshots_local_contract(local));
    return r;
}

/* malloc'ed */
static struct option_row *
all_rows(size_t *ret_n)
{
    size_t n = daemon_option_rows_n + ARRAY_LEN(own_rows) + layer_limits_rows_n;
    struct option_row *rows = xreallocarray(NULL, n, sizeof *rows), *limits;

    memcpy(rows, daemon_option_rows, daemon_option_rows_n * sizeof *rows);
    memcpy(rows + daemon_option_rows_n, own_rows, sizeof own_rows);
    limits = rows + daemon_option_rows_n + ARRAY_LEN(own_rows);
    memcpy(limits, layer_limits_rows, layer_limits_rows_n * sizeof *rows);
    for (size_t i = 0; i < layer_limits_rows_n; i++)
        limits[i].offset += offsetof(struct options, limits);
    *ret_n = n;
    return rows;
}

int
main(int argc, char **argv)
{
    struct options o = {.daemon.program = PROGRAM};
    auto_free struct option_row *rows = NULL;
    struct err err = {0};
    bool check;
    int words, r;
    size_t n;

    layer_limits_init(&o.limits);
    rows = all_rows(&n);
    r = daemon_options_read(rows, n, &o, sizeof o, ABOUT, argc, argv, &words, &err);
    if (r > 0)
        return 0;
    check = r == 0 && words < argc && strcmp(argv[words], "check") == 0;
    words += check;
    if (r == 0 && words < argc)
        r = err_set(&err, CODE_INVALID_ARGUMENT, "unexpected word '%.64s'", argv[words]);
    if (r == 0)
        r = run(&o, check, &err);
    if (r < 0)
        return usage_error(&err);
    return r > 0 ? EXIT_BAD : 0;
}
