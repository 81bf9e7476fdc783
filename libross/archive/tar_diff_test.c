/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "libross/archive/testlib/tar_build.h"
#include "libross/archive/testlib/tree_show.h"
#include "libross/base/path.h"
#include "tar_apply.h"
#include "tar_diff.h"
#include "tar_read.h"

#define ENTRIES_MAX 12

/* ---- making trees ---- */

struct bytes_source {
    const char *p;
    size_t n;
};

static ssize_t
bytes_read(void *source, void *p, size_t n, struct err *err)
{
    struct bytes_source *s = source;

    (void) err;
    if (n > s->n)
        n = s->n;
    memcpy(p, s->p, n);
    s->p += n;
    s->n -= n;
    return (ssize_t) n;
}

static void
apply_bytes(int root_fd, const struct buf *blob, struct tar_apply_result *ret)
{
    struct bytes_source src = {.p = blob->data, .n = blob->len};
    AUTO_PTR(decompress) d = decompress_new(bytes_read, &src, NULL);
    struct err err = {0};

    assert_ok(tar_apply(root_fd, d, NULL, ret, &err), &err);
}

static void
make_tree(int root_fd, const struct tar_build_entry *entries)
{
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    struct tar_apply_result result;

    for (; entries->name; entries++)
        tar_build_add(&tar, entries);
    tar_build_end(&tar);
    apply_bytes(root_fd, &tar, &result);
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

/* ---- looking at layers ---- */

static int
into_buf(void *sink, const void *p, size_t n, struct err *err)
{
    return buf_append(sink, p, n, err);
}

static ssize_t
whole_piece(void *source, const unsigned char **ret, struct err *err)
{
    struct bytes_source *s = source;
    size_t n = s->n;

    (void) err;
    *ret = (const unsigned char *) s->p;
    s->n = 0;
    return (ssize_t) n;
}

/* "TYPE MODE NAME[ -> LINK]" lines. */
static void
show_layer(const struct buf *tar, struct buf *out)
{
    struct bytes_source src = {.p = tar->data, .n = tar->len};
    AUTO_PTR(tar_read) t = tar_read_new(whole_piece, &src, &tar_limits_default);
    const struct tar_entry *e;
    struct err err = {0};
    int r;

    while ((r = tar_read_next(t, &e, &err)) > 0) {
        const void *p = NULL;
        int64_t offset;
        ssize_t n;

        assert_ok(buf_printf(out, &err, "%c %o %s%s%s", e->type, (unsigned) e->mode, e->name,
                             *e->link ? " -> " : "", e->link),
                  &err);
        n = tar_read_data(t, &p, &offset, &err);
        assert_ok((int) n, &err);
        if (n > 0)
            assert_ok(buf_printf(out, &err, " \"%.*s\"", (int) n, (const char *) p), &err);
        assert_ok(buf_append_str(out, "\n", &err), &err);
    }
    assert_ok(r, &err);
}

static void
diff(int lower_fd, int upper_fd, const struct tar_diff_options *options, struct buf *ret)
{
    struct tar_diff_result result;
    struct digest want;
    struct err err = {0};

    assert_ok(tar_diff(lower_fd, upper_fd, options, into_buf, ret, &result, &err), &err);
    digest_compute(DIGEST_SHA256, ret->data, ret->len, &want);
    assert_true(digest_equal(&result.digest, &want));
    assert_int_equal(result.size_bytes, ret->len);
}

static const struct row {
    const char *what;
    struct tar_build_entry lower[ENTRIES_MAX], upper[ENTRIES_MAX];
    const char *layer;
} rows[] = {
    {
        .what = "nothing differs",
        .lower = {{.name = "d/f", .content = "x", .mtime = 5},
                  {.name = "d/", .type = '5', .mtime = 6}},
        .upper = {{.name = "d/f", .content = "x", .mtime = 5},
                  {.name = "d/", .type = '5', .mtime = 7}},
        .layer = "",
    },
    {
        .what = "added, with its parents once",
        .lower = {{.name = "d/e/", .type = '5'}},
        .upper = {{.name = "d/e/a", .content = "1"},
                  {.name = "d/e/b", .type = '2', .link = "a"},
                  {.name = "d/e/n/", .type = '5', .mode = 0700},
                  {.name = "p", .type = '6'}},
        .layer =
            "5 755 d/\n5 755 d/e/\n0 644 d/e/a \"1\"\n2 777 d/e/b -> a\n5 700 d/e/n/\n6 644 p\n",
    },
    {
        .what = "deleted: one whiteout for a tree",
        .lower = {{.name = "d/x/y/z"}, {.name = "d/k"}, {.name = "f"}},
        .upper = {{.name = "d/k"}},
        .layer = "5 755 d/\n0 0 d/.wh.x\n0 0 .wh.f\n",
    },
    {
        .what = "a directory became a file and a file a directory",
        .lower = {{.name = "a/x"}, {.name = "b"}},
        .upper = {{.name = "a", .content = "f"}, {.name = "b/y"}},
        .layer = "0 644 a \"f\"\n5 755 b/\n0 644 b/y\n",
    },
    {
        .what = "content decides when whole seconds are equal",
        .lower = {{.name = "a", .content = "x", .mtime = 5},
                  {.name = "b", .type = '2', .link = "x", .mtime = 5},
                  {.name = "c", .content = "x", .pax = "mtime=5.5"}},
        .upper = {{.name = "a", .content = "y", .mtime = 5},
                  {.name = "b", .type = '2', .link = "y", .mtime = 5},
                  {.name = "c", .content = "y", .pax = "mtime=5.5"}},
        .layer = "0 644 a \"y\"\n2 777 b -> y\n",
    },
    {
        .what = "mode, owner, device number, time and capability count",
        .lower = {{.name = "a"},
                  {.name = "b"},
                  {.name = "c", .type = '3', .major = 1},
                  {.name = "d"},
                  {.name = "e"},
                  {.name = "f"}},
        .upper = {{.name = "a", .mode = 0600},
                  {.name = "b", .uid = 1},
                  {.name = "c", .type = '3', .major = 2},
                  {.name = "d", .mtime = 9},
                  {.name = "f", .pax = "SCHILY.xattr.user.x=ignored"},
                  {.name = "e"}},
        .layer = "0 600 a\n0 644 b\n3 644 c\n0 644 d\n",
    },
    {
        .what = "hard links: the first changed name is the file",
        .upper = {{.name = "b", .content = "x"},
                  {.name = "a", .type = '1', .link = "b"},
                  {.name = "c/d", .type = '1', .link = "b"}},
        .layer = "0 644 a \"x\"\n1 644 b -> a\n5 755 c/\n1 644 c/d -> a\n",
    },
    {
        .what = "hard links: unchanged names of an inode that got another one follow it",
        .lower = {{.name = "d/a", .content = "x"}, {.name = "z", .type = '1', .link = "d/a"}},
        .upper = {{.name = "d/a", .content = "x"},
                  {.name = "z", .type = '1', .link = "d/a"},
                  {.name = "m", .type = '1', .link = "d/a"}},
        .layer = "0 644 m \"x\"\n5 755 d/\n1 644 d/a -> m\n1 644 z -> m\n",
    },
    {
        .what = "a slash sorts below everything",
        .upper = {{.name = "a/b"}, {.name = "a.c"}, {.name = "a-d"}},
        .layer = "5 755 a/\n0 644 a/b\n0 644 a-d\n0 644 a.c\n",
    },
};

static void
writes_the_difference(void **state)
{
    (void) state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *tmp = test_tmpdir();
        auto_close int lower = open_dir(tmp, "lower"), upper = open_dir(tmp, "upper"),
                       again = open_dir(tmp, "again");
        AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
        AUTO(buf) tar2 = BUF_INIT(TAR_BUILD_MAX);
        AUTO(buf) shown = BUF_INIT(1 << 20);
        struct tar_apply_result result;

        make_tree(lower, rows[i].lower);
        make_tree(upper, rows[i].upper);
        diff(lower, upper, NULL, &tar);
        show_layer(&tar, &shown);
        if (strcmp(shown.data ? shown.data : "", rows[i].layer) != 0)
            print_error("row: %s\n", rows[i].what);
        assert_string_equal(shown.data ? shown.data : "", rows[i].layer);
        /* The lower tree with the layer applied is the upper one: nothing is left to say. */
        make_tree(again, rows[i].lower);
        apply_bytes(again, &tar, &result);
        buf_clear(&shown);
        diff(again, upper, NULL, &tar2);
        if (strchr(rows[i].what, ':') == NULL || strncmp(rows[i].what, "hard", 4) != 0) {
            show_layer(&tar2, &shown);
            assert_int_equal(shown.len, 0);
        }
        test_tmpdir_remove(tmp);
    }
}

