/* SPDX-License-Identifier: Apache-2.0 */
#include "completion.h"

#include <stdlib.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

static const struct option_row run_rows[] = {
    {.name = "network", .letter = 'N', .type = OPTION_STR, .arg = "host|none", .help = "it's: one"},
    {.name = "env-file", .type = OPTION_STR, .arg = "FILE", .help = "a file"},
    {.name = "rm", .type = OPTION_FLAG, .help = "remove"},
    {.name = "inner", .type = OPTION_FLAG, .help = "hidden", .hidden = true},
};
static const struct command_row run = {.path = "run",
                                       .synopsis = "[OPTION…] IMAGE [CMD…]",
                                       .summary = "Runs",
                                       .options = run_rows,
                                       .n_options = ARRAY_LEN(run_rows),
                                       .stop_at_word = true};
static const struct command_row pull = {
    .path = "image pull", .aliases = "pull", .synopsis = "REF", .summary = "Pulls"};
static const struct command_row secret = {
    .path = "secret", .synopsis = "", .summary = "Hidden", .hidden = true};
static const struct command_row *const rows[] = {&run, &pull, &secret};
static const struct option_row before[] = {
    {.name = "root", .type = OPTION_STR, .arg = "DIR", .help = "data"}};

static char *
script(const char *shell)
{
    const struct completion_table t = {
        .commands = rows, .n = ARRAY_LEN(rows), .options = before, .n_options = ARRAY_LEN(before)};
    struct err err = {0};
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    assert_ok(completion_write(to, shell, &t, &err), &err);
    assert_int_equal(fclose(to), 0);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "inner"));
    return text;
}

static void
bash_has_rows_of_paths_aliases_and_groups(void **state)
{
    auto_free char *text = script("bash");

    (void) state;
    assert_non_null(strstr(text, "    '')\n        subs='run image pull'\n"
                                 "        opts='--root --help'\n        values=' --root=dir '\n"));
    assert_non_null(strstr(text, "    'image')\n        subs='pull'\n"));
    assert_non_null(strstr(text, "    'pull')\n"));
    assert_non_null(strstr(text, "values=' --network=host|none -N=host|none --env-file=file '\n"
                                 "        what=image rest=yes\n"));
}

static void
zsh_and_fish_quote_the_help(void **state)
{
    auto_free char *zsh = script("zsh");
    auto_free char *fish = script("fish");

    (void) state;
    assert_non_null(strstr(zsh, "'--network:it'\\''s\\: one'"));
    assert_non_null(strstr(fish, "-l network -s N -x -a 'host none' -d 'it'\\''s: one'\n"));
    assert_non_null(strstr(fish, "set -a __ross_cli_values 'run|-N'\n"));
    assert_non_null(strstr(fish, "'__ross_cli_first \"\"' -a pull -d 'Pulls'\n"));
}

static void
refuses_other_shells(void **state)
{
    const struct completion_table t = {.commands = rows, .n = ARRAY_LEN(rows)};
    struct err err = {0};

    (void) state;
    assert_code(completion_write(stdout, "csh", &t, &err), CODE_INVALID_ARGUMENT, &err);
}

static void
kinds_come_from_the_tables(void **state)
{
    static const struct {
        const char *arg, *kind;
    } cases[] = {
        {"FILE", "file"},
        {"DIR", "dir"},
        {"full|none", "full|none"},
        {"NAME", "-"},
        {NULL, "-"},
        {"USER[:GROUP]", "-"},
        {"A|B", "-"},
        {"SOCKET", "file"},
        {"LEVEL", "trace|debug|info|warn|error"},
        {"SRC:DST[:ro]", "dir"},
        {"CONTAINER", "container"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct option_row o = {.arg = cases[i].arg};

        assert_string_equal(completion_option_kind(&o), cases[i].kind);
    }
    assert_string_equal(completion_word_kind(&run), "image");
    assert_string_equal(completion_word_kind(&pull), "image");
    assert_string_equal(completion_word_kind(&secret), "-");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bash_has_rows_of_paths_aliases_and_groups),
        cmocka_unit_test(zsh_and_fish_quote_the_help),
        cmocka_unit_test(refuses_other_shells),
        cmocka_unit_test(kinds_come_from_the_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
