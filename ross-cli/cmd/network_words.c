/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about networks and volumes share. */
#include "network_words.h"

#include <string.h>

#include "api/client/records_client.h"
#include "ross-cli/run/container_dir.h"
#include "ross-cli/run/container_net.h"

int
labels_from_words(const char *option, const struct strv *words, struct labels *ret, struct err *err)
{
    for (size_t i = 0; i < words->n; i++) {
        const char *equals = strchrnul(words->items[i], '=');
        auto_free char *key = xstrndup(words->items[i], (size_t) (equals - words->items[i]));

        if (!*key)
            return err_set(err, CODE_INVALID_ARGUMENT, "%s '%.128s' has no key", option,
                           words->items[i]);
        labels_set_raw(ret, key, *equals ? equals + 1 : "");
    }
    return labels_validate(ret, err);
}

struct wanted {
    struct session *s;
    struct strv *names;
};

static int
collect(const struct container *c, void *arg)
{
    const struct wanted *w = arg;
    auto_free char *dir = container_dir_path(w->s->root, w->s->ctx.ns, c->id);
    AUTO(net_request) q = {0};

    if (net_request_read(dir, &q, NULL) < 0)
        return 0;
    for (size_t i = 0; i < q.n_wishes; i++)
        strv_add(w->names, q.wishes[i].network);
    return 0;
}

int
networks_wanted(struct session *s, struct strv *ret, struct err *err)
{
    struct wanted w = {.s = s, .names = ret};
    struct rpc_channel *ch;
    AUTO(strv) all = {0};
    int r = session_contentd(s, &ch, err);

    return r < 0 ? r : containers_client_list(ch, &s->ctx, &all, collect, &w, err);
}
