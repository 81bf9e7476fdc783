/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots and Diff behind a real socket: hostile layers, callers that get in each other's way or go away, rebase. */
#include "diff_service.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "api/client/diff_client.h"
#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "api/grpc/grpc_server.h"
#include "libross/archive/testlib/reject_rows.h"
#include "libross/base/clock.h"
#include "libross/base/rmtree.h"
#include "libross/mount/mount_temp.h"
#include "snapshotter-svc/check.h"
#include "snapshotter-svc/diff/testlib/layer_store.h"
#include "snapshotter-svc/snapshots_service.h"

#define CORPUS       TEST_SOURCE_DIR "/../../integration/corpus/reject"
#define PATIENCE_NS  (60 * NS_PER_S)
#define LOOK_MS      2
#define FILES        64
#define CALLERS      6
#define LAYERS       5
#define FILE_BYTES   (64 << 10)
#define LAYER_BYTES  (8 << 20)
#define HOSTILE_SIZE (64 << 20)

struct fixture {
    char *dir, *root, *content, *address;
    int top_fd;
    struct snapshots_local *local;
    struct diff_settings diff;
    char *settings; /* of the hostile layer, and what they mean */
    struct tar_limits tar;
    struct decompress_limits stream;
    struct grpc_service_host *server;
    struct rpc_channel *ch;
    struct snapshots *s;
    struct mount_list plain; /* a directory that is nobody's snapshot */
};

static const struct labels no_labels;
static const struct call_ctx ctx = {.ns = "test"};

static void
serve(struct fixture *f)
{
    const struct grpc_server_options opt = {.address = f->address, .listen_fd = -1};
    const struct rpc_service services[] = {snapshots_service(snapshots_local_contract(f->local)),
                                           diff_service(&f->diff)};
    struct err err = {0};

    assert_ok(grpc_server_serve(&opt, services, ARRAY_LEN(services), &f->server, &err), &err);
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct err err = {0};

    f->dir = test_tmpdir();
    f->root = path_join(f->dir, "root");
    f->content = path_join(f->dir, "root/content");
    f->address = path_join(f->dir, "root/socket");
    assert_ok(path_mkdirs_at(AT_FDCWD, f->content, 0700, &err), &err);
    f->top_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(
        snapshots_local_open(&(struct snapshots_local_options){.root = f->root}, &f->local, &err),
        &err);
    f->diff.snapshots = f->local;
    f->diff.places.content_root = f->content;
    serve(f);
    assert_ok(grpc_channel_open(f->address, &f->ch, &err), &err);
    f->s = snapshots_client_new(f->ch, "ross");
    *state = f;
    return 0;
}

/* Nothing may be left but what is committed. */
static int
teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};

    snapshots_free(f->s);
    rpc_channel_free(f->ch);
    grpc_server_stop(f->server, 1000);
    snapshots_free(snapshots_local_contract(f->local));
    if (check_run(f->root, false, stdout, &err) != 0)
        fail_msg("check: %s", err.msg);
    (void) fd_close(f->top_fd);
    mount_list_done(&f->plain);
    free(f->settings);
    free(f->root);
    free(f->content);
    free(f->address);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static void
need_root(void)
{
    if (geteuid() != 0)
        skip();
}

static struct mount_list
prepare(struct fixture *f, const char *key, const char *parent)
{
    struct mount_list l;
    struct err err = {0};

    assert_ok(snapshots_prepare(f->s, &ctx, SNAPSHOT_ACTIVE, key, parent, &no_labels, &l, &err),
              &err);
    return l;
}

static void
commit(struct fixture *f, const char *name, const char *key, const char *parent)
{
    struct err err = {0};

    assert_ok(snapshots_commit(f->s, &ctx, name, key, parent, &no_labels, &err), &err);
}

static void
remove_all(struct fixture *f, const char *key)
{
    struct err err = {0};

    assert_ok(snapshots_remove(f->s, &ctx, key, &err), &err);
    assert_ok(snapshots_cleanup(f->s, &ctx, &err), &err);
}

