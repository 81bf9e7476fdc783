/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux part of a runtime spec: namespaces, paths, devices, system controls. */
#include <string.h>

#include "libross/oci/seccomp.h"
#include "libross/oci/spec_parts.h"

#define DEVICES_MAX 4096

static const char *const masked_paths[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};

static const char *const read_only_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static struct json *
paths_to_json(const char *const *paths, size_t n)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < n; i++)
        json_push(list, json_new_str(paths[i]));
    return list;
}

static bool
has_userns(const struct spec_options *o)
{
    return o->n_uid_maps || o->n_gid_maps;
}

static void
push_namespace(struct json *list, const char *type, const struct spec_ns *ns)
{
    struct json *o;

    if (ns->mode == SPEC_NS_HOST)
        return;
    o = json_new_object();
    json_set(o, "type", json_new_str(type));
    if (ns->mode == SPEC_NS_PATH)
        json_set(o, "path", json_new_str(ns->path));
    json_push(list, o);
}

static int
build_namespaces(const struct spec_options *o, struct json **ret, struct err *err)
{
    static const struct spec_ns fresh = {.mode = SPEC_NS_PRIVATE};
    const struct {
        const char *type;
        const struct spec_ns *ns;
    } rows[] = {
        {"pid", &o->pid},  {"ipc", &o->ipc},         {"uts", &o->uts},
        {"mount", &fresh}, {"network", &o->network}, {"cgroup", &o->cgroup},
    };
    AUTO_PTR(json) list = json_new_array();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].ns->mode == SPEC_NS_PATH && (!rows[i].ns->path || *rows[i].ns->path != '/'))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "the path of the %s namespace must be absolute", rows[i].type);
        /* docker's default: with version 1 the container sees the host's hierarchy, read-only */
        if (strcmp(rows[i].type, "cgroup") == 0 && !o->cgroup_v2 &&
            o->cgroup.mode == SPEC_NS_PRIVATE)
            continue;
        push_namespace(list, rows[i].type, rows[i].ns);
    }
    if (has_userns(o))
        push_namespace(list, "user", &o->userns);
    *ret = TAKE(list);
    return 0;
}

static struct json *
maps_to_json(const struct spec_id_map *maps, size_t n)
{
    struct json *list = json_new_array(), *o;

    for (size_t i = 0; i < n; i++) {
        o = json_new_object();
        json_set(o, "containerID", json_new_int(maps[i].container_id));
        json_set(o, "hostID", json_new_int(maps[i].host_id));
        json_set(o, "size", json_new_int(maps[i].size));
        json_push(list, o);
    }
    return list;
}

static int
check_maps(const struct spec_options *o, struct err *err)
{
    if (!has_userns(o))
        return 0;
    if (!o->n_uid_maps || !o->n_gid_maps)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "a user namespace needs mappings of both users and groups");
    for (size_t i = 0; i < o->n_uid_maps; i++)
        if (!o->uid_maps[i].size)
            return err_set(err, CODE_INVALID_ARGUMENT, "a mapping of users of size 0");
    for (size_t i = 0; i < o->n_gid_maps; i++)
        if (!o->gid_maps[i].size)
            return err_set(err, CODE_INVALID_ARGUMENT, "a mapping of groups of size 0");
    if (o->userns.mode == SPEC_NS_HOST)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "mappings of users and groups need a user namespace, not the host's");
    if (o->pid.mode == SPEC_NS_HOST)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the host's pid namespace cannot be used with a user namespace");
    return 0;
}

static int
build_devices(const struct spec_options *o, struct json **ret, struct err *err)
{
    AUTO_PTR(json) list = json_new_array();
    const struct spec_device *d;
    struct json *device;

    if (o->n_devices > DEVICES_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu devices, more than %d", o->n_devices,
                       DEVICES_MAX);
    for (d = o->devices; d < o->devices + o->n_devices; d++) {
        if (!d->path || *d->path != '/')
            return err_set(err, CODE_INVALID_ARGUMENT, "device path '%.256s' must be absolute",
                           d->path ? d->path : "");
        device = json_new_object();
        json_set(device, "path", json_new_str(d->path));
        json_set(device, "type", json_new_str((char[]){d->type, '\0'}));
        if (d->type != 'p') {
            json_set(device, "major", json_new_int(d->major));
            json_set(device, "minor", json_new_int(d->minor));
        }
        json_set(device, "fileMode", json_new_int(d->mode & 07777));
        json_set(device, "uid", json_new_int(d->uid));
        json_set(device, "gid", json_new_int(d->gid));
        json_push(list, device);
    }
    *ret = TAKE(list);
    return 0;
}

