/* SPDX-License-Identifier: Apache-2.0 */
/* kill, wait, pause, unpause: a running container from outside. */
#include <signal.h>
#include <stdio.h>

#include "api/client/task_client.h"
#include "cmd.h"
#include "choice.h"
#include "libross/base/signal_name.h"
#include "ross-cli/run/container_reap.h"
#include "ross-cli/run/container_stop.h"
#include "ross-cli/run/event_log.h"

/* ---- kill ---- */

struct kill_options {
    struct choice choice;
    const char *signal;
};

static const struct option_row kill_rows[] = {
    {.name = "signal",
     .letter = 's',
     .type = OPTION_STR,
     .offset = offsetof(struct kill_options, signal),
     .arg = "SIGNAL",
     .help = "a name or a number (default KILL)"},
    CHOICE_ALL(struct kill_options, 'a'),
    CHOICE_LATEST(struct kill_options),
    CHOICE_CIDFILE(struct kill_options),
};

static int
kill_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const int *signo = arg;

    return container_kill(s, c, *signo, err);
}

static int
kill_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct kill_options *opt = options;
    int signo = SIGKILL, r;

    r = opt->signal ? signal_name_parse(opt->signal, &signo, err) : 0;
    return r < 0 ? r
                 : choice_each(s, &opt->choice, n_words, words, true, choice_is_running, kill_one,
                               &signo, err);
}

const struct command_row cmd_kill = {
    .path = "kill",
    .aliases = "container kill",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Sends a signal to the main process of containers",
    .options = kill_rows,
    .n_options = ARRAY_LEN(kill_rows),
    .options_size = sizeof(struct kill_options),
    .words_max = -1,
    .run = kill_run,
};

/* ---- wait ---- */

static int
wait_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    uint32_t status;
    int r;

    (void) arg;
    r = container_wait(s, c->id, &status, err);
    if (r == 0)
        printf("%u\n", status);
    return r;
}

struct wait_options {
    struct choice choice;
};

static const struct option_row wait_rows[] = {
    CHOICE_LATEST(struct wait_options),
    CHOICE_IGNORE(struct wait_options),
};

static int
wait_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct wait_options *opt = options;

    return choice_each(s, &opt->choice, n_words, words, false, NULL, wait_one, NULL, err);
}

const struct command_row cmd_wait = {
    .path = "wait",
    .aliases = "container wait",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Waits until containers have ended and prints their exit codes",
    .options = wait_rows,
    .n_options = ARRAY_LEN(wait_rows),
    .options_size = sizeof(struct wait_options),
    .words_max = -1,
    .run = wait_run,
};

/* ---- pause, unpause ---- */

struct pause_options {
    struct choice choice;
};

static const struct option_row pause_rows[] = {
    CHOICE_ALL(struct pause_options, 'a'),
    CHOICE_LATEST(struct pause_options),
    CHOICE_FILTER(struct pause_options, 'f'),
    CHOICE_CIDFILE(struct pause_options),
};

static int
pause_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    int r;

    (void) arg;
    r = container_connect(s, c, &ch, NULL, err);
    if (r == 0)
        r = task_client_pause(ch, NULL, c->id, err);
    if (r == 0)
        event_container(s, c, "pause", NULL, 0);
    return r;
}

static int
pause_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct pause_options *opt = options;

    return choice_each(s, &opt->choice, n_words, words, true, choice_is_running, pause_one, NULL,
                       err);
}

const struct command_row cmd_pause = {
    .path = "pause",
    .aliases = "container pause",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Freezes all processes of containers",
    .options = pause_rows,
    .n_options = ARRAY_LEN(pause_rows),
    .options_size = sizeof(struct pause_options),
    .words_max = -1,
    .run = pause_run,
};

static int
unpause_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    int r;

    (void) arg;
    r = container_connect(s, c, &ch, NULL, err);
    if (r == 0)
        r = task_client_resume(ch, NULL, c->id, err);
    if (r == 0)
        event_container(s, c, "unpause", NULL, 0);
    return r;
}

static int
unpause_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct pause_options *opt = options;

    return choice_each(s, &opt->choice, n_words, words, true, choice_is_paused, unpause_one, NULL,
                       err);
}

const struct command_row cmd_unpause = {
    .path = "unpause",
    .aliases = "container unpause",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Lets frozen containers go on",
    .options = pause_rows,
    .n_options = ARRAY_LEN(pause_rows),
    .options_size = sizeof(struct pause_options),
    .words_max = -1,
    .run = unpause_run,
};
