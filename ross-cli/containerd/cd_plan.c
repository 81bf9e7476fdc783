/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole sections go to the end of the file. A key of a section that is there already goes below its header, or takes
 * the place of the line that sets it. Whether all that was right is asked of the TOML reader in the end: the values
 * before and after are compared, so a file written in a way that this does not expect is refused, not spoiled.
 */
#include "cd_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cd_leaves.h"
#include "cd_text.h"
#include "libross/base/mem.h"

#define EDITS_MAX          16
#define VALUE_LINES_MAX    64 /* of a value that is replaced */
#define PATH_MAX_KEYS      5
#define CONFIG_VERSION_MAX 3

struct plan {
    const char *text; /* NULL = none */
    struct toml *root;
    const struct cd_want *want;
    int64_t version;                 /* of the file's format */
    struct strv block;               /* for the end of the file */
    struct strv except;              /* beginnings of the leaves that change */
    struct strv plugins;             /* in whose sections we write */
    struct cd_edit edits[EDITS_MAX]; /* ascending */
    size_t n_edits;
};

struct path {
    const char *keys[PATH_MAX_KEYS];
    size_t n;
};

struct setting {
    const char *key, *value; /* as TOML */
};

static void
plan_done(struct plan *p)
{
    for (size_t i = 0; i < p->n_edits; i++)
        strv_done(&p->edits[i].lines);
    strv_done(&p->block);
    strv_done(&p->except);
    strv_done(&p->plugins);
    toml_free(p->root);
}

/* ---- names ---- */

/* What a plugin is called in the configuration, by version of the file. */
static const char *
plugin_cri(const struct plan *p)
{
    return p->version == 1   ? "cri"
           : p->version == 2 ? "io.containerd.grpc.v1.cri"
                             : "io.containerd.cri.v1.runtime";
}

static const char *
plugin_cri_images(const struct plan *p)
{
    return p->version < 3 ? plugin_cri(p) : "io.containerd.cri.v1.images";
}

static const char *
plugin_diff(const struct plan *p)
{
    return p->version == 1 ? "diff-service" : "io.containerd.service.v1.diff-service";
}

static bool
is_bare_key(const char *key)
{
    return *key &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(key);
}

/* a."b.c".d; malloc'ed */
static char *
header_of(const struct path *path)
{
    struct strv words = {0};
    char *text;

    for (size_t i = 0; i < path->n; i++)
        strv_printf(&words, is_bare_key(path->keys[i]) ? "%s" : "\"%s\"", path->keys[i]);
    text = strv_join(&words, ".");
    strv_done(&words);
    return text;
}

static void
expect_change(struct plan *p, const struct path *path, const char *key)
{
    struct strv words = {0};
    auto_free char *joined = NULL;

    for (size_t i = 0; i < path->n; i++)
        strv_add(&words, path->keys[i]);
    if (key)
        strv_add(&words, key);
    joined = strv_join(&words, CD_LEAVES_SEP);
    strv_printf(&p->except, "%s" CD_LEAVES_SEP, joined);
    strv_done(&words);
}

static const struct toml *
plan_find(const struct plan *p, const struct path *path)
{
    return toml_find_path(p->root, path->keys, path->n);
}

static void
plan_touch(struct plan *p, const char *plugin)
{
    if (!strv_has(&p->plugins, plugin))
        strv_add(&p->plugins, plugin);
}

/* ---- edits ---- */

static int
read_leaves(const char *text, struct strv *ret, struct err *err)
{
    AUTO_PTR(toml) root = NULL;
    int r = toml_parse(text, strlen(text), &root, err);

    if (r == 0)
        cd_leaves(root, ret);
    return r;
}

/* Whether the edits make a file that differs only where it should. */
static bool
edits_fit(const struct plan *p, const struct cd_edit *edits, size_t n)
{
    auto_free char *after = cd_text_apply(p->text, edits, n);
    struct strv was = {0}, is = {0};
    bool fits = read_leaves(p->text ? p->text : "", &was, NULL) == 0 &&
                read_leaves(after, &is, NULL) == 0 && cd_leaves_same(&was, &is, &p->except);

    strv_done(&was);
    strv_done(&is);
    return fits;
}

