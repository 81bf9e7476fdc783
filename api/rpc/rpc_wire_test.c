/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_wire.h"

#include <string.h>

#include "api/rpc/toy/toy.pb-c.h"
#include "libross/base/test.h"

static void
unpacks_into_the_arena(void **state)
{
    Ross__Toy__Word in = ROSS__TOY__WORD__INIT, inner = ROSS__TOY__WORD__INIT, *list[] = {&inner};
    Ross__Toy__Word *out;
    struct arena arena = {0};
    struct err err = {0};
    unsigned char bytes[256];
    void *msg;
    size_t n;

    (void) state;
    inner.text = (char *) "grün €𝄞";
    in.text = (char *) "x";
    in.number = -1;
    in.n_words = 1;
    in.words = list;
    n = ross__toy__word__pack(&in, bytes);
    assert_ok(rpc_unpack(&ross__toy__word__descriptor, &arena, bytes, n, &msg, &err), &err);
    out = msg;
    assert_string_equal(out->text, "x");
    assert_int_equal(out->number, -1);
    assert_string_equal(out->words[0]->text, "grün €𝄞");
    assert_true(arena.used_bytes > 0);
    assert_ok(rpc_unpack(&ross__toy__word__descriptor, &arena, NULL, 0, &msg, &err), &err);
    assert_string_equal(((Ross__Toy__Word *) msg)->text, "");
    arena_done(&arena);
}

/* What rpc_unpack_in_place() makes of a message with n bytes of data, packed `times` after each other. */
static const Ross__Toy__Word *
unpack_in_place(struct arena *arena, size_t n, unsigned times, const unsigned char **ret_bytes,
                size_t *ret_n)
{
    Ross__Toy__Word in = ROSS__TOY__WORD__INIT;
    unsigned char *bytes;
    struct err err = {0};
    size_t size;
    void *msg;

    in.text = (char *) "before";
    in.number = 7;
    in.data.len = n;
    in.data.data = arena_zalloc(arena, n + 1);
    size = ross__toy__word__get_packed_size(&in);
    bytes = arena_alloc(arena, times * size);
    for (unsigned i = 0; i < times; i++) {
        memset(in.data.data, 'a' + (int) i, n);
        (void) ross__toy__word__pack(&in, bytes + i * size);
    }
    assert_ok(
        rpc_unpack_in_place(&ross__toy__word__descriptor, arena, bytes, times * size, &msg, &err),
        &err);
    *ret_bytes = bytes;
    *ret_n = times * size;
    return msg;
}

static void
leaves_long_bytes_where_they_are(void **state)
{
    static const struct {
        size_t n;
        unsigned times;
        bool in_place;
    } rows[] = {{0, 1, false},
                {RPC_IN_PLACE_MIN - 1, 1, false},
                {RPC_IN_PLACE_MIN, 1, true},
                {1000000, 1, true},
                {1000000, 2, false}}; /* the last one counts */
    struct arena arena = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const unsigned char *bytes;
        size_t n;
        const Ross__Toy__Word *w = unpack_in_place(&arena, rows[i].n, rows[i].times, &bytes, &n);

        assert_string_equal(w->text, "before");
        assert_int_equal(w->number, 7);
        assert_int_equal(w->data.len, rows[i].n);
        assert_int_equal(w->data.data >= bytes && w->data.data < bytes + n, rows[i].in_place);
        for (size_t k = 0; k < w->data.len; k++)
            assert_int_equal(w->data.data[k], 'a' + rows[i].times - 1);
    }
    arena_done(&arena);
}

#define BYTES(s) (s), sizeof(s) - 1

