/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the local store shows: resuming after kill -9 and reboot, what a start collects, the two views of one
 * store.
 */
#include "content_local.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contentd/leases/lease_store.h"
#include "ingest.h"
#include "libross/base/fd.h"
#include "libross/base/test.h"
#include "write_session.h"

#define MIB (1024 * 1024)

struct fixture {
    char *dir;
    struct db *db;
    struct content_store *store;
    struct content *named, *plain;
};

static const struct call_ctx in_a = {.ns = "a"}, in_b = {.ns = "b"};

static void
open_all(struct fixture *f)
{
    struct err e = {0};
    bool fresh;

    assert_ok(contentd_db_open(f->dir, false, &f->db, &fresh, &e), &e);
    assert_ok(content_store_open(f->dir, f->db, fresh, &f->store, &e), &e);
    f->named = content_local_new(f->store, false);
    f->plain = content_local_new(f->store, true);
}

static void
close_all(struct fixture *f)
{
    content_free(TAKE(f->named));
    content_free(TAKE(f->plain));
    content_store_close(TAKE(f->store));
    db_close(TAKE(f->db));
}

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    f->dir = test_tmpdir();
    open_all(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    close_all(f);
    test_tmpdir_remove(f->dir);
    free(f);
    return 0;
}

static struct content_writer *
writer(struct content *c, const struct call_ctx *ctx, const char *ref,
       const struct digest *expected)
{
    const struct content_writer_open o = {.ref = ref, .expected = expected};
    struct content_writer *w = NULL;
    struct err e = {0};

    assert_ok(content_writer_open(c, ctx, &o, &w, &e), &e);
    return w;
}

static void
put(struct content *c, const struct call_ctx *ctx, const char *text, struct digest *ret)
{
    AUTO_PTR(content_writer) w = writer(c, ctx, text, NULL);
    struct err e = {0};

    digest_compute(DIGEST_SHA256, text, strlen(text), ret);
    assert_ok(content_writer_write(w, text, strlen(text), &e), &e);
    assert_ok(content_writer_commit(w, 0, ret, NULL, &e), &e);
}

static int
has(struct content *c, const struct call_ctx *ctx, const struct digest *d)
{
    AUTO(content_info) i = {0};

    return content_info_get(c, ctx, d, &i, NULL) == 0;
}

static size_t
files_in(const struct fixture *f, const char *sub)
{
    auto_free char *path = xasprintf("%s/content/%s", f->dir, sub);
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void) closedir(d);
    return n - 2;
}

/* ---- resuming ---- */

/* The bytes of the test's blob at this position. */
static void
pattern(unsigned char *p, size_t n, int64_t at)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char) ((at + (int64_t) i) * 2654435761u >> 13);
}

static int
write_pattern(struct content_writer *w, int64_t from, int64_t to, struct err *e)
{
    auto_free unsigned char *p = xmalloc(MIB);
    int r = 0;

    for (int64_t at = from; r == 0 && at < to; at += MIB) {
        pattern(p, MIB, at);
        r = content_writer_write(w, p, MIB, e);
    }
    return r;
}

static int64_t
offset_of(struct content_writer *w)
{
    AUTO(ingest_status) s = {0};
    struct err e = {0};

    assert_ok(content_writer_status(w, &s, &e), &e);
    return s.offset;
}

/* Opens the ref again, writes the rest and checks the whole: right only if the hash was taken up rightly. */
static int64_t
finish(struct fixture *f, const char *ref, int64_t size)
{
    AUTO_PTR(content_writer) w = writer(f->named, &in_a, ref, NULL);
    AUTO_PTR(hasher) h = hasher_new(DIGEST_SHA256);
    auto_free unsigned char *p = xmalloc(MIB);
    int64_t at = offset_of(w);
    struct digest d;
    struct err e = {0};

    for (int64_t i = 0; i < size; i += MIB) {
        pattern(p, MIB, i);
        hasher_update(h, p, MIB);
    }
    hasher_peek(h, &d);
    assert_ok(write_pattern(w, at, size, &e), &e);
    assert_ok(content_writer_commit(w, size, &d, NULL, &e), &e);
    return at;
}

