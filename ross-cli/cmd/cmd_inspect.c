/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: everything about containers and images. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "ross-cli/images/image_describe.h"
#include "ross-cli/run/container_inspect.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/image_find.h"
#include "ross-cli/ui/template.h"

struct inspect_options {
    const char *format, *type;
    bool size;
};

#define INSPECT(member) offsetof(struct inspect_options, member)

static const struct option_row inspect_rows[] = {
    {.name = "format",
     .letter = 'f',
     .type = OPTION_STR,
     .offset = INSPECT(format),
     .arg = "FORMAT",
     .help = "json, or a text with {{.State.Pid}}, {{json .Mounts}}, {{range .Mounts}}…{{end}}"},
    {.name = "type",
     .type = OPTION_STR,
     .offset = INSPECT(type),
     .arg = "container|image",
     .help = "look only for one of these (default: container, then image)"},
    {.name = "size",
     .letter = 's',
     .type = OPTION_FLAG,
     .offset = INSPECT(size),
     .help = "also how much a container's files take"},
};

static int
inspect_image(struct session *s, const char *word, struct json **ret, struct err *err)
{
    AUTO(image) image = {0};
    AUTO(image_view) view = {0};
    AUTO(strv) names = {0};
    struct content *content;
    int r;

    r = session_content(s, &content, err);
    if (r == 0)
        r = image_find(s, word, &image, err);
    if (r == 0)
        r = image_open(content, &s->ctx, &image, NULL, &view, err);
    if (r == 0)
        r = image_names(s, &image, &names, err);
    if (r == 0)
        *ret = image_describe(&image, &view, &names);
    return r;
}

static int
inspect_container(struct session *s, const char *word, bool size, struct json **ret,
                  struct err *err)
{
    AUTO(container) c = {0};
    int r;

    r = container_find(s, word, &c, err);
    return r < 0 ? r : container_inspect(s, &c, size, ret, err);
}

static int
inspect_one(struct session *s, const struct inspect_options *opt, const char *word,
            struct json **ret, struct err *err)
{
    struct err second = {0};
    int r = -CODE_NOT_FOUND;

    if (!opt->type || strcmp(opt->type, "container") == 0)
        r = inspect_container(s, word, opt->size, ret, err);
    if (r != -CODE_NOT_FOUND || (opt->type && strcmp(opt->type, "image") != 0))
        return r;
    r = inspect_image(s, word, ret, &second);
    if (r == 0 || opt->type) {
        *err = second;
        return r;
    }
    return err_set(err, CODE_NOT_FOUND, "no container and no image is called '%.128s'", word);
}

static int
inspect_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct inspect_options *opt = options;
    AUTO_PTR(json) all = json_new_array();
    struct err one = {0};
    struct json *o = NULL;
    int failed = 0, r = 0;

    if (opt->type && strcmp(opt->type, "container") != 0 && strcmp(opt->type, "image") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--type '%.32s' is not known, use container or image", opt->type);
    for (int i = 0; i < n_words; i++) {
        r = inspect_one(s, opt, words[i], &o, &one);
        if (r == 0) {
            json_push(all, o);
            continue;
        }
        if (failed)
            fprintf(stderr, "ross-cli: %s\n", err->msg);
        failed = r;
        *err = one;
    }
    if (!opt->format || strcmp(opt->format, "json") == 0) {
        auto_free char *text = opt->format ? json_dump(all, NULL) : json_dump_pretty(all);

        printf("%s\n", text);
        return failed;
    }
    for (size_t i = 0; i < json_len(all); i++) {
        r = template_print(stdout, opt->format, json_at(all, i), err);
        if (r < 0)
            return r;
        fputs("\n", stdout);
    }
    return failed;
}

const struct command_row cmd_inspect = {
    .path = "inspect",
    .aliases = "container inspect",
    .synopsis = "[OPTION…] NAME…",
    .summary = "Shows everything about containers or images, as JSON",
    .options = inspect_rows,
    .n_options = ARRAY_LEN(inspect_rows),
    .options_size = sizeof(struct inspect_options),
    .words_min = 1,
    .words_max = -1,
    .run = inspect_run,
};
