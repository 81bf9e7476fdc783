/* SPDX-License-Identifier: Apache-2.0 */
/* image pull, image load, image import: images from registries and from files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/fd.h"
#include "libross/oci/oci_ref.h"
#include "libross/oci/platform.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/run/image_get.h"
#include "ross-cli/ui/progress.h"

/* ---- pull ---- */

struct pull_command {
    bool quiet, plain_http, all_platforms, timing;
    const char *platform;
};

#define PULL(member) offsetof(struct pull_command, member)

static const struct option_row pull_rows[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = PULL(quiet),
     .help = "only the digest, no progress"},
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = PULL(plain_http),
     .help = "http instead of https (localhost needs no asking)"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = PULL(platform),
     .arg = "OS/ARCH",
     .help = "another platform than this machine's"},
    {.name = "all-platforms",
     .type = OPTION_FLAG,
     .offset = PULL(all_platforms),
     .help = "fetch the content for every platform"},
    {.name = "timing",
     .type = OPTION_FLAG,
     .offset = PULL(timing),
     .help = "say at the end where the time went"},
};

static int
parse_platform(const char *text, struct oci_platform *ret, const struct oci_platform **ret_used,
               struct err *err)
{
    *ret_used = NULL;
    if (!text)
        return 0;
    *ret_used = ret;
    return platform_parse(text, ret, err);
}

/* One line a stage on stderr; those of layers are sums, as layers overlap. */
static void
show_timing(const struct pull_timing *t)
{
    const struct {
        const char *stage;
        int64_t ns;
    } rows[] = {
        {"resolve", t->resolve_ns}, {"manifests", t->manifests_ns}, {"download", t->download_ns},
        {"unpack", t->unpack_ns},   {"commit", t->commit_ns},       {"record", t->record_ns},
        {"total", t->total_ns},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        fprintf(stderr, "%-10s %9.1f ms\n", rows[i].stage, (double) rows[i].ns / 1e6);
    fprintf(stderr, "%-10s %9.1f MB\n", "downloaded", (double) t->downloaded_bytes / 1e6);
}

static int
pull_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct pull_command *cmd = options;
    const struct registry_options registry = {.plain_http = cmd->plain_http};
    AUTO_PTR(progress) progress = progress_new(stderr, cmd->quiet);
    struct pull_options opt = {
        .all_platforms = cmd->all_platforms,
        .on_event = progress_event,
        .on_event_arg = progress,
    };
    AUTO(oci_platform) platform = {0};
    AUTO(pull_result) result = {0};
    char digest[DIGEST_STR_MAX];
    int r;

    (void) n_words;
    opt.reference = words[0];
    r = parse_platform(cmd->platform, &platform, &opt.platform, err);
    if (r == 0)
        r = image_get(s, &registry, &opt, &result, err);
    if (r < 0)
        return r;
    if (cmd->timing)
        show_timing(&result.timing);
    digest_format(&result.target.digest, digest);
    if (cmd->quiet)
        printf("%s\n", digest);
    else
        printf("%s %s (%s)\n", result.name, digest, result.changed ? "new" : "up to date");
    return 0;
}

const struct command_row cmd_image_pull = {
    .path = "image pull",
    .aliases = "pull",
    .synopsis = "[OPTION…] REF",
    .summary = "Fetches an image from its registry and unpacks it",
    .options = pull_rows,
    .n_options = ARRAY_LEN(pull_rows),
    .options_size = sizeof(struct pull_command),
    .words_min = 1,
    .words_max = 1,
    .run = pull_run,
};

/* ---- load ---- */

struct load_command {
    bool quiet;
    const char *input, *name, *platform;
};

#define LOAD(member) offsetof(struct load_command, member)

static const struct option_row load_rows[] = {
    {.name = "input",
     .letter = 'i',
     .type = OPTION_STR,
     .offset = LOAD(input),
     .arg = "PATH",
     .help =
         "OCI layout (directory or tar) or docker archive; \"-\" and nothing are standard input"},
    {.name = "name",
     .type = OPTION_STR,
     .offset = LOAD(name),
     .arg = "REF",
     .help = "name for an image that has none in the file"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = LOAD(platform),
     .arg = "OS/ARCH",
     .help = "another platform than this machine's"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = LOAD(quiet),
     .help = "no progress"},
};

/* What a load and an import have to say, and who says it. */
struct loaded {
    struct session *s;
    const char *action; /* of the event */
};

static int
say_loaded(const struct pull_result *image, void *arg)
{
    const struct loaded *l = arg;
    AUTO(oci_ref) ref = {0};
    auto_free char *shown = NULL;

    event_image(l->s, image->name, &image->target.digest, l->action);
    shown =
        oci_ref_parse(image->name, &ref, NULL) == 0 ? oci_ref_familiar(&ref) : xstrdup(image->name);
    printf("loaded %s\n", shown);
    (void) fflush(stdout);
    return 0;
}

