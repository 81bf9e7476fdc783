/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include "libross/base/mem.h"
#include "whiteout.h"

static void
tells_names(void **state)
{
    static const struct {
        const char *name;
        enum whiteout want;
        const char *target;
    } rows[] = {
        {"a", WHITEOUT_NONE, NULL},
        {"", WHITEOUT_NONE, NULL},
        {".wh", WHITEOUT_NONE, NULL},
        {"x.wh.a", WHITEOUT_NONE, NULL},
        {".WH.a", WHITEOUT_NONE, NULL},
        {".wh.a", WHITEOUT_NAME, "a"},
        {".wh...a", WHITEOUT_NAME, "..a"},
        {".wh....", WHITEOUT_NAME, "..."},
        {".wh..wh.plnk", WHITEOUT_NAME, ".wh.plnk"},
        {".wh..wh..opq2", WHITEOUT_NAME, ".wh..opq2"},
        {".wh..wh..opq", WHITEOUT_OPAQUE, NULL},
        {".wh.", WHITEOUT_INVALID, NULL},
        {".wh..", WHITEOUT_INVALID, NULL},
        {".wh...", WHITEOUT_INVALID, NULL},
        {".wh.a/b", WHITEOUT_INVALID, NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *target = NULL;

        assert_int_equal(whiteout_parse(rows[i].name, &target), rows[i].want);
        if (rows[i].target)
            assert_string_equal(target, rows[i].target);
        else
            assert_null(target);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
