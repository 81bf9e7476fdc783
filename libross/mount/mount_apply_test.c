/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of mount_apply.c, mount_unmount.c and what they use: real mounts, both with descriptors and with mount(2). */
#include "libross/mount/mount_apply.h"

#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "mount_test_lib.h"
#include "mountinfo.h"
#include "libross/base/fault.h"
#include "libross/base/proc.h"

/* Every test that mounts runs both ways. */
static const struct mount_apply_options ways[] = {{.classic = false}, {.classic = true}};

#define BOTH_WAYS(o)                                                                               \
    for (const struct mount_apply_options *o = ways; o < ways + ARRAY_LEN(ways); o++)

static size_t
mounts_below(const char *path)
{
    AUTO(strv) found = {0};
    struct err err = {0};

    assert_ok(mountinfo_below(path, &found, &err), &err);
    return found.n;
}

static unsigned long
flags_of(const char *path)
{
    struct statvfs st;

    assert_int_equal(statvfs(path, &st), 0);
    return st.f_flag;
}

static void
bind_shows_the_source(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to");
    struct err err = {0};

    test_file(from, "file", "text");
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, WORDS("rw", "rbind"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(to, "file", "text");
        test_file(to, "new", "through");
        assert_file(from, "new", "through");
        assert_ok(mount_unmount_all(to, &err), &err);
        assert_false(test_exists(to, "file"));
    }
}

static void
bind_attributes_are_set_and_those_of_the_source_kept(void **state)
{
    static const struct {
        const char *words[5];
        unsigned long set, unset;
    } rows[] = {
        {{"bind"}, ST_NODEV, ST_RDONLY | ST_NOSUID | ST_NOEXEC},
        {{"bind", "ro"}, ST_NODEV | ST_RDONLY, ST_NOSUID},
        {{"rbind", "ro"}, ST_NODEV | ST_RDONLY, ST_NOSUID},
        {{"bind", "ro", "rw"}, ST_NODEV, ST_RDONLY},
        {{"bind", "nosuid", "noexec"}, ST_NODEV | ST_NOSUID | ST_NOEXEC, ST_RDONLY},
        {{"bind", "noatime"}, ST_NODEV | ST_NOATIME, ST_RELATIME},
        {{"bind", "strictatime"}, ST_NODEV, ST_NOATIME | ST_RELATIME},
        {{"bind", "nodiratime", "ro"}, ST_NODEV | ST_NODIRATIME | ST_RDONLY, 0},
    };
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to");
    struct err err = {0};

    assert_int_equal(mount("tmpfs", from, "tmpfs", MS_NODEV, NULL), 0);
    BOTH_WAYS(o)
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, rows[i].words);
        assert_ok(mount_apply(&l, to, o, &err), &err);
        if ((flags_of(to) & rows[i].set) != rows[i].set || (flags_of(to) & rows[i].unset))
            fail_msg("row %zu classic %d: flags %lx", i, o->classic, flags_of(to));
        assert_false(flags_of(from) & (ST_RDONLY | ST_NOSUID));
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
a_file_can_be_bound(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = path_join(*state, "from"), *to = path_join(*state, "to");
    struct err err = {0};

    test_file(*state, "from", "source");
    test_file(*state, "to", "target");
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, WORDS("bind", "ro"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(*state, "to", "source");
        assert_ok(mount_unmount_all(to, &err), &err);
        assert_file(*state, "to", "target");
    }
}

static void
overlay_stacks_its_layers(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *low = test_dir(*state, "1/fs"), *high = test_dir(*state, "2/fs");
    auto_free char *upper = test_dir(*state, "3/fs"), *work = test_dir(*state, "3/work");
    auto_free char *to = test_dir(*state, "to");
    auto_free char *lower = xasprintf("lowerdir=%s:%s", high, low);
    auto_free char *up = xasprintf("upperdir=%s", upper), *wk = xasprintf("workdir=%s", work);
    struct err err = {0};

    test_file(low, "both", "low");
    test_file(low, "low", "low");
    test_file(high, "both", "high");
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "overlay", "overlay", WORDS(wk, up, lower, "index=off"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(to, "both", "high");
        assert_file(to, "low", "low");
        test_file(to, "new", "upper");
        assert_file(upper, "new", "upper");
        assert_ok(mount_unmount_all(to, &err), &err);
    }
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "overlay", "overlay", WORDS("ro", "nosuid", lower));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_true(flags_of(to) & ST_RDONLY);
        assert_true(flags_of(to) & ST_NOSUID);
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