static void
compresses_the_same_every_time(void **state)
{
    static const enum compression kinds[] = {COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
    static const struct tar_build_entry tree[] = {
        {.name = "d/a", .content = "hello hello hello hello", .mtime = 12345}, {.name = "e"}, {0}};
    char *tmp = test_tmpdir();
    auto_close int upper = open_dir(tmp, "upper");
    struct digest diff_id = {0};

    (void) state;
    make_tree(upper, tree);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct tar_diff_options options = {.compression = kinds[i]};
        AUTO(buf) one = BUF_INIT(1 << 20);
        AUTO(buf) two = BUF_INIT(1 << 20);
        auto_free char *name = xasprintf("out%zu", i);
        auto_close int out = open_dir(tmp, name);
        struct tar_apply_result result;

        diff(-1, upper, &options, &one);
        diff(-1, upper, &options, &two);
        assert_int_equal(one.len, two.len);
        assert_memory_equal(one.data, two.data, one.len);
        apply_bytes(out, &one, &result);
        assert_int_equal(result.compression, kinds[i]);
        if (i)
            assert_true(digest_equal(&diff_id, &result.diff_id));
        diff_id = result.diff_id;
    }
    test_tmpdir_remove(tmp);
}

static void
source_epoch_caps_times(void **state)
{
    static const struct tar_build_entry lower[] = {{.name = "gone"}, {0}},
                                        upper[] = {{.name = "new", .mtime = 2000},
                                                   {.name = "old", .mtime = 500},
                                                   {0}};
    const struct tar_diff_options options = {.has_source_epoch = true, .source_epoch_sec = 1000};
    static const struct {
        const char *name;
        int64_t sec;
    } want[] = {{".wh.gone", 1000}, {"new", 1000}, {"old", 500}};
    char *tmp = test_tmpdir();
    auto_close int l = open_dir(tmp, "l"), u = open_dir(tmp, "u");
    AUTO(buf) tar = BUF_INIT(1 << 20);
    struct bytes_source src;
    const struct tar_entry *e;
    struct tar_read *t;
    struct err err = {0};

    (void) state;
    make_tree(l, lower);
    make_tree(u, upper);
    diff(l, u, &options, &tar);
    src = (struct bytes_source){.p = tar.data, .n = tar.len};
    t = tar_read_new(whole_piece, &src, &tar_limits_default);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(tar_read_next(t, &e, &err), 1);
        assert_string_equal(e->name, want[i].name);
        assert_int_equal(e->mtime.sec, want[i].sec);
    }
    assert_int_equal(tar_read_next(t, &e, &err), 0);
    tar_read_free(t);
    test_tmpdir_remove(tmp);
}