/* Takes the edit's lines. */
static void
plan_add(struct plan *p, const struct cd_edit *edit)
{
    size_t i = p->n_edits++;

    if (p->n_edits > EDITS_MAX)
        abort();
    for (; i > 0 && p->edits[i - 1].at > edit->at; i--)
        p->edits[i] = p->edits[i - 1];
    p->edits[i] = *edit;
}

/* The line that sets the key, and those below it that belong to its value, get another content. */
static int
replace_value(struct plan *p, const struct toml *old, const struct setting *set, const char *where,
              struct err *err)
{
    struct cd_edit edit = {.at = (size_t) toml_line(old)};

    strv_printf(&edit.lines, "%s = %s", set->key, set->value);
    for (edit.n_replaced = 1; edit.n_replaced <= VALUE_LINES_MAX; edit.n_replaced++)
        if (edits_fit(p, &edit, 1)) {
            plan_add(p, &edit);
            return 0;
        }
    strv_done(&edit.lines);
    return err_set(err, CODE_FAILED_PRECONDITION,
                   "line %d sets %s in a way that cannot be changed safely: write '%s = %s' in its "
                   "place by hand%s%s",
                   toml_line(old), set->key, set->key, set->value, *where ? ", in " : "", where);
}

/* The line of [path], 0 when nothing but longer headers or dotted keys speak of it. */
static size_t
header_line(const struct plan *p, const struct toml *table, const struct path *path)
{
    size_t line = table ? (size_t) toml_line(table) : 0;
    auto_free char *text = line ? cd_text_line(p->text, line) : NULL;
    AUTO_PTR(toml) root = NULL;
    const struct toml *at;

    if (!text || text[strspn(text, " \t")] != '[' ||
        toml_parse(text, strlen(text), &root, NULL) < 0)
        return 0;
    at = toml_find_path(root, path->keys, path->n);
    return at && toml_type(at) == TOML_TABLE && toml_len(at) == 0 ? line : 0;
}

/* The keys in [path], where the section is when there is one. */
static int
plan_set(struct plan *p, const struct path *path, const struct setting *sets, size_t n,
         struct err *err)
{
    const struct toml *table = plan_find(p, path), *old;
    size_t line = header_line(p, table, path);
    auto_free char *header = header_of(path);
    struct cd_edit edit = {.at = line + 1};
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        old = toml_find(table, sets[i].key);
        expect_change(p, path, sets[i].key);
        if (old)
            r = replace_value(p, old, &sets[i], header, err);
        else
            strv_printf(&edit.lines, "  %s = %s", sets[i].key, sets[i].value);
    }
    if (r < 0 || !edit.lines.n) {
        strv_done(&edit.lines);
    } else if (line) {
        plan_add(p, &edit);
    } else {
        strv_printf(&p->block, "[%s]", header);
        strv_add_all(&p->block, &edit.lines);
        strv_done(&edit.lines);
    }
    return r;
}

/* ---- what is wanted ---- */

static int
plan_proxy(struct plan *p, const char *name, const char *type, const char *address, struct err *err)
{
    const struct path path = {{"proxy_plugins", name}, 2};
    const struct toml *old = plan_find(p, &path);

    if (old)
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "line %d has a section [proxy_plugins.%s] already: take it out, or leave the "
            "file as it is",
            toml_line(old), name);
    expect_change(p, &path, NULL);
    strv_printf(&p->block, "[proxy_plugins.%s]", name);
    strv_printf(&p->block, "  type = \"%s\"", type);
    strv_printf(&p->block, "  address = \"%s\"", address);
    return 0;
}

static bool
since(const struct cd_want *want, int major, int minor)
{
    return want->major > major || (want->major == major && want->minor >= minor);
}

