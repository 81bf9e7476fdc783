/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile layers of integration/corpus/reject: each gets its code, and the world outside stays as it was. */
#include "libross/base/test.h"

#include "libross/archive/testlib/reject_rows.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "tar_apply.h"

#define CORPUS TEST_SOURCE_DIR "/../../integration/corpus/reject"

struct place {
    char *tmp;
    int top_fd;
};

static int
open_dir(const char *tmp, const char *name)
{
    auto_free char *path = path_join(tmp, name);
    struct err err = {0};
    int fd;

    assert_ok(path_open_dir(path, 0755, &fd, &err), &err);
    return fd;
}

static int
apply_file(int root_fd, const struct reject_row *row, struct err *err)
{
    const struct tar_apply_options options = {.overlay = row->overlay, .limits = &row->tar};
    auto_free char *path = xasprintf(CORPUS "/%s", row->file);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, &row->stream);
    struct tar_apply_result result;

    assert_true(fd >= 0);
    return tar_apply(root_fd, d, &options, &result, err);
}

static void
check_row(const struct reject_row *row, void *arg)
{
    const struct place *p = arg;
    AUTO(buf) before = BUF_INIT(1 << 20);
    AUTO(buf) after = BUF_INIT(1 << 20);
    struct err err = {0};
    auto_close int root = -1;
    int r;

    assert_ok(rmtree_at(p->top_fd, "root", &err), &err);
    root = open_dir(p->tmp, "root");
    reject_show_world(&before, p->top_fd);
    r = apply_file(root, row, &err);
    reject_show_world(&after, p->top_fd);
    reject_row_check(row, r, &err, &before, &after);
}

static void
answers_hostile_layers(void **state)
{
    struct place p = {.tmp = test_tmpdir()};
    auto_close int top = open_dir(p.tmp, "."), outside = open_dir(p.tmp, "outside");
    struct err err = {0};

    (void) state;
    if (geteuid() != 0) {
        print_message("needs root: as root is when it counts\n");
        test_tmpdir_remove(p.tmp);
        skip();
    }
    p.top_fd = top;
    assert_ok(fd_write_file_at(outside, "canary", "tweet", 5, 0600, &err), &err);
    reject_rows_each(CORPUS, check_row, &p);
    test_tmpdir_remove(p.tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_hostile_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
