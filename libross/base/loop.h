/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll loop: fds, timers, signals, child exits by pidfd. For single-threaded programs (the shim, the CLI's
 * waits).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "mem.h"

struct loop;
struct loop_io;
struct loop_timer;

int loop_new(struct loop **ret, struct err *err);
void loop_free(struct loop *l);
DEFINE_AUTO_PTR(loop)

/*
 * events: EPOLLIN, EPOLLOUT …; 0 pauses the source (not even EPOLLHUP is reported). The fd is borrowed and must outlive
 * the source. fn may free its own source and any other. `ret` may be NULL: it then lives as long as the loop.
 */
typedef void (*loop_io_fn)(struct loop_io *io, uint32_t events, void *arg);
int loop_io_add(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *arg,
                struct loop_io **ret, struct err *err);
int loop_io_set(struct loop_io *io, uint32_t events, struct err *err);
void loop_io_free(struct loop_io *io); /* NULL is fine; safe inside callbacks */

/* Fires once at or after clock_mono_ns() >= at_ns. The source is gone when fn runs. */
typedef void (*loop_timer_fn)(void *arg);
struct loop_timer *loop_timer_add(struct loop *l, int64_t at_ns, loop_timer_fn fn, void *arg);
void loop_timer_free(struct loop_timer *t); /* cancels; NULL is fine; not after it fired */

/* Blocks the signal for the calling thread, for good, and calls fn for each delivery. One fn per signal. */
typedef void (*loop_signal_fn)(int signo, void *arg);
int loop_signal_add(struct loop *l, int signo, loop_signal_fn fn, void *arg, struct err *err);

/* fn runs at the next turn of the loop, once, in order of posting. */
void loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/*
 * Until loop_quit(), which ends the turn it is called in or, when no turn runs, the next run at once: returns its
 * code.
 */
int loop_run(struct loop *l);
/* One turn; timeout_ms -1 waits for ever. */
void loop_turn(struct loop *l, int timeout_ms);
void loop_quit(struct loop *l, int code);
