/* SPDX-License-Identifier: Apache-2.0 */
/* How a container is doing: from the note of how it ended, or from its shim. */
#include "container_status.h"

#include <string.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "container_dir.h"
#include "container_oom.h"
#include "libross/base/clock.h"

#define STATE_TIMEOUT_NS (5 * NS_PER_S)
#define RESTART_SLACK_NS (10 * NS_PER_S) /* that a start may be late */

void
container_status_done(struct container_status *st)
{
    free(st->address);
    *st = (struct container_status){0};
}

const char *
container_status_name(const struct container_status *st)
{
    static const char *const names[] = {
        [CONTAINER_CREATED] = "created", [CONTAINER_RUNNING] = "running",
        [CONTAINER_PAUSED] = "paused",   [CONTAINER_EXITED] = "exited",
        [CONTAINER_DEAD] = "dead",       [CONTAINER_RESTARTING] = "restarting",
    };

    return names[st->kind];
}

const char *
container_name(const struct container *c)
{
    const char *name = labels_find(&c->labels, LABEL_NAME);

    return name ? name : "";
}

static void
from_task(const char *id, const struct task_state *task, struct container_status *st)
{
    st->has_task = true;
    st->pid = task->pid;
    switch (task->status) {
    case TASK_RUNNING:
        st->kind = CONTAINER_RUNNING;
        break;
    case TASK_PAUSED:
    case TASK_PAUSING:
        st->kind = CONTAINER_PAUSED;
        break;
    case TASK_STOPPED:
        st->kind = CONTAINER_EXITED;
        st->exit_code = task->exit_status;
        st->finished_ns = task->exited_at_ns;
        st->oom_killed = container_oom_killed(id);
        break;
    default:
        st->kind = CONTAINER_CREATED;
        break;
    }
}

/* Asks the shim behind st->address. */
static void
ask_shim(const char *id, struct container_status *st)
{
    const struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + STATE_TIMEOUT_NS};
    AUTO(task_state) task = {0};
    AUTO_PTR(rpc_channel) ch = NULL;

    st->kind = CONTAINER_DEAD;
    if (task_client_open(st->address, &ch, NULL) == 0 &&
        task_client_state(ch, &ctx, id, NULL, &task, NULL) == 0)
        from_task(id, &task, st);
}

int
container_status_get(const struct session *s, const char *id, struct container_status *ret,
                     struct err *err)
{
    auto_free char *bundle = bundle_path(s->state, s->ctx.ns, id);
    AUTO(container_status) st = {0};
    struct container_state note;
    int r;

    r = container_state_read(s->root, s->ctx.ns, id, &note, err);
    if (r < 0)
        return r;
    st.started_ns = note.started_ns;
    st.restarts = note.restarts;
    r = shim_launch_address(bundle, &st.address, err);
    if (r < 0 && r != -CODE_NOT_FOUND)
        return r;
    if (st.address && !note.finished)
        ask_shim(id, &st);
    else if (note.finished) {
        /* whoever waits to start it may have been killed: then it is one that has ended */
        st.kind = clock_now_ns() < note.restart_at_ns + RESTART_SLACK_NS ? CONTAINER_RESTARTING
                                                                         : CONTAINER_EXITED;
        st.exit_code = note.exit_code;
        st.finished_ns = note.finished_ns;
        st.oom_killed = note.oom_killed;
    } else if (note.started) {
        /* the bundle is gone: the machine was restarted, and how it ended is not known */
        st.kind = CONTAINER_EXITED;
        st.exit_code = CONTAINER_EXIT_UNKNOWN;
    } else
        st.kind = access(bundle, F_OK) == 0 ? CONTAINER_DEAD : CONTAINER_CREATED;
    *ret = TAKE_STRUCT(st);
    return 0;
}

struct search {
    const char *word;
    struct container found;
    unsigned by_prefix;
    bool exact;
};

static struct container
container_copy(const struct container *c)
{
    struct container copy = {
        .id = xstrdup(c->id),
        .image = xstrdup(c->image),
        .runtime_name = xstrdup(c->runtime_name),
        .runtime_options = any_value_clone(&c->runtime_options),
        .spec = any_value_clone(&c->spec),
        .snapshotter = xstrdup(c->snapshotter),
        .snapshot_key = xstrdup(c->snapshot_key),
        .sandbox = xstrdup(c->sandbox ? c->sandbox : ""),
        .labels = labels_clone(&c->labels),
        .created_ns = c->created_ns,
        .updated_ns = c->updated_ns,
    };

    return copy;
}

static int
consider(const struct container *c, void *arg)
{
    struct search *search = arg;
    bool exact = strcmp(c->id, search->word) == 0 || strcmp(container_name(c), search->word) == 0;

    if (search->exact || (!exact && strncmp(c->id, search->word, strlen(search->word)) != 0))
        return 0;
    search->exact = exact;
    search->by_prefix++;
    container_done(&search->found);
    search->found = container_copy(c);
    return 0;
}

int
container_find(struct session *s, const char *word, struct container *ret, struct err *err)
{
    struct search search = {.word = word};
    struct rpc_channel *ch;
    AUTO(strv) all = {0};
    int r;

    if (!*word)
        return err_set(err, CODE_INVALID_ARGUMENT, "an empty word names no container");
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &all, consider, &search, err);
    if (r == 0 && !search.by_prefix)
        r = err_set(err, CODE_NOT_FOUND,
                    "no container has the name or id '%.128s'; 'ross-cli ps -a' lists them", word);
    else if (r == 0 && !search.exact && search.by_prefix > 1)
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "%u containers have ids that begin with '%.64s'; write more of it",
                    search.by_prefix, word);
    if (r < 0) {
        container_done(&search.found);
        return r;
    }
    *ret = search.found;
    return 0;
}