static int
plan_snapshotter(struct plan *p, struct err *err)
{
    const struct cd_want *want = p->want;
    int r = plan_proxy(p, CD_NAME, "snapshot", want->snapshotter_address, err);

    if (r < 0 || !since(want, 1, 7))
        return r;
    strv_printf(&p->block, "  platform = \"%s\"", want->platform);
    strv_add(&p->block, "  capabilities = [\"remap-ids\"]");
    strv_add(&p->block, "  [proxy_plugins." CD_NAME ".exports]");
    strv_printf(&p->block, "    root = \"%s\"", want->snapshots_root);
    return 0;
}

/* containerd 2 pulls through its transfer service, which unpacks for the snapshotters that it was told about. */
static int
plan_transfer(struct plan *p, struct err *err)
{
    static const char *const plugin = "io.containerd.transfer.v1.local";
    const struct path path = {{"plugins", plugin, "unpack_config"}, 3};
    const struct toml *old = plan_find(p, &path);
    const char *const names[] = {"overlayfs", CD_NAME};

    if (old && (toml_type(old) != TOML_ARRAY || !toml_len(old)))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "line %d sets unpack_config in a way that cannot be added to: add one for "
                       "snapshotter \"" CD_NAME "\" by hand, or take the line out",
                       toml_line(old));
    plan_touch(p, plugin);
    /* the first one ends the default, which is overlayfs */
    for (size_t i = old ? 1 : 0; i < ARRAY_LEN(names); i++) {
        auto_free char *index = xasprintf("#%zu", old ? toml_len(old) : i);

        expect_change(p, &path, index);
        strv_printf(&p->block, "[[plugins.\"%s\".unpack_config]]", plugin);
        strv_printf(&p->block, "  platform = \"%s\"", p->want->platform);
        strv_printf(&p->block, "  snapshotter = \"%s\"", names[i]);
        strv_printf(&p->block, "  differ = \"%s\"",
                    i && p->want->differ ? CD_NAME "-diff" : "walking");
    }
    return 0;
}

static int
plan_differ(struct plan *p, struct err *err)
{
    const struct setting set = {"default", "[\"" CD_NAME "-diff\", \"walking\"]"};
    const struct path path = {{"plugins", plugin_diff(p)}, 2};
    int r;

    if (!since(p->want, 1, 7))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "containerd 1.6 does not start with a differ among its proxy plugins: leave "
                       "--differ out");
    r = plan_proxy(p, CD_NAME "-diff", "diff", p->want->snapshotter_address, err);
    if (r < 0)
        return r;
    strv_printf(&p->block, "  platform = \"%s\"", p->want->platform);
    plan_touch(p, path.keys[1]);
    return plan_set(p, &path, &set, 1, err);
}

/* The array of strings that is there, with one more; malloc'ed, NULL when it is something else. */
static char *
array_with(const struct toml *old, const char *more)
{
    struct strv items = {0};
    auto_free char *joined = NULL;

    if (old && toml_type(old) != TOML_ARRAY)
        return NULL;
    for (size_t i = 0; i < toml_len(old); i++) {
        const char *item = toml_str(toml_at(old, i));

        if (!item || strpbrk(item, "\"\\")) {
            strv_done(&items);
            return NULL;
        }
        strv_printf(&items, "\"%s\"", item);
    }
    strv_printf(&items, "\"%s\"", more);
    joined = strv_join(&items, ", ");
    strv_done(&items);
    return xasprintf("[%s]", joined);
}

static int
plan_content(struct plan *p, struct err *err)
{
    static const char *const builtin = "io.containerd.content.v1.content";
    const struct toml *old = toml_find(p->root, "disabled_plugins");
    const struct path top = {{NULL}, 0};
    auto_free char *value = NULL;
    int r;

    if (p->version == 1)
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "--content needs a configuration of version 2: rewrite this one of version 1 "
            "with 'containerd config migrate'");
    r = plan_proxy(p, CD_NAME "-content", "content", p->want->content_address, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < toml_len(old); i++) {
        const char *item = toml_str(toml_at(old, i));

        if (item && strcmp(item, builtin) == 0)
            return 0;
    }
    value = array_with(old, builtin);
    if (!value)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "line %d sets disabled_plugins in a way that cannot be added to",
                       toml_line(old));
    expect_change(p, &top, "disabled_plugins");
    if (old)
        return replace_value(p, old, &(struct setting){"disabled_plugins", value}, "", err);
    struct cd_edit edit = {.at = 1};

    strv_printf(&edit.lines, "disabled_plugins = %s", value);
    plan_add(p, &edit);
    return 0;
}

