/* SPDX-License-Identifier: Apache-2.0 */
/* Tar streams, entry by entry, without copying what is in them. */
#include "tar_read.h"

#include <assert.h>
#include <string.h>

#include "libross/base/buf.h"
#include "tar_header.h"
#include "tar_pax.h"

#define TYPE_V7_REG     '\0'
#define TYPE_GNU_SPARSE 'S'
#define TYPE_PAX        'x'
#define TYPE_PAX_GLOBAL 'g'
#define TYPE_GNU_NAME   'L'
#define TYPE_GNU_LINK   'K'

struct piece {
    int64_t offset, len;
};

struct tar_read {
    tar_source_fn fn;
    void *source;
    const struct tar_limits *limits;

    /* The stream: what is left of the piece at hand. */
    const unsigned char *p;
    size_t n;
    bool source_ended;
    uint64_t stream_bytes;

    /* The data section: bytes in the stream that are the entry's, and their padding. */
    int64_t remain;
    unsigned pad;
    int64_t offset; /* in the file, of the next byte of data */

    /* The sparse map, when the entry has one; piece `piece_i` is being read. */
    struct piece *pieces;
    size_t n_pieces, pieces_cap, piece_i;

    uint64_t entries;
    unsigned char block[TAR_BLOCK];
    struct tar_header header;
    struct tar_entry entry;
    struct tar_pax pax;
    struct buf pax_text, name, link; /* of the extension headers that precede the entry */
};

struct tar_read *
tar_read_new(tar_source_fn fn, void *source, const struct tar_limits *limits)
{
    struct tar_read *t = xcalloc(1, sizeof *t);

    t->fn = fn;
    t->source = source;
    t->limits = limits;
    t->pax_text.max_bytes = t->name.max_bytes = t->link.max_bytes = limits->extended_bytes_max;
    return t;
}

void
tar_read_free(struct tar_read *t)
{
    if (!t)
        return;
    tar_pax_done(&t->pax);
    buf_done(&t->pax_text);
    buf_done(&t->name);
    buf_done(&t->link);
    free(t->pieces);
    free(t);
}

uint64_t
tar_read_entries(const struct tar_read *t)
{
    return t->entries;
}

/* ---- the stream ---- */

/* Makes t->n > 0 unless the stream has ended. 1, 0 at the end, or negative. */
static int
more(struct tar_read *t, struct err *err)
{
    ssize_t got;

    if (t->n)
        return 1;
    if (t->source_ended)
        return 0;
    got = t->fn(t->source, &t->p, err);
    if (got < 0)
        return (int) got;
    t->n = (size_t) got;
    t->source_ended = got == 0;
    t->stream_bytes += (uint64_t) got;
    if (t->stream_bytes > t->limits->stream_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "the archive is longer than the limit of %llu bytes",
                       (unsigned long long) t->limits->stream_bytes_max);
    return got > 0;
}

static int
truncated(struct err *err)
{
    return err_set(err, CODE_DATA_LOSS, "the archive ends inside an entry");
}

static int
malformed(struct err *err, const char *what)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "%s", what);
}

/* Up to n bytes into p (NULL to drop them): how many there were before the end, or negative. */
static int64_t
take(struct tar_read *t, unsigned char *p, int64_t n, struct err *err)
{
    int64_t done = 0;
    int r;

    while (done < n) {
        size_t part;

        r = more(t, err);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        part = t->n < (uint64_t) (n - done) ? t->n : (size_t) (n - done);
        if (p)
            memcpy(p + done, t->p, part);
        t->p += part;
        t->n -= part;
        done += (int64_t) part;
    }
    return done;
}

/* One whole block: 1, 0 when the stream has ended before it, or negative. */
static int
take_block(struct tar_read *t, unsigned char block[static TAR_BLOCK], struct err *err)
{
    int64_t got = take(t, block, TAR_BLOCK, err);

    if (got < 0)
        return (int) got;
    if (got == 0)
        return 0;
    return got == TAR_BLOCK ? 1 : truncated(err);
}

/* As take_block out of the entry's data, whose end is an error. */
static int
take_data_block(struct tar_read *t, unsigned char block[static TAR_BLOCK], struct err *err)
{
    int r;

    if (t->remain < TAR_BLOCK)
        return malformed(err, "a sparse map ends early");
    r = take_block(t, block, err);
    if (r == 0)
        return truncated(err);
    if (r > 0)
        t->remain -= TAR_BLOCK;
    return r;
}

