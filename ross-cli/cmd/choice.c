/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that a command is for. */
#include "choice.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "libross/base/fd.h"
#include "ross-cli/command.h"
#include "ps_select.h"

#define CIDFILE_SIZE_MAX 4096

bool
choice_is_running(const struct container_status *st)
{
    return st->kind == CONTAINER_RUNNING;
}

bool
choice_is_paused(const struct container_status *st)
{
    return st->kind == CONTAINER_PAUSED;
}

bool
choice_runs(const struct container_status *st)
{
    return st->kind == CONTAINER_RUNNING || st->kind == CONTAINER_PAUSED ||
           st->kind == CONTAINER_RESTARTING;
}

bool
choice_is_idle(const struct container_status *st)
{
    return !choice_runs(st);
}

/* ---- names ---- */

struct names {
    const struct choice *how;
    choice_able_fn able;
    struct strv words;
    int64_t newest_ns;
};

static int
add_able(const struct ps_item *item, void *arg, struct err *err)
{
    struct names *n = arg;
    const char *name = container_name(item->c);

    (void) err;
    if (n->how->latest) {
        if (n->words.n && item->c->created_ns <= n->newest_ns)
            return 0;
        n->newest_ns = item->c->created_ns;
        strv_done(&n->words);
    } else if (n->able && !n->able(item->st))
        return 0;
    strv_add(&n->words, *name ? name : item->c->id);
    return 0;
}

static int
add_cidfiles(struct names *n, struct err *err)
{
    int r;

    for (size_t i = 0; i < n->how->cidfiles.n; i++) {
        const char *path = n->how->cidfiles.items[i];
        auto_free char *text = NULL;

        r = fd_read_file_at(AT_FDCWD, path, CIDFILE_SIZE_MAX, &text, NULL, err);
        if (r == -CODE_NOT_FOUND && n->how->ignore)
            continue;
        if (r < 0)
            return err_wrap(err, r, "--cidfile");
        text[strcspn(text, "\r\n")] = '\0';
        if (!*text)
            return err_set(err, CODE_INVALID_ARGUMENT, "--cidfile: '%s' has no id in it", path);
        strv_add(&n->words, text);
    }
    return 0;
}

static int
collect(struct session *s, struct names *n, int n_words, char **words, struct err *err)
{
    const struct choice *how = n->how;
    bool listed = how->all || how->latest || how->filters.n;

    if (listed && (n_words || how->cidfiles.n))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "containers are named, or chosen by --all, --latest or --filter: not both");
    if (how->latest && (how->all || how->filters.n))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--latest is one container; leave --all and --filter out");
    if (listed)
        return ps_select(s, &how->filters, add_able, n, err);
    for (int i = 0; i < n_words; i++)
        strv_add(&n->words, words[i]);
    return add_cidfiles(n, err);
}

/* ---- each ---- */

struct call {
    const struct choice *how;
    each_fn fn;
    void *arg;
};

/* 1: it is not there, and that is no reason to complain. */
static int
call_one(struct session *s, const char *word, void *arg, struct err *err)
{
    const struct call *call = arg;
    AUTO(container) c = {0};
    int r = container_find(s, word, &c, err);

    if (r == -CODE_NOT_FOUND && call->how->ignore)
        return 1;
    return r < 0 ? r : call->fn(s, &c, call->arg, err);
}

int
choice_each(struct session *s, const struct choice *how, int n_words, char **words, bool echo,
            choice_able_fn able, each_fn fn, void *arg, struct err *err)
{
    struct call call = {.how = how, .fn = fn, .arg = arg};
    struct names n = {.how = how, .able = able};
    int r;

    if (!n_words && !how->all && !how->latest && !how->filters.n && !how->cidfiles.n) {
        fputs("ross-cli: an argument is missing: which container? --help shows other ways to "
              "choose\n",
              stderr);
        return EXIT_USAGE;
    }
    r = collect(s, &n, n_words, words, err);
    if (r == 0)
        r = each_word(s, (int) n.words.n, n.words.items, echo, call_one, &call, err);
    strv_done(&n.words);
    return r;
}
