/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/oci/media_type.h"
#include "ross-cli/registry/registry_push.h"
#include "ross-cli/registry/testlib/test_client.h"

#define BLOB     "0123456789abcdef"
#define NONE     "HTTP/1.1 404 Not Found\r\n"
#define CREATED  "HTTP/1.1 201 Created\r\n"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nLocation: "

static struct test_client now;
static const char *blob = BLOB;
static size_t blob_bytes = sizeof BLOB - 1;
static size_t sent_bytes; /* of blob, in this try */

static void
begin(const struct test_step *steps, size_t n)
{
    sent_bytes = 0;
    test_client_begin(&now, steps, n, "a:1", NULL);
}

static void
end(void)
{
    test_client_end(&now);
}

static ssize_t
next_piece(void *arg, const void **ret_piece, struct err *err)
{
    size_t left = blob_bytes - sent_bytes, n = left < blob_bytes / 3 ? left : blob_bytes / 3;

    (void) arg;
    (void) err;
    *ret_piece = blob + sent_bytes;
    sent_bytes += n;
    return (ssize_t) n;
}

static int
seek(void *arg, int64_t offset, struct err *err)
{
    (void) arg;
    (void) err;
    assert_in_range(offset, 0, blob_bytes);
    sent_bytes = (size_t) offset;
    return 0;
}

static int
push(const char *mount_from, int64_t chunk, enum registry_pushed *ret, struct err *err)
{
    const struct registry_push_options opt = {.mount_from = mount_from, .chunk_bytes = chunk};
    const struct registry_source source = {.next = next_piece, .seek = seek};
    struct oci_desc d = {.size_bytes = (int64_t) blob_bytes};

    digest_compute(DIGEST_SHA256, blob, blob_bytes, &d.digest);
    return registry_blob_push(now.registry, &now.ref, &d, &opt, &source, ret, err);
}

static void
leaves_alone_what_is_there(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD /v2/a/blobs/sha256:", .answer = "HTTP/1.1 200 OK\r\n"},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push("other/repo", 0, &how, &err), &err);
    assert_int_equal(how, PUSHED_BEFORE);
    end();
}

static void
sends_a_blob_in_one(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST /v2/a/blobs/uploads/ ",
         .has = "Content-Length: 0",
         .answer = ACCEPTED "/up/1?x=y\r\n"},
        {.line = "PUT /up/1?x=y&digest=sha256:", .has = "\r\n\r\n" BLOB, .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push(NULL, 0, &how, &err), &err);
    assert_int_equal(how, PUSHED_NOW);
    end();
}

static void
mounts_from_another_repository(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST /v2/a/blobs/uploads/?mount=sha256:",
         .has = "&from=other%2Frepo ",
         .answer = CREATED},
    };
    static const struct test_step refused[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST /v2/a/blobs/uploads/?mount=sha256:", .answer = ACCEPTED "$URL/up\r\n"},
        {.line = "PUT /up?digest=sha256:", .has = "\r\n\r\n" BLOB, .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push("other/repo", 0, &how, &err), &err);
    assert_int_equal(how, PUSHED_BY_MOUNT);
    end();
    begin(refused, ARRAY_LEN(refused));
    assert_ok(push("other/repo", 0, &how, &err), &err);
    assert_int_equal(how, PUSHED_NOW);
    end();
}

static void
sends_chunks(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST", .answer = ACCEPTED "/up/0\r\n"},
        {.line = "PATCH /up/0", .has = "Content-Range: 0-9\r\n", .answer = ACCEPTED "/up/1\r\n"},
        {.line = "PATCH /up/1", .has = "Content-Range: 10-15\r\n", .answer = ACCEPTED "/up/2\r\n"},
        {.line = "PUT /up/2?digest=sha256:", .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push(NULL, 10, &how, &err), &err);
    end();
}

