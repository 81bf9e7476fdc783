/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/oci_manifest.h"

#include <stdio.h>
#include <string.h>

#include "libross/base/buf.h"
#include "libross/base/test.h"
#include "libross/oci/chain_id.h"
#include "libross/oci/gc_labels.h"
#include "libross/oci/platform.h"

#define HEX           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
#define D(n)          "sha256:" HEX #n
#define DESC(type, n) "{\"mediaType\":\"" type "\",\"digest\":\"" D(n) "\",\"size\":7" #n "}"
#define PLATFORM(n, p)                                                                             \
    "{\"mediaType\":\"" MEDIA_OCI_MANIFEST                                                         \
    "\",\"digest\":\"" D(n) "\",\"size\":7,\"platform\":{" p "}}"

/* clang-format off */
static const char manifest_text[] =
    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"artifactType\":\"application/x\","
    "\"config\":" DESC(MEDIA_OCI_CONFIG, 0) ","
    "\"layers\":[" DESC(MEDIA_OCI_LAYER_GZIP, 1) "," DESC(MEDIA_OCI_LAYER_ZSTD, 2) "],"
    "\"subject\":" DESC(MEDIA_OCI_MANIFEST, 3) ",\"annotations\":{\"a\":\"\",\"b\":\"c\"}}";

