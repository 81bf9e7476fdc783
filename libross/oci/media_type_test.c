/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/media_type.h"

#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/test.h"

#define OCI    "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define NONE   MEDIA_COMPRESSION_NONE
#define GZIP   MEDIA_COMPRESSION_GZIP
#define ZSTD   MEDIA_COMPRESSION_ZSTD
#define SNIFF  MEDIA_COMPRESSION_UNKNOWN

static void
every_known_type_has_its_row(void **state)
{
    static const struct {
        const char *name;
        enum media_kind kind;
        enum media_compression compression;
        bool foreign;
        const char *oci;
    } rows[] = {
        {OCI "index.v1+json", MEDIA_INDEX, NONE, false, OCI "index.v1+json"},
        {OCI "manifest.v1+json", MEDIA_MANIFEST, NONE, false, OCI "manifest.v1+json"},
        {OCI "config.v1+json", MEDIA_CONFIG, NONE, false, OCI "config.v1+json"},
        {OCI "layer.v1.tar", MEDIA_LAYER, NONE, false, OCI "layer.v1.tar"},
        {OCI "layer.v1.tar+gzip", MEDIA_LAYER, GZIP, false, OCI "layer.v1.tar+gzip"},
        {OCI "layer.v1.tar+zstd", MEDIA_LAYER, ZSTD, false, OCI "layer.v1.tar+zstd"},
        {OCI "layer.nondistributable.v1.tar", MEDIA_LAYER, NONE, true,
         OCI "layer.nondistributable.v1.tar"},
        {OCI "layer.nondistributable.v1.tar+gzip", MEDIA_LAYER, GZIP, true,
         OCI "layer.nondistributable.v1.tar+gzip"},
        {OCI "layer.nondistributable.v1.tar+zstd", MEDIA_LAYER, ZSTD, true,
         OCI "layer.nondistributable.v1.tar+zstd"},
        {DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX, NONE, false,
         OCI "index.v1+json"},
        {DOCKER "distribution.manifest.v2+json", MEDIA_MANIFEST, NONE, false,
         OCI "manifest.v1+json"},
        {DOCKER "container.image.v1+json", MEDIA_CONFIG, NONE, false, OCI "config.v1+json"},
        {DOCKER "image.rootfs.diff.tar", MEDIA_LAYER, SNIFF, false, OCI "layer.v1.tar"},
        {DOCKER "image.rootfs.diff.tar.gzip", MEDIA_LAYER, GZIP, false, OCI "layer.v1.tar+gzip"},
        {DOCKER "image.rootfs.diff.tar.zstd", MEDIA_LAYER, ZSTD, false, OCI "layer.v1.tar+zstd"},
        {DOCKER "image.rootfs.foreign.diff.tar", MEDIA_LAYER, SNIFF, true,
         OCI "layer.nondistributable.v1.tar"},
        {DOCKER "image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER, GZIP, true,
         OCI "layer.nondistributable.v1.tar+gzip"},
        {DOCKER "distribution.manifest.v1+json", MEDIA_SCHEMA1, NONE, false, NULL},
        {DOCKER "distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1, NONE, false, NULL},
        {"application/vnd.in-toto+json", MEDIA_OTHER, NONE, false, NULL},
        {OCI "layer.v1.tar+gzip+encrypted", MEDIA_OTHER, NONE, false, NULL},
        {"", MEDIA_OTHER, NONE, false, NULL},
        {NULL, MEDIA_OTHER, NONE, false, NULL},
        {OCI "index.v1+json ; charset=utf-8", MEDIA_INDEX, NONE, false, OCI "index.v1+json"},
    };
    const struct media_type *t;

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        t = media_type_find(rows[i].name);
        assert_int_equal(t->kind, rows[i].kind);
        assert_int_equal(media_type_kind(rows[i].name), rows[i].kind);
        assert_int_equal(t->compression, rows[i].compression);
        assert_int_equal(t->foreign, rows[i].foreign);
        if (rows[i].oci)
            assert_string_equal(t->oci, rows[i].oci);
        else
            assert_null(t->oci);
        assert_non_null(media_kind_name(t->kind));
    }
}

static void
layer_names_find_their_row_again(void **state)
{
    const char *name;

    (void) state;
    for (int docker = 0; docker < 2; docker++)
        for (enum media_compression c = NONE; c <= ZSTD; c++) {
            name = media_type_layer(docker, c);
            if (docker && c == ZSTD) {
                assert_null(name);
                continue;
            }
            assert_int_equal(media_type_find(name)->kind, MEDIA_LAYER);
            assert_int_equal(media_type_find(name)->docker, docker);
            if (!docker || c != NONE)
                assert_int_equal(media_type_find(name)->compression, c);
        }
}

static void
parameters_do_not_count(void **state)
{
    (void) state;
    assert_true(media_type_equal("a/b; x=1", "a/b"));
    assert_false(media_type_equal("a/b", "a/bc"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_type_has_its_row),
        cmocka_unit_test(layer_names_find_their_row_again),
        cmocka_unit_test(parameters_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
