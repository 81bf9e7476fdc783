/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/config/options_doc.h"

#include <stdlib.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static const struct option_row rows[] = {
    {.name = "name", .letter = 'n', .type = OPTION_STR, .arg = "NAME", .help = "what it is called"},
    {.name = "secret", .type = OPTION_FLAG, .help = "not for people", .hidden = true},
    {.name = "sync", .type = OPTION_STR, .arg = "full|none", .help = "a *star* in <DIR>"},
};

static void
writes_every_visible_row(void **state)
{
    auto_free char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void) state;
    assert_non_null(to);
    options_markdown(to, rows, ARRAY_LEN(rows));
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, "**-n**, **--name** *NAME*\n:   what it is called\n\n"
                              "**--sync** *full\\|none*\n:   a \\*star\\* in \\<DIR\\>\n\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_visible_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
