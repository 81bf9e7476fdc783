/* SPDX-License-Identifier: Apache-2.0 */
/* container list, rm: containers that are here. */
#include <stdio.h>
#include <string.h>

#include "api/client/records_client.h"
#include "cmd.h"
#include "each.h"
#include "libross/base/clock.h"
#include "libross/json/json.h"
#include "ross-cli/run/container_remove.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/container_volumes.h"
#include "ross-cli/ui/listing.h"

/* ---- list ---- */

struct list_options {
    const char *format;
    bool all, quiet, whole;
    struct strv filters;
};

#define LIST(member) offsetof(struct list_options, member)

static const struct option_row list_rows[] = {
    {.name = "all",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = LIST(all),
     .help = "also those that do not run"},
    {.name = "format",
     .type = OPTION_STR,
     .offset = LIST(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = LIST(quiet),
     .help = "only the ids"},
    {.name = "no-trunc",
     .type = OPTION_FLAG,
     .offset = LIST(whole),
     .help = "whole ids and commands"},
    {.name = "filter",
     .letter = 'f',
     .type = OPTION_STRV,
     .offset = LIST(filters),
     .arg = "EXPR",
     .help = "containerd filter, such as labels.a==b; several are alternatives"},
};

struct list_state {
    const struct session *s;
    const struct list_options *opt;
    struct json *rows;
    struct err *err;
};

#define COMMAND_SHOWN 24

/* The command line of the container's process, from its spec. */
static char *
command_of(const struct container *c)
{
    AUTO_PTR(json) spec = NULL;
    const struct json *args;
    AUTO(strv) words = {0};

    if (!c->spec.value || json_parse(c->spec.value, c->spec.n, &spec, NULL) < 0)
        return xstrdup("");
    args = json_find(json_find(spec, "process"), "args");
    for (size_t i = 0; i < json_len(args); i++)
        if (json_str(json_at(args, i)))
            strv_add(&words, json_str(json_at(args, i)));
    return strv_join(&words, " ");
}

static char *
show_command(const struct json *v)
{
    const char *text = json_str(v) ? json_str(v) : "";

    if (strlen(text) <= COMMAND_SHOWN)
        return xstrdup(text);
    return xasprintf("%.*s...", COMMAND_SHOWN - 3, text);
}

static void
set_time(struct json *row, const char *key, int64_t at_ns)
{
    char text[CLOCK_STR_MAX];

    if (at_ns)
        json_set(row, key, json_new_str(clock_format(at_ns, text)));
}

/* "running", "exited (3) 2 minutes ago". */
static char *
state_text(const struct container_status *st)
{
    auto_free char *age = NULL;

    if (st->kind != CONTAINER_EXITED)
        return xstrdup(container_status_name(st));
    if (!st->finished_ns)
        return xasprintf("exited (%u)", st->exit_code);
    age = duration_format(clock_now_ns() - st->finished_ns);
    return xasprintf("exited (%u) %s ago", st->exit_code, age);
}

static int
list_one(const struct container *c, void *arg)
{
    struct list_state *state = arg;
    AUTO(container_status) st = {0};
    auto_free char *command = NULL, *text = NULL;
    struct json *row;
    int r;

    r = container_status_get(state->s, c->id, &st, state->err);
    if (r < 0)
        return r;
    if (!state->opt->all && st.kind != CONTAINER_RUNNING && st.kind != CONTAINER_PAUSED)
        return 0;
    row = json_new_object();
    command = command_of(c);
    text = state_text(&st);
    json_set(row, "id", json_new_str(c->id));
    json_set(row, "name", json_new_str(container_name(c)));
    json_set(row, "image", json_new_str(c->image));
    json_set(row, "command", json_new_str(command));
    json_set(row, "status", json_new_str(container_status_name(&st)));
    json_set(row, "state", json_new_str(text));
    set_time(row, "created", c->created_ns);
    set_time(row, "started", st.started_ns);
    set_time(row, "finished", st.finished_ns);
    if (st.kind == CONTAINER_EXITED)
        json_set(row, "exitCode", json_new_int(st.exit_code));
    if (st.pid && st.kind != CONTAINER_EXITED)
        json_set(row, "pid", json_new_int(st.pid));
    json_set(row, "runtime", json_new_str(c->runtime_name));
    json_set(row, "labels", json_new_labels(&c->labels));
    json_push(state->rows, row);
    return 0;
}

static int
list_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column short_columns[] = {
        {"CONTAINER ID", "id", listing_show_short_id},
        {"IMAGE", "image", NULL},
        {"COMMAND", "command", show_command},
        {"CREATED", "created", listing_show_age},
        {"STATUS", "state", NULL},
        {"NAME", "name", NULL},
    };
    static const struct listing_column whole_columns[] = {
        {"CONTAINER ID", "id", NULL}, {"IMAGE", "image", NULL},
        {"COMMAND", "command", NULL}, {"CREATED", "created", listing_show_age},
        {"STATUS", "state", NULL},    {"NAME", "name", NULL},
    };
    const struct list_options *opt = options;
    AUTO_PTR(json) rows = json_new_array();
    struct list_state state = {.s = s, .opt = opt, .rows = rows, .err = err};
    struct rpc_channel *ch;
    int r;

    (void) n_words;
    (void) words;
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = containers_client_list(ch, &s->ctx, &opt->filters, list_one, &state, err);
    if (r < 0)
        return r;
    return listing_print(stdout, opt->whole ? whole_columns : short_columns,
                         ARRAY_LEN(short_columns), rows,
                         opt->quiet && !opt->format ? "{{.id}}" : opt->format, err);
}

const struct command_row cmd_container_list = {
    .path = "container list",
    .aliases = "ps, container ls",
    .synopsis = "[OPTION…]",
    .summary = "Lists containers that run, or all",
    .options = list_rows,
    .n_options = ARRAY_LEN(list_rows),
    .options_size = sizeof(struct list_options),
    .run = list_run,
};

/* ---- rm ---- */

struct rm_options {
    bool force, volumes;
};

static const struct option_row rm_rows[] = {
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = offsetof(struct rm_options, force),
     .help = "kill it first when it runs"},
    {.name = "volumes",
     .letter = 'v',
     .type = OPTION_FLAG,
     .offset = offsetof(struct rm_options, volumes),
     .help = "with its anonymous volumes"},
};

static int
rm_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const struct rm_options *opt = arg;
    AUTO(strv) volumes = {0};
    int r;

    if (opt->volumes)
        volumes = container_volumes_anonymous(s, c->id);
    r = container_remove(s, c, opt->force, err);
    return r < 0 ? r : container_volumes_remove(s, &volumes, err);
}

static int
rm_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct rm_options opt = *(const struct rm_options *) options;

    return each_container(s, n_words, words, true, rm_one, &opt, err);
}

const struct command_row cmd_container_rm = {
    .path = "container rm",
    .aliases = "rm, container remove",
    .synopsis = "[OPTION…] CONTAINER…",
    .summary = "Removes containers: task, root filesystem and record",
    .options = rm_rows,
    .n_options = ARRAY_LEN(rm_rows),
    .options_size = sizeof(struct rm_options),
    .words_min = 1,
    .words_max = -1,
    .run = rm_run,
};
