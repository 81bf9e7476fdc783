/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container in the shape of docker's inspect: from its record and labels, its spec, the note of its state and its
 * shim. What no part of Ross knows is left out instead of being made up.
 */
#include "container_inspect.h"

#include <fcntl.h>
#include <string.h>

#include "container_dir.h"
#include "container_labels.h"
#include "container_net.h"
#include "container_restart.h"
#include "container_status.h"
#include "libross/base/clock.h"
#include "libross/base/parse.h"

#define TIME_NEVER   "0001-01-01T00:00:00Z" /* as docker says that it never was */
#define NANO_PER_CPU INT64_C(1000000000)

/* ---- looking into the spec ---- */

/* "linux/resources/memory" → the value, or NULL. */
static struct json *
find_path(const struct json *o, const char *path)
{
    AUTO(strv) parts = strv_split(path, '/');
    struct json *v = NULL;

    for (size_t i = 0; i < parts.n; i++) {
        v = json_find(i ? v : o, parts.items[i]);
        if (!v)
            return NULL;
    }
    return v;
}

static struct json *
copy_or(const struct json *v, struct json *otherwise)
{
    if (!v)
        return otherwise;
    json_free(otherwise);
    return json_clone(v);
}

static struct json *
copy_str(const struct json *o, const char *path)
{
    return copy_or(find_path(o, path), json_new_str(""));
}

static struct json *
copy_int(const struct json *o, const char *path)
{
    return copy_or(find_path(o, path), json_new_int(0));
}

/* "private" for a namespace of its own, "host" when the spec has none, else its path. */
static struct json *
namespace_mode(const struct json *spec, const char *type)
{
    const struct json *all = find_path(spec, "linux/namespaces");

    for (size_t i = 0; i < json_len(all); i++) {
        const struct json *ns = json_at(all, i);
        const char *t = json_str(json_find(ns, "type")), *path = json_str(json_find(ns, "path"));

        if (t && strcmp(t, type) == 0)
            return json_new_str(path ? path : "private");
    }
    return json_new_str("host");
}

static struct json *
time_or_never(int64_t at_ns)
{
    char text[CLOCK_STR_MAX];

    return json_new_str(at_ns ? clock_format(at_ns, text) : TIME_NEVER);
}

static struct json *
label(const struct container *c, const char *key)
{
    const char *v = labels_find(&c->labels, key);

    return json_new_str(v ? v : "");
}

/* ---- the parts ---- */

static struct json *
describe_state(const struct container_status *st)
{
    struct json *o = json_new_object();
    bool alive = st->kind == CONTAINER_RUNNING || st->kind == CONTAINER_PAUSED;

    json_set(o, "Status", json_new_str(container_status_name(st)));
    json_set(o, "Running", json_new_bool(alive));
    json_set(o, "Paused", json_new_bool(st->kind == CONTAINER_PAUSED));
    json_set(o, "Restarting", json_new_bool(st->kind == CONTAINER_RESTARTING));
    json_set(o, "Dead", json_new_bool(st->kind == CONTAINER_DEAD));
    json_set(o, "OOMKilled", json_new_bool(st->oom_killed));
    json_set(o, "Pid", json_new_int(alive ? st->pid : 0));
    json_set(o, "ExitCode", json_new_int(st->exit_code));
    json_set(o, "Error", json_new_str(""));
    json_set(o, "StartedAt", time_or_never(st->started_ns));
    json_set(o, "FinishedAt", time_or_never(st->finished_ns));
    return o;
}

static struct json *
describe_restart(const struct container *c)
{
    struct json *o = json_new_object();
    struct restart_policy p = container_restart_policy(c);

    json_set(o, "Name", json_new_str(restart_policy_name(&p)));
    json_set(o, "MaximumRetryCount", json_new_int(p.max));
    return o;
}

