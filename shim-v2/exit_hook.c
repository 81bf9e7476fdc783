/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is run when a process has ended. The reaper takes its end like that of any orphan. */
#include "exit_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"

#define HOOK_SIZE_MAX  ((size_t) 16 * 1024)
#define HOOK_WORDS_MAX 64

/* Its client waits for the end itself. One that is killed lets go of the lock. */
static bool
is_held(const char *path)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void
exit_hook_run(const char *bundle, const char *exec_id)
{
    auto_free char *name = xasprintf("%s%s%s", EXIT_HOOK_FILE, *exec_id ? "." : "", exec_id);
    auto_free char *path = path_join(bundle, name), *text = NULL;
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    const char *argv[HOOK_WORDS_MAX + 1];
    struct err err = {0};
    size_t len, n = 0;
    pid_t pid;
    int r;

    if (!path_is_name(name))
        return;
    r = fd_read_file_at(AT_FDCWD, path, HOOK_SIZE_MAX, &text, &len, &err);
    if (r == -CODE_NOT_FOUND || is_held(path))
        return;
    for (const char *p = text; r == 0 && p < text + len && n < HOOK_WORDS_MAX; p += strlen(p) + 1)
        argv[n++] = p;
    if (r == 0 && n) {
        argv[n] = NULL;
        spawn.argv = argv;
        spawn.new_session = true;
        r = proc_spawn(&spawn, &pid, NULL, &err);
    }
    if (r < 0)
        log_warn("nobody hears of the end of a container", KV_STR("bundle", bundle), KV_ERR(&err));
}
