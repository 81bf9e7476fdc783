/* SPDX-License-Identifier: Apache-2.0 */
/* Image configs. */
#include "libross/oci/oci_config.h"

#include <stdio.h>
#include <string.h>

#include "libross/json/json.h"
#include "libross/oci/oci_desc_json.h"
#include "libross/oci/oci_manifest.h"

#define AT(field) offsetof(struct oci_config, field)

static const struct json_field top_fields[] = {
    {"created", JSON_T_STR, AT(created), false},
    {"author", JSON_T_STR, AT(author), false},
};

static const struct json_field run_fields[] = {
    {"User", JSON_T_STR, AT(user), false},
    {"Env", JSON_T_STRV, AT(env), false},
    {"Entrypoint", JSON_T_STRV, AT(entrypoint), false},
    {"Cmd", JSON_T_STRV, AT(cmd), false},
    {"WorkingDir", JSON_T_STR, AT(working_dir), false},
    {"Labels", JSON_T_LABELS, AT(labels), false},
    {"StopSignal", JSON_T_STR, AT(stop_signal), false},
    {"Shell", JSON_T_STRV, AT(shell), false},
    {"OnBuild", JSON_T_STRV, AT(on_build), false},
};

/* Maps of empty objects: their keys are what counts. */
static const struct {
    const char *key;
    size_t offset;
} set_fields[] = {
    {"ExposedPorts", AT(exposed_ports)},
    {"Volumes", AT(volumes)},
};

#define HEALTH(field) offsetof(struct oci_healthcheck, field)

static const struct json_field health_fields[] = {
    {"Test", JSON_T_STRV, HEALTH(test), false},
    {"Interval", JSON_T_INT, HEALTH(interval_ns), false},
    {"Timeout", JSON_T_INT, HEALTH(timeout_ns), false},
    {"StartPeriod", JSON_T_INT, HEALTH(start_period_ns), false},
    {"StartInterval", JSON_T_INT, HEALTH(start_interval_ns), false},
    {"Retries", JSON_T_INT, HEALTH(retries), false},
};

#define HISTORY(field) offsetof(struct oci_history, field)

static const struct json_field history_fields[] = {
    {"created", JSON_T_STR, HISTORY(created), false},
    {"created_by", JSON_T_STR, HISTORY(created_by), false},
    {"author", JSON_T_STR, HISTORY(author), false},
    {"comment", JSON_T_STR, HISTORY(comment), false},
    {"empty_layer", JSON_T_BOOL, HISTORY(empty_layer), false},
};

static void
history_done(struct oci_history *h)
{
    free(h->created);
    free(h->created_by);
    free(h->author);
    free(h->comment);
}

void
oci_config_done(struct oci_config *c)
{
    for (size_t i = 0; i < c->n_history; i++)
        history_done(&c->history[i]);
    free(c->history);
    free(c->diff_ids);
    free(c->created);
    free(c->author);
    free(c->user);
    free(c->working_dir);
    free(c->stop_signal);
    oci_platform_done(&c->platform);
    strv_done(&c->env);
    strv_done(&c->entrypoint);
    strv_done(&c->cmd);
    strv_done(&c->shell);
    strv_done(&c->on_build);
    strv_done(&c->exposed_ports);
    strv_done(&c->volumes);
    labels_done(&c->labels);
    strv_done(&c->healthcheck.test);
    *c = (struct oci_config){0};
}

void
oci_config_add_layer(struct oci_config *c, const struct digest *diff_id)
{
    c->diff_ids = xreallocarray(c->diff_ids, c->n_diff_ids + 1, sizeof *c->diff_ids);
    c->diff_ids[c->n_diff_ids++] = *diff_id;
}

