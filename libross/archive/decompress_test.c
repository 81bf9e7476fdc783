/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "decompress.h"
#include "libross/base/buf.h"

/* Bytes handed out at most `step` at a time. */
struct bytes_source {
    const char *p;
    size_t n, step;
};

static ssize_t
bytes_read(void *source, void *p, size_t n, struct err *err)
{
    struct bytes_source *s = source;

    (void) err;
    if (n > s->n)
        n = s->n;
    if (s->step && n > s->step)
        n = s->step;
    memcpy(p, s->p, n);
    s->p += n;
    s->n -= n;
    return (ssize_t) n;
}

static ssize_t
failing_read(void *source, void *p, size_t n, struct err *err)
{
    (void) source;
    (void) p;
    (void) n;
    return err_set(err, CODE_UNAVAILABLE, "the line is dead");
}

/* Reads `from` to its end, `out_step` bytes at a time. 0 or the code. */
static int
read_all(const struct buf *from, size_t in_step, size_t out_step,
         const struct decompress_limits *limits, struct buf *out, enum compression *kind,
         struct err *err)
{
    struct bytes_source src = {.p = from->data, .n = from->len, .step = in_step};
    AUTO_PTR(decompress) d = decompress_new(bytes_read, &src, limits);
    char piece[65536];
    ssize_t n;

    for (;;) {
        n = decompress_read(d, piece, out_step, err);
        if (n <= 0)
            break;
        assert_int_equal(buf_append(out, piece, (size_t) n, NULL), 0);
    }
    if (kind)
        *kind = decompress_kind(d);
    if (n == 0) {
        assert_int_equal(decompress_read(d, piece, 1, NULL), 0);
        assert_int_equal(decompress_input_bytes(d), from->len);
    } else {
        assert_int_equal(decompress_read(d, piece, 1, NULL), n);
    }
    return (int) n;
}

static void
add_gzip(struct buf *b, const void *p, size_t n)
{
    z_stream z = {.next_in = (void *) (uintptr_t) p, .avail_in = (uInt) n};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(buf_reserve(b, deflateBound(&z, n), NULL), 0);
    z.next_out = (void *) (b->data + b->len);
    z.avail_out = (uInt) deflateBound(&z, n);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_added(b, z.total_out);
    assert_int_equal(deflateEnd(&z), Z_OK);
}

static void
add_zstd(struct buf *b, const void *p, size_t n)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(n), z;

    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    assert_int_equal(buf_reserve(b, bound, NULL), 0);
    z = ZSTD_compress2(c, b->data + b->len, bound, p, n);
    assert_false(ZSTD_isError(z));
    buf_added(b, z);
    ZSTD_freeCCtx(c);
}

/* Text that compresses a little. */
static void
add_text(struct buf *b, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        char c;

        seed = seed * 1103515245 + 12345;
        c = (char) ('a' + (seed >> 16) % 17);
        assert_int_equal(buf_append(b, &c, 1, NULL), 0);
    }
}

typedef void (*add_fn)(struct buf *, const void *, size_t);

static void
check_members(add_fn add, enum compression want_kind)
{
    static const size_t sizes[] = {0, 1, 2, 7, 100, 513, 40000, 0, 3, 300000, 5};
    static const size_t steps[] = {1, 2, 3, 7, 8, 9, 4096, 0};
    AUTO(buf) text = BUF_INIT(1 << 20);
    AUTO(buf) blob = BUF_INIT(1 << 20);
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t at = text.len;

        add_text(&text, sizes[i], (unsigned) i + 1);
        add(&blob, text.data ? text.data + at : "", sizes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        AUTO(buf) out = BUF_INIT(1 << 20);
        enum compression kind;

        assert_ok(read_all(&blob, steps[i], i % 2 ? 65536 : 1000, NULL, &out, &kind, &err), &err);
        assert_int_equal(kind, want_kind);
        assert_int_equal(out.len, text.len);
        assert_memory_equal(out.data, text.data, text.len);
    }
}

static void
reads_concatenated_gzip_members(void **state)
{
    (void) state;
    check_members(add_gzip, COMPRESSION_GZIP);
}

static void
reads_concatenated_zstd_frames(void **state)
{
    (void) state;
    check_members(add_zstd, COMPRESSION_ZSTD);
}

