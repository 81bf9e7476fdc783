/* SPDX-License-Identifier: Apache-2.0 */
/* Restart policies: when a container that has ended is started again. */
#include "container_restart.h"

#include <string.h>

#include "container_labels.h"
#include "libross/base/parse.h"

static const char *const names[] = {
    [RESTART_NO] = "no",
    [RESTART_ON_FAILURE] = "on-failure",
    [RESTART_ALWAYS] = "always",
    [RESTART_UNLESS_STOPPED] = "unless-stopped",
};

int
restart_policy_parse(const char *text, struct restart_policy *ret, struct err *err)
{
    const char *colon = strchrnul(text, ':');
    size_t len = (size_t) (colon - text);
    struct restart_policy p = {0};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text, len) != 0)
            continue;
        p.kind = i;
        if (*colon && (p.kind != RESTART_ON_FAILURE || parse_u32(colon + 1, &p.max, NULL) < 0))
            break;
        *ret = p;
        return 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "--restart '%.64s' is not known, use no, on-failure[:N], always or "
                   "unless-stopped",
                   text);
}

const char *
restart_policy_name(const struct restart_policy *p)
{
    return names[p->kind];
}

struct restart_policy
container_restart_policy(const struct container *c)
{
    const char *text = labels_find(&c->labels, LABEL_RESTART);
    struct restart_policy p = {0};

    if (text)
        (void) restart_policy_parse(text, &p, NULL);
    return p;
}

bool
restart_after_exit(const struct restart_policy *p, const struct container_state *note)
{
    if (note->stopped)
        return false;
    if (p->kind == RESTART_ON_FAILURE)
        return note->exit_code != 0 && (!p->max || note->row < p->max);
    return p->kind == RESTART_ALWAYS || p->kind == RESTART_UNLESS_STOPPED;
}

bool
restart_after_boot(const struct restart_policy *p, const struct container_state *note)
{
    /* one that was only created is nobody's to start */
    return note->started &&
           (p->kind == RESTART_ALWAYS || (p->kind == RESTART_UNLESS_STOPPED && !note->stopped));
}

int64_t
restart_delay_ns(uint32_t row)
{
    int64_t delay = RESTART_DELAY_MIN_NS;

    while (row-- && delay < RESTART_DELAY_MAX_NS)
        delay *= 2;
    return delay < RESTART_DELAY_MAX_NS ? delay : RESTART_DELAY_MAX_NS;
}