static void
falls_back_to_chunks_where_one_is_too_large(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST", .answer = ACCEPTED "/up/0\r\n"},
        {.line = "PUT /up/0", .answer = "HTTP/1.1 413 Too Large\r\n"},
        {.line = "POST", .answer = ACCEPTED "/up/1\r\n"},
        {.line = "PATCH /up/1", .has = "\r\n\r\n" BLOB, .answer = ACCEPTED "/up/2\r\n"},
        {.line = "PUT /up/2", .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push(NULL, 0, &how, &err), &err);
    end();
}

static void
starts_a_broken_upload_again(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST", .answer = ACCEPTED "/up/0\r\n"},
        {.line = "PUT /up/0", .answer = NULL},
        {.line = "HEAD", .answer = NONE},
        {.line = "POST", .answer = ACCEPTED "/up/1\r\n"},
        {.line = "PUT /up/1", .has = "\r\n\r\n" BLOB, .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(push(NULL, 0, &how, &err), &err);
    end();
}

static void
says_why_an_upload_is_refused(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = NONE},
        {.line = "POST",
         .answer = "HTTP/1.1 403 Forbidden\r\n",
         .body = "{\"errors\":[{\"message\":\"read only\"}]}"},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_code(push(NULL, 0, &how, &err), CODE_PERMISSION_DENIED, &err);
    assert_non_null(strstr(err.msg, "403 Forbidden: read only"));
    end();
}

#define POST                                                                                       \
    {                                                                                              \
        .line = "POST", .answer = ACCEPTED "/up\r\n"                                               \
    }
#define MISSING                                                                                    \
    {                                                                                              \
        .line = "HEAD", .answer = NONE                                                             \
    }
#define WHOLE                                                                                      \
    {                                                                                              \
        .line = "PUT /up?digest=sha256:", .has = "\r\n\r\n" BLOB, .answer = CREATED                \
    }
#define PATCHED ACCEPTED "/up\r\nRange: "
#define STATUS_OF(at)                                                                              \
    {                                                                                              \
        .line = "GET /up ", .answer = "HTTP/1.1 204 No Content\r\nRange: " at "\r\n"               \
    }
#define REFUSED(what) "HTTP/1.1 " what "\r\n"
#define CUT           REFUSED("503 Service Unavailable") "Retry-After: 0\r\n"
#define STEPS_MAX     12

/* One way in which a registry misbehaves, and what becomes of the push. */
struct misbehaviour {
    const char *what;
    const char *mount_from;
    int64_t chunk;
    struct test_step steps[STEPS_MAX];
    int code;
    const char *says; /* in the message */
    enum registry_pushed how;
};