static int
refuse_disabled(const struct plan *p, const char *plugin, struct err *err)
{
    const struct toml *disabled = toml_find(p->root, "disabled_plugins");

    for (size_t i = 0; i < toml_len(disabled); i++) {
        const char *item = toml_str(toml_at(disabled, i));

        if (item && (strcmp(item, plugin) == 0 || strcmp(item, "cri") == 0 ||
                     strcmp(item, "io.containerd.grpc.v1.cri") == 0))
            return err_set(
                err, CODE_FAILED_PRECONDITION,
                "line %d disables the plugin '%s', so a runtime handler would be without "
                "use: enable it first",
                toml_line(disabled), item);
    }
    return 0;
}

static int
plan_cri(struct plan *p, struct err *err)
{
    const struct path handler = {{"plugins", plugin_cri(p), "containerd", "runtimes", CD_NAME}, 5};
    const struct path runtime = {{"plugins", plugin_cri(p), "containerd"}, 3};
    const struct path images = {{"plugins", plugin_cri_images(p)}, 2};
    const struct setting both[] = {{"default_runtime_name", "\"" CD_NAME "\""},
                                   {"snapshotter", "\"" CD_NAME "\""}};
    const struct toml *old = plan_find(p, &handler);
    bool one_table = p->version < 3;
    bool by_runtime = p->want->default_runtime, by_images = p->want->default_snapshotter;
    int r = refuse_disabled(p, plugin_cri(p), err);

    if (r < 0)
        return r;
    if (old)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "line %d has a runtime handler '" CD_NAME "' already: take it out, or leave "
                       "the file as it is",
                       toml_line(old));
    plan_touch(p, plugin_cri(p));
    if (one_table && (by_runtime || by_images)) {
        r = plan_set(p, &runtime, by_runtime ? both : both + 1, (size_t) by_runtime + by_images,
                     err);
    } else {
        if (by_runtime)
            r = plan_set(p, &runtime, both, 1, err);
        if (r == 0 && by_images) {
            plan_touch(p, plugin_cri_images(p));
            r = plan_set(p, &images, both + 1, 1, err);
        }
    }
    if (r < 0)
        return r;
    auto_free char *header = header_of(&handler);

    expect_change(p, &handler, NULL);
    strv_printf(&p->block, "[%s]", header);
    strv_add(&p->block, "  runtime_type = \"io.containerd." CD_NAME ".v2\"");
    return 0;
}

/* ---- the whole ---- */

static int
plan_version(struct plan *p, struct err *err)
{
    const struct toml *version = toml_find(p->root, "version");
    const struct cd_want *want = p->want;

    p->version = 1; /* what a file is that does not say */
    if (!p->text)
        p->version = want->major == 1 ? 2 : 3;
    else if (version && (!toml_int(version, &p->version) || p->version < 1))
        return err_set(err, CODE_FAILED_PRECONDITION, "line %d: version is no number from 1 to %d",
                       toml_line(version), CONFIG_VERSION_MAX);
    if (p->version > (want->major == 1 ? 2 : CONFIG_VERSION_MAX))
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "the file is of version %d, which is too new for containerd %d.%d as we know it",
            (int) p->version, want->major, want->minor);
    if (p->version == 1 && want->major > 1)
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "the file is of version 1, and containerd %d.%d wants 2 or 3: rewrite it with "
            "'containerd config migrate'",
            want->major, want->minor);
    return 0;
}