/* A process of its own writes and dies without a word. */
static void
die_while_writing(struct fixture *f, const char *ref, int64_t upto)
{
    int status;
    pid_t pid;

    close_all(f);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct content_writer *w;
        struct err e = {0};

        open_all(f);
        w = writer(f->named, &in_a, ref, NULL);
        if (write_pattern(w, offset_of(w), upto, &e) == 0)
            (void) kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    open_all(f);
}

static void
resumes_after_kill_9_without_reading(void **state)
{
    struct fixture *f = *state;
    int64_t at, read_before = ingest_rehashed_bytes();

    die_while_writing(f, "killed", 40 * MIB);
    at = finish(f, "killed", 48 * MIB);
    assert_int_equal(at, 32 * MIB); /* a row every 16 MiB */
    assert_int_equal(ingest_rehashed_bytes(), read_before);
}

static void
set_boot(struct fixture *f, const char *boot)
{
    AUTO(db_txn) t = {0};
    struct err e = {0};

    assert_ok(db_txn_begin(f->db, DB_WRITE, &t, &e), &e);
    assert_int_equal(db_run(&t, &e, "UPDATE ingest SET boot = ?1", DB_TEXT(boot)), 1);
    assert_ok(db_txn_commit(&t, &e), &e);
}

/* A power cut may have taken pages that were never synced: only what was synced counts. */
static void
after_a_power_cut_only_synced_bytes_count(void **state)
{
    struct fixture *f = *state;
    int64_t read_before = ingest_rehashed_bytes();

    die_while_writing(f, "cut", 144 * MIB);
    set_boot(f, "another-boot");
    assert_int_equal(finish(f, "cut", 146 * MIB), 128 * MIB);
    assert_int_equal(ingest_rehashed_bytes(), read_before);
    die_while_writing(f, "cut-early", 20 * MIB);
    set_boot(f, "another-boot");
    assert_int_equal(finish(f, "cut-early", 21 * MIB), 0);
}

static void
after_a_clean_end_every_byte_counts(void **state)
{
    struct fixture *f = *state;
    struct content_writer *w = writer(f->named, &in_a, "clean", NULL);
    int64_t read_before = ingest_rehashed_bytes();
    struct err e = {0};

    assert_ok(write_pattern(w, 0, 3 * MIB, &e), &e);
    content_writer_free(w);
    close_all(f); /* as before a reboot */
    open_all(f);
    {
        AUTO(db_txn) t = {0};
        AUTO_PTR(db_stmt) q = NULL;

        assert_ok(db_txn_begin(f->db, DB_READ, &t, &e), &e);
        assert_ok(db_query(&t, &q, &e, "SELECT boot, synced_offset FROM ingest"), &e);
        assert_int_equal(db_stmt_next(q, &e), 1);
        assert_string_equal(db_stmt_text(q, 0), "");
        assert_int_equal(db_stmt_int(q, 1), 3 * MIB);
    }
    assert_int_equal(finish(f, "clean", 5 * MIB), 3 * MIB);
    assert_int_equal(ingest_rehashed_bytes(), read_before);
}

static void
another_algorithm_is_hashed_anew(void **state)
{
    struct fixture *f = *state;
    struct digest d;
    int64_t before = ingest_rehashed_bytes();
    struct err e = {0};
    struct content_writer *w = writer(f->named, &in_a, "alg", NULL);

    assert_ok(content_writer_write(w, "abc", 3, &e), &e);
    content_writer_free(w);
    digest_compute(DIGEST_SHA512, "abcdef", 6, &d);
    w = writer(f->named, &in_a, "alg", &d);
    assert_int_equal(ingest_rehashed_bytes(), before + 3);
    assert_ok(content_writer_write(w, "def", 3, &e), &e);
    assert_ok(content_writer_commit(w, 6, &d, NULL, &e), &e);
    content_writer_free(w);
    assert_true(has(f->named, &in_a, &d));
}

