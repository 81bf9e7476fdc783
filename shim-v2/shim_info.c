/* SPDX-License-Identifier: Apache-2.0 */
/* Answers -info: what the shim and its runtime can do (reference 1.9). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "google/protobuf/any.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/proc.h"
#include "libross/base/version.h"
#include "runc_args.h"
#include "shim_start.h"
#include "types/introspection.pb-c.h"

#define FEATURES_TYPE     "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
#define FEATURES_SIZE_MAX (1024 * 1024)
#define FEATURES_LIMIT_MS 10000

/* The runtime's own words; nothing when it is too old to know the command. */
static void
features_read(const struct runc_options *o, struct buf *ret)
{
    const char *argv[] = {runc_binary(o), "features", NULL};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    int status = 1;

    spawn.argv = argv;
    spawn.death_signal = SIGKILL;
    if (proc_run(&spawn, NULL, ret, NULL, FEATURES_LIMIT_MS, &status, NULL) < 0 || status != 0)
        buf_clear(ret);
}

static int
info(struct err *err)
{
    AUTO(buf) in = BUF_INIT(SHIM_STDIN_MAX);
    AUTO(buf) features = BUF_INIT(FEATURES_SIZE_MAX);
    AUTO(runc_options) options = {0};
    Containerd__Types__RuntimeInfo m = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
    Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *echo = NULL;
    auto_free uint8_t *packed = NULL;
    size_t n;
    int r = fd_read_to_buf(STDIN_FILENO, &in, err);

    if (r == 0)
        r = runc_options_from_bytes(in.data, in.len, &options, err);
    if (r < 0)
        return r;
    features_read(&options, &features);
    m.name = (char *) (uintptr_t) SHIM_SELF_NAME;
    version.version = (char *) (uintptr_t) ROSS_VERSION;
    version.revision = (char *) (uintptr_t) ROSS_REVISION;
    m.version = &version;
    if (features.len) {
        any.type_url = (char *) (uintptr_t) FEATURES_TYPE;
        any.value.data = (uint8_t *) features.data;
        any.value.len = features.len;
        m.features = &any;
    }
    if (in.len)
        m.options = echo = google__protobuf__any__unpack(NULL, in.len, (const uint8_t *) in.data);
    packed = xmalloc(containerd__types__runtime_info__get_packed_size(&m) + 1);
    n = containerd__types__runtime_info__pack(&m, packed);
    if (echo)
        google__protobuf__any__free_unpacked(echo, NULL);
    if (fd_write_all(STDOUT_FILENO, packed, n) < 0)
        return err_sys(err, errno, "print the answer");
    return 0;
}

int
shim_info(const struct shim_args *args)
{
    struct err err = {0};

    (void) args;
    if (info(&err) < 0) {
        (void) dprintf(STDERR_FILENO, "%s: %s\n", SHIM_SELF_NAME, err.msg);
        return 1;
    }
    return 0;
}
