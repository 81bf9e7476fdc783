/* SPDX-License-Identifier: Apache-2.0 */
#include "tar_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/strv.h"
#include "tar_header.h"

#define NAME_BYTES   100
#define PREFIX_BYTES 155
#define RECORDS_MAX  (1 << 20)
#define XATTR_PREFIX "SCHILY.xattr."
#define TYPE_PAX     'x'

/* One record: "KEY=" in front of the value in `key_value`, in the order of keys. */
struct record {
    const char *key;
    const void *value;
    size_t size;
};

static bool
is_ascii(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char) *s >= 0x80)
            return false;
    }
    return true;
}

/* n digits and a NUL, or zero when it does not fit. */
static bool
put_octal(char *field, size_t bytes, int64_t v)
{
    bool fits = v >= 0 && v < INT64_C(1) << (3 * (bytes - 1));

    (void) snprintf(field, bytes, "%0*" PRIo64, (int) bytes - 1, fits ? v : 0);
    return fits;
}

/* Cut, with what is not ASCII left out; a cut name does not end in a slash. */
static void
put_text(char *field, size_t bytes, const char *s)
{
    auto_free char *ascii = xmalloc(strlen(s) + 1);
    size_t n = 0;

    for (; *s; s++) {
        if ((unsigned char) *s < 0x80)
            ascii[n++] = *s;
    }
    if (n > bytes) {
        n = bytes;
        if (ascii[n - 1] == '/') {
            for (n--; n && ascii[n - 1] == '/'; n--)
                ;
        }
    }
    memcpy(field, ascii, n);
}

/* The place of the slash between prefix and name, or NULL when ustar cannot hold the name. */
static const char *
split_point(const char *name)
{
    size_t len = strlen(name), i;

    if (len <= NAME_BYTES || !is_ascii(name))
        return NULL;
    if (len > PREFIX_BYTES + 1)
        len = PREFIX_BYTES + 1;
    else if (name[len - 1] == '/')
        len--;
    for (i = len; i > 0 && name[i - 1] != '/'; i--)
        ;
    if (i <= 1 || strlen(name) - i > NAME_BYTES || !name[i])
        return NULL;
    return name + i - 1;
}

static int
compare_records(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    return strcmp(x->key, y->key);
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static int
append_record(struct buf *out, const struct record *r, struct err *err)
{
    size_t rest = strlen(r->key) + r->size + 3, total = rest;
    int rc;

    while (total != rest + (size_t) snprintf(NULL, 0, "%zu", total))
        total = rest + (size_t) snprintf(NULL, 0, "%zu", total);
    rc = buf_printf(out, err, "%zu %s=", total, r->key);
    if (rc == 0)
        rc = buf_append(out, r->value, r->size, err);
    return rc < 0 ? rc : buf_append(out, "\n", 1, err);
}

static int
append_block(struct buf *out, char block[static TAR_BLOCK], char type, struct err *err)
{
    unsigned sum = 0;

    block[156] = type;
    memcpy(block + 257, "ustar\00000", sizeof "ustar\00000" - 1);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char) block[i];
    (void) snprintf(block + 148, 7, "%06o", sum);
    return buf_append(out, block, TAR_BLOCK, err);
}

static void
put_numbers(char *block, int64_t mode, int64_t uid, int64_t gid, int64_t size, int64_t mtime)
{
    put_octal(block + 100, 8, mode);
    put_octal(block + 108, 8, uid);
    put_octal(block + 116, 8, gid);
    put_octal(block + 124, 12, size);
    put_octal(block + 136, 12, mtime);
}

/* The extended header that holds the records: DIR/PaxHeaders.0/FILE. */
static int
append_extension(struct buf *out, const char *name, const struct record *records, size_t n,
                 struct err *err)
{
    AUTO(buf) text = BUF_INIT(RECORDS_MAX);
    const char *slash = strrchr(name, '/');
    int dir_len = slash ? (int) (slash - name) : 0, r = 0;
    auto_free char *pax_name =
        xasprintf("%.*s%sPaxHeaders.0%s%s", dir_len, name, dir_len ? "/" : "",
                  slash && !slash[1] ? "" : "/", slash ? slash + 1 : name);
    char block[TAR_BLOCK] = {0};

