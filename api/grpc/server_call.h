/* SPDX-License-Identifier: Apache-2.0 */
/* One call on the serving side: its operations, its handler, its end. For grpc_server.c. */
#pragma once

#include <pthread.h>

#include "api/rpc/rpc_call.h"
#include "grpc_core.h"

/* What completes on the queue: a new call, an operation of a call, the server's shutdown (call is NULL). */
enum server_tag_kind { TAG_NEW, TAG_RECV, TAG_SEND, TAG_CLOSE, TAG_STATUS, TAG_SHUTDOWN };

struct server_call;

struct server_tag {
    enum server_tag_kind kind;
    struct server_call *call;
};

struct server_method {
    struct rpc_route route; /* row NULL: calls of names that no row has */
    char *name;             /* "package.Service/Method" */
    void *registered;
};

/* What all calls of a server share. */
struct server_calls {
    grpc_server *server;
    grpc_completion_queue *cq;
    const struct rpc_service *services;
    size_t n_services;
    void (*cancelled)(struct server_calls *calls); /* a client has given up a call */
};

/* Freed with its last reference: the handler (or gRPC, before the call arrives) holds one, each operation another. */
struct server_call {
    struct rpc_call base;
    struct server_calls *all;
    struct server_method *method;
    struct server_call *next; /* the owner's list */
    grpc_call *grpc;
    grpc_call_details details; /* unknown methods */
    gpr_timespec deadline;
    grpc_metadata_array meta;
    grpc_byte_buffer *payload;
    struct server_tag new_tag, recv_tag, send_tag, close_tag, status_tag;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned refs;
    bool recv_busy, recv_failed, send_busy, send_failed;

    /* Written by gRPC while the operation runs. */
    int close_cancelled;
    grpc_byte_buffer *received;

    /* The handler's thread only. */
    bool recv_started, meta_sent, has_buffer;
    grpc_slice buffer; /* for the next message, when has_buffer */
    struct arena recv_arena;
};

/* Asks gRPC for the next call of the method; it arrives on the queue as TAG_NEW. */
void server_call_arm(struct server_calls *all, struct server_method *method);
/* A thread took an operation's tag from the queue. */
void server_call_completed(struct server_tag *tag, bool ok);
/* Runs the handler to its end and sends the outcome. Takes the handler's reference. */
void server_call_run(struct server_call *c);
void server_call_unref(struct server_call *c);

bool server_method_has_request(const struct rpc_route *route);
