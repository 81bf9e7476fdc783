/* SPDX-License-Identifier: Apache-2.0 */
/* The Introspection service. */
#include "introspection_service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/wire/wire.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/base/tmpfile.h"
#include "libross/base/version.h"
#include "libross/filter/filter.h"
#include "services/introspection/v1/introspection.pb-c.h"
#include "types/platform.pb-c.h"

typedef Containerd__Services__Introspection__V1__Plugin Plugin;
typedef Containerd__Services__Introspection__V1__PluginsRequest PluginsRequest;
typedef Containerd__Services__Introspection__V1__PluginsResponse PluginsResponse;
typedef Containerd__Services__Introspection__V1__ServerResponse ServerResponse;

/* A random UUID, version 4. */
static void
make_uuid(char out[static INTROSPECTION_UUID_MAX])
{
    char hex[33];

    (void) random_hex(hex, 16);
    hex[12] = '4';
    hex[16] = "89ab"[hex[16] & 3];
    (void) snprintf(out, INTROSPECTION_UUID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
                    hex + 12, hex + 16, hex + 20);
}

int
introspection_open(const char *root, struct introspection *ret, struct err *err)
{
    auto_close int dir = -1;
    auto_free char *text = NULL;
    int r;

    *ret = (struct introspection){.root = root};
    r = path_open_dir(root, 0711, &dir, err);
    if (r < 0)
        return r;
    r = fd_read_file_at(dir, "uuid", INTROSPECTION_UUID_MAX - 1, &text, NULL, NULL);
    if (r == 0) {
        (void) stpncpy(ret->uuid, text, sizeof ret->uuid - 1);
        ret->uuid[strcspn(ret->uuid, "\n")] = '\0';
        return 0;
    }
    make_uuid(ret->uuid);
    return tmpfile_write_at(dir, "uuid", ret->uuid, strlen(ret->uuid), 0644, err);
}

/* The pid namespace by its inode, 0 when it cannot be seen. */
static uint64_t
pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

static int
on_server(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    struct introspection *i = impl;
    ServerResponse *rp = reply;

    (void) call;
    (void) request;
    (void) err;
    rp->uuid = i->uuid;
    rp->pid = (uint64_t) getpid();
    rp->pidns = pid_namespace();
    return 0;
}

/* ---- plugins ---- */

static const struct plugin_row {
    const char *type, *id;
    bool has_root;
} plugins[] = {
    {"io.containerd.content.v1", "content", true},     {"io.containerd.gc.v1", "scheduler", false},
    {"io.containerd.grpc.v1", "containers", false},    {"io.containerd.grpc.v1", "content", false},
    {"io.containerd.grpc.v1", "healthcheck", false},   {"io.containerd.grpc.v1", "images", false},
    {"io.containerd.grpc.v1", "introspection", false}, {"io.containerd.grpc.v1", "leases", false},
    {"io.containerd.grpc.v1", "namespaces", false},    {"io.containerd.grpc.v1", "version", false},
};

static const char *
plugin_field(const void *object, const struct filter_path *path)
{
    const struct plugin_row *p = object;

    if (path->n == 1 && !strcmp(path->parts[0], "type"))
        return p->type;
    return path->n == 1 && !strcmp(path->parts[0], "id") ? p->id : NULL;
}

static const char *
go_arch(const char *machine)
{
    static const char *const pairs[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (!strcmp(machine, pairs[i][0]))
            return pairs[i][1];
    return machine;
}

static Plugin *
plugin_to(struct arena *a, const struct introspection *i, const struct plugin_row *row)
{
    Plugin *p = wire_new(a, &containerd__services__introspection__v1__plugin__descriptor);
    AUTO(labels) exports = {0};
    struct utsname uts;

    p->type = wire_str_to(a, row->type);
    p->id = wire_str_to(a, row->id);
    if (row->has_root) {
        auto_free char *dir = path_join(i->root, "content");

        labels_set(&exports, "root", dir);
        p->exports = wire_labels_to(
            a, &exports,
            &containerd__services__introspection__v1__plugin__exports_entry__descriptor,
            &p->n_exports);
    }
    if (uname(&uts) == 0) {
        p->n_platforms = 1;
        p->platforms = arena_alloc(a, sizeof *p->platforms);
        p->platforms[0] = wire_new(a, &containerd__types__platform__descriptor);
        p->platforms[0]->os = (char *) "linux";
        p->platforms[0]->architecture = wire_str_to(a, go_arch(uts.machine));
    }
    return p;
}

static int
on_plugins(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    const PluginsRequest *rq = request;
    PluginsResponse *rp = reply;
    struct arena *a = rpc_call_arena(call);
    AUTO(strv) filters = wire_strv_from(rq->filters, rq->n_filters);
    AUTO_PTR(filter) filter = NULL;
    int r;

    r = filter_parse_all(&filters, &filter, err);
    if (r < 0)
        return r;
    rp->plugins = arena_alloc(a, ARRAY_LEN(plugins) * sizeof *rp->plugins);
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (filter_match(filter, plugin_field, &plugins[i]))
            rp->plugins[rp->n_plugins++] = plugin_to(a, impl, &plugins[i]);
    return 0;
}

static const struct rpc_method introspection_methods[] = {
    {"Plugins", RPC_UNARY, on_plugins},
    {"Server", RPC_UNARY, on_server},
};

struct rpc_service
introspection_service(struct introspection *i)
{
    return (struct rpc_service){
        .desc = &containerd__services__introspection__v1__introspection__descriptor,
        .methods = introspection_methods,
        .n_methods = ARRAY_LEN(introspection_methods),
        .impl = i};
}
