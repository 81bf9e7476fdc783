/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that fit the filters of ps. */
#include "ps_select.h"

#include "api/client/records_client.h"
#include "libross/json/json.h"
#include "ross-cli/net/net_request.h"
#include "ross-cli/run/container_dir.h"

struct selection {
    struct session *s;
    struct strv ours; /* of the filters; the others are the service's */
    int64_t before_ns, since_ns;
    ps_select_fn fn;
    void *arg;
    struct err *err;
};

static void
add_networks(const struct session *s, const struct container *c, struct strv *names)
{
    auto_free char *dir = container_dir_path(s->root, s->ctx.ns, c->id);
    AUTO(net_request) q = {0};

    if (net_request_read(dir, &q, NULL) < 0)
        return;
    if (q.mode == NET_NONE || q.mode == NET_HOST)
        strv_add(names, q.mode == NET_NONE ? "none" : "host");
    for (size_t i = 0; i < q.n_wishes; i++)
        strv_add(names, q.wishes[i].network);
}

static int
look_at(const struct container *c, void *arg)
{
    struct selection *sel = arg;
    AUTO(container_status) st = {0};
    AUTO_PTR(json) spec = NULL;
    AUTO(strv) networks = {0};
    struct ps_item item = {.c = c, .st = &st, .networks = &networks};
    int r;

    r = container_status_get(sel->s, c->id, &st, sel->err);
    if (r < 0)
        return r;
    if (c->spec.value && json_parse(c->spec.value, c->spec.n, &spec, NULL) == 0)
        item.spec = spec;
    add_networks(sel->s, c, &networks);
    r = ps_filter_match(&sel->ours, &item, sel->before_ns, sel->since_ns, sel->err);
    return r <= 0 ? r : sel->fn(&item, sel->arg, sel->err);
}

/* When the container behind before= or since= was made. */
static int
find_time(struct session *s, const struct strv *ours, const char *key, int64_t *ret_ns,
          struct err *err)
{
    const char *word = ps_filter_find(ours, key);
    AUTO(container) c = {0};
    int r;

    if (!word)
        return 0;
    r = container_find(s, word, &c, err);
    if (r == 0)
        *ret_ns = c.created_ns;
    return r;
}

int
ps_select(struct session *s, const struct strv *filters, ps_select_fn fn, void *arg,
          struct err *err)
{
    struct selection sel = {.s = s, .fn = fn, .arg = arg, .err = err};
    AUTO(strv) theirs = {0};
    struct rpc_channel *ch;
    int r;

    for (size_t i = 0; i < filters->n; i++)
        strv_add(ps_filter_is_ours(filters->items[i]) ? &sel.ours : &theirs, filters->items[i]);
    r = find_time(s, &sel.ours, "before", &sel.before_ns, err);
    if (r == 0)
        r = find_time(s, &sel.ours, "since", &sel.since_ns, err);
    if (r == 0)
        r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &theirs, look_at, &sel, err);
    strv_done(&sel.ours);
    return r;
}