#define MANY_LAYERS 500

static void
five_hundred_layers_work(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to"), *joined = NULL, *option = NULL;
    AUTO(strv) layers = {0};
    struct err err = {0};
    char name[32];

    for (int i = 0; i < MANY_LAYERS; i++) {
        (void) snprintf(name, sizeof name, "s/%d", i);
        strv_take(&layers, test_dir(*state, name));
        (void) snprintf(name, sizeof name, "file-%d", i);
        test_file(layers.items[i], name, "x");
    }
    joined = strv_join(&layers, ":");
    option = xasprintf("lowerdir=%s", joined);
    assert_true(strlen(option) > 4096);
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "overlay", "overlay", WORDS(option));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(to, "file-0", "x");
        assert_file(to, "file-499", "x");
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
options_beyond_a_page_are_refused_by_mount_2(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    char *option = xmalloc(6000);
    AUTO(mount_list) l = {0};
    struct err err = {0};

    memset(option, 'x', 5999);
    option[5999] = '\0';
    test_mount(&l, "tmpfs", "tmpfs", WORDS(option));
    assert_code(mount_apply(&l, to, &ways[1], &err), CODE_INVALID_ARGUMENT, &err);
    assert_int_equal(mounts_below(to), 0);
    free(option);
}

static void
names_longer_than_fsconfig_takes_still_work(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    char part[200];
    auto_free char *sub = NULL, *low = NULL, *option = NULL, *to = test_dir(*state, "to");
    struct err err = {0};

    memset(part, 'n', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    sub = xasprintf("%s/%s", part, part);
    low = test_dir(*state, sub);
    test_file(low, "file", "x");
    option = xasprintf("lowerdir=%s:%s", low, to);
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "overlay", "overlay", WORDS(option));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(to, "file", "x");
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
filesystem_data_is_passed(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    struct err err = {0};
    struct statvfs st;
    struct stat sb;

    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        /* also several words in one, as some clients write them */
        test_mount(&l, "tmpfs", "tmpfs",
                   WORDS("defaults", "mode=750", "noexec", "size=64k,nr_inodes=10"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_int_equal(statvfs(to, &st), 0);
        assert_int_equal(st.f_blocks * st.f_frsize, 65536);
        assert_int_equal(st.f_files, 10);
        assert_true(st.f_flag & ST_NOEXEC);
        assert_int_equal(stat(to, &sb), 0);
        assert_int_equal(sb.st_mode & 07777, 0750);
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
later_mounts_see_earlier_ones_and_sub_paths_stay_inside(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *sub = test_dir(from, "sub/dir");
    auto_free char *other = test_dir(*state, "other"), *to = test_dir(*state, "to");
    auto_free char *outside = test_dir(*state, "outside"), *link = path_join(from, "link");
    auto_free char *inner = test_dir(from, "outside"), *deep = path_join(to, "sub/dir");
    auto_free char *seen = path_join(to, "outside");
    struct err err = {0};
    struct mount *m;

    test_file(other, "file", "other");
    assert_int_equal(symlink("../../outside", link), 0);
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, WORDS("rbind"));
        m = test_mount(&l, "bind", other, WORDS("rbind", "ro"));
        free(m->target);
        m->target = xstrdup("/sub/../sub/dir");
        /* the symlink means what it would mean to a process inside */
        m = test_mount(&l, "bind", other, WORDS("rbind"));
        free(m->target);
        m->target = xstrdup("link");
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(deep, "file", "other");
        assert_true(flags_of(deep) & ST_RDONLY);
        assert_file(seen, "file", "other");
        assert_false(test_exists(outside, "file"));
        assert_int_equal(mounts_below(to), 3);
        assert_ok(mount_unmount_all(to, &err), &err);
        assert_int_equal(mounts_below(to), 0);
    }
}

static void
a_failure_takes_back_what_was_mounted(void **state)
{
    static const struct {
        const char *type, *source;
        const char *words[4];
        const char *target;
        int code;
    } rows[] = {
        {"bind", "/nowhere/at/all", {"bind"}, "", CODE_FAILED_PRECONDITION},
        {"no-such-filesystem", "x", {NULL}, "", CODE_INVALID_ARGUMENT},
        {"tmpfs", "tmpfs", {"bogus=1"}, "", CODE_INTERNAL},
        {"tmpfs", "tmpfs", {"X-containerd.something"}, "", CODE_INVALID_ARGUMENT},
        {"tmpfs", "tmpfs", {NULL}, "missing", CODE_FAILED_PRECONDITION},
        {"bind", "/", {"bind", "uidmap=0:0:1"}, "", CODE_INVALID_ARGUMENT},
        {"ext4", "/nowhere.img", {"loop"}, "", CODE_FAILED_PRECONDITION},
        {"overlay", "overlay", {"lowerdir=/nowhere1:/nowhere2"}, "", CODE_FAILED_PRECONDITION},
        {"fuse3.nothing", "x", {NULL}, "", CODE_INTERNAL},
    };
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to"), *helper = NULL;
    struct err err = {0};
    struct mount *m;
    int r;

    helper = proc_find_program("mount.fuse3");
    BOTH_WAYS(o)
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, WORDS("rbind"));
        test_mount(&l, "tmpfs", "tmpfs", WORDS("rw"));
        m = test_mount(&l, rows[i].type, rows[i].source, rows[i].words);
        free(m->target);
        m->target = xstrdup(rows[i].target);
        r = mount_apply(&l, to, o, &err);
        if (r != -rows[i].code &&
            !(strncmp(rows[i].type, "fuse3", 5) == 0 && !helper && r == -CODE_NOT_FOUND))
            fail_msg("row %zu classic %d: %s: %s", i, o->classic, code_name(-r), err.msg);
        assert_non_null(strstr(err.msg, to));
        assert_int_equal(mounts_below(to), 0);
    }
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from, WORDS("rbind"));
        assert_code(mount_apply(&l, "/nowhere/at/all", NULL, &err), CODE_FAILED_PRECONDITION, &err);
        while (l.n <= MOUNTS_MAX)
            (void) mount_list_add(&l, "bind", from);
        assert_code(mount_apply(&l, to, NULL, &err), CODE_INVALID_ARGUMENT, &err);
    }
}

