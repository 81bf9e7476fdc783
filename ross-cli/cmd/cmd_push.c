/* SPDX-License-Identifier: Apache-2.0 */
/* image push, image save: images to registries and files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/fd.h"
#include "libross/base/random.h"
#include "libross/base/rmtree.h"
#include "libross/oci/oci_ref.h"
#include "libross/oci/platform.h"
#include "ross-cli/pull/push.h"
#include "ross-cli/pull/save.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/run/image_get.h"
#include "ross-cli/ui/progress.h"

static atomic_bool interrupted;

static void
on_interrupt(int signo)
{
    (void) signo;
    atomic_store(&interrupted, true);
}

static void
catch_interrupts(void)
{
    const struct sigaction act = {.sa_handler = on_interrupt};

    (void) sigaction(SIGINT, &act, NULL);
    (void) sigaction(SIGTERM, &act, NULL);
}

static int
platform_option(const char *text, struct oci_platform *ret, const struct oci_platform **ret_used,
                struct err *err)
{
    *ret_used = text ? ret : NULL;
    return text ? platform_parse(text, ret, err) : 0;
}

/* ---- push ---- */

struct push_command {
    bool quiet, plain_http;
    const char *platform;
    int64_t chunk;
};

#define PUSH(member) offsetof(struct push_command, member)

static const struct option_row push_rows[] = {
    {.name = "quiet",
     .letter = 'q',
     .type = OPTION_FLAG,
     .offset = PUSH(quiet),
     .help = "only the digest, no progress"},
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = PUSH(plain_http),
     .help = "http instead of https (localhost needs no asking)"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = PUSH(platform),
     .arg = "OS/ARCH",
     .help = "only this one of the image's platforms"},
    {.name = "chunk-size",
     .type = OPTION_SIZE,
     .offset = PUSH(chunk),
     .arg = "SIZE",
     .help = "send blobs in pieces of this size"},
};

static int
push_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct push_command *cmd = options;
    const struct registry_options registry_opt = {.plain_http = cmd->plain_http};
    AUTO_PTR(progress) progress = progress_new(stderr, cmd->quiet);
    AUTO_PTR(registry) registry = NULL;
    AUTO(oci_platform) platform = {0};
    AUTO(push_result) result = {0};
    struct push_options opt = {.image = words[0],
                               .reference = n_words > 1 ? words[1] : NULL,
                               .chunk_bytes = cmd->chunk,
                               .on_event = progress_event,
                               .on_event_arg = progress,
                               .cancelled = &interrupted};
    struct pull_services svc;
    char digest[DIGEST_STR_MAX];
    int r = platform_option(cmd->platform, &platform, &opt.platform, err);

    if (r == 0)
        r = image_services(s, &svc, err);
    if (r == 0)
        r = registry_new(&registry_opt, &registry, err);
    if (r < 0)
        return r;
    catch_interrupts();
    r = push_image(&svc, registry, &opt, &result, err);
    if (r < 0)
        return r;
    event_image(s, result.name, &result.target.digest, "push");
    digest_format(&result.target.digest, digest);
    if (cmd->quiet)
        printf("%s\n", digest);
    else
        printf("%s %s (%zu blobs sent, %zu mounted, %zu there before)\n", result.name, digest,
               result.uploaded, result.mounted, result.existed);
    return 0;
}

const struct command_row cmd_image_push = {
    .path = "image push",
    .aliases = "push",
    .synopsis = "[OPTION…] IMAGE [REF]",
    .summary = "Sends an image to a registry, under its own name or another one",
    .options = push_rows,
    .n_options = ARRAY_LEN(push_rows),
    .options_size = sizeof(struct push_command),
    .words_min = 1,
    .words_max = 2,
    .run = push_run,
};

/* ---- save ---- */

struct save_command {
    const char *output, *platform, *format;
};

#define SAVE(member) offsetof(struct save_command, member)

static const struct option_row save_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = SAVE(format),
     .arg = "FORMAT",
     .help = "oci (a layout), oci-dir (the same as a directory) or docker (for docker load); "
             "default: an "
             "archive that is oci and docker"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_STR,
     .offset = SAVE(output),
     .arg = "FILE",
     .help = "write there instead of standard output; with oci-dir the directory, a new one"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = SAVE(platform),
     .arg = "OS/ARCH",
     .help = "only this one of the images' platforms"},
};

