/* SPDX-License-Identifier: Apache-2.0 */
/* The containerd program: which one it is, and what it makes of a file. */
#include <stdlib.h>
#include <string.h>

#include "cd_files.h"
#include "libross/base/buf.h"
#include "libross/base/mem.h"
#include "libross/base/proc.h"
#include "libross/config/toml.h"

#define PROGRAM_TIMEOUT_MS 20000
#define SAID_MAX           65536

/* What it printed; FailedPrecondition with the last line of its errors when it failed. */
static int
run_program(const char *const *argv, struct buf *out, struct err *err)
{
    struct proc_spawn spec = PROC_SPAWN_INIT;
    struct buf said = BUF_INIT(SAID_MAX);
    char *line;
    int status, r;

    spec.argv = argv;
    r = proc_run(&spec, NULL, out, &said, PROGRAM_TIMEOUT_MS, &status, err);
    if (r == 0 && status != 0) {
        while (said.len && said.data[said.len - 1] == '\n')
            said.data[--said.len] = '\0';
        line = said.len ? strrchr(said.data, '\n') : NULL;
        r = err_set(err, CODE_FAILED_PRECONDITION, "'%s' ended with %d: %.300s", argv[0], status,
                    line        ? line + 1
                    : said.data ? said.data
                                : "it said nothing");
    }
    buf_done(&said);
    return r;
}

int
cd_program_version(const char *program, int *ret_major, int *ret_minor, struct err *err)
{
    const char *const argv[] = {program, "--version", NULL};
    struct buf out = BUF_INIT(SAID_MAX);
    int r = run_program(argv, &out, err);

    if (r == 0)
        r = cd_version_parse(out.data ? out.data : "", ret_major, ret_minor, err);
    buf_done(&out);
    return r;
}

/* The handler, wherever this version keeps it. */
static bool
has_handler(const struct toml *root)
{
    static const char *const plugins[] = {"io.containerd.grpc.v1.cri",
                                          "io.containerd.cri.v1.runtime", "cri"};
    bool has = false;

    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        has = has || toml_find_path(root,
                                    (const char *const[]){"plugins", plugins[i], "containerd",
                                                          "runtimes", CD_NAME, "runtime_type"},
                                    6);
    return has;
}

int
cd_program_check(const char *program, const char *path, const struct cd_want *want, struct err *err)
{
    const char *const argv[] = {program, "--config", path, "config", "dump", NULL};
    static const char *const address[] = {"proxy_plugins", CD_NAME, "address"};
    bool cri = want->cri || want->default_runtime || want->default_snapshotter;
    struct buf out = BUF_INIT(TOML_SIZE_MAX);
    AUTO_PTR(toml) root = NULL;
    const char *got, *missing = NULL;
    int r = run_program(argv, &out, err);

    if (r == 0)
        r = toml_parse(out.data ? out.data : "", out.len, &root, err);
    buf_done(&out);
    if (r < 0)
        return err_wrap(err, r, "containerd does not take the new file");
    got = toml_str(toml_find_path(root, address, ARRAY_LEN(address)));
    if (!got || strcmp(got, want->snapshotter_address) != 0)
        missing = "[proxy_plugins." CD_NAME "]";
    else if (cri && !has_handler(root))
        missing = "the runtime handler '" CD_NAME "'";
    if (missing)
        return err_set(
            err, CODE_FAILED_PRECONDITION,
            "containerd reads the new file without %s: does another file that it imports "
            "replace that section?",
            missing);
    return 0;
}
