/* SPDX-License-Identifier: Apache-2.0 */
/* ross-contentd: the content store and the records that refer to it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/service/daemon.h"
#include "api/service/version_service.h"
#include "api/client/records_client.h"
#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "contentd/check/check.h"
#include "contentd/containers/container_service.h"
#include "contentd/content/content_local.h"
#include "contentd/content/content_service.h"
#include "contentd/gc/gc.h"
#include "contentd/images/image_service.h"
#include "contentd/introspection/introspection_service.h"
#include "contentd/leases/lease_service.h"
#include "contentd/namespaces/namespace_service.h"
#include "contentd/store/contentd_db.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/contract/content_trace.h"

#define ABOUT                                                                                      \
    "Keeps content-addressed blobs and the records that refer to them: serves containerd's "       \
    "Content,\n"                                                                                   \
    "Images, Containers, Leases, Namespaces, Introspection, Version and health APIs.\n\n"          \
    "As a command: `ross-contentd gc [--dry-run]` collects what nothing refers to,\n"              \
    "`ross-contentd check [--repair] [--rate SIZE]` proves that every blob is what its name says."

struct settings {
    struct daemon_options daemon;
    const char *plugin_address, *sync, *snapshotter_address, *snapshotter, *ns;
    bool dry_run, repair, verify_reads;
    int64_t rate_bytes;
};

static const struct option_row own_rows[] = {
    {.name = "plugin-address",
     .type = OPTION_STR,
     .offset = offsetof(struct settings, plugin_address),
     .arg = "SOCKET",
     .help = "Serve the plain store for containerd's proxy_plugins on this socket (default "
             "STATE/contentd-plugin.sock)."},
    {.name = "sync",
     .type = OPTION_STR,
     .offset = offsetof(struct settings, sync),
     .arg = "full|none",
     .help = "With none a power cut may take what was committed; for throw-away machines (default "
             "full)."},
    {.name = "verify-reads",
     .type = OPTION_FLAG,
     .offset = offsetof(struct settings, verify_reads),
     .help = "Hash a blob when it is opened for the first time; reading damaged ones fails with "
             "DataLoss."},
    {.name = "snapshotter-address",
     .type = OPTION_STR,
     .offset = offsetof(struct settings, snapshotter_address),
     .arg = "SOCKET",
     .help = "Collect unreferenced snapshots there too; an empty name leaves snapshots alone "
             "(default STATE/snapshotter.sock)."},
    {.name = "snapshotter",
     .type = OPTION_STR,
     .offset = offsetof(struct settings, snapshotter),
     .arg = "NAME",
     .help = "How records and labels call that snapshotter (default ross)."},
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .offset = offsetof(struct settings, dry_run),
     .help = "With gc: say what stays and why, and what would go; change nothing."},
    {.name = "repair",
     .type = OPTION_FLAG,
     .offset = offsetof(struct settings, repair),
     .help = "With check: mend what can be mended; the service must not run."},
    {.name = "rate",
     .type = OPTION_SIZE,
     .offset = offsetof(struct settings, rate_bytes),
     .arg = "SIZE",
     .help = "With check: read at most SIZE bytes a second."},
    {.name = "namespace",
     .type = OPTION_STR,
     .offset = offsetof(struct settings, ns),
     .arg = "NAME",
     .help = "With check --repair: who gets blobs when the database is rebuilt (default default)."},
};

/* What serves, opened in this order and closed in the other. */
struct contentd {
    struct db *db;
    struct content_store *store;
    struct content *named, *plain;
    struct gc *gc;
    struct introspection introspection;
    struct image_service images;
    struct container_service containers;
    struct lease_service leases;
};