static const char index_text[] =
    "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":["
    PLATFORM(0, "\"architecture\":\"unknown\",\"os\":\"unknown\"") ","
    PLATFORM(1, "\"architecture\":\"386\",\"os\":\"linux\"") ","
    PLATFORM(2, "\"architecture\":\"amd64\",\"os\":\"linux\"") ","
    PLATFORM(3, "\"architecture\":\"amd64\",\"os\":\"linux\"") ","
    PLATFORM(4, "\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v6\",\"os.version\":\"1\"")
    "]}";
/* clang-format on */

static void
manifests_survive_reading_and_writing(void **state)
{
    AUTO(oci_manifest) m = {0};
    auto_free char *text = NULL;
    struct err err = {0};
    char shown[DIGEST_STR_MAX];
    size_t n;

    (void) state;
    assert_ok(
        oci_manifest_parse(manifest_text, strlen(manifest_text), MEDIA_OCI_MANIFEST, &m, &err),
        &err);
    assert_string_equal(m.media_type, MEDIA_OCI_MANIFEST);
    assert_string_equal(digest_format(&m.config.digest, shown), D(0));
    assert_int_equal(m.n_layers, 2);
    assert_string_equal(m.layers[1].media_type, MEDIA_OCI_LAYER_ZSTD);
    assert_int_equal(m.layers[1].size_bytes, 72);
    assert_string_equal(m.subject.media_type, MEDIA_OCI_MANIFEST);
    assert_string_equal(labels_find(&m.annotations, "a"), "");
    text = oci_manifest_format(&m, &n);
    assert_string_equal(text, manifest_text);
    assert_int_equal(n, strlen(text));
}

static void
indexes_survive_reading_and_writing(void **state)
{
    AUTO(oci_index) index = {0};
    auto_free char *text = NULL;
    struct err err = {0};

    (void) state;
    assert_ok(oci_index_parse(index_text, strlen(index_text), NULL, &index, &err), &err);
    assert_int_equal(index.n, 5);
    assert_string_equal(index.manifests[4].platform.os_version, "1");
    text = oci_index_format(&index, NULL);
    assert_string_equal(text, index_text);
}

static void
documents_without_a_type_take_it_over(void **state)
{
    static const char text[] =
        "{\"schemaVersion\":2,\"config\":" DESC(MEDIA_DOCKER_CONFIG, 0) ",\"layers\":null}";
    AUTO(oci_manifest) docker = {0};
    AUTO(oci_manifest) oci = {0};
    struct err err = {0};

    (void) state;
    assert_ok(oci_manifest_parse(text, strlen(text), MEDIA_DOCKER_MANIFEST "; charset=utf-8",
                                 &docker, &err),
              &err);
    assert_string_equal(docker.media_type, MEDIA_DOCKER_MANIFEST);
    assert_int_equal(docker.n_layers, 0);
    assert_ok(oci_manifest_parse(text, strlen(text), "application/json", &oci, &err), &err);
    assert_string_equal(oci.media_type, MEDIA_OCI_MANIFEST);
}

static void
kinds_are_told_apart(void **state)
{
    static const struct {
        const char *text, *media_type, *says; /* says NULL: fine */
        enum media_kind kind;
    } rows[] = {
        {"{\"manifests\":[]}", NULL, NULL, MEDIA_INDEX},
        {"{\"layers\":[]}", NULL, NULL, MEDIA_MANIFEST},
        {"{\"config\":{}}", "application/json", NULL, MEDIA_MANIFEST},
        {"{}", MEDIA_OCI_INDEX, NULL, MEDIA_INDEX},
        {"{\"mediaType\":\"" MEDIA_DOCKER_LIST "\"}", NULL, NULL, MEDIA_INDEX},
        {"{\"mediaType\":\"" MEDIA_DOCKER_LIST "\",\"manifests\":[]}", MEDIA_DOCKER_LIST, NULL,
         MEDIA_INDEX},
        {"{}", NULL, "neither", 0},
        {"[]", MEDIA_OCI_INDEX, "no JSON object", 0},
        {"x", MEDIA_OCI_INDEX, "line 1", 0},
        {"{\"manifests\":[],\"layers\":[]}", NULL, "both", 0},
        {"{\"manifests\":[],\"config\":{}}", MEDIA_OCI_INDEX, "both", 0},
        {"{\"manifests\":[]}", MEDIA_OCI_MANIFEST, "expected a manifest, found an index", 0},
        {"{\"layers\":[]}", MEDIA_DOCKER_LIST, "expected an index, found a manifest", 0},
        {"{\"layers\":[],\"mediaType\":\"" MEDIA_OCI_INDEX "\"}", NULL, "expected an index", 0},
        {"{\"layers\":[],\"mediaType\":\"" MEDIA_DOCKER_MANIFEST "\"}", MEDIA_OCI_MANIFEST,
         "calls itself", 0},
        {"{\"layers\":[],\"mediaType\":5}", NULL, "no string", 0},
        {"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1", 0},
        {"{\"schemaVersion\":2,\"fsLayers\":[]}", NULL, "schema 1", 0},
        {"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1", 0},
        {"{\"schemaVersion\":3,\"layers\":[]}", NULL, "schemaVersion is 3", 0},
        {"{\"schemaVersion\":\"2\",\"layers\":[]}", NULL, "no integer", 0},
    };
    enum media_kind kind;
    struct err err;
    int r;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err = (struct err){0};
        r = oci_document_kind(rows[i].text, strlen(rows[i].text), rows[i].media_type, &kind, &err);
        if (!rows[i].says) {
            assert_ok(r, &err);
            assert_int_equal(kind, rows[i].kind);
            continue;
        }
        assert_code(r, CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
}

static void
malformed_manifests_name_the_field(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{\"layers\":[]}", "has no config"},
        {"{\"config\":[]}", "config is not a JSON object"},
        {"{\"config\":{}}", "config.mediaType is missing"},
        {"{\"config\":{\"mediaType\":\"x\",\"digest\":\"" D(0) "\"}}", "config.size is missing"},
        {"{\"config\":{\"mediaType\":\"x\",\"digest\":\"md5:00\",\"size\":1}}", "config: digest"},
        {"{\"config\":{\"mediaType\":\"x\",\"digest\":\"" D(0) "\",\"size\":-1}}", "config.size"},
        {"{\"config\":{\"mediaType\":\"x\",\"digest\":\"" D(0) "\",\"size\":9223372036854775807}}",
         "config.size"},
        {"{\"config\":" DESC("x", 0) ",\"layers\":{}}", "layers is no list"},
        {"{\"config\":" DESC("x", 0) ",\"layers\":[" DESC("x", 1) ",null]}", "layers[1] is not"},
        {"{\"config\":" DESC("x", 0) ",\"layers\":[" DESC("x", 1) ",{}]}", "layers[1].mediaType"},
        {"{\"config\":" DESC("x", 0) ",\"subject\":5}", "subject is not"},
        {"{\"config\":" DESC("x", 0) ",\"annotations\":{\"a\":1}}", "manifest.annotations"},
        {"{\"manifests\":[]}", "expected a manifest"},
    };
    struct oci_manifest m = {0};
    struct err err;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err = (struct err){0};
        assert_code(oci_manifest_parse(rows[i].text, strlen(rows[i].text), NULL, &m, &err),
                    CODE_INVALID_ARGUMENT, &err);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("row %zu: %s", i, err.msg);
    }
    assert_null(m.media_type);
}

