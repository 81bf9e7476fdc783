/* SPDX-License-Identifier: Apache-2.0 */
/* Image indexes and manifests. */
#include "libross/oci/oci_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libross/oci/oci_desc_json.h"
#include "libross/oci/platform.h"

#define SCHEMA_VERSION 2

void
oci_index_done(struct oci_index *index)
{
    for (size_t i = 0; i < index->n; i++)
        oci_desc_done(&index->manifests[i]);
    free(index->manifests);
    free(index->media_type);
    free(index->artifact_type);
    labels_done(&index->annotations);
    oci_desc_done(&index->subject);
    *index = (struct oci_index){0};
}

void
oci_manifest_done(struct oci_manifest *m)
{
    for (size_t i = 0; i < m->n_layers; i++)
        oci_desc_done(&m->layers[i]);
    free(m->layers);
    free(m->media_type);
    free(m->artifact_type);
    oci_desc_done(&m->config);
    labels_done(&m->annotations);
    oci_desc_done(&m->subject);
    *m = (struct oci_manifest){0};
}

static int
check_version(const struct json *doc, struct err *err)
{
    int64_t version;

    if (!json_find(doc, "schemaVersion"))
        return 0;
    if (!json_int(json_find(doc, "schemaVersion"), &version))
        return err_set(err, CODE_INVALID_ARGUMENT, "schemaVersion is no integer");
    if (version == 1)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "docker image manifests of schema 1 are not supported; push the image again "
                       "with a current tool");
    if (version != SCHEMA_VERSION)
        return err_set(err, CODE_INVALID_ARGUMENT, "schemaVersion is %" PRId64 ", not %d", version,
                       SCHEMA_VERSION);
    return 0;
}

/* What the document is by its own words, MEDIA_OTHER when they do not say. */
static int
kind_by_content(const struct json *doc, enum media_kind *ret, struct err *err)
{
    bool index = json_find(doc, "manifests");
    bool manifest = json_find(doc, "layers") || json_find(doc, "config");

    if (json_find(doc, "fsLayers"))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "docker image manifests of schema 1 are not supported; push the image again "
                       "with a current tool");
    if (index && manifest)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the document is both an index and a manifest, which is not allowed");
    *ret = index ? MEDIA_INDEX : manifest ? MEDIA_MANIFEST : MEDIA_OTHER;
    return 0;
}

static bool
is_image_document(enum media_kind kind)
{
    return kind == MEDIA_INDEX || kind == MEDIA_MANIFEST || kind == MEDIA_SCHEMA1;
}

static int
check_kind(const struct json *doc, const char *media_type, enum media_kind *ret, struct err *err)
{
    const char *own = json_str(json_find(doc, "mediaType"));
    enum media_kind said = media_type_kind(media_type), kind = MEDIA_OTHER;
    int r;

    if (!json_is_object(doc))
        return err_set(err, CODE_INVALID_ARGUMENT, "the document is no JSON object");
    if (json_find(doc, "mediaType") && !own)
        return err_set(err, CODE_INVALID_ARGUMENT, "mediaType is no string");
    r = check_version(doc, err);
    if (r < 0)
        return r;
    r = kind_by_content(doc, &kind, err);
    if (r < 0)
        return r;
    if (is_image_document(said) && own && !media_type_equal(media_type, own))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the document calls itself '%.128s', its descriptor '%.128s'", own,
                       media_type);
    if (!is_image_document(said))
        said = media_type_kind(own);
    if (said == MEDIA_SCHEMA1)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "docker image manifests of schema 1 are not supported; push the image again "
                       "with a current tool");
    if (kind == MEDIA_OTHER)
        kind = said;
    if (!is_image_document(kind))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the document is neither an image index nor a manifest");
    if (is_image_document(said) && said != kind)
        return err_set(err, CODE_INVALID_ARGUMENT, "expected %s, found %s", media_kind_name(said),
                       media_kind_name(kind));
    *ret = kind;
    return 0;
}

static int
parse_bounded(const void *p, size_t n, struct json **ret, struct err *err)
{
    if (n > MANIFEST_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "a manifest of %zu bytes, more than %d", n,
                       MANIFEST_SIZE_MAX);
    return json_parse(p, n, ret, err);
}

int
oci_document_kind(const void *p, size_t n, const char *media_type, enum media_kind *ret,
                  struct err *err)
{
    AUTO_PTR(json) doc = NULL;
    int r;

    r = parse_bounded(p, n, &doc, err);
    if (r < 0)
        return r;
    return check_kind(doc, media_type, ret, err);
}

/* Parses and checks that it is of this kind; *ret_media_type is malloc'ed. */
static int
open_document(const void *p, size_t n, const char *media_type, enum media_kind wanted,
              const char *oci_name, struct json **ret, char **ret_media_type, struct err *err)
{
    AUTO_PTR(json) doc = NULL;
    enum media_kind kind = MEDIA_OTHER;
    const char *own;
    int r;

    r = parse_bounded(p, n, &doc, err);
    if (r < 0)
        return r;
    r = check_kind(doc, media_type, &kind, err);
    if (r < 0)
        return r;
    if (kind != wanted)
        return err_set(err, CODE_INVALID_ARGUMENT, "expected %s, found %s", media_kind_name(wanted),
                       media_kind_name(kind));
    own = json_str(json_find(doc, "mediaType"));
    if (!is_image_document(media_type_kind(own)))
        own = is_image_document(media_type_kind(media_type)) ? media_type_find(media_type)->name
                                                             : oci_name;
    *ret_media_type = xstrdup(own);
    *ret = TAKE(doc);
    return 0;
}