/* Fills in the file of `opt`; *ret_fd is to be closed. */
static int
open_input(const char *path, struct load_options *opt, int *ret_fd, struct err *err)
{
    opt->what = path;
    if (strcmp(path, "-") != 0) {
        opt->fd = *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
        return opt->fd < 0 ? err_sys(err, errno, "open '%s'", path) : 0;
    }
    if (isatty(STDIN_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "name a file, or send an archive to standard input");
    opt->what = "standard input";
    opt->fd = STDIN_FILENO;
    return 0;
}

/* The file at `path` as `opt` says. */
static int
load_file(struct session *s, const char *action, const char *path, const char *platform_text,
          const struct load_options *asked, struct err *err)
{
    struct load_options opt = *asked;
    struct loaded loaded = {.s = s, .action = action};
    AUTO(oci_platform) platform = {0};
    auto_close int fd = -1;
    struct pull_services svc;
    int r = open_input(path, &opt, &fd, err);

    if (r == 0)
        r = parse_platform(platform_text, &platform, &opt.platform, err);
    if (r == 0)
        r = image_services(s, &svc, err);
    return r < 0 ? r : load_images(&svc, &opt, say_loaded, &loaded, err);
}

static int
load_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct load_command *cmd = options;
    const char *path = cmd->input ? cmd->input : n_words ? words[0] : "-";
    AUTO_PTR(progress) progress = progress_new(stderr, cmd->quiet);
    struct load_options opt = {
        .name = cmd->name, .on_event = progress_event, .on_event_arg = progress};

    if (cmd->input && n_words)
        return err_set(err, CODE_INVALID_ARGUMENT, "give the file once: --input %s or %s",
                       cmd->input, words[0]);
    return load_file(s, "load", path, cmd->platform, &opt, err);
}

const struct command_row cmd_image_load = {
    .path = "image load",
    .aliases = "load",
    .synopsis = "[OPTION…] [PATH]",
    .summary = "Takes images from an OCI layout or a docker archive",
    .options = load_rows,
    .n_options = ARRAY_LEN(load_rows),
    .options_size = sizeof(struct load_command),
    .words_max = 1,
    .run = load_run,
};

/* ---- import ---- */

struct import_command {
    bool quiet;
    const char *name, *platform, *message;
    struct strv changes;
};

#define IMPORT(member) offsetof(struct import_command, member)

static const struct option_row import_rows[] = {
    {.name = "change",
     .letter = 'c',
     .type = OPTION_STRV,
     .offset = IMPORT(changes),
     .arg = "INSTRUCTION",
     .help = "a line of a Dockerfile for the image's config, such as 'CMD [\"sh\"]' or 'ENV A=1'"},
    {.name = "message",
     .letter = 'm',
     .type = OPTION_STR,
     .offset = IMPORT(message),
     .arg = "TEXT",
     .help = "for the image's history"},
    {.name = "name",
     .type = OPTION_STR,
     .offset = IMPORT(name),
     .arg = "REF",
     .help = "the same as a second word"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = IMPORT(platform),
     .arg = "OS/ARCH",
     .help = "another platform than this machine's"},
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = IMPORT(quiet),
     .help = "no progress"},
};

static int
import_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct import_command *cmd = options;
    const struct load_tree tree = {.changes = &cmd->changes, .message = cmd->message};
    AUTO_PTR(progress) progress = progress_new(stderr, cmd->quiet);
    struct load_options opt = {.name = n_words > 1 ? words[1] : cmd->name,
                               .tree = &tree,
                               .on_event = progress_event,
                               .on_event_arg = progress};
    AUTO(oci_ref) ref = {0};
    int r = 0;

    if (cmd->name && n_words > 1)
        return err_set(err, CODE_INVALID_ARGUMENT, "give the name once: --name %s or %s", cmd->name,
                       words[1]);
    if (opt.name)
        r = oci_ref_parse(opt.name, &ref, err);
    return r < 0 ? r : load_file(s, "import", words[0], cmd->platform, &opt, err);
}

const struct command_row cmd_image_import = {
    .path = "image import",
    .aliases = "import",
    .synopsis = "[OPTION…] FILE|- [REF]",
    .summary = "Makes an image of a root file system's tar archive; takes archives of images too",
    .options = import_rows,
    .n_options = ARRAY_LEN(import_rows),
    .options_size = sizeof(struct import_command),
    .words_min = 1,
    .words_max = 2,
    .run = import_run,
};
