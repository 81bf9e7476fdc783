/* SPDX-License-Identifier: Apache-2.0 */
/* Where a layer is to be applied, from the mounts of the request (reference 10.4). */
#include "diff_target.h"

#include <string.h>

/*
 * lowerdir+=DIR, and lowerdir=A:B:…, where a backslash keeps the next byte from separating; "::" starts data-only
 * layers, which hold no names.
 */
static void
add_lowerdirs(struct strv *dirs, const char *value)
{
    auto_free char *one = xmalloc(strlen(value) + 1);
    size_t n = 0;

    for (const char *p = value;; p++) {
        if (*p == '\\' && p[1]) {
            one[n++] = *++p;
            continue;
        }
        if (*p != ':' && *p != '\0') {
            one[n++] = *p;
            continue;
        }
        if (n)
            strv_add_n(dirs, one, n);
        n = 0;
        if (*p == '\0' || p[1] == ':')
            return;
    }
}

static struct diff_target
overlay_target(const struct mount *m)
{
    struct diff_target t = {.kind = DIFF_TARGET_UPPER, .dir = mount_option_find(m, "upperdir")};

    if (!t.dir || m->target[0])
        return (struct diff_target){.kind = DIFF_TARGET_MOUNT};
    for (size_t i = 0; i < m->options.n; i++) {
        const char *o = m->options.items[i];

        if (strcmp(o, "userxattr") == 0)
            t.userxattr = true;
        else if (strncmp(o, "lowerdir=", strlen("lowerdir=")) == 0)
            add_lowerdirs(&t.lowerdirs, o + strlen("lowerdir="));
        else if (strncmp(o, "lowerdir+=", strlen("lowerdir+=")) == 0)
            strv_add(&t.lowerdirs, o + strlen("lowerdir+="));
    }
    return t;
}

struct diff_target
diff_target_of(const struct mount_list *mounts)
{
    const struct mount *m = mounts->items;

    if (mounts->n == 1 && strcmp(m->type, "overlay") == 0)
        return overlay_target(m);
    if (mounts->n == 1 && (strcmp(m->type, "bind") == 0 || strv_has(&m->options, "rbind")) &&
        !m->target[0] && !strv_has(&m->options, "ro") && !mount_option_find(m, "uidmap"))
        return (struct diff_target){.kind = DIFF_TARGET_BIND, .dir = m->source};
    return (struct diff_target){.kind = DIFF_TARGET_MOUNT};
}

void
diff_target_done(struct diff_target *t)
{
    strv_done(&t->lowerdirs);
}

char *
diff_target_any_dir(const struct mount_list *mounts)
{
    const struct mount *m = mounts->items;
    const char *dir;

    if (!mounts->n)
        return NULL;
    if (strcmp(m->type, "overlay") != 0)
        return xstrdup(m->source);
    dir = mount_option_find(m, "upperdir");
    if (dir)
        return xstrdup(dir);
    dir = mount_option_find(m, "lowerdir");
    return dir ? xstrndup(dir, strcspn(dir, ":")) : NULL;
}