/* Members of every small size right behind each other: the bit buffer must give back what it took too much. */
static void
reads_a_thousand_tiny_members(void **state)
{
    AUTO(buf) text = BUF_INIT(1 << 22);
    AUTO(buf) blob = BUF_INIT(1 << 22);
    AUTO(buf) out = BUF_INIT(1 << 22);
    struct err err = {0};

    (void) state;
    for (unsigned i = 0; i < 1000; i++) {
        size_t at = text.len;

        add_text(&text, i % 67, i);
        add_gzip(&blob, text.data ? text.data + at : "", i % 67);
    }
    assert_ok(read_all(&blob, 13, 777, NULL, &out, NULL, &err), &err);
    assert_int_equal(out.len, text.len);
    assert_memory_equal(out.data, text.data, text.len);
}

static void
reads_plain_and_empty(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } rows[] = {{"", 0}, {"a", 1}, {"\x1f\x8b", 2}, {"\x28\xb5\x2f", 3}, {"\x1f\x8b\x09xyz", 6}};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) blob = BUF_INIT(100);
        AUTO(buf) out = BUF_INIT(100);
        enum compression kind;

        assert_ok(buf_append(&blob, rows[i].p, rows[i].n, &err), &err);
        assert_ok(read_all(&blob, 1, 10, NULL, &out, &kind, &err), &err);
        assert_int_equal(kind, COMPRESSION_NONE);
        assert_int_equal(out.len, rows[i].n);
        if (rows[i].n)
            assert_memory_equal(out.data, rows[i].p, rows[i].n);
    }
}

static void
skips_skippable_frames(void **state)
{
    AUTO(buf) blob = BUF_INIT(1000);
    AUTO(buf) out = BUF_INIT(1000);
    enum compression kind;
    struct err err = {0};

    (void) state;
    assert_ok(buf_append(&blob, "\x53\x2a\x4d\x18\x03\0\0\0abc", 11, &err), &err);
    add_zstd(&blob, "hello", 5);
    assert_ok(buf_append(&blob, "\x50\x2a\x4d\x18\x00\0\0\0", 8, &err), &err);
    assert_ok(read_all(&blob, 2, 10, NULL, &out, &kind, &err), &err);
    assert_int_equal(kind, COMPRESSION_ZSTD);
    assert_int_equal(out.len, 5);
    assert_memory_equal(out.data, "hello", 5);
}

/* Every way to cut a stream short is DataLoss, apart from cuts that leave only part of the magic. */
static void
truncated_is_data_loss(void **state)
{
    static const struct {
        add_fn add;
        size_t magic_bytes;
    } rows[] = {{add_gzip, 3}, {add_zstd, 4}};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) text = BUF_INIT(5000);
        AUTO(buf) blob = BUF_INIT(1 << 16);
        size_t whole;

        add_text(&text, 3000, 5);
        rows[i].add(&blob, text.data, text.len);
        whole = blob.len;
        for (blob.len = rows[i].magic_bytes; blob.len < whole; blob.len++) {
            AUTO(buf) out = BUF_INIT(1 << 16);

            assert_code(read_all(&blob, blob.len % 3 ? 0 : 5, 512, NULL, &out, NULL, &err),
                        CODE_DATA_LOSS, &err);
        }
    }
}

static void
wrong_checksum_is_data_loss(void **state)
{
    add_fn adds[] = {add_gzip, add_zstd};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
        size_t tail = i == 0 ? 8 : 4;

        for (size_t k = 1; k <= tail; k++) {
            AUTO(buf) blob = BUF_INIT(1000);
            AUTO(buf) out = BUF_INIT(1000);

            adds[i](&blob, "some bytes", 10);
            blob.data[blob.len - k] ^= 0x40;
            assert_code(read_all(&blob, 0, 512, NULL, &out, NULL, &err), CODE_DATA_LOSS, &err);
        }
    }
}

static void
bytes_behind_the_last_member_are_refused(void **state)
{
    static const char *const tails[] = {"x", "\0\0\0\0\0\0\0\0\0\0\0\0",
                                        "garbage that is longer than a header"};
    static const size_t lens[] = {1, 12, 36};
    add_fn adds[] = {add_gzip, add_zstd};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(adds) * ARRAY_LEN(tails); i++) {
        AUTO(buf) blob = BUF_INIT(1000);
        AUTO(buf) out = BUF_INIT(1000);
        int r;

        adds[i / 3](&blob, "some bytes", 10);
        assert_ok(buf_append(&blob, tails[i % 3], lens[i % 3], &err), &err);
        r = read_all(&blob, 0, 512, NULL, &out, NULL, &err);
        if (r != -CODE_DATA_LOSS) /* one byte may be the start of a header */
            assert_code(r, CODE_INVALID_ARGUMENT, &err);
    }
}

