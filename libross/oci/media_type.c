/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of images. */
#include "libross/oci/media_type.h"

#include <stddef.h>
#include <string.h>

#include "libross/base/mem.h"

#define FOREIGN_OCI    "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define FOREIGN_DOCKER "application/vnd.docker.image.rootfs.foreign.diff.tar"
#define SCHEMA1        "application/vnd.docker.distribution.manifest.v1"

#define NONE  MEDIA_COMPRESSION_NONE
#define GZIP  MEDIA_COMPRESSION_GZIP
#define ZSTD  MEDIA_COMPRESSION_ZSTD
#define SNIFF MEDIA_COMPRESSION_UNKNOWN

/* clang-format off */
static const struct media_type types[] = {
    /* name                         kind            packed docker foreign OCI's name */
    {MEDIA_OCI_INDEX,               MEDIA_INDEX,    NONE,  false, false, MEDIA_OCI_INDEX},
    {MEDIA_OCI_MANIFEST,            MEDIA_MANIFEST, NONE,  false, false, MEDIA_OCI_MANIFEST},
    {MEDIA_OCI_CONFIG,              MEDIA_CONFIG,   NONE,  false, false, MEDIA_OCI_CONFIG},
    {MEDIA_OCI_LAYER,               MEDIA_LAYER,    NONE,  false, false, MEDIA_OCI_LAYER},
    {MEDIA_OCI_LAYER_GZIP,          MEDIA_LAYER,    GZIP,  false, false, MEDIA_OCI_LAYER_GZIP},
    {MEDIA_OCI_LAYER_ZSTD,          MEDIA_LAYER,    ZSTD,  false, false, MEDIA_OCI_LAYER_ZSTD},
    {FOREIGN_OCI,                   MEDIA_LAYER,    NONE,  false, true,  FOREIGN_OCI},
    {FOREIGN_OCI "+gzip",           MEDIA_LAYER,    GZIP,  false, true,  FOREIGN_OCI "+gzip"},
    {FOREIGN_OCI "+zstd",           MEDIA_LAYER,    ZSTD,  false, true,  FOREIGN_OCI "+zstd"},
    {MEDIA_DOCKER_LIST,             MEDIA_INDEX,    NONE,  true,  false, MEDIA_OCI_INDEX},
    {MEDIA_DOCKER_MANIFEST,         MEDIA_MANIFEST, NONE,  true,  false, MEDIA_OCI_MANIFEST},
    {MEDIA_DOCKER_CONFIG,           MEDIA_CONFIG,   NONE,  true,  false, MEDIA_OCI_CONFIG},
    {MEDIA_DOCKER_LAYER,            MEDIA_LAYER,    SNIFF, true,  false, MEDIA_OCI_LAYER},
    {MEDIA_DOCKER_LAYER_GZIP,       MEDIA_LAYER,    GZIP,  true,  false, MEDIA_OCI_LAYER_GZIP},
    {MEDIA_DOCKER_LAYER ".zstd",    MEDIA_LAYER,    ZSTD,  true,  false, MEDIA_OCI_LAYER_ZSTD},
    {FOREIGN_DOCKER,                MEDIA_LAYER,    SNIFF, true,  true,  FOREIGN_OCI},
    {FOREIGN_DOCKER ".gzip",        MEDIA_LAYER,    GZIP,  true,  true,  FOREIGN_OCI "+gzip"},
    {FOREIGN_DOCKER ".zstd",        MEDIA_LAYER,    ZSTD,  true,  true,  FOREIGN_OCI "+zstd"},
    {SCHEMA1 "+json",               MEDIA_SCHEMA1,  NONE,  true,  false, NULL},
    {SCHEMA1 "+prettyjws",          MEDIA_SCHEMA1,  NONE,  true,  false, NULL},
};
/* clang-format on */

static const struct media_type other = {"", MEDIA_OTHER, NONE, false, false, NULL};

/* Up to parameters and the blanks before them. */
static size_t
bare_length(const char *name)
{
    size_t n = strcspn(name, ";");

    while (n && (name[n - 1] == ' ' || name[n - 1] == '\t'))
        n--;
    return n;
}

const struct media_type *
media_type_find(const char *name)
{
    size_t n;

    if (!name)
        return &other;
    n = bare_length(name);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strlen(types[i].name) == n && memcmp(types[i].name, name, n) == 0)
            return &types[i];
    return &other;
}

enum media_kind
media_type_kind(const char *name)
{
    return media_type_find(name)->kind;
}

bool
media_type_equal(const char *a, const char *b)
{
    size_t n = bare_length(a);

    return n == bare_length(b) && memcmp(a, b, n) == 0;
}

const char *
media_type_layer(bool docker, enum media_compression compression)
{
    static const char *const names[2][3] = {
        {MEDIA_OCI_LAYER, MEDIA_OCI_LAYER_GZIP, MEDIA_OCI_LAYER_ZSTD},
        {MEDIA_DOCKER_LAYER, MEDIA_DOCKER_LAYER_GZIP, NULL},
    };

    return names[docker][compression];
}

const char *
media_kind_name(enum media_kind kind)
{
    static const char *const names[] = {
        [MEDIA_OTHER] = "a document",    [MEDIA_INDEX] = "an index",
        [MEDIA_MANIFEST] = "a manifest", [MEDIA_CONFIG] = "a config",
        [MEDIA_LAYER] = "a layer",       [MEDIA_SCHEMA1] = "a schema 1 manifest",
    };

    return names[kind];
}
