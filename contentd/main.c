/* SPDX-License-Identifier: Apache-2.0 */
/* ross-contentd: the content store and the records that refer to it. */
#include <stdio.h>
#include <string.h>

#include "api/service/daemon.h"
#include "api/service/version_service.h"
#include "contentd/containers/container_service.h"
#include "contentd/content/content_local.h"
#include "contentd/content/content_service.h"
#include "contentd/images/image_service.h"
#include "contentd/introspection/introspection_service.h"
#include "contentd/leases/lease_service.h"
#include "contentd/namespaces/namespace_service.h"
#include "contentd/store/contentd_db.h"
#include "libross/base/log.h"
#include "libross/base/path.h"

#define ABOUT                                                                                      \
    "Keeps content-addressed blobs and the records that refer to them: serves containerd's "       \
    "Content,\n"                                                                                   \
    "Images, Containers, Leases, Namespaces, Introspection, Version and health APIs."

struct settings {
    struct daemon_options daemon;
    const char *plugin_address, *sync;
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
};

/* What serves, opened in this order and closed in the other. */
struct contentd {
    struct db *db;
    struct content_store *store;
    struct content *named, *plain;
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
    c->named = content_local_new(c->store, false);
    c->plain = content_local_new(c->store, true);
    c->images.db = c->containers.db = c->leases.db = c->db;
    return 0;
}

static void
close_all(struct contentd *c)
{
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

int
main(int argc, char **argv)
{
    static struct option_row rows[16];
    struct settings set = {.daemon.program = "ross-contentd"};
    struct err e = {0};
    size_t n = 0;
    int words, r;

    for (size_t i = 0; i < daemon_option_rows_n; i++)
        rows[n++] = daemon_option_rows[i];
    for (size_t i = 0; i < ARRAY_LEN(own_rows); i++)
        rows[n++] = own_rows[i];
    r = daemon_options_read(rows, n, &set, sizeof set, ABOUT, argc, argv, &words, &e);
    if (r == 0 && words < argc)
        r = err_set(&e, CODE_INVALID_ARGUMENT, "unknown command '%s'", argv[words]);
    if (r < 0) {
        (void) fprintf(stderr, "ross-contentd: %s\n", e.msg);
        return 2;
    }
    if (r > 0)
        return 0;
    r = run(&set, &e);
    if (r < 0) {
        (void) fprintf(stderr, "ross-contentd: %s\n", e.msg);
        return 1;
    }
    return 0;
}