static void
refuses_what_is_not_a_message(void **state)
{
    static const struct {
        const char *what, *bytes;
        size_t n;
        int code;
    } rows[] = {
        {"a string", BYTES("\x0a\x01x"), 0},
        {"an unknown field", BYTES("\x7a\x01\xff"), 0},
        {"an unknown group", BYTES("\x7b\x7c"), CODE_INTERNAL},
        {"unknown fixed fields",
         BYTES("\x79"
               "12345678"
               "\x7d"
               "1234"),
         0},
        {"a cut fixed64",
         BYTES("\x79"
               "1234567"),
         CODE_INTERNAL},
        {"a cut fixed32",
         BYTES("\x7d"
               "123"),
         CODE_INTERNAL},
        {"field number zero", BYTES("\x02\x01x"), CODE_INTERNAL},
        {"length beyond the end", BYTES("\x0a\x02x"), CODE_INTERNAL},
        {"huge length", BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), CODE_INTERNAL},
        {"no length", BYTES("\x0a"), CODE_INTERNAL},
        {"endless varint", BYTES("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
         CODE_INTERNAL},
        {"NUL in a string", BYTES("\x0a\x03x\0y"), CODE_INVALID_ARGUMENT},
        {"NUL in bytes", BYTES("\x12\x03x\0y"), 0},
        {"stray continuation", BYTES("\x0a\x01\x80"), CODE_INVALID_ARGUMENT},
        {"cut sequence", BYTES("\x0a\x02\xe2\x82"), CODE_INVALID_ARGUMENT},
        {"overlong slash", BYTES("\x0a\x02\xc0\xaf"), CODE_INVALID_ARGUMENT},
        {"overlong three", BYTES("\x0a\x03\xe0\x80\xaf"), CODE_INVALID_ARGUMENT},
        {"surrogate", BYTES("\x0a\x03\xed\xa0\x80"), CODE_INVALID_ARGUMENT},
        {"last code point", BYTES("\x0a\x04\xf4\x8f\xbf\xbf"), 0},
        {"beyond the last", BYTES("\x0a\x04\xf4\x90\x80\x80"), CODE_INVALID_ARGUMENT},
        {"latin1 in bytes", BYTES("\x12\x01\xe4"), 0},
        {"bad string two levels down", BYTES("\x22\x05\x22\x03\x0a\x01\xff"),
         CODE_INVALID_ARGUMENT},
        {"bad key of a map", BYTES("\x2a\x03\x0a\x01\xff"), CODE_INVALID_ARGUMENT},
        {"string field sent as varint", BYTES("\x08\x01"), CODE_INTERNAL},
    };
    struct arena arena = {0};
    struct err err = {0};
    void *msg;
    int r;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        r = rpc_unpack(&ross__toy__word__descriptor, &arena, rows[i].bytes, rows[i].n, &msg, &err);
        if (r != -rows[i].code)
            fail_msg("%s: %d %s", rows[i].what, r, err.msg);
    }
    arena_done(&arena);
}

/* `depth` messages around an empty one. */
static size_t
nested(unsigned char *out, unsigned depth)
{
    unsigned char *p = out + 4096, *end = p;
    size_t len;

    for (unsigned i = 0; i < depth; i++) {
        len = (size_t) (end - p);
        if (len > 127) {
            *--p = (unsigned char) (len >> 7);
            *--p = (unsigned char) (len | 0x80);
        } else {
            *--p = (unsigned char) len;
        }
        *--p = 0x22;
    }
    memmove(out, p, (size_t) (end - p));
    return (size_t) (end - p);
}

static void
bounds_nesting(void **state)
{
    unsigned char bytes[8192];
    struct arena arena = {0};
    struct err err = {0};
    void *msg;
    size_t n;

    (void) state;
    n = nested(bytes, RPC_NESTING_MAX);
    assert_ok(rpc_unpack(&ross__toy__word__descriptor, &arena, bytes, n, &msg, &err), &err);
    n = nested(bytes, RPC_NESTING_MAX + 1);
    assert_code(rpc_unpack(&ross__toy__word__descriptor, &arena, bytes, n, &msg, &err),
                CODE_INTERNAL, &err);
    arena_done(&arena);
}

static void
bounds_memory(void **state)
{
    size_t n = 4 * 1024 * 1024;
    unsigned char *bytes = xmalloc(n);
    struct arena arena = {0};
    struct err err = {0};
    void *msg;

    (void) state;
    for (size_t i = 0; i < n; i += 2)
        memcpy(bytes + i, "\x22\x00", 2); /* two million empty messages */
    assert_code(rpc_unpack(&ross__toy__word__descriptor, &arena, bytes, n, &msg, &err),
                CODE_RESOURCE_EXHAUSTED, &err);
    assert_true(arena.used_bytes <= 2 * (size_t) RPC_UNPACK_MAX);
    arena_done(&arena);
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_into_the_arena),
        cmocka_unit_test(leaves_long_bytes_where_they_are),
        cmocka_unit_test(refuses_what_is_not_a_message),
        cmocka_unit_test(bounds_nesting),
        cmocka_unit_test(bounds_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
