/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of a container: docker's default ones, with those of the options put among them. */
#include <inttypes.h>
#include <string.h>

#include "libross/base/path.h"
#include "libross/oci/spec_parts.h"

#define TTY_GROUP  5
#define MOUNTS_MAX 1024

struct default_mount {
    const char *target, *type, *source, *options;
};

static const struct default_mount defaults[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777"},
};

/* A mount of the options, with its target cleaned. */
struct placed {
    const struct spec_mount *mount;
    char *target;
    size_t depth, order;
};

struct placed_list {
    struct placed *items;
    size_t n;
};

static void
placed_list_done(struct placed_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].target);
    free(l->items);
}

static size_t
depth_of(const char *path)
{
    size_t n = 0;

    for (; *path; path++)
        n += *path == '/';
    return n;
}

/* Parents before what is inside them; else the order given. */
static int
by_depth(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool
is_bind(const struct spec_mount *m)
{
    return !m->type || !*m->type || strcmp(m->type, "bind") == 0;
}

static int
place(const struct spec_options *o, struct placed_list *ret, struct err *err)
{
    const struct spec_mount *m;
    char *target;

    if (o->n_mounts > MOUNTS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu mounts, more than %d", o->n_mounts,
                       MOUNTS_MAX);
    ret->items = xcalloc(o->n_mounts + 1, sizeof *ret->items);
    for (m = o->mounts; m < o->mounts + o->n_mounts; m++) {
        if (!m->target || *m->target != '/')
            return err_set(err, CODE_INVALID_ARGUMENT, "mount target '%.256s' must be absolute",
                           m->target ? m->target : "");
        if (is_bind(m) && (!m->source || *m->source != '/'))
            return err_set(err, CODE_INVALID_ARGUMENT, "mount source '%.256s' must be absolute",
                           m->source ? m->source : "");
        target = path_clean(m->target);
        ret->items[ret->n] = (struct placed){
            .mount = m,
            .target = target,
            .depth = depth_of(target),
            .order = ret->n,
        };
        ret->n++;
        if (strcmp(target, "/") == 0)
            return err_set(err, CODE_INVALID_ARGUMENT, "the mount target must not be '/'");
        for (size_t i = 0; i + 1 < ret->n; i++)
            if (strcmp(ret->items[i].target, target) == 0)
                return err_set(err, CODE_INVALID_ARGUMENT, "two mounts at '%.256s'", target);
    }
    qsort(ret->items, ret->n, sizeof *ret->items, by_depth);
    return 0;
}

/* Takes options. */
static void
push_mount(struct json *list, const char *target, const char *type, const char *source,
           struct strv *options)
{
    struct json *o = json_new_object();

    json_set(o, "destination", json_new_str(target));
    json_set(o, "type", json_new_str(type));
    json_set(o, "source", json_new_str(source));
    json_set(o, "options", json_new_strv(options));
    json_push(list, o);
    strv_done(options);
}

static void
drop_option(struct strv *options, const char *option)
{
    for (size_t i = options->n; i-- > 0;)
        if (strcmp(options->items[i], option) == 0)
            strv_remove(options, i);
}

static bool
tty_group_is_mapped(const struct spec_options *o)
{
    for (size_t i = 0; i < o->n_gid_maps; i++)
        if (o->gid_maps[i].container_id <= TTY_GROUP &&
            TTY_GROUP - o->gid_maps[i].container_id < o->gid_maps[i].size)
            return true;
    return !o->n_uid_maps && !o->n_gid_maps;
}

/* A bind of the host's own instead of a new one. */
static void
push_hosts_own(struct json *list, const char *path, const char *more)
{
    struct strv options = strv_split("rbind,nosuid,noexec,nodev", ',');

    if (more)
        strv_add(&options, more);
    push_mount(list, path, "bind", path, &options);
}

static void
push_default(struct json *list, const struct default_mount *d, const struct spec_options *o)
{
    struct strv options;

    if (o->ipc.mode == SPEC_NS_HOST &&
        (strcmp(d->target, "/dev/shm") == 0 || strcmp(d->target, "/dev/mqueue") == 0)) {
        push_hosts_own(list, d->target, NULL);
        return;
    }
    /* a user namespace may mount sysfs only with a network namespace of its own; one that is joined owns it */
    if (strcmp(d->target, "/sys") == 0 && (o->n_uid_maps || o->n_gid_maps) &&
        o->network.mode != SPEC_NS_PRIVATE && o->userns.mode != SPEC_NS_PATH) {
        push_hosts_own(list, d->target, o->privileged ? NULL : "ro");
        return;
    }
    options = strv_split(d->options, ',');
    if (strcmp(d->target, "/dev/shm") == 0)
        strv_printf(&options, "size=%" PRId64,
                    o->shm_size_bytes ? o->shm_size_bytes : SPEC_SHM_SIZE_DEFAULT);
    if (strcmp(d->target, "/dev/pts") == 0 && !tty_group_is_mapped(o))
        drop_option(&options, "gid=5");
    if (strcmp(d->target, "/dev/pts") == 0 && o->mount_label && *o->mount_label)
        strv_printf(&options, "context=\"%s\"", o->mount_label);
    if (o->privileged)
        drop_option(&options, "ro");
    push_mount(list, d->target, d->type, d->source, &options);
}

/* One of the options' mounts stands at its place, or at /dev and it is below. */
static bool
is_replaced(const struct default_mount *d, const struct placed_list *placed)
{
    for (size_t i = 0; i < placed->n; i++)
        if (strcmp(placed->items[i].target, d->target) == 0 ||
            (strcmp(placed->items[i].target, "/dev") == 0 && strncmp(d->target, "/dev/", 5) == 0))
            return true;
    return false;
}

static bool
is_propagation(const char *option)
{
    static const char *const names[] = {"private", "rprivate", "shared",     "rshared",
                                        "slave",   "rslave",   "unbindable", "runbindable"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

static void
push_bind(struct json *list, const struct placed *p)
{
    const struct spec_mount *m = p->mount;
    bool propagation = false;
    struct strv options = {0};

    if (!strv_has(&m->options, "bind") && !strv_has(&m->options, "rbind"))
        strv_add(&options, "rbind");
    for (size_t i = 0; i < m->options.n; i++) {
        propagation |= is_propagation(m->options.items[i]);
        strv_add(&options, m->options.items[i]);
    }
    if (!propagation)
        strv_add(&options, "rprivate");
    if (m->read_only && !strv_has(&options, "ro"))
        strv_add(&options, "ro");
    push_mount(list, p->target, "bind", m->source, &options);
}

/* tmpfs as docker gives it: what the options do not say otherwise is nosuid, nodev, noexec. */
static void
push_tmpfs(struct json *list, const struct placed *p)
{
    static const struct {
        const char *safe, *other;
    } flags[] = {{"nosuid", "suid"}, {"nodev", "dev"}, {"noexec", "exec"}};
    const struct spec_mount *m = p->mount;
    struct strv options = {0};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (!strv_has(&m->options, flags[i].safe) && !strv_has(&m->options, flags[i].other))
            strv_add(&options, flags[i].safe);
    strv_add_all(&options, &m->options);
    if (m->read_only && !strv_has(&options, "ro"))
        strv_add(&options, "ro");
    push_mount(list, p->target, "tmpfs", "tmpfs", &options);
}

static void
push_other(struct json *list, const struct placed *p)
{
    struct strv options = strv_clone(&p->mount->options);

    if (p->mount->read_only && !strv_has(&options, "ro"))
        strv_add(&options, "ro");
    push_mount(list, p->target, p->mount->type, p->mount->source ? p->mount->source : "none",
               &options);
}

int
spec_build_mounts(const struct spec_options *o, struct json **ret, struct err *err)
{
    AUTO_PTR(json) list = NULL;
    AUTO(placed_list) placed = {0};
    struct strv options;
    int r;

    if (o->shm_size_bytes < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "shm-size must not be negative");
    r = place(o, &placed, err);
    if (r < 0)
        return r;
    list = json_new_array();
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (!is_replaced(&defaults[i], &placed))
            push_default(list, &defaults[i], o);
    for (size_t i = 0; i < placed.n; i++)
        if (is_bind(placed.items[i].mount))
            push_bind(list, &placed.items[i]);
        else if (strcmp(placed.items[i].mount->type, "tmpfs") == 0)
            push_tmpfs(list, &placed.items[i]);
        else
            push_other(list, &placed.items[i]);
    if (o->init_path) {
        options = strv_split("bind,ro", ',');
        push_mount(list, SPEC_INIT_TARGET, "bind", o->init_path, &options);
    }
    *ret = TAKE(list);
    return 0;
}

const char *
spec_propagation(const struct spec_options *o)
{
    const char *wanted = NULL;

    for (const struct spec_mount *m = o->mounts; m < o->mounts + o->n_mounts; m++) {
        if (strv_has(&m->options, "shared") || strv_has(&m->options, "rshared"))
            return "shared";
        if (strv_has(&m->options, "slave") || strv_has(&m->options, "rslave"))
            wanted = "rslave";
    }
    return wanted;
}