static const struct misbehaviour misbehaviours[] = {
    {.what = "every request is asked to come back, with Retry-After",
     .steps = {{.line = "HEAD", .answer = CUT},
               MISSING,
               {.line = "POST", .answer = REFUSED("429 Too Many Requests") "Retry-After: 0\r\n"},
               POST,
               {.line = "PUT", .answer = REFUSED("429 Too Many Requests") "Retry-After: 0\r\n"},
               MISSING,
               POST,
               WHOLE}},
    {.what = "an upload is asked to come back later than we wait",
     .steps = {MISSING,
               POST,
               {.line = "PUT", .answer = REFUSED("429 Too Many Requests") "Retry-After: 3600\r\n"}},
     .code = CODE_RESOURCE_EXHAUSTED,
     .says = "answers 429 Too Many Requests; it asks to come back later"},
    {.what = "errors of the server, then it works",
     .steps = {{.line = "HEAD", .answer = REFUSED("500 Oh")},
               MISSING,
               {.line = "POST", .answer = REFUSED("502 Oh")},
               POST,
               {.line = "PUT", .answer = REFUSED("500 Oh")},
               MISSING,
               POST,
               WHOLE}},
    {.what = "the upload fails, and the blob is there all the same",
     .steps = {MISSING,
               POST,
               {.line = "PUT", .answer = NULL},
               {.line = "HEAD", .answer = "HTTP/1.1 200 OK\r\n"}},
     .how = PUSHED_NOW},
    {.what = "no mounting: 404",
     .mount_from = "other/repo",
     .steps = {MISSING,
               {.line = "POST /v2/a/blobs/uploads/?mount=", .answer = REFUSED("404 Not Found")},
               {.line = "POST /v2/a/blobs/uploads/ ", .answer = ACCEPTED "/up\r\n"},
               WHOLE}},
    {.what = "no mounting: 405",
     .mount_from = "other/repo",
     .steps = {MISSING,
               {.line = "POST /v2/a/blobs/uploads/?mount=",
                .answer = REFUSED("405 Method Not Allowed")},
               {.line = "POST /v2/a/blobs/uploads/ ", .answer = ACCEPTED "/up\r\n"},
               WHOLE}},
    {.what = "what would be mounted may not be read",
     .mount_from = "other/repo",
     .steps = {MISSING,
               {.line = "POST /v2/a/blobs/uploads/?mount=", .answer = REFUSED("403 Forbidden")},
               {.line = "POST /v2/a/blobs/uploads/ ", .answer = ACCEPTED "/up\r\n"},
               WHOLE}},
    {.what = "no POST at all",
     .mount_from = "other/repo",
     .steps = {MISSING,
               {.line = "POST /v2/a/blobs/uploads/?mount=",
                .answer = REFUSED("405 Method Not Allowed")},
               {.line = "POST /v2/a/blobs/uploads/ ", .answer = REFUSED("405 Method Not Allowed")}},
     .code = CODE_UNIMPLEMENTED,
     .says = "answers 405 Method Not Allowed"},
    {.what = "a chunk is lost, and the server says where it is",
     .chunk = 10,
     .steps = {MISSING,
               POST,
               {.line = "PATCH /up", .has = "Content-Range: 0-9\r\n", .answer = PATCHED "0-9\r\n"},
               {.line = "PATCH /up", .has = "Content-Range: 10-15\r\n", .answer = NULL},
               STATUS_OF("0-11"),
               {.line = "PATCH /up",
                .has = "Content-Range: 12-15\r\n",
                .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "416 with a range",
     .chunk = 10,
     .steps = {MISSING,
               POST,
               {.line = "PATCH /up",
                .has = "Content-Range: 0-9\r\n",
                .answer = REFUSED("416 Range Not Satisfiable") "Location: /up\r\nRange: 0-3\r\n"},
               STATUS_OF("bytes=0-3"),
               {.line = "PATCH /up",
                .has = "Content-Range: 4-13\r\n",
                .answer = PATCHED "0-13\r\n"},
               {.line = "PATCH /up", .has = "\r\n\r\nef", .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "a chunk is taken in part",
     .chunk = 16,
     .steps = {MISSING,
               POST,
               {.line = "PATCH /up", .has = "\r\n\r\n" BLOB, .answer = PATCHED "0-7\r\n"},
               STATUS_OF("0-7"),
               {.line = "PATCH /up", .has = "\r\n\r\n89abcdef", .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "the upload is forgotten",
     .chunk = 16,
     .steps = {MISSING,
               POST,
               {.line = "PATCH /up", .answer = REFUSED("404 Not Found")},
               {.line = "GET /up ", .answer = REFUSED("404 Not Found")},
               MISSING,
               POST,
               {.line = "PATCH /up",
                .has = "Content-Range: 0-15\r\n",
                .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "it says that it has more than there is",
     .chunk = 16,
     .steps = {MISSING,
               POST,
               {.line = "PATCH /up", .answer = NULL},
               STATUS_OF("0-9223372036854775806"),
               MISSING,
               POST,
               {.line = "PATCH /up", .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "chunks of its own size",
     .chunk = 4,
     .steps = {MISSING,
               {.line = "POST", .answer = ACCEPTED "/up\r\nOCI-Chunk-Min-Length: 9\r\n"},
               {.line = "PATCH /up", .has = "Content-Range: 0-8\r\n", .answer = PATCHED "0-8\r\n"},
               {.line = "PATCH /up",
                .has = "Content-Range: 9-15\r\n",
                .answer = PATCHED "0-15\r\n"},
               {.line = "PUT /up?digest=sha256:", .answer = CREATED}}},
    {.what = "the digest is said to be another one",
     .steps = {MISSING,
               POST,
               {.line = "PUT",
                .answer = REFUSED("400 Bad Request"),
                .body = "{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"provided digest "
                        "did not match uploaded content\"}]}"}},
     .code = CODE_INVALID_ARGUMENT,
     .says = "400 Bad Request: provided digest did not match uploaded content"},
    {.what = "another blob is stored than was sent",
     .steps = {MISSING,
               POST,
               {.line = "PUT", .answer = CREATED "Docker-Content-Digest: sha256:00\r\n"}},
     .code = CODE_DATA_LOSS,
     .says = "stored sha256:00 instead of sha256:"},
    {.what = "no place for the upload",
     .steps = {MISSING, {.line = "POST", .answer = "HTTP/1.1 202 Accepted\r\n"}},
     .code = CODE_INVALID_ARGUMENT,
     .says = "says no place for the upload"},
    {.what = "a file of this machine as the place",
     .steps = {MISSING, {.line = "POST", .answer = ACCEPTED "file:///etc/passwd\r\n"}},
     .code = CODE_INVALID_ARGUMENT,
     .says = "says no place for the upload"},
    {.what = "nothing but errors",
     .steps = {MISSING,
               POST,
               {.line = "PUT", .answer = CUT},
               MISSING,
               POST,
               {.line = "PUT", .answer = REFUSED("507 Insufficient Storage") "Retry-After: 9\r\n"}},
     .code = CODE_UNAVAILABLE,
     .says = "answers 507; try again later"},
    {.what = "the upload is sent elsewhere, for ever",
     .steps = {MISSING,
               POST,
               {.line = "PUT", .answer = REFUSED("307 There") "Location: /up/2\r\n"},
               {.line = "PUT /up/2", .answer = REFUSED("308 There") "Location: ftp://x/\r\n"}},
     .code = CODE_UNKNOWN,
     .says = "answers 308"},
};

static void
copes_with_a_registry_that_misbehaves(void **state)
{
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(misbehaviours); i++) {
        const struct misbehaviour *m = &misbehaviours[i];
        enum registry_pushed how = PUSHED_BEFORE;
        struct err err = {0};
        size_t n = 0;

        print_message("%s\n", m->what);
        while (n < STEPS_MAX && m->steps[n].line)
            n++;
        begin(m->steps, n);
        int r = push(m->mount_from, m->chunk, &how, &err);
        if (m->code)
            assert_code(r, m->code, &err);
        else
            assert_ok(r, &err);
        if (m->says)
            assert_has(err.msg, m->says);
        if (!m->code)
            assert_int_equal(how, m->how);
        end();
    }
}

/* The connection ends while the client is sending. */
static void
an_upload_is_cut_in_the_middle(void **state)
{
    static char large[8 * 1024 * 1024];
    static const struct test_step whole[] = {
        MISSING,
        POST,
        {.line = "PUT /up", .take = 1000},
        MISSING,
        POST,
        {.line = "PUT /up", .take = 30000},
        {.line = "HEAD", .answer = "HTTP/1.1 200 OK\r\n"},
    };
    static const struct test_step chunks[] = {
        MISSING,
        POST,
        {.line = "PATCH /up", .has = "Content-Range: 0-6291455\r\n", .take = 1000},
        STATUS_OF("0-8388587"),
        {.line = "PATCH /up",
         .has = "\r\n\r\nzzzzzzzzzzzzzzzzzzzz",
         .answer = PATCHED "0-8388607\r\n"},
        {.line = "PUT /up?digest=sha256:", .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    memset(large, 'z', sizeof large);
    blob = large;
    blob_bytes = sizeof large;
    begin(whole, ARRAY_LEN(whole));
    assert_ok(push(NULL, 0, &how, &err), &err);
    end();
    begin(chunks, ARRAY_LEN(chunks));
    assert_ok(push(NULL, 6 * 1024 * 1024, &how, &err), &err);
    end();
    blob = BLOB;
    blob_bytes = strlen(BLOB);
}

#define BEARER                                                                                     \
    REFUSED("401 Unauthorized") "WWW-Authenticate: Bearer realm=\"$URL/token\",service=\"r\"\r\n"
#define TOKEN(t)                                                                                   \
    {                                                                                              \
        .line = "GET /token?service=r&scope=repository%3Aa%3Apull%2Cpush ",                        \
        .answer = "HTTP/1.1 200 OK\r\n", .body = "{\"token\":\"" t "\"}"                           \
    }

static void
a_token_is_refused_in_the_middle(void **state)
{
    static const struct test_step whole[] = {
        {.line = "HEAD", .answer = BEARER},
        TOKEN("one"),
        {.line = "HEAD", .has = "Bearer one\r\n", .answer = NONE},
        {.line = "POST", .has = "Bearer one\r\n", .answer = ACCEPTED "/up\r\n"},
        {.line = "PUT /up", .has = "Bearer one\r\n", .answer = BEARER},
        {.line = "HEAD", .has = "Bearer one\r\n", .answer = BEARER},
        TOKEN("two"),
        {.line = "HEAD", .has = "Bearer two\r\n", .answer = NONE},
        {.line = "POST", .has = "Bearer two\r\n", .answer = ACCEPTED "/up\r\n"},
        {.line = "PUT /up", .has = "Bearer two\r\n", .answer = CREATED},
    };
    static const struct test_step chunks[] = {
        {.line = "HEAD", .answer = BEARER},
        TOKEN("one"),
        {.line = "HEAD", .has = "Bearer one\r\n", .answer = NONE},
        {.line = "POST", .has = "Bearer one\r\n", .answer = ACCEPTED "/up\r\n"},
        {.line = "PATCH /up", .has = "Bearer one\r\n", .answer = PATCHED "0-9\r\n"},
        {.line = "PATCH /up", .has = "Bearer one\r\n", .answer = BEARER},
        {.line = "GET /up", .has = "Bearer one\r\n", .answer = BEARER},
        TOKEN("two"),
        STATUS_OF("0-9"),
        {.line = "PATCH /up", .has = "Bearer two\r\n", .answer = PATCHED "0-15\r\n"},
        {.line = "PUT /up?digest=", .has = "Bearer two\r\n", .answer = CREATED},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    begin(whole, ARRAY_LEN(whole));
    assert_ok(push(NULL, 0, &how, &err), &err);
    end();
    begin(chunks, ARRAY_LEN(chunks));
    assert_ok(push(NULL, 10, &how, &err), &err);
    end();
}

/* Where the blob goes is another server: it gets the bytes and no secret of ours, in one piece and in several. */
static void
an_upload_elsewhere_is_told_no_secret(void **state)
{
    static const struct test_step whole[] = {
        {.line = "PUT /bucket?sig=1&digest=sha256:",
         .has = "\r\n\r\n" BLOB,
         .hasnt = "Authorization",
         .answer = CREATED},
    };
    static const struct test_step chunks[] = {
        {.line = "PATCH /bucket?sig=1 ", .hasnt = "Authorization", .answer = NULL},
        {.line = "GET /bucket?sig=1 ", .hasnt = "Authorization", .answer = BEARER},
        {.line = "PATCH /bucket?sig=1 ",
         .hasnt = "Authorization",
         .answer = ACCEPTED "/bucket?sig=2\r\n"},
        {.line = "PUT /bucket?sig=2&digest=sha256:", .hasnt = "Authorization", .answer = CREATED},
    };
    static const struct test_step redirected[] = {
        {.line = "PUT /bucket?sig=1",
         .has = "\r\n\r\n" BLOB,
         .hasnt = "Authorization",
         .answer = CREATED},
    };
    const struct {
        const struct test_step *steps;
        size_t n;
        int64_t chunk;
        bool redirect;
    } rows[] = {
        {whole, ARRAY_LEN(whole), 0, false},
        {chunks, ARRAY_LEN(chunks), 16, false},
        {redirected, ARRAY_LEN(redirected), 0, true},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct test_server *bucket = test_server_start(rows[i].steps, rows[i].n);
        auto_free char *there =
            xasprintf(ACCEPTED "http://%s/bucket?sig=1\r\n", test_server_host(bucket));
        auto_free char *moved = xasprintf(
            REFUSED("307 There") "Location: http://%s/bucket?sig=1\r\n", test_server_host(bucket));
        const struct test_step steps[] = {
            {.line = "HEAD", .answer = REFUSED("401 No") "WWW-Authenticate: Basic realm=\"r\"\r\n"},
            {.line = "HEAD", .has = "Authorization: Basic bWU6c2VjcmV0\r\n", .answer = NONE},
            {.line = "POST",
             .has = "Authorization: Basic",
             .answer = rows[i].redirect ? ACCEPTED "/up\r\n" : there},
            {.line = rows[i].redirect ? "PUT /up" : "HEAD",
             .has = "Authorization: Basic",
             .answer = rows[i].redirect ? moved : NONE},
            {.line = "POST", .answer = there},
        };
        enum registry_pushed how;
        struct err err = {0};

        test_client_begin(&now, steps, rows[i].chunk ? 5 : rows[i].redirect ? 4 : 3, "a:1", "me");
        assert_ok(push(NULL, rows[i].chunk, &how, &err), &err);
        assert_int_equal(how, PUSHED_NOW);
        end();
        test_server_stop(bucket);
    }
}

static void
an_oversized_refusal_is_one_line(void **state)
{
    static char page[4 * 1024 * 1024];
    const struct test_step steps[] = {
        MISSING,
        {.line = "POST",
         .answer = REFUSED("403 Forbidden") "Content-Type: text/plain\r\n",
         .body = page,
         .body_bytes = sizeof page},
    };
    enum registry_pushed how;
    struct err err = {0};
    (void) state;

    memset(page, 'n', sizeof page);
    begin(steps, ARRAY_LEN(steps));
    assert_code(push(NULL, 0, &how, &err), CODE_PERMISSION_DENIED, &err);
    assert_has(err.msg, "answers 403 Forbidden");
    assert_in_range(strlen(err.msg), 1, 400);
    end();
}

static void
puts_manifests(void **state)
{
    static const struct test_step steps[] = {
        {.line = "PUT /v2/a/manifests/sha256:",
         .has = "Content-Type: " MEDIA_OCI_MANIFEST "\r\n",
         .answer = CREATED},
        {.line = "PUT /v2/a/manifests/1 ",
         .has = "\r\n\r\n{}",
         .answer = CREATED "Docker-Content-Digest: sha256:00\r\n"},
    };
    struct oci_desc d = {.media_type = (char *) (uintptr_t) MEDIA_OCI_MANIFEST, .size_bytes = 2};
    struct err err = {0};
    (void) state;

    digest_compute(DIGEST_SHA256, "{}", 2, &d.digest);
    begin(steps, ARRAY_LEN(steps));
    assert_ok(registry_manifest_push(now.registry, &now.ref, &d, "{}", 2, NULL, &err), &err);
    assert_code(registry_manifest_push(now.registry, &now.ref, &d, "{}", 2, "1", &err),
                CODE_DATA_LOSS, &err);
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_alone_what_is_there),
        cmocka_unit_test(sends_a_blob_in_one),
        cmocka_unit_test(mounts_from_another_repository),
        cmocka_unit_test(sends_chunks),
        cmocka_unit_test(falls_back_to_chunks_where_one_is_too_large),
        cmocka_unit_test(starts_a_broken_upload_again),
        cmocka_unit_test(says_why_an_upload_is_refused),
        cmocka_unit_test(copes_with_a_registry_that_misbehaves),
        cmocka_unit_test(an_upload_is_cut_in_the_middle),
        cmocka_unit_test(a_token_is_refused_in_the_middle),
        cmocka_unit_test(an_upload_elsewhere_is_told_no_secret),
        cmocka_unit_test(an_oversized_refusal_is_one_line),
        cmocka_unit_test(puts_manifests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
