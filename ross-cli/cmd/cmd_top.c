/* SPDX-License-Identifier: Apache-2.0 */
/* top: the processes of a container, as ps shows them. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "libross/base/parse.h"
#include "libross/base/proc.h"
#include "ross-cli/run/container_status.h"
#include "ross-cli/run/container_stop.h"

#define PS_OUTPUT_MAX ((size_t) 64 * 1024 * 1024)
#define PS_TIMEOUT_MS 30000

static int
run_ps(int n, char **words, struct buf *out, struct err *err)
{
    auto_free char *program = proc_find_program("ps");
    AUTO(buf) errout = BUF_INIT(64 * 1024);
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(strv) argv = {0};
    int status, r;

    if (!program)
        return err_set(err, CODE_NOT_FOUND, "top needs ps on this machine; install procps");
    strv_add(&argv, program);
    for (int i = 0; i < n; i++)
        strv_add(&argv, words[i]);
    if (!n)
        strv_add(&argv, "-ef");
    spawn.argv = (const char *const *) argv.items;
    r = proc_run(&spawn, NULL, out, &errout, PS_TIMEOUT_MS, &status, err);
    if (r == 0 && status)
        r = err_set(err, CODE_INVALID_ARGUMENT, "ps does not take these options: %.*s",
                    errout.data ? (int) strcspn(errout.data, "\n") : 0,
                    errout.data ? errout.data : "");
    return r;
}

/* The word at index `column`; *ret_n its length. */
static const char *
word_at(const char *line, size_t column, size_t *ret_n)
{
    for (;; line += *ret_n) {
        line += strspn(line, " \t");
        *ret_n = strcspn(line, " \t\n");
        if (!*ret_n || column-- == 0)
            return line;
    }
}

static bool
find_pid_column(const char *header, size_t *ret)
{
    const char *word;
    size_t n;

    for (size_t i = 0; (word = word_at(header, i, &n)), n; i++)
        if (n == 3 && strncmp(word, "PID", 3) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

static bool
is_listed(const struct task_pids *pids, const char *line, size_t column)
{
    uint32_t pid;
    size_t n;
    const char *word = word_at(line, column, &n);
    auto_free char *text = xstrndup(word, n);

    if (parse_u32(text, &pid, NULL) < 0)
        return false;
    for (size_t i = 0; i < pids->n; i++)
        if (pids->items[i].pid == pid)
            return true;
    return false;
}

static int
top_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    AUTO_PTR(rpc_channel) ch = NULL;
    AUTO(buf) out = BUF_INIT(PS_OUTPUT_MAX);
    AUTO(task_pids) pids = {0};
    AUTO(container) c = {0};
    AUTO(strv) lines = {0};
    size_t column;
    int r;

    (void) options;
    r = container_find(s, words[0], &c, err);
    if (r == 0)
        r = container_connect(s, &c, &ch, NULL, err);
    if (r == 0)
        r = task_client_pids(ch, NULL, c.id, &pids, err);
    if (r == 0)
        r = run_ps(n_words - 1, words + 1, &out, err);
    if (r < 0)
        return r;
    lines = strv_split(out.data ? out.data : "", '\n');
    if (!find_pid_column(lines.items[0], &column))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "these options of ps leave its column PID out, which top needs");
    printf("%s\n", lines.items[0]);
    for (size_t i = 1; i < lines.n; i++)
        if (is_listed(&pids, lines.items[i], column))
            printf("%s\n", lines.items[i]);
    return 0;
}

const struct command_row cmd_top = {
    .path = "top",
    .aliases = "container top",
    .synopsis = "CONTAINER [PS-OPTION…]",
    .summary = "Shows the processes of a container as ps does (default: ps -ef)",
    .words_min = 1,
    .words_max = -1,
    .stop_at_word = true,
    .run = top_run,
};
