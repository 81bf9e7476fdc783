/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a container in the foreground: what its ross-cli copies is kept there as well. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"

struct container_keep;

#define CONTAINER_KEEP_AGAIN_MS 100 /* between two tries to write to a full disk */

/* uri: the ross-log of the container's record. */
int container_keep_new(const char *uri, struct container_keep **ret, struct err *err);
/* which: 0 stdout, 1 stderr; not while that one is late. */
void container_keep_write(struct container_keep *k, int which, const char *p, size_t n);
/*
 * With full=block and a disk that is full: the stream is not to be read before what came last is in the log.
 * container_keep_again() tries; `which` -1 asks for either.
 */
bool container_keep_is_late(const struct container_keep *k, int which);
void container_keep_again(struct container_keep *k);
/* The stream has ended. */
void container_keep_end(struct container_keep *k, int which);
void container_keep_free(struct container_keep *k); /* NULL is fine */
DEFINE_AUTO_PTR(container_keep)