static struct json *
describe_mounts(const struct json *spec, const char *root, struct json **ret_binds)
{
    static const char *const own[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
                                      "/dev/init"};
    auto_free char *volumes = xasprintf("%s/volumes/", root);
    struct json *out = json_new_array(), *binds = json_new_array();
    const struct json *all = json_find(spec, "mounts");

    for (size_t i = 0; i < json_len(all); i++) {
        const struct json *m = json_at(all, i), *options = json_find(m, "options");
        const char *type = json_str(json_find(m, "type")),
                   *to = json_str(json_find(m, "destination"));
        const char *source = json_str(json_find(m, "source"));
        bool bind = type && strcmp(type, "bind") == 0, named, read_only = false, skip = !bind;
        struct json *row;

        for (size_t k = 0; to && k < ARRAY_LEN(own); k++)
            skip |= strcmp(to, own[k]) == 0;
        if (skip || !source || !to)
            continue;
        for (size_t k = 0; k < json_len(options); k++)
            read_only |=
                json_str(json_at(options, k)) && strcmp(json_str(json_at(options, k)), "ro") == 0;
        named = strncmp(source, volumes, strlen(volumes)) == 0;
        row = json_new_object();
        json_set(row, "Type", json_new_str(named ? "volume" : "bind"));
        if (named) {
            const char *name = source + strlen(volumes);
            auto_free char *text = xstrndup(name, strcspn(name, "/"));

            json_set(row, "Name", json_new_str(text));
        }
        json_set(row, "Source", json_new_str(source));
        json_set(row, "Destination", json_new_str(to));
        json_set(row, "Mode", json_new_str(read_only ? "ro" : ""));
        json_set(row, "RW", json_new_bool(!read_only));
        json_push(out, row);
        if (!named) {
            auto_free char *text = xasprintf("%s:%s%s", source, to, read_only ? ":ro" : "");

            json_push(binds, json_new_str(text));
        }
    }
    *ret_binds = binds;
    return out;
}

static int64_t
nano_cpus(const struct json *spec)
{
    int64_t quota, period;

    if (!json_int(find_path(spec, "linux/resources/cpu/quota"), &quota) || quota <= 0 ||
        !json_int(find_path(spec, "linux/resources/cpu/period"), &period) || period <= 0)
        return 0;
    return quota * NANO_PER_CPU / period;
}

static struct json *
network_mode(const struct net_request *q)
{
    auto_free char *text = NULL;

    switch (q->mode) {
    case NET_NONE:
        return json_new_str("none");
    case NET_HOST:
        return json_new_str("host");
    case NET_CONTAINER:
        text = xasprintf("container:%s", q->container);
        return json_new_str(text);
    case NET_NETWORKS:
        break;
    }
    return json_new_str(q->n_wishes ? q->wishes[0].network : "none");
}

static struct json *
copied(const char *s)
{
    return json_new_str(s ? s : "");
}

/* "10.1.2.3/24" → the address and the length of its prefix; "" and 0 when there is none. */
static void
set_address(struct json *o, const char *key, const char *prefix_key, const char *text)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    auto_free char *address = slash ? xstrndup(text, (size_t) (slash - text)) : xstrdup("");

    json_set(o, key, json_new_str(address));
    json_set(o, prefix_key, json_new_int(slash ? strtol(slash + 1, NULL, 10) : 0));
}

static void
set_addresses(struct json *o, const struct attachment *a)
{
    set_address(o, "IPAddress", "IPPrefixLen", a ? a->address4 : NULL);
    set_address(o, "GlobalIPv6Address", "GlobalIPv6PrefixLen", a ? a->address6 : NULL);
    json_set(o, "Gateway", copied(a ? a->gateway4 : NULL));
    json_set(o, "MacAddress", copied(a ? a->mac : NULL));
}

/* The id of a network that is still there. */
static struct json *
network_id(const struct net_places *places, const char *name)
{
    AUTO(network) n = {0};

    return network_get(places, name, &n, NULL) == 0 ? copied(n.id) : copied(NULL);
}

