/* SPDX-License-Identifier: Apache-2.0 */
/* volume create, ls, inspect, rm, prune. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "confirm.h"
#include "each.h"
#include "libross/base/clock.h"
#include "libross/json/json.h"
#include "network_words.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/ui/listing.h"
#include "ross-cli/volume/volume.h"

/* ---- create ---- */

struct create_options {
    struct strv labels;
    const char *driver;
};

static const struct option_row create_rows[] = {
    {.name = "label",
     .type = OPTION_STRV,
     .offset = offsetof(struct create_options, labels),
     .arg = "K=V",
     .help = "label of the volume"},
    {.name = "driver",
     .letter = 'd',
     .type = OPTION_STR,
     .offset = offsetof(struct create_options, driver),
     .arg = "local",
     .help = "where it is kept (default: local, on this machine)"},
};

static int
create_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct create_options *opt = options;
    auto_free char *name = n_words ? xstrdup(words[0]) : volume_name_anonymous();
    AUTO(labels) labels = {0};
    int r;

    if (opt->driver && strcmp(opt->driver, "local") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "--driver '%.32s' is not known, local is",
                       opt->driver);
    r = labels_from_words("--label", &opt->labels, &labels, err);
    if (r == 0)
        r = volume_create(s->root, name, &labels, !n_words, err);
    if (r < 0)
        return r;
    event_volume(s, name, "create");
    printf("%s\n", name);
    return 0;
}

const struct command_row cmd_volume_create = {
    .path = "volume create",
    .synopsis = "[OPTION…] [NAME]",
    .summary = "Makes a volume; without a name, one that 'volume prune' takes when it is unused",
    .options = create_rows,
    .n_options = ARRAY_LEN(create_rows),
    .options_size = sizeof(struct create_options),
    .words_max = 1,
    .run = create_run,
};

/* ---- ls, inspect ---- */

static struct json *
volume_to_json(const struct volume *v)
{
    struct json *o = json_new_object();
    char time[CLOCK_STR_MAX];

    json_set(o, "name", json_new_str(v->name));
    json_set(o, "driver", json_new_str("local"));
    json_set(o, "mountpoint", json_new_str(v->path));
    json_set(o, "created", json_new_str(clock_format(v->created_ns, time)));
    json_set(o, "anonymous", json_new_bool(v->anonymous));
    json_set(o, "labels", json_new_labels(&v->labels));
    json_set(o, "containers", json_new_strv(&v->users));
    return o;
}

/* "2 containers" */
static char *
show_users(const struct json *list)
{
    return xasprintf("%zu", json_len(list));
}

struct list_options {
    const char *format;
    bool quiet;
};

static const struct option_row list_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = offsetof(struct list_options, format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = offsetof(struct list_options, quiet),
     .help = "only the names"},
};

static int
list_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"NAME", "name", NULL},
        {"DRIVER", "driver", NULL},
        {"CREATED", "created", listing_show_age},
        {"CONTAINERS", "containers", show_users},
    };
    const struct list_options *opt = options;
    AUTO_PTR(json) rows = json_new_array();
    AUTO(volumes) all = {0};
    int r = volumes_list(s->root, &all, err);

    (void) n_words;
    (void) words;
    if (r < 0)
        return r;
    for (size_t i = 0; i < all.n; i++)
        json_push(rows, volume_to_json(&all.items[i]));
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows,
                         opt->quiet && !opt->format ? "{{.name}}" : opt->format, err);
}

const struct command_row cmd_volume_list = {
    .path = "volume list",
    .aliases = "volume ls",
    .synopsis = "[OPTION…]",
    .summary = "Lists the volumes",
    .options = list_rows,
    .n_options = ARRAY_LEN(list_rows),
    .options_size = sizeof(struct list_options),
    .run = list_run,
};

static int
inspect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    AUTO_PTR(json) rows = json_new_array();
    auto_free char *text = NULL;
    int r = 0;

    (void) options;
    for (int i = 0; r == 0 && i < n_words; i++) {
        AUTO(volume) v = {0};

        r = volume_get(s->root, words[i], &v, err);
        if (r == 0)
            json_push(rows, volume_to_json(&v));
    }
    if (r < 0)
        return r;
    text = json_dump_pretty(rows);
    printf("%s\n", text);
    return 0;
}

const struct command_row cmd_volume_inspect = {
    .path = "volume inspect",
    .synopsis = "VOLUME…",
    .summary = "Shows everything about volumes, and who has them, as JSON",
    .words_min = 1,
    .words_max = -1,
    .run = inspect_run,
};

/* ---- rm, prune ---- */

static int
rm_one(struct session *s, const char *word, void *arg, struct err *err)
{
    int r = volume_remove(s->root, word, err);

    (void) arg;
    if (r == 0)
        event_volume(s, word, "destroy");
    return r;
}

static int
rm_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    (void) options;
    return each_word(s, n_words, words, true, rm_one, NULL, err);
}

const struct command_row cmd_volume_rm = {
    .path = "volume rm",
    .aliases = "volume remove",
    .synopsis = "VOLUME…",
    .summary = "Removes volumes that no container has, and what is in them",
    .words_min = 1,
    .words_max = -1,
    .run = rm_run,
};

struct prune_options {
    bool all, force;
};

static const struct option_row prune_rows[] = {
    {.name = "all",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = offsetof(struct prune_options, all),
     .help = "also those that somebody gave a name"},
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = offsetof(struct prune_options, force),
     .help = "do not ask"},
};

static int
prune_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct prune_options *opt = options;
    AUTO(volumes) all = {0};
    AUTO(strv) gone = {0};
    int r = volumes_list(s->root, &all, err);

    (void) n_words;
    (void) words;
    for (size_t i = 0; r == 0 && i < all.n; i++)
        if (!all.items[i].users.n && (opt->all || all.items[i].anonymous))
            strv_add(&gone, all.items[i].name);
    if (r == 0 && gone.n && !opt->force) {
        auto_free char *what =
            xasprintf("%zu of %zu volumes go, with all that is in them: no container has them.",
                      gone.n, all.n);

        r = confirm(what, err);
    }
    for (size_t i = 0; r == 0 && i < gone.n; i++) {
        r = volume_remove(s->root, gone.items[i], err);
        if (r == -CODE_FAILED_PRECONDITION) { /* a container took it meanwhile */
            r = 0;
            continue;
        }
        if (r < 0)
            return r;
        event_volume(s, gone.items[i], "destroy");
        printf("removed %s\n", gone.items[i]);
    }
    return r;
}

const struct command_row cmd_volume_prune = {
    .path = "volume prune",
    .synopsis = "[OPTION…]",
    .summary = "Removes anonymous volumes, or all, that no container has",
    .options = prune_rows,
    .n_options = ARRAY_LEN(prune_rows),
    .options_size = sizeof(struct prune_options),
    .run = prune_run,
};