    for (size_t i = 0; i < n && r == 0; i++)
        r = append_record(&text, &records[i], err);
    if (r < 0)
        return r;
    put_text(block, NAME_BYTES, pax_name);
    put_numbers(block, 0, 0, 0, (int64_t) text.len, 0);
    r = append_block(out, block, TYPE_PAX, err);
    if (r == 0)
        r = buf_append(out, text.data, text.len, err);
    return r < 0 ? r : tar_write_padding(out, text.len, err);
}

int
tar_write_header(struct buf *out, const struct tar_entry *e, struct err *err)
{
    const char *split = split_point(e->name);
    auto_free struct record *records = xcalloc(6 + e->n_xattrs, sizeof *records);
    char block[TAR_BLOCK] = {0}, uid[24], gid[24], size[24], mtime[24];
    AUTO(strv) keys = {0};
    size_t n = 0;
    int r;

#define TEXT(k, s)                                                                                 \
    (struct record)                                                                                \
    {                                                                                              \
        .key = (k), .value = (s), .size = strlen(s)                                                \
    }
#define NUMBER(k, s, v) TEXT(k, (snprintf(s, sizeof s, "%" PRId64, (v)), s))
    if (strlen(e->link) > NAME_BYTES || !is_ascii(e->link))
        records[n++] = TEXT("linkpath", e->link);
    if (!put_octal(block + 108, 8, e->uid))
        records[n++] = NUMBER("uid", uid, e->uid);
    if (!put_octal(block + 116, 8, e->gid))
        records[n++] = NUMBER("gid", gid, e->gid);
    if (!put_octal(block + 124, 12, e->size))
        records[n++] = NUMBER("size", size, e->size);
    if (!put_octal(block + 136, 12, e->mtime.sec))
        records[n++] = NUMBER("mtime", mtime, e->mtime.sec);
#undef NUMBER
#undef TEXT
    for (size_t i = 0; i < e->n_xattrs; i++) {
        strv_printf(&keys, XATTR_PREFIX "%s", e->xattrs[i].name);
        records[n++] = (struct record){
            .key = keys.items[i], .value = e->xattrs[i].value, .size = e->xattrs[i].size};
    }
    /* ustar's prefix does for a long name only while there is no other reason for records. */
    if (n)
        split = NULL;
    if (!split && (strlen(e->name) > NAME_BYTES || !is_ascii(e->name)))
        records[n++] = (struct record){.key = "path", .value = e->name, .size = strlen(e->name)};
    if (n) {
        qsort(records, n, sizeof *records, compare_records);
        r = append_extension(out, e->name, records, n, err);
        if (r < 0)
            return r;
    }
    if (split) {
        memcpy(block + 345, e->name, (size_t) (split - e->name));
        put_text(block, NAME_BYTES, split + 1);
    } else {
        put_text(block, NAME_BYTES, e->name);
    }
    put_text(block + 157, NAME_BYTES, e->link);
    put_numbers(block, e->mode, e->uid, e->gid, e->size, e->mtime.sec);
    put_octal(block + 329, 8, e->dev_major);
    put_octal(block + 337, 8, e->dev_minor);
    return append_block(out, block, e->type, err);
}

int
tar_write_padding(struct buf *out, uint64_t size, struct err *err)
{
    static const char zeros[TAR_BLOCK];

    return buf_append(out, zeros, (size_t) (-size & (TAR_BLOCK - 1)), err);
}

int
tar_write_end(struct buf *out, struct err *err)
{
    static const char zeros[2 * TAR_BLOCK];

    return buf_append(out, zeros, sizeof zeros, err);
}
