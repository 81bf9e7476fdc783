/* SPDX-License-Identifier: Apache-2.0 */
/* start, stop, restart: containers that were made before; container reap, restore: what follows their end. */
#include <stdio.h>

#include "cmd.h"
#include "choice.h"
#include "libross/base/parse.h"
#include "libross/base/signal_name.h"
#include "ross-cli/run/container_io.h"
#include "ross-cli/run/container_labels.h"
#include "ross-cli/run/container_reap.h"
#include "ross-cli/run/container_start.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/container_stop.h"
#include "ross-cli/run/event_log.h"

/* ---- start ---- */

struct start_options {
    struct choice choice;
    bool attach, interactive;
    const char *keys;
};

static const struct option_row start_rows[] = {
    {.name = "attach",
     .letter = 'a',
     .type = OPTION_FLAG,
     .offset = offsetof(struct start_options, attach),
     .help = "stay in the foreground, with its output and exit code"},
    {.name = "interactive",
     .letter = 'i',
     .type = OPTION_FLAG,
     .offset = offsetof(struct start_options, interactive),
     .help = "connect standard input as well (means -a)"},
    {.name = "detach-keys",
     .type = OPTION_STR,
     .offset = offsetof(struct start_options, keys),
     .arg = "KEYS",
     .help = "typed in a row, these leave it running (default ctrl-p,ctrl-q; \"\" for none)"},
    CHOICE_ALL(struct start_options, 0),
    CHOICE_LATEST(struct start_options),
    CHOICE_FILTER(struct start_options, 'f'),
};

static int
start_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const struct container_start_options detached = {0};
    int *status = arg;

    return container_start_again(s, c, &detached, status, err);
}

static int
start_attached(struct session *s, const struct start_options *opt, const char *word, int *status,
               struct err *err)
{
    char keys[DETACH_KEYS_MAX + 1];
    const struct container_start_options how = {
        .attach = true,
        .interactive = opt->interactive,
        .keys = keys,
    };
    AUTO(container) c = {0};
    int r;

    r = container_io_keys_parse(opt->keys ? opt->keys : DETACH_KEYS_DEFAULT, keys, err);
    if (r < 0)
        return r;
    /* before gRPC starts threads, as in container_run() */
    container_io_block_signals();
    r = container_find(s, word, &c, err);
    return r < 0 ? r : container_start_again(s, &c, &how, status, err);
}

static int
start_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct start_options *opt = options;
    int status = 0, r;

    if (!opt->attach && !opt->interactive)
        r = opt->keys ? err_set(err, CODE_INVALID_ARGUMENT,
                                "--detach-keys needs -a or -i: nothing is attached to without them")
                      : choice_each(s, &opt->choice, n_words, words, true, choice_is_idle,
                                    start_one, &status, err);
    else if (n_words != 1 || opt->choice.all || opt->choice.latest || opt->choice.filters.n)
        return err_set(
            err, CODE_INVALID_ARGUMENT,
            "only one container at a time can have the terminal; leave -a and -i out, or "
            "name one");
    else
        r = start_attached(s, opt, words[0], &status, err);
    if (r > 0 || (r < 0 && !status))
        return r;
    if (r < 0)
        fprintf(stderr, "ross-cli: %s\n", err->msg);
    return status;
}

const struct command_row cmd_start = {
    .path = "start",
    .aliases = "container start",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Starts containers that were created or have ended",
    .options = start_rows,
    .n_options = ARRAY_LEN(start_rows),
    .options_size = sizeof(struct start_options),
    .words_max = -1,
    .run = start_run,
};

/* ---- restart ---- */

struct restart_options {
    struct choice choice;
    int64_t timeout_s;
    bool has_timeout;
    int signo; /* 0 = its own */
};

static int
parse_timeout(const char *value, void *into, struct err *err)
{
    struct restart_options *opt = into;
    uint32_t seconds;
    int r = parse_u32(value, &seconds, err);

    if (r < 0)
        return r;
    opt->has_timeout = true;
    opt->timeout_s = seconds;
    return 0;
}

