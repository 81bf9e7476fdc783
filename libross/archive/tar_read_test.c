/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <inttypes.h>
#include <string.h>

#include "libross/archive/testlib/tar_build.h"
#include "tar_header.h"
#include "tar_pax.h"
#include "tar_read.h"
#include "tar_write.h"

/* ---- numbers ---- */

static void
parses_numeric_fields(void **state)
{
    static const struct {
        const char *field;
        size_t n;
        int r;
        int64_t want;
    } rows[] = {
        {"0000644\0", 8, 0, 0644},
        {"  644 \0\0", 8, 0, 0644},
        {"\0\0\0\0\0\0\0\0", 8, 0, 0},
        {"        ", 8, 0, 0},
        {"14\0 99\0\0", 8, 0, 014}, /* ends at the first NUL */
        {"77777777", 8, 0, 077777777},
        {"0000008\0", 8, -1, 0},
        {"00-0001\0", 8, -1, 0},
        {"1 2\0\0\0\0\0", 8, -1, 0},
        {"\x80\0\0\0\0\0\0\x07", 8, 0, 7},
        {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0, -1},
        {"\xff\xff\xff\xff\xff\xff\xff\xfe", 8, 0, -2},
        {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, 0, INT64_MAX},
        {"\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, -1, 0},
        {"\x80\0\0\1\0\0\0\0\0\0\0\0", 12, -1, 0},
        {"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12, 0, INT64_MIN},
        {"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12, -1, 0},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = 0;

        assert_int_equal(tar_number_parse((const unsigned char *) rows[i].field, rows[i].n, &got),
                         rows[i].r);
        assert_true(got == rows[i].want);
    }
}

static void
parses_decimals_and_times(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t sec;
        int32_t nsec;
        bool is_decimal;
    } rows[] = {
        {"0", 0, 0, 0, true},
        {"+5", 0, 5, 0, true},
        {"-5", 0, -5, 0, true},
        {"9223372036854775807", 0, INT64_MAX, 0, true},
        {"-9223372036854775808", 0, INT64_MIN, 0, true},
        {"9223372036854775808", -1, 0, 0, true},
        {"", -1, 0, 0, true},
        {"-", -1, 0, 0, true},
        {"1 ", -1, 0, 0, true},
        {"0x1", -1, 0, 0, true},
        {"1.5", 0, 1, 500000000, false},
        {"1.", 0, 1, 0, false},
        {"1.123456789", 0, 1, 123456789, false},
        {"1.1234567899999", 0, 1, 123456789, false},
        {"-1.25", 0, -1, -250000000, false},
        {"-0.5", 0, 0, -500000000, false},
        {"1.5x", -1, 0, 0, false},
        {"1.1234567890x", -1, 0, 0, false},
        {".5", -1, 0, 0, false},
        {"1.-5", -1, 0, 0, false},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tar_time t = {0};
        int64_t v = 0;

        assert_int_equal(tar_time_parse(rows[i].text, strlen(rows[i].text), &t), rows[i].r);
        assert_true(t.sec == rows[i].sec && t.nsec == rows[i].nsec);
        assert_int_equal(tar_decimal_parse(rows[i].text, strlen(rows[i].text), &v),
                         rows[i].is_decimal ? rows[i].r : -1);
    }
}

/* ---- headers ---- */

static void
finish_checksum(unsigned char *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    (void) snprintf((char *) block + 148, 7, "%06o", sum);
}

static void
tells_formats(void **state)
{
    unsigned char block[TAR_BLOCK] = "name";
    struct tar_header h;

    (void) state;
    memcpy(block + 345, "prefix", 6);
    finish_checksum(block);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_int_equal(h.format, TAR_FORMAT_V7);
    assert_string_equal(h.name, "name");

    memcpy(block + 257, "ustar\00000", 8);
    finish_checksum(block);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_int_equal(h.format, TAR_FORMAT_USTAR);
    assert_string_equal(h.name, "prefix/name");

    memcpy(block + 508, "tar\0", 4);
    memcpy(block + 476, "00000000017", 11);
    finish_checksum(block);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_int_equal(h.format, TAR_FORMAT_STAR);
    assert_string_equal(h.name, "prefix/name");
    assert_true(h.has_atime && h.atime_sec == 017);

    /* A prefix where GNU has times, as Go before 1.8 wrote it. */
    memcpy(block + 257, "ustar  \0", 8);
    finish_checksum(block);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_int_equal(h.format, TAR_FORMAT_GNU);
    assert_string_equal(h.name, "prefix/name");
    assert_false(h.has_atime);

    memset(block + 345, 0, 155);
    memcpy(block + 345, "00000000023", 11);
    finish_checksum(block);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_string_equal(h.name, "name");
    assert_true(h.has_atime && h.atime_sec == 023);

    block[0] ^= 1;
    assert_int_equal(tar_header_parse(block, &h), -1);
}

static void
takes_sums_of_signed_bytes(void **state)
{
    unsigned char block[TAR_BLOCK] = "n\xe4m\xe9";
    struct tar_header h;
    int sum = 0;

    (void) state;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (signed char) block[i];
    (void) snprintf((char *) block + 148, 7, "%06o", (unsigned) sum);
    assert_int_equal(tar_header_parse(block, &h), 0);
    assert_string_equal(h.name, "n\xe4m\xe9");
}

/* ---- streams ---- */

struct pieces {
    const char *p;
    size_t n, step;
};

static ssize_t
next_piece(void *source, const unsigned char **ret, struct err *err)
{
    struct pieces *s = source;
    size_t n = s->n < s->step ? s->n : s->step;

    (void) err;
    *ret = (const unsigned char *) s->p;
    s->p += n;
    s->n -= n;
    return (ssize_t) n;
}

/* "NAME TYPE SIZE LINK: content with '.' for holes" a line. */
static int
show(const struct buf *tar, size_t step, struct buf *out, struct err *err)
{
    struct pieces src = {.p = tar->data, .n = tar->len, .step = step};
    AUTO_PTR(tar_read) t = tar_read_new(next_piece, &src, &tar_limits_default);
    const struct tar_entry *e;
    int64_t offset, at;
    const void *p;
    ssize_t n = 0;
    int r;

    while ((r = tar_read_next(t, &e, err)) > 0) {
        assert_int_equal(
            buf_printf(out, NULL, "%s %c %" PRId64 " %s:", e->name, e->type, e->size, e->link), 0);
        for (at = 0; (n = tar_read_data(t, &p, &offset, err)) > 0; at = offset + n) {
            for (; at < offset; at++)
                (void) buf_append(out, ".", 1, NULL);
            (void) buf_append(out, p, (size_t) n, NULL);
        }
        if (n < 0)
            return (int) n;
        (void) buf_append(out, "\n", 1, NULL);
    }
    return r < 0 ? r : tar_read_drain(t, err);
}

static void
add_raw(struct buf *b, char type, const char *name, const char *content)
{
    const struct tar_build_entry e = {.type = type, .name = name, .content = content};

    tar_build_add(b, &e);
}

static void
build_everything(struct buf *b)
{
    const struct tar_build_entry sparse_0_1 = {.name = "x",
                                               .content = "abcd",
                                               .pax =
                                                   "GNU.sparse.map=2,2,6,2\nGNU.sparse.numblocks="
                                                   "2\nGNU.sparse.name=s01\nGNU.sparse.size=10"};
    const struct tar_build_entry sparse_0_0 = {.name = "s00",
                                               .content = "abcd",
                                               .pax =
                                                   "GNU.sparse.size=9\nGNU.sparse.numblocks=1\nGNU."
                                                   "sparse.offset=3\nGNU.sparse.numbytes=4"};
    const struct tar_build_entry named = {
        .name = "x", .pax = "path=pax/name\nlinkpath=to\nsize=3", .type = '2'};
    const struct tar_build_entry sized = {.name = "sized", .content = "abcdefgh", .pax = "size=8"};
    char long_name[200];

    memset(long_name, 'n', sizeof long_name);
    long_name[199] = '\0';
    add_raw(b, '0', "plain", "hello");
    tar_build_add(b, &named);
    tar_build_add(b, &sized);
    add_raw(b, 'L', "././@LongLink", long_name);
    add_raw(b, 'K', "././@LongLink", "long-link");
    add_raw(b, '1', "short", NULL);
    tar_build_add(b, &sparse_0_1);
    tar_build_add(b, &sparse_0_0);
    tar_build_pax(
        b, "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=s10\nGNU.sparse.realsize=6");
    {
        const struct tar_build_entry e = {.name = "x"};

        tar_build_header(b, &e, 512 + 2);
        tar_build_bytes(b, "1\n4\n2\n", 6);
        tar_build_zeros(b, 512 - 6);
        tar_build_bytes(b, "zz", 2);
        tar_build_pad(b);
    }
    /* Two extended headers: only the second counts. */
    tar_build_pax(b, "path=forgotten\nlinkpath=too");
    tar_build_pax(b, "uid=5");
    add_raw(b, '0', "after", NULL);
    /* A global one ends what came before it. */
    add_raw(b, 'L', "././@LongLink", "gone");
    add_raw(b, 'g', "g", "11 path=xx\n");
    add_raw(b, '0', "own", NULL);
    add_raw(b, '5', "dir/", NULL);
    tar_build_end(b);
    tar_build_bytes(b, "bytes behind the end", 20);
}

static void
reads_every_kind_in_pieces_of_any_size(void **state)
{
    static const size_t steps[] = {1, 7, 511, 512, 513, 4096, 1 << 20};
    AUTO(buf) tar = BUF_INIT(1 << 20);
    char want[1000], long_name[200];
    struct err err = {0};

    (void) state;
    memset(long_name, 'n', sizeof long_name);
    long_name[199] = '\0';
    (void) snprintf(
        want, sizeof want,
        "plain 0 5 :hello\npax/name 2 3 to:\nsized 0 8 :abcdefgh\n%s 1 0 long-link:\n"
        "s01 0 10 :..ab..cd\ns00 0 9 :...abcd\ns10 0 6 :....zz\nafter 0 0 :\nown 0 0 :\n"
        "dir/ 5 0 :\n",
        long_name);
    build_everything(&tar);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        AUTO(buf) out = BUF_INIT(1 << 20);

        assert_ok(show(&tar, steps[i], &out, &err), &err);
        assert_string_equal(out.data, want);
    }
}

/* Where the stream may end, and where not. */
static void
knows_where_an_archive_ends(void **state)
{
    static const struct {
        size_t len;
        int code;
    } rows[] = {
        {0, CODE_OK},
        {1, CODE_DATA_LOSS},
        {511, CODE_DATA_LOSS},
        {512, CODE_DATA_LOSS},
        {512 + 4, CODE_DATA_LOSS},
        {512 + 5, CODE_OK},
        {1000, CODE_OK},
        {1024, CODE_OK},
        {1024 + 100, CODE_DATA_LOSS},
        {1536, CODE_OK},
        {1536 + 100, CODE_DATA_LOSS},
        {2048, CODE_OK},
    };
    AUTO(buf) tar = BUF_INIT(1 << 20);
    struct err err = {0};

    (void) state;
    add_raw(&tar, '0', "a", "hello");
    tar_build_end(&tar);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) out = BUF_INIT(1 << 20);

        tar.len = rows[i].len;
        assert_code(show(&tar, 100, &out, &err), rows[i].code, &err);
    }
}

