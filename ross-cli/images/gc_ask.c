/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/gc_ask.h"

#include <string.h>

#include "api/client/records_client.h"
#include "libross/base/clock.h"
#include "libross/base/parse.h"
#include "libross/base/proc.h"
#include "libross/oci/gc_labels.h"
#include "ross-cli/pull/lease_owner.h"

#define OUTPUT_MAX    (64 * 1024 * 1024)
#define GC_TIMEOUT_MS (10 * 60 * 1000)

/* The word up to the next blank; the rest is what *line points to then. NULL when there is none. */
static char *
take_word(char **line)
{
    char *word = *line, *end = strchr(word, ' ');

    if (!end || end == word)
        return NULL;
    *end = '\0';
    *line = end + 1;
    return word;
}

/* "remove TYPE NS KEY SIZE: WHY"; a snapshot's key may hold blanks: the size is what is before the last ": " of it. */
bool
gc_candidate_parse(char *line, struct gc_candidate *ret)
{
    struct gc_candidate c = {0};
    char *word = take_word(&line), *why, *size;

    if (!word || strcmp(word, "remove") != 0)
        return false;
    c.type = take_word(&line);
    c.ns = c.type ? take_word(&line) : NULL;
    if (!c.ns)
        return false;
    for (why = strstr(line, ": "); why; why = strstr(why + 2, ": ")) {
        *why = '\0';
        size = strrchr(line, ' ');
        if (size && parse_i64(size + 1, &c.size_bytes, NULL) == 0) {
            *size = '\0';
            c.key = line;
            c.why = why + 2;
            *ret = c;
            return *c.key != '\0';
        }
        *why = ':';
    }
    return false;
}

int
gc_ask(const struct session *s, gc_candidate_fn fn, void *arg, struct err *err)
{
    auto_free char *program = proc_find_companion("ross-contentd");
    const char *const argv[] = {program,
                                "--root",
                                s->root,
                                "--state",
                                s->state,
                                "--snapshotter-address",
                                s->snapshotter_address,
                                "gc",
                                "--dry-run",
                                NULL};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(OUTPUT_MAX), errout = BUF_INIT(4096);
    char *rest, *line;
    int status, r;

    if (s->foreign)
        return 0;
    if (!program)
        return err_set(err, CODE_NOT_FOUND, "ross-contentd is not installed");
    spawn.argv = argv;
    r = proc_run(&spawn, NULL, &out, &errout, GC_TIMEOUT_MS, &status, err);
    if (r == 0 && status != 0)
        r = err_set(err, CODE_INTERNAL, "it ended with %d: %.*s", status, (int) errout.len,
                    errout.data ? errout.data : "");
    if (r < 0)
        return err_wrap(err, r, "ross-contentd gc");
    for (rest = out.data; rest && (line = strsep(&rest, "\n"));) {
        struct gc_candidate c;
        if (gc_candidate_parse(line, &c))
            fn(&c, arg);
    }
    return 0;
}

struct telling {
    gc_lease_fn fn;
    void *arg;
};

static int
tell_lease(const struct lease *l, void *arg)
{
    const struct telling *t = arg;
    const char *expire = labels_find(&l->labels, GC_LABEL_EXPIRE);
    auto_free char *until = expire ? xasprintf("it is wanted until %s", expire) : NULL;
    int64_t ns;

    if (lease_owner_is_gone(&l->labels))
        t->fn(l->id, true, "the process that made it has ended", t->arg);
    else if (labels_find(&l->labels, LABEL_LEASE_OWNER))
        t->fn(l->id, false, "the process that made it may still run", t->arg);
    else if (!expire || clock_parse(expire, &ns, NULL) < 0)
        t->fn(l->id, false, "whoever made it has to delete it", t->arg);
    else if (ns > clock_now_ns())
        t->fn(l->id, false, until, t->arg);
    return 0;
}

int
gc_leases_tell(struct session *s, gc_lease_fn fn, void *arg, struct err *err)
{
    struct telling t = {.fn = fn, .arg = arg};
    AUTO(strv) all = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    return r < 0 ? r : leases_client_list(ch, &s->ctx, &all, tell_lease, &t, err);
}

static int
note_gone(const struct lease *l, void *arg)
{
    if (lease_owner_is_gone(&l->labels))
        strv_add(arg, l->id);
    return 0;
}

int
gc_leases_gone(struct session *s, struct strv *ret, struct err *err)
{
    AUTO(strv) all = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    return r < 0 ? r : leases_client_list(ch, &s->ctx, &all, note_gone, ret, err);
}

int
gc_leases_drop(struct session *s, const struct strv *ids, struct err *err)
{
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    for (size_t i = 0; r == 0 && i < ids->n; i++) {
        r = leases_client_delete(ch, &s->ctx, ids->items[i], false, err);
        if (r == -CODE_NOT_FOUND)
            r = 0;
    }
    return r;
}

/* Deleting a lease that holds nothing asks for a collection. */
int
gc_collect(struct session *s, struct err *err)
{
    AUTO(lease) lease = {0};
    AUTO(strv) gone = {0};
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    if (r == 0)
        r = gc_leases_gone(s, &gone, err);
    if (r == 0)
        r = gc_leases_drop(s, &gone, err);
    if (r == 0)
        r = leases_client_create(ch, &s->ctx, "", NULL, &lease, err);
    return r < 0 ? r : leases_client_delete(ch, &s->ctx, lease.id, true, err);
}
