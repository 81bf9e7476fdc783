/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshots_local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdio.h>

#include "libross/base/test.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/rmtree.h"
#include "libross/contract/snapshots_conformance.h"
#include "libross/db/db.h"
#include "libross/db/db_stmt.h"
#include "libross/db/db_txn.h"
#include "check.h"
#include "snapshotter-svc/testlib/quota_writer.h"

static struct snapshots_local *
open_local(const char *root)
{
    struct snapshots_local *l;
    struct err err = {0};

    assert_ok(snapshots_local_open(&(struct snapshots_local_options){.root = root}, &l, &err),
              &err);
    return l;
}

static void
conforms(void **state)
{
    char *root = test_tmpdir();
    struct snapshots_local *l = open_local(root);
    unsigned run;

    (void) state;
    assert_int_equal(snapshots_conformance_run(
                         &(struct snapshots_conformance){
                             .s = snapshots_local_contract(l),
                             .ns = "conformance",
                             .rebase = true,
                             .to = stdout,
                         },
                         &run),
                     0);
    assert_true(run >= 20);
    snapshots_free(snapshots_local_contract(l));
    test_tmpdir_remove(root);
}

/* ---- settings and labels ---- */

static const struct labels no_labels;

struct fixture {
    char *root;
    struct snapshots_local *l;
    struct snapshots *s;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->root = test_tmpdir();
    f->l = open_local(f->root);
    f->s = snapshots_local_contract(f->l);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    if (f->l)
        snapshots_free(f->s);
    test_tmpdir_remove(f->root);
    free(f);
    return 0;
}

static void
stop(struct fixture *f)
{
    snapshots_free(f->s);
    f->l = NULL;
    f->s = NULL;
}

static void
start(struct fixture *f, const struct snapshots_local_options *opt)
{
    struct err err = {0};

    if (f->l)
        stop(f);
    assert_ok(snapshots_local_open(opt, &f->l, &err), &err);
    f->s = snapshots_local_contract(f->l);
}

static char *
prepare(struct fixture *f, enum snapshot_kind kind, const char *key, const char *parent,
        const struct labels *labels)
{
    AUTO(mount_list) l = {0};
    struct err err = {0};

    assert_ok(snapshots_prepare(f->s, NULL, kind, key, parent, labels, &l, &err), &err);
    return strv_join(&l.items[0].options, ";");
}

static void
commit(struct fixture *f, const char *name, const char *key)
{
    struct err err = {0};

    assert_ok(snapshots_commit(f->s, NULL, name, key, "", &no_labels, &err), &err);
}

static struct stat
stat_in(struct fixture *f, const char *path)
{
    auto_free char *full = path_join(f->root, path);
    struct stat st = {0};

    if (lstat(full, &st) < 0)
        fail_msg("%s is missing", full);
    return st;
}

static bool
exists(struct fixture *f, const char *path)
{
    auto_free char *full = path_join(f->root, path);

    return access(full, F_OK) == 0;
}

static void
put_file(struct fixture *f, const char *path)
{
    auto_free char *full = path_join(f->root, path);
    struct err err = {0};

    assert_ok(fd_write_file_at(AT_FDCWD, full, "x", 1, 0644, &err), &err);
}

