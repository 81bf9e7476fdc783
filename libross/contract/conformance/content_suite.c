/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite of the content contract: the rows of reference 9, one test each. */
#include "content_suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/clock.h"
#include "libross/base/random.h"
#include "libross/base/test.h"

#define EMPTY_SHA256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct content_suite *suite; /* of the run that goes on */

/* ---- helpers ---- */

static struct content *
store(void)
{
    return suite->content;
}

static const struct call_ctx *
ctx(void)
{
    return &suite->ctx;
}

/* A ref that nobody has used. Static storage, valid until the fourth next call. */
static const char *
new_ref(void)
{
    static char refs[4][64];
    static unsigned next;
    char hex[17];

    next = (next + 1) % ARRAY_LEN(refs);
    (void) snprintf(refs[next], sizeof refs[next], "suite-%s", random_hex(hex, 8));
    return refs[next];
}

/* Bytes that no earlier test has written. */
static char *
new_data(size_t n, struct digest *ret)
{
    char *p = xmalloc(n + 33);

    for (size_t i = 0; i < n; i += 32)
        (void) random_hex(p + i, 16);
    digest_compute(DIGEST_SHA256, p, n, ret);
    return p;
}

static struct content_writer *
open_writer(const char *ref, int64_t total, const struct digest *expected)
{
    const struct content_writer_open o = {.ref = ref, .total = total, .expected = expected};
    struct content_writer *w = NULL;
    struct err e = {0};

    assert_ok(content_writer_open(store(), ctx(), &o, &w, &e), &e);
    return w;
}

static int
try_open(const char *ref, int64_t total, const struct digest *expected, struct err *e)
{
    const struct content_writer_open o = {.ref = ref, .total = total, .expected = expected};
    struct content_writer *w = NULL;
    int r = content_writer_open(store(), ctx(), &o, &w, e);

    content_writer_free(w);
    return r;
}

static void
put(const char *p, size_t n, const struct labels *labels)
{
    AUTO_PTR(content_writer) w = open_writer(new_ref(), 0, NULL);
    struct err e = {0};

    assert_ok(content_writer_write(w, p, n, &e), &e);
    assert_ok(content_writer_commit(w, 0, NULL, labels, &e), &e);
}

static void
expect_status(struct content_writer *w, int64_t offset, const char *p)
{
    AUTO(ingest_status) s = {0};
    struct digest d;
    struct err e = {0};

    digest_compute(DIGEST_SHA256, p, (size_t) offset, &d);
    assert_ok(content_writer_status(w, &s, &e), &e);
    assert_int_equal(s.offset, offset);
    assert_true(digest_equal(&s.digest, &d));
}

static void
expect_blob(const struct digest *d, const char *p, size_t n)
{
    AUTO_PTR(content_reader) r = NULL;
    auto_free char *got = xmalloc(n + 1);
    struct err e = {0};

    assert_ok(content_reader_open(store(), ctx(), d, &r, &e), &e);
    assert_int_equal(r->size_bytes, n);
    assert_int_equal(content_reader_pread(r, got, n + 1, 0, &e), n);
    assert_memory_equal(got, p, n);
}

static void
expect_no_blob(const struct digest *d)
{
    AUTO(content_info) i = {0};
    AUTO_PTR(content_reader) r = NULL;
    struct err e = {0};

    assert_code(content_info_get(store(), ctx(), d, &i, &e), CODE_NOT_FOUND, &e);
    assert_code(content_reader_open(store(), ctx(), d, &r, &e), CODE_NOT_FOUND, &e);
}

static void
expect_no_ingest(const char *ref)
{
    AUTO(ingest_status) s = {0};
    struct err e = {0};

    assert_code(content_status(store(), ctx(), ref, &s, &e), CODE_NOT_FOUND, &e);
}

/* ---- writing ---- */

