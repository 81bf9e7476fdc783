/* SPDX-License-Identifier: Apache-2.0 */
/* container list, rm: containers that are here. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "choice.h"
#include "libross/base/clock.h"
#include "libross/json/json.h"
#include "ps_select.h"
#include "libross/base/path.h"
#include "ross-cli/net/net_request.h"
#include "ross-cli/run/container_dir.h"
#include "ross-cli/run/container_labels.h"
#include "ross-cli/run/container_net.h"
#include "ross-cli/run/container_remove.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/container_volumes.h"
#include "ross-cli/ui/listing.h"
#include "ross-cli/volume/volume.h"

/* ---- list ---- */

struct list_options {
    const char *format;
    bool all, quiet, whole, latest, size;
    int64_t last;
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
     .help = "table, json, jsonl, a text with {{.Names}}, {{.Status}} …, or \"table TEXT\""},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = LIST(quiet),
     .help = "only the ids"},
    {.name = "no-trunc",
     .type = OPTION_FLAG,
     .offset = LIST(whole),
     .help = "whole ids and commands"},
    {.name = "latest",
     .letter = 'l',
     .type = OPTION_FLAG,
     .offset = LIST(latest),
     .help = "only the one made last, in any state"},
    {.name = "last",
     .letter = 'n',
     .type = OPTION_I64,
     .offset = LIST(last),
     .arg = "N",
     .help = "only the N made last, in any state"},
    {.name = "size",
     .letter = 's',
     .type = OPTION_FLAG,
     .offset = LIST(size),
     .help = "also how much their own files take"},
    {.name = "filter",
     .letter = 'f',
     .type = OPTION_STRV,
     .offset = LIST(filters),
     .arg = "KEY=VALUE",
     .help = "status, name, id, label, ancestor, exited, before, since, volume or network; or a "
             "containerd filter such as labels.a==b"},
};

struct list_state {
    struct session *s;
    const struct list_options *opt;
    struct listed *items;
    size_t n;
};

struct listed {
    struct json *row;
    int64_t created_ns;
    char *snapshot_key;
};

#define COMMAND_SHOWN 24
#define SHORT_ID      12

