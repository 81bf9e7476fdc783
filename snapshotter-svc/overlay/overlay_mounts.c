/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts a snapshot answers (reference 8.6): pure functions over ids. */
#include "overlay_mounts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/parse.h"

/* "lowerdir=DIR/P1/fs:…:DIR/Pn/fs" in one allocation: chains of hundreds of layers are ordinary. */
static char *
lowerdir_option(const struct overlay_mounts_input *in)
{
    size_t room = sizeof "lowerdir=" + in->n_parents * (strlen(in->dir) + sizeof "//fs:" + 20);
    char *s = xmalloc(room), *at = s;

    at += snprintf(at, room, "lowerdir=");
    for (size_t i = 0; i < in->n_parents; i++)
        at += snprintf(at, room - (size_t) (at - s), "%s%s/%" PRIu64 "/fs", i ? ":" : "", in->dir,
                       in->parent_ids[i]);
    return s;
}

static void
add_idmap(struct mount *m, const struct overlay_mounts_input *in)
{
    if (in->uidmap)
        strv_printf(&m->options, "uidmap=%s", in->uidmap);
    if (in->gidmap)
        strv_printf(&m->options, "gidmap=%s", in->gidmap);
}

static void
add_bind(struct mount_list *l, const struct overlay_mounts_input *in, uint64_t id, const char *mode)
{
    auto_free char *source = xasprintf("%s/%" PRIu64 "/fs", in->dir, id);
    struct mount *m = mount_list_add(l, "bind", source);

    add_idmap(m, in);
    strv_add(&m->options, mode);
    strv_add(&m->options, "rbind");
}

struct mount_list
overlay_mounts(const struct overlay_mounts_input *in)
{
    struct mount_list l = {0};
    struct mount *m;

    assert(in->kind == SNAPSHOT_ACTIVE || in->kind == SNAPSHOT_VIEW);
    if (in->n_parents == 0) {
        add_bind(&l, in, in->id, in->kind == SNAPSHOT_ACTIVE ? "rw" : "ro");
        return l;
    }
    if (in->n_parents == 1 && in->kind == SNAPSHOT_VIEW) {
        add_bind(&l, in, in->parent_ids[0], "ro");
        return l;
    }
    m = mount_list_add(&l, "overlay", "overlay");
    add_idmap(m, in);
    if (in->kind == SNAPSHOT_ACTIVE) {
        strv_printf(&m->options, "workdir=%s/%" PRIu64 "/work", in->dir, in->id);
        strv_printf(&m->options, "upperdir=%s/%" PRIu64 "/fs", in->dir, in->id);
    }
    strv_take(&m->options, lowerdir_option(in));
    if (in->extra)
        strv_add_all(&m->options, in->extra);
    return l;
}

static bool
has_option(const struct strv *v, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < v->n; i++)
        if (strncmp(v->items[i], name, len) == 0 &&
            (v->items[i][len] == '\0' || v->items[i][len] == '='))
            return true;
    return false;
}

struct strv
overlay_extra_options(const struct strv *configured, const struct overlay_host *host)
{
    struct strv v = strv_clone(configured);

    if (host->userxattr && !has_option(&v, "userxattr"))
        strv_add(&v, "userxattr");
    if (host->index && !has_option(&v, "index"))
        strv_add(&v, "index=off");
    return v;
}

#define MAPPING_RANGES_MAX 340 /* the kernel's UID_GID_MAP_MAX_EXTENTS */

int
overlay_mapped_root(const char *mapping, uint32_t *ret, struct err *err)
{
    struct strv ranges = strv_split(mapping, ','), part = {0};
    uint32_t inside, outside, size, root = 0;
    bool found = false;
    int r = 0;

    if (ranges.n > MAPPING_RANGES_MAX)
        r = err_set(err, CODE_INVALID_ARGUMENT, "id mapping of more than %d ranges",
                    MAPPING_RANGES_MAX);
    for (size_t i = 0; r == 0 && i < ranges.n; i++) {
        strv_done(&part);
        part = strv_split(ranges.items[i], ':');
        if (part.n != 3 || parse_u32(part.items[0], &inside, NULL) < 0 ||
            parse_u32(part.items[1], &outside, NULL) < 0 ||
            parse_u32(part.items[2], &size, NULL) < 0 || size == 0)
            r = err_set(err, CODE_INVALID_ARGUMENT,
                        "id mapping '%.128s' is not CONTAINERID:HOSTID:SIZE[,…]", mapping);
        else if (inside == 0 && !found) {
            root = outside;
            found = true;
        }
    }
    if (r == 0 && !found)
        r = err_set(err, CODE_INVALID_ARGUMENT, "id mapping '%.128s' does not map id 0", mapping);
    strv_done(&part);
    strv_done(&ranges);
    if (r == 0)
        *ret = root;
    return r;
}

bool
overlay_path_id(const char *dir, const char *path, uint64_t *ret_id)
{
    size_t len = strlen(dir), digits;
    char number[21];
    uint64_t id;

    if (strncmp(path, dir, len) != 0 || path[len] != '/')
        return false;
    path += len + 1;
    digits = strspn(path, "0123456789");
    if (digits == 0 || digits >= sizeof number || path[0] == '0' ||
        strcmp(path + digits, "/fs") != 0)
        return false;
    memcpy(number, path, digits);
    number[digits] = '\0';
    if (parse_u64(number, &id, NULL) < 0)
        return false;
    *ret_id = id;
    return true;
}
