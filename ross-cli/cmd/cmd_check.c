/* SPDX-License-Identifier: Apache-2.0 */
/* check: is everything that belongs together there? */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"
#include "ross-cli/run/container_check.h"

#define OUTPUT_MAX ((size_t) 16 * 1024 * 1024)

struct check_options {
    bool repair;
};

static const struct option_row check_rows[] = {
    {.name = "repair",
     .type = OPTION_FLAG,
     .offset = offsetof(struct check_options, repair),
     .help = "mend what can be mended"},
};

static void
print_finding(const char *text, bool mended)
{
    printf("containers: %s%s\n", text, mended ? " (mended)" : "");
}

/* The service's own check; *ret_status is its exit code: 1 when there is damage. */
static int
check_service(const struct session *s, const char *name, bool repair, int *ret_status,
              struct err *err)
{
    auto_free char *program = proc_find_companion(name);
    const char *argv[] = {program,       "check",   "--root",
                          s->root,       "--state", s->state,
                          "--log-level", "warn",    repair ? "--repair" : NULL,
                          NULL};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(OUTPUT_MAX);
    AUTO(buf) errout = BUF_INIT(OUTPUT_MAX);
    int r;

    if (!program)
        return err_set(err, CODE_NOT_FOUND, "%s is not installed", name);
    spawn.argv = argv;
    r = proc_run(&spawn, NULL, &out, &errout, 0, ret_status, err);
    if (r < 0)
        return err_wrap(err, r, "%s check", name);
    if (*ret_status && errout.data && strstr(errout.data, "is already running")) {
        printf("%s: not checked, because it runs; a minute without calls ends it, and "
               "'%s check' looks then\n",
               name, name);
        *ret_status = 0;
        return 0;
    }
    printf("%s: %s", name, out.data ? out.data : "\n");
    fputs(errout.data ? errout.data : "", stderr);
    return 0;
}

static int
check_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const char *const services[] = {"ross-contentd", "ross-snapshotter"};
    const struct check_options *opt = options;
    int bad = 0, status = 0, r = 0;
    size_t found = 0;

    (void) n_words;
    (void) words;
    for (size_t i = 0; r == 0 && !s->foreign && i < ARRAY_LEN(services); i++) {
        r = check_service(s, services[i], opt->repair, &status, err);
        bad |= status != 0;
    }
    if (r == 0)
        r = container_check_all(s, opt->repair, print_finding, &found, err);
    if (r < 0)
        return r;
    if (!bad && !found)
        printf("containers: everything is in order\n");
    return bad || found ? 1 : 0;
}

const struct command_row cmd_check = {
    .path = "check",
    .aliases = "system check",
    .synopsis = "[OPTION…]",
    .summary =
        "Proves that blobs, snapshots, containers and networks are in order; exit code 1 when not",
    .options = check_rows,
    .n_options = ARRAY_LEN(check_rows),
    .options_size = sizeof(struct check_options),
    .run = check_run,
};
