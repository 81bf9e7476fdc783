/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs from a scripted registry into a store in memory: where a fetch goes on, and what becomes of wrong bytes. */
#include "ross-cli/pull/fetch.h"

#include <string.h>

#include "libross/base/test.h"
#include "ross-cli/registry/testlib/test_client.h"

#define BLOB    "0123456789abcdef"
#define BYTES   (sizeof BLOB - 1)
#define OK      "HTTP/1.1 200 OK\r\n"
#define PARTIAL "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes "

/* ---- a store of one blob and one ingest ---- */

static struct store {
    struct content content;
    struct content_writer writer;
    char bytes[64];
    size_t n;
    bool committed, was_aborted;
    unsigned truncations;
    struct labels labels;
} store;

static int
store_info(struct content *c, const struct call_ctx *ctx, const struct digest *d,
           struct content_info *ret, struct err *err)
{
    (void) c;
    (void) ctx;
    if (!store.committed)
        return err_set(err, CODE_NOT_FOUND, "no blob");
    *ret = (struct content_info){
        .digest = *d, .size_bytes = (int64_t) store.n, .labels = labels_clone(&store.labels)};
    return 0;
}

static int
store_update(struct content *c, const struct call_ctx *ctx, const struct digest *d,
             const struct labels *labels, const struct strv *mask, struct content_info *ret,
             struct err *err)
{
    int r = labels_apply_mask(&store.labels, labels, mask, err);

    return r < 0 ? r : store_info(c, ctx, d, ret, err);
}

static int
store_abort(struct content *c, const struct call_ctx *ctx, const char *ref, struct err *err)
{
    (void) c;
    (void) ctx;
    (void) ref;
    (void) err;
    store.was_aborted = true;
    store.n = 0;
    return 0;
}

static int
store_open(struct content *c, const struct call_ctx *ctx, const struct content_writer_open *open,
           struct content_writer **ret, struct err *err)
{
    (void) c;
    (void) ctx;
    (void) err;
    assert_int_equal(open->total, BYTES);
    assert_non_null(open->expected);
    *ret = &store.writer;
    return 0;
}

static int
writer_write(struct content_writer *w, const void *p, size_t n, struct err *err)
{
    (void) w;
    if (store.n + n > sizeof store.bytes)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "full");
    memcpy(store.bytes + store.n, p, n);
    store.n += n;
    return 0;
}

static int
writer_status(struct content_writer *w, struct ingest_status *ret, struct err *err)
{
    (void) w;
    (void) err;
    *ret = (struct ingest_status){.offset = (int64_t) store.n, .total = BYTES};
    return 0;
}

static int
writer_truncate(struct content_writer *w, int64_t size, struct err *err)
{
    (void) w;
    (void) err;
    assert_int_equal(size, 0);
    store.n = 0;
    store.truncations++;
    return 0;
}

static int
writer_commit(struct content_writer *w, int64_t size, const struct digest *expected,
              const struct labels *labels, struct err *err)
{
    struct digest got;

    (void) w;
    digest_compute(DIGEST_SHA256, store.bytes, store.n, &got);
    if (size != (int64_t) store.n || !digest_equal(&got, expected))
        return err_set(err, CODE_FAILED_PRECONDITION, "other bytes");
    store.committed = true;
    store.labels = labels_clone(labels);
    return 0;
}

static void
writer_close(struct content_writer *w)
{
    (void) w;
}

static const struct content_ops content_ops = {
    .info = store_info, .update = store_update, .abort = store_abort, .writer_open = store_open};
static const struct content_writer_ops writer_ops = {.write = writer_write,
                                                     .status = writer_status,
                                                     .truncate = writer_truncate,
                                                     .commit = writer_commit,
                                                     .close = writer_close};

/* ---- one fetch ---- */

static unsigned streams;

static void
on_stream(void *arg)
{
    (void) arg;
    streams++;
}

/* A fetch of BLOB with `before` in the ingest. The code; *err is that of the fetch. */
static int
fetch(const struct test_step *steps, size_t n, const char *before, struct err *err)
{
    const struct pull_services svc = {.content = &store.content, .ns = "test"};
    const struct pull_options opt = {0};
    const struct fetch_watch watch = {.on_stream = on_stream};
    struct oci_desc d = {.media_type = (char *) (uintptr_t) "x", .size_bytes = BYTES};
    struct test_client client = {0};
    struct job j;
    int r;

    labels_done(&store.labels);
    store = (struct store){.content.ops = &content_ops, .writer.ops = &writer_ops};
    store.n = strlen(before);
    memcpy(store.bytes, before, store.n);
    streams = 0;
    digest_compute(DIGEST_SHA256, BLOB, BYTES, &d.digest);
    test_client_begin(&client, steps, n, "a:1", NULL);
    job_init(&j, &svc, &opt, client.registry, "a:1");
    j.ref = oci_ref_clone(&client.ref);
    r = fetch_blob(&j, &d, FETCH_NO_LAYER, &watch, err);
    job_done(&j);
    test_client_end(&client);
    return r;
}

