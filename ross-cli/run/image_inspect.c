/* SPDX-License-Identifier: Apache-2.0 */
/* An image in the shape of docker's inspect. */
#include <string.h>

#include "container_inspect.h"
#include "libross/base/clock.h"
#include "libross/oci/oci_ref.h"

static struct json *
str_or_empty(const char *s)
{
    return json_new_str(s ? s : "");
}

static void
set_names(struct json *o, const struct image *image, const struct strv *names)
{
    struct json *tags = json_new_array(), *digests = json_new_array();
    char digest[DIGEST_STR_MAX];
    AUTO(strv) seen = {0};

    for (size_t i = 0; i < names->n; i++) {
        AUTO(oci_ref) ref = {0};
        auto_free char *repository = NULL, *text = NULL;

        if (oci_ref_parse(names->items[i], &ref, NULL) < 0) {
            json_push(tags, json_new_str(names->items[i]));
            continue;
        }
        repository = oci_ref_familiar_name(&ref);
        if (ref.tag) {
            auto_free char *tagged = xasprintf("%s:%s", repository, ref.tag);

            json_push(tags, json_new_str(tagged));
        }
        text = xasprintf("%s@%s", repository, digest_format(&image->target.digest, digest));
        if (strv_has(&seen, text))
            continue;
        strv_add(&seen, text);
        json_push(digests, json_new_str(text));
    }
    json_set(o, "RepoTags", tags);
    json_set(o, "RepoDigests", digests);
}

static struct json *
rootfs(const struct oci_config *config)
{
    struct json *o = json_new_object(), *layers = json_new_array();
    char digest[DIGEST_STR_MAX];

    for (size_t i = 0; i < config->n_diff_ids; i++)
        json_push(layers, json_new_str(digest_format(&config->diff_ids[i], digest)));
    json_set(o, "Type", json_new_str("layers"));
    json_set(o, "Layers", layers);
    return o;
}

struct json *
image_inspect(const struct image *image, const struct image_view *view, const struct strv *names)
{
    const struct oci_config *config = &view->config;
    AUTO_PTR(json) document = NULL;
    struct json *o = json_new_object(), *metadata = json_new_object();
    const struct json *inner = NULL;
    char digest[DIGEST_STR_MAX], when[CLOCK_STR_MAX];

    json_set(o, "Id", json_new_str(digest_format(&view->manifest.config.digest, digest)));
    set_names(o, image, names);
    json_set(
        o, "Comment",
        str_or_empty(config->n_history ? config->history[config->n_history - 1].comment : NULL));
    json_set(o, "Created", str_or_empty(config->created));
    json_set(o, "Author", str_or_empty(config->author));
    if (json_parse(view->config_json, strlen(view->config_json), &document, NULL) == 0)
        inner = json_find(document, "config");
    json_set(o, "Config", inner ? json_clone(inner) : json_new_object());
    json_set(o, "Architecture", str_or_empty(config->platform.architecture));
    json_set(o, "Os", str_or_empty(config->platform.os));
    if (config->platform.variant)
        json_set(o, "Variant", json_new_str(config->platform.variant));
    json_set(o, "Size", json_new_int(view->size_bytes));
    json_set(o, "Digest", json_new_str(digest_format(&image->target.digest, digest)));
    json_set(o, "MediaType", json_new_str(image->target.media_type));
    json_set(o, "RootFS", rootfs(config));
    json_set(metadata, "LastTagTime", json_new_str(clock_format(image->updated_ns, when)));
    json_set(o, "Metadata", metadata);
    json_set(o, "Labels", json_new_labels(&image->labels));
    return o;
}