static struct json *
describe_attachment(const struct net_places *places, const struct attachment *a)
{
    struct json *n = json_new_object();

    json_set(n, "NetworkID", network_id(places, a->network));
    set_addresses(n, a);
    json_set(n, "Interface", copied(a->ifname));
    json_set(n, "Aliases", json_new_strv(&a->aliases));
    return n;
}

/* One that does not run: it wants to be there. */
static struct json *
describe_wish(const struct net_places *places, const struct net_wish *w)
{
    struct json *n = json_new_object();

    json_set(n, "NetworkID", network_id(places, w->network));
    set_addresses(n, NULL);
    json_set(n, "Aliases", json_new_strv(&w->aliases));
    return n;
}

/* "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}] */
static struct json *
describe_ports(const struct port_maps *ports)
{
    struct json *o = json_new_object();

    for (size_t i = 0; i < ports->n; i++) {
        const struct port_map *m = &ports->items[i];
        auto_free char *key = xasprintf("%u/%s", (unsigned) m->container, port_map_protocol(m));
        auto_free char *host = m->host ? xasprintf("%u", (unsigned) m->host) : xstrdup("");
        struct json *row = json_new_object();

        json_set(row, "HostIp", json_new_str(*m->ip ? m->ip : "0.0.0.0"));
        json_set(row, "HostPort", json_new_str(host));
        if (!json_find(o, key))
            json_set(o, key, json_new_array());
        json_push(json_find(o, key), row);
    }
    return o;
}

/* Addresses and ports as they are while it is up; none otherwise. */
static struct json *
describe_network(const struct session *s, const struct container *c, const struct net_request *q)
{
    const struct net_places places = container_net_places(s);
    auto_free char *netns = net_namespace_path(&places, c->id);
    struct json *o = json_new_object(), *all = json_new_object();
    AUTO(net_record) record = {0};
    bool up = net_record_read(&places, c->id, &record, NULL) == 0;

    if (!up)
        record = (struct net_record){0};
    set_addresses(o, record.n ? &record.items[0] : NULL);
    json_set(o, "SandboxKey", copied(up && net_mode_is_ours(q->mode) ? netns : NULL));
    json_set(o, "Ports", describe_ports(&record.ports));
    for (size_t i = 0; i < record.n; i++)
        json_set(all, record.items[i].network, describe_attachment(&places, &record.items[i]));
    for (size_t i = 0; !up && i < q->n_wishes; i++)
        json_set(all, q->wishes[i].network, describe_wish(&places, &q->wishes[i]));
    json_set(o, "Networks", all);
    return o;
}

static struct json *
describe_host_config(const struct container *c, const struct json *spec,
                     const struct net_request *q, struct json *binds)
{
    struct json *o = json_new_object(), *log = json_new_object();

    json_set(o, "Binds", binds);
    json_set(log, "Type", json_new_str("ross-log"));
    json_set(log, "Uri", label(c, LABEL_LOG_URI));
    json_set(o, "LogConfig", log);
    json_set(o, "NetworkMode", network_mode(q));
    json_set(o, "PortBindings", describe_ports(&q->ports));
    json_set(o, "ExtraHosts", json_new_strv(&q->add_hosts));
    json_set(o, "RestartPolicy", describe_restart(c));
    json_set(o, "AutoRemove", json_new_bool(labels_find(&c->labels, LABEL_AUTO_REMOVE) != NULL));
    json_set(o, "Capabilities",
             copy_or(find_path(spec, "process/capabilities/bounding"), json_new_array()));
    json_set(o, "PidMode", namespace_mode(spec, "pid"));
    json_set(o, "IpcMode", namespace_mode(spec, "ipc"));
    json_set(o, "UTSMode", namespace_mode(spec, "uts"));
    json_set(o, "UsernsMode", namespace_mode(spec, "user"));
    json_set(o, "CgroupPath", copy_str(spec, "linux/cgroupsPath"));
    json_set(o, "ReadonlyRootfs", json_new_bool(json_is_true(find_path(spec, "root/readonly"))));
    json_set(o, "NoNewPrivileges",
             json_new_bool(json_is_true(find_path(spec, "process/noNewPrivileges"))));
    json_set(o, "Memory", copy_int(spec, "linux/resources/memory/limit"));
    json_set(o, "MemorySwap", copy_int(spec, "linux/resources/memory/swap"));
    json_set(o, "MemoryReservation", copy_int(spec, "linux/resources/memory/reservation"));
    json_set(o, "NanoCpus", json_new_int(nano_cpus(spec)));
    json_set(o, "CpuShares", copy_int(spec, "linux/resources/cpu/shares"));
    json_set(o, "CpusetCpus", copy_str(spec, "linux/resources/cpu/cpus"));
    json_set(o, "CpusetMems", copy_str(spec, "linux/resources/cpu/mems"));
    json_set(o, "PidsLimit", copy_int(spec, "linux/resources/pids/limit"));
    json_set(o, "Sysctls", copy_or(find_path(spec, "linux/sysctl"), json_new_object()));
    json_set(o, "Ulimits", copy_or(find_path(spec, "process/rlimits"), json_new_array()));
    json_set(o, "Devices", copy_or(find_path(spec, "linux/devices"), json_new_array()));
    return o;
}