static bool
starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Which namespace a system control belongs to: 'n'etwork, 'i'pc, 'u'ts, or 0 for the host's own. */
static char
sysctl_namespace(const char *key)
{
    static const char *const ipc[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    };

    if (starts_with(key, "net."))
        return 'n';
    if (starts_with(key, "fs.mqueue."))
        return 'i';
    for (size_t i = 0; i < ARRAY_LEN(ipc); i++)
        if (strcmp(key, ipc[i]) == 0)
            return 'i';
    return strcmp(key, "kernel.domainname") == 0 || strcmp(key, "kernel.hostname") == 0 ? 'u' : 0;
}

static int
check_sysctl(const char *key, const struct spec_options *o, struct err *err)
{
    const struct spec_ns *ns;

    switch (sysctl_namespace(key)) {
    case 'n':
        ns = &o->network;
        break;
    case 'i':
        ns = &o->ipc;
        break;
    case 'u':
        ns = &o->uts;
        break;
    default:
        return err_set(
            err, CODE_INVALID_ARGUMENT,
            "sysctl '%.128s' would change the host: only those of the network, ipc and uts "
            "namespaces can be set",
            key);
    }
    if (ns->mode == SPEC_NS_HOST)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "sysctl '%.128s' cannot be set in a namespace of the host", key);
    return 0;
}

/* docker's: anyone may use low ports and ping in a network of the container's own. */
static int
build_sysctls(const struct spec_options *o, struct json **ret, struct err *err)
{
    AUTO(labels) all = {0};
    int r;

    if (o->network.mode != SPEC_NS_HOST) {
        labels_set_raw(&all, "net.ipv4.ip_unprivileged_port_start", "0");
        if (!has_userns(o))
            labels_set_raw(&all, "net.ipv4.ping_group_range", "0 2147483647");
    }
    for (size_t i = 0; i < o->sysctls.n; i++) {
        r = check_sysctl(o->sysctls.items[i].key, o, err);
        if (r < 0)
            return r;
        labels_set_raw(&all, o->sysctls.items[i].key, o->sysctls.items[i].value);
    }
    *ret = json_new_labels(&all);
    return 0;
}

/* *ret NULL when the container's calls are not filtered. */
static int
build_seccomp(const struct spec_options *o, capability_set caps, struct json **ret, struct err *err)
{
    const struct seccomp_host host = {
        .architecture = o->architecture,
        .caps = caps,
        .kernel_major = o->kernel_major,
        .kernel_minor = o->kernel_minor,
    };
    int r;

    *ret = NULL;
    if (o->seccomp == SPEC_SECCOMP_PROFILE) {
        r = seccomp_from_profile(o->seccomp_profile, &host, ret, err);
        return r < 0 ? err_wrap(err, r, "seccomp profile") : 0;
    }
    if (o->seccomp == SPEC_SECCOMP_DEFAULT && !o->privileged)
        *ret = seccomp_default(&host);
    return 0;
}

int
spec_build_linux(const struct spec_options *o, capability_set caps, struct json **ret,
                 struct err *err)
{
    AUTO_PTR(json) l = json_new_object();
    struct json *part = NULL;
    int r;

    r = check_maps(o, err);
    if (r < 0)
        return r;
    if (has_userns(o)) {
        json_set(l, "uidMappings", maps_to_json(o->uid_maps, o->n_uid_maps));
        json_set(l, "gidMappings", maps_to_json(o->gid_maps, o->n_gid_maps));
    }
    r = build_sysctls(o, &part, err);
    if (r < 0)
        return r;
    if (json_len(part))
        json_set(l, "sysctl", part);
    else
        json_free(part);
    r = spec_build_resources(o, &part, err);
    if (r < 0)
        return r;
    json_set(l, "resources", part);
    if (o->cgroups_path && *o->cgroups_path)
        json_set(l, "cgroupsPath", json_new_str(o->cgroups_path));
    r = build_namespaces(o, &part, err);
    if (r < 0)
        return r;
    json_set(l, "namespaces", part);
    r = build_devices(o, &part, err);
    if (r < 0)
        return r;
    if (o->n_devices)
        json_set(l, "devices", part);
    else
        json_free(part);
    r = build_seccomp(o, caps, &part, err);
    if (r < 0)
        return r;
    if (part)
        json_set(l, "seccomp", part);
    if (!o->privileged && !o->unmasked_paths) {
        json_set(l, "maskedPaths", paths_to_json(masked_paths, ARRAY_LEN(masked_paths)));
        json_set(l, "readonlyPaths", paths_to_json(read_only_paths, ARRAY_LEN(read_only_paths)));
    }
    if (o->mount_label && *o->mount_label)
        json_set(l, "mountLabel", json_new_str(o->mount_label));
    if (spec_propagation(o))
        json_set(l, "rootfsPropagation", json_new_str(spec_propagation(o)));
    *ret = TAKE(l);
    return 0;
}
