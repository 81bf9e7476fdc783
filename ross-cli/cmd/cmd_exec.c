/* SPDX-License-Identifier: Apache-2.0 */
/* exec: one more process in a running container. */
#include <stdio.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/mem.h"
#include "libross/base/strv.h"
#include "ross-cli/run/container_exec.h"
#include "ross-cli/run/container_io.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/run_options.h"

struct exec_options {
    bool detach, interactive, tty, privileged;
    const char *workdir, *user;
    struct strv env, env_files;
};

#define EXEC(member) offsetof(struct exec_options, member)

static const struct option_row exec_rows[] = {
    {.name = "detach",
     .letter = 'd',
     .type = OPTION_FLAG,
     .offset = EXEC(detach),
     .help = "do not wait for it"},
    {.name = "interactive",
     .letter = 'i',
     .type = OPTION_FLAG,
     .offset = EXEC(interactive),
     .help = "connect standard input"},
    {.name = "tty",
     .letter = 't',
     .type = OPTION_FLAG,
     .offset = EXEC(tty),
     .help = "give it a terminal"},
    {.name = "env",
     .letter = 'e',
     .type = OPTION_STRV,
     .offset = EXEC(env),
     .arg = "K=V",
     .help = "set an environment variable; K alone takes it from ours"},
    {.name = "env-file",
     .type = OPTION_STRV,
     .offset = EXEC(env_files),
     .arg = "FILE",
     .help = "set the variables listed in a file"},
    {.name = "workdir",
     .letter = 'w',
     .type = OPTION_STR,
     .offset = EXEC(workdir),
     .arg = "DIR",
     .help = "working directory"},
    {.name = "user",
     .letter = 'u',
     .type = OPTION_STR,
     .offset = EXEC(user),
     .arg = "USER[:GROUP]",
     .help = "user and group, names or numbers"},
    {.name = "privileged",
     .type = OPTION_FLAG,
     .offset = EXEC(privileged),
     .help = "with all capabilities"},
};

static int
collect_env(const struct exec_options *opt, struct strv *env, struct err *err)
{
    int r;

    for (size_t i = 0; i < opt->env_files.n; i++) {
        r = run_env_file(env, opt->env_files.items[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < opt->env.n; i++)
        run_env_add(env, opt->env.items[i]);
    return 0;
}

static int
exec_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct exec_options *opt = options;
    AUTO(strv) args = {0};
    AUTO(strv) env = {0};
    AUTO(container) c = {0};
    struct container_exec how = {
        .args = &args,
        .env = &env,
        .working_dir = opt->workdir,
        .user = opt->user,
        .detach = opt->detach,
        .interactive = opt->interactive,
        .terminal = opt->tty,
        .privileged = opt->privileged,
    };
    int status = 0, r;

    if (opt->detach && opt->interactive)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "exec -d has nobody who could write to it; leave -i out");
    if (opt->tty && opt->interactive && !isatty(STDIN_FILENO))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "-t with -i needs a terminal as standard input; leave -t out");
    if (opt->workdir && opt->workdir[0] != '/')
        return err_set(err, CODE_INVALID_ARGUMENT, "--workdir '%.256s' must begin with '/'",
                       opt->workdir);
    for (int i = 1; i < n_words; i++)
        strv_add(&args, words[i]);
    /* before gRPC starts threads, as in container_run() */
    container_io_block_signals();
    r = collect_env(opt, &env, err);
    if (r == 0)
        r = container_find(s, words[0], &c, err);
    if (r == 0)
        r = container_exec(s, &c, &how, &status, err);
    if (r < 0 && !status)
        return r;
    if (r < 0)
        fprintf(stderr, "ross-cli: %s\n", err->msg);
    return status;
}

const struct command_row cmd_exec = {
    .path = "exec",
    .aliases = "container exec",
    .synopsis = "[OPTION…] CONTAINER COMMAND [ARG…]",
    .summary = "Runs a command in a running container",
    .options = exec_rows,
    .n_options = ARRAY_LEN(exec_rows),
    .options_size = sizeof(struct exec_options),
    .words_min = 2,
    .words_max = -1,
    .stop_at_word = true,
    .run = exec_run,
};