static void
a_vanished_file_starts_over(void **state)
{
    struct fixture *f = *state;
    struct content_writer *w = writer(f->named, &in_a, "vanished", NULL);
    auto_free char *path = xasprintf("%s/content/ingest/1", f->dir);
    struct err e = {0};

    assert_ok(content_writer_write(w, "abc", 3, &e), &e);
    content_writer_free(w);
    assert_int_equal(truncate(path, 1), 0);
    w = writer(f->named, &in_a, "vanished", NULL);
    assert_int_equal(offset_of(w), 0);
    content_writer_free(w);
}

/* ---- starting ---- */

static void
a_start_collects_leftovers(void **state)
{
    struct fixture *f = *state;
    struct digest kept, orphan;
    struct err e = {0};
    auto_free char *stray = xasprintf("%s/content/ingest/99", f->dir);
    auto_free char *blob = NULL;
    char hex[DIGEST_HEX_MAX];
    struct content_writer *w = writer(f->named, &in_a, "open", NULL);
    auto_free char *opened = xasprintf("%s/content/ingest/1", f->dir);

    assert_ok(content_writer_write(w, "abc", 3, &e), &e);
    content_writer_free(w);
    put(f->named, &in_a, "kept", &kept);
    digest_compute(DIGEST_SHA256, "orphan", 6, &orphan);
    blob = xasprintf("%s/content/blobs/sha256/%s", f->dir, digest_hex(&orphan, hex));
    close_all(f);
    assert_ok(fd_write_file_at(AT_FDCWD, stray, "x", 1, 0600, &e), &e);
    assert_ok(fd_write_file_at(AT_FDCWD, blob, "orphan", 6, 0444, &e), &e);
    assert_int_equal(unlink(opened), 0);

    open_all(f); /* after a clean end: blobs are trusted */
    assert_int_equal(files_in(f, "ingest"), 0);
    assert_int_equal(files_in(f, "blobs/sha256"), 2);
    assert_true(has(f->named, &in_a, &kept));
    {
        AUTO(ingest_status) s = {0};

        assert_code(content_status(f->named, &in_a, "open", &s, &e), CODE_NOT_FOUND, &e);
    }
    {
        AUTO(db_txn) t = {0};

        close_all(f);
        open_all(f);
        assert_ok(db_txn_begin(f->db, DB_WRITE, &t, &e), &e);
        assert_ok(contentd_db_meta_set(&t, "clean", "0", &e), &e);
        assert_ok(db_txn_commit(&t, &e), &e);
    }
    /* as if killed: the store object goes without settling */
    content_free(TAKE(f->named));
    content_free(TAKE(f->plain));
    {
        struct content_store *leaked = TAKE(f->store);
        bool fresh = false;

        assert_ok(content_store_open(f->dir, f->db, fresh, &f->store, &e), &e);
        content_store_close(leaked);
    }
    f->named = content_local_new(f->store, false);
    f->plain = content_local_new(f->store, true);
    assert_int_equal(files_in(f, "blobs/sha256"), 1);
    assert_true(has(f->named, &in_a, &kept));
}

/* ---- views ---- */

static void
namespaces_share_files_but_not_sight(void **state)
{
    struct fixture *f = *state;
    AUTO(ingest_status) s = {0};
    struct content_writer *w;
    struct digest d, longer;
    struct err e = {0};

    put(f->named, &in_a, "shared", &d);
    assert_true(has(f->named, &in_a, &d));
    assert_false(has(f->named, &in_b, &d));
    w = writer(f->named, &in_b, "r", &d);
    assert_ok(content_writer_status(w, &s, &e), &e);
    assert_int_equal(s.offset, 6);
    assert_int_equal(s.total, 6);
    assert_true(digest_equal(&s.digest, &d));
    assert_int_equal(files_in(f, "ingest"), 0);
    assert_ok(content_writer_commit(w, 6, &d, NULL, &e), &e);
    content_writer_free(w);
    assert_true(has(f->named, &in_b, &d));
    assert_int_equal(files_in(f, "blobs/sha256"), 1);

    /* Writing on makes a blob of its own. */
    w = writer(f->named, &(struct call_ctx){.ns = "c"}, "r", &d);
    assert_ok(content_writer_write(w, "+more", 5, &e), &e);
    digest_compute(DIGEST_SHA256, "shared+more", 11, &longer);
    assert_ok(content_writer_commit(w, 11, &longer, NULL, &e), &e);
    content_writer_free(w);
    assert_int_equal(files_in(f, "blobs/sha256"), 2);

    assert_ok(content_delete(f->named, &in_a, &d, &e), &e);
    assert_int_equal(files_in(f, "blobs/sha256"), 2);
    assert_ok(content_delete(f->named, &in_b, &d, &e), &e);
    assert_int_equal(files_in(f, "blobs/sha256"), 1);
}