static void
commit_makes_a_blob(void **state)
{
    enum { N = 100000 };
    AUTO(content_info) i = {0};
    AUTO(labels) labels = {0};
    struct digest d;
    auto_free char *p = new_data(N, &d);
    AUTO_PTR(content_writer) w = NULL;
    const char *ref = new_ref();
    struct err e = {0};
    int64_t before, after;

    (void) state;
    labels_set(&labels, "k1", "v1");
    labels_set(&labels, "k2", "v2");
    w = open_writer(ref, N, NULL);
    expect_status(w, 0, p);
    assert_ok(content_writer_write(w, p, 1, &e), &e);
    expect_status(w, 1, p);
    assert_ok(content_writer_write(w, p + 1, N - 1, &e), &e);
    expect_status(w, N, p);
    expect_no_blob(&d);
    before = clock_now_ns();
    assert_ok(content_writer_commit(w, N, &d, &labels, &e), &e);
    after = clock_now_ns();
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
    expect_no_ingest(ref);
    assert_ok(content_info_get(store(), ctx(), &d, &i, &e), &e);
    assert_int_equal(i.size_bytes, N);
    assert_true(labels_equal(&i.labels, &labels));
    assert_in_range(i.created_ns, before, after);
    assert_in_range(i.updated_ns, before, after);
}

static void
the_empty_blob(void **state)
{
    struct digest d;
    struct err e = {0};
    AUTO_PTR(content_writer) w = open_writer(new_ref(), 0, NULL);
    int r;

    (void) state;
    assert_ok(digest_parse(EMPTY_SHA256, &d, &e), &e);
    r = content_writer_commit(w, 0, &d, NULL, &e);
    if (r != -CODE_ALREADY_EXISTS)
        assert_ok(r, &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, "", 0);
}

static void
a_ref_is_locked_while_open(void **state)
{
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = open_writer(ref, 0, NULL);
    struct err e = {0};

    (void) state;
    assert_code(try_open(ref, 0, NULL, &e), CODE_UNAVAILABLE, &e);
    content_writer_free(TAKE(w));
    assert_ok(try_open(ref, 0, NULL, &e), &e);
}

static void
an_empty_ref_is_refused(void **state)
{
    struct err e = {0};

    (void) state;
    assert_code(try_open("", 0, NULL, &e), CODE_INVALID_ARGUMENT, &e);
}

static void
strange_refs_are_only_names(void **state)
{
    static const char *const refs[] = {"../../etc/passwd",   "/", ".",   "..", "a/b", "a\nb", "ä€",
                                       "layer-sha256:abc@x", " ", "%s%n"};
    char long_ref[1500];
    struct err e = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        AUTO(ingest_status) s = {0};

        assert_ok(try_open(refs[i], 0, NULL, &e), &e);
        assert_ok(content_status(store(), ctx(), refs[i], &s, &e), &e);
        assert_string_equal(s.ref, refs[i]);
        assert_ok(content_abort(store(), ctx(), refs[i], &e), &e);
        expect_no_ingest(refs[i]);
    }
    memset(long_ref, 'r', sizeof long_ref);
    long_ref[sizeof long_ref - 1] = '\0';
    assert_ok(try_open(long_ref, 0, NULL, &e), &e);
    assert_ok(content_abort(store(), ctx(), long_ref, &e), &e);
}

