/* SPDX-License-Identifier: Apache-2.0 */
/* The Task service of one shim over a channel (reference section 3). */
#include "task_client.h"

#include <string.h>

#include "api/ttrpc/ttrpc_channel.h"
#include "api/wire/wire.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "runtime/task/v2/shim.pb-c.h"
#include "types/mount.pb-c.h"
#include "types/runc/options/oci.pb-c.h"
#include "types/task/task.pb-c.h"

#define PROCESS_TYPE   "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

int
task_client_open(const char *address, struct rpc_channel **ret, struct err *err)
{
    return ttrpc_channel_open(address, ret, err);
}

static int
call(struct rpc_channel *ch, const struct call_ctx *ctx, const char *method, const void *req,
     struct arena *a, void *ret, struct err *err)
{
    void *reply;
    int r;

    r = rpc_invoke(ch, ctx, &containerd__task__v2__task__descriptor, method, req, a, &reply, err);
    if (r < 0)
        return r;
    if (ret)
        *(void **) ret = reply;
    return 0;
}

/* Fields of requests are not const in protobuf-c, though packing only reads them. */
static char *
field(const char *s)
{
    return (char *) (s ? s : "");
}

int
task_client_create(struct rpc_channel *ch, const struct call_ctx *ctx, const struct task_create *c,
                   uint32_t *ret_pid, struct err *err)
{
    Containerd__Task__V2__CreateTaskRequest req = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
    Containerd__Task__V2__CreateTaskResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(c->id);
    req.bundle = field(c->bundle);
    if (c->rootfs)
        req.rootfs = wire_mounts_to(&a, c->rootfs, &req.n_rootfs);
    req.terminal = c->io.terminal;
    req.stdin = field(c->io.stdin_path);
    req.stdout = field(c->io.stdout_path);
    req.stderr = field(c->io.stderr_path);
    req.checkpoint = field(c->checkpoint);
    req.parent_checkpoint = field(c->parent_checkpoint);
    if (c->options)
        req.options = wire_any_to(&a, c->options);
    r = call(ch, ctx, "Create", &req, &a, &reply, err);
    if (r == 0)
        *ret_pid = reply->pid;
    return r;
}

int
task_client_start(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                  const char *exec_id, uint32_t *ret_pid, struct err *err)
{
    Containerd__Task__V2__StartRequest req = CONTAINERD__TASK__V2__START_REQUEST__INIT;
    Containerd__Task__V2__StartResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    req.exec_id = field(exec_id);
    r = call(ch, ctx, "Start", &req, &a, &reply, err);
    if (r == 0)
        *ret_pid = reply->pid;
    return r;
}

const char *
task_status_name(enum task_status s)
{
    static const char *const names[] = {
        [TASK_UNKNOWN] = "unknown", [TASK_CREATED] = "created", [TASK_RUNNING] = "running",
        [TASK_STOPPED] = "stopped", [TASK_PAUSED] = "paused",   [TASK_PAUSING] = "pausing",
    };

    return s < ARRAY_LEN(names) ? names[s] : names[TASK_UNKNOWN];
}

void
task_state_done(struct task_state *s)
{
    free(s->id);
    free(s->exec_id);
    free(s->bundle);
    free(s->stdin_path);
    free(s->stdout_path);
    free(s->stderr_path);
    *s = (struct task_state){0};
}

int
task_client_state(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                  const char *exec_id, struct task_state *ret, struct err *err)
{
    Containerd__Task__V2__StateRequest req = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
    Containerd__Task__V2__StateResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    req.exec_id = field(exec_id);
    r = call(ch, ctx, "State", &req, &a, &reply, err);
    if (r < 0)
        return r;
    *ret = (struct task_state){
        .id = xstrdup(wire_str(reply->id)),
        .exec_id = xstrdup(wire_str(reply->exec_id)),
        .bundle = xstrdup(wire_str(reply->bundle)),
        .stdin_path = xstrdup(wire_str(reply->stdin)),
        .stdout_path = xstrdup(wire_str(reply->stdout)),
        .stderr_path = xstrdup(wire_str(reply->stderr)),
        .pid = reply->pid,
        .status = (enum task_status) reply->status,
        .terminal = reply->terminal,
        .exit_status = reply->exit_status,
        .exited_at_ns = wire_time_from(reply->exited_at),
    };
    return 0;
}

int
task_client_wait(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                 const char *exec_id, struct task_exit *ret, struct err *err)
{
    Containerd__Task__V2__WaitRequest req = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
    Containerd__Task__V2__WaitResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    req.exec_id = field(exec_id);
    r = call(ch, ctx, "Wait", &req, &a, &reply, err);
    if (r == 0)
        *ret = (struct task_exit){
            .status = reply->exit_status,
            .exited_at_ns = wire_time_from(reply->exited_at),
        };
    return r;
}

int
task_client_kill(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                 const char *exec_id, uint32_t signo, bool all, struct err *err)
{
    Containerd__Task__V2__KillRequest req = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    req.exec_id = field(exec_id);
    req.signal = signo;
    req.all = all;
    return call(ch, ctx, "Kill", &req, &a, NULL, err);
}

