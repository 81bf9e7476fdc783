/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_pax.h"

#include <string.h>

#include "tar_header.h"

#define XATTR_PREFIX "SCHILY.xattr."
#define RECORD_MIN   5 /* "5 a=\n" */

static const char *const key_names[PAX_KEYS] = {
    [PAX_PATH] = "path",
    [PAX_LINKPATH] = "linkpath",
    [PAX_UNAME] = "uname",
    [PAX_GNAME] = "gname",
    [PAX_UID] = "uid",
    [PAX_GID] = "gid",
    [PAX_SIZE] = "size",
    [PAX_MTIME] = "mtime",
    [PAX_ATIME] = "atime",
    [PAX_CTIME] = "ctime",
    [PAX_SPARSE_MAJOR] = "GNU.sparse.major",
    [PAX_SPARSE_MINOR] = "GNU.sparse.minor",
    [PAX_SPARSE_NAME] = "GNU.sparse.name",
    [PAX_SPARSE_SIZE] = "GNU.sparse.size",
    [PAX_SPARSE_REALSIZE] = "GNU.sparse.realsize",
    [PAX_SPARSE_NUMBLOCKS] = "GNU.sparse.numblocks",
    [PAX_SPARSE_MAP] = "GNU.sparse.map",
};

struct record {
    const char *key;
    size_t key_len;
    struct tar_pax_value value;
};

static bool
key_is(const struct record *r, const char *name)
{
    return r->key_len == strlen(name) && memcmp(r->key, name, r->key_len) == 0;
}

static int
malformed(struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "a PAX header is malformed");
}

/* Takes one record from the front. 0, or -1. */
static int
record_next(char **text, size_t *n, struct record *ret)
{
    char *start = *text, *space = memchr(start, ' ', *n), *equals;
    size_t head, body;
    int64_t len;

    if (!space)
        return -1;
    head = (size_t) (space - start) + 1;
    if (tar_decimal_parse(start, head - 1, &len) < 0 || len < RECORD_MIN || (uint64_t) len > *n ||
        (uint64_t) len <= head)
        return -1;
    body = (size_t) len - head - 1;
    if (start[len - 1] != '\n')
        return -1;
    equals = memchr(start + head, '=', body);
    if (!equals || equals == start + head)
        return -1;
    start[len - 1] = '\0';
    ret->key = start + head;
    ret->key_len = (size_t) (equals - ret->key);
    ret->value.p = equals + 1;
    ret->value.n = body - ret->key_len - 1;
    *text += len;
    *n -= (size_t) len;
    return memchr(ret->key, '\0', ret->key_len) ? -1 : 0;
}

static int
add_xattr(struct tar_pax *p, const struct record *r, const struct tar_limits *limits,
          struct err *err)
{
    /* The key ends where '=' was: make it a string of its own. */
    char *name = (char *) (uintptr_t) r->key + strlen(XATTR_PREFIX);
    size_t i = 0, len = r->key_len - strlen(XATTR_PREFIX);

    name[len] = '\0';
    while (i < p->n_xattrs && strcmp(p->xattrs[i].name, name) != 0)
        i++;
    if (i == limits->xattrs_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "more extended attributes than the limit of %u", limits->xattrs_max);
    p->xattr_bytes += len + r->value.n;
    if (p->xattr_bytes > limits->xattr_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "extended attributes longer than the limit of %u bytes",
                       limits->xattr_bytes_max);
    if (i == p->xattrs_cap) {
        p->xattrs_cap = p->xattrs_cap ? 2 * p->xattrs_cap : 4;
        p->xattrs = xreallocarray(p->xattrs, p->xattrs_cap, sizeof *p->xattrs);
    }
    p->xattrs[i] = (struct tar_xattr){.name = name, .value = r->value.p, .size = r->value.n};
    if (i == p->n_xattrs)
        p->n_xattrs++;
    return 0;
}

/* Sparse format 0.0 repeats the keys, which PAX does not allow: offset, numbytes, offset, … */
static int
add_sparse_piece(struct tar_pax *p, const struct record *r, const struct tar_limits *limits,
                 struct err *err)
{
    bool is_offset = key_is(r, "GNU.sparse.offset");

    if (is_offset != (p->n_pieces % 2 == 0) || memchr(r->value.p, ',', r->value.n))
        return malformed(err);
    if (p->n_pieces / 2 >= limits->sparse_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more sparse pieces than the limit of %u",
                       limits->sparse_max);
    if (p->n_pieces == p->pieces_cap) {
        p->pieces_cap = p->pieces_cap ? 2 * p->pieces_cap : 16;
        p->pieces = xreallocarray(p->pieces, p->pieces_cap, sizeof *p->pieces);
    }
    p->pieces[p->n_pieces++] = r->value;
    return 0;
}

static int
add_record(struct tar_pax *p, const struct record *r, const struct tar_limits *limits,
           struct err *err)
{
    if (r->key_len >= strlen(XATTR_PREFIX) &&
        memcmp(r->key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0)
        return add_xattr(p, r, limits, err);
    if (key_is(r, "GNU.sparse.offset") || key_is(r, "GNU.sparse.numbytes"))
        return add_sparse_piece(p, r, limits, err);
    for (int k = 0; k < PAX_KEYS; k++) {
        if (!key_is(r, key_names[k]))
            continue;
        if (k <= PAX_GNAME && memchr(r->value.p, '\0', r->value.n))
            return err_set(err, CODE_INVALID_ARGUMENT, "a NUL in the PAX record '%s'",
                           key_names[k]);
        p->values[k] = r->value;
        return 0;
    }
    return 0; /* unknown keys are for others (POSIX pax, "ignored") */
}

int
tar_pax_parse(struct tar_pax *p, char *text, size_t n, const struct tar_limits *limits,
              struct err *err)
{
    struct record rec;
    int r;

    tar_pax_clear(p);
    while (n) {
        if (record_next(&text, &n, &rec) < 0)
            return malformed(err);
        r = add_record(p, &rec, limits, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void
tar_pax_clear(struct tar_pax *p)
{
    memset(p->values, 0, sizeof p->values);
    p->n_xattrs = p->n_pieces = 0;
    p->xattr_bytes = 0;
}

void
tar_pax_done(struct tar_pax *p)
{
    free(p->xattrs);
    free(p->pieces);
    *p = (struct tar_pax){0};
}
