/* SPDX-License-Identifier: Apache-2.0 */
/* Reads runtime options of every kind. */
#include "runc_options.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "google/protobuf/any.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/mem_try.h"
#include "libross/json/json.h"
#include "types/runc/options/oci.pb-c.h"
#include "types/runtimeoptions/v1/api.pb-c.h"

#define OPTIONS_SIZE_MAX (2 * RUNC_OPTIONS_CONFIG_MAX) /* with the names beside a configuration */

enum field_kind { FIELD_BOOL, FIELD_U32, FIELD_STR };

/* The fields by the names that JSON and TOML have for them. */
struct field {
    const char *json, *toml;
    enum field_kind kind;
    size_t offset;
};

#define FIELD(json, toml, kind, member)                                                            \
    {                                                                                              \
        json, toml, kind, offsetof(struct runc_options, member)                                    \
    }
static const struct field fields[] = {
    FIELD("no_pivot_root", "NoPivotRoot", FIELD_BOOL, no_pivot_root),
    FIELD("no_new_keyring", "NoNewKeyring", FIELD_BOOL, no_new_keyring),
    FIELD("shim_cgroup", "ShimCgroup", FIELD_STR, shim_cgroup),
    FIELD("io_uid", "IoUid", FIELD_U32, io_uid),
    FIELD("io_gid", "IoGid", FIELD_U32, io_gid),
    FIELD("binary_name", "BinaryName", FIELD_STR, binary_name),
    FIELD("root", "Root", FIELD_STR, root),
    FIELD("systemd_cgroup", "SystemdCgroup", FIELD_BOOL, systemd_cgroup),
    FIELD("criu_image_path", "CriuImagePath", FIELD_STR, criu_image_path),
    FIELD("criu_work_path", "CriuWorkPath", FIELD_STR, criu_work_path),
};

void
runc_options_done(struct runc_options *o)
{
    free(o->shim_cgroup);
    free(o->binary_name);
    free(o->root);
    free(o->criu_image_path);
    free(o->criu_work_path);
    *o = (struct runc_options){0};
}

static void
str_set(char **field, const char *s)
{
    free(*field);
    *field = s && s[0] ? xstrdup(s) : NULL;
}

/* ---- protobuf ---- */

static bool
all_paths(const Containerd__Runc__V1__Options *m)
{
    const char *const names[] = {m->shim_cgroup, m->binary_name, m->root, m->criu_image_path,
                                 m->criu_work_path};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && strlen(names[i]) >= PATH_MAX)
            return false;
    return true;
}

static int
from_runc(const void *p, size_t n, struct runc_options *o, struct err *err)
{
    Containerd__Runc__V1__Options *m = containerd__runc__v1__options__unpack(NULL, n, p);

    if (!m)
        return err_set(err, CODE_INVALID_ARGUMENT, "the runc options are malformed");
    if (!all_paths(m)) {
        containerd__runc__v1__options__free_unpacked(m, NULL);
        return err_set(err, CODE_INVALID_ARGUMENT, "a runc option is longer than %d bytes",
                       PATH_MAX);
    }
    o->no_pivot_root = m->no_pivot_root;
    o->no_new_keyring = m->no_new_keyring;
    o->systemd_cgroup = m->systemd_cgroup;
    o->io_uid = m->io_uid;
    o->io_gid = m->io_gid;
    str_set(&o->shim_cgroup, m->shim_cgroup);
    str_set(&o->binary_name, m->binary_name);
    str_set(&o->root, m->root);
    str_set(&o->criu_image_path, m->criu_image_path);
    str_set(&o->criu_work_path, m->criu_work_path);
    containerd__runc__v1__options__free_unpacked(m, NULL);
    return 0;
}

/* ---- TOML: flat "Key = value" lines, all that containerd writes for this table ---- */

static char *
trim(char *s)
{
    char *end;

    while (isspace((unsigned char) *s))
        s++;
    end = s + strlen(s);
    while (end > s && isspace((unsigned char) end[-1]))
        *--end = '\0';
    return s;
}

/* Unquotes in place; false when the quotes are not closed. What follows the string must be a comment. */
static bool
unquote(char *s)
{
    char quote = *s, *out = s, *p = s + 1;

    for (; *p && *p != quote; p++) {
        if (quote == '"' && *p == '\\' && p[1])
            p++;
        *out++ = *p;
    }
    if (*p != quote)
        return false;
    p = trim(p + 1);
    *out = '\0';
    return *p == '\0' || *p == '#';
}

static int
field_set(struct runc_options *o, const struct field *f, char *value, bool quoted, struct err *err)
{
    void *at = (char *) o + f->offset;
    char *end;
    unsigned long v;

    switch (f->kind) {
    case FIELD_BOOL:
        if (quoted || (strcmp(value, "true") != 0 && strcmp(value, "false") != 0))
            break;
        *(bool *) at = value[0] == 't';
        return 0;
    case FIELD_U32:
        v = strtoul(value, &end, 10);
        if (quoted || !isdigit((unsigned char) value[0]) || *end || v > UINT32_MAX)
            break;
        *(uint32_t *) at = (uint32_t) v;
        return 0;
    case FIELD_STR:
        if (!quoted || strlen(value) >= PATH_MAX)
            break;
        str_set(at, value);
        return 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT, "runtime option %s has a wrong value: %.200s",
                   f->toml, value);
}

