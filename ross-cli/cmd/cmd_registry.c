/* SPDX-License-Identifier: Apache-2.0 */
/* image tags, search, image referrers: what registries have. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "libross/oci/oci_desc_json.h"
#include "libross/oci/oci_ref.h"
#include "ross-cli/registry/registry_list.h"
#include "ross-cli/registry/registry_login.h"
#include "ross-cli/ui/listing.h"

struct remote_command {
    bool plain_http;
};

static const struct option_row remote_rows[] = {
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = offsetof(struct remote_command, plain_http),
     .help = "http instead of https (localhost needs no asking)"},
};

static void
print_all(struct strv *names)
{
    for (size_t i = 0; i < names->n; i++)
        printf("%s\n", names->items[i]);
    strv_done(names);
}

static int
tags_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct remote_command *cmd = options;
    const struct registry_options opt = {.plain_http = cmd->plain_http};
    AUTO_PTR(registry) registry = NULL;
    AUTO(oci_ref) ref = {0};
    struct strv names = {0};
    int r = oci_ref_parse_name(words[0], &ref, err);

    (void) s;
    (void) n_words;
    if (r == 0)
        r = registry_new(&opt, &registry, err);
    if (r == 0)
        r = registry_tags(registry, &ref, &names, err);
    print_all(&names);
    return r;
}

const struct command_row cmd_image_tags = {
    .path = "image tags",
    .synopsis = "[OPTION…] REPOSITORY",
    .summary = "Lists the tags that a repository has in its registry",
    .options = remote_rows,
    .n_options = ARRAY_LEN(remote_rows),
    .options_size = sizeof(struct remote_command),
    .words_min = 1,
    .words_max = 1,
    .run = tags_run,
};

static int
search_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct remote_command *cmd = options;
    const struct registry_options opt = {.plain_http = cmd->plain_http};
    auto_free char *host = registry_login_host(words[0]);
    AUTO_PTR(registry) registry = NULL;
    struct strv names = {0}, found = {0};
    int r = registry_new(&opt, &registry, err);

    (void) s;
    if (r == 0)
        r = registry_catalog(registry, host, &names, err);
    for (size_t i = 0; i < names.n; i++)
        if (n_words < 2 || strstr(names.items[i], words[1]))
            strv_add(&found, names.items[i]);
    strv_done(&names);
    print_all(&found);
    return r;
}

const struct command_row cmd_search = {
    .path = "image search",
    .aliases = "search",
    .synopsis = "[OPTION…] REGISTRY [TEXT]",
    .summary = "Lists the repositories of a registry that tells them",
    .options = remote_rows,
    .n_options = ARRAY_LEN(remote_rows),
    .options_size = sizeof(struct remote_command),
    .words_min = 1,
    .words_max = 2,
    .run = search_run,
};

/* ---- referrers ---- */

struct referrers_command {
    bool plain_http;
    const char *format, *type;
};

#define REFERRERS(member) offsetof(struct referrers_command, member)

static const struct option_row referrers_rows[] = {
    {.name = "artifact-type",
     .type = OPTION_STR,
     .offset = REFERRERS(type),
     .arg = "TYPE",
     .help = "only those of this type"},
    {.name = "format",
     .type = OPTION_STR,
     .offset = REFERRERS(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = REFERRERS(plain_http),
     .help = "http instead of https (localhost needs no asking)"},
};

static struct json *
referrer_rows(const struct oci_index *index, const char *type)
{
    struct json *rows = json_new_array();

    for (size_t i = 0; i < index->n; i++) {
        const struct oci_desc *d = &index->manifests[i];
        struct json *row;
        if (type && (!d->artifact_type || strcmp(d->artifact_type, type) != 0))
            continue;
        row = oci_desc_to_json(d);
        if (!d->artifact_type)
            json_set(row, "artifactType", json_new_str(""));
        json_push(rows, row);
    }
    return rows;
}

static int
referrers_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"DIGEST", "digest", NULL},
        {"ARTIFACT TYPE", "artifactType", NULL},
        {"SIZE", "size", listing_show_size},
    };
    const struct referrers_command *cmd = options;
    const struct registry_options opt = {.plain_http = cmd->plain_http};
    AUTO_PTR(registry) registry = NULL;
    AUTO_PTR(json) rows = NULL;
    AUTO(oci_index) index = {0};
    AUTO(oci_desc) subject = {0};
    AUTO(oci_ref) ref = {0};
    int r = oci_ref_parse(words[0], &ref, err);

    (void) s;
    (void) n_words;
    if (r == 0)
        r = registry_new(&opt, &registry, err);
    if (r == 0)
        r = registry_resolve(registry, &ref, &subject, err);
    if (r == 0)
        r = registry_referrers(registry, &ref, &subject.digest, &index, err);
    if (r < 0)
        return err_wrap(err, r, "referrers of '%s'", words[0]);
    rows = referrer_rows(&index, cmd->type);
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, cmd->format, err);
}

const struct command_row cmd_image_referrers = {
    .path = "image referrers",
    .synopsis = "[OPTION…] REF",
    .summary =
        "Lists what a registry has about an image: signatures, lists of contents, attestations",
    .options = referrers_rows,
    .n_options = ARRAY_LEN(referrers_rows),
    .options_size = sizeof(struct referrers_command),
    .words_min = 1,
    .words_max = 1,
    .run = referrers_run,
};
