/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/gc_ask.h"

#include "libross/base/mem.h"
#include "libross/base/test.h"

static void
cuts_lines(void **state)
{
    static const struct {
        const char *line, *type, *ns, *key; /* type NULL: not about something that goes */
        int64_t size;
        const char *why;
    } rows[] = {
        {"remove blob default sha256:12 345: nothing refers to it", "blob", "default", "sha256:12",
         345, "nothing refers to it"},
        {"remove snapshot default extract-1 sha256:ab 0: gone: for good", "snapshot", "default",
         "extract-1 sha256:ab", 0, "gone: for good"},
        {"remove lease - x: y 7: expired", "lease", "-", "x: y", 7, "expired"},
        {"keep blob default sha256:12 345: for image x", NULL, NULL, NULL, 0, NULL},
        {"remove blob default sha256:12 big: x", NULL, NULL, NULL, 0, NULL},
        {"remove blob default", NULL, NULL, NULL, 0, NULL},
        {"keep 2 blobs, 3 bytes; remove 4 blobs, 5 bytes", NULL, NULL, NULL, 0, NULL},
        {"", NULL, NULL, NULL, 0, NULL},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *line = xstrdup(rows[i].line);
        struct gc_candidate c = {0};
        assert_int_equal(gc_candidate_parse(line, &c), rows[i].type != NULL);
        if (!rows[i].type)
            continue;
        assert_string_equal(c.type, rows[i].type);
        assert_string_equal(c.ns, rows[i].ns);
        assert_string_equal(c.key, rows[i].key);
        assert_string_equal(c.why, rows[i].why);
        assert_int_equal(c.size_bytes, rows[i].size);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