#ifdef ROSS_FAULTS
static void
a_fault_at_the_nth_mount_leaves_none(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to");
    AUTO(mount_list) l = {0};
    struct err err = {0};
    char fault[32];

    for (int i = 0; i < 5; i++)
        test_mount(&l, "bind", from, WORDS("rbind"));
    for (int i = 1; i <= 5; i++) {
        (void) snprintf(fault, sizeof fault, "mount.apply:%d:ENOMEM", i);
        (void) setenv("ROSS_FAULT", fault, 1);
        fault_reload();
        assert_code(mount_apply(&l, to, NULL, &err), CODE_RESOURCE_EXHAUSTED, &err);
        assert_int_equal(mounts_below(to), 0);
    }
    (void) unsetenv("ROSS_FAULT");
    fault_reload();
    assert_ok(mount_apply(&l, to, NULL, &err), &err);
    assert_int_equal(mounts_below(to), 5);
}
#endif

static void
propagation_is_applied(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to");
    struct err err = {0};

    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};
        auto_free char *text = NULL, *want = NULL;
        char *line;

        test_mount(&l, "bind", from, WORDS("rbind", "ro", "rshared"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_ok(fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL, &err),
                  &err);
        want = xasprintf(" %s ", to);
        line = strstr(text, want);
        assert_non_null(line);
        line[strcspn(line, "\n")] = '\0';
        assert_non_null(strstr(line, " shared:"));
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
remount_changes_what_is_there(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    AUTO(mount_list) l = {0};
    struct err err = {0};

    test_mount(&l, "tmpfs", "tmpfs", WORDS("rw"));
    test_mount(&l, "tmpfs", "tmpfs", WORDS("remount", "ro"));
    assert_ok(mount_apply(&l, to, NULL, &err), &err);
    assert_int_equal(mounts_below(to), 1);
    assert_true(flags_of(to) & ST_RDONLY);
}

static void
ids_of_a_bind_are_mapped(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *from = test_dir(*state, "from"), *to = test_dir(*state, "to");
    auto_free char *file = path_join(from, "file"), *mapped = path_join(to, "file");
    auto_free char *second = path_join(to, "second");
    struct err err = {0};
    struct stat st;

    test_file(from, "file", "x");
    test_file(from, "second", "x");
    assert_int_equal(chown(file, 5, 7), 0);
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "bind", from,
                   WORDS("rbind", "uidmap=0:100000:1,1:200000:1000", "gidmap=0:300000:65536"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_int_equal(stat(mapped, &st), 0);
        assert_int_equal(st.st_uid, 200004);
        assert_int_equal(st.st_gid, 300007);
        assert_int_equal(stat(second, &st), 0);
        assert_int_equal(st.st_uid, 100000);
        assert_ok(mount_unmount_all(to, &err), &err);
    }
    /* nobody is left of the process that held the namespace */
    assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}

static void
layers_of_an_overlay_are_mapped_and_its_upper_is_not(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *low = test_dir(*state, "1"), *high = test_dir(*state, "2"),
                   *to = test_dir(*state, "to");
    auto_free char *upper = test_dir(*state, "3/fs"), *work = test_dir(*state, "3/work");
    auto_free char *lower = xasprintf("lowerdir=%s:%s", high, low);
    auto_free char *up = xasprintf("upperdir=%s", upper), *wk = xasprintf("workdir=%s", work);
    auto_free char *in_low = path_join(to, "low"), *new = path_join(to, "new");
    struct err err = {0};
    struct stat st;

    test_file(low, "low", "x");
    test_file(high, "high", "x");
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0};

        test_mount(&l, "overlay", "overlay",
                   WORDS("uidmap=0:100000:65536", "gidmap=0:100000:65536", wk, up, lower));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        assert_file(to, "high", "x");
        assert_int_equal(stat(in_low, &st), 0);
        assert_int_equal(st.st_uid, 100000);
        test_file(to, "new", "x");
        assert_int_equal(stat(new, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_ok(mount_unmount_all(to, &err), &err);
        assert_int_equal(mounts_below("/tmp/ross-mount"), 0);
    }
}

static void
an_image_file_is_mounted_through_a_loop_device(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *mkfs = proc_find_program("mkfs.ext4"), *image = NULL, *to = NULL;
    struct proc_spawn spec = PROC_SPAWN_INIT;
    struct err err = {0};
    int fd, status = -1;

    if (!mkfs || access("/dev/loop-control", F_OK) < 0) {
        print_message("no mkfs.ext4 or no loop devices\n");
        free(TAKE(mkfs)); /* skip() does not return */
        skip();
    }
    image = path_join(*state, "image");
    to = test_dir(*state, "to");
    fd = open(image, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, 4 << 20), 0);
    (void) close(fd);
    spec.argv = (const char *const[]){mkfs, "-q", image, NULL};
    assert_ok(proc_run(&spec, NULL, NULL, NULL, 30000, &status, &err), &err);
    assert_int_equal(status, 0);
    BOTH_WAYS(o)
    {
        AUTO(mount_list) l = {0}, ro = {0};

        test_mount(&l, "ext4", image, WORDS("loop"));
        assert_ok(mount_apply(&l, to, o, &err), &err);
        test_file(to, "file", "inside");
        assert_ok(mount_unmount_all(to, &err), &err);
        test_mount(&ro, "ext4", image, WORDS("loop", "ro"));
        assert_ok(mount_apply(&ro, to, o, &err), &err);
        assert_file(to, "file", "inside");
        assert_true(flags_of(to) & ST_RDONLY);
        assert_ok(mount_unmount_all(to, &err), &err);
    }
}

