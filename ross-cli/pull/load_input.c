/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_input.h"

#include <errno.h>
#include <string.h>

#include "libross/archive/decompress.h"
#include "libross/archive/tar_read.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"

#define SHA256_HEX 64
#define NAMES_MAX  16 /* directories of the first levels may come before */

void
load_input_done(struct load_input *in)
{
    free(in->head);
    *in = (struct load_input){.fd = -1};
}

ssize_t
load_input_read(void *input, void *p, size_t n, struct err *err)
{
    struct load_input *in = input;
    size_t left = in->n - in->at;

    if (!left)
        return decompress_source_fd(&in->fd, p, n, err);
    if (n > left)
        n = left;
    memcpy(p, in->head + in->at, n);
    in->at += n;
    return (ssize_t) n;
}

static bool
is_hex(const char *s, size_t n)
{
    return n == SHA256_HEX && strspn(s, "0123456789abcdef") >= n;
}

bool
load_name_is_of_images(const char *name)
{
    static const char *const known[] = {"blobs", "oci-layout", "index.json", "manifest.json",
                                        "repositories"};
    size_t n = strcspn(name, "/");

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i]) == n && strncmp(name, known[i], n) == 0)
            return true;
    /* of docker: ID/layer.tar, ID.json, ID.tar */
    if (n > 5 && strncmp(name + n - 5, ".json", 5) == 0)
        return is_hex(name, n - 5);
    if (n > 4 && strncmp(name + n - 4, ".tar", 4) == 0)
        return is_hex(name, n - 4);
    return is_hex(name, n);
}

/* ---- looking ---- */

struct piece {
    struct decompress *in;
    unsigned char bytes[4096];
};

static ssize_t
next_piece(void *arg, const unsigned char **ret_piece, struct err *err)
{
    struct piece *p = arg;

    *ret_piece = p->bytes;
    return decompress_read(p->in, p->bytes, sizeof p->bytes, err);
}

/* The head as a stream of its own. */
static ssize_t
head_read(void *input, void *p, size_t n, struct err *err)
{
    struct load_input *in = input;
    size_t left = in->n - in->at;

    (void) err;
    if (n > left)
        n = left;
    memcpy(p, in->head + in->at, n);
    in->at += n;
    return (ssize_t) n;
}

static enum load_kind
look(struct load_input *in)
{
    AUTO_PTR(decompress) stream = decompress_new(head_read, in, NULL);
    struct piece piece = {.in = stream};
    AUTO_PTR(tar_read) t = tar_read_new(next_piece, &piece, &tar_limits_default);
    const struct tar_entry *e;

    /* A head that ends in the middle fails here when nothing was decided before: then it is no such archive. */
    for (int i = 0; i < NAMES_MAX && tar_read_next(t, &e, NULL) > 0; i++) {
        auto_free char *rooted = xasprintf("/%s", e->name);
        auto_free char *clean = path_clean(rooted);
        if (clean[1])
            return load_name_is_of_images(clean + 1) ? LOAD_IMAGES : LOAD_TREE;
    }
    return LOAD_OTHER;
}

int
load_input_kind(struct load_input *in, enum load_kind *ret, struct err *err)
{
    ssize_t n;

    in->head = xmalloc(LOAD_HEAD_BYTES);
    n = fd_read_full(in->fd, in->head, LOAD_HEAD_BYTES);
    if (n < 0)
        return err_sys(err, errno, "read it");
    in->n = (size_t) n;
    *ret = look(in);
    in->at = 0;
    return 0;
}