/* Passes the rest of the entry. 1, 0 when the stream ended in or at the padding, or negative. */
static int
skip_entry(struct tar_read *t, struct err *err)
{
    int64_t got = take(t, NULL, t->remain, err);
    unsigned pad = t->pad;

    if (got < 0)
        return (int) got;
    if (got < t->remain)
        return truncated(err);
    t->remain = 0;
    t->pad = 0;
    got = take(t, NULL, pad, err);
    if (got < 0)
        return (int) got;
    return got == pad;
}

/* 1 and t->header, 0 at the archive's end, or negative. */
static int
next_header(struct tar_read *t, struct err *err)
{
    int r = skip_entry(t, err);

    if (r > 0)
        r = take_block(t, t->block, err);
    if (r <= 0)
        return r;
    if (tar_block_is_zero(t->block)) {
        r = take_block(t, t->block, err);
        if (r <= 0)
            return r;
        return tar_block_is_zero(t->block)
                   ? 0
                   : malformed(err, "a single zero block is not the end of an archive");
    }
    if (tar_header_parse(t->block, &t->header) < 0)
        return malformed(err, "not a tar header where an entry must begin");
    return 1;
}

/* ---- the data section ---- */

static bool
has_no_data(char type)
{
    return type >= TAR_LINK && type <= TAR_FIFO;
}

static int
begin_data(struct tar_read *t, char type, int64_t size, struct err *err)
{
    if (has_no_data(type))
        size = 0;
    if (size < 0)
        return malformed(err, "a negative size");
    t->remain = size;
    t->pad = (unsigned) (-(uint64_t) size & (TAR_BLOCK - 1));
    t->offset = 0;
    return 0;
}

/* ---- sparse maps ---- */

static int
add_piece(struct tar_read *t, int64_t offset, int64_t len, struct err *err)
{
    if (t->n_pieces >= t->limits->sparse_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more sparse pieces than the limit of %u",
                       t->limits->sparse_max);
    if (t->n_pieces == t->pieces_cap) {
        t->pieces_cap = t->pieces_cap ? 2 * t->pieces_cap : 16;
        t->pieces = xreallocarray(t->pieces, t->pieces_cap, sizeof *t->pieces);
    }
    t->pieces[t->n_pieces++] = (struct piece){.offset = offset, .len = len};
    return 0;
}

/* Old GNU: four pieces in the header, 21 in each block that follows while its flag says so. */
static int
read_gnu_map(struct tar_read *t, struct err *err)
{
    const unsigned char *p = t->block + 386, *flag = t->block + 482;
    size_t room = 4, bytes = 0;
    int64_t offset, len;
    int r;

    if (t->header.format != TAR_FORMAT_GNU ||
        tar_number_parse(t->block + 483, 12, &t->entry.size) < 0)
        return malformed(err, "a sparse header is malformed");
    for (;;) {
        for (size_t i = 0; i < room && p[24 * i]; i++) {
            if (tar_number_parse(p + 24 * i, 12, &offset) < 0 ||
                tar_number_parse(p + 24 * i + 12, 12, &len) < 0)
                return malformed(err, "a sparse header is malformed");
            r = add_piece(t, offset, len, err);
            if (r < 0)
                return r;
        }
        if (!*flag)
            return 0;
        /* A row of empty blocks adds no piece, hence a bound of its own. */
        bytes += TAR_BLOCK;
        if (bytes > t->limits->extended_bytes_max)
            return err_set(err, CODE_RESOURCE_EXHAUSTED,
                           "a sparse map longer than the limit of %u bytes",
                           t->limits->extended_bytes_max);
        r = take_block(t, t->block, err);
        if (r <= 0)
            return r < 0 ? r : truncated(err);
        p = t->block;
        flag = t->block + 504;
        room = 21;
    }
}

/* Decimal numbers, each with a line end, from the blocks of the data section (PAX 1.0). */
struct map_text {
    struct tar_read *t;
    unsigned char block[TAR_BLOCK];
    size_t at, bytes;
};

