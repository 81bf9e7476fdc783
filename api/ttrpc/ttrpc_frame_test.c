/* SPDX-License-Identifier: Apache-2.0 */
#include "ttrpc_frame.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
header_is_big_endian(void **state)
{
    struct ttrpc_header h = {.length = 0x01020304,
                             .stream_id = 0xa1a2a3a4,
                             .type = TTRPC_DATA,
                             .flags = 5},
                        back;
    unsigned char bytes[TTRPC_HEADER_SIZE];

    (void) state;
    ttrpc_header_format(&h, bytes);
    assert_memory_equal(bytes, "\x01\x02\x03\x04\xa1\xa2\xa3\xa4\x03\x05", sizeof bytes);
    ttrpc_header_parse(bytes, &back);
    assert_int_equal(back.length, h.length);
    assert_int_equal(back.stream_id, h.stream_id);
    assert_int_equal(back.type, h.type);
    assert_int_equal(back.flags, h.flags);
}

static size_t
frame(unsigned char *out, uint32_t id, const char *payload)
{
    struct ttrpc_header h = {.length = (uint32_t) strlen(payload), .stream_id = id, .type = 1};

    ttrpc_header_format(&h, out);
    memcpy(out + TTRPC_HEADER_SIZE, payload, h.length);
    return TTRPC_HEADER_SIZE + h.length;
}

static void
cuts_frames_wherever_the_bytes_are_cut(void **state)
{
    static const char *const payloads[] = {"hello", "", "x", "a longer payload than the others"};
    unsigned char bytes[256];
    struct ttrpc_reader r;
    struct ttrpc_frame f;
    const unsigned char *p;
    size_t n = 0, left, got;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        n += frame(bytes + n, (uint32_t) (2 * i + 1), payloads[i]);
    for (size_t chunk = 1; chunk <= n; chunk++) {
        r = (struct ttrpc_reader){0};
        got = 0;
        for (size_t at = 0; at < n; at += chunk) {
            p = bytes + at;
            left = n - at < chunk ? n - at : chunk;
            while (ttrpc_reader_next(&r, &p, &left, &f)) {
                assert_in_range(got, 0, ARRAY_LEN(payloads) - 1);
                assert_int_equal(f.h.stream_id, 2 * got + 1);
                assert_int_equal(f.h.length, strlen(payloads[got]));
                assert_false(f.skipped);
                assert_memory_equal(f.payload ? f.payload : bytes, payloads[got], f.h.length);
                got++;
            }
            assert_int_equal(left, 0);
        }
        assert_int_equal(got, ARRAY_LEN(payloads));
        ttrpc_reader_done(&r);
    }
}

static void
skips_an_oversized_payload(void **state)
{
    struct ttrpc_header h = {.length = TTRPC_FRAME_MAX + 1, .stream_id = 1, .type = 1};
    unsigned char *bytes = xcalloc(1, TTRPC_FRAME_MAX + 64);
    const unsigned char *p = bytes;
    struct ttrpc_reader r = {0};
    struct ttrpc_frame f;
    size_t left, n;

    (void) state;
    ttrpc_header_format(&h, bytes);
    n = TTRPC_HEADER_SIZE + h.length;
    n += frame(bytes + n, 3, "next");
    left = 100;
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 0);
    assert_null(ttrpc_reader_space(&r, &left));
    assert_null(r.payload);
    left = n - 100;
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 1);
    assert_true(f.skipped);
    assert_int_equal(f.h.stream_id, 1);
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 1);
    assert_false(f.skipped);
    assert_memory_equal(f.payload, "next", 4);
    ttrpc_reader_done(&r);
    free(bytes);
}

static void
takes_bytes_read_straight_into_the_payload(void **state)
{
    unsigned char bytes[64];
    const unsigned char *p = bytes;
    struct ttrpc_reader r = {0};
    struct ttrpc_frame f;
    size_t n = frame(bytes, 7, "straight"), left = 12, room;
    void *space;

    (void) state;
    assert_null(ttrpc_reader_space(&r, &room));
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 0);
    space = ttrpc_reader_space(&r, &room);
    assert_int_equal(room, n - 12);
    memcpy(space, bytes + 12, room);
    ttrpc_reader_filled(&r, room);
    left = 0;
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 1);
    assert_memory_equal(f.payload, "straight", 8);
    assert_null(ttrpc_reader_space(&r, &room));
    assert_int_equal(ttrpc_reader_next(&r, &p, &left, &f), 0);
    assert_null(r.payload);
    ttrpc_reader_done(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_big_endian),
        cmocka_unit_test(cuts_frames_wherever_the_bytes_are_cut),
        cmocka_unit_test(skips_an_oversized_payload),
        cmocka_unit_test(takes_bytes_read_straight_into_the_payload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
