/* SPDX-License-Identifier: Apache-2.0 */
/* A service with one method of each kind, for the tests of the transports. */
#pragma once

#include <pthread.h>

#include "api/rpc/rpc.h"
#include "api/rpc/toy/toy.pb-c.h"

#define TOY_KEPT_MAX 256

/*
 * Echo   answers its request. text "ctx": "NS LEASE" instead; "fail": the code `number` with a message; "deadline": the
 *        time left in ms; "spin": returns Canceled once the call is cancelled
 * Later  is kept until toy_finish_all()
 * Count  sends `number` words (for ever when negative) with the request's data, numbered from 0; text "lent": through
 *        rpc_send_buffer(), as much of the data as that takes
 * Sum    adds the numbers received
 * Chat   answers each word; text "bye" ends the call with Aborted, "mute" is not answered
 */
struct toy {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rpc_call *kept[TOY_KEPT_MAX];
    int n_kept;
    int n_cancelled; /* kept calls whose peer went away */
    int n_running;   /* handlers inside Count, Sum, Chat and "spin" */
    int n_ended;     /* of those, how many have returned */
    int last_r;      /* what the last of them returned */
    int n_sent;      /* words sent by Count */
    /* When set: how toy_finish_all gets to the thread where calls must be finished. */
    void (*run)(void *run_arg, void (*fn)(void *arg), void *arg);
    void *run_arg;
};

void toy_init(struct toy *t);
void toy_done(struct toy *t);
struct rpc_service toy_service(struct toy *t);
/* Ends every kept call: r 0 answers text "later", else fails with that code. */
void toy_finish_all(struct toy *t, int r);
int toy_get(struct toy *t, const int *counter);
/* Waits until the counter reaches n (at most 20 s, then ends the program). */
void toy_wait(struct toy *t, const int *counter, int n);