static int
count(const struct content_info *i, void *arg)
{
    (void) i;
    (*(int *) arg)++;
    return 0;
}

static int
listed(struct content *c, const struct call_ctx *ctx)
{
    const struct strv all = {0};
    struct err e = {0};
    int n = 0;

    assert_ok(content_list(c, ctx, &all, count, &n, &e), &e);
    return n;
}

static void
the_plain_view_takes_up_what_it_asks_for(void **state)
{
    struct fixture *f = *state;
    struct digest seen, unseen;
    struct err e = {0};

    put(f->named, &in_a, "seen", &seen);
    put(f->named, &in_a, "unseen", &unseen);
    assert_int_equal(listed(f->plain, &in_a), 0);
    assert_true(has(f->plain, &in_b, &seen));
    assert_int_equal(listed(f->plain, NULL), 1);
    assert_ok(content_delete(f->plain, NULL, &unseen, &e), &e); /* not its own */
    assert_true(has(f->named, &in_a, &unseen));
    assert_ok(content_delete(f->named, &in_a, &seen, &e), &e);
    assert_true(has(f->plain, NULL, &seen));
    assert_ok(content_delete(f->plain, NULL, &seen, &e), &e);
    assert_int_equal(files_in(f, "blobs/sha256"), 1);
    /* A call without a namespace on the named store is of the plain view. */
    assert_true(has(f->named, NULL, &unseen));
    assert_code(content_delete(f->named, &(struct call_ctx){.ns = "../x"}, &unseen, &e),
                CODE_INVALID_ARGUMENT, &e);
}

static void
flipped_bits_are_not_served(void **state)
{
    struct fixture *f = *state;
    AUTO_PTR(content_reader) r = NULL;
    auto_free char *path = NULL;
    char hex[DIGEST_HEX_MAX];
    struct digest d;
    struct err e = {0};

    put(f->named, &in_a, "precious", &d);
    content_store_verify_reads(f->store);
    assert_ok(content_reader_open(f->named, &in_a, &d, &r, &e), &e);
    content_reader_free(TAKE(r));
    assert_ok(content_reader_open(f->named, &in_a, &d, &r, &e), &e);
    content_reader_free(TAKE(r));
    path = xasprintf("%s/content/blobs/sha256/%s", f->dir, digest_hex(&d, hex));
    assert_int_equal(chmod(path, 0600), 0);
    assert_ok(fd_write_file_at(AT_FDCWD, path, "Precious", 8, 0444, &e), &e);
    assert_code(content_reader_open(f->named, &in_a, &d, &r, &e), CODE_DATA_LOSS, &e);
    assert_null(r);
}

/* ---- leases ---- */

struct held {
    char *text;
    int n;
};

static int
note(const struct lease_resource *r, void *arg, struct err *err)
{
    struct held *h = arg;
    char *more = xasprintf("%s%s=%s ", h->text, r->type, r->id);

    (void) err;
    free(h->text);
    h->text = more;
    h->n++;
    return 0;
}

static int
held_by(struct fixture *f, const char *lease, const char *want)
{
    struct held h = {.text = xstrdup("")};
    struct err e = {0};

    assert_ok(lease_store_list_resources(f->db, "a", lease, note, &h, &e), &e);
    if (want && !strstr(h.text, want))
        fail_msg("'%s' is not in '%s'", want, h.text);
    free(h.text);
    return h.n;
}