static void
resume_continues_where_it_was(void **state)
{
    enum { N = 5000, CUT = 1234 };
    struct digest d;
    auto_free char *p = new_data(N, &d);
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = open_writer(ref, N, NULL);
    AUTO(ingest_status) first = {0};
    AUTO(ingest_status) again = {0};
    AUTO(ingest_status) closed = {0};
    struct err e = {0};

    (void) state;
    assert_ok(content_writer_write(w, p, CUT, &e), &e);
    assert_ok(content_writer_status(w, &first, &e), &e);
    content_writer_free(TAKE(w));

    assert_ok(content_status(store(), ctx(), ref, &closed, &e), &e);
    assert_string_equal(closed.ref, ref);
    assert_int_equal(closed.offset, CUT);
    assert_int_equal(closed.total, N);

    w = open_writer(ref, N, NULL);
    assert_ok(content_writer_status(w, &again, &e), &e);
    assert_int_equal(again.offset, CUT);
    assert_int_equal(again.total, N);
    assert_int_equal(again.started_ns, first.started_ns);
    expect_status(w, CUT, p);
    assert_ok(content_writer_write(w, p + CUT, N - CUT, &e), &e);
    assert_ok(content_writer_commit(w, 0, &d, NULL, &e), &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
}

static void
another_total_starts_over(void **state)
{
    struct digest d;
    auto_free char *p = new_data(1000, &d);
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = open_writer(ref, 1000, NULL);
    struct err e = {0};

    (void) state;
    assert_ok(content_writer_write(w, p, 500, &e), &e);
    content_writer_free(TAKE(w));
    w = open_writer(ref, 2000, NULL);
    expect_status(w, 0, p);
    content_writer_free(TAKE(w));
    assert_ok(content_abort(store(), ctx(), ref, &e), &e);
}

static void
truncate_starts_over(void **state)
{
    enum { N = 3000 };
    struct digest d;
    auto_free char *p = new_data(N, &d);
    AUTO_PTR(content_writer) w = open_writer(new_ref(), 0, NULL);
    struct err e = {0};

    (void) state;
    assert_ok(content_writer_write(w, "rubbish", 7, &e), &e);
    assert_ok(content_writer_truncate(w, 0, &e), &e);
    expect_status(w, 0, p);
    assert_ok(content_writer_truncate(w, 0, &e), &e);
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_ok(content_writer_truncate(w, N, &e), &e);
    assert_true(content_writer_truncate(w, 10, &e) < 0);
    expect_status(w, N, p);
    assert_ok(content_writer_commit(w, N, &d, NULL, &e), &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
}

static void
wrong_size_or_digest_keeps_the_data(void **state)
{
    enum { N = 2000 };
    struct digest d, other;
    auto_free char *p = new_data(N, &d);
    auto_free char *q = new_data(N, &other);
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = open_writer(ref, 0, NULL);
    struct err e = {0};

    (void) state;
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_code(content_writer_commit(w, N - 1, &d, NULL, &e), CODE_FAILED_PRECONDITION, &e);
    content_writer_free(TAKE(w));
    w = open_writer(ref, 0, NULL);
    expect_status(w, N, p);
    assert_code(content_writer_commit(w, N, &other, NULL, &e), CODE_FAILED_PRECONDITION, &e);
    content_writer_free(TAKE(w));
    w = open_writer(ref, 0, NULL);
    expect_status(w, N, p);
    assert_ok(content_writer_commit(w, N, &d, NULL, &e), &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
    expect_no_blob(&other);
}

static void
a_blob_is_written_once(void **state)
{
    enum { N = 700 };
    struct digest d;
    auto_free char *p = new_data(N, &d);
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = NULL;
    struct err e = {0};

    (void) state;
    put(p, N, NULL);
    assert_code(try_open(ref, N, &d, &e), CODE_ALREADY_EXISTS, &e);
    expect_no_ingest(ref);
    w = open_writer(ref, 0, NULL);
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_code(content_writer_commit(w, N, &d, NULL, &e), CODE_ALREADY_EXISTS, &e);
    content_writer_free(TAKE(w));
    expect_no_ingest(ref);
    w = open_writer(ref, 0, NULL);
    expect_status(w, 0, p);
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_code(content_writer_commit(w, 0, NULL, NULL, &e), CODE_ALREADY_EXISTS, &e);
    content_writer_free(TAKE(w));
    expect_no_ingest(ref);
    expect_blob(&d, p, N);
}

static void
sha512_blobs(void **state)
{
    enum { N = 9000 };
    struct digest d256, d;
    auto_free char *p = NULL;
    AUTO_PTR(content_writer) w = NULL;
    struct err e = {0};

    (void) state;
    if (suite->foreign)
        skip(); /* containerd's store takes only what its build registers */
    p = new_data(N, &d256);
    digest_compute(DIGEST_SHA512, p, N, &d);
    w = open_writer(new_ref(), N, &d);
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_ok(content_writer_commit(w, N, &d, NULL, &e), &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
    expect_no_blob(&d256);
    /* The algorithm may become known only at the commit. */
    digest_compute(DIGEST_SHA384, p, N, &d);
    w = open_writer(new_ref(), N, NULL);
    assert_ok(content_writer_write(w, p, N, &e), &e);
    assert_ok(content_writer_commit(w, N, &d, NULL, &e), &e);
    content_writer_free(TAKE(w));
    expect_blob(&d, p, N);
}

static void
abort_drops_even_an_open_ingest(void **state)
{
    const char *ref = new_ref();
    AUTO_PTR(content_writer) w = open_writer(ref, 0, NULL);
    struct digest d;
    auto_free char *p = new_data(64, &d);
    struct err e = {0};

    (void) state;
    assert_ok(content_writer_write(w, p, 64, &e), &e);
    assert_ok(content_abort(store(), ctx(), ref, &e), &e);
    expect_no_ingest(ref);
    assert_true(content_writer_commit(w, 64, &d, NULL, &e) < 0);
    content_writer_free(TAKE(w));
    expect_no_ingest(ref);
    expect_no_blob(&d);
    w = open_writer(ref, 0, NULL);
    expect_status(w, 0, p);
    content_writer_free(TAKE(w));
    assert_ok(content_abort(store(), ctx(), ref, &e), &e);
}

static void
what_is_missing(void **state)
{
    struct digest d;
    auto_free char *p = new_data(10, &d);
    AUTO(content_info) i = {0};
    AUTO(labels) none = {0};
    AUTO(strv) mask = {0};
    struct err e = {0};

    (void) state;
    expect_no_blob(&d);
    expect_no_ingest(new_ref());
    if (!suite->plain)
        assert_code(content_update(store(), ctx(), &d, &none, &mask, &i, &e), CODE_NOT_FOUND, &e);
    if (suite->plain) {
        assert_ok(content_delete(store(), ctx(), &d, &e), &e);
        assert_ok(content_abort(store(), ctx(), new_ref(), &e), &e);
    } else {
        assert_code(content_delete(store(), ctx(), &d, &e), CODE_NOT_FOUND, &e);
        assert_code(content_abort(store(), ctx(), new_ref(), &e), CODE_NOT_FOUND, &e);
    }
}

static void
delete_removes(void **state)
{
    struct digest d;
    auto_free char *p = new_data(333, &d);
    struct err e = {0};

    (void) state;
    put(p, 333, NULL);
    assert_ok(content_delete(store(), ctx(), &d, &e), &e);
    expect_no_blob(&d);
    put(p, 333, NULL);
    expect_blob(&d, p, 333);
}

static void
a_local_reader_survives_the_delete(void **state)
{
    struct digest d;
    auto_free char *p = new_data(5000, &d);
    AUTO_PTR(content_reader) r = NULL;
    char got[5000];
    struct err e = {0};

    (void) state;
    put(p, sizeof got, NULL);
    assert_ok(content_reader_open(store(), ctx(), &d, &r, &e), &e);
    if (r->fd < 0)
        return; /* over a wire each read looks the blob up */
    assert_ok(content_delete(store(), ctx(), &d, &e), &e);
    assert_int_equal(content_reader_pread(r, got, sizeof got, 0, &e), sizeof got);
    assert_memory_equal(got, p, sizeof got);
}

/* ---- labels ---- */

static void
update(const struct digest *d, const struct labels *labels, const char *const *paths,
       struct content_info *ret)
{
    AUTO(strv) mask = {0};
    struct err e = {0};

    for (; paths && *paths; paths++)
        strv_add(&mask, *paths);
    content_info_done(ret);
    assert_ok(content_update(store(), ctx(), d, labels, &mask, ret, &e), &e);
}

static void
labels_by_mask(void **state)
{
    struct digest d;
    auto_free char *p = new_data(20, &d);
    AUTO(labels) l = {0};
    AUTO(content_info) i = {0};
    AUTO(content_info) seen = {0};
    struct err e = {0};
    int64_t created;

    (void) state;
    labels_set(&l, "k1", "v1");
    labels_set(&l, "k2", "v2");
    put(p, 20, &l);
    assert_ok(content_info_get(store(), ctx(), &d, &seen, &e), &e);
    created = seen.created_ns;

    labels_set(&l, "k1", "new");
    labels_del(&l, "k2");
    labels_set(&l, "k3.x/y", "v3");
    update(&d, &l, (const char *const[]){"labels.k3.x/y", NULL}, &i);
    assert_string_equal(labels_find(&i.labels, "k1"), "v1");
    assert_string_equal(labels_find(&i.labels, "k2"), "v2");
    assert_string_equal(labels_find(&i.labels, "k3.x/y"), "v3");
    update(&d, &l, (const char *const[]){"labels.k1", "labels.k2", NULL}, &i);
    assert_true(labels_equal(&i.labels, &l));
    labels_del(&l, "k1");
    update(&d, &l, NULL, &i);
    assert_true(labels_equal(&i.labels, &l));
    labels_set(&l, "k9", "v9");
    update(&d, &l, (const char *const[]){"labels", NULL}, &i);
    assert_true(labels_equal(&i.labels, &l));
    assert_int_equal(i.created_ns, created);
    assert_true(i.updated_ns > created);
    content_info_done(&seen);
    assert_ok(content_info_get(store(), ctx(), &d, &seen, &e), &e);
    assert_true(labels_equal(&seen.labels, &l));
    assert_int_equal(seen.updated_ns, i.updated_ns);
}

static void
only_labels_can_be_updated(void **state)
{
    static const char *const paths[] = {"size", "digest", "createdat", "label"};
    struct digest d;
    auto_free char *p = new_data(21, &d);
    AUTO(labels) l = {0};
    AUTO(content_info) i = {0};
    struct err e = {0};

    (void) state;
    put(p, 21, NULL);
    labels_set(&l, "a", "b");
    for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
        AUTO(strv) mask = {0};

        strv_add(&mask, paths[k]);
        assert_code(content_update(store(), ctx(), &d, &l, &mask, &i, &e), CODE_INVALID_ARGUMENT,
                    &e);
    }
    assert_ok(content_info_get(store(), ctx(), &d, &i, &e), &e);
    assert_int_equal(i.labels.n, 0);
}

static void
a_label_has_at_most_4096_bytes(void **state)
{
    struct digest d;
    auto_free char *p = new_data(22, &d);
    AUTO(labels) l = {0};
    AUTO(content_info) i = {0};
    AUTO(strv) mask = {0};
    AUTO_PTR(content_writer) w = NULL;
    char value[LABEL_SIZE_MAX + 1];
    struct err e = {0};

    (void) state;
    if (suite->plain && suite->foreign)
        skip();
    memset(value, 'v', sizeof value);
    value[LABEL_SIZE_MAX] = '\0'; /* with the key one too many */
    labels_set(&l, "k", value);
    w = open_writer(new_ref(), 0, NULL);
    assert_ok(content_writer_write(w, p, 22, &e), &e);
    assert_code(content_writer_commit(w, 22, &d, &l, &e), CODE_INVALID_ARGUMENT, &e);
    content_writer_free(TAKE(w));
    expect_no_blob(&d);
    put(p, 22, NULL);
    assert_code(content_update(store(), ctx(), &d, &l, &mask, &i, &e), CODE_INVALID_ARGUMENT, &e);
    value[LABEL_SIZE_MAX - 1] = '\0';
    labels_set(&l, "k", value);
    assert_ok(content_update(store(), ctx(), &d, &l, &mask, &i, &e), &e);
    assert_string_equal(labels_find(&i.labels, "k"), value);
}

/* ---- reading ---- */

static void
ranges(void **state)
{
    enum { N = 3 * 1024 * 1024 + 17 };
    static const int64_t offsets[] = {0, 1, 1000, 1024 * 1024, N - 1, N};
    static const size_t sizes[] = {1, 17, 4096, 1024 * 1024, N, N + 5};
    struct digest d;
    auto_free char *p = new_data(N, &d);
    auto_free char *got = xmalloc(N + 5);
    AUTO_PTR(content_reader) r = NULL;
    struct err e = {0};

    (void) state;
    put(p, N, NULL);
    assert_ok(content_reader_open(store(), ctx(), &d, &r, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            size_t want =
                (size_t) (N - offsets[i]) < sizes[k] ? (size_t) (N - offsets[i]) : sizes[k];

            assert_int_equal(content_reader_pread(r, got, sizes[k], offsets[i], &e), want);
            assert_memory_equal(got, p + offsets[i], want);
        }
    }
    /* In order, in odd pieces. */
    for (int64_t at = 0; at < N;) {
        ssize_t n = content_reader_pread(r, got, 77777, at, &e);

        assert_true(n > 0);
        assert_memory_equal(got, p + at, (size_t) n);
        at += n;
    }
    assert_int_equal(content_reader_pread(r, got, 10, N, &e), 0);
}

/* ---- lists ---- */

struct found {
    const struct digest *want;
    size_t n;
};

static int
count_info(const struct content_info *i, void *arg)
{
    struct found *f = arg;

    if (!f->want || digest_equal(&i->digest, f->want))
        f->n++;
    return 0;
}

static size_t
list(const char *filter, const struct digest *want)
{
    AUTO(strv) filters = {0};
    struct found f = {.want = want};
    struct err e = {0};

    if (filter)
        strv_add(&filters, filter);
    assert_ok(content_list(store(), ctx(), &filters, count_info, &f, &e), &e);
    return f.n;
}

static void
listing_and_filters(void **state)
{
    struct digest d1, d2;
    auto_free char *p1 = new_data(30, &d1);
    auto_free char *p2 = new_data(31, &d2);
    char shown[DIGEST_STR_MAX], mark[33];
    auto_free char *by_digest = xasprintf("digest==%s", digest_format(&d1, shown));
    auto_free char *by_label = NULL;
    auto_free char *by_both = NULL;
    auto_free char *by_regex = NULL;
    AUTO(labels) l = {0};
    AUTO(strv) bad = {0};
    struct found f = {0};
    struct err e = {0};

    (void) state;
    (void) random_hex(mark, 16);
    labels_set(&l, "suite.io/mark", mark);
    put(p1, 30, &l);
    put(p2, 31, NULL);
    by_label = xasprintf("labels.\"suite.io/mark\"==%s", mark);
    by_both = xasprintf("labels.\"suite.io/mark\"==%s,digest!=%s", mark, shown);
    by_regex = xasprintf("labels.\"suite.io/mark\"~=/^%.8s/", mark);
    assert_int_equal(list(NULL, &d1), 1);
    assert_int_equal(list(NULL, &d2), 1);
    assert_int_equal(list("", &d2), 1);
    assert_int_equal(list(by_digest, NULL), 1);
    assert_int_equal(list(by_label, NULL), 1);
    assert_int_equal(list(by_label, &d1), 1);
    assert_int_equal(list(by_both, NULL), 0);
    assert_int_equal(list(by_regex, &d1), 1);
    strv_add(&bad, "digest==");
    assert_code(content_list(store(), ctx(), &bad, count_info, &f, &e), CODE_INVALID_ARGUMENT, &e);
}

static void
listing_more_than_a_page(void **state)
{
    enum { N = 300 };
    AUTO(labels) l = {0};
    char mark[33];
    auto_free char *filter = NULL;

    (void) state;
    labels_set(&l, "suite.io/page", random_hex(mark, 16));
    for (int i = 0; i < N; i++) {
        struct digest d;
        auto_free char *p = new_data(40, &d);

        put(p, 40, &l);
    }
    filter = xasprintf("labels.\"suite.io/page\"==%s", mark);
    assert_int_equal(list(filter, NULL), N);
}

static int
stop_at_first(const struct content_info *i, void *arg)
{
    int *n = arg;

    (void) i;
    (*n)++;
    return -CODE_ABORTED;
}

static void
a_listing_can_be_stopped(void **state)
{
    AUTO(strv) all = {0};
    struct err e = {0};
    struct digest d;
    auto_free char *p = new_data(41, &d);
    int n = 0;

    (void) state;
    put(p, 41, NULL);
    assert_int_equal(content_list(store(), ctx(), &all, stop_at_first, &n, &e), -CODE_ABORTED);
    assert_int_equal(n, 1);
}

static int
count_ref(const struct ingest_status *s, void *arg)
{
    struct {
        const char *ref;
        int n;
        int64_t offset;
    } *f = arg;

    if (!strcmp(s->ref, f->ref)) {
        f->n++;
        f->offset = s->offset;
    }
    return 0;
}

static void
open_and_closed_ingests_are_listed_once(void **state)
{
    struct {
        const char *ref;
        int n;
        int64_t offset;
    } f = {.ref = new_ref()};
    auto_free char *filter = xasprintf("ref==%s", f.ref);
    AUTO(strv) filters = {0};
    AUTO(strv) others = {0};
    AUTO_PTR(content_writer) w = open_writer(f.ref, 0, NULL);
    struct err e = {0};

    (void) state;
    strv_add(&filters, filter);
    assert_ok(content_writer_write(w, "abc", 3, &e), &e);
    assert_ok(content_list_statuses(store(), ctx(), &filters, count_ref, &f, &e), &e);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.offset, 3);
    content_writer_free(TAKE(w));
    f.n = 0;
    assert_ok(content_list_statuses(store(), ctx(), &filters, count_ref, &f, &e), &e);
    assert_int_equal(f.n, 1);
    w = open_writer(f.ref, 0, NULL);
    f.n = 0;
    assert_ok(content_list_statuses(store(), ctx(), &others, count_ref, &f, &e), &e);
    assert_int_equal(f.n, 1);
    content_writer_free(TAKE(w));
    assert_ok(content_abort(store(), ctx(), f.ref, &e), &e);
    f.n = 0;
    assert_ok(content_list_statuses(store(), ctx(), &filters, count_ref, &f, &e), &e);
    assert_int_equal(f.n, 0);
}

/* ---- together ---- */

struct race {
    const char *p;
    size_t n;
    struct digest d;
    int committed, existed, other;
    pthread_mutex_t lock;
};

static void *
race_one(void *arg)
{
    struct race *race = arg;
    char ref[64], hex[17];
    struct content_writer *w = NULL;
    struct err e = {0};
    int r;

    (void) snprintf(ref, sizeof ref, "race-%s", random_hex(hex, 8));
    r = content_writer_open(store(), ctx(), &(struct content_writer_open){.ref = ref}, &w, &e);
    for (size_t at = 0; r == 0 && at < race->n; at += 1000)
        r = content_writer_write(w, race->p + at, race->n - at < 1000 ? race->n - at : 1000, &e);
    if (r == 0)
        r = content_writer_commit(w, (int64_t) race->n, &race->d, NULL, &e);
    content_writer_free(w);
    (void) pthread_mutex_lock(&race->lock);
    if (r == 0)
        race->committed++;
    else if (r == -CODE_ALREADY_EXISTS)
        race->existed++;
    else
        race->other++;
    (void) pthread_mutex_unlock(&race->lock);
    return NULL;
}

static void
one_of_many_writers_of_a_digest_wins(void **state)
{
    enum { THREADS = 8 };
    struct race race = {.n = 50000, .lock = PTHREAD_MUTEX_INITIALIZER};
    auto_free char *p = new_data(race.n, &race.d);
    pthread_t threads[THREADS];

    (void) state;
    race.p = p;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_one, &race), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(race.committed, 1);
    assert_int_equal(race.existed, THREADS - 1);
    assert_int_equal(race.other, 0);
    expect_blob(&race.d, p, race.n);
}

int
content_suite_run(const struct content_suite *s)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_makes_a_blob),
        cmocka_unit_test(the_empty_blob),
        cmocka_unit_test(a_ref_is_locked_while_open),
        cmocka_unit_test(an_empty_ref_is_refused),
        cmocka_unit_test(strange_refs_are_only_names),
        cmocka_unit_test(resume_continues_where_it_was),
        cmocka_unit_test(another_total_starts_over),
        cmocka_unit_test(truncate_starts_over),
        cmocka_unit_test(wrong_size_or_digest_keeps_the_data),
        cmocka_unit_test(a_blob_is_written_once),
        cmocka_unit_test(sha512_blobs),
        cmocka_unit_test(abort_drops_even_an_open_ingest),
        cmocka_unit_test(what_is_missing),
        cmocka_unit_test(delete_removes),
        cmocka_unit_test(a_local_reader_survives_the_delete),
        cmocka_unit_test(labels_by_mask),
        cmocka_unit_test(only_labels_can_be_updated),
        cmocka_unit_test(a_label_has_at_most_4096_bytes),
        cmocka_unit_test(ranges),
        cmocka_unit_test(listing_and_filters),
        cmocka_unit_test(listing_more_than_a_page),
        cmocka_unit_test(a_listing_can_be_stopped),
        cmocka_unit_test(open_and_closed_ingests_are_listed_once),
        cmocka_unit_test(one_of_many_writers_of_a_digest_wins),
    };

    suite = s;
    print_message("content conformance: %s\n", s->name);
    return cmocka_run_group_tests_name(s->name, tests, NULL, NULL);
}