/* podman's words for them are understood as well. */
static int
parse_save_format(const char *word, enum save_format *ret, struct err *err)
{
    static const struct {
        const char *word;
        enum save_format format;
    } known[] = {
        {"oci", SAVE_OCI},       {"oci-archive", SAVE_OCI},       {"oci-dir", SAVE_OCI_DIR},
        {"docker", SAVE_DOCKER}, {"docker-archive", SAVE_DOCKER},
    };

    for (size_t i = 0; word && i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].word, word) != 0)
            continue;
        *ret = known[i].format;
        return 0;
    }
    return word ? err_set(err, CODE_INVALID_ARGUMENT,
                          "--format '%.32s' is not known, use oci, oci-dir or docker", word)
                : 0;
}

/* The archive under its name when it is whole, no sooner. */
static int
save_to_file(const struct pull_services *svc, struct save_options *opt, const char *path,
             struct err *err)
{
    auto_free char *part = xasprintf("%s.part", path);
    auto_close int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    int r;

    if (fd < 0)
        return err_sys(err, errno, "create '%s'", part);
    opt->fd = fd;
    r = save_images(svc, opt, err);
    if (r == 0 && rename(part, path) < 0)
        r = err_sys(err, errno, "rename '%s' to '%s'", part, path);
    if (r < 0)
        (void) unlink(part);
    return r;
}

/* The name of a new directory beside `path`, for what is not whole yet; malloc'ed. */
static char *
part_of(const char *path)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    return xasprintf("%.*s.part-%08x", (int) n, path, random_u32());
}

/* It may be there when it is empty. */
static int
check_new_dir(const char *path, struct err *err)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    int r = 0;

    if (!d)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open the directory '%s'", path);
    while (r == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = err_set(err, CODE_ALREADY_EXISTS,
                        "'%s' is not empty: --output names a new directory with oci-dir", path);
    (void) closedir(d);
    return r;
}

/* The directory under its name when it is whole, no sooner. */
static int
save_to_dir(const struct pull_services *svc, struct save_options *opt, const char *path,
            struct err *err)
{
    auto_free char *part = part_of(path);
    auto_close int fd = -1;
    int r = check_new_dir(path, err);

    if (r < 0)
        return r;
    if (mkdir(part, 0777) < 0)
        return err_sys(err, errno, "create '%s'", part);
    fd = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        r = err_sys(err, errno, "open '%s'", part);
    opt->fd = fd;
    if (r == 0)
        r = save_images(svc, opt, err);
    if (r == 0 && rename(part, path) < 0)
        r = err_sys(err, errno, "rename '%s' to '%s'", part, path);
    if (r < 0)
        (void) rmtree_at(AT_FDCWD, part, NULL);
    return r;
}

static void
tell_saved(const struct session *s, const char *typed)
{
    AUTO(oci_ref) ref = {0};
    auto_free char *name = NULL;

    if (oci_ref_parse(typed, &ref, NULL) < 0)
        return;
    name = oci_ref_format(&ref);
    event_image(s, name, NULL, "save");
}

static int
check_output(const char *output, enum save_format format, struct err *err)
{
    if (!output && format == SAVE_OCI_DIR)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--format oci-dir is written to a directory: name it with --output");
    if (!output && isatty(STDOUT_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "an archive is nothing for a terminal: name a file with --output");
    return 0;
}

static int
save_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct save_command *cmd = options;
    AUTO(oci_platform) platform = {0};
    struct strv images = {0};
    struct save_options opt = {.fd = STDOUT_FILENO, .images = &images, .cancelled = &interrupted};
    struct pull_services svc;
    int r = platform_option(cmd->platform, &platform, &opt.platform, err);

    if (r == 0)
        r = parse_save_format(cmd->format, &opt.format, err);
    if (r == 0)
        r = check_output(cmd->output, opt.format, err);
    if (r == 0)
        r = image_services(s, &svc, err);
    if (r < 0)
        return r;
    for (int i = 0; i < n_words; i++)
        strv_add(&images, words[i]);
    catch_interrupts();
    if (!cmd->output)
        r = save_images(&svc, &opt, err);
    else if (opt.format == SAVE_OCI_DIR)
        r = save_to_dir(&svc, &opt, cmd->output, err);
    else
        r = save_to_file(&svc, &opt, cmd->output, err);
    for (size_t i = 0; r == 0 && i < images.n; i++)
        tell_saved(s, images.items[i]);
    strv_done(&images);
    return r;
}

const struct command_row cmd_image_save = {
    .path = "image save",
    .aliases = "save, image export",
    .synopsis = "[OPTION…] IMAGE…",
    .summary = "Writes images into one archive or layout that load, docker, podman and skopeo read",
    .options = save_rows,
    .n_options = ARRAY_LEN(save_rows),
    .options_size = sizeof(struct save_command),
    .words_min = 1,
    .words_max = -1,
    .run = save_run,
};