static void
sizes_and_counts_are_bounded(void **state)
{
    AUTO(buf) text = BUF_INIT(MANIFEST_SIZE_MAX + 1);
    struct oci_manifest m = {0};
    struct err err = {0};

    (void) state;
    assert_ok(buf_append_str(&text, "{\"config\":" DESC("x", 0) ",\"layers\":[", &err), &err);
    for (int i = 0; i < LAYERS_MAX; i++)
        assert_ok(buf_append_str(&text, DESC("x", 1) ",", &err), &err);
    assert_ok(buf_append_str(&text, DESC("x", 1) "]}", &err), &err);
    assert_code(oci_manifest_parse(text.data, text.len, NULL, &m, &err), CODE_INVALID_ARGUMENT,
                &err);
    assert_non_null(strstr(err.msg, "501 layers, more than 500"));
    assert_ok(buf_reserve(&text, MANIFEST_SIZE_MAX + 1 - text.len, &err), &err);
    memset(text.data, ' ', MANIFEST_SIZE_MAX + 1);
    assert_code(oci_manifest_parse(text.data, MANIFEST_SIZE_MAX + 1, NULL, &m, &err),
                CODE_INVALID_ARGUMENT, &err);
    assert_non_null(strstr(err.msg, "bytes, more than"));
}

static void
chooses_the_best_platform(void **state)
{
    static const struct {
        const char *platform;
        int entry; /* -1 none */
    } rows[] = {
        {"linux/amd64", 2},   {"linux/386", 1},    {"linux/arm/v7", 4},    {"linux/arm64", 4},
        {"linux/arm/v5", -1}, {"linux/s390x", -1}, {"unknown/unknown", 0},
    };
    AUTO(oci_index) index = {0};
    struct err err = {0};

    (void) state;
    assert_ok(oci_index_parse(index_text, strlen(index_text), NULL, &index, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(oci_platform) want = {0};
        const struct oci_desc *got;

        assert_ok(platform_parse(rows[i].platform, &want, &err), &err);
        got = oci_index_choose(&index, &want);
        if (rows[i].entry < 0)
            assert_null(got);
        else
            assert_ptr_equal(got, &index.manifests[rows[i].entry]);
    }
}

static void
chain_ids_are_those_of_the_specification(void **state)
{
    struct digest ids[3], chain[3], want;
    struct err err = {0};

    (void) state;
    digest_compute(DIGEST_SHA256, "a", 1, &ids[0]);
    digest_compute(DIGEST_SHA256, "b", 1, &ids[1]);
    digest_compute(DIGEST_SHA256, "c", 1, &ids[2]);
    chain_id_compute(ids, 3, chain);
    assert_true(digest_equal(&chain[0], &ids[0]));
    assert_ok(
        digest_parse("sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676",
                     &want, &err),
        &err);
    assert_true(digest_equal(&chain[1], &want));
    assert_ok(
        digest_parse("sha256:2fce7f8ce91bcf0a1428b36e1024639fdbd9469eea762dba98aa749631885106",
                     &want, &err),
        &err);
    assert_true(digest_equal(&chain[2], &want));
}

static void
children_get_labels(void **state)
{
    struct oci_desc children[] = {
        {.media_type = (char *) MEDIA_DOCKER_CONFIG},     {.media_type = (char *) MEDIA_OCI_LAYER},
        {.media_type = (char *) MEDIA_DOCKER_LAYER_GZIP}, {.media_type = (char *) "application/x"},
        {.media_type = (char *) MEDIA_OCI_MANIFEST},      {.media_type = (char *) MEDIA_OCI_INDEX},
        {.media_type = (char *) MEDIA_DOCKER_MANIFEST},
    };
    static const char *const keys[] = {
        "containerd.io/gc.ref.content.config", "containerd.io/gc.ref.content.l.0",
        "containerd.io/gc.ref.content.l.1",    "containerd.io/gc.ref.content.0",
        "containerd.io/gc.ref.content.m.0",    "containerd.io/gc.ref.content.1",
        "containerd.io/gc.ref.content.m.1",
    };
    char shown[DIGEST_STR_MAX];
    AUTO(labels) l = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(children); i++)
        digest_compute(DIGEST_SHA256, &i, sizeof i, &children[i].digest);
    gc_labels_add_children(&l, children, ARRAY_LEN(children));
    assert_int_equal(l.n, ARRAY_LEN(keys));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_string_equal(labels_find(&l, keys[i]), digest_format(&children[i].digest, shown));
    gc_labels_add_snapshot(&l, "ross", &children[0].digest);
    assert_string_equal(labels_find(&l, "containerd.io/gc.ref.snapshot.ross"),
                        digest_format(&children[0].digest, shown));
}

