/* SPDX-License-Identifier: Apache-2.0 */
/* image inspect, image history: what is in images. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "libross/oci/platform.h"
#include "ross-cli/images/image_describe.h"
#include "ross-cli/run/image_find.h"
#include "ross-cli/ui/listing.h"
#include "ross-cli/ui/template.h"

struct inspect_options {
    const char *format, *platform;
};

#define INSPECT(member) offsetof(struct inspect_options, member)

static const struct option_row inspect_rows[] = {
    {.name = "format",
     .letter = 'f',
     .type = OPTION_STR,
     .offset = INSPECT(format),
     .arg = "FORMAT",
     .help = "json or a text with {{.Field.Field}}, such as {{.Config.Env}}"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = INSPECT(platform),
     .arg = "OS/ARCH",
     .help = "another platform than this machine's"},
};

/* The image of a word, opened. */
static int
find_and_open(struct session *s, const char *word, const char *platform_text, struct image *image,
              struct image_view *view, struct err *err)
{
    AUTO(oci_platform) platform = {0};
    struct content *content;
    int r = session_content(s, &content, err);

    if (r == 0 && platform_text)
        r = platform_parse(platform_text, &platform, err);
    if (r == 0)
        r = image_find(s, word, image, err);
    return r < 0 ? r
                 : image_open(content, &s->ctx, image, platform_text ? &platform : NULL, view, err);
}

static int
print_described(const struct json *all, const char *format, struct err *err)
{
    int r = 0;

    if (!format || strcmp(format, "json") == 0) {
        auto_free char *text = json_dump_pretty(all);
        printf("%s\n", text);
        return 0;
    }
    for (size_t i = 0; r == 0 && i < json_len(all); i++) {
        r = template_print(stdout, format, json_at(all, i), err);
        if (r == 0)
            printf("\n");
    }
    return r;
}

static int
inspect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct inspect_options *opt = options;
    AUTO_PTR(json) all = json_new_array();

    for (int i = 0; i < n_words; i++) {
        AUTO(image) image = {0};
        AUTO(image_view) view = {0};
        AUTO(strv) names = {0};
        int r = find_and_open(s, words[i], opt->platform, &image, &view, err);

        if (r == 0)
            r = image_names(s, &image, &names, err);
        if (r < 0)
            return r;
        json_push(all, image_describe(&image, &view, &names));
    }
    return print_described(all, opt->format, err);
}

const struct command_row cmd_image_inspect = {
    .path = "image inspect",
    .synopsis = "[OPTION…] IMAGE…",
    .summary = "Shows everything about images, as JSON in docker's shape",
    .options = inspect_rows,
    .n_options = ARRAY_LEN(inspect_rows),
    .options_size = sizeof(struct inspect_options),
    .words_min = 1,
    .words_max = -1,
    .run = inspect_run,
};

/* ---- history ---- */

struct history_options {
    const char *format, *platform;
    bool quiet, whole;
};

#define HISTORY(member) offsetof(struct history_options, member)

static const struct option_row history_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = HISTORY(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = HISTORY(quiet),
     .help = "only the ids"},
    {.name = "no-trunc",
     .type = OPTION_FLAG,
     .offset = HISTORY(whole),
     .help = "whole ids and commands"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = HISTORY(platform),
     .arg = "OS/ARCH",
     .help = "another platform than this machine's"},
};

#define CREATED_BY_SHOWN 44

static char *
show_created_by(const struct json *text)
{
    const char *s = json_str(text);
    size_t n = 0, letters = 0;

    if (!s)
        return xstrdup("");
    /* whole UTF-8 letters */
    while (s[n] && (letters < CREATED_BY_SHOWN || ((unsigned char) s[n] & 0xc0) == 0x80))
        letters += ((unsigned char) s[n++] & 0xc0) != 0x80;
    return s[n] ? xasprintf("%.*s…", (int) n, s) : xstrdup(s);
}

static char *
show_id(const struct json *id)
{
    const char *text = json_str(id);

    return text && *text == '<' ? xstrdup(text) : listing_show_short_id(id);
}

static int
history_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column short_columns[] = {
        {"IMAGE", "id", show_id},
        {"CREATED", "created", listing_show_age},
        {"CREATED BY", "createdBy", show_created_by},
        {"SIZE", "size", listing_show_size},
        {"COMMENT", "comment", NULL},
    };
    static const struct listing_column long_columns[] = {
        {"IMAGE", "id", NULL},  {"CREATED", "created", NULL}, {"CREATED BY", "createdBy", NULL},
        {"SIZE", "size", NULL}, {"COMMENT", "comment", NULL},
    };
    const struct history_options *opt = options;
    AUTO_PTR(json) rows = NULL;
    AUTO(image) image = {0};
    AUTO(image_view) view = {0};
    auto_free int64_t *unpacked = NULL;
    int r = find_and_open(s, words[0], opt->platform, &image, &view, err);

    (void) n_words;
    if (r < 0)
        return r;
    unpacked = xcalloc(view.manifest.n_layers + 1, sizeof *unpacked);
    r = image_layers_usage(s, &view, unpacked, err);
    if (r < 0)
        return r;
    rows = image_history(&view, unpacked);
    return listing_print(stdout, opt->whole ? long_columns : short_columns,
                         ARRAY_LEN(short_columns), rows,
                         opt->quiet && !opt->format ? "{{.id}}" : opt->format, err);
}

const struct command_row cmd_image_history = {
    .path = "image history",
    .aliases = "history",
    .synopsis = "[OPTION…] IMAGE",
    .summary = "Shows how an image was made: one line a step, newest first",
    .options = history_rows,
    .n_options = ARRAY_LEN(history_rows),
    .options_size = sizeof(struct history_options),
    .words_min = 1,
    .words_max = 1,
    .run = history_run,
};