static int
next_number(struct map_text *m, int64_t *ret, struct err *err)
{
    char digits[24];
    size_t n = 0;
    int r;

    for (;;) {
        if (m->at == TAR_BLOCK) {
            m->bytes += TAR_BLOCK;
            if (m->bytes > m->t->limits->extended_bytes_max)
                return err_set(err, CODE_RESOURCE_EXHAUSTED,
                               "a sparse map longer than the limit of %u bytes",
                               m->t->limits->extended_bytes_max);
            r = take_data_block(m->t, m->block, err);
            if (r < 0)
                return r;
            m->at = 0;
        }
        if (m->block[m->at] == '\n')
            break;
        if (n == sizeof digits)
            return malformed(err, "a sparse map is malformed");
        digits[n++] = (char) m->block[m->at++];
    }
    m->at++;
    return tar_decimal_parse(digits, n, ret) < 0 ? malformed(err, "a sparse map is malformed") : 0;
}

static int
read_pax_1_0_map(struct tar_read *t, struct err *err)
{
    struct map_text m = {.t = t, .at = TAR_BLOCK};
    int64_t count, offset, len;
    int r;

    r = next_number(&m, &count, err);
    if (r < 0)
        return r;
    if (count < 0)
        return malformed(err, "a sparse map is malformed");
    while (count--) {
        r = next_number(&m, &offset, err);
        if (r == 0)
            r = next_number(&m, &len, err);
        if (r == 0)
            r = add_piece(t, offset, len, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The numbers of formats 0.0 (records) and 0.1 (one record with commas), one by one. */
struct map_values {
    const struct tar_pax *pax;
    size_t i;
    struct tar_pax_value rest;
};

/* 1, 0 at the end. */
static int
next_value(struct map_values *m, struct tar_pax_value *ret)
{
    const char *comma;

    if (m->pax->n_pieces) {
        if (m->i == m->pax->n_pieces)
            return 0;
        *ret = m->pax->pieces[m->i++];
        return 1;
    }
    if (!m->rest.p)
        return 0;
    comma = memchr(m->rest.p, ',', m->rest.n);
    *ret = m->rest;
    if (comma) {
        ret->n = (size_t) (comma - m->rest.p);
        m->rest.n -= ret->n + 1;
        m->rest.p = comma + 1;
    } else {
        m->rest.p = NULL;
    }
    return 1;
}

static int
read_pax_0_map(struct tar_read *t, struct err *err)
{
    const struct tar_pax_value *count = &t->pax.values[PAX_SPARSE_NUMBLOCKS];
    struct map_values m = {.pax = &t->pax, .rest = t->pax.values[PAX_SPARSE_MAP]};
    struct tar_pax_value a, b;
    int64_t want, offset, len;
    int r;

    if (!m.rest.n)
        m.rest.p = NULL;
    if (!count->n || tar_decimal_parse(count->p, count->n, &want) < 0)
        return malformed(err, "a sparse map without its count");
    while (next_value(&m, &a)) {
        if (!next_value(&m, &b) || tar_decimal_parse(a.p, a.n, &offset) < 0 ||
            tar_decimal_parse(b.p, b.n, &len) < 0)
            return malformed(err, "a sparse map is malformed");
        r = add_piece(t, offset, len, err);
        if (r < 0)
            return r;
    }
    return want == (int64_t) t->n_pieces ? 0 : malformed(err, "a sparse map has another count");
}

static bool
value_is(const struct tar_pax_value *v, const char *s)
{
    return v->n == strlen(s) && memcmp(v->p, s, v->n) == 0;
}

/* 1 when the PAX records say how the entry is sparse, and the map is read. */
static int
read_pax_map(struct tar_read *t, struct err *err)
{
    const struct tar_pax_value *v = t->pax.values, *major = &v[PAX_SPARSE_MAJOR],
                               *minor = &v[PAX_SPARSE_MINOR], *size;
    bool is_1_0 = value_is(major, "1") && value_is(minor, "0");
    bool is_0 = value_is(major, "0") && (value_is(minor, "0") || value_is(minor, "1"));
    int r;

    /* Unknown versions are plain files; 0.0 and 0.1 need not give theirs. */
    if (!is_1_0 && !is_0 && (major->n || minor->n || (!v[PAX_SPARSE_MAP].n && !t->pax.n_pieces)))
        return 0;
    if (v[PAX_SPARSE_NAME].n)
        t->entry.name = v[PAX_SPARSE_NAME].p;
    size = v[PAX_SPARSE_SIZE].n ? &v[PAX_SPARSE_SIZE] : &v[PAX_SPARSE_REALSIZE];
    if (size->n && tar_decimal_parse(size->p, size->n, &t->entry.size) < 0)
        return malformed(err, "a sparse size is malformed");
    r = is_1_0 ? read_pax_1_0_map(t, err) : read_pax_0_map(t, err);
    return r < 0 ? r : 1;
}

static int
check_map(const struct tar_read *t, struct err *err)
{
    int64_t end = 0;

    if (has_no_data(t->entry.type) || t->entry.size < 0)
        return malformed(err, "a sparse entry that cannot be sparse");
    for (size_t i = 0; i < t->n_pieces; i++) {
        const struct piece *p = &t->pieces[i];

        if (p->offset < end || p->len < 0 || p->len > t->entry.size ||
            p->offset > t->entry.size - p->len)
            return malformed(err, "a sparse map has pieces out of order or out of the file");
        end = p->offset + p->len;
    }
    return 0;
}

static int
begin_sparse(struct tar_read *t, struct err *err)
{
    int r;

    t->n_pieces = t->piece_i = 0;
    if (t->header.type == TYPE_GNU_SPARSE) {
        t->entry.type = TAR_REG;
        r = read_gnu_map(t, err);
        r = r < 0 ? r : 1;
    } else {
        r = read_pax_map(t, err);
    }
    if (r <= 0)
        return r;
    t->entry.sparse = true;
    return check_map(t, err);
}

/* ---- entries ---- */

/* The text of an extension header into b. */
static int
read_extension(struct tar_read *t, struct buf *b, struct err *err)
{
    int64_t got;
    int r;

    if (t->remain > t->limits->extended_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED,
                       "an extension header longer than the limit of %u bytes",
                       t->limits->extended_bytes_max);
    buf_clear(b);
    r = buf_reserve(b, (size_t) t->remain, err);
    if (r < 0)
        return r;
    got = take(t, (unsigned char *) b->data, t->remain, err);
    if (got < 0)
        return (int) got;
    if (got < t->remain)
        return truncated(err);
    t->remain = 0;
    buf_added(b, (size_t) got);
    return 0;
}

static void
forget_extensions(struct tar_read *t)
{
    tar_pax_clear(&t->pax);
    buf_clear(&t->name);
    buf_clear(&t->link);
}

/* 1 when t->header was an extension of the entry that follows, 0 when it is the entry. */
static int
take_extension(struct tar_read *t, struct err *err)
{
    int r;

    switch (t->header.type) {
    case TYPE_PAX:
    case TYPE_PAX_GLOBAL:
        r = read_extension(t, &t->pax_text, err);
        if (r == 0)
            r = tar_pax_parse(&t->pax, t->pax_text.data, t->pax_text.len, t->limits, err);
        /* Global records are for nobody here, and end what came before them, as in Go. */
        if (r == 0 && t->header.type == TYPE_PAX_GLOBAL)
            forget_extensions(t);
        break;
    case TYPE_GNU_NAME:
        r = read_extension(t, &t->name, err);
        break;
    case TYPE_GNU_LINK:
        r = read_extension(t, &t->link, err);
        break;
    default:
        return 0;
    }
    return r < 0 ? r : 1;
}

static int
merge_number(const struct tar_pax_value *v, int64_t *ret)
{
    return v->n ? tar_decimal_parse(v->p, v->n, ret) : 0;
}

static int
merge_time(const struct tar_pax_value *v, struct tar_time *ret)
{
    return v->n ? tar_time_parse(v->p, v->n, ret) : 0;
}

/* The entry from its header and what preceded it. */
static int
merge(struct tar_read *t, struct err *err)
{
    const struct tar_pax_value *v = t->pax.values;
    const struct tar_header *h = &t->header;
    struct tar_entry *e = &t->entry;
    struct tar_time ctime;
    int bad = 0;

    *e = (struct tar_entry){
        .type = h->type,
        .name = v[PAX_PATH].n ? v[PAX_PATH].p : h->name,
        .link = v[PAX_LINKPATH].n ? v[PAX_LINKPATH].p : h->link,
        .mode = h->mode,
        .uid = h->uid,
        .gid = h->gid,
        .dev_major = h->dev_major,
        .dev_minor = h->dev_minor,
        .size = h->size,
        .mtime.sec = h->mtime_sec,
        .atime.sec = h->atime_sec,
        .has_atime = h->has_atime || v[PAX_ATIME].n,
        .xattrs = t->pax.xattrs,
        .n_xattrs = t->pax.n_xattrs,
    };
    bad |= merge_number(&v[PAX_UID], &e->uid);
    bad |= merge_number(&v[PAX_GID], &e->gid);
    bad |= merge_number(&v[PAX_SIZE], &e->size);
    bad |= merge_time(&v[PAX_MTIME], &e->mtime);
    bad |= merge_time(&v[PAX_ATIME], &e->atime);
    bad |= merge_time(&v[PAX_CTIME], &ctime);
    if (bad)
        return malformed(err, "a PAX number or time is malformed");
    if (t->name.len && t->name.data[0])
        e->name = t->name.data;
    if (t->link.len && t->link.data[0])
        e->link = t->link.data;
    if (e->type == TYPE_V7_REG) {
        size_t len = strlen(e->name);

        e->type = len && e->name[len - 1] == '/' ? TAR_DIR : TAR_REG;
    }
    return 0;
}

static int
check_names(const struct tar_read *t, struct err *err)
{
    if (strlen(t->entry.name) > t->limits->name_bytes_max ||
        strlen(t->entry.link) > t->limits->name_bytes_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "a name longer than the limit of %u bytes",
                       t->limits->name_bytes_max);
    return 0;
}

static int
begin_entry(struct tar_read *t, struct err *err)
{
    int r = merge(t, err);

    if (r == 0)
        r = begin_data(t, t->entry.type, t->entry.size, err);
    if (r == 0)
        r = begin_sparse(t, err);
    if (r == 0)
        r = check_names(t, err);
    if (r < 0)
        return r;
    if (++t->entries > t->limits->entries_max)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "more entries than the limit of %llu",
                       (unsigned long long) t->limits->entries_max);
    return 0;
}

int
tar_read_next(struct tar_read *t, const struct tar_entry **ret, struct err *err)
{
    unsigned extensions = 0;
    int r;

    forget_extensions(t);
    for (;;) {
        r = next_header(t, err);
        if (r <= 0)
            return r;
        r = begin_data(t, t->header.type, t->header.size, err);
        if (r == 0)
            r = take_extension(t, err);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        if (++extensions > t->limits->extensions_max)
            return err_set(err, CODE_RESOURCE_EXHAUSTED,
                           "more extension headers in a row than the limit of %u",
                           t->limits->extensions_max);
    }
    r = begin_entry(t, err);
    if (r < 0)
        return r;
    *ret = &t->entry;
    return 1;
}

/* The data that the map wants next: its length, 0 when the map is done. */
static int64_t
want_of_map(struct tar_read *t)
{
    for (; t->piece_i < t->n_pieces; t->piece_i++) {
        const struct piece *p = &t->pieces[t->piece_i];

        if (t->offset < p->offset)
            t->offset = p->offset;
        if (t->offset < p->offset + p->len)
            return p->offset + p->len - t->offset;
    }
    return 0;
}

ssize_t
tar_read_data(struct tar_read *t, const void **ret_p, int64_t *ret_offset, struct err *err)
{
    int64_t want = t->entry.sparse ? want_of_map(t) : t->remain;
    size_t n;
    int r;

    if (want > t->remain)
        return malformed(err, "a sparse entry has less data than its map wants");
    if (want == 0 && t->remain > 0)
        return malformed(err, "a sparse entry has more data than its map wants");
    if (want == 0)
        return 0;
    r = more(t, err);
    if (r <= 0)
        return r < 0 ? r : truncated(err);
    n = t->n < (uint64_t) want ? t->n : (size_t) want;
    *ret_p = t->p;
    *ret_offset = t->offset;
    t->p += n;
    t->n -= n;
    t->remain -= (int64_t) n;
    t->offset += (int64_t) n;
    return (ssize_t) n;
}

int
tar_read_drain(struct tar_read *t, struct err *err)
{
    int r;

    do {
        t->n = 0;
        r = more(t, err);
    } while (r > 0);
    return r;
}