static void
sources_are_a_sorted_list(void **state)
{
    static const char key[] = "containerd.io/distribution.source.h:1";
    AUTO(labels) l = {0};
    char name[300];

    (void) state;
    gc_labels_add_source(&l, "h:1", "b");
    gc_labels_add_source(&l, "h:1", "c");
    gc_labels_add_source(&l, "h:1", "a");
    gc_labels_add_source(&l, "h:1", "b");
    gc_labels_add_source(&l, "h:2", "b");
    assert_string_equal(labels_find(&l, key), "a,b,c");
    assert_int_equal(l.n, 2);
    for (int i = 0; i < 30; i++) {
        memset(name, 'x', sizeof name - 1);
        (void) snprintf(name + 250, 49, "%d", i);
        gc_labels_add_source(&l, "h:1", name);
        assert_true(strlen(key) + strlen(labels_find(&l, key)) <= LABEL_SIZE_MAX);
    }
}

static void
ingests_are_named_by_kind(void **state)
{
    static const struct {
        const char *media_type, *prefix;
    } rows[] = {
        {MEDIA_OCI_INDEX, "index-"},   {MEDIA_DOCKER_MANIFEST, "manifest-"},
        {MEDIA_OCI_CONFIG, "config-"}, {MEDIA_DOCKER_LAYER, "layer-"},
        {"application/x", "unknown-"}, {"application/vnd.in-toto+json", "attestation-"},
    };
    struct err err = {0};

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct oci_desc d = {.media_type = (char *) rows[i].media_type};
        auto_free char *plain = NULL, *named = NULL, *want = xasprintf("%s" D(1), rows[i].prefix);
        auto_free char *want_named = xasprintf("%sname@" D(1), rows[i].prefix);

        assert_ok(digest_parse(D(1), &d.digest, &err), &err);
        plain = gc_ingest_ref(&d);
        assert_string_equal(plain, want);
        labels_set(&d.annotations, "org.opencontainers.image.ref.name", "name");
        named = gc_ingest_ref(&d);
        assert_string_equal(named, want_named);
        labels_done(&d.annotations);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_survive_reading_and_writing),
        cmocka_unit_test(indexes_survive_reading_and_writing),
        cmocka_unit_test(documents_without_a_type_take_it_over),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(malformed_manifests_name_the_field),
        cmocka_unit_test(sizes_and_counts_are_bounded),
        cmocka_unit_test(chooses_the_best_platform),
        cmocka_unit_test(chain_ids_are_those_of_the_specification),
        cmocka_unit_test(children_get_labels),
        cmocka_unit_test(sources_are_a_sorted_list),
        cmocka_unit_test(ingests_are_named_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
