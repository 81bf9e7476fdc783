/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile layers of integration/corpus/reject: each gets its code, and the world outside stays as it was. */
#include "libross/base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libross/archive/testlib/tree_show.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "tar_apply.h"

#define CORPUS TEST_SOURCE_DIR "/../../integration/corpus/reject"

/* Names that the layers try to make on the host itself. */
static const char *const host_names[] = {"/ross-reject-canary", "/etc/ross-reject-canary"};

struct settings {
    struct tar_limits tar;
    struct decompress_limits stream;
};

static void
set(struct settings *s, const char *name, uint64_t v)
{
    if (strcmp(name, "ratio_max") == 0)
        s->stream.ratio_max = v;
    else if (strcmp(name, "ratio_floor_bytes") == 0)
        s->stream.ratio_floor_bytes = v;
    else if (strcmp(name, "output_bytes_max") == 0)
        s->stream.output_bytes_max = v;
    else if (strcmp(name, "stream_bytes_max") == 0)
        s->tar.stream_bytes_max = v;
    else if (strcmp(name, "entries_max") == 0)
        s->tar.entries_max = v;
    else if (strcmp(name, "xattr_bytes_max") == 0)
        s->tar.xattr_bytes_max = (uint32_t) v;
    else
        fail_msg("EXPECT.tsv: unknown setting %s", name);
}

static void
parse_settings(const char *text, struct settings *ret)
{
    struct strv items = strv_split(text, ',');
    struct err err = {0};

    *ret = (struct settings){.tar = tar_limits_default};
    for (size_t i = 0; i < items.n && strcmp(text, "-") != 0; i++) {
        char *equals = strchr(items.items[i], '=');
        uint64_t v;

        assert_non_null(equals);
        *equals = '\0';
        assert_ok(parse_u64(equals + 1, &v, &err), &err);
        set(ret, items.items[i], v);
    }
    strv_done(&items);
}

static int
code_of(const char *name)
{
    for (int c = 0; c <= CODE_MAX; c++) {
        if (strcmp(code_name(c), name) == 0)
            return c;
    }
    fail_msg("EXPECT.tsv: unknown code %s", name);
    return -1;
}

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
apply_file(int root_fd, const char *file, bool overlay, const struct settings *s, struct err *err)
{
    const struct tar_apply_options options = {.overlay = overlay, .limits = &s->tar};
    auto_free char *path = xasprintf(CORPUS "/%s", file);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO_PTR(decompress) d = decompress_new(decompress_source_fd, &fd, &s->stream);
    struct tar_apply_result result;

    assert_true(fd >= 0);
    return tar_apply(root_fd, d, &options, &result, err);
}

/* Attributes of what outside directories and the host have, that a layer could reach. */
static void
show_world(struct buf *b, int top_fd)
{
    static const char *const paths[] = {"/", "/etc", "/etc/passwd", "/tmp", "/dev", "/dev/null"};
    struct stat st;

    tree_show_below(b, top_fd, "", "root", TREE_SHOW_TIMES);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(lstat(paths[i], &st), 0);
        (void) buf_printf(b, NULL, "%s %o %u:%u %d\n", paths[i], st.st_mode, st.st_uid, st.st_gid,
                          (int) st.st_ino);
    }
    for (size_t i = 0; i < ARRAY_LEN(host_names); i++)
        assert_true(lstat(host_names[i], &st) < 0 && errno == ENOENT);
}

static void
check_row(const char *line, const char *tmp, int top_fd)
{
    struct strv cols = strv_split(line, '\t');
    AUTO(buf) before = BUF_INIT(1 << 20);
    AUTO(buf) after = BUF_INIT(1 << 20);
    struct settings settings;
    struct err err = {0};
    auto_close int root = -1;
    int r, want;

    assert_int_equal(cols.n, 4);
    parse_settings(cols.items[2], &settings);
    want = code_of(cols.items[3]);
    assert_ok(rmtree_at(top_fd, "root", &err), &err);
    root = open_dir(tmp, "root");
    show_world(&before, top_fd);
    r = apply_file(root, cols.items[0], strcmp(cols.items[1], "overlay") == 0, &settings, &err);
    show_world(&after, top_fd);
    if (r != -want)
        fail_msg("%s: wanted %s, got %s (%s)", cols.items[0], code_name(want),
                 code_name(r < 0 ? -r : 0), err.msg);
    if (r < 0 && (strchr(err.msg, '\n') || strlen(err.msg) < 10))
        fail_msg("%s: not a sentence: '%s'", cols.items[0], err.msg);
    if (strcmp(before.data, after.data) != 0)
        fail_msg("%s: changed the world outside from\n%sto\n%s", cols.items[0], before.data,
                 after.data);
    strv_done(&cols);
}

static void
answers_hostile_layers(void **state)
{
    char *tmp = test_tmpdir();
    auto_close int top = open_dir(tmp, "."), outside = open_dir(tmp, "outside");
    auto_free char *text = NULL;
    struct strv lines;
    struct err err = {0};
    size_t rows = 0;

    (void) state;
    if (geteuid() != 0) {
        print_message("needs root: as root is when it counts\n");
        test_tmpdir_remove(tmp);
        skip();
    }
    assert_ok(fd_write_file_at(outside, "canary", "tweet", 5, 0600, &err), &err);
    assert_ok(fd_read_file_at(AT_FDCWD, CORPUS "/EXPECT.tsv", 1 << 20, &text, NULL, &err), &err);
    lines = strv_split(text, '\n');
    for (size_t i = 0; i < lines.n; i++) {
        if (!*lines.items[i] || *lines.items[i] == '#')
            continue;
        check_row(lines.items[i], tmp, top);
        rows++;
    }
    assert_true(rows > 100);
    strv_done(&lines);
    test_tmpdir_remove(tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_hostile_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
