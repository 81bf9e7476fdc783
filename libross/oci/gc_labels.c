/* SPDX-License-Identifier: Apache-2.0 */
/* The labels that a pull leaves on blobs. */
#include "libross/oci/gc_labels.h"

#include <stdio.h>
#include <string.h>

#include "libross/oci/media_type.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define IN_TOTO  "application/vnd.in-toto+json"

enum sort { SORT_MANIFEST, SORT_CONFIG, SORT_LAYER, SORT_OTHER, N_SORTS };

static enum sort
sort_of(const char *media_type)
{
    switch (media_type_kind(media_type)) {
    case MEDIA_MANIFEST:
        return SORT_MANIFEST;
    case MEDIA_CONFIG:
        return SORT_CONFIG;
    case MEDIA_LAYER:
        return SORT_LAYER;
    default:
        return SORT_OTHER; /* nested indexes too */
    }
}

void
gc_labels_add_children(struct labels *l, const struct oci_desc *children, size_t n)
{
    static const char *const keys[N_SORTS] = {
        [SORT_MANIFEST] = GC_LABEL_REF_CONTENT ".m.",
        [SORT_CONFIG] = GC_LABEL_REF_CONTENT ".config",
        [SORT_LAYER] = GC_LABEL_REF_CONTENT ".l.",
        [SORT_OTHER] = GC_LABEL_REF_CONTENT ".",
    };
    char key[sizeof GC_LABEL_REF_CONTENT + 32], shown[DIGEST_STR_MAX];
    size_t count[N_SORTS] = {0};
    enum sort sort;

    for (size_t i = 0; i < n; i++) {
        sort = sort_of(children[i].media_type);
        if (sort == SORT_CONFIG && count[sort] == 0)
            (void) snprintf(key, sizeof key, "%s", keys[sort]);
        else
            (void) snprintf(key, sizeof key, "%s%zu", keys[sort], count[sort]);
        count[sort]++;
        labels_set(l, key, digest_format(&children[i].digest, shown));
    }
}

void
gc_labels_add_snapshot(struct labels *l, const char *snapshotter, const struct digest *chain)
{
    auto_free char *key = xasprintf(GC_LABEL_REF_SNAPSHOT ".%s", snapshotter);
    char shown[DIGEST_STR_MAX];

    labels_set(l, key, digest_format(chain, shown));
}

void
gc_labels_add_source(struct labels *l, const char *host, const char *repository)
{
    auto_free char *key = xasprintf(GC_LABEL_SOURCE ".%s", host), *joined = NULL;
    const char *old = labels_find(l, key);
    AUTO(strv) repositories = {0};

    if (old)
        repositories = strv_split(old, ',');
    if (strv_has(&repositories, repository))
        return;
    strv_add(&repositories, repository);
    strv_sort(&repositories);
    joined = strv_join(&repositories, ",");
    if (strlen(key) + strlen(joined) <= LABEL_SIZE_MAX)
        labels_set(l, key, joined);
}

static const char *
ingest_prefix(const char *media_type)
{
    switch (media_type_kind(media_type)) {
    case MEDIA_INDEX:
        return "index";
    case MEDIA_MANIFEST:
        return "manifest";
    case MEDIA_CONFIG:
        return "config";
    case MEDIA_LAYER:
        return "layer";
    default:
        return strcmp(media_type, IN_TOTO) == 0 ? "attestation" : "unknown";
    }
}

char *
gc_ingest_ref(const struct oci_desc *d)
{
    const char *name = labels_find(&d->annotations, REF_NAME);
    char shown[DIGEST_STR_MAX];

    (void) digest_format(&d->digest, shown);
    if (name && *name)
        return xasprintf("%s-%s@%s", ingest_prefix(d->media_type), name, shown);
    return xasprintf("%s-%s", ingest_prefix(d->media_type), shown);
}
