/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container in the foreground writes, for others who attach: its ross-cli listens on the socket DIR/attach, and
 * whoever connects gets every piece that it copies from then on, and the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

enum container_relay_kind {
    RELAY_HELLO,  /* what follows is all that is written from now on */
    RELAY_STDOUT, /* bytes */
    RELAY_STDERR,
    RELAY_END, /* the exit code, in 4 bytes of this machine's order; the last one */
};

#define CONTAINER_RELAY_PIECE_MAX ((size_t) 64 * 1024)

struct container_relay;
int container_relay_new(const char *dir, struct container_relay **ret, struct err *err);
/* Readable when somebody wants to attach: container_relay_accept(). */
int container_relay_fd(const struct container_relay *l);
void container_relay_accept(struct container_relay *l);
/* To all; n up to CONTAINER_RELAY_PIECE_MAX. One that does not read for some seconds is let go. */
void container_relay_send(struct container_relay *l, enum container_relay_kind kind, const void *p,
                          size_t n);
void container_relay_end(struct container_relay *l, uint32_t status);
void container_relay_free(struct container_relay *l); /* NULL is fine */
DEFINE_AUTO_PTR(container_relay)

/* The other side. Unavailable when no ross-cli listens there any more. */
int container_relay_connect(const char *dir, int *ret_fd, struct err *err);
/*
 * Waits for the next message; its bytes go to buf[0..*ret_n), room for CONTAINER_RELAY_PIECE_MAX. 1 a message, 0 the
 * connection has ended.
 */
int container_relay_next(int fd, enum container_relay_kind *ret_kind, void *buf, size_t *ret_n);
