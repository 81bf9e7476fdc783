/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_pick.h"

#include <fcntl.h>
#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/test.h"

/* A cgroup root as a directory: `file` (may be NULL) with `text` in it. */
static char *
fake_root(const char *file, const char *text)
{
    char *root = test_tmpdir();
    auto_free char *path = NULL;
    struct err err = {0};

    if (!file)
        return root;
    path = path_join(root, file);
    if (strchr(file, '/')) {
        auto_free char *dir = path_join(root, "unified");
        assert_ok(path_mkdirs_at(AT_FDCWD, dir, 0755, &err), &err);
    }
    assert_ok(fd_write_file_at(AT_FDCWD, path, text, strlen(text), 0644, &err), &err);
    return root;
}

static void
objects_only_to_split_controllers(void **state)
{
    static const struct {
        const char *file, *text;
        bool objects;
    } rows[] = {
        {"cgroup.controllers", "cpu memory pids\n", false}, /* v2 */
        {NULL, NULL, false},                                /* v1 without a v2 mount */
        {"unified/cgroup.controllers", "\n", false},        /* hybrid, nothing left on v2 */
        {"unified/cgroup.controllers", "", false},
        {"unified/cgroup.controllers", "hugetlb perf_event\n", true},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *root = fake_root(rows[i].file, rows[i].text);

        assert_int_equal(runtime_crun_objection(root) != NULL, rows[i].objects);
        test_tmpdir_remove(root);
    }
}

static void
names_the_runtime_that_is_missing(void **state)
{
    auto_free char *path = NULL, *why = NULL;
    struct err err = {0};

    (void) state;
    assert_code(runtime_pick("no-such-runtime", &path, &why, &err), CODE_NOT_FOUND, &err);
    assert_non_null(strstr(err.msg, "no-such-runtime"));
}

static void
takes_an_absolute_path(void **state)
{
    auto_free char *path = NULL, *why = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(runtime_pick("/bin/true", &path, &why, &err), &err);
    assert_string_equal(path, "/bin/true");
    assert_null(why);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_only_to_split_controllers),
        cmocka_unit_test(names_the_runtime_that_is_missing),
        cmocka_unit_test(takes_an_absolute_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
