/* SPDX-License-Identifier: Apache-2.0 */
/* cp: files between a container and this machine. */
#include "cmd.h"
#include "ross-cli/run/container_copy.h"
#include "ross-cli/run/container_status.h"

struct cp_options {
    bool archive, follow;
};

#define CP(member) offsetof(struct cp_options, member)

static const struct option_row cp_rows[] = {
    {.name = "archive",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = CP(archive),
     .help = "keep owners, setuid bits and capabilities; without it everything belongs to root"},
    {.name = "follow-link",
     .letter = 'L',
     .type = OPTION_FLAG,
     .offset = CP(follow),
     .help = "copy what a symlink as the source points to"},
};

static int
cp_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct cp_options *opt = options;
    auto_free char *from_name = NULL, *from_path = NULL, *to_name = NULL, *to_path = NULL;
    bool from = container_copy_parse(words[0], &from_name, &from_path);
    bool to = container_copy_parse(words[1], &to_name, &to_path);
    AUTO(container) c = {0};
    const struct container_copy how = {
        .container = &c,
        .inside = from ? from_path : to_path,
        .outside = from ? words[1] : words[0],
        .into = to,
        .archive = opt->archive,
        .follow = opt->follow,
    };
    int r;

    (void) n_words;
    if (from == to)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       from ? "cp does not copy between containers: go by way of a file or '-'"
                            : "one of the two must be CONTAINER:PATH");
    if (!*how.outside)
        return err_set(err, CODE_INVALID_ARGUMENT, "an empty word names no file");
    r = container_find(s, from ? from_name : to_name, &c, err);
    return r < 0 ? r : container_copy(s, &how, err);
}

const struct command_row cmd_cp = {
    .path = "cp",
    .aliases = "container cp",
    .synopsis = "[OPTION…] CONTAINER:PATH PATH|- | PATH|- CONTAINER:PATH",
    .summary = "Copies files between a container and this machine",
    .options = cp_rows,
    .n_options = ARRAY_LEN(cp_rows),
    .options_size = sizeof(struct cp_options),
    .words_min = 2,
    .words_max = 2,
    .run = cp_run,
};