static char *
str_clone(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void
oci_config_add_history(struct oci_config *c, const struct oci_history *h)
{
    c->history = xreallocarray(c->history, c->n_history + 1, sizeof *c->history);
    c->history[c->n_history++] = (struct oci_history){
        .created = str_clone(h->created),
        .created_by = str_clone(h->created_by),
        .author = str_clone(h->author),
        .comment = str_clone(h->comment),
        .empty_layer = h->empty_layer,
    };
}

static int
read_keys(const struct json *v, const char *key, struct strv *into, struct err *err)
{
    struct json *value;
    const char *name;
    void *i = NULL;

    if (v && !json_is_object(v))
        return err_set(err, CODE_INVALID_ARGUMENT, "config.%s is not a JSON object", key);
    while (json_next(v, &i, &name, &value))
        strv_add(into, name);
    return 0;
}

static int
read_healthcheck(const struct json *v, struct oci_healthcheck *ret, struct err *err)
{
    if (!v)
        return 0;
    ret->present = true;
    return json_read_fields(v, health_fields, ARRAY_LEN(health_fields), ret, "config.Healthcheck",
                            err);
}

static int
read_run(const struct json *v, struct oci_config *c, struct err *err)
{
    int r;

    if (!v)
        return 0;
    r = json_read_fields(v, run_fields, ARRAY_LEN(run_fields), c, "config", err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(set_fields); i++)
        r = read_keys(json_find(v, set_fields[i].key), set_fields[i].key,
                      (struct strv *) ((char *) c + set_fields[i].offset), err);
    return r < 0 ? r : read_healthcheck(json_find(v, "Healthcheck"), &c->healthcheck, err);
}

static int
read_rootfs(const struct json *v, struct oci_config *c, struct err *err)
{
    const struct json *ids = json_find(v, "diff_ids");
    const char *type = json_str(json_find(v, "type")), *id;
    struct digest d;
    int r;

    if (type && strcmp(type, "layers") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "rootfs.type is '%.64s', not 'layers'", type);
    if (ids && !json_is_array(ids))
        return err_set(err, CODE_INVALID_ARGUMENT, "rootfs.diff_ids is no list");
    if (json_len(ids) > LAYERS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu layers, more than %d", json_len(ids),
                       LAYERS_MAX);
    for (size_t i = 0; i < json_len(ids); i++) {
        id = json_str(json_at(ids, i));
        if (!id)
            return err_set(err, CODE_INVALID_ARGUMENT, "rootfs.diff_ids[%zu] is no string", i);
        r = digest_parse(id, &d, err);
        if (r < 0)
            return err_wrap(err, r, "rootfs.diff_ids[%zu]", i);
        oci_config_add_layer(c, &d);
    }
    return 0;
}

static int
read_history(const struct json *list, struct oci_config *c, struct err *err)
{
    char what[32];
    int r;

    if (list && !json_is_array(list))
        return err_set(err, CODE_INVALID_ARGUMENT, "history is no list");
    if (json_len(list) > HISTORY_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%zu history entries, more than %d",
                       json_len(list), HISTORY_MAX);
    c->history = xcalloc(json_len(list) + 1, sizeof *c->history);
    for (size_t i = 0; i < json_len(list); i++) {
        (void) snprintf(what, sizeof what, "history[%zu]", i);
        c->n_history = i + 1; /* counted first, so that what was read is released on error */
        r = json_read_fields(json_at(list, i), history_fields, ARRAY_LEN(history_fields),
                             &c->history[i], what, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int
oci_config_parse(const void *p, size_t n, struct oci_config *ret, struct err *err)
{
    AUTO(oci_config) c = {0};
    AUTO_PTR(json) doc = NULL;
    int r;

    if (n > OCI_CONFIG_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "an image config of %zu bytes, more than %d", n,
                       OCI_CONFIG_SIZE_MAX);
    r = json_parse(p, n, &doc, err);
    if (r < 0)
        return r;
    r = json_read_fields(doc, top_fields, ARRAY_LEN(top_fields), &c, "image config", err);
    if (r < 0)
        return r;
    r = oci_platform_from_json(doc, "image config", &c.platform, err);
    if (r < 0)
        return r;
    r = read_run(json_find(doc, "config"), &c, err);
    if (r < 0)
        return r;
    r = read_rootfs(json_find(doc, "rootfs"), &c, err);
    if (r < 0)
        return r;
    r = read_history(json_find(doc, "history"), &c, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(c);
    return 0;
}

/* The fields of `base` that say something, by the table they are read with. */
static void
write_fields(struct json *to, const struct json_field *fields, size_t n, const void *base)
{
    for (const struct json_field *f = fields; f < fields + n; f++) {
        const void *at = (const char *) base + f->offset;

        switch (f->type) {
        case JSON_T_STR:
            if (*(char *const *) at)
                json_set(to, f->key, json_new_str(*(char *const *) at));
            break;
        case JSON_T_INT:
            if (*(const int64_t *) at)
                json_set(to, f->key, json_new_int(*(const int64_t *) at));
            break;
        case JSON_T_BOOL:
            if (*(const bool *) at)
                json_set(to, f->key, json_new_bool(true));
            break;
        case JSON_T_STRV:
            if (((const struct strv *) at)->n)
                json_set(to, f->key, json_new_strv(at));
            break;
        case JSON_T_LABELS:
            if (((const struct labels *) at)->n)
                json_set(to, f->key, json_new_labels(at));
            break;
        }
    }
}

static struct json *
run_to_json(const struct oci_config *c)
{
    struct json *run = json_new_object(), *health, *set;
    const struct strv *keys;

    write_fields(run, run_fields, ARRAY_LEN(run_fields), c);
    for (size_t i = 0; i < ARRAY_LEN(set_fields); i++) {
        keys = (const struct strv *) ((const char *) c + set_fields[i].offset);
        if (!keys->n)
            continue;
        set = json_new_object();
        for (size_t k = 0; k < keys->n; k++)
            json_set(set, keys->items[k], json_new_object());
        json_set(run, set_fields[i].key, set);
    }
    if (c->healthcheck.present) {
        health = json_new_object();
        write_fields(health, health_fields, ARRAY_LEN(health_fields), &c->healthcheck);
        json_set(run, "Healthcheck", health);
    }
    return run;
}

static struct json *
rootfs_to_json(const struct oci_config *c)
{
    struct json *rootfs = json_new_object(), *ids = json_new_array();
    char shown[DIGEST_STR_MAX];

    for (size_t i = 0; i < c->n_diff_ids; i++)
        json_push(ids, json_new_str(digest_format(&c->diff_ids[i], shown)));
    json_set(rootfs, "type", json_new_str("layers"));
    json_set(rootfs, "diff_ids", ids);
    return rootfs;
}

char *
oci_config_format(const struct oci_config *c, size_t *ret_len)
{
    AUTO_PTR(json) platform = oci_platform_to_json(&c->platform);
    AUTO_PTR(json) doc = platform ? json_clone(platform) : json_new_object();
    struct json *history = json_new_array(), *entry;

    write_fields(doc, top_fields, ARRAY_LEN(top_fields), c);
    json_set(doc, "config", run_to_json(c));
    json_set(doc, "rootfs", rootfs_to_json(c));
    for (size_t i = 0; i < c->n_history; i++) {
        entry = json_new_object();
        write_fields(entry, history_fields, ARRAY_LEN(history_fields), &c->history[i]);
        json_push(history, entry);
    }
    if (c->n_history)
        json_set(doc, "history", history);
    else
        json_free(history);
    return json_dump(doc, ret_len);
}
