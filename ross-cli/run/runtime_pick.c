/* SPDX-License-Identifier: Apache-2.0 */
/* Which OCI runtime runs a container here (map, decision 13). */
#include "runtime_pick.h"

#include <string.h>
#include <unistd.h>

#include "libross/base/fd.h"
#include "libross/base/mem.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/json/json.h"

#define CGROUP_ROOT          "/sys/fs/cgroup"
#define CONTROLLERS_SIZE_MAX 4096
#define FEATURES_SIZE_MAX    (256 * 1024)
#define FEATURES_TIMEOUT_MS  10000

const char *
runtime_crun_objection(const char *cgroup_root)
{
    auto_free char *unified = path_join(cgroup_root, "unified/cgroup.controllers");
    auto_free char *pure = path_join(cgroup_root, "cgroup.controllers");
    auto_free char *text = NULL;
    size_t len = 0;

    if (access(pure, F_OK) == 0)
        return NULL;
    if (fd_read_file_at(-1, unified, CONTROLLERS_SIZE_MAX, &text, &len, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (text[i] > ' ')
            return "cgroup controllers are split between v1 and the v2 mount";
    return NULL;
}

bool
runtime_can_idmap(const char *path)
{
    const char *slash = strrchr(path, '/'), *argv[] = {path, "features", NULL};
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(FEATURES_SIZE_MAX);
    AUTO_PTR(json) features = NULL;
    int status;

    if (strcmp(slash ? slash + 1 : path, "crun") == 0)
        return true; /* older than its own "features" */
    spec.argv = argv;
    if (proc_run(&spec, NULL, &out, NULL, FEATURES_TIMEOUT_MS, &status, NULL) < 0 || status != 0 ||
        json_parse(out.data, out.len, &features, NULL) < 0)
        return false;
    return json_is_true(json_find(
        json_find(json_find(json_find(features, "linux"), "mountExtensions"), "idmap"), "enabled"));
}

int
runtime_pick(const char *asked, char **ret_path, char **ret_why, struct err *err)
{
    const char *objection;
    char *path;

    *ret_why = NULL;
    if (asked) {
        path = proc_find_program(asked);
        if (!path)
            return err_set(err, CODE_NOT_FOUND,
                           "runtime '%s' is not installed or not executable; install it or choose "
                           "another with --runtime",
                           asked);
        *ret_path = path;
        return 0;
    }
    path = proc_find_program("crun");
    objection = path ? runtime_crun_objection(CGROUP_ROOT) : NULL;
    if (path && !objection) {
        *ret_path = path;
        return 0;
    }
    free(path);
    path = proc_find_program("runc");
    if (!path)
        return err_set(err, CODE_NOT_FOUND,
                       objection ? "crun cannot work on this host (%s) and runc is not installed; "
                                   "install runc"
                                 : "no OCI runtime is installed; install runc or crun%s",
                       objection ? objection : "");
    *ret_path = path;
    if (objection)
        *ret_why = xstrdup(objection);
    return 0;
}
