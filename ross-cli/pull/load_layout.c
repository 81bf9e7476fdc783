/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/load_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/oci/oci_manifest.h"

#define PIECE_BYTES (1024 * 1024)
#define DEPTH_MAX   4 /* indexes within indexes */

struct file_source {
    int fd;
    char *piece;
};

static ssize_t
file_piece(void *arg, const void **ret_piece, struct err *err)
{
    struct file_source *f = arg;
    ssize_t n;

    do
        n = read(f->fd, f->piece, PIECE_BYTES);
    while (n < 0 && errno == EINTR);
    *ret_piece = f->piece;
    return n < 0 ? err_sys(err, errno, "read") : n;
}

/* The fd of a blob, -1 when it is not there. */
static int
blob_open(int dir_fd, const struct oci_desc *d)
{
    char hex[DIGEST_HEX_MAX];
    auto_free char *name =
        xasprintf("blobs/%s/%s", digest_alg_name(d->digest.alg), digest_hex(&d->digest, hex));

    return path_open_in_root(dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
}

static int
blob_copy(struct load_set *s, int fd, const struct oci_desc *d, struct err *err)
{
    auto_free char *piece = xmalloc(PIECE_BYTES);
    struct file_source from = {.fd = fd, .piece = piece};
    struct load_file got = {0};
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, CODE_INVALID_ARGUMENT, "not a regular file");
    if (st.st_size != d->size_bytes)
        return err_set(err, CODE_DATA_LOSS, "has %lld bytes, its descriptor says %lld",
                       (long long) st.st_size, (long long) d->size_bytes);
    return load_write(s, NULL, &d->digest, file_piece, &from, &got, err);
}

static int copy_tree(struct load_set *s, int dir_fd, const struct oci_desc *d, int depth,
                     struct err *err);

static int
copy_children(struct load_set *s, int dir_fd, const struct oci_desc *d, int fd, int depth,
              struct err *err)
{
    enum media_kind kind = media_type_kind(d->media_type);
    AUTO(buf) bytes = BUF_INIT(MANIFEST_SIZE_MAX);
    AUTO(oci_index) index = {0};
    AUTO(oci_manifest) m = {0};
    int r;

    if (kind != MEDIA_INDEX && kind != MEDIA_MANIFEST)
        return 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, errno, "seek");
    r = fd_read_to_buf(fd, &bytes, err);
    if (r == 0 && kind == MEDIA_INDEX)
        r = oci_index_parse(bytes.data, bytes.len, d->media_type, &index, err);
    else if (r == 0)
        r = oci_manifest_parse(bytes.data, bytes.len, d->media_type, &m, err);
    for (size_t i = 0; r == 0 && i < index.n; i++)
        r = copy_tree(s, dir_fd, &index.manifests[i], depth + 1, err);
    if (r == 0 && kind == MEDIA_MANIFEST)
        r = copy_tree(s, dir_fd, &m.config, depth + 1, err);
    for (size_t i = 0; r == 0 && i < m.n_layers; i++)
        r = copy_tree(s, dir_fd, &m.layers[i], depth + 1, err);
    return r;
}

static int
copy_tree(struct load_set *s, int dir_fd, const struct oci_desc *d, int depth, struct err *err)
{
    auto_close int fd = blob_open(dir_fd, d);
    char shown[DIGEST_STR_MAX];
    int r;

    if (depth > DEPTH_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "indexes are nested deeper than %d", DEPTH_MAX);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(err, errno, "open blob %s", digest_format(&d->digest, shown));
    r = blob_copy(s, fd, d, err);
    if (r < 0)
        return err_wrap(err, r, "blob %s", digest_format(&d->digest, shown));
    return copy_children(s, dir_fd, d, fd, depth, err);
}

int
load_layout(struct load_set *s, int dir_fd, struct err *err)
{
    AUTO(oci_index) index = {0};
    auto_free char *layout = NULL;
    size_t n;
    int r = fd_read_file_at(dir_fd, "oci-layout", 65536, &layout, &n, err);

    if (r == 0)
        r = fd_read_file_at(dir_fd, "index.json", LOAD_JSON_MAX, &s->index_json, &s->index_bytes,
                            err);
    if (r == -CODE_NOT_FOUND)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the directory is no OCI layout (oci-layout and index.json are missing)");
    if (r < 0)
        return r;
    s->oci_layout = true;
    r = oci_index_parse(s->index_json, s->index_bytes, NULL, &index, err);
    if (r < 0)
        return err_wrap(err, r, "index.json");
    for (size_t i = 0; r == 0 && i < index.n; i++)
        r = copy_tree(s, dir_fd, &index.manifests[i], 0, err);
    return r;
}
