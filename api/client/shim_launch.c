/* SPDX-License-Identifier: Apache-2.0 */
/* The two command lines that begin and end a shim, for programs that are not containerd. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/wire/wire.h"
#include "google/protobuf/any.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/base/strv.h"
#include "runtime/task/v2/shim.pb-c.h"
#include "task_client.h"

#define SHIM_PROGRAM      "containerd-shim-ross-v2"
#define ANSWER_SIZE_MAX   (64 * 1024)
#define ADDRESS_SIZE_MAX  512
#define LAUNCH_TIMEOUT_MS 30000

/* Our environment without what belongs to containerd, with ROSS_STATE. */
static struct strv
shim_environment(const struct shim_launch *l)
{
    struct strv env = {0};

    for (char **e = environ; *e; e++)
        if (strncmp(*e, "TTRPC_ADDRESS=", 14) != 0 && strncmp(*e, "GRPC_ADDRESS=", 13) != 0 &&
            (!l->state || strncmp(*e, "ROSS_STATE=", 11) != 0))
            strv_add(&env, *e);
    if (l->state)
        strv_printf(&env, "ROSS_STATE=%s", l->state);
    return env;
}

static int
launch(const struct shim_launch *l, const char *action, const struct buf *input, struct buf *out,
       struct err *err)
{
    auto_free char *program = l->binary ? xstrdup(l->binary) : proc_find_companion(SHIM_PROGRAM);
    AUTO(buf) words = BUF_INIT(ANSWER_SIZE_MAX);
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(strv) argv = {0}, env = {0};
    auto_close int cwd = -1;
    int status, r;

    if (!program)
        return err_set(err, CODE_NOT_FOUND, SHIM_PROGRAM " is not installed");
    cwd = open(l->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cwd < 0)
        return err_sys(err, errno, "open the bundle '%s'", l->bundle);
    strv_add(&argv, program);
    strv_add(&argv, "-namespace");
    strv_add(&argv, l->ns);
    strv_add(&argv, "-address");
    strv_add(&argv, l->address ? l->address : "");
    strv_add(&argv, "-id");
    strv_add(&argv, l->id);
    if (strcmp(action, "delete") == 0) {
        strv_add(&argv, "-bundle");
        strv_add(&argv, l->bundle);
    }
    if (l->debug)
        strv_add(&argv, "-debug");
    strv_add(&argv, action);
    env = shim_environment(l);
    spawn.argv = (const char *const *) argv.items;
    spawn.envp = (const char *const *) env.items;
    spawn.cwd_fd = cwd;
    spawn.new_pgrp = true;
    r = proc_run(&spawn, input, out, &words, LAUNCH_TIMEOUT_MS, &status, err);
    if (r < 0)
        return err_wrap(err, r, "shim %s", action);
    if (status != 0) {
        const char *said = words.len ? words.data : out->len ? out->data : "nothing";
        return err_set(err, CODE_UNKNOWN, "shim %s ended with %d and said: %.*s", action, status,
                       (int) strcspn(said, "\n"), said);
    }
    return 0;
}

int
shim_launch_start(const struct shim_launch *l, char **ret_address, struct err *err)
{
    AUTO(buf) out = BUF_INIT(ANSWER_SIZE_MAX), in = BUF_INIT(ANSWER_SIZE_MAX);
    AUTO(arena) a = {0};
    size_t n;
    int r;

    if (l->options) {
        const ProtobufCMessage *any = (const ProtobufCMessage *) wire_any_to(&a, l->options);

        n = protobuf_c_message_get_packed_size(any);
        r = buf_reserve(&in, n, err);
        if (r < 0)
            return r;
        buf_added(&in, protobuf_c_message_pack(any, (uint8_t *) in.data));
    }
    r = launch(l, "start", &in, &out, err);
    if (r < 0)
        return r;
    while (out.len && strchr(" \t\r\n", out.data[out.len - 1]))
        out.data[--out.len] = '\0';
    if (!out.len)
        return err_set(err, CODE_UNKNOWN, "the shim printed no address");
    *ret_address = buf_take(&out);
    return 0;
}

int
shim_launch_delete(const struct shim_launch *l, struct task_exit *ret, struct err *err)
{
    AUTO(buf) out = BUF_INIT(ANSWER_SIZE_MAX);
    Containerd__Task__V2__DeleteResponse *reply;
    int r;

    r = launch(l, "delete", NULL, &out, err);
    if (r < 0)
        return r;
    reply =
        containerd__task__v2__delete_response__unpack(NULL, out.len, (const uint8_t *) out.data);
    if (!reply)
        return err_set(err, CODE_INTERNAL, "the shim's answer to delete cannot be understood");
    *ret = (struct task_exit){
        .pid = reply->pid,
        .status = reply->exit_status,
        .exited_at_ns = wire_time_from(reply->exited_at),
    };
    containerd__task__v2__delete_response__free_unpacked(reply, NULL);
    return 0;
}

int
shim_launch_address(const char *bundle, char **ret_address, struct err *err)
{
    auto_free char *path = path_join(bundle, "address");
    int r;

    r = fd_read_file_at(AT_FDCWD, path, ADDRESS_SIZE_MAX, ret_address, NULL, err);
    return r < 0 ? err_wrap(err, r, "address of the shim") : 0;
}
