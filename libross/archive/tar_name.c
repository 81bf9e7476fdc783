/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_name.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void
reserve(struct tar_name *n, size_t bytes)
{
    if (bytes <= n->cap)
        return;
    n->text = xrealloc(n->text, bytes);
    n->cap = bytes;
}

/* Appends components to out, "a/b/c", and counts them. */
static int
clean(const char *name, const struct tar_limits *limits, char *out, struct err *err)
{
    bool absolute = *name == '/';
    uint32_t depth = 0;
    size_t len = 0, n;

    out[0] = '\0';
    for (const char *p = name; *p; p += n) {
        n = strspn(p, "/");
        if (n)
            continue;
        n = strcspn(p, "/");
        if (n == 1 && p[0] == '.')
            continue;
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            char *slash = strrchr(out, '/');

            if (!depth && !absolute)
                return err_set(err, CODE_INVALID_ARGUMENT, "the name leads out of the root");
            len = slash ? (size_t) (slash - out) : 0;
            out[len] = '\0';
            depth -= depth > 0;
            continue;
        }
        if (n > NAME_MAX)
            return err_set(err, CODE_INVALID_ARGUMENT, "a part of the name is longer than %d bytes",
                           NAME_MAX);
        if (++depth > limits->depth_max)
            return err_set(err, CODE_RESOURCE_EXHAUSTED, "deeper than the limit of %u levels",
                           limits->depth_max);
        if (len)
            out[len++] = '/';
        memcpy(out + len, p, n);
        len += n;
        out[len] = '\0';
    }
    return 0;
}

int
tar_name_split(const char *name, const struct tar_limits *limits, struct tar_name *ret,
               struct err *err)
{
    size_t len = strlen(name);
    char *slash;
    int r;

    if (len > limits->name_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "a name longer than the limit of %u bytes",
                       limits->name_bytes_max);
    /* One byte in front of the text is the empty parent of a name without a slash. */
    reserve(ret, len + 2);
    ret->text[0] = '\0';
    r = clean(name, limits, ret->text + 1, err);
    if (r < 0)
        return r;
    slash = strrchr(ret->text + 1, '/');
    if (slash)
        *slash = '\0';
    ret->parent = slash ? ret->text + 1 : ret->text;
    ret->base = slash ? slash + 1 : ret->text + 1;
    return 0;
}

void
tar_name_done(struct tar_name *n)
{
    free(n->text);
    *n = (struct tar_name){0};
}

char *
tar_name_show(const char *name, char buf[static TAR_NAME_SHOWN_MAX])
{
    size_t len = 0;

    for (; *name; name++) {
        unsigned char c = (unsigned char) *name;

        if (len + sizeof "\\xff..." > TAR_NAME_SHOWN_MAX) {
            memcpy(buf + len, "...", 3);
            len += 3;
            break;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\')
            buf[len++] = (char) c;
        else
            len += (size_t) snprintf(buf + len, TAR_NAME_SHOWN_MAX - len, "\\x%02x", c);
    }
    buf[len] = '\0';
    return buf;
}