static int
toml_line(struct runc_options *o, char *line, struct err *err)
{
    char *eq = strchr(line, '='), *key, *value;
    bool quoted;

    line = trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == '[')
        return 0;
    if (!eq)
        return err_set(err, CODE_INVALID_ARGUMENT, "runtime options: '%s' is not KEY = VALUE",
                       line);
    *eq = '\0';
    key = trim(line);
    value = trim(eq + 1);
    quoted = value[0] == '"' || value[0] == '\'';
    if (quoted && !unquote(value))
        return err_set(err, CODE_INVALID_ARGUMENT, "runtime option %s has an open string", key);
    if (!quoted) {
        char *hash = strchr(value, '#');

        if (hash)
            *hash = '\0';
        value = trim(value);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (strcasecmp(fields[i].toml, key) == 0 || strcmp(fields[i].json, key) == 0)
            return field_set(o, &fields[i], value, quoted, err);
    return 0; /* options of other shims share the table */
}

static int
from_toml(const char *text, size_t n, struct runc_options *o, struct err *err)
{
    auto_free char *copy = mem_try_strndup(text, n);
    char *save = NULL;
    int r;

    if (!copy)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for the runtime options");

    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        r = toml_line(o, line, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
from_runtimeoptions(const void *p, size_t n, struct runc_options *o, struct err *err)
{
    Runtimeoptions__V1__Options *m = runtimeoptions__v1__options__unpack(NULL, n, p);
    auto_free char *text = NULL;
    size_t len;
    int r = 0;

    if (!m)
        return err_set(err, CODE_INVALID_ARGUMENT, "the runtime options are malformed");
    if (m->config_body.len > RUNC_OPTIONS_CONFIG_MAX)
        r = err_set(err, CODE_INVALID_ARGUMENT, "the runtime options are larger than %d bytes",
                    RUNC_OPTIONS_CONFIG_MAX);
    else if (m->config_body.len)
        r = from_toml((const char *) m->config_body.data, m->config_body.len, o, err);
    else if (m->config_path && m->config_path[0]) {
        r = fd_read_file_at(AT_FDCWD, m->config_path, RUNC_OPTIONS_CONFIG_MAX, &text, &len, err);
        if (r == 0)
            r = from_toml(text, len, o, err);
        if (r < 0)
            err_wrap(err, r, "runtime options %s", m->config_path);
    }
    runtimeoptions__v1__options__free_unpacked(m, NULL);
    return r;
}

static bool
type_is(const char *type_url, const char *name)
{
    const char *slash = strrchr(type_url, '/');

    return strcmp(slash ? slash + 1 : type_url, name) == 0;
}

int
runc_options_from_any(const char *type_url, const void *value, size_t n, struct runc_options *ret,
                      struct err *err)
{
    AUTO(runc_options) o = {0};
    bool runc = type_is(type_url, "containerd.runc.v1.Options");
    bool named = runc || type_is(type_url, "runtimeoptions.v1.Options");
    int r = 0;

    if (named && n > OPTIONS_SIZE_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the runtime options are larger than %d bytes",
                       OPTIONS_SIZE_MAX);
    if (named && n)
        r = runc ? from_runc(value, n, &o, err) : from_runtimeoptions(value, n, &o, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(o);
    return 0;
}

int
runc_options_from_bytes(const void *p, size_t n, struct runc_options *ret, struct err *err)
{
    Google__Protobuf__Any *any;
    int r;

    *ret = (struct runc_options){0};
    if (n == 0)
        return 0;
    any = google__protobuf__any__unpack(NULL, n, p);
    if (!any)
        return err_set(err, CODE_INVALID_ARGUMENT, "the runtime options are no protobuf Any");
    r = runc_options_from_any(any->type_url ? any->type_url : "", any->value.data, any->value.len,
                              ret, err);
    google__protobuf__any__free_unpacked(any, NULL);
    return r;
}

/* ---- options.json ---- */

char *
runc_options_format(const struct runc_options *o, size_t *ret_len)
{
    AUTO_PTR(json) root = json_new_object();

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const void *at = (const char *) o + fields[i].offset;
        const char *key = fields[i].json;

        if (fields[i].kind == FIELD_BOOL && *(const bool *) at)
            json_set(root, key, json_new_bool(true));
        else if (fields[i].kind == FIELD_U32 && *(const uint32_t *) at)
            json_set(root, key, json_new_int(*(const uint32_t *) at));
        else if (fields[i].kind == FIELD_STR && *(char *const *) at)
            json_set(root, key, json_new_str(*(char *const *) at));
    }
    return json_dump(root, ret_len);
}

int
runc_options_parse(const void *text, size_t n, struct runc_options *ret, struct err *err)
{
    AUTO_PTR(json) root = NULL;
    AUTO(runc_options) o = {0};
    int r = json_parse(text, n, &root, err);

    if (r < 0)
        return err_wrap(err, r, "options.json");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        void *at = (char *) &o + fields[i].offset;
        const struct json *v = json_find(root, fields[i].json);
        int64_t num;

        if (fields[i].kind == FIELD_BOOL)
            *(bool *) at = json_is_true(v);
        else if (fields[i].kind == FIELD_U32 && json_int(v, &num) && num >= 0 && num <= UINT32_MAX)
            *(uint32_t *) at = (uint32_t) num;
        else if (fields[i].kind == FIELD_STR)
            str_set(at, json_str(v));
    }
    *ret = TAKE_STRUCT(o);
    return 0;
}
