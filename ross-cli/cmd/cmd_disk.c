/* SPDX-License-Identifier: Apache-2.0 */
/* system df: where the space goes. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"
#include "libross/base/clock.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/images/disk_usage.h"
#include "ross-cli/ui/listing.h"

struct df_options {
    const char *format;
    bool verbose;
};

#define DF(member) offsetof(struct df_options, member)

static const struct option_row df_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = DF(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "verbose",
     .letter = 'v',
     .type = OPTION_FLAG,
     .offset = DF(verbose),
     .help = "every image, container, volume and leftover"},
};

static char *
show_reclaimable(const struct json *v)
{
    int64_t bytes = 0, size = 0;
    (void) json_int(json_find(v, "bytes"), &bytes);
    (void) json_int(json_find(v, "of"), &size);
    auto_free char *text = size_format(bytes);

    return size > 0 ? xasprintf("%s (%" PRId64 "%%)", text, bytes * 100 / size) : TAKE(text);
}

static struct json *
summary(const struct disk_usage *u)
{
    struct disk_row rows[DISK_ROWS];
    struct json *all = json_new_array();

    disk_usage_rows(u, rows);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *row = json_new_object(), *share = json_new_object();
        json_set(row, "type", json_new_str(rows[i].type));
        json_set(row, "total", json_new_int((int64_t) rows[i].total));
        json_set(row, "active", json_new_int((int64_t) rows[i].active));
        json_set(row, "size", json_new_int(rows[i].size_bytes));
        json_set(row, "reclaimable", json_new_int(rows[i].reclaimable_bytes));
        json_set(share, "bytes", json_new_int(rows[i].reclaimable_bytes));
        json_set(share, "of", json_new_int(rows[i].size_bytes));
        json_set(row, "share", share);
        json_push(all, row);
    }
    return all;
}

static void
set_time(struct json *row, const char *key, int64_t ns)
{
    char when[CLOCK_STR_MAX];

    json_set(row, key, ns ? json_new_str(clock_format(ns, when)) : json_new_null());
}

static struct json *
image_rows(const struct image_set *set)
{
    struct json *all = json_new_array();
    char digest[DIGEST_STR_MAX];

    for (size_t i = 0; i < set->n; i++) {
        const struct image_member *m = &set->items[i];
        struct image_size size = image_set_size(set, i);
        struct json *row = json_new_object();
        AUTO(oci_ref) ref = {0};
        bool named =
            !image_name_is_none(m->image.name) && oci_ref_parse(m->image.name, &ref, NULL) == 0;
        auto_free char *repository = named ? oci_ref_familiar_name(&ref) : xstrdup(m->image.name);

        json_set(row, "repository", json_new_str(repository));
        json_set(row, "tag", json_new_str(named && ref.tag ? ref.tag : "<none>"));
        json_set(row, "digest", json_new_str(digest_format(&m->image.target.digest, digest)));
        set_time(row, "created", m->created_ns);
        json_set(row, "size", json_new_int(size.total_bytes));
        json_set(row, "shared", json_new_int(size.shared_bytes));
        json_set(row, "unique", json_new_int(size.unique_bytes));
        json_set(row, "containers", json_new_int(m->containers));
        json_push(all, row);
    }
    return all;
}

static struct json *
container_rows(const struct disk_usage *u)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < u->n_containers; i++) {
        const struct disk_container *c = &u->containers[i];
        struct json *row = json_new_object();
        json_set(row, "id", json_new_str(c->id));
        json_set(row, "name", json_new_str(c->name));
        json_set(row, "image", json_new_str(c->image));
        json_set(row, "status", json_new_str(c->status));
        set_time(row, "created", c->created_ns);
        json_set(row, "size", json_new_int(c->size_bytes));
        json_push(all, row);
    }
    return all;
}

static struct json *
volume_rows(const struct disk_usage *u)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < u->n_volumes; i++) {
        struct json *row = json_new_object();
        json_set(row, "name", json_new_str(u->volumes[i].name));
        json_set(row, "containers", json_new_int((int64_t) u->volumes[i].users.n));
        json_set(row, "size", json_new_int(u->volumes[i].size_bytes));
        json_push(all, row);
    }
    return all;
}

static struct json *
leftover_rows(const struct disk_usage *u)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < u->n_leftovers; i++) {
        struct json *row = json_new_object();
        json_set(row, "kind", json_new_str(u->leftovers[i].kind));
        json_set(row, "key", json_new_str(u->leftovers[i].key));
        json_set(row, "size", json_new_int(u->leftovers[i].size_bytes));
        json_set(row, "why", json_new_str(u->leftovers[i].why));
        json_push(all, row);
    }
    return all;
}

static struct json *
everything(const struct disk_usage *u)
{
    struct json *o = json_new_object();

    json_set(o, "summary", summary(u));
    json_set(o, "images", image_rows(&u->images));
    json_set(o, "containers", container_rows(u));
    json_set(o, "volumes", volume_rows(u));
    json_set(o, "leftovers", leftover_rows(u));
    return o;
}

static int
print_summary(const struct json *rows, const char *format, struct err *err)
{
    static const struct listing_column columns[] = {
        {"TYPE", "type", NULL},
        {"TOTAL", "total", NULL},
        {"ACTIVE", "active", NULL},
        {"SIZE", "size", listing_show_size},
        {"RECLAIMABLE", "share", show_reclaimable},
    };

    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, format, err);
}

static int
print_tables(const struct json *all, struct err *err)
{
    static const struct listing_column images[] = {
        {"REPOSITORY", "repository", NULL},          {"TAG", "tag", NULL},
        {"DIGEST", "digest", listing_show_short_id}, {"CREATED", "created", listing_show_age},
        {"SIZE", "size", listing_show_size},         {"SHARED", "shared", listing_show_size},
        {"UNIQUE", "unique", listing_show_size},     {"CONTAINERS", "containers", NULL},
    };
    static const struct listing_column containers[] = {
        {"CONTAINER", "id", listing_show_short_id},
        {"IMAGE", "image", NULL},
        {"CREATED", "created", listing_show_age},
        {"STATUS", "status", NULL},
        {"NAME", "name", NULL},
        {"SIZE", "size", listing_show_size},
    };
    static const struct listing_column volumes[] = {
        {"VOLUME", "name", NULL},
        {"CONTAINERS", "containers", NULL},
        {"SIZE", "size", listing_show_size},
    };
    static const struct listing_column leftovers[] = {
        {"LEFTOVER", "kind", NULL},
        {"KEY", "key", NULL},
        {"SIZE", "size", listing_show_size},
        {"WHY", "why", NULL},
    };
    static const struct {
        const char *key;
        const struct listing_column *columns;
        size_t n;
    } tables[] = {
        {"images", images, ARRAY_LEN(images)},
        {"containers", containers, ARRAY_LEN(containers)},
        {"volumes", volumes, ARRAY_LEN(volumes)},
        {"leftovers", leftovers, ARRAY_LEN(leftovers)},
    };
    int r = print_summary(json_find(all, "summary"), NULL, err);

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(tables); i++) {
        printf("\n");
        r = listing_print(stdout, tables[i].columns, tables[i].n, json_find(all, tables[i].key),
                          NULL, err);
    }
    return r;
}

static int
df_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct df_options *opt = options;
    AUTO_PTR(json) all = NULL;
    AUTO(disk_usage) u = {0};
    int r = disk_usage_read(s, &u, err);

    (void) n_words;
    (void) words;
    if (r < 0)
        return r;
    all = everything(&u);
    if (!opt->verbose)
        return print_summary(json_find(all, "summary"), opt->format, err);
    if (!opt->format)
        return print_tables(all, err);
    /* one object with all of it */
    AUTO_PTR(json) one = json_new_array();
    json_push(one, json_clone(all));
    return listing_print(stdout, NULL, 0, one, opt->format, err);
}

const struct command_row cmd_system_df = {
    .path = "system df",
    .synopsis = "[OPTION…]",
    .summary = "Shows what takes how much of the disk, and how much of it could go",
    .options = df_rows,
    .n_options = ARRAY_LEN(df_rows),
    .options_size = sizeof(struct df_options),
    .run = df_run,
};
