/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls or loads against given sockets and prints every event: for trying the pipeline without the command around it.
 *
 *   pull_tool CONTENT-SOCKET SNAPSHOTTER-SOCKET|- SNAPSHOTTER pull REF
 *   pull_tool CONTENT-SOCKET SNAPSHOTTER-SOCKET|- SNAPSHOTTER load PATH
 *
 * "-" for the second: one containerd is everything.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api/client/content_client.h"
#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "ross-cli/pull/load.h"
#include "ross-cli/registry/registry.h"

static void
show(const struct pull_event *ev, void *arg)
{
    char hex[DIGEST_HEX_MAX];

    (void) arg;
    if (getenv("QUIET"))
        return;
    if (ev->n)
        printf("%zu/%zu %.12s %s %" PRId64 "/%" PRId64 "\n", ev->index, ev->n,
               digest_hex(&ev->desc->digest, hex), pull_state_name(ev->state), ev->done_bytes,
               ev->total_bytes);
    else
        printf("%s %s\n", ev->name, pull_state_name(ev->state));
}

static int
show_result(const struct pull_result *r, void *arg)
{
    const struct pull_timing *t = &r->timing;
    char shown[DIGEST_STR_MAX];

    (void) arg;
    if (getenv("QUIET")) {
        printf("%s\n", digest_format(&r->target.digest, shown));
        return 0;
    }
    printf("image %s %s%s\n", r->name, digest_format(&r->target.digest, shown),
           r->changed ? " changed" : "");
    printf("chain %s\n", digest_format(&r->chain_id, shown));
    printf("ms: total %" PRId64 " resolve %" PRId64 " manifests %" PRId64 " download %" PRId64
           " unpack %" PRId64 " commit %" PRId64 " record %" PRId64 "; bytes %" PRId64 "\n",
           t->total_ns / NS_PER_MS, t->resolve_ns / NS_PER_MS, t->manifests_ns / NS_PER_MS,
           t->download_ns / NS_PER_MS, t->unpack_ns / NS_PER_MS, t->commit_ns / NS_PER_MS,
           t->record_ns / NS_PER_MS, t->downloaded_bytes);
    return 0;
}

static atomic_bool interrupted;

static void
on_interrupt(int signo)
{
    (void) signo;
    atomic_store(&interrupted, true);
}

static int
run(const struct pull_services *svc, const char *verb, const char *what, struct err *err)
{
    const struct registry_options registry_opt = {.plain_http = getenv("PLAIN_HTTP") != NULL};
    AUTO_PTR(registry) registry = NULL;
    struct pull_options opt = {.reference = what, .on_event = show, .cancelled = &interrupted};
    struct pull_result result = {0};
    int r;

    if (strcmp(verb, "load") == 0) {
        struct load_options load = {.what = what, .on_event = show};
        load.fd = strcmp(what, "-") == 0 ? 0 : open(what, O_RDONLY | O_CLOEXEC);
        if (load.fd < 0)
            return err_set(err, CODE_NOT_FOUND, "%s cannot be opened", what);
        return load_images(svc, &load, show_result, NULL, err);
    }
    r = registry_new(&registry_opt, &registry, err);
    if (r == 0)
        r = pull_image(svc, registry, &opt, &result, err);
    if (r == 0)
        (void) show_result(&result, NULL);
    pull_result_done(&result);
    return r;
}

int
main(int argc, char **argv)
{
    AUTO_PTR(rpc_channel) content_ch = NULL;
    AUTO_PTR(rpc_channel) snapshots_ch = NULL;
    AUTO_PTR(content) content = NULL;
    AUTO_PTR(snapshots) snapshots = NULL;
    struct err err = {0};

    if (argc != 6) {
        fprintf(stderr,
                "pull_tool CONTENT-SOCKET SNAPSHOTTER-SOCKET|- SNAPSHOTTER pull|load WHAT\n");
        return 2;
    }
    log_init("pull_tool");
    (void) signal(SIGINT, on_interrupt);
    bool single = strcmp(argv[2], "-") == 0;
    int r = grpc_channel_open(argv[1], &content_ch, &err);
    if (r == 0)
        r = grpc_channel_open(single ? argv[1] : argv[2], &snapshots_ch, &err);
    if (r == 0) {
        content = content_client_new(content_ch);
        snapshots = snapshots_client_new(snapshots_ch, argv[3]);
        const char *ns = getenv("ROSS_NAMESPACE");
        struct pull_services svc = {.content = content,
                                    .records = content_ch,
                                    .snapshots = snapshots,
                                    .diff = snapshots_ch,
                                    .snapshotter = argv[3],
                                    .rebase = !single,
                                    .ns = ns ? ns : "default",
                                    .lock_dir = getenv("LOCK_DIR")};
        r = run(&svc, argv[4], argv[5], &err);
    }
    if (r < 0)
        fprintf(stderr, "pull_tool: %s (%s)\n", err.msg, code_name(-r));
    return r < 0 ? 125 : 0;
}