static void
unmount_takes_stacks_and_what_is_below(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to"), *inner = NULL, *deeper = NULL, *sibling = NULL;
    struct err err = {0};

    sibling = test_dir(*state, "to-be-kept");
    assert_int_equal(mount("tmpfs", sibling, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount("tmpfs", to, "tmpfs", 0, NULL), 0);
    inner = test_dir(to, "inner");
    assert_int_equal(mount("tmpfs", inner, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount("tmpfs", inner, "tmpfs", 0, NULL), 0);
    deeper = test_dir(inner, "with blank/and\nmore");
    assert_int_equal(mount("tmpfs", deeper, "tmpfs", 0, NULL), 0);
    /* and one that hides them all */
    assert_int_equal(mount("tmpfs", to, "tmpfs", 0, NULL), 0);
    assert_int_equal(mounts_below(to), 5);
    assert_ok(mount_unmount_all(to, &err), &err);
    assert_int_equal(mounts_below(to), 0);
    assert_int_equal(mounts_below(sibling), 1);
}

static void
unmount_of_nothing_is_fine(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *plain = test_dir(*state, "plain"), *missing = path_join(*state, "missing");
    auto_free char *deep = path_join(missing, "deep"), *link = path_join(*state, "link");
    auto_free char *mounted = test_dir(*state, "mounted");
    struct err err = {0};

    assert_ok(mount_unmount_all(plain, &err), &err);
    assert_ok(mount_unmount_all(missing, &err), &err);
    assert_ok(mount_unmount_all(deep, &err), &err);
    /* a symlink is not a mount point, whatever it shows to */
    assert_int_equal(mount("tmpfs", mounted, "tmpfs", 0, NULL), 0);
    assert_int_equal(symlink(mounted, link), 0);
    assert_ok(mount_unmount_all(link, &err), &err);
    assert_int_equal(mounts_below(mounted), 1);
}

static void
detach_does_not_wait_for_users(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    auto_close int busy = -1;
    struct err err = {0};

    assert_int_equal(mount("tmpfs", to, "tmpfs", 0, NULL), 0);
    busy = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(mount_detach_all(to, &err), &err);
    assert_int_equal(mounts_below(to), 0);
}

static void
a_mount_in_use_fails_after_its_tries(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    auto_close int busy = -1;
    struct err err = {0};

    assert_int_equal(mount("tmpfs", to, "tmpfs", 0, NULL), 0);
    busy = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_code(mount_unmount_all(to, &err), CODE_FAILED_PRECONDITION, &err);
    assert_int_equal(err.sys_errno, EBUSY);
    assert_int_equal(mounts_below(to), 1);
}

static void
a_mount_that_stops_being_busy_is_taken_off(void **state)
{
    SKIP_WITHOUT_MOUNTS();
    auto_free char *to = test_dir(*state, "to");
    struct proc_spawn spec = PROC_SPAWN_INIT;
    auto_close int busy = -1;
    struct err err = {0};
    int in[2], out[2];
    pid_t pid;
    char c;

    assert_int_equal(mount("tmpfs", to, "tmpfs", 0, NULL), 0);
    busy = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    spec.stdio[0] = in[0];
    spec.stdio[1] = out[1];
    spec.cwd_fd = busy;
    /* says that it is there, and leaves the directory a while after its input ends */
    spec.argv =
        (const char *const[]){"/bin/sh", "-c", "echo; read x; timeout 0.2 tail -f /dev/null", NULL};
    assert_ok(proc_spawn(&spec, &pid, NULL, &err), &err);
    assert_int_equal(read(out[0], &c, 1), 1);
    busy = fd_close(busy);
    (void) close(in[1]);
    assert_ok(mount_unmount_all(to, &err), &err);
    assert_int_equal(mounts_below(to), 0);
    assert_ok(proc_wait(pid, NULL, &err), &err);
    (void) close(in[0]);
    (void) close(out[0]);
    (void) close(out[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, test_tmpfs_setup, test_tmpfs_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(bind_shows_the_source),
        T(bind_attributes_are_set_and_those_of_the_source_kept),
        T(a_file_can_be_bound),
        T(overlay_stacks_its_layers),
        T(five_hundred_layers_work),
        T(options_beyond_a_page_are_refused_by_mount_2),
        T(names_longer_than_fsconfig_takes_still_work),
        T(filesystem_data_is_passed),
        T(later_mounts_see_earlier_ones_and_sub_paths_stay_inside),
        T(a_failure_takes_back_what_was_mounted),
#ifdef ROSS_FAULTS
        T(a_fault_at_the_nth_mount_leaves_none),
#endif
        T(propagation_is_applied),
        T(remount_changes_what_is_there),
        T(ids_of_a_bind_are_mapped),
        T(layers_of_an_overlay_are_mapped_and_its_upper_is_not),
        T(an_image_file_is_mounted_through_a_loop_device),
        T(unmount_takes_stacks_and_what_is_below),
        T(unmount_of_nothing_is_fine),
        T(detach_does_not_wait_for_users),
        T(a_mount_in_use_fails_after_its_tries),
        T(a_mount_that_stops_being_busy_is_taken_off),
    };

    return cmocka_run_group_tests(tests, test_mounts_enter, NULL);
}