/* What a container did to its overlay. */
static void
change_merged(int m)
{
    auto_close int fd = -1;

    assert_int_equal(unlinkat(m, "gone", 0), 0);
    assert_int_equal(fchmodat(m, "touched", 0600, 0), 0);
    assert_int_equal(fchmodat(m, "touched", 0644, 0), 0); /* copied up, not changed */
    assert_int_equal(unlinkat(m, "d/x", 0), 0);
    fd = openat(m, "d/new", O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, "n", 1), 1);
    fd = fd_close(fd);
    assert_int_equal(unlinkat(m, "r/a", 0), 0);
    assert_int_equal(unlinkat(m, "r/b", 0), 0);
    assert_int_equal(unlinkat(m, "r", AT_REMOVEDIR), 0);
    assert_int_equal(mkdirat(m, "r", 0755), 0); /* opaque now */
    fd = openat(m, "r/b", O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    assert_int_equal(symlinkat("d", m, "link"), 0);
    assert_int_equal(linkat(m, "d/new", m, "d/new2", 0), 0);
    assert_int_equal(unlinkat(m, "f2d", 0), 0);
    assert_int_equal(mkdirat(m, "f2d", 0755), 0);
    assert_int_equal(symlinkat("t", m, "f2d/s"), 0);
    assert_int_equal(linkat(m, "f2d/s", m, "f2d/s2", 0), 0);
}

static void
an_overlay_upper_says_the_same_as_the_merged_tree(void **state)
{
    static const struct tar_build_entry tree[] = {
        {.name = "gone"},
        {.name = "touched", .content = "t", .mtime = 7},
        {.name = "d/x"},
        {.name = "d/keep", .content = "k"},
        {.name = "r/a"},
        {.name = "r/b"},
        {.name = "f2d"},
        {.name = "deep/er/still/f"},
        {0},
    };
    const struct tar_diff_options options = {.upper_is_overlay = true};
    char *tmp = test_tmpdir();
    auto_close int lower = open_dir(tmp, "lower"), upper = open_dir(tmp, "upper"),
                   work = open_dir(tmp, "work"), point = open_dir(tmp, "merged"), merged = -1;
    auto_free char *mount_options = xasprintf(
        "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work,redirect_dir=off,metacopy=off", tmp,
        tmp, tmp);
    auto_free char *target = path_join(tmp, "merged");
    AUTO(buf) fast = BUF_INIT(1 << 20);
    AUTO(buf) slow = BUF_INIT(1 << 20);
    AUTO(buf) a = BUF_INIT(1 << 20);
    AUTO(buf) b = BUF_INIT(1 << 20);

    (void) state;
    make_tree(lower, tree);
    if (mount("overlay", target, "overlay", 0, mount_options) < 0) {
        print_message("cannot mount an overlay here: %s\n", strerror(errno));
        test_tmpdir_remove(tmp);
        skip();
    }
    merged = open_dir(tmp, "merged");
    change_merged(merged);
    diff(lower, merged, NULL, &slow);
    diff(lower, upper, &options, &fast);
    merged = fd_close(merged);
    assert_int_equal(umount2(target, MNT_DETACH), 0);
    show_layer(&slow, &a);
    show_layer(&fast, &b);
    assert_string_equal(a.data, b.data);
    assert_int_equal(slow.len, fast.len);
    assert_memory_equal(slow.data, fast.data, slow.len);
    assert_string_equal(b.data,
                        "5 755 d/\n0 644 d/new \"n\"\n1 644 d/new2 -> d/new\n0 0 d/.wh.x\n"
                        "5 755 f2d/\n2 777 f2d/s -> t\n1 777 f2d/s2 -> f2d/s\n0 0 .wh.gone\n"
                        "2 777 link -> d\n5 755 r/\n0 0 r/.wh.a\n0 644 r/b\n");
    test_tmpdir_remove(tmp);
}