/* FILES files, all of which say `c`; more than an Apply reads ahead. */
static struct buf
layer_of(char c)
{
    struct buf b = BUF_INIT(LAYER_BYTES);
    static char text[FILE_BYTES + 1];
    char name[32];

    memset(text, c, FILE_BYTES);
    tar_build_add(&b, &(struct tar_build_entry){.type = '5', .name = "d/"});
    for (int i = 0; i < FILES; i++) {
        (void) snprintf(name, sizeof name, "d/file-%d", i);
        tar_build_add(&b, &(struct tar_build_entry){.name = name, .content = text});
    }
    tar_build_end(&b);
    return b;
}

static const char *
dir_of(const struct mount_list *l)
{
    const char *upper = mount_option_find(&l->items[0], "upperdir");

    return upper ? upper : l->items[0].source;
}

static size_t
snapshot_dirs(struct fixture *f)
{
    auto_free char *path = path_join(f->root, "snapshots");
    struct dirent *e;
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while ((e = readdir(d)))
        n += e->d_name[0] != '.';
    (void) closedir(d);
    return n;
}

/* ---- hostile layers ---- */

static void
store_hostile(struct fixture *f, const char *file, struct oci_desc *ret)
{
    auto_free char *from = xasprintf(CORPUS "/%s", file);
    AUTO(buf) b = BUF_INIT(HOSTILE_SIZE);
    struct err err = {0};

    assert_ok(fd_read_file_at(AT_FDCWD, from, HOSTILE_SIZE, &b.data, &b.len, &err), &err);
    *ret = layer_store(f->content, &b, LAYER_TAR);
}

/* The settings of a service do not change while it serves. */
static void
use_limits(struct fixture *f, const struct reject_row *row)
{
    if (f->settings && strcmp(row->settings, f->settings) == 0)
        return;
    free(f->settings);
    f->settings = xstrdup(row->settings);
    grpc_server_stop(f->server, 1000);
    f->tar = row->tar;
    f->stream = row->stream;
    f->diff.limits = &f->tar;
    f->diff.stream_limits = &f->stream;
    serve(f);
}

static void
check_hostile(const struct reject_row *row, void *arg)
{
    struct fixture *f = arg;
    AUTO(buf) before = BUF_INIT(1 << 20);
    AUTO(buf) after = BUF_INIT(1 << 20);
    AUTO(mount_list) mounts = {0};
    AUTO(oci_desc) layer = {0};
    AUTO(oci_desc) applied = {0};
    struct err err = {0};
    int r;

    store_hostile(f, row->file, &layer);
    use_limits(f, row);
    if (row->overlay)
        mounts = prepare(f, "hostile", "base");
    else /* plain: a directory of somebody else */
        mounts = mount_list_clone(&f->plain);
    if (!row->overlay)
        assert_ok(path_mkdirs_at(AT_FDCWD, dir_of(&mounts), 0755, &err), &err);
    reject_show_world(&before, f->top_fd);
    r = diff_client_apply(f->ch, &ctx, &layer, &mounts, false, &applied, &err);
    reject_show_world(&after, f->top_fd);
    reject_row_check(row, r, &err, &before, &after);
    if (row->overlay)
        remove_all(f, "hostile");
    else
        assert_ok(rmtree_at(AT_FDCWD, dir_of(&mounts), &err), &err);
}

