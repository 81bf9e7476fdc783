/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of ps, as docker has them. */
#include "ps_filter.h"

#include <string.h>

#include "libross/base/parse.h"
#include "libross/json/json.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/run/container_labels.h"

#define IMAGE_ID_MIN 4 /* digits, or every image would fit */

/* ---- one value ---- */

static int
fits_id(const struct ps_item *x, const char *value, struct err *err)
{
    (void) err;
    return strncmp(x->c->id, value, strlen(value)) == 0;
}

static int
fits_name(const struct ps_item *x, const char *value, struct err *err)
{
    (void) err;
    return strstr(container_name(x->c), *value == '/' ? value + 1 : value) != NULL;
}

static int
fits_status(const struct ps_item *x, const char *value, struct err *err)
{
    static const char *const known[] = {"created", "running",    "paused",
                                        "exited",  "restarting", "dead"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], value) == 0)
            return strcmp(container_status_name(x->st), value) == 0;
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "--filter status='%.32s' is not known, use created, running, paused, exited, "
                   "restarting or dead",
                   value);
}

static int
fits_exited(const struct ps_item *x, const char *value, struct err *err)
{
    uint32_t code;

    if (parse_u32(value, &code, NULL) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "--filter exited='%.32s' is no exit code",
                       value);
    return x->st->kind == CONTAINER_EXITED && x->st->exit_code == code;
}

static int
fits_label(const struct ps_item *x, const char *value, struct err *err)
{
    const char *equals = strchrnul(value, '=');
    auto_free char *key = xstrndup(value, (size_t) (equals - value));
    const char *found = labels_find(&x->c->labels, key);

    (void) err;
    return found && (!*equals || strcmp(found, equals + 1) == 0);
}

/* "sha256:0123…", "0123": the beginning of its image's id. */
static bool
is_image_id(const struct container *c, const char *value)
{
    const char *id = labels_find(&c->labels, LABEL_IMAGE_ID);
    const char *hex = strncmp(value, "sha256:", 7) == 0 ? value + 7 : value;

    return id && strlen(hex) >= IMAGE_ID_MIN && strncmp(id, "sha256:", 7) == 0 &&
           strncmp(id + 7, hex, strlen(hex)) == 0;
}

/* The image that it was made of: its name, in short or whole, or its id. */
static int
fits_ancestor(const struct ps_item *x, const char *value, struct err *err)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *name = NULL;

    (void) err;
    if (strcmp(x->c->image, value) == 0 || is_image_id(x->c, value))
        return 1;
    if (oci_ref_parse(value, &ref, NULL) < 0)
        return 0;
    name = oci_ref_format(&ref);
    return strcmp(x->c->image, name) == 0;
}

/* A mount's place inside, its source, or a volume's name. */
static int
fits_volume(const struct ps_item *x, const char *value, struct err *err)
{
    const struct json *mounts = json_find(x->spec, "mounts");
    auto_free char *volume = xasprintf("/volumes/%s/", value);

    (void) err;
    for (size_t i = 0; i < json_len(mounts); i++) {
        const char *source = json_str(json_find(json_at(mounts, i), "source"));
        const char *target = json_str(json_find(json_at(mounts, i), "destination"));

        if ((target && strcmp(target, value) == 0) ||
            (source && (strcmp(source, value) == 0 || strstr(source, volume))))
            return 1;
    }
    return 0;
}

static int
fits_network(const struct ps_item *x, const char *value, struct err *err)
{
    (void) err;
    return strv_has(x->networks, value);
}

/* Compared by the caller's times. */
static int
fits_time(const struct ps_item *x, const char *value, struct err *err)
{
    (void) x;
    (void) value;
    (void) err;
    return 1;
}

static const struct row {
    const char *key;
    int (*fits)(const struct ps_item *x, const char *value, struct err *err);
} rows[] = {
    {"id", fits_id},         {"name", fits_name},       {"status", fits_status},
    {"exited", fits_exited}, {"label", fits_label},     {"ancestor", fits_ancestor},
    {"volume", fits_volume}, {"network", fits_network}, {"before", fits_time},
    {"since", fits_time},
};

/* ---- all of them ---- */

static bool
has_key(const char *filter, const char *key)
{
    size_t n = strlen(key);

    return strncmp(filter, key, n) == 0 && filter[n] == '=' && filter[n + 1] != '=';
}

bool
ps_filter_is_ours(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (has_key(text, rows[i].key))
            return true;
    return false;
}

const char *
ps_filter_find(const struct strv *filters, const char *key)
{
    for (size_t i = 0; i < filters->n; i++)
        if (has_key(filters->items[i], key))
            return filters->items[i] + strlen(key) + 1;
    return NULL;
}

int
ps_filter_match(const struct strv *filters, const struct ps_item *item, int64_t before_ns,
                int64_t since_ns, struct err *err)
{
    if ((before_ns && item->c->created_ns >= before_ns) ||
        (since_ns && item->c->created_ns <= since_ns))
        return 0;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        bool asked = false, found = false;
        /* labels must all be there, as docker has it */
        bool all = strcmp(rows[k].key, "label") == 0;

        for (size_t i = 0; i < filters->n; i++) {
            int r;

            if (!has_key(filters->items[i], rows[k].key))
                continue;
            r = rows[k].fits(item, filters->items[i] + strlen(rows[k].key) + 1, err);
            if (r < 0 || (all && r == 0))
                return r;
            asked = true;
            found |= r;
        }
        if (asked && !found)
            return 0;
    }
    return 1;
}