/* The command line of the container's process, from its spec. */
static char *
command_of(const struct json *spec)
{
    const struct json *args = json_find(json_find(spec, "process"), "args");
    AUTO(strv) words = {0};

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

/* "Up 2 minutes", "Exited (3) 2 minutes ago", as docker has it. */
static char *
status_text(const struct container_status *st)
{
    bool ended = st->kind == CONTAINER_EXITED || st->kind == CONTAINER_RESTARTING;
    int64_t since_ns = ended ? st->finished_ns : st->started_ns;
    auto_free char *age = since_ns ? duration_format(clock_now_ns() - since_ns) : NULL;

    switch (st->kind) {
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
        return xasprintf("Up%s%s%s", age ? " " : "", age ? age : "",
                         st->kind == CONTAINER_PAUSED ? " (Paused)" : "");
    case CONTAINER_EXITED:
    case CONTAINER_RESTARTING:
        return xasprintf("%s (%u)%s%s%s", st->kind == CONTAINER_EXITED ? "Exited" : "Restarting",
                         st->exit_code, age ? " " : "", age ? age : "", age ? " ago" : "");
    case CONTAINER_DEAD:
        return xstrdup("Dead");
    case CONTAINER_CREATED:
        break;
    }
    return xstrdup("Created");
}

/* "127.0.0.1:8080->80/tcp, 0.0.0.0:53->53/udp", of one that runs. */
static struct json *
ports_text(const struct session *s, const struct container *c, const struct container_status *st)
{
    const struct net_places places = container_net_places(s);
    AUTO(net_record) record = {0};
    AUTO(strv) words = {0};
    auto_free char *text = NULL;

    if ((st->kind != CONTAINER_RUNNING && st->kind != CONTAINER_PAUSED) ||
        net_record_read(&places, c->id, &record, NULL) < 0)
        return json_new_str("");
    for (size_t i = 0; i < record.ports.n; i++) {
        const struct port_map *m = &record.ports.items[i];
        auto_free char *host = port_map_host_text(m);

        strv_printf(&words, "%s->%u/%s", host, (unsigned) m->container, port_map_protocol(m));
    }
    text = strv_join(&words, ", ");
    return json_new_str(text);
}

/* Where its volumes and bind mounts are, as docker lists them: the volume's name, or the source. */
static struct json *
mounts_text(const struct session *s, const struct json *spec)
{
    const struct json *mounts = json_find(spec, "mounts");
    AUTO(strv) words = {0};
    auto_free char *text = NULL;

    for (size_t i = 0; i < json_len(mounts); i++) {
        const char *source = json_str(json_find(json_at(mounts, i), "source"));
        const char *type = json_str(json_find(json_at(mounts, i), "type"));
        auto_free char *volume = source ? volume_name_of_path(s->root, source) : NULL;
        auto_free char *own = path_join(s->root, "containers/");

        if (source && type && strcmp(type, "bind") == 0 && strncmp(source, own, strlen(own)) != 0)
            strv_add(&words, volume ? volume : source);
    }
    text = strv_join(&words, ",");
    return json_new_str(text);
}

static bool
is_shown(const struct list_options *opt, const struct container_status *st)
{
    return opt->all || opt->latest || opt->last > 0 || ps_filter_find(&opt->filters, "status") ||
           ps_filter_find(&opt->filters, "exited") || st->kind == CONTAINER_RUNNING ||
           st->kind == CONTAINER_PAUSED || st->kind == CONTAINER_RESTARTING;
}

static struct json *
make_row(const struct session *s, const struct ps_item *item)
{
    const struct container_status *st = item->st;
    const struct container *c = item->c;
    auto_free char *command = command_of(item->spec), *text = status_text(st);
    auto_free char *joined = strv_join(item->networks, ",");
    struct json *row = json_new_object(), *labels = json_new_object();

    for (size_t i = 0; i < c->labels.n; i++)
        if (!container_label_is_ours(c->labels.items[i].key))
            json_set(labels, c->labels.items[i].key, json_new_str(c->labels.items[i].value));
    json_set(row, "id", json_new_str(c->id));
    json_set(row, "name", json_new_str(container_name(c)));
    json_set(row, "image", json_new_str(c->image));
    json_set(row, "command", json_new_str(command));
    json_set(row, "state", json_new_str(container_status_name(st)));
    json_set(row, "status", json_new_str(text));
    json_set(row, "ports", ports_text(s, c, st));
    json_set(row, "networks", json_new_str(joined));
    json_set(row, "mounts", mounts_text(s, item->spec));
    set_time(row, "created", c->created_ns);
    set_time(row, "started", st->started_ns);
    set_time(row, "finished", st->finished_ns);
    if (st->kind == CONTAINER_EXITED || st->kind == CONTAINER_RESTARTING)
        json_set(row, "exitCode", json_new_int(st->exit_code));
    if (st->pid && (st->kind == CONTAINER_RUNNING || st->kind == CONTAINER_PAUSED))
        json_set(row, "pid", json_new_int(st->pid));
    json_set(row, "runtime", json_new_str(c->runtime_name));
    json_set(row, "labels", labels);
    return row;
}

static int
list_one(const struct ps_item *item, void *arg, struct err *err)
{
    struct list_state *state = arg;

    (void) err;
    if (!is_shown(state->opt, item->st))
        return 0;
    state->items = xreallocarray(state->items, state->n + 1, sizeof *state->items);
    state->items[state->n++] = (struct listed){
        .row = make_row(state->s, item),
        .created_ns = item->c->created_ns,
        .snapshot_key = xstrdup(item->c->snapshot_key),
    };
    return 0;
}

static int
newest_first(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;

    return (x->created_ns < y->created_ns) - (x->created_ns > y->created_ns);
}

static int
add_size(struct session *s, struct listed *item, struct err *err)
{
    struct snapshot_usage use;
    struct snapshots *snapshots;
    int r;

    r = session_snapshots(s, &snapshots, err);
    if (r == 0)
        r = snapshots_usage(snapshots, &s->ctx, item->snapshot_key, &use, err);
    if (r == 0)
        json_set(item->row, "size", json_new_int(use.size_bytes));
    return r == -CODE_NOT_FOUND ? 0 : r;
}

/* What a text of --format may also ask for by docker's names. */
static void
add_their_names(struct json *row, bool whole)
{
    const char *id = json_str(json_find(row, "id")), *name = json_str(json_find(row, "name"));
    const char *created = json_str(json_find(row, "created"));
    auto_free char *short_id = whole ? xstrdup(id) : xstrndup(id, SHORT_ID);
    auto_free char *age = listing_show_age(json_find(row, "created"));

    json_set(row, "ID", json_new_str(short_id));
    json_set(row, "Names", json_new_str(name));
    json_set(row, "RunningFor", json_new_str(age));
    json_set(row, "CreatedAt", json_new_str(created ? created : ""));
}

static int
list_print(struct list_state *state, struct err *err)
{
    const struct list_options *opt = state->opt;
    const struct listing_column columns[] = {
        {"CONTAINER ID", "id", opt->whole ? NULL : listing_show_short_id},
        {"IMAGE", "image", NULL},
        {"COMMAND", "command", opt->whole ? NULL : show_command},
        {"CREATED", "created", listing_show_age},
        {"STATUS", "status", NULL},
        {"PORTS", "ports", NULL},
        {"NAME", "name", NULL},
        {"SIZE", "size", listing_show_size},
    };
    AUTO_PTR(json) rows = json_new_array();
    int64_t last = opt->latest ? 1 : opt->last;
    int r = 0;

    if (state->n)
        qsort(state->items, state->n, sizeof *state->items, newest_first);
    for (size_t i = 0; r == 0 && i < state->n && (last <= 0 || (int64_t) i < last); i++) {
        r = opt->size ? add_size(state->s, &state->items[i], err) : 0;
        if (opt->format && strstr(opt->format, "{{"))
            add_their_names(state->items[i].row, opt->whole);
        json_push(rows, TAKE(state->items[i].row));
    }
    if (r < 0)
        return r;
    return listing_print(stdout, columns, ARRAY_LEN(columns) - !opt->size, rows,
                         opt->quiet && !opt->format ? "{{.id}}" : opt->format, err);
}

static int
list_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct list_options *opt = options;
    struct list_state state = {.s = s, .opt = opt};
    int r;

    (void) n_words;
    (void) words;
    if (opt->last < 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "--last wants a number of containers");
    r = ps_select(s, &opt->filters, list_one, &state, err);
    if (r == 0)
        r = list_print(&state, err);
    for (size_t i = 0; i < state.n; i++) {
        json_free(state.items[i].row);
        free(state.items[i].snapshot_key);
    }
    free(state.items);
    return r;
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
    struct choice choice;
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
    CHOICE_ALL(struct rm_options, 'a'),
    CHOICE_LATEST(struct rm_options),
    CHOICE_FILTER(struct rm_options, 0),
    CHOICE_CIDFILE(struct rm_options),
    CHOICE_IGNORE(struct rm_options),
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

    return choice_each(s, &opt.choice, n_words, words, true, opt.force ? NULL : choice_is_idle,
                       rm_one, &opt, err);
}

const struct command_row cmd_container_rm = {
    .path = "container rm",
    .aliases = "rm, container remove",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Removes containers: task, root filesystem and record",
    .options = rm_rows,
    .n_options = ARRAY_LEN(rm_rows),
    .options_size = sizeof(struct rm_options),
    .words_max = -1,
    .run = rm_run,
};