static int
parse_signal(const char *value, void *into, struct err *err)
{
    struct restart_options *opt = into;

    return signal_name_parse(value, &opt->signo, err);
}

static const struct option_row restart_rows[] = {
    {.name = "time",
     .letter = 't',
     .type = OPTION_CALL,
     .arg = "SECONDS",
     .help = "how long to wait before it is killed (default: its --stop-timeout, or 10)",
     .parse = parse_timeout},
    {.name = "timeout",
     .type = OPTION_CALL,
     .arg = "SECONDS",
     .help = "the same as --time",
     .parse = parse_timeout,
     .hidden = true},
    {.name = "signal",
     .letter = 's',
     .type = OPTION_CALL,
     .arg = "SIGNAL",
     .help = "what it is sent at first (default: its --stop-signal, the image's, or TERM)",
     .parse = parse_signal},
    CHOICE_ALL(struct restart_options, 'a'),
    CHOICE_LATEST(struct restart_options),
    CHOICE_FILTER(struct restart_options, 'f'),
    CHOICE_CIDFILE(struct restart_options),
    CHOICE_IGNORE(struct restart_options),
};

static int
restart_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const struct container_start_options detached = {0};
    const struct restart_options *opt = arg;
    int status = 0, r;

    if (labels_find(&c->labels, LABEL_AUTO_REMOVE))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "container '%s' was made with --rm: once stopped it is gone",
                       container_name(c));
    r = container_stop(s, c, opt->signo, opt->has_timeout ? opt->timeout_s : -1, err);
    if (r == 0)
        r = container_start_again(s, c, &detached, &status, err);
    if (r == 0)
        event_container(s, c, "restart", NULL, 0);
    return r;
}

static int
restart_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct restart_options opt = *(const struct restart_options *) options;

    return choice_each(s, &opt.choice, n_words, words, true, choice_runs, restart_one, &opt, err);
}

const struct command_row cmd_restart = {
    .path = "restart",
    .aliases = "container restart",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Stops containers when they run, and starts them",
    .options = restart_rows,
    .n_options = ARRAY_LEN(restart_rows),
    .options_size = sizeof(struct restart_options),
    .words_max = -1,
    .run = restart_run,
};

/* ---- stop ---- */

static int
stop_one(struct session *s, const struct container *c, void *arg, struct err *err)
{
    const struct restart_options *opt = arg;

    return container_stop(s, c, opt->signo, opt->has_timeout ? opt->timeout_s : -1, err);
}

static int
stop_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct restart_options opt = *(const struct restart_options *) options;

    return choice_each(s, &opt.choice, n_words, words, true, choice_runs, stop_one, &opt, err);
}

const struct command_row cmd_stop = {
    .path = "stop",
    .aliases = "container stop",
    .synopsis = "[OPTION…] [CONTAINER…]",
    .summary = "Asks containers to end, and kills them when they do not",
    .options = restart_rows,
    .n_options = ARRAY_LEN(restart_rows),
    .options_size = sizeof(struct restart_options),
    .words_max = -1,
    .run = stop_run,
};

/* ---- reap ---- */

static int
reap_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    (void) options;
    return n_words > 1 ? container_reap_exec(s, words[0], words[1], err)
                       : container_reap_and_restart(s, words[0], err);
}

const struct command_row cmd_container_reap = {
    .path = "container reap",
    .synopsis = "ID [EXEC]",
    .summary = "Notes the end of a detached container, removes it or starts it again",
    .words_min = 1,
    .words_max = 2,
    .hidden = true,
    .run = reap_run,
};

/* ---- restore ---- */

static void
print_started(const struct container *c)
{
    printf("%s\n", *container_name(c) ? container_name(c) : c->id);
}

static int
restore_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    (void) options;
    (void) n_words;
    (void) words;
    return container_restore_all(s, print_started, err);
}

const struct command_row cmd_container_restore = {
    .path = "container restore",
    .synopsis = "",
    .summary = "Notes lost containers as ended, starts those whose policy says so",
    .run = restore_run,
};