static int
open_all(struct contentd *c, const struct settings *set, struct err *err)
{
    bool fresh, no_sync = set->sync && !strcmp(set->sync, "none");
    int r;

    if (set->sync && !no_sync && strcmp(set->sync, "full") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "--sync must be full or none, not '%s'",
                       set->sync);
    r = contentd_db_open(set->daemon.root, no_sync, &c->db, &fresh, err);
    if (r == 0)
        r = content_store_open(set->daemon.root, c->db, fresh, &c->store, err);
    if (r == 0)
        r = introspection_open(set->daemon.root, &c->introspection, err);
    if (r < 0)
        return r;
    c->named = content_trace_new(content_local_new(c->store, false));
    c->plain = content_trace_new(content_local_new(c->store, true));
    if (set->verify_reads)
        content_store_verify_reads(c->store);
    c->gc = gc_start(c->db, c->store, set->snapshotter_address, set->snapshotter);
    c->images.db = c->containers.db = c->leases.db = c->db;
    c->images.gc = c->containers.gc = c->leases.gc = gc_hook_of(c->gc);
    return 0;
}

static void
close_all(struct contentd *c)
{
    gc_stop(c->gc);
    content_free(c->plain);
    content_free(c->named);
    content_store_close(c->store);
    db_close(c->db);
}

static int
serve(struct contentd *c, const struct settings *set, struct err *err)
{
    auto_free char *plugin = path_join(set->daemon.state, "contentd-plugin.sock");
    const struct rpc_service main_services[] = {
        content_service(c->named),
        image_service(&c->images),
        container_service(&c->containers),
        lease_service(&c->leases),
        namespace_service(c->db),
        introspection_service(&c->introspection),
        version_service(),
    };
    const struct rpc_service plugin_services[] = {content_service(c->plain), version_service()};
    const struct daemon_endpoint endpoints[] = {
        {.name = "contentd", .services = main_services, .n = ARRAY_LEN(main_services)},
        {.name = "contentd-plugin",
         .address = set->plugin_address ? set->plugin_address : plugin,
         .services = plugin_services,
         .n = ARRAY_LEN(plugin_services)},
    };

    return daemon_serve_endpoints(&set->daemon, endpoints, ARRAY_LEN(endpoints), err);
}

static int
run(const struct settings *set, struct err *err)
{
    struct contentd c = {0};
    int lock_fd, r;

    r = daemon_lock(&set->daemon, &lock_fd, err);
    if (r < 0)
        return r;
    r = open_all(&c, set, err);
    if (r == 0)
        r = serve(&c, set, err);
    close_all(&c);
    return r; /* the lock goes with the process */
}

/* ---- gc ---- */

static void
print_verdict(const struct gc_verdict *v, void *arg)
{
    struct gc_node_view n, by;
    FILE *to = arg;

    gc_graph_view(v->graph, v->id, &n);
    (void) fprintf(to, "%s %s %s %s %lld: ", v->kept ? "keep" : "remove", gc_type_name(n.type),
                   *n.ns ? n.ns : "-", n.key, (long long) v->size_bytes);
    if (v->because) {
        (void) fprintf(to, "%s\n", v->because);
    } else if (n.why) {
        (void) fprintf(to, "%s\n", n.why);
    } else if (n.has_parent) {
        gc_graph_view(v->graph, n.parent, &by);
        (void) fprintf(to, "for %s %s\n", gc_type_name(by.type), by.key);
    } else {
        (void) fprintf(to, "unknown\n");
    }
}

static int
gc_dry_run(const struct settings *set, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO_PTR(snapshots) snapshots = NULL;
    AUTO_DB db = NULL;
    struct gc_run run = {
        .snapshotter = set->snapshotter, .dry_run = true, .verdict = print_verdict, .arg = stdout};
    struct gc_stats st;
    bool fresh;
    int r;

    r = contentd_db_open(set->daemon.root, false, &db, &fresh, err);
    if (r == 0 && *set->snapshotter_address && access(set->snapshotter_address, F_OK) == 0)
        r = grpc_channel_open(set->snapshotter_address, &ch, err);
    if (r < 0)
        return r;
    if (ch)
        snapshots = snapshots_client_new(ch, set->snapshotter);
    run.db = db;
    run.snapshots = snapshots;
    r = gc_run(&run, &st, err);
    if (r == 0)
        (void) printf("keep %lld blobs, %lld bytes; remove %lld blobs, %lld bytes, %lld snapshots, "
                      "%lld ingests, %lld leases\n",
                      (long long) st.blobs_kept, (long long) st.bytes_kept,
                      (long long) st.blobs_removed, (long long) st.bytes_removed,
                      (long long) st.snapshots_removed, (long long) st.ingests_removed,
                      (long long) st.leases_removed);
    return r;
}

