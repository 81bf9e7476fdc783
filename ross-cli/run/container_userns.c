/* SPDX-License-Identifier: Apache-2.0 */
/* A container with a user namespace of its own. */
#include "container_userns.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container_join.h"
#include "libross/base/path.h"
#include "libross/mount/mount.h"
#include "ross-cli/volume/volume.h"
#include "runtime_pick.h"

#define LABEL_UIDMAP "containerd.io/snapshot/uidmapping"
#define LABEL_GIDMAP "containerd.io/snapshot/gidmapping"
#define IDMAP        "idmap" /* the word of a mount, ours and the runtimes' */

int
container_userns_parse(const struct run_options *opt, const struct net_request *net,
                       struct user_map *ret, struct err *err)
{
    int r = user_map_parse(opt->userns, ret, err);

    if (r < 0 || !ret->any)
        return r;
    if (net->mode == NET_CONTAINER || container_join_word(opt->pid) ||
        container_join_word(opt->ipc) || container_join_word(opt->uts))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--userns cannot be used with the namespaces of another container, which "
                       "belong to that one's users");
    if (opt->ipc && strcmp(opt->ipc, "host") == 0 && access("/dev/mqueue", F_OK) < 0)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "--userns with --ipc host needs the host's message queues at /dev/mqueue, "
                       "and nothing is mounted there");
    return 0;
}

/* The runtime goes to the root filesystem as the container's root, who is a stranger to the host. */
static int
check_reachable(const char *dir, struct err *err)
{
    auto_free char *path = xstrdup(dir);
    struct stat st;

    for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(*path ? path : "/", &st) == 0 && !(st.st_mode & S_IXOTH))
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "--userns: the container's root could not get through '%s'; 'chmod o+x' "
                           "it, or choose another --state",
                           path);
    }
    return 0;
}

static struct spec_id_map *
one_map(uint32_t host_id, uint32_t size, struct arena *arena)
{
    struct spec_id_map *m = arena_zalloc(arena, sizeof *m);

    m->host_id = host_id;
    m->size = size;
    return m;
}

int
container_userns_begin(const struct session *s, const char *dir, bool durable, struct user_map *map,
                       struct spec_options *o, struct arena *arena, struct err *err)
{
    int r;

    if (!map->any)
        return 0;
    r = check_reachable(s->state, err);
    if (r == 0)
        r = user_map_take(s->root, dir, durable, map, err);
    if (r < 0)
        return r;
    o->uid_maps = one_map(map->uid, map->size, arena);
    o->gid_maps = one_map(map->gid, map->size, arena);
    o->n_uid_maps = o->n_gid_maps = 1;
    return 0;
}

void
container_userns_labels(const struct spec_options *o, struct labels *labels)
{
    char text[USER_MAP_TEXT_MAX];

    if (!o->n_uid_maps)
        return;
    labels_set(labels, LABEL_UIDMAP, user_map_text(o->uid_maps->host_id, o->uid_maps->size, text));
    labels_set(labels, LABEL_GIDMAP, user_map_text(o->gid_maps->host_id, o->gid_maps->size, text));
}

/* Something of ours, which nobody on the host has but through containers. */
static bool
is_volume(const struct session *s, const struct spec_mount *m)
{
    auto_free char *name = m->source ? volume_name_of_path(s->root, m->source) : NULL;

    return name != NULL;
}

static bool
is_file_of(const char *dir, const struct spec_mount *m)
{
    size_t n = strlen(dir);

    return m->source && strncmp(m->source, dir, n) == 0 && m->source[n] == '/';
}

int
container_userns_mounts(const struct session *s, const char *dir, const char *runtime,
                        struct spec_options *o, struct err *err)
{
    bool able = o->n_uid_maps && runtime_can_idmap(runtime);

    for (struct spec_mount *m = o->mounts; m < o->mounts + o->n_mounts; m++) {
        bool asked = strv_has(&m->options, IDMAP), volume = is_volume(s, m);

        if (asked && !o->n_uid_maps)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "the mount on '%.256s' cannot be idmap without --userns", m->target);
        if (!o->n_uid_maps)
            continue;
        if ((asked || volume) && !able)
            return err_set(err, CODE_FAILED_PRECONDITION,
                           "'%s' cannot map the ids of the mount on '%.256s' for --userns; use "
                           "crun, or runc from 1.2 on",
                           runtime, m->target);
        if (!asked && able && (volume || is_file_of(dir, m)))
            strv_add(&m->options, IDMAP);
    }
    return 0;
}
