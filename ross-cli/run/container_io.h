/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a container in the foreground: fifos between its shim and our own stdin, stdout and stderr. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/client/task_client.h"
#include "libross/base/err.h"
#include "libross/base/mem.h"

struct container_io;

/* Makes the fifos below `dir` (made, 0700) and opens our reading ends. */
int container_io_new(const char *dir, bool want_stdin, bool terminal, struct container_io **ret,
                     struct err *err);
/* Also hands on what it copies to those who attach, see container_relay.h. For one from container_io_new(). */
int container_io_share(struct container_io *io, struct err *err);
/* Also keeps what it copies in the log of this URI. */
int container_io_keep(struct container_io *io, const char *log_uri, struct err *err);
/* Bytes that, typed in a row, end the copying; "" = none, as at first. What was typed before is forgotten. */
void container_io_set_keys(struct container_io *io, const char *keys);
/* Tells those who are attached how it ended. */
void container_io_tell_end(struct container_io *io, uint32_t status);
/* The fifos that a ross-cli made in `dir` and reads no more. FailedPrecondition when somebody does already. */
int container_io_take_over(struct container_io *io, const char *dir, struct err *err);

/*
 * For a container that writes to its log and has its fifo for stdin already: only what we type goes through this.
 *   in_path  NULL = nothing
 *   keys     bytes that, typed in a row, end the copying; "" = none
 */
#define DETACH_KEYS_MAX     16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
int container_io_attach(const char *in_path, bool terminal, const char *keys,
                        struct container_io **ret, struct err *err);
/* Did the keys end the copying? */
bool container_io_detached(const struct container_io *io);
/* "ctrl-p,ctrl-q", "a,ctrl-[" as bytes; "" is none. InvalidArgument. */
int container_io_keys_parse(const char *text, char ret[static DETACH_KEYS_MAX + 1],
                            struct err *err);

/* Paths for Create; borrowed. */
struct task_io container_io_paths(const struct container_io *io);
/* After Create: opens the writing end of stdin; puts our terminal into raw mode when the container has one. */
int container_io_connect(struct container_io *io, struct err *err);
/* Restores the terminal, closes and, unless it was detached, removes the fifos it made. NULL is fine. */
void container_io_free(struct container_io *io);
DEFINE_AUTO_PTR(container_io)

/* What the copying tells its owner. */
struct container_io_events {
    void (*on_signal)(int signo, void *arg); /* one that we got and that is to be forwarded */
    void (*on_stdin_end)(void *arg);         /* our stdin ended: the shim may let go of its end */
    void (*on_output_gone)(void *arg); /* nobody reads our stdout or stderr any more (EPIPE) */
    void (*on_resize)(uint32_t width, uint32_t height,
                      void *arg); /* our terminal has this size, at first and when it changes */
    void *arg;
};

/*
 * Copies until done_fd (an eventfd) becomes readable *and* both outputs have ended. Signals INT TERM HUP QUIT USR1 USR2
 * and WINCH must be blocked by container_io_block_signals() before any thread is started.
 */
int container_io_copy(struct container_io *io, int done_fd, const struct container_io_events *ev,
                      struct err *err);
void container_io_block_signals(void);
