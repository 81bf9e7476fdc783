/* SPDX-License-Identifier: Apache-2.0 */
/* Changing what is recorded of a container that is there. */
#include "container_change.h"

#include <string.h>

#include "api/client/records_client.h"
#include "container_dir.h"
#include "container_labels.h"
#include "container_lock.h"
#include "container_restart.h"
#include "container_status.h"
#include "event_log.h"
#include "libross/base/fd.h"

/* One label of the record. */
static int
set_label(struct session *s, const struct container *c, const char *key, const char *value,
          struct err *err)
{
    struct container changed = {.id = c->id, .labels = {0}};
    AUTO(strv) mask = {0};
    struct rpc_channel *ch;
    int r;

    strv_printf(&mask, "labels.%s", key);
    labels_set(&changed.labels, key, value);
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_update(ch, &s->ctx, &changed, &mask, NULL, err);
    labels_done(&changed.labels);
    return r;
}

int
container_rename(struct session *s, const struct container *c, const char *name, struct err *err)
{
    auto_close int lock_fd = -1;
    auto_free char *old = xstrdup(container_name(c));
    int r;

    r = container_name_check(name, err);
    if (r == 0 && strcmp(old, name) == 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "container '%s' has that name already", name);
    if (r == 0)
        r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0)
        r = container_name_reserve(s->root, s->ctx.ns, name, c->id, true, err);
    if (r < 0)
        return r;
    /* killed before the old name is released, the container still has both to itself: check --repair frees it */
    r = set_label(s, c, LABEL_NAME, name, err);
    container_name_release(s->root, s->ctx.ns, r < 0 ? name : old, c->id);
    if (r == 0)
        event_container(s, c, "rename", NULL, 0);
    return r;
}

/* ---- limits ---- */

static const struct field {
    const char *group, *key;
} fields[] = {
    {"memory", "limit"}, {"memory", "swap"}, {"memory", "reservation"},
    {"cpu", "quota"},    {"cpu", "period"},  {"cpu", "shares"},
    {"cpu", "cpus"},     {"cpu", "mems"},    {"pids", "limit"},
};

/* The resources of a spec that has nothing but these options. */
static int
build_limits(const struct session *s, const struct run_options *limits, struct json **ret,
             struct err *err)
{
    const struct oci_config no_image = {0};
    struct spec_options o = {0};
    AUTO_PTR(json) seccomp = NULL;
    AUTO_PTR(json) spec = NULL;
    AUTO(arena) arena = {0};
    int r;

    r = run_options_to_spec(limits, s->root, &arena, &o, &seccomp, err);
    if (r < 0)
        return r;
    strv_add(&o.args, "true");
    r = spec_build(&no_image, &o, &spec, err);
    run_spec_done(&o);
    if (r == 0)
        *ret = json_clone(json_find(json_find(spec, "linux"), "resources"));
    return r;
}

static struct json *
child(struct json *o, const char *key)
{
    if (!json_find(o, key))
        json_set(o, key, json_new_object());
    return json_find(o, key);
}

/* *changes: what is new; into: the container's resources, which take it over. */
static bool
merge(const struct json *limits, const struct run_options *opt, struct json *into,
      struct json *changes)
{
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        const struct json *v = json_find(json_find(limits, f->group), f->key);
        int64_t old = 0;

        if (!v)
            continue;
        /* unlimited swap stays so unless it was asked for */
        if (strcmp(f->key, "swap") == 0 && !opt->memory_swap && !opt->memory_swap_unlimited &&
            json_int(json_find(json_find(into, f->group), f->key), &old) && old == -1)
            continue;
        json_set(child(into, f->group), f->key, json_clone(v));
        json_set(child(changes, f->group), f->key, json_clone(v));
        any = true;
    }
    return any;
}

static int
apply_now(struct session *s, const struct container *c, const struct json *changes, struct err *err)
{
    AUTO(container_status) st = {0};
    AUTO_PTR(rpc_channel) ch = NULL;
    auto_free char *text = json_dump(changes, NULL);
    int r;

    r = container_status_get(s, c->id, &st, err);
    if (r < 0 || (st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED))
        return r;
    r = task_client_open(st.address, &ch, err);
    if (r == 0)
        r = task_client_update(ch, NULL, c->id, text, err);
    return r < 0 ? err_wrap(err, r, "change the limits of container '%s'", container_name(c)) : 0;
}

static int
record_spec(struct session *s, const struct container *c, const struct json *spec, struct err *err)
{
    struct container changed = {.id = c->id};
    auto_free char *text = NULL;
    struct rpc_channel *ch;
    AUTO(strv) mask = {0};
    size_t len;
    int r;

    text = json_dump(spec, &len);
    changed.spec = any_value_make(c->spec.type_url, text, len);
    strv_add(&mask, "spec");
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_update(ch, &s->ctx, &changed, &mask, NULL, err);
    any_value_done(&changed.spec);
    return r;
}

static int
update_limits(struct session *s, const struct container *c, const struct run_options *opt,
              bool *ret_any, struct err *err)
{
    AUTO_PTR(json) limits = NULL;
    AUTO_PTR(json) spec = NULL;
    AUTO_PTR(json) changes = json_new_object();
    int r;

    r = build_limits(s, opt, &limits, err);
    if (r == 0)
        r = json_parse(c->spec.value, c->spec.n, &spec, err);
    if (r < 0)
        return r;
    *ret_any = merge(limits, opt, child(child(spec, "linux"), "resources"), changes);
    if (!*ret_any)
        return 0;
    r = apply_now(s, c, changes, err);
    return r < 0 ? r : record_spec(s, c, spec, err);
}

int
container_update(struct session *s, const struct container *c, const struct container_update *how,
                 struct err *err)
{
    auto_close int lock_fd = -1;
    struct restart_policy p;
    bool any = false;
    int r;

    r = how->restart ? restart_policy_parse(how->restart, &p, err) : 0;
    if (r == 0 && how->restart && p.kind != RESTART_NO &&
        labels_find(&c->labels, LABEL_AUTO_REMOVE))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "container '%s' was made with --rm: it cannot be restarted",
                       container_name(c));
    if (r == 0)
        r = container_lock(s, c->id, &lock_fd, err);
    if (r == 0)
        r = update_limits(s, c, how->limits, &any, err);
    if (r == 0 && how->restart)
        r = set_label(s, c, LABEL_RESTART, how->restart, err);
    if (r == 0 && !any && !how->restart)
        r = err_set(err, CODE_INVALID_ARGUMENT, "nothing to change: name a limit or --restart");
    if (r == 0)
        event_container(s, c, "update", NULL, 0);
    return r;
}