static void
the_lease_of_a_call_holds(void **state)
{
    struct fixture *f = *state;
    const struct call_ctx leased = {.ns = "a", .lease = "l"}, missing = {.ns = "a", .lease = "no"};
    AUTO(labels) none = {0};
    AUTO(lease) l = {0};
    AUTO(lease) l2 = {0};
    struct content_writer *w = NULL;
    struct digest d;
    struct err e = {0};
    char shown[DIGEST_STR_MAX];

    assert_code(
        content_writer_open(f->named, &missing, &(struct content_writer_open){.ref = "x"}, &w, &e),
        CODE_NOT_FOUND, &e);
    assert_ok(lease_store_create(f->db, "a", "l", &none, &l, &e), &e);
    assert_ok(lease_store_create(f->db, "a", "l2", &none, &l2, &e), &e);
    w = writer(f->named, &leased, "writing", NULL);
    assert_int_equal(held_by(f, "l", "ingests=writing"), 1);
    assert_ok(content_writer_write(w, "leased", 6, &e), &e);
    assert_ok(content_writer_commit(w, 6, NULL, NULL, &e), &e);
    content_writer_free(w);
    digest_compute(DIGEST_SHA256, "leased", 6, &d);
    assert_int_equal(held_by(f, "l", digest_format(&d, shown)), 1);
    /* Found existing counts as well. */
    assert_code(content_writer_open(f->named, &(struct call_ctx){.ns = "a", .lease = "l2"},
                                    &(struct content_writer_open){.ref = "y", .expected = &d}, &w,
                                    &e),
                CODE_ALREADY_EXISTS, &e);
    assert_int_equal(held_by(f, "l2", digest_format(&d, shown)), 1);
    assert_ok(content_delete(f->named, &in_a, &d, &e), &e);
    assert_int_equal(held_by(f, "l", NULL), 0);
}

/* Another one was faster: that the blob exists is said at the commit, and the lease holds it from then on. */
static void
the_lease_holds_what_another_wrote_meanwhile(void **state)
{
    struct fixture *f = *state;
    const struct call_ctx leased = {.ns = "a", .lease = "l"};
    AUTO(labels) none = {0};
    AUTO(lease) l = {0};
    struct write_session s = {0};
    struct write_reply reply;
    struct content_writer *other;
    struct write_request rq = {.action = WRITE_STAT, .ref = "slow", .total = 4};
    struct err e = {0};
    char shown[DIGEST_STR_MAX];

    digest_compute(DIGEST_SHA256, "same", 4, &rq.expected);
    assert_ok(lease_store_create(f->db, "a", "l", &none, &l, &e), &e);
    write_session_init(&s, f->named, &leased);
    assert_int_equal(write_session_step(&s, &rq, &reply, &e), 0);
    other = writer(f->named, &in_a, "fast", NULL);
    assert_ok(content_writer_write(other, "same", 4, &e), &e);
    assert_ok(content_writer_commit(other, 4, NULL, NULL, &e), &e);
    content_writer_free(other);
    assert_int_equal(held_by(f, "l", "ingests=slow"), 1);
    rq = (struct write_request){.action = WRITE_COMMIT,
                                .ref = "",
                                .total = 4,
                                .expected = rq.expected,
                                .data = "same",
                                .n = 4};
    assert_code(write_session_step(&s, &rq, &reply, &e), CODE_ALREADY_EXISTS, &e);
    write_session_done(&s);
    assert_int_equal(held_by(f, "l", digest_format(&rq.expected, shown)), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resumes_after_kill_9_without_reading, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_power_cut_only_synced_bytes_count, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_clean_end_every_byte_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(another_algorithm_is_hashed_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_vanished_file_starts_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_collects_leftovers, setup, teardown),
        cmocka_unit_test_setup_teardown(namespaces_share_files_but_not_sight, setup, teardown),
        cmocka_unit_test_setup_teardown(the_plain_view_takes_up_what_it_asks_for, setup, teardown),
        cmocka_unit_test_setup_teardown(flipped_bits_are_not_served, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lease_of_a_call_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(the_lease_holds_what_another_wrote_meanwhile, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
