/* SPDX-License-Identifier: Apache-2.0 */
/* check: is everything that belongs together there? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "libross/base/fd.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"
#include "ross-cli/images/gc_ask.h"
#include "ross-cli/run/container_check.h"
#include "ross-cli/session/services.h"

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

/* Each line with the name in front. */
static void
print_lines(const char *name, char *text)
{
    char *line;

    while (text && (line = strsep(&text, "\n")))
        if (*line)
            printf("%s: %s\n", name, line);
}

/* A running snapshotter deletes the files of what was removed in its own time: that is no damage. */
static void
finish_removals(struct session *s)
{
    struct snapshots *snapshots;

    if (access(s->snapshotter_address, F_OK) == 0 && session_snapshots(s, &snapshots, NULL) == 0)
        (void) snapshots_cleanup(snapshots, &s->ctx, NULL);
}

/*
 * The service's own check, beside it when it runs; for repairs it must be out of the way. *ret_status is its exit code:
 * 1 when there is damage.
 */
static int
check_service(const struct session *s, const char *name, bool repair, int *ret_status,
              struct err *err)
{
    auto_free char *program = proc_find_companion(name);
    const char *address =
        strcmp(name, "ross-contentd") == 0 ? s->contentd_address : s->snapshotter_address;
    const struct service_spec spec = {
        .program = name, .root = s->root, .state = s->state, .address = address};
    auto_close int gone_fd = -1; /* nobody starts it meanwhile */
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
    r = repair ? service_ask_to_leave(&spec, &gone_fd, err) : 0;
    if (r < 0)
        return r;
    spawn.argv = argv;
    r = proc_run(&spawn, NULL, &out, &errout, 0, ret_status, err);
    if (r < 0)
        return err_wrap(err, r, "%s check", name);
    if (*ret_status && errout.data && strstr(errout.data, "is already running"))
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "%s is at work and can only be looked at: stop it (under systemd: 'systemctl "
            "stop %s.socket %s'), or leave --repair out",
            name, name, name);
    if (*ret_status && errout.data && strstr(errout.data, "there is no snapshotter below")) {
        *ret_status = 0;
        return 0;
    }
    print_lines(name, out.data);
    fputs(errout.data ? errout.data : "", stderr);
    return 0;
}

/* ---- what nobody refers to ---- */

static void
note_candidate(const struct gc_candidate *c, void *arg)
{
    strv_printf(arg, "%s %s: %s", c->type, c->key, c->why);
}

/* Leases of commands that were killed, and what a collection would take. One that is at work just now is no finding. */
static int
check_leftovers(struct session *s, bool repair, size_t *ret_found, struct err *err)
{
    AUTO(strv) leases = {0}, before = {0}, now = {0};
    const char *mended = repair ? " (mended)" : "";
    size_t n = 0;
    int r = gc_leases_gone(s, &leases, err);

    if (r == 0)
        r = gc_ask(s, note_candidate, &before, err);
    if (r == 0 && before.n)
        r = gc_ask(s, note_candidate, &now, err);
    if (r == 0 && repair && (leases.n || now.n))
        r = gc_collect(s, err);
    if (r < 0)
        return err_wrap(err, r, "leftovers");
    for (size_t i = 0; i < leases.n; i++, n++)
        printf("leftovers: lease %s of a command that was killed%s\n", leases.items[i], mended);
    for (size_t i = 0; i < now.n; i++) {
        if (!strv_has(&before, now.items[i]))
            continue;
        printf("leftovers: %s%s\n", now.items[i], mended);
        n++;
    }
    *ret_found = repair ? 0 : n;
    return 0;
}

static int
check_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const char *const services[] = {"ross-contentd", "ross-snapshotter"};
    const struct check_options *opt = options;
    int bad = 0, status = 0, r = 0;
    size_t found = 0, left = 0;

    (void) n_words;
    (void) words;
    if (!s->foreign && !opt->repair)
        finish_removals(s);
    for (size_t i = 0; r == 0 && !s->foreign && i < ARRAY_LEN(services); i++) {
        r = check_service(s, services[i], opt->repair, &status, err);
        bad |= status != 0;
    }
    if (r == 0)
        r = container_check_all(s, opt->repair, print_finding, &found, err);
    if (r == 0 && !s->foreign)
        r = check_leftovers(s, opt->repair, &left, err);
    if (r < 0)
        return r;
    if (!bad && !found && !left)
        printf("containers: everything is in order\n");
    return bad || found || left ? 1 : 0;
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
