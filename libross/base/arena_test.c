/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of arena.c. */
#include "libross/base/arena.h"

#include <stdint.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

/* Sanitizers end the program when a size is beyond all reason; here NULL is what is tested. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void
pieces_are_aligned_and_do_not_overlap(void **state)
{
    enum { N = 2000 };
    static unsigned char *pieces[N];
    AUTO(arena) a = {0};

    (void) state;
    for (size_t i = 0; i < N; i++) {
        pieces[i] = arena_alloc(&a, i % 300);
        assert_int_equal((uintptr_t) pieces[i] % 16, 0);
        memset(pieces[i], (int) (i % 251), i % 300);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i % 300; k++)
            assert_int_equal(pieces[i][k], i % 251);
}

static void
large_pieces_get_their_own_room(void **state)
{
    AUTO(arena) a = {0};
    char *small = arena_strdup(&a, "small"), *large = arena_alloc(&a, 1 << 20);

    (void) state;
    memset(large, 'x', 1 << 20);
    assert_string_equal(small, "small");
    assert_true(a.used_bytes >= 1 << 20);
}

static void
impossible_sizes_are_null(void **state)
{
    AUTO(arena) a = {0};

    (void) state;
    assert_null(arena_try_alloc(&a, SIZE_MAX));
    assert_null(arena_try_alloc(&a, SIZE_MAX - 20));
    assert_null(arena_try_alloc(&a, SIZE_MAX - 64));
    assert_int_equal(a.used_bytes, 0);
    assert_non_null(arena_try_alloc(&a, 0));
    assert_non_null(arena_try_alloc(&a, 100));
}

static void
copies_are_whole(void **state)
{
    AUTO(arena) a = {0};
    char *text;

    (void) state;
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&a, "abc", 100), "abc");
    assert_string_equal(arena_printf(&a, "%s %05d", "x", 42), "x 00042");
    text = arena_printf(&a, "%*s", 10000, "y");
    assert_int_equal(strlen(text), 10000);
    assert_memory_equal(arena_memdup(&a, "\0\1\2", 3), "\0\1\2", 3);
    assert_non_null(arena_memdup(&a, NULL, 0));
    assert_memory_equal(arena_zalloc(&a, 5), "\0\0\0\0\0", 5);
}

static void
reset_keeps_one_modest_chunk(void **state)
{
    AUTO(arena) a = {0};
    void *first = arena_alloc(&a, 100);

    (void) state;
    for (int i = 0; i < 100; i++)
        (void) arena_alloc(&a, 1000);
    arena_reset(&a);
    assert_int_equal(a.used_bytes, 0);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_done(&a);
    assert_null(a.head);
    /* one too large to keep */
    (void) arena_alloc(&a, 1 << 20);
    arena_reset(&a);
    assert_null(a.head);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(large_pieces_get_their_own_room),
        cmocka_unit_test(impossible_sizes_are_null),
        cmocka_unit_test(copies_are_whole),
        cmocka_unit_test(reset_keeps_one_modest_chunk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
