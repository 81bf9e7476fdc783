/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in JSON documents. */
#include "libross/oci/oci_desc_json.h"

#include <inttypes.h>

static const struct json_field platform_fields[] = {
    {"architecture", JSON_T_STR, offsetof(struct oci_platform, architecture), false},
    {"os", JSON_T_STR, offsetof(struct oci_platform, os), false},
    {"variant", JSON_T_STR, offsetof(struct oci_platform, variant), false},
    {"os.version", JSON_T_STR, offsetof(struct oci_platform, os_version), false},
};

int
oci_platform_from_json(const struct json *v, const char *what, struct oci_platform *ret,
                       struct err *err)
{
    AUTO(oci_platform) p = {0};
    int r;

    if (v) {
        r = json_read_fields(v, platform_fields, ARRAY_LEN(platform_fields), &p, what, err);
        if (r < 0)
            return r;
    }
    *ret = TAKE_STRUCT(p);
    return 0;
}

struct json *
oci_platform_to_json(const struct oci_platform *p)
{
    struct json *o;

    if (!p->os && !p->architecture)
        return NULL;
    o = json_new_object();
    for (const struct json_field *f = platform_fields;
         f < platform_fields + ARRAY_LEN(platform_fields); f++) {
        const char *s = *(char *const *) ((const char *) p + f->offset);

        if (s)
            json_set(o, f->key, json_new_str(s));
    }
    return o;
}

struct raw_desc {
    struct oci_desc d;
    char *digest;
};

static void
raw_desc_done(struct raw_desc *raw)
{
    oci_desc_done(&raw->d);
    free(raw->digest);
}

static const struct json_field desc_fields[] = {
    {"mediaType", JSON_T_STR, offsetof(struct raw_desc, d.media_type), true},
    {"digest", JSON_T_STR, offsetof(struct raw_desc, digest), true},
    {"size", JSON_T_INT, offsetof(struct raw_desc, d.size_bytes), true},
    {"annotations", JSON_T_LABELS, offsetof(struct raw_desc, d.annotations), false},
    {"artifactType", JSON_T_STR, offsetof(struct raw_desc, d.artifact_type), false},
};

int
oci_desc_from_json(const struct json *v, const char *what, struct oci_desc *ret, struct err *err)
{
    AUTO(raw_desc) raw = {0};
    int r;

    r = json_read_fields(v, desc_fields, ARRAY_LEN(desc_fields), &raw, what, err);
    if (r < 0)
        return r;
    r = digest_parse(raw.digest, &raw.d.digest, err);
    if (r < 0)
        return err_wrap(err, r, "%s", what);
    if (raw.d.size_bytes < 0 || raw.d.size_bytes > OCI_BLOB_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s.size of %" PRId64 " is out of range", what,
                       raw.d.size_bytes);
    r = oci_platform_from_json(json_find(v, "platform"), what, &raw.d.platform, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(raw.d);
    return 0;
}

struct json *
oci_desc_to_json(const struct oci_desc *d)
{
    struct json *o = json_new_object(), *platform = oci_platform_to_json(&d->platform);
    char shown[DIGEST_STR_MAX];

    json_set(o, "mediaType", json_new_str(d->media_type));
    json_set(o, "digest", json_new_str(digest_format(&d->digest, shown)));
    json_set(o, "size", json_new_int(d->size_bytes));
    if (d->annotations.n)
        json_set(o, "annotations", json_new_labels(&d->annotations));
    if (platform)
        json_set(o, "platform", platform);
    if (d->artifact_type)
        json_set(o, "artifactType", json_new_str(d->artifact_type));
    return o;
}
