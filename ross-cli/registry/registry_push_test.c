/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/oci/media_type.h"
#include "ross-cli/registry/registry_list.h"
#include "ross-cli/registry/registry_push.h"
#include "ross-cli/registry/testlib/test_client.h"

#define BLOB     "0123456789abcdef"
#define NONE     "HTTP/1.1 404 Not Found\r\n"
#define CREATED  "HTTP/1.1 201 Created\r\n"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nLocation: "

static struct test_client now;
static size_t sent_bytes; /* of BLOB, in this try */

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
    size_t left = strlen(BLOB) - sent_bytes, n = left < 5 ? left : 5;

    (void) arg;
    (void) err;
    *ret_piece = BLOB + sent_bytes;
    sent_bytes += n;
    return (ssize_t) n;
}

static int
restart(void *arg, struct err *err)
{
    (void) arg;
    (void) err;
    sent_bytes = 0;
    return 0;
}

static int
push(const char *mount_from, int64_t chunk, enum registry_pushed *ret, struct err *err)
{
    const struct registry_push_options opt = {.mount_from = mount_from, .chunk_bytes = chunk};
    const struct registry_source source = {.next = next_piece, .restart = restart};
    struct oci_desc d = {.size_bytes = (int64_t) strlen(BLOB)};

    digest_compute(DIGEST_SHA256, BLOB, strlen(BLOB), &d.digest);
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

static void
lists_tags_page_by_page(void **state)
{
    static const struct test_step steps[] = {
        {.line = "GET /v2/a/tags/list?n=1000 ",
         .answer = "HTTP/1.1 200 OK\r\nLink: </v2/a/tags/list?last=b&n=2>; rel=\"next\"\r\n",
         .body = "{\"name\":\"a\",\"tags\":[\"a\",\"b\"]}"},
        {.line = "GET /v2/a/tags/list?last=b&n=2 ",
         .answer = "HTTP/1.1 200 OK\r\nLink: <http://elsewhere.invalid/x>; rel=\"next\"\r\n",
         .body = "{\"name\":\"a\",\"tags\":[\"c\"]}"},
    };
    struct strv tags = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(registry_tags(now.registry, &now.ref, &tags, &err), &err);
    assert_int_equal(tags.n, 3);
    assert_string_equal(tags.items[2], "c");
    strv_done(&tags);
    end();
}

static void
an_endless_list_ends(void **state)
{
    static const struct test_step steps[] = {
        {.line = "GET /v2/_catalog?n=1000 ",
         .answer = "HTTP/1.1 200 OK\r\nLink: </v2/_catalog?n=1000>; rel=\"next\"\r\n",
         .body = "{\"repositories\":[]}"},
    };
    struct strv names = {0};
    struct err err = {0};
    (void) state;

    begin(steps, ARRAY_LEN(steps));
    assert_ok(registry_catalog(now.registry, now.ref.domain, &names, &err), &err);
    assert_int_equal(names.n, 0);
    end();
}

static void
referrers_by_api_or_tag(void **state)
{
    static const struct test_step steps[] = {
        {.line = "GET /v2/a/referrers/sha256:", .answer = NONE},
        {.line = "GET /v2/a/manifests/sha256-", .answer = NONE},
        {.line = "GET /v2/a/referrers/sha256:",
         .answer = "HTTP/1.1 200 OK\r\n",
         .body =
             "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX
             "\",\"manifests\":[{\"mediaType\":"
             "\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"sha256:"
             "0123456789012345678901234567890123456789012345678901234567890123\",\"size\":2}]}"},
    };
    AUTO(oci_index) none = {0}, one = {0};
    struct digest d;
    struct err err = {0};
    (void) state;

    digest_compute(DIGEST_SHA256, "", 0, &d);
    begin(steps, ARRAY_LEN(steps));
    assert_ok(registry_referrers(now.registry, &now.ref, &d, &none, &err), &err);
    assert_int_equal(none.n, 0);
    assert_ok(registry_referrers(now.registry, &now.ref, &d, &one, &err), &err);
    assert_int_equal(one.n, 1);
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
        cmocka_unit_test(puts_manifests),
        cmocka_unit_test(lists_tags_page_by_page),
        cmocka_unit_test(an_endless_list_ends),
        cmocka_unit_test(referrers_by_api_or_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
