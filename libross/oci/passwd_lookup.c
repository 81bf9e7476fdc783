/* SPDX-License-Identifier: Apache-2.0 */
/* USER[:GROUP] looked up in the bytes of passwd and group files. */
#include "libross/oci/passwd_lookup.h"

#include <stdbool.h>
#include <string.h>

#define FIELDS_MAX 7          /* of a passwd line; group has 4 */
#define ID_MAX     0x7fffffff /* docker's limit: ids are int32 there */

/* A piece of the file, not NUL-terminated. */
struct slice {
    const char *p;
    size_t n;
};

struct file {
    const char *p, *end;
};

static struct file
file_of(const void *p, size_t n)
{
    const char *bytes = p ? p : "";

    if (!p)
        n = 0;
    if (n > PASSWD_SIZE_MAX)
        n = PASSWD_SIZE_MAX;
    return (struct file){.p = bytes, .end = bytes + n};
}

/* The next line of at least `need` fields, split at ':'; missing further fields are empty. */
static bool
next_line(struct file *f, size_t need, struct slice fields[static FIELDS_MAX])
{
    const char *end, *colon, *p;
    size_t n;

    while (f->p < f->end) {
        end = memchr(f->p, '\n', (size_t) (f->end - f->p));
        if (!end)
            end = f->end;
        p = f->p;
        f->p = end < f->end ? end + 1 : end;
        memset(fields, 0, FIELDS_MAX * sizeof *fields);
        for (n = 0; n < FIELDS_MAX; p = colon + 1) {
            colon = memchr(p, ':', (size_t) (end - p));
            if (!colon)
                colon = end;
            fields[n++] = (struct slice){.p = p, .n = (size_t) (colon - p)};
            if (colon == end)
                break;
        }
        if (n >= need && fields[0].n)
            return true;
    }
    return false;
}

static bool
slice_is(struct slice s, const char *text)
{
    return strlen(text) == s.n && memcmp(s.p, text, s.n) == 0;
}

static bool
slice_id(struct slice s, uint32_t *ret)
{
    uint64_t v = 0;

    if (!s.n || s.n > 10)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (uint64_t) (s.p[i] - '0');
    }
    if (v > ID_MAX)
        return false;
    *ret = (uint32_t) v;
    return true;
}

static bool
text_id(const char *s, uint32_t *ret)
{
    return slice_id((struct slice){.p = s, .n = strlen(s)}, ret);
}

void
passwd_user_done(struct passwd_user *u)
{
    free(u->groups);
    free(u->home);
    free(u->name);
    *u = (struct passwd_user){0};
}

/* The first line with that name or number, as docker does. passwd: name:x:uid:gid:gecos:home:shell */
static bool
find_user(const char *user, struct file passwd, struct passwd_user *u)
{
    struct slice fields[FIELDS_MAX];
    uint32_t wanted = 0, uid, gid;
    bool numeric = text_id(user, &wanted), by_name;

    while (next_line(&passwd, 4, fields)) {
        if (!slice_id(fields[2], &uid) || !slice_id(fields[3], &gid))
            continue;
        by_name = slice_is(fields[0], user);
        if (!by_name && !(numeric && uid == wanted))
            continue;
        u->uid = uid;
        u->gid = gid;
        u->name = xstrndup(fields[0].p, fields[0].n);
        if (fields[5].n)
            u->home = xstrndup(fields[5].p, fields[5].n);
        return true;
    }
    u->uid = wanted;
    return numeric;
}

/* group: name:x:gid:member,member */
static bool
find_group(const char *name, struct file group, uint32_t *ret)
{
    struct slice fields[FIELDS_MAX];
    uint32_t wanted = 0, gid;
    bool numeric = text_id(name, &wanted);

    while (next_line(&group, 3, fields))
        if (slice_id(fields[2], &gid) && slice_is(fields[0], name)) {
            *ret = gid;
            return true;
        }
    *ret = wanted;
    return numeric;
}

static bool
has_member(struct slice members, const char *name)
{
    const char *p = members.p, *end = members.p + members.n, *comma;

    for (; p && p < end; p = comma + 1) {
        comma = memchr(p, ',', (size_t) (end - p));
        if (!comma)
            comma = end;
        if (slice_is((struct slice){.p = p, .n = (size_t) (comma - p)}, name))
            return true;
    }
    return false;
}

static int
add_group(struct passwd_user *u, uint32_t gid, struct err *err)
{
    size_t at = 0;

    while (at < u->n_groups && u->groups[at] < gid)
        at++;
    if (at < u->n_groups && u->groups[at] == gid)
        return 0;
    if (u->n_groups == PASSWD_GROUPS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d additional groups",
                       PASSWD_GROUPS_MAX);
    u->groups = xreallocarray(u->groups, u->n_groups + 1, sizeof *u->groups);
    memmove(u->groups + at + 1, u->groups + at, (u->n_groups - at) * sizeof *u->groups);
    u->groups[at] = gid;
    u->n_groups++;
    return 0;
}

static int
add_memberships(struct passwd_user *u, struct file group, struct err *err)
{
    struct slice fields[FIELDS_MAX];
    uint32_t gid;
    int r = 0;

    while (r == 0 && u->name && next_line(&group, 4, fields))
        if (slice_id(fields[2], &gid) && gid != u->gid && has_member(fields[3], u->name))
            r = add_group(u, gid, err);
    return r;
}

int
passwd_lookup(const char *spec, const void *passwd, size_t n_passwd, const void *group,
              size_t n_group, const struct strv *more_groups, struct passwd_user *ret,
              struct err *err)
{
    const char *text = spec && *spec ? spec : "0", *colon = strchrnul(text, ':');
    auto_free char *user = xstrndup(text, (size_t) (colon - text));
    struct file groups = file_of(group, n_group);
    AUTO(passwd_user) u = {0};
    uint32_t gid;
    int r = 0;

    if (strchr(*colon ? colon + 1 : "", ':'))
        return err_set(err, CODE_INVALID_ARGUMENT, "user '%.64s' is not of the form USER[:GROUP]",
                       text);
    if (!find_user(*user ? user : "0", file_of(passwd, n_passwd), &u))
        return err_set(err, CODE_NOT_FOUND, "no user '%.64s' in the image's /etc/passwd", user);
    if (*colon && colon[1]) {
        if (!find_group(colon + 1, groups, &u.gid))
            return err_set(err, CODE_NOT_FOUND, "no group '%.64s' in the image's /etc/group",
                           colon + 1);
    } else {
        r = add_memberships(&u, groups, err);
    }
    for (size_t i = 0; r == 0 && more_groups && i < more_groups->n; i++) {
        if (!find_group(more_groups->items[i], groups, &gid))
            return err_set(err, CODE_NOT_FOUND, "no group '%.64s' in the image's /etc/group",
                           more_groups->items[i]);
        r = add_group(&u, gid, err);
    }
    if (r < 0)
        return r;
    if (!u.home)
        u.home = xstrdup("/");
    *ret = TAKE_STRUCT(u);
    return 0;
}
