/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/base/test.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/oci/media_type.h"
#include "ross-cli/registry/registry_list.h"
#include "ross-cli/registry/testlib/test_client.h"

#define NONE       "HTTP/1.1 404 Not Found\r\n"
#define OK         "HTTP/1.1 200 OK\r\n"
#define LINK(text) OK "Link: " text "\r\n"
#define TAGS(t)    "{\"name\":\"a\",\"tags\":[" t "]}"

static struct test_client now;

static void
begin(const struct test_step *steps, size_t n)
{
    test_client_begin(&now, steps, n, "a:1", NULL);
}

static void
end(void)
{
    test_client_end(&now);
}

/* However the next page is named, it is this server that is asked for it. */
static void
lists_tags_page_by_page(void **state)
{
    static const struct {
        const char *link, *asks;
    } rows[] = {
        {LINK("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), "GET /v2/a/tags/list?last=b&n=2 "},
        {LINK("<list?last=b>; rel=next"), "GET /v2/a/tags/list?last=b "},
        {LINK("<?last=b>; rel=\"next\""), "GET /v2/a/tags/list?last=b "},
        {LINK("</first>; rel=\"first\", </n?x=1>; rel=\"next\""), "GET /n?x=1 "},
        {LINK("</first>; rel=\"first\"\r\nLink: </n>; rel=\"next\""), "GET /n "},
        {LINK("<http://user:pw@elsewhere.invalid:1/x?y=z>; rel=\"next\""), "GET /x?y=z "},
        {LINK("<https://elsewhere.invalid>; rel=\"next\""), "GET / "},
        {LINK("<//elsewhere.invalid/x>; rel=\"next\""), "GET /x "},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct test_step steps[] = {
            {.line = "GET /v2/a/tags/list?n=1000 ",
             .answer = rows[i].link,
             .body = TAGS("\"a\",\"b\"")},
            {.line = rows[i].asks, .answer = OK, .body = TAGS("\"c\"")},
        };
        struct strv tags = {0};
        struct err err = {0};

        begin(steps, ARRAY_LEN(steps));
        assert_ok(registry_tags(now.registry, &now.ref, &tags, &err), &err);
        assert_int_equal(tags.n, 3);
        assert_string_equal(tags.items[2], "c");
        strv_done(&tags);
        end();
    }
}

static void
an_endless_list_ends(void **state)
{
    static const struct {
        struct test_step steps[3];
        size_t n;
        const char *says; /* NULL: the list is taken as it is */
    } rows[] = {
        {{{.line = "GET /v2/_catalog?n=1000 ",
           .answer = LINK("</v2/_catalog?n=1000>; rel=\"next\""),
           .body = "{\"repositories\":[]}"}},
         1,
         NULL},
        {{{.line = "GET /v2/_catalog?n=1000 ",
           .answer = LINK("</v2/_catalog?n=1000>; rel=\"next\""),
           .body = "{\"repositories\":[\"a\"]}"}},
         1,
         "the pages of its list go in circles"},
        {{{.line = "GET /v2/_catalog?n=1000 ",
           .answer = LINK("<http://other.invalid/v2/_catalog?last=a>; rel=\"next\""),
           .body = "{\"repositories\":[\"a\"]}"},
          {.line = "GET /v2/_catalog?last=a ",
           .answer = LINK("<?n=1000>; rel=\"next\""),
           .body = "{\"repositories\":[\"b\"]}"}},
         2,
         "the pages of its list go in circles"},
        {{{.line = "GET",
           .answer = LINK("<file:///etc/passwd>; rel=\"next\""),
           .body = "{\"repositories\":[\"a\"]}"}},
         1,
         NULL},
        {{{.line = "GET", .answer = OK, .body = "{\"repositories\":[1]}"}},
         1,
         "'repositories' is no list of names"},
        {{{.line = "GET", .answer = OK, .body = "<html>"}}, 1, "registry 127.0.0.1:"},
    };
    (void) state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct strv names = {0};
        struct err err = {0};

        begin(rows[i].steps, rows[i].n);
        int r = registry_catalog(now.registry, now.ref.domain, &names, &err);
        if (rows[i].says) {
            assert_code(r, CODE_INVALID_ARGUMENT, &err);
            assert_has(err.msg, rows[i].says);
        } else {
            assert_ok(r, &err);
        }
        strv_done(&names);
        end();
    }
}

static void
a_page_is_bounded(void **state)
{
    static char page[6 * 1024 * 1024];
    const struct test_step steps[] = {
        {.line = "GET", .answer = OK, .body = page, .body_bytes = sizeof page}};
    struct strv names = {0};
    struct err err = {0};
    (void) state;

    memset(page, ' ', sizeof page);
    begin(steps, ARRAY_LEN(steps));
    assert_code(registry_catalog(now.registry, now.ref.domain, &names, &err),
                CODE_RESOURCE_EXHAUSTED, &err);
    assert_has(err.msg, "registry 127.0.0.1:");
    end();
}

static void
referrers_by_api_or_tag(void **state)
{
    static const struct test_step steps[] = {
        {.line = "GET /v2/a/referrers/sha256:", .answer = NONE},
        {.line = "GET /v2/a/manifests/sha256-", .answer = NONE},
        {.line = "GET /v2/a/referrers/sha256:",
         .answer = OK,
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

#define REFERRER(d)                                                                                \
    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX                                        \
    "\",\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"sha256:"             \
    "012345678901234567890123456789012345678901234567890123456789012" d "\",\"size\":2}]}"

static void
referrers_come_page_by_page(void **state)
{
    static const struct test_step steps[] = {
        {.line = "GET /v2/a/referrers/sha256:",
         .answer = LINK("</v2/a/referrers/x?next=1>; rel=\"next\""),
         .body = REFERRER("1")},
        {.line = "GET /v2/a/referrers/x?next=1 ", .answer = OK, .body = REFERRER("2")},
    };
    static const struct test_step circle[] = {
        {.line = "GET /v2/a/referrers/sha256:",
         .answer = LINK("<?x=1>; rel=\"next\""),
         .body = REFERRER("1")},
        {.line = "GET /v2/a/referrers/sha256:",
         .answer = LINK("<?x=1>; rel=\"next\""),
         .body = REFERRER("1")},
    };
    AUTO(oci_index) two = {0}, none = {0};
    struct digest d;
    struct err err = {0};
    (void) state;

    digest_compute(DIGEST_SHA256, "", 0, &d);
    begin(steps, ARRAY_LEN(steps));
    assert_ok(registry_referrers(now.registry, &now.ref, &d, &two, &err), &err);
    assert_int_equal(two.n, 2);
    assert_false(digest_equal(&two.manifests[0].digest, &two.manifests[1].digest));
    end();
    begin(circle, ARRAY_LEN(circle));
    assert_code(registry_referrers(now.registry, &now.ref, &d, &none, &err), CODE_INVALID_ARGUMENT,
                &err);
    assert_has(err.msg, "go in circles");
    end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_tags_page_by_page),     cmocka_unit_test(an_endless_list_ends),
        cmocka_unit_test(a_page_is_bounded),           cmocka_unit_test(referrers_by_api_or_tag),
        cmocka_unit_test(referrers_come_page_by_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
