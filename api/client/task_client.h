/* SPDX-License-Identifier: Apache-2.0 */
/* The Task service of one shim over a channel, and the two command lines that begin and end a shim. */
#pragma once

#include "api/rpc/rpc.h"
#include "libross/contract/records.h"
#include "libross/mount/mount.h"

/* ---- the shim process ---- */

/*
 * How a shim is begun and ended by a program that is not containerd:
 *
 *   start   BINARY -namespace NS -address ADDR -id ID [-debug] start
 *           cwd = bundle directory (config.json is read there for the pod group), stdin = options Any or nothing.
 *           Prints the address; the server goes on in the background with cwd = bundle.
 *   delete  BINARY -namespace NS -address ADDR -id ID -bundle BUNDLE delete
 *           Ends what a crashed shim left: container, mounts. Prints the recorded exit as a DeleteResponse.
 *
 * With ADDR "" nobody is told about events (TTRPC_ADDRESS is unset too) and the socket is STATE/s/HASH, where STATE is
 * the environment's ROSS_STATE, else /run/ross. With an ADDR it is /run/containerd/s/HASH, as containerd's shim has it.
 * HASH is the SHA-256 of ADDR-or-STATE/NS/GROUP in hex; GROUP the pod's id or the container's. The shim writes the
 * address into BUNDLE/address too, so a later command finds it without `start`. It logs to BUNDLE/log when that exists
 * (file or fifo) and keeps the record of exits in STATE/tasks.db.
 */
struct shim_launch {
    const char *binary; /* NULL = containerd-shim-ross-v2 beside our own executable, else on PATH */
    const char *ns, *id;
    const char *bundle;  /* absolute */
    const char *state;   /* becomes ROSS_STATE; NULL = inherited */
    const char *address; /* containerd's address; NULL = "" */
    bool debug;
    const struct any_value *options; /* stdin of start; NULL = none */
};

/* Runs `start`. *ret_address is malloc'ed, ready for task_client_open. Errors carry what the shim printed. */
int shim_launch_start(const struct shim_launch *l, char **ret_address, struct err *err);

/* What a process that ended left behind. */
struct task_exit {
    uint32_t pid;
    uint32_t status;      /* exit code, or 128 + signal */
    int64_t exited_at_ns; /* 0 = unknown */
};

/* Runs `delete`: for a shim that crashed or cannot be reached. */
int shim_launch_delete(const struct shim_launch *l, struct task_exit *ret, struct err *err);
/* The text of BUNDLE/address, malloc'ed; NotFound when there is none. */
int shim_launch_address(const char *bundle, char **ret_address, struct err *err);

/* ---- calls ---- */

/*
 * Connects (ttrpc, blocking; one channel may serve many threads). UNAVAILABLE when the shim is gone: then
 * shim_launch_delete() has the last word. Free with rpc_channel_free.
 */
int task_client_open(const char *address, struct rpc_channel **ret, struct err *err);

/* All calls: exec_id NULL or "" is the container's own process. Deadlines come from ctx (NULL = none). */

struct task_io {
    const char *stdin_path, *stdout_path, *stderr_path; /* fifo, file or URI; NULL or "" = none */
    bool terminal;                                      /* then stderr_path is not used */
};

struct task_create {
    const char *id, *bundle;
    const struct mount_list *rootfs; /* NULL or empty: the spec's root path is used as it is */
    struct task_io io;
    const char *checkpoint, *parent_checkpoint; /* NULL = none */
    const struct any_value *options;            /* containerd.runc.v1.Options; NULL = none */
};

int task_client_create(struct rpc_channel *ch, const struct call_ctx *ctx,
                       const struct task_create *req, uint32_t *ret_pid, struct err *err);
int task_client_start(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                      const char *exec_id, uint32_t *ret_pid, struct err *err);

enum task_status {
    TASK_UNKNOWN = 0,
    TASK_CREATED = 1,
    TASK_RUNNING = 2,
    TASK_STOPPED = 3,
    TASK_PAUSED = 4,
    TASK_PAUSING = 5,
};
const char *task_status_name(enum task_status s); /* "running" … */

struct task_state {
    char *id, *exec_id, *bundle;
    char *stdin_path, *stdout_path, *stderr_path;
    uint32_t pid;
    enum task_status status;
    bool terminal;
    uint32_t exit_status;
    int64_t exited_at_ns; /* 0 while running */
};
void task_state_done(struct task_state *s);
int task_client_state(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                      const char *exec_id, struct task_state *ret, struct err *err);

/* Blocks until the process has ended. ret->pid is not filled in. */
int task_client_wait(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     const char *exec_id, struct task_exit *ret, struct err *err);
int task_client_kill(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     const char *exec_id, uint32_t signo, bool all, struct err *err);
/* Only what has stopped (or never started) can be deleted. `ret` may be NULL. */
int task_client_delete(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                       const char *exec_id, struct task_exit *ret, struct err *err);
/* Registers a process; process_json is an OCI `Process` (its terminal field gives way to io->terminal). */
int task_client_exec(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     const char *exec_id, const char *process_json, const struct task_io *io,
                     struct err *err);
int task_client_resize(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                       const char *exec_id, uint32_t width, uint32_t height, struct err *err);
/* The shim lets go of the process's stdin: it sees the end once the other writers are gone too. */
int task_client_close_stdin(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                            const char *exec_id, struct err *err);
int task_client_pause(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                      struct err *err);
int task_client_resume(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                       struct err *err);
/* resources_json is an OCI `LinuxResources`. */
int task_client_update(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                       const char *resources_json, struct err *err);

struct task_pid {
    uint32_t pid;
    char *exec_id; /* NULL unless it is the main process of an exec */
};
struct task_pids {
    struct task_pid *items;
    size_t n;
};
void task_pids_done(struct task_pids *p);
int task_client_pids(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                     struct task_pids *ret, struct err *err);
/* The metrics as they come: type_url says cgroup v1 or v2 (reference 3.7). */
int task_client_stats(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                      struct any_value *ret, struct err *err);
int task_client_connect(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                        uint32_t *ret_shim_pid, uint32_t *ret_task_pid, struct err *err);
/* The shim leaves when it has no container any more; otherwise nothing happens. */
int task_client_shutdown(struct rpc_channel *ch, const struct call_ctx *ctx, const char *id,
                         struct err *err);
