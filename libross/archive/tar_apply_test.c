/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "libross/archive/testlib/tar_build.h"
#include "libross/archive/testlib/tree_show.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "tar_apply.h"

#define ENTRIES_MAX 12

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

static int
apply_bytes(int root_fd, const struct buf *tar, const struct tar_apply_options *options,
            struct tar_apply_result *ret, struct err *err)
{
    struct bytes_source src = {.p = tar->data, .n = tar->len};
    AUTO_PTR(decompress) d = decompress_new(bytes_read, &src, NULL);
    struct tar_apply_result result;

    return tar_apply(root_fd, d, options, ret ? ret : &result, err);
}

static void
build(struct buf *tar, const struct tar_build_entry *entries)
{
    for (; entries->name; entries++)
        tar_build_add(tar, entries);
    tar_build_end(tar);
}

static int
open_root(const char *tmp, const char *name)
{
    auto_free char *path = path_join(tmp, name);
    int fd;
    struct err err = {0};

    assert_ok(path_open_dir(path, 0755, &fd, &err), &err);
    return fd;
}

/*
 * One row: what was there before (applied plainly), the lower directory (applied plainly elsewhere), the layer, and
 * what is there afterwards. `before` and `lower` need no owner of their own.
 */
struct scenario {
    const char *what;
    struct tar_build_entry before[ENTRIES_MAX], lower[ENTRIES_MAX], layer[ENTRIES_MAX];
    bool overlay, userxattr, in_userns;
    int code; /* expected */
    const char *tree, *message;
};