static void
assert_whole(void)
{
    assert_true(store.committed);
    assert_int_equal(store.n, BYTES);
    assert_memory_equal(store.bytes, BLOB, BYTES);
    assert_int_equal(store.labels.n, 1); /* where it came from */
}

static void
fetches_all_of_it(void **state)
{
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs/sha256:", .hasnt = "Range:", .answer = OK, .body = BLOB}};
    struct err err = {0};

    (void) state;
    assert_ok(fetch(steps, ARRAY_LEN(steps), "", &err), &err);
    assert_whole();
    assert_int_equal(streams, 1);
}

static void
goes_on_where_an_ingest_stopped(void **state)
{
    const struct test_step steps[] = {{.line = "GET /v2/a/blobs/sha256:",
                                       .has = "Range: bytes=10-",
                                       .answer = PARTIAL "10-15/16\r\n",
                                       .body = "abcdef"}};
    struct err err = {0};

    (void) state;
    assert_ok(fetch(steps, ARRAY_LEN(steps), "0123456789", &err), &err);
    assert_whole();
    assert_int_equal(store.truncations, 0);
}

static void
asks_for_nothing_when_all_bytes_are_there(void **state)
{
    struct err err = {0};

    (void) state;
    assert_ok(fetch(NULL, 0, BLOB, &err), &err);
    assert_whole();
}

static void
begins_anew_after_a_wrong_ingest(void **state)
{
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs/sha256:",
         .has = "Range: bytes=4-",
         .answer = PARTIAL "4-15/16\r\n",
         .body = BLOB + 4},
        {.line = "GET /v2/a/blobs/sha256:", .hasnt = "Range:", .answer = OK, .body = BLOB},
    };
    struct err err = {0};

    (void) state;
    assert_ok(fetch(steps, ARRAY_LEN(steps), "XXXX", &err), &err);
    assert_whole();
    assert_true(store.was_aborted);
    /* one that is longer than the blob is not even tried */
    assert_ok(fetch(steps + 1, 1, BLOB "and more", &err), &err);
    assert_whole();
    assert_int_equal(store.truncations, 1);
}

static void
drops_wrong_bytes(void **state)
{
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs/sha256:", .answer = OK, .body = "0123456789abcdeX"}};
    struct err err = {0};

    (void) state;
    assert_code(fetch(steps, ARRAY_LEN(steps), "", &err), CODE_DATA_LOSS, &err);
    assert_true(store.was_aborted);
    assert_false(store.committed);
}

static void
goes_on_after_a_broken_connection(void **state)
{
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs/sha256:",
         .hasnt = "Range:",
         .answer = OK,
         .body = BLOB,
         .cut = 6},
        {.line = "GET /v2/a/blobs/sha256:",
         .has = "Range: bytes=6-",
         .answer = PARTIAL "6-15/16\r\n",
         .body = BLOB + 6},
    };
    struct err err = {0};

    (void) state;
    assert_ok(fetch(steps, ARRAY_LEN(steps), "", &err), &err);
    assert_whole();
}

static void
keeps_what_has_come_when_it_fails(void **state)
{
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs/sha256:", .answer = OK, .body = BLOB, .cut = 6},
        {.line = "GET /v2/a/blobs/sha256:", .answer = "HTTP/1.1 404 Not Found\r\n"},
    };
    struct err err = {0};

    (void) state;
    assert_code(fetch(steps, ARRAY_LEN(steps), "", &err), CODE_NOT_FOUND, &err);
    assert_false(store.was_aborted);
    assert_int_equal(store.n, 6);
}

static int
forget(void **state)
{
    (void) state;
    labels_done(&store.labels);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetches_all_of_it),
        cmocka_unit_test(goes_on_where_an_ingest_stopped),
        cmocka_unit_test(asks_for_nothing_when_all_bytes_are_there),
        cmocka_unit_test(begins_anew_after_a_wrong_ingest),
        cmocka_unit_test(drops_wrong_bytes),
        cmocka_unit_test(goes_on_after_a_broken_connection),
        cmocka_unit_test(keeps_what_has_come_when_it_fails),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
