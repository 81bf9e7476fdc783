/* SPDX-License-Identifier: Apache-2.0 */
/* The Write stream as a machine of requests and replies, over any content store (reference 9.3). */
#pragma once

#include "libross/contract/content.h"

enum write_action { WRITE_STAT, WRITE_WRITE, WRITE_COMMIT };

/* One message of the client; everything is borrowed. */
struct write_request {
    int action;             /* enum write_action; others are InvalidArgument */
    const char *ref;        /* must be there in the first request, and unchanged or "" later */
    int64_t total;          /* 0 = unknown */
    struct digest expected; /* may be unset */
    int64_t offset;
    const void *data;
    size_t n;
    const struct labels *labels; /* for the commit */
};

struct write_reply {
    int action;
    int64_t offset, total, started_ns, updated_ns;
    struct digest digest; /* of everything so far */
};

/* On the stack, zeroed at first; belongs to one thread. */
struct write_session {
    struct content *content;
    const struct call_ctx *ctx;
    struct content_writer *writer; /* open from the first request on */
    char *ref;
    int64_t total;
    struct digest expected;
};

void write_session_init(struct write_session *s, struct content *c, const struct call_ctx *ctx);
/* Closes the writer; an uncommitted ingest stays. */
void write_session_done(struct write_session *s);
/*
 * Answers one request. 0: send the reply and go on. 1: send it and end, the blob is committed. Negative: the
 * stream ends with the error.
 */
int write_session_step(struct write_session *s, const struct write_request *rq,
                       struct write_reply *ret, struct err *err);