static void
hostile_layers_over_the_socket(void **state)
{
    struct fixture *f = *state;
    auto_free char *plain = path_join(f->root, "plain");
    struct mount *m = mount_list_add(&f->plain, "bind", plain);
    AUTO(mount_list) base = {0};
    auto_close int outside = -1;
    struct err err = {0};

    need_root();
    strv_add(&m->options, "rw");
    strv_add(&m->options, "rbind");
    assert_int_equal(mkdirat(f->top_fd, "outside", 0755), 0);
    outside = openat(f->top_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(fd_write_file_at(outside, "canary", "tweet", 5, 0600, &err), &err);
    base = prepare(f, "k", "");
    commit(f, "base", "k", "");
    reject_rows_each(CORPUS, check_hostile, f);
    assert_int_equal(snapshot_dirs(f), 1); /* base */
}

/* ---- several callers ---- */

struct caller {
    struct fixture *f;
    struct call_ctx ctx;
    struct oci_desc layer;
    struct mount_list mounts;
    pthread_t thread;
    struct err err;
    int r;
};

static void *
apply_main(void *arg)
{
    struct caller *c = arg;
    AUTO(oci_desc) applied = {0};

    c->r = diff_client_apply(c->f->ch, &c->ctx, &c->layer, &c->mounts, false, &applied, &c->err);
    return NULL;
}

static void
caller_start(struct caller *c)
{
    assert_int_equal(pthread_create(&c->thread, NULL, apply_main, c), 0);
}

static int
caller_end(struct caller *c)
{
    assert_int_equal(pthread_join(c->thread, NULL), 0);
    oci_desc_done(&c->layer);
    mount_list_done(&c->mounts);
    return c->r;
}

/* What one of them wrote is not mixed with what another one wrote. */
static void
two_layers_in_one_snapshot_take_turns(void **state)
{
    struct fixture *f = *state;
    struct caller callers[CALLERS] = {0};
    AUTO(mount_list) mounts = prepare(f, "k", "");
    auto_free char *first = NULL;

    need_root();
    for (int i = 0; i < CALLERS; i++) {
        AUTO(buf) b = layer_of((char) ('a' + i));

        callers[i] = (struct caller){.f = f, .ctx = ctx, .mounts = mount_list_clone(&mounts)};
        callers[i].layer = layer_store(f->content, &b, LAYER_TAR);
    }
    for (int i = 0; i < CALLERS; i++)
        caller_start(&callers[i]);
    for (int i = 0; i < CALLERS; i++)
        assert_ok(caller_end(&callers[i]), &callers[i].err);
    for (int i = 0; i < FILES; i++) {
        auto_free char *path = xasprintf("%s/d/file-%d", dir_of(&mounts), i), *text = NULL;
        struct err err = {0};

        assert_ok(fd_read_file_at(AT_FDCWD, path, FILE_BYTES, &text, NULL, &err), &err);
        if (!first)
            first = xstrdup(text);
        assert_string_equal(text, first);
    }
    remove_all(f, "k");
    assert_int_equal(snapshot_dirs(f), 0);
}

/* A layer whose blob is still coming: `sent` bytes of it are there. */
struct growing {
    struct buf bytes;
    char *path;
};

static struct growing
growing_start(struct fixture *f, struct oci_desc *ret)
{
    auto_free char *dir = path_join(f->content, "growing");
    struct growing g = {.bytes = layer_of('g')};
    char hex[DIGEST_HEX_MAX];
    struct err err = {0};

    *ret = layer_desc(&g.bytes, LAYER_TAR);
    assert_ok(path_mkdirs_at(AT_FDCWD, dir, 0700, &err), &err);
    g.path = xasprintf("%s/sha256-%s", dir, digest_hex(&ret->digest, hex));
    assert_ok(fd_write_file_at(AT_FDCWD, g.path, g.bytes.data, g.bytes.len / 2, 0600, &err), &err);
    return g;
}

static void
growing_complete(struct growing *g)
{
    auto_close int fd = open(g->path, O_WRONLY | O_APPEND | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(
        fd_write_all(fd, g->bytes.data + g->bytes.len / 2, g->bytes.len - g->bytes.len / 2), 0);
}

static void
growing_done(struct growing *g)
{
    buf_done(&g->bytes);
    free(g->path);
}

/* An Apply that has written something and waits for the rest of its blob. */
static void
start_and_stall(struct caller *c)
{
    auto_free char *file = xasprintf("%s/d/file-0", dir_of(&c->mounts));
    int64_t until = clock_mono_ns() + PATIENCE_NS;

    caller_start(c);
    while (access(file, F_OK) != 0) {
        assert_true(clock_mono_ns() < until);
        (void) poll(NULL, 0, LOOK_MS);
    }
}

static void
what_is_being_filled_is_not_committed(void **state)
{
    struct fixture *f = *state;
    struct caller c = {.f = f, .ctx = ctx, .mounts = prepare(f, "k", "")};
    struct growing g = growing_start(f, &c.layer);
    AUTO(mount_list) mounts = mount_list_clone(&c.mounts);
    AUTO(oci_desc) layer = oci_desc_clone(&c.layer);
    AUTO(oci_desc) applied = {0};
    struct call_ctx hasty = ctx;
    struct snapshot_usage u;
    struct err err = {0};

    need_root();
    start_and_stall(&c);
    assert_code(snapshots_commit(f->s, &ctx, "l", "k", "", &no_labels, &err),
                CODE_FAILED_PRECONDITION, &err);
    hasty.deadline_ns = clock_mono_ns() + 50 * NS_PER_MS;
    assert_code(diff_client_apply(f->ch, &hasty, &layer, &mounts, false, &applied, &err),
                CODE_DEADLINE_EXCEEDED, &err);
    growing_complete(&g);
    assert_ok(caller_end(&c), &c.err);
    commit(f, "l", "k", "");
    assert_ok(snapshots_usage(f->s, &ctx, "l", &u, &err), &err);
    assert_int_equal(u.inodes, FILES + 2);
    /* and what is committed is not filled */
    assert_code(diff_client_apply(f->ch, &ctx, &layer, &mounts, false, &applied, &err),
                CODE_FAILED_PRECONDITION, &err);
    growing_done(&g);
}

static void
a_removed_snapshot_ends_its_apply(void **state)
{
    struct fixture *f = *state;
    struct caller c = {.f = f, .ctx = ctx, .mounts = prepare(f, "k", "")};
    struct growing g = growing_start(f, &c.layer);
    AUTO(mount_list) mounts = mount_list_clone(&c.mounts);
    AUTO(oci_desc) layer = oci_desc_clone(&c.layer);
    AUTO(oci_desc) applied = {0};
    struct err err = {0};

    need_root();
    start_and_stall(&c);
    assert_ok(snapshots_remove(f->s, &ctx, "k", &err), &err);
    assert_code(caller_end(&c), CODE_NOT_FOUND, &c.err);
    assert_ok(snapshots_cleanup(f->s, &ctx, &err), &err);
    assert_int_equal(snapshot_dirs(f), 0);
    assert_code(diff_client_apply(f->ch, &ctx, &layer, &mounts, false, &applied, &err),
                CODE_NOT_FOUND, &err);
    growing_done(&g);
}

/* It goes away in the middle; what it left does not stand in the way of the next try, with the same key or another. */
static void
a_cancelled_apply_leaves_nothing_in_the_way(void **state)
{
    struct fixture *f = *state;
    atomic_bool cancelled = false;
    struct caller c = {.f = f, .ctx = ctx, .mounts = prepare(f, "k", "")};
    struct growing g = growing_start(f, &c.layer);
    AUTO(mount_list) mounts = mount_list_clone(&c.mounts);
    AUTO(oci_desc) layer = oci_desc_clone(&c.layer);
    AUTO(oci_desc) applied = {0};
    struct snapshot_usage u;
    struct err err = {0};

    need_root();
    c.ctx.cancelled = &cancelled;
    start_and_stall(&c);
    atomic_store(&cancelled, true);
    assert_code(caller_end(&c), CODE_CANCELED, &c.err);
    growing_complete(&g);
    assert_ok(diff_client_apply(f->ch, &ctx, &layer, &mounts, false, &applied, &err), &err);
    commit(f, "l", "k", "");
    assert_ok(snapshots_usage(f->s, &ctx, "l", &u, &err), &err);
    assert_int_equal(u.inodes, FILES + 2);
    remove_all(f, "l");
    assert_int_equal(snapshot_dirs(f), 0);
    growing_done(&g);
}

/* ---- parallel unpack, as containerd 2.2 does it (reference 8.10) ---- */

/* Layer i has file-i, and hides the file of the layer before it. */
static struct buf
layer_number(int i)
{
    struct buf b = BUF_INIT(LAYER_BYTES);
    char name[32], hidden[32];

    (void) snprintf(name, sizeof name, "d/file-%d", i);
    (void) snprintf(hidden, sizeof hidden, "d/.wh.file-%d", i - 1);
    tar_build_add(&b, &(struct tar_build_entry){.type = '5', .name = "d/"});
    tar_build_add(&b, &(struct tar_build_entry){.name = name, .content = "text"});
    if (i > 0)
        tar_build_add(&b, &(struct tar_build_entry){.name = hidden});
    tar_build_end(&b);
    return b;
}

static int
prepare_extract(struct fixture *f, int i, struct mount_list *ret, struct err *err)
{
    auto_free char *key = xasprintf("test/%d/extract-%d", i + 1, i);
    AUTO(labels) labels = {0};
    char value[16];

    (void) snprintf(value, sizeof value, "chain-%d", i);
    labels_set(&labels, "containerd.io/snapshot.ref", value);
    return snapshots_prepare(f->s, &ctx, SNAPSHOT_ACTIVE, key, "", &labels, ret, err);
}

static int
commit_chain(struct fixture *f, int i, const char *parent, struct err *err)
{
    auto_free char *key = xasprintf("test/%d/extract-%d", i + 1, i);
    auto_free char *name = xasprintf("test/%d/chain-%d", i + 20, i);
    AUTO(labels) labels = {0};
    char value[16];

    (void) snprintf(value, sizeof value, "chain-%d", i);
    labels_set(&labels, "containerd.io/snapshot.ref", value);
    return snapshots_commit(f->s, &ctx, name, key, parent, &labels, err);
}

static void
see_chain(struct fixture *f)
{
    AUTO(mount_list) l = {0};
    AUTO_PTR(mount_temp) m = NULL;
    struct err err = {0};
    char name[32];

    assert_ok(snapshots_prepare(f->s, &ctx, SNAPSHOT_VIEW, "look", "test/24/chain-4", &no_labels,
                                &l, &err),
              &err);
    assert_ok(mount_temp_open(&l, NULL, NULL, &m, &err), &err);
    for (int i = 0; i < LAYERS; i++) {
        (void) snprintf(name, sizeof name, "d/file-%d", i);
        assert_int_equal(faccessat(mount_temp_fd(m), name, F_OK, 0), i == LAYERS - 1 ? 0 : -1);
    }
    assert_ok(snapshots_remove(f->s, &ctx, "look", &err), &err);
}

static void
layers_unpacked_side_by_side_get_their_parents(void **state)
{
    struct fixture *f = *state;
    struct caller callers[LAYERS] = {0};
    AUTO(mount_list) alone = {0};
    struct err err = {0};

    need_root();
    for (int i = 0; i < LAYERS; i++) {
        AUTO(buf) b = layer_number(i);

        callers[i] = (struct caller){.f = f, .ctx = ctx};
        callers[i].layer = layer_store(f->content, &b, LAYER_TAR);
        assert_ok(prepare_extract(f, i, &callers[i].mounts, &err), &err);
        assert_null(mount_option_find(&callers[i].mounts.items[0], "lowerdir"));
        assert_false(strv_has(&callers[i].mounts.items[0].options, "ro"));
    }
    for (int i = LAYERS; i-- > 0;)
        caller_start(&callers[i]);
    for (int i = 0; i < LAYERS; i++)
        assert_ok(caller_end(&callers[i]), &callers[i].err);
    assert_code(commit_chain(f, 1, "test/20/chain-0", &err), CODE_NOT_FOUND, &err);
    assert_code(commit_chain(f, 1, "test/1/extract-0", &err), CODE_FAILED_PRECONDITION, &err);
    for (int i = 0; i < LAYERS; i++) {
        auto_free char *parent = i ? xasprintf("test/%d/chain-%d", i + 19, i - 1) : xstrdup("");

        assert_ok(commit_chain(f, i, parent, &err), &err);
    }
    see_chain(f);
    /* one that was prepared on a parent keeps it */
    alone = prepare(f, "k", "test/20/chain-0");
    assert_code(snapshots_commit(f->s, &ctx, "l", "k", "test/21/chain-1", &no_labels, &err),
                CODE_INVALID_ARGUMENT, &err);
    commit(f, "l", "k", "test/20/chain-0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hostile_layers_over_the_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(two_layers_in_one_snapshot_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_being_filled_is_not_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_snapshot_ends_its_apply, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_apply_leaves_nothing_in_the_way, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(layers_unpacked_side_by_side_get_their_parents, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
