/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of boot_id.c. */
#include "libross/base/boot_id.h"

#include <string.h>

#include "libross/base/err.h"
#include "libross/base/test.h"

static void
is_one_line_and_stays(void **state)
{
    char first[BOOT_ID_BYTES], second[BOOT_ID_BYTES];
    struct err err = {0};
    (void) state;

    assert_ok(boot_id_read(first, &err), &err);
    assert_ok(boot_id_read(second, &err), &err);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 36); /* a UUID */
    assert_null(strchr(first, '\n'));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_one_line_and_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
