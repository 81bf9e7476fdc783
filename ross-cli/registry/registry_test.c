/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/oci/media_type.h"
#include "ross-cli/registry/testlib/test_client.h"

#define MANIFEST                                                                                   \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"}"
#define OK_MANIFEST  "HTTP/1.1 200 OK\r\nContent-Type: " MEDIA_OCI_MANIFEST "\r\n"
#define OK_BLOB      "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
#define UNAUTHORIZED "HTTP/1.1 401 Unauthorized\r\n"
#define BEARER                                                                                     \
    UNAUTHORIZED "WWW-Authenticate: Bearer realm=\"$URL/token\",service=\"reg\",scope=\"x\"\r\n"

static struct test_client now;

static void
begin(const struct test_step *steps, size_t n, const char *name, const char *user)
{
    test_client_begin(&now, steps, n, name, user);
}

static void
end(void)
{
    test_client_end(&now);
}

static void
manifest_digest(struct digest *ret)
{
    digest_compute(DIGEST_SHA256, MANIFEST, strlen(MANIFEST), ret);
}

static void
resolves_by_head(void **state)
{
    char shown[DIGEST_STR_MAX];
    struct digest d;
    (void) state;

    manifest_digest(&d);
    auto_free char *head =
        xasprintf(OK_MANIFEST "Docker-Content-Digest: %s\r\nContent-Length: %zu\r\n",
                  digest_format(&d, shown), strlen(MANIFEST));
    const struct test_step steps[] = {
        {.line = "HEAD /v2/a/b/manifests/v1 ",
         .has = "Accept: application/vnd.oci.image.index.v1+json, ",
         .hasnt = "Authorization",
         .answer = head},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};

    begin(steps, ARRAY_LEN(steps), "a/b:v1", NULL);
    assert_ok(registry_resolve(now.registry, &now.ref, &desc, &err), &err);
    assert_true(digest_equal(&desc.digest, &d));
    assert_int_equal(desc.size_bytes, strlen(MANIFEST));
    assert_string_equal(desc.media_type, MEDIA_OCI_MANIFEST);
    end();
}

static void
resolves_by_get_where_head_says_too_little(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD /v2/a/manifests/latest", .answer = "HTTP/1.1 405 Method Not Allowed\r\n"},
        {.line = "GET /v2/a/manifests/latest",
         .answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
         .body = MANIFEST},
    };
    AUTO(oci_desc) desc = {0};
    AUTO(buf) body = BUF_INIT(4096);
    struct digest d;
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_ok(registry_resolve(now.registry, &now.ref, &desc, &err), &err);
    manifest_digest(&d);
    assert_true(digest_equal(&desc.digest, &d));
    assert_string_equal(desc.media_type, MEDIA_OCI_MANIFEST);
    /* No second request for what is known. */
    assert_ok(registry_fetch_manifest(now.registry, &now.ref, &desc, &body, &err), &err);
    assert_string_equal(body.data, MANIFEST);
    end();
}

static void
fetches_a_token_once(void **state)
{
    char shown[DIGEST_STR_MAX];
    struct digest d;
    (void) state;

    manifest_digest(&d);
    auto_free char *head =
        xasprintf(OK_MANIFEST "Docker-Content-Digest: %s\r\nContent-Length: %zu\r\n",
                  digest_format(&d, shown), strlen(MANIFEST));
    const struct test_step steps[] = {
        {.line = "HEAD /v2/a/manifests/latest", .hasnt = "Authorization", .answer = BEARER},
        {.line = "GET /token?service=reg&scope=repository%3Aa%3Apull ",
         .hasnt = "Authorization",
         .answer = "HTTP/1.1 200 OK\r\n",
         .body = "{\"token\":\"abc\",\"expires_in\":300}"},
        {.line = "HEAD /v2/a/manifests/latest",
         .has = "Authorization: Bearer abc\r\n",
         .answer = head},
        {.line = "GET /v2/a/manifests/sha256:",
         .has = "Authorization: Bearer abc\r\n",
         .answer = OK_MANIFEST,
         .body = MANIFEST},
    };
    AUTO(oci_desc) desc = {0};
    AUTO(buf) body = BUF_INIT(4096);
    struct err err = {0};

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_ok(registry_resolve(now.registry, &now.ref, &desc, &err), &err);
    assert_ok(registry_fetch_manifest(now.registry, &now.ref, &desc, &body, &err), &err);
    end();
}