static void
upperdir_is_answered_as_a_label_when_asked(void **state)
{
    struct fixture *f = *state;
    AUTO(snapshot_info) without = {0};
    AUTO(snapshot_info) with = {0};
    auto_free char *options = prepare(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    struct err err = {0};

    assert_ok(snapshots_stat(f->s, NULL, "k", &without, &err), &err);
    assert_int_equal(without.labels.n, 0);
    start(f, &(struct snapshots_local_options){.root = f->root, .upperdir_label = true});
    assert_ok(snapshots_stat(f->s, NULL, "k", &with, &err), &err);
    assert_non_null(strstr(labels_find(&with.labels, LABEL_UPPERDIR), "/snapshots/1/fs"));
}

static void
mount_options_reach_overlays(void **state)
{
    struct fixture *f = *state;
    struct strv options = {0};
    auto_free char *base = NULL, *child = NULL;

    strv_add(&options, "volatile");
    start(f, &(struct snapshots_local_options){.root = f->root, .mount_options = &options});
    base = prepare(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_null(strstr(base, "volatile"));
    commit(f, "l", "k");
    child = prepare(f, SNAPSHOT_ACTIVE, "k", "l", &no_labels);
    assert_non_null(strstr(child, ";volatile"));
    strv_done(&options);
}

static void
mapping_labels_own_and_map(void **state)
{
    struct fixture *f = *state;
    AUTO(labels) labels = {0};
    auto_free char *base = NULL, *options = NULL, *child = NULL;
    struct mount_list l = {0};
    struct stat st;
    struct err err = {0};

    if (geteuid() != 0)
        skip();
    base = prepare(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    commit(f, "l", "k");
    labels_set(&labels, LABEL_UIDMAP, "0:100000:65536");
    labels_set(&labels, LABEL_GIDMAP, "5:1:1,0:200000:65536");
    options = prepare(f, SNAPSHOT_ACTIVE, "mapped", "l", &labels);
    assert_non_null(strstr(options, "uidmap=0:100000:65536;gidmap=5:1:1,0:200000:65536;"));
    st = stat_in(f, "snapshots/2/fs");
    assert_int_equal(st.st_uid, 100000);
    assert_int_equal(st.st_gid, 200000);
    /* a child without labels inherits the owner of the layer below */
    commit(f, "mapped-l", "mapped");
    child = prepare(f, SNAPSHOT_ACTIVE, "child", "mapped-l", &no_labels);
    assert_int_equal(stat_in(f, "snapshots/3/fs").st_uid, 100000);
    assert_null(strstr(child, "uidmap"));
    labels_set(&labels, LABEL_UIDMAP, "nonsense");
    assert_code(snapshots_prepare(f->s, NULL, SNAPSHOT_ACTIVE, "bad", "l", &labels, &l, &err),
                CODE_INVALID_ARGUMENT, &err);
    assert_false(exists(f, "snapshots/4"));
}

static void
max_size_must_be_a_size(void **state)
{
    struct fixture *f = *state;
    AUTO(labels) labels = {0};
    auto_free char *options = NULL;
    struct mount_list l = {0};
    struct err err = {0};

    labels_set(&labels, LABEL_MAX_SIZE, "much");
    assert_code(snapshots_prepare(f->s, NULL, SNAPSHOT_ACTIVE, "k", "", &labels, &l, &err),
                CODE_INVALID_ARGUMENT, &err);
    assert_false(exists(f, "snapshots/1"));
    labels_set(&labels, LABEL_MAX_SIZE, "64MiB");
    options = prepare(f, SNAPSHOT_ACTIVE, "k", "", &labels);
}

/* ROSS_TEST_QUOTA_DIR: a directory on a filesystem mounted with prjquota (integration/cases/snapshot_quota.sh). */
static void
max_size_bounds_a_snapshot(void **state)
{
    const char *dir = getenv("ROSS_TEST_QUOTA_DIR");
    auto_free char *root = NULL, *options = NULL;
    auto_close int file = -1;
    struct fixture f = {0};
    AUTO(labels) labels = {0};
    struct err err = {0};

    (void) state;
    if (!dir) {
        print_message("skipped: ROSS_TEST_QUOTA_DIR names no filesystem with project quotas\n");
        skip();
    }
    f.root = root = path_join(dir, "root");
    f.l = open_local(f.root);
    f.s = snapshots_local_contract(f.l);
    labels_set(&labels, LABEL_MAX_SIZE, "1MiB");
    options = prepare(&f, SNAPSHOT_ACTIVE, "k", "", &labels);
    put_file(&f, "snapshots/1/fs/file");
    {
        auto_free char *path = path_join(f.root, "snapshots/1/fs/file");

        file = open(path, O_WRONLY | O_CLOEXEC);
    }
    assert_true(file >= 0);
    assert_true(quota_is_full(quota_write_as_nobody(file)));
    assert_ok(snapshots_remove(f.s, NULL, "k", &err), &err);
    assert_int_equal(quota_write_as_nobody(file), 0); /* the limit went with the snapshot */
    assert_ok(snapshots_cleanup(f.s, NULL, &err), &err);
    assert_false(exists(&f, "snapshots/1"));
    stop(&f);
}

/* ---- when a change is on the disk ---- */

static void
sync_is_as_asked(void **state)
{
    struct fixture *f = *state;
    auto_free char *o1 = NULL, *o2 = NULL;
    struct err err = {0};

    start(f, &(struct snapshots_local_options){.root = f->root});
    o1 = prepare(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_true(snapshots_local_is_on_disk(f->l));
    assert_ok(snapshots_remove(f->s, NULL, "k", &err), &err);
    assert_true(snapshots_local_is_on_disk(f->l));
    start(f, &(struct snapshots_local_options){.root = f->root, .sync = SNAPSHOTS_SYNC_COMMIT});
    o2 = prepare(f, SNAPSHOT_ACTIVE, "k", "", &no_labels);
    assert_false(snapshots_local_is_on_disk(f->l));
    commit(f, "l", "k");
    assert_true(snapshots_local_is_on_disk(f->l));
}

/* ---- what a power cut leaves ---- */

/* As if the machine had been started since. */
static void
restart_machine(struct fixture *f)
{
    static const char *const none[] = {NULL, NULL};
    auto_free char *path = path_join(f->root, "snapshotter.db");
    AUTO(db_txn) t = {0};
    AUTO_DB db = NULL;
    struct err err = {0};

    assert_ok(db_open(&(struct db_options){.path = path, .migrations = none, .n_migrations = 2},
                      &db, &err),
              &err);
    assert_ok(db_txn_begin(db, DB_WRITE, &t, &err), &err);
    assert_int_equal(db_run(&t, &err, "UPDATE state SET value = 'x' WHERE name = 'boot_id'"), 1);
    assert_ok(db_txn_commit(&t, &err), &err);
}

static void
lose(struct fixture *f, const char *path)
{
    auto_free char *full = path_join(f->root, path);
    struct err err = {0};

    assert_ok(rmtree_at(AT_FDCWD, full, &err), &err);
}

static int
check(struct fixture *f, bool repair)
{
    auto_close int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE *to = fdopen(dup(fd), "w");
    struct err err = {0};
    int r = check_run(f->root, repair, to, &err);

    (void) fclose(to);
    if (r < 0)
        fail_msg("check: %s", err.msg);
    return r;
}

static void
a_power_cut_is_mended(void **state)
{
    struct fixture *f = *state;
    auto_free char *o1 = prepare(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels);
    auto_free char *o2 = NULL, *o3 = NULL, *o4 = NULL;
    struct err err = {0};

    commit(f, "empty", "k1");
    o2 = prepare(f, SNAPSHOT_ACTIVE, "k2", "empty", &no_labels);
    put_file(f, "snapshots/2/fs/file");
    commit(f, "full", "k2");
    o3 = prepare(f, SNAPSHOT_ACTIVE, "active", "full", &no_labels);
    stop(f);
    lose(f, "snapshots/1");
    lose(f, "snapshots/3");
    restart_machine(f);
    start(f, &(struct snapshots_local_options){.root = f->root});
    assert_true(S_ISDIR(stat_in(f, "snapshots/1/fs").st_mode));
    assert_false(exists(f, "snapshots/1/work"));
    assert_true(S_ISDIR(stat_in(f, "snapshots/3/work").st_mode));
    o4 = prepare(f, SNAPSHOT_ACTIVE, "next", "full", &no_labels);
    stop(f);
    assert_int_equal(check(f, false), 0);
    /* what cannot be made again is named and kept */
    lose(f, "snapshots/2");
    restart_machine(f);
    start(f, &(struct snapshots_local_options){.root = f->root});
    assert_false(exists(f, "snapshots/2"));
    assert_code(snapshots_remove(f->s, NULL, "full", &err), CODE_FAILED_PRECONDITION, &err);
    stop(f);
    assert_int_equal(check(f, true), 1);
}

static void
orphans_go_and_strangers_stay(void **state)
{
    struct fixture *f = *state;
    auto_free char *o1 = prepare(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels);
    auto_free char *orphan = path_join(f->root, "snapshots/2"),
                   *stranger = path_join(f->root, "snapshots/mine");
    struct err err = {0};

    stop(f);
    assert_ok(path_mkdirs_at(AT_FDCWD, orphan, 0700, &err), &err);
    assert_ok(path_mkdirs_at(AT_FDCWD, stranger, 0700, &err), &err);
    restart_machine(f);
    assert_int_equal(check(f, false), 1);
    start(f, &(struct snapshots_local_options){.root = f->root});
    assert_ok(snapshots_cleanup(f->s, NULL, &err), &err);
    assert_false(exists(f, "snapshots/2"));
    assert_true(exists(f, "snapshots/mine"));
    assert_true(exists(f, "snapshots/1/fs"));
}

/* Without its database nobody knows what the directories are: they are not rubbish. */
static void
a_lost_database_does_not_cost_the_directories(void **state)
{
    struct fixture *f = *state;
    auto_free char *o1 = prepare(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels), *o2 = NULL;
    struct err err = {0};

    put_file(f, "snapshots/1/fs/precious");
    stop(f);
    lose(f, "snapshotter.db");
    lose(f, "snapshotter.db-wal");
    lose(f, "snapshotter.db-shm");
    start(f, &(struct snapshots_local_options){.root = f->root});
    assert_ok(snapshots_cleanup(f->s, NULL, &err), &err);
    o2 = prepare(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels);
    assert_true(exists(f, "snapshots/2/fs"));
    start(f, &(struct snapshots_local_options){.root = f->root});
    assert_ok(snapshots_cleanup(f->s, NULL, &err), &err);
    assert_true(exists(f, "snapshots/1/fs/precious"));
}

static void
check_mends_what_can_be_mended(void **state)
{
    struct fixture *f = *state;
    auto_free char *o1 = prepare(f, SNAPSHOT_ACTIVE, "k1", "", &no_labels);
    auto_free char *o2 = NULL, *orphan = path_join(f->root, "snapshots/77/fs");
    struct err err = {0};

    put_file(f, "snapshots/1/fs/a");
    put_file(f, "snapshots/1/fs/b");
    commit(f, "l", "k1");
    o2 = prepare(f, SNAPSHOT_ACTIVE, "k2", "l", &no_labels);
    stop(f);
    assert_int_equal(check(f, false), 0);
    assert_ok(path_mkdirs_at(AT_FDCWD, orphan, 0700, &err), &err);
    lose(f, "snapshots/2/work");
    assert_int_equal(check(f, false), 1);
    assert_int_equal(check(f, true), 0);
    assert_int_equal(check(f, false), 0);
    assert_false(exists(f, "snapshots/77"));
    assert_true(exists(f, "snapshots/2/work"));
    lose(f, "snapshots/1/fs/b"); /* a committed layer with a file less */
    assert_int_equal(check(f, true), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conforms),
        cmocka_unit_test_setup_teardown(upperdir_is_answered_as_a_label_when_asked, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(mount_options_reach_overlays, setup, teardown),
        cmocka_unit_test_setup_teardown(mapping_labels_own_and_map, setup, teardown),
        cmocka_unit_test_setup_teardown(max_size_must_be_a_size, setup, teardown),
        cmocka_unit_test(max_size_bounds_a_snapshot),
        cmocka_unit_test_setup_teardown(sync_is_as_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_power_cut_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(orphans_go_and_strangers_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_database_does_not_cost_the_directories, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(check_mends_what_can_be_mended, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
