/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers of a shim and their processes: what the Task API does, without its messages.
 *
 * Everything runs on the loop. Operations that need the runtime answer through a callback, called once, from the
 * loop or from within the call. Operations on one process that could disturb each other take turns; kill does not
 * wait for any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libross/mount/mount.h"
#include "process_state.h"
#include "reaper.h"
#include "runc_args.h"
#include "runc_options.h"
#include "shim.h"
#include "stdio.h"

#define EXECS_MAX        10000 /* registered at one time in one container */
#define DRAIN_TIMEOUT_MS (10 * 1000)

struct container;
struct deletion;
struct oom_watch;
struct runc_job;

/* Somebody who wants to know when a process has ended. */
struct process_waiter {
    struct process_waiter *next;
    void (*fn)(struct process_waiter *w, int r, const struct err *err);
};

/* An operation that waits for its turn. */
struct turn {
    struct turn *next;
    void (*fn)(void *arg);
    void *arg;
};

struct process {
    struct container *c;
    struct process *next; /* the next exec of the container */
    char *id;             /* the exec's id; "" for the container's own process */
    unsigned refs;        /* execs only */
    enum process_state state;
    pid_t pid;
    struct reaper_child *child; /* while it runs */
    struct stdio *io;
    char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
    char *spec_json; /* of an exec until it is started */
    uint32_t exit_status;
    int64_t exited_at_ns; /* 0 until then */
    bool starting;        /* its exit is held back until the start has been told */
    bool exit_seen;
    bool registered; /* in the container's list */
    struct process_waiter *waiters;
    struct turn *turns;
    bool busy;
};

struct container {
    struct shim *shim;
    struct container *next;
    unsigned refs;
    char *id, *bundle;
    struct runc_options options;
    char *rootfs;      /* where the mounts are */
    char *cgroup_path; /* as the spec has it, NULL unless absolute */
    bool mounted, systemd, own_pidns, userns;
    bool creating;           /* not yet visible to others */
    struct runc_job *making; /* the runtime's command while it is created or that is undone */
    bool pausing;
    bool init_exited; /* nothing can be started any more */
    bool exit_waits;  /* the exit is to be told when the last exec and cleanup have ended */
    char *checkpoint, *parent_checkpoint; /* restored from by start; NULL = none */
    char *cgroup;                         /* text of /proc/PID/cgroup; NULL = none */
    struct oom_watch *oom;
    struct process init;
    struct process *execs;
    unsigned n_execs, execs_live;
    unsigned cleanups_live;       /* calls that end what the first process left, or thaw it */
    unsigned kills_live;          /* other signals that the runtime is sending */
    unsigned deletions;           /* that are under way */
    struct deletion *after_kills; /* goes on when the last of kills_live has ended */
};

typedef void (*process_fn)(void *arg, int r, const struct err *err);

/* NULL when there is none or it is still being made. */
struct container *container_find(struct shim *shim, const char *id);
/* One that is still being made, or NULL. Its own process is busy until then. */
struct container *container_find_creating(struct shim *shim, const char *id);
/* A Delete waits for its creation: the runtime must hurry, containerd waits for a few seconds only. */
void container_give_up(struct container *c);
/* Is every container being deleted? */
bool containers_going(const struct shim *shim);
/* The container's own process for exec_id "". NULL when there is none. */
struct process *container_process(struct container *c, const char *exec_id);

/* Is all output of the processes that have ended delivered? */
bool containers_drained(const struct shim *shim);

struct container_create {
    const char *id, *bundle;
    struct mount_list rootfs;    /* taken */
    struct runc_options options; /* taken */
    const char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
    const char *checkpoint, *parent_checkpoint; /* "" = none */
};
/* *c in the callback is NULL on failure. */
typedef void (*container_fn)(void *arg, struct container *c, int r, const struct err *err);
void container_create(struct shim *shim, struct container_create *req, container_fn done,
                      void *arg);

struct container_exec {
    const char *exec_id, *spec_json;
    size_t n_spec_json;
    const char *stdin_path, *stdout_path, *stderr_path;
    bool terminal;
};
int container_exec(struct container *c, const struct container_exec *req, struct err *err);

void process_start(struct process *p, process_fn done, void *arg);
/* Exit status, time and pid stay readable in `p` during the callback. */
void process_delete(struct process *p, process_fn done, void *arg);
void process_kill(struct process *p, uint32_t signo, bool all, process_fn done, void *arg);
void container_pause(struct container *c, process_fn done, void *arg);
void container_resume(struct container *c, process_fn done, void *arg);
void container_update(struct container *c, const void *json, size_t n, process_fn done, void *arg);
/* `how` is borrowed during the call only. exit: the container does not go on. */
void container_checkpoint(struct container *c, const struct runc_checkpoint *how, process_fn done,
                          void *arg);

/* True: has ended already, w is not used. Else w->fn is called once, unless process_unwait comes first. */
bool process_wait(struct process *p, struct process_waiter *w);
void process_unwait(struct process *p, struct process_waiter *w);

void container_ref(struct container *c);
void container_unref(struct container *c);
void process_ref(struct process *p);
void process_unref(struct process *p);
bool process_is_exec(const struct process *p);

/* ---- shared by container*.c and process*.c only ---- */
struct runc_target container_target(const struct container *c);
/* Takes it off the shim's list; the list's reference is the caller's now. */
void container_unlink(struct container *c);
void process_take_turn(struct process *p, void (*fn)(void *arg), void *arg);
void process_end_turn(struct process *p);
/* The runtime has made process `pid_file` names: watches it, starts the copying. */
int process_adopt(struct process *p, const char *pid_file, struct err *err);
void process_release_waiters(struct process *p, int r, const struct err *err);
void process_init(struct process *p, struct container *c, const char *id, const char *in,
                  const char *out, const char *errp, bool terminal);
void process_done(struct process *p);
/* One exec that was starting or running is gone. */
void container_exec_gone(struct container *c);
/* The runtime has sent a signal. */
void container_kill_ended(struct container *c);
/* Lets the processes of a frozen container go, so that they can die; what comes of it is only logged. */
void container_thaw(struct container *c);
/* The exit that was held back, if there was one. */
void process_tell_held_exit(struct process *p);