static void
flipped_bits_never_pass(void **state)
{
    AUTO(buf) text = BUF_INIT(5000);
    AUTO(buf) blob = BUF_INIT(1 << 16);
    size_t passed = 0;

    (void) state;
    add_text(&text, 300, 9);
    add_gzip(&blob, text.data, text.len);
    for (size_t i = 10 * 8; i < blob.len * 8; i++) {
        AUTO(buf) out = BUF_INIT(1 << 16);

        blob.data[i / 8] ^= (char) (1 << (i % 8));
        /* The bits that pad the last deflate block to a byte carry nothing. */
        if (read_all(&blob, 0, 512, NULL, &out, NULL, NULL) == 0 &&
            (out.len != text.len || memcmp(out.data, text.data, text.len) != 0))
            passed++;
        blob.data[i / 8] ^= (char) (1 << (i % 8));
    }
    assert_int_equal(passed, 0);
}

static void
limits_hold(void **state)
{
    static const struct decompress_limits too_long = {.output_bytes_max = 99999},
                                          long_enough = {.output_bytes_max = 100000},
                                          ratio = {.ratio_max = 50, .ratio_floor_bytes = 1000},
                                          floor = {.ratio_max = 50, .ratio_floor_bytes = 100000};
    static char zeros[100000];
    add_fn adds[] = {add_gzip, add_zstd};
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
        AUTO(buf) blob = BUF_INIT(1 << 20);
        AUTO(buf) out = BUF_INIT(1 << 21);

        adds[i](&blob, zeros, sizeof zeros);
        assert_code(read_all(&blob, 0, 512, &too_long, &out, NULL, &err), CODE_RESOURCE_EXHAUSTED,
                    &err);
        assert_ok(read_all(&blob, 0, 512, &long_enough, &out, NULL, &err), &err);
        assert_code(read_all(&blob, 0, 512, &ratio, &out, NULL, &err), CODE_RESOURCE_EXHAUSTED,
                    &err);
        assert_ok(read_all(&blob, 0, 512, &floor, &out, NULL, &err), &err);
    }
}

static void
a_zstd_window_above_the_limit_is_refused(void **state)
{
    static const struct decompress_limits small = {.zstd_window_log_max = 20};
    static char text[4 << 20];
    AUTO(buf) blob = BUF_INIT(1 << 23);
    AUTO(buf) out = BUF_INIT(1 << 23);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    struct err err = {0};
    size_t z;

    (void) state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char) (i * i >> 7);
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 22);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    assert_ok(buf_reserve(&blob, ZSTD_compressBound(sizeof text), &err), &err);
    z = ZSTD_compress2(c, blob.data, ZSTD_compressBound(sizeof text), text, sizeof text);
    assert_false(ZSTD_isError(z));
    buf_added(&blob, z);
    ZSTD_freeCCtx(c);
    assert_code(read_all(&blob, 0, 512, &small, &out, NULL, &err), CODE_RESOURCE_EXHAUSTED, &err);
    assert_ok(read_all(&blob, 0, 65536, NULL, &out, NULL, &err), &err);
}

static void
the_source_error_arrives_and_stays(void **state)
{
    AUTO_PTR(decompress) d = decompress_new(failing_read, NULL, NULL);
    struct err err = {0};
    char c;

    (void) state;
    assert_code((int) decompress_read(d, &c, 1, &err), CODE_UNAVAILABLE, &err);
    err = (struct err){0};
    assert_code((int) decompress_read(d, &c, 1, &err), CODE_UNAVAILABLE, &err);
    assert_string_equal(err.msg, "the line is dead");
    assert_string_equal(compression_name(COMPRESSION_ZSTD), "zstd");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_concatenated_gzip_members),
        cmocka_unit_test(reads_concatenated_zstd_frames),
        cmocka_unit_test(reads_a_thousand_tiny_members),
        cmocka_unit_test(reads_plain_and_empty),
        cmocka_unit_test(skips_skippable_frames),
        cmocka_unit_test(truncated_is_data_loss),
        cmocka_unit_test(wrong_checksum_is_data_loss),
        cmocka_unit_test(bytes_behind_the_last_member_are_refused),
        cmocka_unit_test(flipped_bits_never_pass),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_zstd_window_above_the_limit_is_refused),
        cmocka_unit_test(the_source_error_arrives_and_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