static struct json *
describe_config(const struct container *c, const struct json *spec)
{
    struct json *o = json_new_object(), *labels = json_new_object();
    auto_free char *user = NULL;
    int64_t uid = 0, gid = 0;

    (void) json_int(find_path(spec, "process/user/uid"), &uid);
    (void) json_int(find_path(spec, "process/user/gid"), &gid);
    user = uid || gid ? xasprintf("%lld:%lld", (long long) uid, (long long) gid) : xstrdup("");
    for (size_t i = 0; i < c->labels.n; i++)
        if (!container_label_is_ours(c->labels.items[i].key))
            json_set(labels, c->labels.items[i].key, json_new_str(c->labels.items[i].value));
    json_set(o, "Hostname", copy_str(spec, "hostname"));
    json_set(o, "User", json_new_str(user));
    json_set(o, "Tty", json_new_bool(json_is_true(find_path(spec, "process/terminal"))));
    json_set(o, "OpenStdin", json_new_bool(labels_find(&c->labels, LABEL_INTERACTIVE) != NULL));
    json_set(o, "Env", copy_or(find_path(spec, "process/env"), json_new_array()));
    json_set(o, "Cmd", copy_or(find_path(spec, "process/args"), json_new_array()));
    json_set(o, "Image", json_new_str(c->image));
    json_set(o, "WorkingDir", copy_str(spec, "process/cwd"));
    json_set(o, "Labels", labels);
    json_set(o, "StopSignal", label(c, LABEL_STOP_SIGNAL));
    if (labels_find(&c->labels, LABEL_STOP_TIMEOUT)) {
        uint32_t seconds = 0;

        (void) parse_u32(labels_find(&c->labels, LABEL_STOP_TIMEOUT), &seconds, NULL);
        json_set(o, "StopTimeout", json_new_int(seconds));
    }
    return o;
}

static struct json *
describe_graph(const struct session *s, const struct mount_list *mounts)
{
    static const struct {
        const char *option, *key;
    } parts[] = {{"lowerdir", "LowerDir"}, {"upperdir", "UpperDir"}, {"workdir", "WorkDir"}};
    struct json *o = json_new_object(), *data = json_new_object();

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (mounts->n && mount_option_find(&mounts->items[0], parts[i].option))
            json_set(data, parts[i].key,
                     json_new_str(mount_option_find(&mounts->items[0], parts[i].option)));
    json_set(o, "Name", json_new_str(s->snapshotter));
    json_set(o, "Data", data);
    return o;
}

/* Its own layer, and everything together. */
static int
add_sizes(struct session *s, struct snapshots *snapshots, const struct container *c, struct json *o,
          struct err *err)
{
    struct snapshot_usage use;
    auto_free char *key = xstrdup(c->snapshot_key);
    int64_t own = 0, all = 0;
    int r;

