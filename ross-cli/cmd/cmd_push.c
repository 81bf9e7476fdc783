/* SPDX-License-Identifier: Apache-2.0 */
/* image push, image save, image tags, login, logout: images to registries and files. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/fd.h"
#include "libross/oci/oci_ref.h"
#include "libross/oci/platform.h"
#include "ross-cli/pull/push.h"
#include "ross-cli/pull/save.h"
#include "ross-cli/registry/registry_list.h"
#include "ross-cli/registry/registry_login.h"
#include "ross-cli/run/image_get.h"
#include "ross-cli/ui/progress.h"

#define PASSWORD_MAX 65536

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
    const char *output, *platform;
};

#define SAVE(member) offsetof(struct save_command, member)

static const struct option_row save_rows[] = {
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

static int
save_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct save_command *cmd = options;
    AUTO(oci_platform) platform = {0};
    struct strv images = {0};
    struct save_options opt = {.fd = STDOUT_FILENO, .images = &images, .cancelled = &interrupted};
    struct pull_services svc;
    int r = platform_option(cmd->platform, &platform, &opt.platform, err);

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

/* ---- tags ---- */

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

/* ---- login, logout ---- */

struct login_command {
    const char *username;
    bool password_stdin, plain_http;
};

#define LOGIN(member) offsetof(struct login_command, member)

static const struct option_row login_rows[] = {
    {.name = "username",
     .letter = 'u',
     .type = OPTION_STR,
     .offset = LOGIN(username),
     .arg = "NAME",
     .help = "who you are there; asked for when missing"},
    {.name = "password-stdin",
     .type = OPTION_FLAG,
     .offset = LOGIN(password_stdin),
     .help = "read the password from standard input instead of asking for it"},
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = LOGIN(plain_http),
     .help = "http instead of https (localhost needs no asking)"},
};

/* One line from standard input, without its end; malloc'ed. */
static int
read_line(const char *what, char **ret, struct err *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);

    if (n < 0 || n > PASSWORD_MAX) {
        free(line);
        return err_set(err, CODE_INVALID_ARGUMENT, "there is no %s on standard input", what);
    }
    line[strcspn(line, "\r\n")] = '\0';
    *ret = line;
    return 0;
}

static int
ask_password(char **ret, struct err *err)
{
    struct termios old, quiet;
    int r;

    if (tcgetattr(STDIN_FILENO, &old) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "no terminal to ask for the password: --password-stdin");
    fprintf(stderr, "Password: ");
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t) ECHO;
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    r = read_line("password", ret, err);
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fprintf(stderr, "\n");
    return r;
}

static int
login_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct login_command *cmd = options;
    auto_free char *host = registry_login_host(n_words ? words[0] : NULL);
    auto_free char *user = cmd->username ? xstrdup(cmd->username) : NULL;
    char *password = NULL;
    int r = 0;

    (void) s;
    if (!user && cmd->password_stdin)
        return err_set(err, CODE_INVALID_ARGUMENT, "--password-stdin needs --username");
    if (!user) {
        fprintf(stderr, "Username: ");
        r = read_line("user name", &user, err);
    }
    if (r == 0)
        r = cmd->password_stdin ? read_line("password", &password, err)
                                : ask_password(&password, err);
    if (r == 0)
        r = registry_login(host, user, password, cmd->plain_http, NULL, err);
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    if (r == 0)
        printf("logged in to %s as %s\n", host, user);
    return r;
}

const struct command_row cmd_login = {
    .path = "login",
    .synopsis = "[OPTION…] [REGISTRY]",
    .summary = "Checks a user and password with a registry and keeps them where docker does",
    .options = login_rows,
    .n_options = ARRAY_LEN(login_rows),
    .options_size = sizeof(struct login_command),
    .words_max = 1,
    .run = login_run,
};

static int
logout_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    auto_free char *host = registry_login_host(n_words ? words[0] : NULL);
    int r = registry_logout(host, NULL, err);

    (void) s;
    (void) options;
    if (r == 0)
        printf("there was no login for %s\n", host);
    else if (r > 0)
        printf("logged out of %s\n", host);
    return r < 0 ? r : 0;
}

const struct command_row cmd_logout = {
    .path = "logout",
    .synopsis = "[REGISTRY]",
    .summary = "Forgets the login for a registry",
    .words_max = 1,
    .run = logout_run,
};