static void
sends_the_password_to_the_token_server(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .hasnt = "Authorization", .answer = BEARER},
        {.line = "GET /token",
         .has = "Authorization: Basic bWU6c2VjcmV0\r\n",
         .answer = "HTTP/1.1 401 Unauthorized\r\n",
         .body = "{\"details\":\"incorrect username or password\"}"},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", "me");
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_UNAUTHENTICATED, &err);
    assert_has(err.msg, "incorrect username or password");
    assert_null(strstr(err.msg, "secret"));
    end();
}

static void
refreshes_a_token_that_is_refused_once(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = BEARER},
        {.line = "GET /token",
         .answer = "HTTP/1.1 200 OK\r\n",
         .body = "{\"access_token\":\"one\"}"},
        {.line = "HEAD", .has = "Bearer one", .answer = BEARER},
        {.line = "GET /token", .answer = "HTTP/1.1 200 OK\r\n", .body = "{\"token\":\"two\"}"},
        {.line = "HEAD",
         .has = "Bearer two",
         .answer = UNAUTHORIZED
         "WWW-Authenticate: Bearer realm=\"$URL/token\",error=\"insufficient_scope\"\r\n"},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_UNAUTHENTICATED, &err);
    assert_has(err.msg, "a login is needed");
    end();
}

static void
basic_login(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD",
         .hasnt = "Authorization",
         .answer = UNAUTHORIZED "WWW-Authenticate: Basic realm=\"r\"\r\n"},
        {.line = "HEAD",
         .has = "Authorization: Basic bWU6c2VjcmV0\r\n",
         .answer = UNAUTHORIZED "WWW-Authenticate: Basic realm=\"r\"\r\n"},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", "me");
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_UNAUTHENTICATED, &err);
    assert_has(err.msg, "refuses the login of 'me'");
    end();
}

static void
says_how_to_log_in(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = UNAUTHORIZED "WWW-Authenticate: Basic realm=\"r\"\r\n"},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_UNAUTHENTICATED, &err);
    assert_has(err.msg, "ross-cli login 127.0.0.1:");
    end();
}

static void
refusals_are_one_sentence(void **state)
{
    static const struct {
        const char *answer, *body;
        int code;
        const char *text;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\n",
         "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}",
         CODE_NOT_FOUND, "answers 404 Not Found: manifest unknown"},
        {"HTTP/1.1 403 Forbidden\r\n", "{\"errors\":[{\"message\":\"denied\"}]}",
         CODE_PERMISSION_DENIED, "answers 403 Forbidden: denied"},
        {"HTTP/1.1 200 OK\r\nContent-Type: "
         "application/vnd.docker.distribution.manifest.v1+json\r\n",
         "{\"schemaVersion\":1}", CODE_INVALID_ARGUMENT, "schema 1"},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "<html>", CODE_INVALID_ARGUMENT,
         "'text/html' there, no image"},
        {"HTTP/1.1 200 OK\r\nContent-Type: " MEDIA_OCI_MANIFEST
         "\r\nDocker-Content-Digest: sha256:zz\r\n",
         MANIFEST, CODE_INVALID_ARGUMENT, "is no digest"},
        {"HTTP/1.1 200 OK\r\nContent-Type: " MEDIA_OCI_MANIFEST "\r\nDocker-Content-Digest: "
         "sha256:0123456789012345678901234567890123456789012345678901234567890123\r\n",
         MANIFEST, CODE_DATA_LOSS, "instead of sha256:0123"},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct test_step steps[] = {
            {.line = "HEAD", .answer = "HTTP/1.1 404 Not Found\r\n"},
            {.line = "GET", .answer = rows[i].answer, .body = rows[i].body},
        };
        AUTO(oci_desc) desc = {0};
        struct err err = {0};
        begin(steps, ARRAY_LEN(steps), "a", NULL);
        assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), rows[i].code, &err);
        assert_has(err.msg, rows[i].text);
        end();
    }
}