/* doc.KEY as descriptors; a missing or null list is empty. */
static int
read_descs(const struct json *doc, const char *key, size_t max, struct oci_desc **descs, size_t *n,
           struct err *err)
{
    const struct json *list = json_find(doc, key);
    char what[64];
    int r;

    if (list && !json_is_array(list))
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is no list", key);
    if (json_len(list) > max)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu %s, more than %zu", json_len(list), key,
                       max);
    *descs = xcalloc(json_len(list) + 1, sizeof **descs);
    for (size_t i = 0; i < json_len(list); i++) {
        (void) snprintf(what, sizeof what, "%s[%zu]", key, i);
        r = oci_desc_from_json(json_at(list, i), what, &(*descs)[i], err);
        if (r < 0)
            return r;
        ++*n;
    }
    return 0;
}

static int
read_subject(const struct json *doc, struct oci_desc *ret, struct err *err)
{
    const struct json *subject = json_find(doc, "subject");

    return subject ? oci_desc_from_json(subject, "subject", ret, err) : 0;
}

int
oci_index_parse(const void *p, size_t n, const char *media_type, struct oci_index *ret,
                struct err *err)
{
    static const struct json_field fields[] = {
        {"artifactType", JSON_T_STR, offsetof(struct oci_index, artifact_type), false},
        {"annotations", JSON_T_LABELS, offsetof(struct oci_index, annotations), false},
    };
    AUTO(oci_index) index = {0};
    AUTO_PTR(json) doc = NULL;
    int r;

    r = open_document(p, n, media_type, MEDIA_INDEX, MEDIA_OCI_INDEX, &doc, &index.media_type, err);
    if (r < 0)
        return r;
    r = json_read_fields(doc, fields, ARRAY_LEN(fields), &index, "index", err);
    if (r < 0)
        return r;
    r = read_descs(doc, "manifests", INDEX_ENTRIES_MAX, &index.manifests, &index.n, err);
    if (r < 0)
        return r;
    r = read_subject(doc, &index.subject, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(index);
    return 0;
}

int
oci_manifest_parse(const void *p, size_t n, const char *media_type, struct oci_manifest *ret,
                   struct err *err)
{
    static const struct json_field fields[] = {
        {"artifactType", JSON_T_STR, offsetof(struct oci_manifest, artifact_type), false},
        {"annotations", JSON_T_LABELS, offsetof(struct oci_manifest, annotations), false},
    };
    AUTO(oci_manifest) m = {0};
    AUTO_PTR(json) doc = NULL;
    int r;

    r = open_document(p, n, media_type, MEDIA_MANIFEST, MEDIA_OCI_MANIFEST, &doc, &m.media_type,
                      err);
    if (r < 0)
        return r;
    r = json_read_fields(doc, fields, ARRAY_LEN(fields), &m, "manifest", err);
    if (r < 0)
        return r;
    if (!json_find(doc, "config"))
        return err_set(err, CODE_INVALID_ARGUMENT, "the manifest has no config");
    r = oci_desc_from_json(json_find(doc, "config"), "config", &m.config, err);
    if (r < 0)
        return r;
    r = read_descs(doc, "layers", LAYERS_MAX, &m.layers, &m.n_layers, err);
    if (r < 0)
        return r;
    r = read_subject(doc, &m.subject, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(m);
    return 0;
}

static struct json *
document_new(const char *media_type, const char *artifact_type)
{
    struct json *doc = json_new_object();

    json_set(doc, "schemaVersion", json_new_int(SCHEMA_VERSION));
    json_set(doc, "mediaType", json_new_str(media_type));
    if (artifact_type)
        json_set(doc, "artifactType", json_new_str(artifact_type));
    return doc;
}

static void
set_descs(struct json *doc, const char *key, const struct oci_desc *descs, size_t n)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < n; i++)
        json_push(list, oci_desc_to_json(&descs[i]));
    json_set(doc, key, list);
}

static void
set_tail(struct json *doc, const struct oci_desc *subject, const struct labels *annotations)
{
    if (subject->media_type)
        json_set(doc, "subject", oci_desc_to_json(subject));
    if (annotations->n)
        json_set(doc, "annotations", json_new_labels(annotations));
}

char *
oci_index_format(const struct oci_index *index, size_t *ret_len)
{
    AUTO_PTR(json) doc = document_new(index->media_type, index->artifact_type);

    set_descs(doc, "manifests", index->manifests, index->n);
    set_tail(doc, &index->subject, &index->annotations);
    return json_dump(doc, ret_len);
}

char *
oci_manifest_format(const struct oci_manifest *m, size_t *ret_len)
{
    AUTO_PTR(json) doc = document_new(m->media_type, m->artifact_type);

    json_set(doc, "config", oci_desc_to_json(&m->config));
    set_descs(doc, "layers", m->layers, m->n_layers);
    set_tail(doc, &m->subject, &m->annotations);
    return json_dump(doc, ret_len);
}

const struct oci_desc *
oci_index_choose(const struct oci_index *index, const struct oci_platform *want)
{
    const struct oci_desc *best = NULL, *d;
    enum media_kind kind;
    int rank, best_rank = 0;

    for (size_t i = 0; i < index->n; i++) {
        d = &index->manifests[i];
        kind = media_type_kind(d->media_type);
        if (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
            continue;
        rank = platform_rank(want, &d->platform);
        if (rank >= 0 && (!best || rank < best_rank)) {
            best = d;
            best_rank = rank;
        }
    }
    return best;
}
