/* SPDX-License-Identifier: Apache-2.0 */
#include "diff_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libross/base/buf.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/test.h"
#include "libross/mount/mount_temp.h"
#include "snapshotter-svc/diff/testlib/layer_store.h"

struct fixture {
    char *dir;
    struct snapshots_local *local;
    struct snapshots *s;
    struct diff_settings diff;
};

static const struct labels no_labels;

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    f->dir = test_tmpdir();
    assert_ok(
        snapshots_local_open(&(struct snapshots_local_options){.root = f->dir}, &f->local, &err),
        &err);
    f->s = snapshots_local_contract(f->local);
    f->diff.snapshots = f->local;
    f->diff.places.content_root = path_join(f->dir, "content");
    assert_ok(path_mkdirs_at(AT_FDCWD, f->diff.places.content_root, 0700, &err), &err);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    snapshots_free(f->s);
    free((char *) (uintptr_t) f->diff.places.content_root);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

/* ---- a layer, one header at a time ---- */

static void
tar_add(struct buf *b, const char *name, char type, const char *content)
{
    tar_build_add(b, &(struct tar_build_entry){.type = type, .name = name, .content = content});
}

/* Puts the bytes where a content store has them. */
static struct oci_desc
store(struct fixture *f, const struct buf *b)
{
    return layer_store(f->diff.places.content_root, b, LAYER_TAR);
}

static struct oci_desc
layer_with_whiteouts(struct fixture *f)
{
    AUTO(buf) b = BUF_INIT(1 << 20);

    tar_add(&b, "etc/", '5', "");
    tar_add(&b, "etc/new", '0', "new");
    tar_add(&b, "etc/.wh.old", '0', "");
    tar_add(&b, "opaque/", '5', "");
    tar_add(&b, "opaque/.wh..wh..opq", '0', "");
    tar_add(&b, "opaque/mine", '0', "mine");
    tar_build_end(&b);
    return store(f, &b);
}

static struct oci_desc
base_layer(struct fixture *f)
{
    AUTO(buf) b = BUF_INIT(1 << 20);

    tar_add(&b, "etc/", '5', "");
    tar_add(&b, "etc/old", '0', "old");
    tar_add(&b, "opaque/", '5', "");
    tar_add(&b, "opaque/theirs", '0', "theirs");
    return store(f, &b);
}

static struct mount_list
prepare(struct fixture *f, const char *key, const char *parent)
{
    struct mount_list l;
    struct err err = {0};

    assert_ok(snapshots_prepare(f->s, NULL, SNAPSHOT_ACTIVE, key, parent, &no_labels, &l, &err),
              &err);
    return l;
}

static void
commit(struct fixture *f, const char *name, const char *key, const char *parent)
{
    struct err err = {0};

    assert_ok(snapshots_commit(f->s, NULL, name, key, parent, &no_labels, &err), &err);
}

static void
apply(struct fixture *f, const struct oci_desc *layer, const char *key, const char *parent)
{
    AUTO(mount_list) mounts = prepare(f, key, parent);
    AUTO(oci_desc) applied = {0};
    struct err err = {0};

    assert_ok(diff_apply(&f->diff, NULL, layer, &mounts, false, &applied, &err), &err);
    assert_true(digest_equal(&applied.digest, &layer->digest)); /* not compressed */
    assert_int_equal(applied.size_bytes, layer->size_bytes);
    assert_string_equal(applied.media_type, LAYER_TAR);
}

/* "file" or "dir" or "whiteout" or "" in a view of a committed snapshot. */
static const char *
seen(struct fixture *f, const char *name, const char *path)
{
    AUTO(mount_list) l = {0};
    AUTO_PTR(mount_temp) m = NULL;
    struct err err = {0};
    struct stat st;
    int r;

    assert_ok(snapshots_prepare(f->s, NULL, SNAPSHOT_VIEW, "look", name, &no_labels, &l, &err),
              &err);
    assert_ok(mount_temp_open(&l, NULL, NULL, &m, &err), &err);
    r = fstatat(mount_temp_fd(m), path, &st, AT_SYMLINK_NOFOLLOW);
    assert_ok(snapshots_remove(f->s, NULL, "look", &err), &err);
    if (r < 0)
        return "";
    if (S_ISCHR(st.st_mode))
        return "whiteout";
    return S_ISDIR(st.st_mode) ? "dir" : "file";
}

static void
need_root(void)
{
    if (geteuid() != 0)
        skip();
}

static void
whiteouts_hide_the_layer_below(void **state)
{
    struct fixture *f = *state;
    AUTO(oci_desc) base = base_layer(f);
    AUTO(oci_desc) upper = layer_with_whiteouts(f);

    need_root();
    apply(f, &base, "k1", "");
    commit(f, "l1", "k1", "");
    apply(f, &upper, "k2", "l1");
    commit(f, "l2", "k2", "");
    assert_string_equal(seen(f, "l2", "etc/old"), "");
    assert_string_equal(seen(f, "l2", "etc/new"), "file");
    assert_string_equal(seen(f, "l2", "opaque/theirs"), "");
    assert_string_equal(seen(f, "l2", "opaque/mine"), "file");
    assert_string_equal(seen(f, "l1", "etc/old"), "file");
}