static void
refuses_redirects(void **state)
{
    const struct tar_diff_options options = {.upper_is_overlay = true};
    static const struct tar_build_entry tree[] = {{.name = "d/", .type = '5'}, {0}};
    char *tmp = test_tmpdir();
    auto_close int upper = open_dir(tmp, "upper"), d = -1;
    AUTO(buf) out = BUF_INIT(1 << 20);
    struct tar_diff_result result;
    struct err err = {0};

    (void) state;
    if (geteuid() != 0)
        skip();
    make_tree(upper, tree);
    d = openat(upper, "d", O_RDONLY | O_DIRECTORY);
    assert_int_equal(fsetxattr(d, "trusted.overlay.redirect", "/x", 2, 0), 0);
    assert_code(tar_diff(-1, upper, &options, into_buf, &out, &result, &err),
                CODE_FAILED_PRECONDITION, &err);
    test_tmpdir_remove(tmp);
}

static int
full_sink(void *sink, const void *p, size_t n, struct err *err)
{
    (void) sink;
    (void) p;
    (void) n;
    return err_set(err, CODE_RESOURCE_EXHAUSTED, "full");
}

static void
the_sink_error_ends_it(void **state)
{
    static const enum compression kinds[] = {COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
    char *tmp = test_tmpdir();
    auto_close int upper = open_dir(tmp, "upper");
    struct tar_diff_result result;
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct tar_diff_options options = {.compression = kinds[i]};

        assert_code(tar_diff(-1, upper, &options, full_sink, NULL, &result, &err),
                    CODE_RESOURCE_EXHAUSTED, &err);
    }
    test_tmpdir_remove(tmp);
}

static void
copies_a_tree_under_a_prefix(void **state)
{
    static const struct tar_build_entry tree[] = {
        {.name = "a", .content = "1", .mode = 04755},
        {.name = "b", .type = '1', .link = "a", .mode = 04755},
        {.name = "d/.wh.c", .content = "2"},
        {0}};
    const struct tar_diff_options options = {.prefix = "p", .root_owned = true};
    const struct tar_apply_options plain = {.plain_names = true};
    char *tmp = test_tmpdir();
    auto_close int upper = open_dir(tmp, "upper"), out = open_dir(tmp, "out"), fd = -1;
    AUTO(buf) tar = BUF_INIT(1 << 20);
    AUTO(buf) shown = BUF_INIT(1 << 20);
    struct tar_apply_result result;
    struct bytes_source src;
    struct err err = {0};

    (void) state;
    make_tree(upper, tree);
    assert_ok(path_mkdirs_at(upper, "d", 0755, &err), &err);
    fd = openat(upper, "d/.wh.c", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    diff(-1, upper, &options, &tar);
    show_layer(&tar, &shown);
    assert_string_equal(shown.data, "5 755 p/\n"
                                    "0 755 p/a \"1\"\n"
                                    "1 755 p/b -> p/a\n"
                                    "5 755 p/d/\n"
                                    "0 644 p/d/.wh.c\n");
    src = (struct bytes_source){.p = tar.data, .n = tar.len};
    AUTO_PTR(decompress) d = decompress_new(bytes_read, &src, NULL);
    assert_ok(tar_apply(out, d, &plain, &result, &err), &err);
    assert_int_equal(faccessat(out, "p/d/.wh.c", F_OK, 0), 0);
    test_tmpdir_remove(tmp);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_difference),
        cmocka_unit_test(compresses_the_same_every_time),
        cmocka_unit_test(source_epoch_caps_times),
        cmocka_unit_test(an_overlay_upper_says_the_same_as_the_merged_tree),
        cmocka_unit_test(refuses_redirects),
        cmocka_unit_test(the_sink_error_ends_it),
        cmocka_unit_test(copies_a_tree_under_a_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