static void
retries_what_is_temporary(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n"},
        {.line = "HEAD", .answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"},
        {.line = "HEAD", .answer = NULL}, /* the connection breaks */
        {.line = "HEAD", .answer = "HTTP/1.1 404 Not Found\r\n"},
        {.line = "GET", .answer = OK_MANIFEST, .body = MANIFEST},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_ok(registry_resolve(now.registry, &now.ref, &desc, &err), &err);
    end();
}

static void
does_not_wait_longer_than_allowed(void **state)
{
    static const struct test_step steps[] = {
        {.line = "HEAD", .answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\n"},
    };
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_RESOURCE_EXHAUSTED,
                &err);
    assert_has(err.msg, "429 Too Many Requests");
    end();
}

#define BLOB "0123456789abcdef"

/* Reads the blob from `offset`; what came is in `got`. */
static int
read_blob(int64_t offset, int64_t size, struct buf *got, struct err *err)
{
    struct oci_desc d = {.size_bytes = size};
    AUTO_PTR(registry_stream) s = NULL;
    char piece[7];
    ssize_t n;

    digest_compute(DIGEST_SHA256, BLOB, strlen(BLOB), &d.digest);
    n = registry_blob_open(now.registry, &now.ref, &d, offset, &s, err);
    while (n >= 0) {
        n = registry_stream_read(s, piece, sizeof piece, err);
        if (n <= 0)
            break;
        assert_ok(buf_append(got, piece, (size_t) n, err), err);
    }
    return (int) n;
}

static void
blobs(void **state)
{
    static const struct {
        struct test_step step;
        int64_t offset, size;
        int code;
        const char *got; /* or part of the message */
    } rows[] = {
        {{.line = "GET /v2/a/blobs/sha256:", .hasnt = "Range:", .answer = OK_BLOB, .body = BLOB},
         0,
         16,
         0,
         BLOB},
        {{.line = "GET",
          .has = "Range: bytes=10-\r\n",
          .answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-15/16\r\n",
          .body = "abcdef"},
         10,
         16,
         0,
         "abcdef"},
        {{.line = "GET", .has = "Range: bytes=10-\r\n", .answer = OK_BLOB, .body = BLOB},
         10,
         16,
         0,
         "abcdef"},
        {{.line = "GET", .answer = OK_BLOB, .body = BLOB},
         0,
         15,
         CODE_DATA_LOSS,
         "has 16 bytes, the manifest says 15"},
        {{.line = "GET",
          .answer = OK_BLOB "Transfer-Encoding: chunked\r\n",
          .body = "10\r\n" BLOB "\r\n0\r\n\r\n"},
         0,
         15,
         CODE_DATA_LOSS,
         "more than the 15 bytes"},
        {{.line = "GET",
          .answer = OK_BLOB "Transfer-Encoding: chunked\r\n",
          .body = "10\r\n" BLOB "\r\n0\r\n\r\n"},
         0,
         20,
         CODE_DATA_LOSS,
         "ends after 16 of 20 bytes"},
        {{.line = "GET", .answer = OK_BLOB, .body = BLOB, .cut = 5},
         0,
         16,
         CODE_UNAVAILABLE,
         "at byte 5 of 16"},
        {{.line = "GET",
          .answer = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 12-15/16\r\n",
          .body = "cdef"},
         10,
         16,
         CODE_INVALID_ARGUMENT,
         "another range"},
        {{.line = "GET", .answer = "HTTP/1.1 404 Not Found\r\n"}, 0, 16, CODE_NOT_FOUND, "404"},
        {{.line = "GET", .answer = "HTTP/1.1 302 Found\r\n"}, 0, 16, CODE_UNKNOWN, "302"},
        {{.line = "GET", .answer = "HTTP/1.1 302 Found\r\nLocation: ftp://x/y\r\n"},
         0,
         16,
         CODE_INVALID_ARGUMENT,
         "no http URL"},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(buf) got = BUF_INIT(4096);
        struct err err = {0};
        begin(&rows[i].step, 1, "a", NULL);
        int r = read_blob(rows[i].offset, rows[i].size, &got, &err);
        assert_code(r == 0 ? -CODE_OK : r, rows[i].code, &err);
        if (rows[i].code == 0)
            assert_string_equal(got.data, rows[i].got);
        else
            assert_has(err.msg, rows[i].got);
        end();
    }
}

static void
redirects_drop_the_token(void **state)
{
    static const struct test_step elsewhere[] = {
        {.line = "GET /cdn/blob?sig=1", .hasnt = "Authorization", .answer = OK_BLOB, .body = BLOB},
    };
    struct test_server *cdn = test_server_start(elsewhere, 1);
    auto_free char *away =
        xasprintf("HTTP/1.1 307 Temporary Redirect\r\nLocation: http://%s/cdn/blob?sig=1\r\n",
                  test_server_host(cdn));
    const struct test_step steps[] = {
        {.line = "GET /v2/a/blobs", .answer = BEARER},
        {.line = "GET /token", .answer = "HTTP/1.1 200 OK\r\n", .body = "{\"token\":\"t\"}"},
        {.line = "GET /v2/a/blobs",
         .has = "Authorization: Bearer t",
         .answer = "HTTP/1.1 302 Found\r\nLocation: /same\r\n"},
        {.line = "GET /same ", .has = "Authorization: Bearer t", .answer = away},
    };
    AUTO(buf) got = BUF_INIT(4096);
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_ok(read_blob(0, 16, &got, &err), &err);
    assert_string_equal(got.data, BLOB);
    end();
    test_server_stop(cdn);
}

static void
redirects_are_counted(void **state)
{
    static const struct test_step step = {.line = "GET",
                                          .answer = "HTTP/1.1 302 Found\r\nLocation: /again\r\n"};
    struct test_step steps[11];
    AUTO(buf) got = BUF_INIT(4096);
    struct err err = {0};
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        steps[i] = step;
    begin(steps, ARRAY_LEN(steps), "a", NULL);
    assert_code(read_blob(0, 16, &got, &err), CODE_INVALID_ARGUMENT, &err);
    assert_has(err.msg, "redirected more than 10 times");
    end();
}

static void
an_unreachable_registry_is_named(void **state)
{
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(NULL, 0, "a", NULL);
    free(now.ref.domain);
    now.ref.domain = xstrdup("127.0.0.1:1");
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_UNAVAILABLE, &err);
    assert_has(err.msg, "registry 127.0.0.1:1");
    end();
}

static void
cancelled_clients_refuse(void **state)
{
    AUTO(oci_desc) desc = {0};
    struct err err = {0};
    (void) state;

    begin(NULL, 0, "a", NULL);
    registry_cancel(now.registry);
    assert_code(registry_resolve(now.registry, &now.ref, &desc, &err), CODE_CANCELED, &err);
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_by_head),
        cmocka_unit_test(resolves_by_get_where_head_says_too_little),
        cmocka_unit_test(fetches_a_token_once),
        cmocka_unit_test(sends_the_password_to_the_token_server),
        cmocka_unit_test(refreshes_a_token_that_is_refused_once),
        cmocka_unit_test(basic_login),
        cmocka_unit_test(says_how_to_log_in),
        cmocka_unit_test(refusals_are_one_sentence),
        cmocka_unit_test(retries_what_is_temporary),
        cmocka_unit_test(does_not_wait_longer_than_allowed),
        cmocka_unit_test(blobs),
        cmocka_unit_test(redirects_drop_the_token),
        cmocka_unit_test(redirects_are_counted),
        cmocka_unit_test(an_unreachable_registry_is_named),
        cmocka_unit_test(cancelled_clients_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
