/* SPDX-License-Identifier: Apache-2.0 */
/* The Write stream as a machine. */
#include "write_session.h"

#include <string.h>

void
write_session_init(struct write_session *s, struct content *c, const struct call_ctx *ctx)
{
    *s = (struct write_session){.content = c, .ctx = ctx};
}

void
write_session_done(struct write_session *s)
{
    content_writer_free(s->writer);
    free(s->ref);
    *s = (struct write_session){0};
}

static int
open_writer(struct write_session *s, const struct write_request *rq, struct err *err)
{
    const struct content_writer_open open = {
        .ref = rq->ref,
        .total = rq->total > 0 ? rq->total : 0,
        .expected = digest_is_set(&rq->expected) ? &rq->expected : NULL};
    int r;

    if (!*rq->ref)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "the first message of a write must have a ref: invalid argument");
    r = content_writer_open(s->content, s->ctx, &open, &s->writer, err);
    if (r == 0)
        s->ref = xstrdup(rq->ref);
    return r;
}

/* A blob that has come into being meanwhile makes the write superfluous. */
static int
check_expected(struct write_session *s, const struct write_request *rq, struct err *err)
{
    AUTO(content_info) i = {0};
    char shown[DIGEST_STR_MAX];
    int r;

    if (!digest_is_set(&rq->expected))
        return 0;
    s->expected = rq->expected;
    r = content_info_get(s->content, s->ctx, &rq->expected, &i, err);
    if (r == 0)
        r = content_writer_hold(s->writer, &rq->expected, err);
    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r < 0)
        return r;
    content_writer_free(TAKE(s->writer));
    (void) content_abort(s->content, s->ctx, s->ref, NULL);
    return err_set(err, CODE_ALREADY_EXISTS, "content %s: already exists",
                   digest_format(&rq->expected, shown));
}

static int
append(struct write_session *s, const struct write_request *rq, int64_t at, struct err *err)
{
    int r = 0;

    if (rq->offset > 0 && rq->offset != at)
        return err_set(err, CODE_OUT_OF_RANGE,
                       "write @%lld must occur at current offset %lld: out of range",
                       (long long) rq->offset, (long long) at);
    if (rq->offset < 0)
        return err_set(err, CODE_OUT_OF_RANGE, "write @%lld: out of range", (long long) rq->offset);
    if (rq->offset == 0 && at > 0)
        r = content_writer_truncate(s->writer, 0, err);
    if (r == 0 && rq->n)
        r = content_writer_write(s->writer, rq->data, rq->n, err);
    return r;
}

static int
commit(struct write_session *s, const struct write_request *rq, struct err *err)
{
    return content_writer_commit(
        s->writer, s->total, digest_is_set(&s->expected) ? &s->expected : NULL, rq->labels, err);
}

static int
reply(struct write_session *s, const struct write_request *rq, struct write_reply *ret,
      struct err *err)
{
    AUTO(ingest_status) st = {0};
    int r = content_writer_status(s->writer, &st, err);

    if (r < 0)
        return r;
    *ret = (struct write_reply){.action = rq->action,
                                .offset = st.offset,
                                .total = s->total > 0 ? s->total : st.total,
                                .started_ns = st.started_ns,
                                .updated_ns = st.updated_ns,
                                .digest = st.digest};
    return 0;
}

static int
offset_now(struct write_session *s, int64_t *ret, struct err *err)
{
    AUTO(ingest_status) st = {0};
    int r = content_writer_status(s->writer, &st, err);

    *ret = st.offset;
    return r;
}

int
write_session_step(struct write_session *s, const struct write_request *rq, struct write_reply *ret,
                   struct err *err)
{
    int64_t at;
    int r = 0;

    if (rq->action != WRITE_STAT && rq->action != WRITE_WRITE && rq->action != WRITE_COMMIT)
        return err_set(err, CODE_INVALID_ARGUMENT, "write action %d is unknown: invalid argument",
                       rq->action);
    if (!s->writer) {
        r = open_writer(s, rq, err);
        s->expected = rq->expected;
    } else if (*rq->ref && strcmp(rq->ref, s->ref) != 0) {
        r = err_set(err, CODE_INVALID_ARGUMENT,
                    "a write cannot change its ref from '%.100s' to '%.100s'", s->ref, rq->ref);
    } else {
        r = check_expected(s, rq, err);
    }
    if (r < 0)
        return r;
    if (rq->total > 0)
        s->total = rq->total;
    if (rq->action == WRITE_STAT)
        return reply(s, rq, ret, err);
    r = offset_now(s, &at, err);
    if (r == 0)
        r = append(s, rq, at, err);
    if (r == 0)
        r = reply(s, rq, ret, err);
    if (r < 0 || rq->action == WRITE_WRITE)
        return r;
    r = commit(s, rq, err);
    return r < 0 ? r : 1;
}
