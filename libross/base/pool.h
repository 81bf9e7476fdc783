/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads that run jobs from a bounded queue. */
#pragma once

#include <stddef.h>

struct pool;

struct pool *pool_new(unsigned threads, size_t queue_max);
/* Runs fn(arg) on some thread; blocks while the queue is full. */
void pool_submit(struct pool *p, void (*fn)(void *arg), void *arg);
/* Returns when every job submitted before has ended. */
void pool_drain(struct pool *p);
/* Drains, then ends the threads. NULL is fine. */
void pool_free(struct pool *p);