static void
keeps_the_last_of_equal_records(void **state)
{
    char text[] = "21 SCHILY.xattr.a=12\n9 path=a\n9 path=b\n21 SCHILY.xattr.a=34\n"
                  "19 SCHILY.xattr.b=\n13 linkpath=\n";
    struct tar_pax p = {0};
    struct err err = {0};

    (void) state;
    assert_ok(tar_pax_parse(&p, text, strlen(text), &tar_limits_default, &err), &err);
    assert_string_equal(p.values[PAX_PATH].p, "b");
    assert_int_equal(p.values[PAX_LINKPATH].n, 0);
    assert_int_equal(p.n_xattrs, 2);
    assert_string_equal(p.xattrs[0].name, "a");
    assert_memory_equal(p.xattrs[0].value, "34", 2);
    assert_string_equal(p.xattrs[1].name, "b");
    assert_int_equal(p.xattrs[1].size, 0);
    tar_pax_done(&p);
}

/* ---- what is written is read ---- */

static void
writes_what_it_reads(void **state)
{
    char name_100[101], name_150[151], name_300[301];
    const struct tar_xattr cap = {.name = "security.capability", .value = "\1\0\2", .size = 3};
    const struct tar_entry rows[] = {
        {.type = '0', .name = "a", .link = "", .mode = 0644, .size = 0},
        {.type = '2', .name = "l", .link = name_150, .mode = 0777},
        {.type = '5', .name = "d/", .link = "", .mode = 01777, .uid = 3000000, .gid = 2097151},
        {.type = '0', .name = name_100, .link = "", .mtime.sec = -5},
        {.type = '0', .name = name_150, .link = "", .mtime.sec = INT64_C(1) << 33},
        {.type = '0', .name = name_300, .link = ""},
        {.type = '0', .name = "\xc3\xa4/\xff", .link = "\xc3\xa4", .xattrs = &cap, .n_xattrs = 1},
        {.type = '3', .name = "c", .link = "", .dev_major = 5, .dev_minor = 7},
    };

    (void) state;
    memset(name_100, 'x', sizeof name_100);
    memset(name_150, 'y', sizeof name_150);
    memset(name_300, 'z', sizeof name_300);
    name_100[100] = name_150[150] = name_300[300] = '\0';
    name_150[70] = name_300[150] = '/';
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) b = BUF_INIT(1 << 20);
        const struct tar_entry *want = &rows[i], *got;
        struct err err = {0};
        struct pieces src;
        struct tar_read *t;

        assert_ok(tar_write_header(&b, want, &err), &err);
        assert_ok(tar_write_end(&b, &err), &err);
        src = (struct pieces){.p = b.data, .n = b.len, .step = 1 << 20};
        t = tar_read_new(next_piece, &src, &tar_limits_default);
        assert_ok(tar_read_next(t, &got, &err), &err);
        assert_string_equal(got->name, want->name);
        assert_string_equal(got->link, want->link);
        assert_true(got->type == want->type && got->mode == want->mode && got->uid == want->uid &&
                    got->gid == want->gid && got->mtime.sec == want->mtime.sec &&
                    got->dev_major == want->dev_major && got->dev_minor == want->dev_minor);
        assert_int_equal(got->n_xattrs, want->n_xattrs);
        if (want->n_xattrs)
            assert_memory_equal(got->xattrs[0].value, want->xattrs[0].value, 3);
        assert_int_equal(tar_read_next(t, &got, &err), 0);
        tar_read_free(t);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_numeric_fields),
        cmocka_unit_test(parses_decimals_and_times),
        cmocka_unit_test(tells_formats),
        cmocka_unit_test(takes_sums_of_signed_bytes),
        cmocka_unit_test(reads_every_kind_in_pieces_of_any_size),
        cmocka_unit_test(knows_where_an_archive_ends),
        cmocka_unit_test(keeps_the_last_of_equal_records),
        cmocka_unit_test(writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
