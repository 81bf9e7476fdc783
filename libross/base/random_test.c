/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of random.c. */
#include "libross/base/random.h"

#include <stdbool.h>
#include <string.h>

#include "libross/base/test.h"

static void
numbers_differ_in_every_bit(void **state)
{
    uint32_t ones = 0, zeros = 0, v;

    (void) state;
    /* each bit is both values once in 200 draws, but for a chance of 2^-194 */
    for (int i = 0; i < 200; i++) {
        v = random_u32();
        ones |= v;
        zeros |= ~v;
    }
    assert_int_equal(ones, UINT32_MAX);
    assert_int_equal(zeros, UINT32_MAX);
}

static void
hex_has_exactly_its_digits(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 32, 256};
    char out[2 * 256 + 2], other[2 * 256 + 2];

    (void) state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(out, '#', sizeof out);
        assert_ptr_equal(random_hex(out, sizes[i]), out);
        assert_int_equal(strlen(out), 2 * sizes[i]);
        assert_int_equal(strspn(out, "0123456789abcdef"), 2 * sizes[i]);
        assert_int_equal(out[2 * sizes[i] + 1], '#');
    }
    assert_string_not_equal(random_hex(out, 16), random_hex(other, 16));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_differ_in_every_bit),
        cmocka_unit_test(hex_has_exactly_its_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