/* Deleting a lease that holds nothing asks the running service for a collection, and waits for it. */
static int
gc_in_service(const struct settings *set, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO(lease) l = {0};
    const struct call_ctx ctx = {.ns = "default"};
    int r;

    r = grpc_channel_open(set->daemon.address, &ch, err);
    if (r == 0)
        r = leases_client_create(ch, &ctx, "", NULL, &l, err);
    return r < 0 ? r : leases_client_delete(ch, &ctx, l.id, true, err);
}

static int
gc_here(const struct settings *set, struct err *err)
{
    struct contentd c = {0};
    int r;

    r = open_all(&c, set, err);
    if (r == 0)
        r = gc_hook_deleted(gc_hook_of(c.gc), true, err);
    close_all(&c);
    return r;
}

static int
gc_command(const struct settings *set, struct err *err)
{
    struct err e = {0};
    int lock_fd, r;

    if (set->dry_run)
        return gc_dry_run(set, err);
    r = daemon_lock(&set->daemon, &lock_fd, &e);
    if (r == -CODE_FAILED_PRECONDITION)
        return gc_in_service(set, err);
    if (r < 0 && err)
        *err = e;
    return r < 0 ? r : gc_here(set, err);
}

/* ---- check ---- */

/* 1 when there are findings that were not mended. */
static int
check_command(const struct settings *set, struct err *err)
{
    const struct check c = {.root = set->daemon.root,
                            .repair = set->repair,
                            .rate_bytes = set->rate_bytes,
                            .rebuild_ns = set->ns ? set->ns : "default",
                            .to = stdout};
    struct check_result res = {0};
    int lock_fd, r = 0;

    if (set->repair)
        r = daemon_lock(&set->daemon, &lock_fd, err);
    if (r == 0)
        r = check_run(&c, &res, err);
    if (r < 0)
        return r;
    (void) printf("%lld blobs, %lld bytes: %lld findings, %lld mended\n", (long long) res.blobs,
                  (long long) res.bytes, (long long) res.findings, (long long) res.repaired);
    return res.findings > res.repaired;
}

/* ---- main ---- */

static int
command(const struct settings *set, int n_words, char **words, struct err *err)
{
    if (n_words == 0)
        return run(set, err);
    if (n_words == 1 && !strcmp(words[0], "gc"))
        return gc_command(set, err);
    if (n_words == 1 && !strcmp(words[0], "check"))
        return check_command(set, err);
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%s' is no command: it is gc, check, or nothing for the service", words[0]);
}

static void
fill_defaults(struct settings *set)
{
    if (!set->snapshotter)
        set->snapshotter = "ross";
    if (!set->snapshotter_address)
        set->snapshotter_address = path_join(set->daemon.state, "snapshotter.sock");
}

int
main(int argc, char **argv)
{
    static struct option_row rows[32];
    static struct settings set = {.daemon.program =
                                      "ross-contentd"}; /* its texts live as long as we */
    struct err e = {0};
    size_t n = 0;
    int words, r;

    for (size_t i = 0; i < daemon_option_rows_n; i++)
        rows[n++] = daemon_option_rows[i];
    for (size_t i = 0; i < ARRAY_LEN(own_rows); i++)
        rows[n++] = own_rows[i];
    r = daemon_options_read(rows, n, &set, sizeof set, ABOUT, argc, argv, &words, &e);
    if (r > 0)
        return 0;
    if (r == 0) {
        fill_defaults(&set);
        r = command(&set, argc - words, argv + words, &e);
    }
    if (r < 0)
        (void) fprintf(stderr, "ross-contentd: %s\n", e.msg);
    if (r == -CODE_INVALID_ARGUMENT)
        return 2;
    return r != 0;
}