static int
plan_make(struct plan *p, struct err *err)
{
    const struct cd_want *want = p->want;
    int r;

    if (!since(want, 1, 6))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "containerd %d.%d is too old: 1.6 and later are supported", want->major,
                       want->minor);
    r = plan_snapshotter(p, err);
    if (r == 0 && want->content)
        r = plan_content(p, err);
    if (r == 0 && want->differ)
        r = plan_differ(p, err);
    if (r == 0 && want->major > 1)
        r = plan_transfer(p, err);
    if (r == 0 && (want->cri || want->default_runtime || want->default_snapshotter))
        r = plan_cri(p, err);
    return r;
}

static int
plan_text(struct plan *p, char **ret, struct err *err)
{
    struct cd_edit end = {.at = CD_TEXT_END};
    auto_free char *out = NULL;

    if (!p->text) {
        expect_change(p, &(struct path){{"version"}, 1}, NULL);
        strv_printf(&end.lines, "version = %d", (int) p->version);
    }
    strv_add_all(&end.lines, &p->block);
    plan_add(p, &end);
    if (!edits_fit(p, p->edits, p->n_edits))
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "the file is written in a way that cannot be added to safely (inline tables or "
            "dotted keys where sections are usual): see docs/containerd.md for what to add");
    out = cd_text_apply(p->text, p->edits, p->n_edits);
    *ret = TAKE(out);
    return 0;
}

static int
plan_init(struct plan *p, const char *text, const struct cd_want *want, struct err *err)
{
    int r;

    *p = (struct plan){.text = text, .want = want};
    r = toml_parse(text ? text : "", text ? strlen(text) : 0, &p->root, err);
    return r < 0 ? r : plan_version(p, err);
}

int
cd_plan(const char *text, const struct cd_want *want, char **ret, struct err *err)
{
    struct plan p;
    int r = plan_init(&p, text, want, err);

    if (r == 0)
        r = plan_make(&p, err);
    if (r == 0)
        r = plan_text(&p, ret, err);
    plan_done(&p);
    return r;
}

/* The first of the plugins that the text has a section of, or NULL. */
static const char *
shared_plugin(const char *text, const struct strv *plugins)
{
    AUTO_PTR(toml) root = NULL;

    if (toml_parse(text, strlen(text), &root, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < plugins->n; i++)
        if (toml_find(toml_find(root, "plugins"), plugins->items[i]))
            return plugins->items[i];
    return NULL;
}

int
cd_plan_import(const char *text, const struct strv *others, const struct cd_want *want, char **ret,
               struct err *err)
{
    struct plan main_file, p;
    bool ours_alone;
    int r = plan_init(&main_file, text, want, err);

    *ret = NULL;
    if (r == 0)
        r = plan_make(&main_file, err); /* what contradicts there does so here */
    p = (struct plan){.want = want, .version = main_file.version};
    if (r == 0)
        r = plan_make(&p, err);
    /* a plain list of the top, and sections that several files have, are not joined alike by all versions */
    ours_alone = r == 0 && p.n_edits == 0 && !shared_plugin(text, &p.plugins);
    for (size_t i = 0; ours_alone && i < others->n; i++)
        ours_alone = !shared_plugin(others->items[i], &p.plugins);
    if (ours_alone)
        r = plan_text(&p, ret, err);
    plan_done(&p);
    plan_done(&main_file);
    return r;
}

bool
cd_plan_is_configured(const char *text)
{
    AUTO_PTR(toml) root = NULL;

    return toml_parse(text, strlen(text), &root, NULL) == 0 &&
           toml_find(toml_find(root, "proxy_plugins"), CD_NAME);
}

int
cd_version_parse(const char *text, int *ret_major, int *ret_minor, struct err *err)
{
    /* containerd github.com/containerd/containerd/v2 v2.1.9+ds1 … */
    for (const char *p = text; (p = strchr(p, ' ')) != NULL;) {
        char dot;

        p += strspn(p, " ");
        if (*p == 'v' && isdigit((unsigned char) p[1]))
            p++;
        if (isdigit((unsigned char) *p) && sscanf(p, "%4d%c%4d", ret_major, &dot, ret_minor) == 3 &&
            dot == '.')
            return 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT, "'%.80s' names no version of containerd", text);
}
