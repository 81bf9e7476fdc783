/* SPDX-License-Identifier: Apache-2.0 */
/* attach: our terminal on a container that runs detached. */
#include "cmd.h"
#include "libross/base/parse.h"
#include "ross-cli/run/container_attach.h"
#include "ross-cli/run/container_status.h"

struct attach_options {
    bool no_stdin, keep_signals;
    const char *keys;
};

#define ATTACH(member) offsetof(struct attach_options, member)

static int
parse_sig_proxy(const char *value, void *into, struct err *err)
{
    struct attach_options *opt = into;
    bool proxy;
    int r = parse_bool(value, &proxy, err);

    opt->keep_signals = !proxy;
    return r;
}

static const struct option_row attach_rows[] = {
    {.name = "no-stdin",
     .type = OPTION_FLAG,
     .offset = ATTACH(no_stdin),
     .help = "only show what it writes"},
    {.name = "sig-proxy",
     .type = OPTION_CALL,
     .arg = "true|false",
     .help = "hand signals on to it (default true); without that they end the attachment",
     .parse = parse_sig_proxy},
    {.name = "detach-keys",
     .type = OPTION_STR,
     .offset = ATTACH(keys),
     .arg = "KEYS",
     .help = "typed in a row, these end the attachment (default ctrl-p,ctrl-q; \"\" for none)"},
};

static int
attach_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct attach_options *opt = options;
    char keys[DETACH_KEYS_MAX + 1];
    const struct container_attach how = {
        .no_stdin = opt->no_stdin,
        .sig_proxy = !opt->keep_signals,
        .keys = keys,
    };
    static struct container c; /* the thread that follows it may outlive this call */
    int status = 0, r;

    (void) n_words;
    r = container_io_keys_parse(opt->keys ? opt->keys : DETACH_KEYS_DEFAULT, keys, err);
    if (r < 0)
        return r;
    /* before gRPC starts threads, as in container_run() */
    container_io_block_signals();
    r = container_find(s, words[0], &c, err);
    if (r == 0)
        r = container_attach(s, &c, &how, &status, err);
    return r < 0 ? r : status;
}

const struct command_row cmd_attach = {
    .path = "attach",
    .aliases = "container attach",
    .synopsis = "[OPTION…] CONTAINER",
    .summary = "Connects the terminal with a container that runs detached",
    .options = attach_rows,
    .n_options = ARRAY_LEN(attach_rows),
    .options_size = sizeof(struct attach_options),
    .words_min = 1,
    .words_max = 1,
    .run = attach_run,
};
