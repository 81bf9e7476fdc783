/* SPDX-License-Identifier: Apache-2.0 */
/* stats: what running containers use, all of them in one pass. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/client/records_client.h"
#include "cmd.h"
#include "libross/base/clock.h"
#include "libross/base/strv.h"
#include "ross-cli/run/container_dir.h"
#include "ross-cli/run/container_stats.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/ui/listing.h"

#define INTERVAL_MS 1000
#define SHORT_ID    12

struct stats_options {
    const char *format;
    bool all, no_stream, whole;
};

#define STATS(member) offsetof(struct stats_options, member)

static const struct option_row stats_rows[] = {
    {.name = "all",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = STATS(all),
     .help = "also those that do not run"},
    {.name = "no-stream",
     .type = OPTION_FLAG,
     .offset = STATS(no_stream),
     .help = "one list and the end, instead of a new one every second"},
    {.name = "no-trunc", .type = OPTION_FLAG, .offset = STATS(whole), .help = "whole ids"},
    {.name = "format",
     .type = OPTION_STR,
     .offset = STATS(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.name}}, {{.cpu}}, {{.memory}} …"},
};

struct watched {
    char *id, *name, *bundle;
    struct container_stats before, now;
    bool known_before, known_now;
};

struct watch {
    const struct session *s;
    struct watched *items;
    size_t n;
};

static void
add(struct watch *w, const struct container *c)
{
    w->items = xreallocarray(w->items, w->n + 1, sizeof *w->items);
    w->items[w->n++] = (struct watched){
        .id = xstrdup(c->id),
        .name = xstrdup(container_name(c)),
        .bundle = bundle_path(w->s->state, w->s->ctx.ns, c->id),
    };
}

static int
add_one(const struct container *c, void *arg)
{
    add(arg, c);
    return 0;
}

static void
watch_done(struct watch *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->items[i].id);
        free(w->items[i].name);
        free(w->items[i].bundle);
    }
    free(w->items);
    *w = (struct watch){0};
}

static int
collect(struct session *s, int n_words, char **words, struct watch *w, struct err *err)
{
    AUTO(strv) none = {0};
    struct rpc_channel *ch;
    int r;

    if (!n_words) {
        r = session_contentd(s, &ch, err);
        return r < 0 ? r : containers_client_list(ch, &s->ctx, &none, add_one, w, err);
    }
    for (int i = 0; i < n_words; i++) {
        AUTO(container) c = {0};

        r = container_find(s, words[i], &c, err);
        if (r < 0)
            return r;
        add(w, &c);
    }
    return 0;
}

static int
sample(struct watch *w, struct err *err)
{
    int r;

    for (size_t i = 0; i < w->n; i++) {
        struct watched *x = &w->items[i];

        x->before = x->now;
        x->known_before = x->known_now;
        r = container_stats_read(x->bundle, x->id, &x->now, err);
        if (r < 0)
            return r;
        x->known_now = r == 1;
    }
    return 0;
}

static void
set_ratio(struct json *row, const char *key, double percent)
{
    auto_free char *text = xasprintf("%.2f%%", percent);

    json_set(row, key, json_new_str(text));
}

static void
set_pair(struct json *row, const char *key, uint64_t a, uint64_t b)
{
    auto_free char *x = size_format((int64_t) a), *y = size_format((int64_t) b);
    auto_free char *text = xasprintf("%s / %s", x, y);

    json_set(row, key, json_new_str(text));
}

static void
set_count(struct json *row, const char *key, uint64_t n)
{
    json_set(row, key, json_new_int((int64_t) n));
}

static struct json *
describe(const struct watched *x)
{
    const struct container_stats *st = &x->now;
    struct container_stats none = {0};
    double cpu = 0;
    struct json *row = json_new_object();

    if (!x->known_now)
        st = &none;
    else if (x->known_before && st->at_ns > x->before.at_ns && st->cpu_ns >= x->before.cpu_ns)
        cpu = 100.0 * (double) (st->cpu_ns - x->before.cpu_ns) /
              (double) (st->at_ns - x->before.at_ns);
    json_set(row, "id", json_new_str(x->id));
    json_set(row, "name", json_new_str(x->name));
    set_ratio(row, "cpu", cpu);
    set_pair(row, "memory", st->memory_bytes, st->memory_limit_bytes);
    set_ratio(row, "memoryPercent",
              st->memory_limit_bytes
                  ? 100.0 * (double) st->memory_bytes / (double) st->memory_limit_bytes
                  : 0);
    set_pair(row, "network", st->received_bytes, st->sent_bytes);
    set_pair(row, "blocks", st->read_bytes, st->written_bytes);
    set_count(row, "pids", st->pids);
    set_count(row, "cpuNs", st->cpu_ns);
    set_count(row, "memoryBytes", st->memory_bytes);
    set_count(row, "memoryLimitBytes", st->memory_limit_bytes);
    set_count(row, "receivedBytes", st->received_bytes);
    set_count(row, "sentBytes", st->sent_bytes);
    set_count(row, "readBytes", st->read_bytes);
    set_count(row, "writtenBytes", st->written_bytes);
    return row;
}

/* What a text of --format may also ask for by docker's names. */
static void
add_their_names(struct json *row, bool whole)
{
    static const char *const names[][2] = {
        {"Container", "id"},    {"CPUPerc", "cpu"},
        {"MemUsage", "memory"}, {"MemPerc", "memoryPercent"},
        {"NetIO", "network"},   {"BlockIO", "blocks"},
        {"PIDs", "pids"},
    };
    const char *id = json_str(json_find(row, "id"));
    auto_free char *shown = xstrndup(id, whole ? strlen(id) : SHORT_ID);

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_set(row, names[i][0], json_clone(json_find(row, names[i][1])));
    json_set(row, "ID", json_new_str(shown));
}