    while (*key) {
        AUTO(snapshot_info) info = {0};

        r = snapshots_usage(snapshots, &s->ctx, key, &use, err);
        if (r == 0)
            r = snapshots_stat(snapshots, &s->ctx, key, &info, err);
        if (r < 0)
            return r;
        own = all ? own : use.size_bytes;
        all += use.size_bytes;
        free(key);
        key = xstrdup(info.parent ? info.parent : "");
    }
    json_set(o, "SizeRw", json_new_int(own));
    json_set(o, "SizeRootFs", json_new_int(all));
    return 0;
}

static void
add_paths(const struct session *s, const struct container *c, struct json *o)
{
    static const struct {
        const char *key, *file;
    } files[] = {{"ResolvConfPath", "resolv.conf"},
                 {"HostnamePath", "hostname"},
                 {"HostsPath", "hosts"},
                 {"LogPath", "log"}};
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        auto_free char *path = xasprintf("%s/%s", dir, files[i].file);

        json_set(o, files[i].key, json_new_str(path));
    }
}

static void
add_command(const struct json *spec, struct json *o)
{
    const struct json *all = find_path(spec, "process/args");
    struct json *args = json_new_array();

    json_set(o, "Path", copy_or(json_at(all, 0), json_new_str("")));
    for (size_t i = 1; i < json_len(all); i++)
        json_push(args, json_clone(json_at(all, i)));
    json_set(o, "Args", args);
}

int
container_inspect(struct session *s, const struct container *c, bool size, struct json **ret,
                  struct err *err)
{
    AUTO_PTR(json) o = json_new_object();
    AUTO_PTR(json) spec = NULL;
    AUTO(container_status) st = {0};
    AUTO(mount_list) mounts = {0};
    AUTO(net_request) request = {0};
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);
    struct json *binds, *mount_rows;
    struct snapshots *snapshots = NULL;
    auto_free char *name = NULL;
    const char *image_id;
    int r;

    r = container_status_get(s, c->id, &st, err);
    if (r == 0)
        r = json_parse(c->spec.value, c->spec.n, &spec, err);
    if (r == 0)
        r = session_snapshots(s, &snapshots, err);
    if (r == 0 && *c->snapshot_key) {
        /* the rest can be told without */
        (void) snapshots_mounts(snapshots, &s->ctx, c->snapshot_key, &mounts, NULL);
    }
    if (r != 0)
        return err_wrap(err, r, "inspect container '%s'", container_name(c));
    (void) net_request_read(dir, &request, NULL);
    name = xasprintf("/%s", container_name(c));
    json_set(o, "Id", json_new_str(c->id));
    json_set(o, "Created", time_or_never(c->created_ns));
    add_command(spec, o);
    json_set(o, "State", describe_state(&st));
    image_id = labels_find(&c->labels, LABEL_IMAGE_ID);
    /* of one that an earlier release made, or another client, only the name is known */
    json_set(o, "Image", json_new_str(image_id ? image_id : c->image));
    json_set(o, "ImageName", json_new_str(c->image));
    add_paths(s, c, o);
    json_set(o, "Name", json_new_str(name));
    json_set(o, "RestartCount", json_new_int(st.restarts));
    json_set(o, "Driver", json_new_str(s->snapshotter));
    json_set(o, "Platform", json_new_str("linux"));
    json_set(o, "Runtime", json_new_str(c->runtime_name));
    json_set(o, "AppArmorProfile", copy_str(spec, "process/apparmorProfile"));
    mount_rows = describe_mounts(spec, s->root, &binds);
    json_set(o, "HostConfig", describe_host_config(c, spec, &request, binds));
    json_set(o, "GraphDriver", describe_graph(s, &mounts));
    if (size)
        r = add_sizes(s, snapshots, c, o, err);
    json_set(o, "Mounts", mount_rows);
    json_set(o, "Config", describe_config(c, spec));
    json_set(o, "NetworkSettings", describe_network(s, c, &request));
    if (r < 0)
        return r;
    *ret = TAKE(o);
    return 0;
}
