/* SPDX-License-Identifier: Apache-2.0 */
/* image push, image save: images to registries and files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/fd.h"
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
     .help = "oci (a layout) or docker (for docker load); default: an archive that is both"},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_STR,
     .offset = SAVE(output),
     .arg = "FILE",
     .help = "write there instead of standard output"},
    {.name = "platform",
     .type = OPTION_STR,
     .offset = SAVE(platform),
     .arg = "OS/ARCH",
     .help = "only this one of the images' platforms"},
};

/* podman's words for the two are understood as well. */
static int
parse_save_format(const char *word, enum save_format *ret, struct err *err)
{
    static const struct {
        const char *word;
        enum save_format format;
    } known[] = {
        {"oci", SAVE_OCI},
        {"oci-archive", SAVE_OCI},
        {"docker", SAVE_DOCKER},
        {"docker-archive", SAVE_DOCKER},
    };

    for (size_t i = 0; word && i < ARRAY_LEN(known); i++) {
        if (strcmp(known[i].word, word) != 0)
            continue;
        *ret = known[i].format;
        return 0;
    }
    return word ? err_set(err, CODE_INVALID_ARGUMENT,
                          "--format '%.32s' is not known, use oci or docker", word)
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
    if (r == 0 && !cmd->output && isatty(STDOUT_FILENO))
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "an archive is nothing for a terminal: name a file with --output");
    if (r == 0)
        r = image_services(s, &svc, err);
    if (r < 0)
        return r;
    for (int i = 0; i < n_words; i++)
        strv_add(&images, words[i]);
    catch_interrupts();
    r = cmd->output ? save_to_file(&svc, &opt, cmd->output, err) : save_images(&svc, &opt, err);
    for (size_t i = 0; r == 0 && i < images.n; i++)
        tell_saved(s, images.items[i]);
    strv_done(&images);
    return r;
}

const struct command_row cmd_image_save = {
    .path = "image save",
    .aliases = "save, image export",
    .synopsis = "[OPTION…] IMAGE…",
    .summary = "Writes images into one archive that load, docker and podman read",
    .options = save_rows,
    .n_options = ARRAY_LEN(save_rows),
    .options_size = sizeof(struct save_command),
    .words_min = 1,
    .words_max = -1,
    .run = save_run,
};