static void
whiteouts_survive_a_rebase(void **state)
{
    struct fixture *f = *state;
    AUTO(oci_desc) base = base_layer(f);
    AUTO(oci_desc) upper = layer_with_whiteouts(f);

    need_root();
    apply(f, &upper, "k2", "");
    apply(f, &base, "k1", "");
    commit(f, "l1", "k1", "");
    commit(f, "l2", "k2", "l1");
    assert_string_equal(seen(f, "l2", "etc/old"), "");
    assert_string_equal(seen(f, "l2", "etc/new"), "file");
    assert_string_equal(seen(f, "l2", "opaque/theirs"), "");
    assert_string_equal(seen(f, "l2", "opaque/mine"), "file");
}

static void
whiteouts_of_a_base_layer_are_dropped(void **state)
{
    struct fixture *f = *state;
    AUTO(oci_desc) upper = layer_with_whiteouts(f);
    struct snapshot_usage u;
    struct err err = {0};

    need_root();
    apply(f, &upper, "k", "");
    commit(f, "l", "k", "");
    assert_string_equal(seen(f, "l", "etc/old"), "");
    assert_string_equal(seen(f, "l", "etc/new"), "file");
    assert_ok(snapshots_usage(f->s, NULL, "l", &u, &err), &err);
    assert_int_equal(u.inodes, 5); /* root, etc, etc/new, opaque, opaque/mine */
}

static void
lying_blobs_are_refused(void **state)
{
    struct fixture *f = *state;
    AUTO(oci_desc) layer = base_layer(f);
    AUTO(oci_desc) applied = {0};
    AUTO(mount_list) mounts = prepare(f, "k", "");
    auto_free char *path = layer_path(f->diff.places.content_root, &layer);
    auto_close int fd = open(path, O_RDWR);
    struct err err = {0};

    layer.size_bytes--;
    assert_code(diff_apply(&f->diff, NULL, &layer, &mounts, false, &applied, &err), CODE_DATA_LOSS,
                &err);
    layer.size_bytes += 2;
    assert_code(diff_apply(&f->diff, NULL, &layer, &mounts, false, &applied, &err), CODE_DATA_LOSS,
                &err);
    layer.size_bytes--;
    assert_int_equal(pwrite(fd, "n", 1, 1024), 1);
    assert_code(diff_apply(&f->diff, NULL, &layer, &mounts, false, &applied, &err), CODE_DATA_LOSS,
                &err);
}

static void
refuses_what_it_cannot(void **state)
{
    struct fixture *f = *state;
    AUTO(oci_desc) layer = base_layer(f);
    AUTO(oci_desc) applied = {0};
    AUTO(mount_list) mounts = prepare(f, "k", "");
    AUTO(mount_list) none = {0};
    struct err err = {0};

    assert_code(diff_apply(&f->diff, NULL, &layer, &none, false, &applied, &err),
                CODE_INVALID_ARGUMENT, &err);
    layer.digest.bytes[0] ^= 1;
    assert_code(diff_apply(&f->diff, NULL, &layer, &mounts, false, &applied, &err), CODE_NOT_FOUND,
                &err);
    free(layer.media_type);
    layer.media_type = xstrdup(LAYER_TAR "+encrypted");
    assert_code(diff_apply(&f->diff, NULL, &layer, &mounts, false, &applied, &err),
                CODE_UNIMPLEMENTED, &err);
}

static void
knows_layer_types(void **state)
{
    (void) state;
    assert_true(diff_media_type_is_layer(LAYER_TAR));
    assert_true(diff_media_type_is_layer(LAYER_TAR "+gzip"));
    assert_true(diff_media_type_is_layer(LAYER_TAR "+zstd"));
    assert_true(diff_media_type_is_layer("application/vnd.docker.image.rootfs.diff.tar.gzip"));
    assert_true(diff_media_type_is_layer("application/vnd.docker.image.rootfs.foreign.diff.tar"));
    assert_false(diff_media_type_is_layer(LAYER_TAR "+gzip+encrypted"));
    assert_false(diff_media_type_is_layer("application/vnd.oci.image.manifest.v1+json"));
    assert_false(diff_media_type_is_layer(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whiteouts_hide_the_layer_below, setup, teardown),
        cmocka_unit_test_setup_teardown(whiteouts_survive_a_rebase, setup, teardown),
        cmocka_unit_test_setup_teardown(whiteouts_of_a_base_layer_are_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(lying_blobs_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_it_cannot, setup, teardown),
        cmocka_unit_test(knows_layer_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
