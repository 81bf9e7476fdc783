/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of processes: children that we started and orphans that came to us (we are their subreaper). Each watched
 * process has a pidfd, so an exit is never confused with that of a later process of the same number.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "libross/base/loop.h"

struct reaper;
/* A process whose end is awaited. */
struct reaper_child;

/* Becomes the subreaper and takes SIGCHLD of the loop. */
int reaper_new(struct loop *loop, struct reaper **ret, struct err *err);
void reaper_free(struct reaper *r);

/* Called once, from the loop; status is the exit code or 128 + signal. The child is gone afterwards. */
typedef void (*reaper_fn)(void *arg, int status, int64_t exited_at_ns);
/*
 * Awaits the end of `pid`, which is or was our child and has not been reaped. A process that ended already is fine.
 * Takes pidfd (-1: one is opened; when that fails the exit is noticed by SIGCHLD). NotFound: no child has that pid.
 */
int reaper_watch(struct reaper *r, pid_t pid, int pidfd, reaper_fn fn, void *arg,
                 struct reaper_child **ret, struct err *err);
/* 0, or -1 with errno; never hits another process. */
int reaper_kill(struct reaper_child *c, int signo);
/* Forgets fn; the process is still reaped when it ends. NULL is fine. */
void reaper_ignore(struct reaper_child *c);

/*
 * Between hold and release, ended processes that nobody watches are left unreaped: one of them may be about to be
 * watched once its pid is known. Calls nest.
 */
void reaper_hold(struct reaper *r);
void reaper_release(struct reaper *r);
