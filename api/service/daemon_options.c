/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every service process has. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/service/daemon.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/base/strv.h"
#include "libross/base/version.h"
#include "libross/config/options_doc.h"
#include "libross/config/places.h"

#define CONFIG_DIR "/etc/ross"

#define ROW(n, t, field, a, h)                                                                     \
    {                                                                                              \
        .name = (n), .type = (t), .offset = offsetof(struct daemon_options, field), .arg = (a),    \
        .help = (h)                                                                                \
    }

const struct option_row daemon_option_rows[] = {
    ROW("root", OPTION_STR, root, "DIR", "Keep data that lasts below DIR (default /var/lib/ross)."),
    ROW("state", OPTION_STR, state, "DIR",
        "Keep sockets and what ends at reboot below DIR (default /run/ross)."),
    ROW("address", OPTION_STR, address, "SOCKET",
        "Listen on this socket instead of the one below the state directory."),
    ROW("config", OPTION_STR, config, "FILE",
        "Read settings from FILE instead of /etc/ross/PROGRAM.toml."),
    ROW("log-level", OPTION_STR, log_level, "LEVEL",
        "Log from this level on: trace, debug, info, warn or error (default info)."),
    ROW("idle-exit", OPTION_DURATION, idle_exit_ns, "TIME",
        "Leave after TIME without a call (default: stay)."),
    ROW("version", OPTION_FLAG, version, NULL, "Print the version and leave."),
    ROW("help", OPTION_FLAG, help, NULL, "Print this text and leave."),
    {.name = "print-options",
     .type = OPTION_FLAG,
     .offset = offsetof(struct daemon_options, print_options),
     .help = "Print the options as Markdown and leave.",
     .hidden = true},
};
const size_t daemon_option_rows_n = ARRAY_LEN(daemon_option_rows);

static int
answer_help(const struct daemon_options *opt, const struct option_row *rows, size_t n,
            const char *about)
{
    (void) printf("Usage: %s [OPTION…]\n\n%s\n\n", opt->program, about);
    options_help(stdout, rows, n);
    return 1;
}

/* The default file may be missing, a file that was asked for must be there. */
static int
read_config(const char *asked, const char *program, const struct option_row *rows, size_t n,
            void *into, struct err *err)
{
    auto_free char *path = asked ? xstrdup(asked) : xasprintf(CONFIG_DIR "/%s.toml", program);

    if (!asked && access(path, F_OK))
        return 0;
    return options_read_file(path, rows, n, into, err);
}

static struct strv kept; /* strings of options, for the life of the process */

static void
fill_defaults(struct daemon_options *opt)
{
    const char *dash = strchr(opt->program, '-');

    opt->root = places_root(opt->root);
    opt->state = places_state(opt->state);
    if (!opt->address) {
        auto_free char *name = xasprintf("%s.sock", dash ? dash + 1 : opt->program);

        strv_take(&kept, path_join(opt->state, name));
        opt->address = kept.items[kept.n - 1];
    }
}

static int
set_log(const struct daemon_options *opt, struct err *err)
{
    enum log_level level = LOG_INFO;
    int r = opt->log_level ? log_level_parse(opt->log_level, &level, err) : 0;

    if (r < 0)
        return err_wrap(err, r, "--log-level");
    log_init(opt->program);
    log_set_level(level);
    return 0;
}

int
daemon_options_read(const struct option_row *rows, size_t n, void *into, size_t size,
                    const char *about, int argc, char **argv, int *ret_words, struct err *err)
{
    struct daemon_options *opt = into;
    auto_free void *first = xcalloc(1, size);
    const char *asked;
    int r;

    /* Once for --config alone, then the file, then again, so that the command line wins. */
    r = options_parse(rows, n, first, argc, argv, false, ret_words, err);
    if (r < 0)
        return r;
    asked = ((struct daemon_options *) first)->config;
    if (((struct daemon_options *) first)->help)
        return answer_help(opt, rows, n, about);
    if (((struct daemon_options *) first)->print_options) {
        options_markdown(stdout, rows, n);
        return 1;
    }
    if (((struct daemon_options *) first)->version) {
        (void) printf("%s %s\n", opt->program, ROSS_VERSION);
        return 1;
    }
    r = read_config(asked, opt->program, rows, n, into, err);
    if (r == 0)
        r = options_parse(rows, n, into, argc, argv, false, ret_words, err);
    if (r < 0)
        return r;
    fill_defaults(opt);
    return set_log(opt, err);
}
