/* SPDX-License-Identifier: Apache-2.0 */
/* image list, remove: images that are here. */
#include <stdio.h>
#include <string.h>

#include "api/client/records_client.h"
#include "cmd.h"
#include "each.h"
#include "libross/base/clock.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/images/image_remove.h"
#include "ross-cli/run/image_find.h"
#include "ross-cli/run/image_open.h"
#include "ross-cli/ui/listing.h"

/* ---- list ---- */

struct list_options {
    const char *format;
    bool quiet, digests;
    struct strv filters;
};

#define LIST(member) offsetof(struct list_options, member)

static const struct option_row list_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = LIST(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = LIST(quiet),
     .help = "only the digests"},
    {.name = "digests", .type = OPTION_FLAG, .offset = LIST(digests), .help = "show whole digests"},
    {.name = "filter",
     .letter = 'f',
     .type = OPTION_STRV,
     .offset = LIST(filters),
     .arg = "EXPR",
     .help = "containerd filter, such as name~=alpine or labels.a==b; several are alternatives"},
};

struct list_state {
    struct session *s;
    struct content *content;
    struct json *rows;
};

static void
set_name_parts(struct json *row, const char *name)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *repository = NULL;

    if (oci_ref_parse(name, &ref, NULL) < 0) {
        json_set(row, "repository", json_new_str(name));
        json_set(row, "tag", json_new_str(""));
        return;
    }
    repository = oci_ref_familiar_name(&ref);
    json_set(row, "repository", json_new_str(repository));
    json_set(row, "tag", json_new_str(ref.tag ? ref.tag : "<none>"));
}

static int
list_one(const struct image *image, void *arg)
{
    struct list_state *state = arg;
    AUTO(image_view) view = {0};
    char digest[DIGEST_STR_MAX], when[CLOCK_STR_MAX];
    struct json *row = json_new_object();

    json_set(row, "name", json_new_str(image->name));
    set_name_parts(row, image->name);
    json_set(row, "digest", json_new_str(digest_format(&image->target.digest, digest)));
    json_set(row, "mediaType", json_new_str(image->target.media_type));
    json_set(row, "pulled", json_new_str(clock_format(image->updated_ns, when)));
    json_set(row, "labels", json_new_labels(&image->labels));
    /* an image whose blobs are not (all) here is listed with what is known */
    if (image_open(state->content, &state->s->ctx, image, NULL, &view, NULL) == 0) {
        json_set(row, "id", json_new_str(digest_format(&view.manifest.config.digest, digest)));
        json_set(row, "size", json_new_int(view.size_bytes));
        json_set(row, "layers", json_new_int((int64_t) view.manifest.n_layers));
        if (view.config.created)
            json_set(row, "created", json_new_str(view.config.created));
    }
    json_push(state->rows, row);
    return 0;
}

static int
list_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column short_columns[] = {
        {"REPOSITORY", "repository", NULL},          {"TAG", "tag", NULL},
        {"DIGEST", "digest", listing_show_short_id}, {"PULLED", "pulled", listing_show_age},
        {"SIZE", "size", listing_show_size},
    };
    static const struct listing_column long_columns[] = {
        {"REPOSITORY", "repository", NULL},  {"TAG", "tag", NULL},
        {"DIGEST", "digest", NULL},          {"PULLED", "pulled", listing_show_age},
        {"SIZE", "size", listing_show_size},
    };
    const struct list_options *opt = options;
    AUTO_PTR(json) rows = json_new_array();
    struct list_state state = {.s = s, .rows = rows};
    struct rpc_channel *ch;
    int r;

    (void) n_words;
    (void) words;
    r = session_contentd(s, &ch, err);
    if (r == 0)
        r = session_content(s, &state.content, err);
    if (r == 0)
        r = images_client_list(ch, &s->ctx, &opt->filters, list_one, &state, err);
    if (r < 0)
        return r;
    return listing_print(stdout, opt->digests ? long_columns : short_columns,
                         ARRAY_LEN(short_columns), rows,
                         opt->quiet && !opt->format ? "{{.digest}}" : opt->format, err);
}

const struct command_row cmd_image_list = {
    .path = "image list",
    .aliases = "images, image ls",
    .synopsis = "[OPTION…]",
    .summary = "Lists the images that are here",
    .options = list_rows,
    .n_options = ARRAY_LEN(list_rows),
    .options_size = sizeof(struct list_options),
    .run = list_run,
};

/* ---- remove ---- */

struct remove_options {
    bool force;
};

static const struct option_row remove_rows[] = {
    {.name = "force",
     .letter = 'f',
     .type = OPTION_FLAG,
     .offset = offsetof(struct remove_options, force),
     .help = "an image that is not there is no error"},
};

static int
remove_one(struct session *s, const char *word, void *arg, struct err *err)
{
    const struct remove_options *opt = arg;
    AUTO(image) image = {0};
    int r = image_find(s, word, &image, err);

    if (r == 0)
        r = image_remove(s, &image, true, err);
    if (r == -CODE_NOT_FOUND && opt->force)
        return 1;
    if (r == 0)
        printf("removed %s\n", image.name);
    return r;
}

static int
remove_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    return each_word(s, n_words, words, false, remove_one, (void *) (uintptr_t) options, err);
}

const struct command_row cmd_image_remove = {
    .path = "image remove",
    .aliases = "rmi, image rm",
    .synopsis = "[OPTION…] IMAGE…",
    .summary = "Removes image names, and what nothing else needs",
    .options = remove_rows,
    .n_options = ARRAY_LEN(remove_rows),
    .options_size = sizeof(struct remove_options),
    .words_min = 1,
    .words_max = -1,
    .run = remove_run,
};