int
task_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                   const char *exec_id, struct task_exit *ret, struct err *err)
{
    Containerd__Task__V2__DeleteRequest req = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
    Containerd__Task__V2__DeleteResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    req.exec_id = field(exec_id);
    r = call(ch, ctx, "Delete", &req, &a, &reply, err);
    if (r == 0 && ret)
        *ret = (struct task_exit){
            .pid = reply->pid,
            .status = reply->exit_status,
            .exited_at_ns = wire_time_from(reply->exited_at),
        };
    return r;
}

static struct Google__Protobuf__Any *
json_any(struct arena *a, const char *type_url, const char *json)
{
    Google__Protobuf__Any *any = wire_new(a, &google__protobuf__any__descriptor);

    any->type_url = field(type_url);
    any->value.data = (uint8_t *) (uintptr_t) json;
    any->value.len = strlen(json);
    return any;
}

int
task_client_exec(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                 const char *exec_id, const char *process_json, const struct task_io *io,
                 struct err *err)
{
    Containerd__Task__V2__ExecProcessRequest req = CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    req.exec_id = field(exec_id);
    req.terminal = io->terminal;
    req.stdin = field(io->stdin_path);
    req.stdout = field(io->stdout_path);
    req.stderr = field(io->stderr_path);
    req.spec = json_any(&a, PROCESS_TYPE, process_json);
    return call(ch, ctx, "Exec", &req, &a, NULL, err);
}

int
task_client_resize(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                   const char *exec_id, uint32_t width, uint32_t height, struct err *err)
{
    Containerd__Task__V2__ResizePtyRequest req = CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    req.exec_id = field(exec_id);
    req.width = width;
    req.height = height;
    return call(ch, ctx, "ResizePty", &req, &a, NULL, err);
}

int
task_client_close_stdin(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                        const char *exec_id, struct err *err)
{
    Containerd__Task__V2__CloseIORequest req = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    req.exec_id = field(exec_id);
    req.stdin = true;
    return call(ch, ctx, "CloseIO", &req, &a, NULL, err);
}

int
task_client_pause(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                  struct err *err)
{
    Containerd__Task__V2__PauseRequest req = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    return call(ch, ctx, "Pause", &req, &a, NULL, err);
}

int
task_client_resume(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                   struct err *err)
{
    Containerd__Task__V2__ResumeRequest req = CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    return call(ch, ctx, "Resume", &req, &a, NULL, err);
}

int
task_client_update(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                   const char *resources_json, struct err *err)
{
    Containerd__Task__V2__UpdateTaskRequest req = CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    req.resources = json_any(&a, RESOURCES_TYPE, resources_json);
    return call(ch, ctx, "Update", &req, &a, NULL, err);
}

void
task_pids_done(struct task_pids *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->items[i].exec_id);
    free(p->items);
    *p = (struct task_pids){0};
}

/* The exec id in a process's details, malloc'ed, or NULL. */
static char *
exec_id_of(const Google__Protobuf__Any *info)
{
    Containerd__Runc__V1__ProcessDetails *details;
    const char *name;
    char *id = NULL;

    if (!info)
        return NULL;
    name = strrchr(wire_str(info->type_url), '/');
    name = name ? name + 1 : wire_str(info->type_url);
    if (strcmp(name, containerd__runc__v1__process_details__descriptor.name) != 0)
        return NULL;
    details =
        containerd__runc__v1__process_details__unpack(NULL, info->value.len, info->value.data);
    if (details && *wire_str(details->exec_id))
        id = xstrdup(details->exec_id);
    if (details)
        containerd__runc__v1__process_details__free_unpacked(details, NULL);
    return id;
}

int
task_client_pids(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                 struct task_pids *ret, struct err *err)
{
    Containerd__Task__V2__PidsRequest req = CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
    Containerd__Task__V2__PidsResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    r = call(ch, ctx, "Pids", &req, &a, &reply, err);
    if (r < 0)
        return r;
    ret->n = reply->n_processes;
    ret->items = xcalloc(ret->n, sizeof *ret->items);
    for (size_t i = 0; i < ret->n; i++)
        ret->items[i] = (struct task_pid){
            .pid = reply->processes[i]->pid,
            .exec_id = exec_id_of(reply->processes[i]->info),
        };
    return 0;
}

int
task_client_stats(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                  struct any_value *ret, struct err *err)
{
    Containerd__Task__V2__StatsRequest req = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
    Containerd__Task__V2__StatsResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    r = call(ch, ctx, "Stats", &req, &a, &reply, err);
    if (r == 0)
        *ret = wire_any_from(reply->stats);
    return r;
}

int
task_client_connect(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                    uint32_t *ret_shim_pid, uint32_t *ret_task_pid, struct err *err)
{
    Containerd__Task__V2__ConnectRequest req = CONTAINERD__TASK__V2__CONNECT_REQUEST__INIT;
    Containerd__Task__V2__ConnectResponse *reply = NULL;
    AUTO(arena) a = {0};
    int r;

    req.id = field(id);
    r = call(ch, ctx, "Connect", &req, &a, &reply, err);
    if (r < 0)
        return r;
    *ret_shim_pid = reply->shim_pid;
    *ret_task_pid = reply->task_pid;
    return 0;
}

int
task_client_shutdown(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     struct err *err)
{
    Containerd__Task__V2__ShutdownRequest req = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
    AUTO(arena) a = {0};

    req.id = field(id);
    return call(ch, ctx, "Shutdown", &req, &a, NULL, err);
}