static int
print(const struct watch *w, const struct stats_options *opt, bool named, struct err *err)
{
    const struct listing_column columns[] = {
        {"CONTAINER ID", "id", opt->whole ? NULL : listing_show_short_id},
        {"NAME", "name", NULL},
        {"CPU %", "cpu", NULL},
        {"MEM USAGE / LIMIT", "memory", NULL},
        {"MEM %", "memoryPercent", NULL},
        {"NET I/O", "network", NULL},
        {"BLOCK I/O", "blocks", NULL},
        {"PIDS", "pids", NULL},
    };
    AUTO_PTR(json) rows = json_new_array();

    for (size_t i = 0; i < w->n; i++)
        if (w->items[i].known_now || opt->all || named)
            json_push(rows, describe(&w->items[i]));
    for (size_t i = 0; opt->format && strstr(opt->format, "{{") && i < json_len(rows); i++)
        add_their_names(json_at(rows, i), opt->whole);
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, opt->format, err);
}

static int
stats_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct stats_options *opt = options;
    bool clear = !opt->no_stream && !opt->format && isatty(STDOUT_FILENO);
    struct watch w = {.s = s};
    int r;

    r = collect(s, n_words, words, &w, err);
    if (r == 0)
        r = sample(&w, err);
    while (r == 0) {
        (void) poll(NULL, 0, INTERVAL_MS); /* the rate is over this time */
        r = sample(&w, err);
        if (r == 0 && clear)
            fputs("\033[H\033[J", stdout);
        if (r == 0)
            r = print(&w, opt, n_words > 0, err);
        if (fflush(stdout) != 0 || opt->no_stream)
            break;
    }
    watch_done(&w);
    return r;
}

const struct command_row cmd_stats = {
    .path = "stats",
    .aliases = "container stats",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Shows what containers use: processor, memory, network, disks, processes",
    .options = stats_rows,
    .n_options = ARRAY_LEN(stats_rows),
    .options_size = sizeof(struct stats_options),
    .words_max = -1,
    .run = stats_run,
};