static const struct scenario scenarios[] = {
    {
        .what = "every type with its attributes",
        .layer = {{.name = "d/", .type = '5', .mode = 01777, .uid = 1, .gid = 2},
                  {.name = "d/f", .content = "hello", .mode = 04755, .uid = 3, .gid = 4},
                  {.name = "d/l", .type = '2', .link = "/etc/passwd", .uid = 5, .gid = 6},
                  {.name = "d/h", .type = '1', .link = "d/f", .mode = 04755, .uid = 3, .gid = 4},
                  {.name = "p", .type = '6', .mode = 0622},
                  {.name = "c", .type = '3', .mode = 0666, .major = 1, .minor = 3},
                  {.name = "b", .type = '4', .mode = 0660, .gid = 6, .major = 8, .minor = 300}},
        .tree = "b b0660 0:6 8,300\nc c0666 0:0 1,3\nd d1777 1:2\nd/f -4755 3:4 \"hello\" x2\n"
                "d/h -4755 3:4 \"hello\" x2\nd/l l0777 5:6 -> /etc/passwd\np p0622 0:0\n",
    },
    {
        .what = "the root itself is not described",
        .layer = {{.name = "./", .type = '5', .mode = 0700, .uid = 9}, {.name = "./a"}},
        .tree = "a -0644 0:0 \"\"\n",
    },
    {
        .what = "parents that are missing appear",
        .layer = {{.name = "a/b/c", .uid = 7}},
        .tree = "a d0755 0:0\na/b d0755 0:0\na/b/c -0644 7:0 \"\"\n",
    },
    {
        .what = "absolute names begin at the root",
        .layer = {{.name = "/a/b"}, {.name = "//c"}},
        .tree = "a d0755 0:0\na/b -0644 0:0 \"\"\nc -0644 0:0 \"\"\n",
    },
    {
        .what = "names that lead out are refused",
        .layer = {{.name = "a/../../b"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
        .message = "entry 'a/../../b': the name leads out of the root",
    },
    {
        .what = "a parent that is an absolute symlink ends inside",
        .layer = {{.name = "x/y/", .type = '5'},
                  {.name = "l", .type = '2', .link = "/x/y"},
                  {.name = "l/f"}},
        .tree = "l l0777 0:0 -> /x/y\nx d0755 0:0\nx/y d0755 0:0\nx/y/f -0644 0:0 \"\"\n",
    },
    {
        .what = "a parent that is a symlink with dots ends inside",
        .layer = {{.name = "l", .type = '2', .link = "../../../../tmp"}, {.name = "l/f"}},
        .tree = "l l0777 0:0 -> ../../../../tmp\ntmp d0755 0:0\ntmp/f -0644 0:0 \"\"\n",
    },
    {
        .what = "symlinks in a row and in the middle of the way",
        .layer = {{.name = "a", .type = '2', .link = "b"},
                  {.name = "b", .type = '2', .link = "c/d"},
                  {.name = "a/e/f"},
                  {.name = "c/d/up", .type = '2', .link = "../.."},
                  {.name = "a/up/g"}},
        .tree = "a l0777 0:0 -> b\nb l0777 0:0 -> c/d\nc d0755 0:0\nc/d d0755 0:0\n"
                "c/d/e d0755 0:0\nc/d/e/f -0644 0:0 \"\"\nc/d/up l0777 0:0 -> ../..\ng -0644 0:0 "
                "\"\"\n",
    },
    {
        .what = "the last component is never followed",
        .layer = {{.name = "x", .content = "old"},
                  {.name = "l", .type = '2', .link = "x"},
                  {.name = "l", .content = "new"}},
        .tree = "l -0644 0:0 \"new\"\nx -0644 0:0 \"old\"\n",
    },
    {
        .what = "a symlink loop",
        .layer = {{.name = "a", .type = '2', .link = "b"},
                  {.name = "b", .type = '2', .link = "a"},
                  {.name = "a/f"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "a l0777 0:0 -> b\nb l0777 0:0 -> a\n",
        .message = "entry 'a/f': more than 255 symlinks on the way",
    },
    {
        .what = "a directory swapped for a symlink between entries",
        .layer = {{.name = "d/", .type = '5'},
                  {.name = "d/a"},
                  {.name = "e/", .type = '5'},
                  {.name = "d", .type = '2', .link = "e"},
                  {.name = "d/b"}},
        .tree = "d l0777 0:0 -> e\ne d0755 0:0\ne/b -0644 0:0 \"\"\n",
    },
    {
        .what = "a name below a file",
        .layer = {{.name = "a"}, {.name = "a/b"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "a -0644 0:0 \"\"\n",
        .message = "entry 'a/b': the parent 'a' is not a directory",
    },
    {
        .what = "a link replaces itself through itself",
        .layer = {{.name = "l", .type = '2', .link = "."}, {.name = "l/l", .content = "x"}},
        .tree = "l -0644 0:0 \"x\"\n",
    },
    {
        .what = "a file replaces a directory, and back, and merges",
        .layer = {{.name = "a/", .type = '5'},
                  {.name = "a/x"},
                  {.name = "a", .content = "f"},
                  {.name = "b", .content = "f"},
                  {.name = "b/", .type = '5', .mode = 0700},
                  {.name = "b/y"},
                  {.name = "b/", .type = '5', .mode = 0711, .uid = 4}},
        .tree = "a -0644 0:0 \"f\"\nb d0711 4:0\nb/y -0644 0:0 \"\"\n",
    },
    {
        .what = "duplicate entries: the last one counts",
        .layer = {{.name = "a", .content = "one"},
                  {.name = "h", .type = '1', .link = "a"},
                  {.name = "a", .content = "two", .mode = 0600},
                  {.name = "h", .type = '1', .link = "a", .mode = 0600}},
        .tree = "a -0600 0:0 \"two\" x2\nh -0600 0:0 \"two\" x2\n",
    },
    {
        .what = "hard links: in any order of names, through symlinks, to symlinks",
        .layer = {{.name = "z/f", .content = "f"},
                  {.name = "a", .type = '1', .link = "z/f"},
                  {.name = "s", .type = '2', .link = "/z"},
                  {.name = "b", .type = '1', .link = "s/f"},
                  {.name = "t", .type = '1', .link = "/s"}},
        .tree = "a -0644 0:0 \"f\" x3\nb -0644 0:0 \"f\" x3\ns l0777 0:0 -> /z\nt l0777 0:0 -> /z\n"
                "z d0755 0:0\nz/f -0644 0:0 \"f\" x3\n",
    },
    {
        .what = "a hard link to nothing",
        .layer = {{.name = "a", .type = '1', .link = "b"}, {.name = "b"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
        .message = "entry 'a': the hard link names 'b', which is not there",
    },
    {
        .what = "a hard link out of the root",
        .layer = {{.name = "a", .type = '1', .link = "../outside/secret"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
    },
    {
        .what = "a hard link through a symlink out of the root",
        .layer = {{.name = "l", .type = '2', .link = "../outside"},
                  {.name = "a", .type = '1', .link = "l/secret"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "l l0777 0:0 -> ../outside\n",
    },
    {
        .what = "a hard link to a directory",
        .layer = {{.name = "d/", .type = '5'}, {.name = "a", .type = '1', .link = "d"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "d d0755 0:0\n",
        .message = "entry 'a': a hard link to a directory",
    },
    {
        .what = "a hard link to the root",
        .layer = {{.name = "a", .type = '1', .link = "/"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
    },
    {
        .what = "extended attributes",
        .layer = {{.name = "a",
                   .pax = "SCHILY.xattr.user.b=c\nSCHILY.xattr.user.e=\nSCHILY.xattr.trusted.t=x\n"
                          "LIBARCHIVE.xattr.user.x=YQ\nSCHILY.acl.access=user::rwx\n"
                          "SCHILY.xattr.user.b=d=e"},
                  {.name = "l", .type = '2', .link = "a", .pax = "SCHILY.xattr.user.b=c"}},
        .tree = "a -0644 0:0 \"\" user.b=d=e user.e=\nl l0777 0:0 -> a\n",
    },
    {
        .what = "an extended attribute that cannot be",
        .layer = {{.name = "a", .pax = "SCHILY.xattr.=c"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "a -0600 0:0 \"\"\n",
    },
    {
        .what = "chown before attributes and mode",
        .layer = {{.name = "a", .uid = 5, .mode = 06711, .pax = "SCHILY.xattr.user.k=v"}},
        .tree = "a -6711 5:0 \"\" user.k=v\n",
    },
    {
        .what = "ids as old and as wide as they come",
        .layer = {{.name = "a", .pax = "uid=-2\ngid=4294967294"},
                  {.name = "b", .pax = "uid=1000000\ngid=70000"}},
        .tree = "a -0644 4294967294:4294967294 \"\"\nb -0644 1000000:70000 \"\"\n",
    },
    {
        .what = "an id beyond 32 bits",
        .layer = {{.name = "a", .pax = "uid=4294967296"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
        .message = "entry 'a': the uid 4294967296 is out of range",
    },
    {
        .what = "a device number that does not exist",
        .layer = {{.name = "a", .type = '3', .major = 4096, .minor = 1}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
    },
    {
        .what = "an unknown type",
        .layer = {{.name = "a", .type = 'Q'}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "",
        .message = "entry 'a': the entry type 81 is not supported",
    },
    {
        .what = "devices are skipped inside a user namespace",
        .in_userns = true,
        .layer = {{.name = "c", .type = '3', .major = 1, .minor = 3},
                  {.name = "b", .type = '4', .major = 1, .minor = 3},
                  {.name = "p", .type = '6'}},
        .tree = "p p0644 0:0\n",
    },
    {
        .what = "names in any bytes",
        .layer = {{.name = "a\xff\xfe\n"}, {.name = "x", .pax = "path=p\xc3\x28/\xe2\x98\xba"}},
        .tree = "a\xff\xfe\n -0644 0:0 \"\"\np\xc3\x28 d0755 0:0\np\xc3\x28/\xe2\x98\xba -0644 0:0 "
                "\"\"\n",
    },
    {
        .what = "global records change nothing",
        .layer = {{.name = "g", .type = 'g', .content = "11 uid=777\n"}, {.name = "a"}},
        .tree = "a -0644 0:0 \"\"\n",
    },
    /* ---- plain whiteouts ---- */
    {
        .what = "a whiteout deletes",
        .before = {{.name = "a", .content = "1"}, {.name = "d/x/y"}, {.name = "k"}},
        .layer = {{.name = ".wh.a"}, {.name = "d/.wh.x"}, {.name = ".wh.missing"}},
        .tree = "d d0755 0:0\nk -0644 0:0 \"\"\n",
    },
    {
        .what = "a whiteout does not follow",
        .before = {{.name = "t/x"}, {.name = "l", .type = '2', .link = "t"}},
        .layer = {{.name = ".wh.l"}},
        .tree = "t d0755 0:0\nt/x -0644 0:0 \"\"\n",
    },
    {
        .what = "opaque keeps what the layer itself has, before and after the marker",
        .before = {{.name = "d/old"}, {.name = "d/s/old"}, {.name = "d/t/old"}, {.name = "d/both"}},
        .layer = {{.name = "d/new"},
                  {.name = "d/s/deep/new"},
                  {.name = "d/both", .content = "2"},
                  {.name = "d/.wh..wh..opq"},
                  {.name = "d/after"}},
        .tree =
            "d d0755 0:0\nd/after -0644 0:0 \"\"\nd/both -0644 0:0 \"2\"\nd/new -0644 0:0 \"\"\n"
            "d/s d0755 0:0\nd/s/deep d0755 0:0\nd/s/deep/new -0644 0:0 \"\"\n",
    },
    {
        .what = "opaque in a first layer takes nothing",
        .layer = {{.name = "d/a"}, {.name = "d/.wh..wh..opq"}},
        .tree = "d d0755 0:0\nd/a -0644 0:0 \"\"\n",
    },
    {
        .what = "a whiteout of nothing",
        .layer = {{.name = "d/.wh.."}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "d d0755 0:0\n",
        .message = "entry 'd/.wh..': a whiteout that names no file",
    },
    {
        .what = "a plain layer replaces a populated directory by a file",
        .before = {{.name = "d/x/y/z"}},
        .layer = {{.name = "d/x", .content = "f"}},
        .tree = "d d0755 0:0\nd/x -0644 0:0 \"f\"\n",
    },
    /* ---- overlay ---- */
    {
        .what = "overlay whiteouts are devices with the header's owner",
        .overlay = true,
        .layer = {{.name = "d/", .type = '5'},
                  {.name = "d/.wh.a", .uid = 3, .gid = 4},
                  {.name = "d/b"},
                  {.name = "d/.wh.b"}},
        .tree = "d d0755 0:0\nd/a c0000 3:4 0,0\nd/b c0000 0:0 0,0\n",
    },
    {
        .what = "an overlay's opaque marker",
        .overlay = true,
        .layer = {{.name = "d/.wh..wh..opq"}, {.name = "d/", .type = '5', .mode = 0750}},
        .tree = "d d0750 0:0 trusted.overlay.opaque=y\n",
    },
    {
        .what = "with userxattr",
        .overlay = true,
        .userxattr = true,
        .layer = {{.name = "d/.wh..wh..opq"},
                  {.name = "e",
                   .pax = "SCHILY.xattr.user.overlay.redirect=/x\nSCHILY.xattr.user.k=v"}},
        .tree = "d d0755 0:0 user.overlay.opaque=y\ne -0644 0:0 \"\" user.k=v\n",
    },
    {
        .what = "a directory behind a whiteout of its name hides the lower one",
        .overlay = true,
        .layer =
            {{.name = ".wh.d"}, {.name = "d/", .type = '5'}, {.name = ".wh.e"}, {.name = "e/f"}},
        .tree = "d d0755 0:0 trusted.overlay.opaque=y\ne d0755 0:0 trusted.overlay.opaque=y\n"
                "e/f -0644 0:0 \"\"\n",
    },
    {
        .what = "a directory that replaces this layer's file hides the lower one",
        .overlay = true,
        .layer = {{.name = "d"},
                  {.name = "d/", .type = '5'},
                  {.name = "e/", .type = '5'},
                  {.name = "e/", .type = '5'}},
        .tree = "d d0755 0:0 trusted.overlay.opaque=y\ne d0755 0:0\n",
    },
    {
        .what = "a hard link to a whiteout",
        .overlay = true,
        .layer = {{.name = ".wh.a"}, {.name = "b", .type = '1', .link = "a"}},
        .code = CODE_INVALID_ARGUMENT,
        .tree = "a c0000 0:0 0,0\n",
    },
    {
        .what = "missing parents take after the lower directory",
        .overlay = true,
        .lower = {{.name = "a/",
                   .type = '5',
                   .mode = 0711,
                   .uid = 8,
                   .gid = 9,
                   .pax = "SCHILY.xattr.user.k=v"},
                  {.name = "a/b/", .type = '5', .mode = 02770, .gid = 5},
                  {.name = "f"}},
        .layer = {{.name = "a/b/c/x"}, {.name = "f/x"}},
        .tree = "a d0711 8:9 user.k=v\na/b d2770 0:5\na/b/c d0755 0:5\na/b/c/x -0644 0:0 \"\"\n"
                "f d0755 0:0\nf/x -0644 0:0 \"\"\n",
    },
};

/* An entry may fail half-way; the scenario says what is there then. */
static void
run_scenario(const struct scenario *s)
{
    char *tmp = test_tmpdir();
    auto_close int outside = open_root(tmp, "outside"), root = open_root(tmp, "root"),
                   lower = open_root(tmp, "lower"), top = open_root(tmp, ".");
    struct tar_apply_options options = {.overlay = s->overlay,
                                        .userxattr = s->userxattr,
                                        .in_userns = s->in_userns,
                                        .lower_fds = &lower,
                                        .n_lower_fds = 1};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    AUTO(buf) tree = BUF_INIT(1 << 20);
    AUTO(buf) world_before = BUF_INIT(1 << 20);
    AUTO(buf) world_after = BUF_INIT(1 << 20);
    struct err err = {0};
    int r;

    assert_ok(fd_write_file_at(outside, "secret", "s", 1, 0600, &err), &err);
    build(&tar, s->before);
    assert_ok(apply_bytes(root, &tar, NULL, NULL, &err), &err);
    buf_clear(&tar);
    build(&tar, s->lower);
    assert_ok(apply_bytes(lower, &tar, NULL, NULL, &err), &err);
    buf_clear(&tar);
    tree_show_below(&world_before, top, "", "root", TREE_SHOW_TIMES);

    build(&tar, s->layer);
    r = apply_bytes(root, &tar, &options, NULL, &err);
    tree_show_below(&tree, root, "", NULL, 0);
    tree_show_below(&world_after, top, "", "root", TREE_SHOW_TIMES);
    if (r != -s->code)
        print_error("scenario: %s\n", s->what);
    assert_code(r, s->code, &err);
    if (strcmp(tree.data ? tree.data : "", s->tree) != 0)
        print_error("scenario: %s\n", s->what);
    assert_string_equal(tree.data ? tree.data : "", s->tree);
    if (s->message)
        assert_string_equal(err.msg, s->message);
    assert_string_equal(world_before.data, world_after.data);
    test_tmpdir_remove(tmp);
}

static void
applies_layers(void **state)
{
    (void) state;
    if (geteuid() != 0) {
        print_message("needs root: owners, devices, trusted attributes\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(scenarios); i++)
        run_scenario(&scenarios[i]);
}

static void
sets_times(void **state)
{
    static const struct tar_build_entry layer[] = {
        {.name = "d/", .type = '5', .pax = "mtime=1234567890.123456789"},
        {.name = "d/f", .pax = "mtime=1000000000.5\natime=1000000001.25"},
        {.name = "old", .pax = "mtime=-5"},
        {.name = "new", .pax = "mtime=9223372037"},
        {.name = "l", .type = '2', .link = "x", .mtime = 77},
        {.name = "d/g", .mtime = 5, .pax = "atime=3"},
        {0},
    };
    static const struct {
        const char *name;
        struct timespec a, m;
    } rows[] = {
        {"d", {1234567890, 123456789}, {1234567890, 123456789}},
        {"d/f", {1000000001, 250000000}, {1000000000, 500000000}},
        {"old", {0, 0}, {0, 0}},
        {"new", {0, 0}, {0, 0}},
        {"l", {77, 0}, {77, 0}},
        {"d/g", {5, 0}, {5, 0}},
    };
    char *tmp = test_tmpdir();
    auto_close int root = open_root(tmp, "root");
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    struct err err = {0};

    (void) state;
    if (geteuid() != 0)
        skip();
    build(&tar, layer);
    assert_ok(apply_bytes(root, &tar, NULL, NULL, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stat st;

        assert_int_equal(fstatat(root, rows[i].name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_memory_equal(&st.st_mtim, &rows[i].m, sizeof st.st_mtim);
        assert_memory_equal(&st.st_atim, &rows[i].a, sizeof st.st_atim);
    }
    test_tmpdir_remove(tmp);
}

/* The digest covers bytes behind the archive's end, and what ends the archive may be missing. */
static void
digests_the_whole_stream(void **state)
{
    static const struct tar_build_entry a = {.name = "a", .content = "hello"};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    char *tmp = test_tmpdir();
    struct err err = {0};
    size_t lengths[] = {512 + 5, 1024, 1024 + 512, 2048, 2048 + 3000};

    (void) state;
    tar_build_add(&tar, &a);
    tar_build_end(&tar);
    for (unsigned i = 0; i < 3000; i++)
        tar_build_bytes(&tar, "trail", 1);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        auto_free char *name = xasprintf("%zu", i);
        auto_close int root = open_root(tmp, name);
        struct tar_apply_result result;
        struct digest want;

        tar.len = lengths[i];
        assert_ok(apply_bytes(root, &tar, NULL, &result, &err), &err);
        digest_compute(DIGEST_SHA256, tar.data, tar.len, &want);
        assert_true(digest_equal(&result.diff_id, &want));
        assert_int_equal(result.size_bytes, tar.len);
        assert_int_equal(result.entries, 1);
        assert_int_equal(result.compression, COMPRESSION_NONE);
    }
    tar.len = 512 + 4;
    {
        auto_close int root = open_root(tmp, "cut");

        assert_code(apply_bytes(root, &tar, NULL, NULL, &err), CODE_DATA_LOSS, &err);
    }
    test_tmpdir_remove(tmp);
}

static void
maps_ids(void **state)
{
    static const struct tar_id_range map[] = {{0, 100000, 1000}, {5000, 300000, 2}};
    static const struct tar_apply_options options = {
        .uid_map = map, .gid_map = map, .n_uid_map = 2, .n_gid_map = 2};
    static const struct tar_build_entry layer[] = {
        {.name = "p/a", .uid = 0, .gid = 999}, {.name = "b", .uid = 5001, .gid = 5000}, {0}};
    static const struct tar_build_entry beyond[] = {{.name = "a", .uid = 1000}, {0}};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    AUTO(buf) tree = BUF_INIT(1 << 20);
    char *tmp = test_tmpdir();
    auto_close int root = open_root(tmp, "root");
    struct err err = {0};

    (void) state;
    if (geteuid() != 0)
        skip();
    build(&tar, layer);
    assert_ok(apply_bytes(root, &tar, &options, NULL, &err), &err);
    tree_show_below(&tree, root, "", NULL, 0);
    assert_string_equal(tree.data, "b -0644 300001:300000 \"\"\np d0755 100000:100000\n"
                                   "p/a -0644 100000:100999 \"\"\n");
    buf_clear(&tar);
    build(&tar, beyond);
    assert_code(apply_bytes(root, &tar, &options, NULL, &err), CODE_INVALID_ARGUMENT, &err);
    assert_string_equal(err.msg, "entry 'a': the uid 1000 is not in the id mapping");
    test_tmpdir_remove(tmp);
}

static void
cancels(void **state)
{
    static const struct tar_build_entry layer[] = {{.name = "a"}, {0}};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    char *tmp = test_tmpdir();
    auto_close int root = open_root(tmp, "root");
    atomic_bool cancelled = true;
    const struct tar_apply_options options = {.cancelled = &cancelled};
    struct err err = {0};

    (void) state;
    build(&tar, layer);
    assert_code(apply_bytes(root, &tar, &options, NULL, &err), CODE_CANCELED, &err);
    test_tmpdir_remove(tmp);
}

/* Content that spans the pieces of the feed, with holes, durable; compared byte by byte. */
static void
writes_large_and_sparse_files(void **state)
{
    static const struct tar_apply_options options = {.durable = true};
    struct tar_build_entry big = {.name = "big"};
    struct tar_build_entry sparse = {
        .name = "sparse",
        .content = "abcdefgh",
        .pax = "GNU.sparse.major=0\nGNU.sparse.minor=1\nGNU.sparse.numblocks=2\n"
               "GNU.sparse.map=1048576,4,3145728,4\nGNU.sparse.size=4194304"};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    auto_free char *content = malloc(3000001), *got = malloc(4194304);
    char *tmp = test_tmpdir();
    auto_close int root = open_root(tmp, "root"), fd = -1;
    struct err err = {0};
    struct stat st;

    (void) state;
    for (size_t i = 0; i < 3000000; i++)
        content[i] = (char) ('a' + (i * i >> 9) % 26);
    content[3000000] = '\0';
    big.content = content;
    tar_build_add(&tar, &big);
    tar_build_add(&tar, &sparse);
    assert_ok(apply_bytes(root, &tar, &options, NULL, &err), &err);
    fd = openat(root, "big", O_RDONLY);
    assert_int_equal(fd_read_full(fd, got, 4194304), 3000000);
    assert_memory_equal(got, content, 3000000);
    fd = fd_close(fd);
    fd = openat(root, "sparse", O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 4194304);
    assert_true(st.st_blocks < 64);
    assert_int_equal(fd_read_full(fd, got, 4194304), 4194304);
    assert_memory_equal(got + 1048576, "abcd", 4);
    assert_memory_equal(got + 3145728, "efgh", 4);
    assert_int_equal(got[1048580] | got[3145727] | got[4194303], 0);
    test_tmpdir_remove(tmp);
}

#ifdef ROSS_FAULTS
static const struct tar_build_entry fault_layer[] = {
    {.name = "d/", .type = '5', .uid = 1, .pax = "SCHILY.xattr.user.k=v"},
    {.name = "d/f", .content = "hello", .uid = 2},
    {.name = "d/s", .type = '2', .link = "f"},
    {.name = "d/h", .type = '1', .link = "d/f"},
    {.name = "n/p", .type = '6'},
    {.name = "d", .content = "now a file"},
    {.name = "e/", .type = '5'},
    {.name = ".wh.w"},
    {.name = "o/.wh..wh..opq"},
    {0},
};

/* The child's whole life: exit status = the code. */
static int
fault_child(const char *tmp)
{
    static const struct tar_apply_options options = {.overlay = true, .durable = true};
    AUTO(buf) tar = BUF_INIT(TAR_BUILD_MAX);
    auto_close int root = open_root(tmp, "root");
    struct err err = {0};
    int r;

    build(&tar, fault_layer);
    r = apply_bytes(root, &tar, &options, NULL, &err);
    return r < 0 && !err.msg[0] ? 99 : -r;
}

/* A process of its own, because the points are counted from its start. Its code, or 100 + the signal. */
static int
apply_with_fault(const char *tmp, const char *fault, const char *list)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (fault)
            setenv("ROSS_FAULT", fault, 1);
        if (list)
            setenv("ROSS_FAULT_LIST", list, 1);
        execl("/proc/self/exe", "tar_apply_test", "--fault-child", tmp, (char *) NULL);
        _exit(98);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static size_t
count_lines(const char *path)
{
    auto_free char *text = NULL;
    struct err err = {0};
    size_t n = 0;

    assert_ok(fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL, &err), &err);
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    return n;
}

/* Every step fails once with each errno, and dies once: nothing outside changes, the code is the errno's. */
static void
fails_cleanly_at_every_step(void **state)
{
    static const struct {
        const char *action;
        int want;
    } actions[] = {{"ENOSPC", CODE_RESOURCE_EXHAUSTED}, {"EIO", CODE_INTERNAL}, {"kill", 100 + 9}};
    char *tmp = test_tmpdir();
    auto_free char *list = path_join(tmp, "list"), *root = path_join(tmp, "root");
    auto_close int outside = open_root(tmp, "outside");
    AUTO(buf) before = BUF_INIT(1 << 20);
    struct err err = {0};
    size_t n;

    (void) state;
    if (geteuid() != 0)
        skip();
    assert_ok(fd_write_file_at(outside, "secret", "s", 1, 0600, &err), &err);
    tree_show_below(&before, outside, "", NULL, TREE_SHOW_TIMES);
    assert_int_equal(apply_with_fault(tmp, NULL, list), 0);
    n = count_lines(list);
    assert_true(n > 25);
    for (size_t i = 1; i <= n; i++) {
        for (size_t k = 0; k < ARRAY_LEN(actions); k++) {
            auto_free char *fault = xasprintf("*:%zu:%s", i, actions[k].action);
            AUTO(buf) after = BUF_INIT(1 << 20);
            int got;

            assert_ok(rmtree_at(AT_FDCWD, root, &err), &err);
            got = apply_with_fault(tmp, fault, NULL);
            if (got != actions[k].want)
                print_error("%s: %d\n", fault, got);
            assert_int_equal(got, actions[k].want);
            tree_show_below(&after, outside, "", NULL, TREE_SHOW_TIMES);
            assert_string_equal(before.data, after.data);
        }
    }
    test_tmpdir_remove(tmp);
}
#endif

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applies_layers),
        cmocka_unit_test(sets_times),
        cmocka_unit_test(digests_the_whole_stream),
        cmocka_unit_test(maps_ids),
        cmocka_unit_test(cancels),
        cmocka_unit_test(writes_large_and_sparse_files),
#ifdef ROSS_FAULTS
        cmocka_unit_test(fails_cleanly_at_every_step),
#endif
    };

#ifdef ROSS_FAULTS
    if (argc == 3 && strcmp(argv[1], "--fault-child") == 0)
        return fault_child(argv[2]);
#endif
    (void) argc;
    (void) argv;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
