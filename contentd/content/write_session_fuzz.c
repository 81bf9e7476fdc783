/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of Write requests against the real store: whatever it answers must agree with a model of a few lines.
 *
 * Input: records of 4 bytes {action and flags, total, offset, length of data}, the data follows. See request_of().
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "content_local.h"
#include "contentd/store/contentd_db.h"
#include "libross/base/rmtree.h"
#include "write_session.h"

#define DATA_MAX 4096

static char dir[] = "/tmp/write_session_fuzz_XXXXXX";
static struct db *db;
static struct content_store *store;
static struct content *content;
static const struct call_ctx ctx = {.ns = "fuzz"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
close_store(void)
{
    content_free(content);
    content_store_close(store);
    db_close(db);
    (void) rmtree_at(-100 /* AT_FDCWD */, dir, NULL);
}

static void
open_store(void)
{
    bool fresh;

    if (content)
        return;
    if (!mkdtemp(dir) || contentd_db_open(dir, true, &db, &fresh, NULL) < 0 ||
        content_store_open(dir, db, fresh, &store, NULL) < 0)
        abort();
    content = content_local_new(store, false);
    (void) atexit(close_store);
}

/* What the session should be like. */
struct model {
    unsigned char bytes[64 * 1024];
    size_t n;
    int64_t total;
};

enum {
    FLAG_EXPECT_RIGHT = 4,
    FLAG_EXPECT_WRONG = 8,
    FLAG_NO_REF = 16,
    FLAG_OTHER_REF = 32,
    FLAG_OFFSET_NOW = 64
};

static void
request_of(const uint8_t rec[4], const uint8_t *data, const struct model *m,
           struct write_request *ret)
{
    *ret = (struct write_request){.action = rec[0] & 3,
                                  .ref = rec[0] & FLAG_NO_REF      ? ""
                                         : rec[0] & FLAG_OTHER_REF ? "other"
                                                                   : "ref",
                                  .total = rec[1] > 250 ? INT64_MAX : rec[1],
                                  .offset = rec[0] & FLAG_OFFSET_NOW ? (int64_t) m->n
                                            : rec[2] == 255          ? -1
                                                                     : rec[2],
                                  .data = data,
                                  .n = rec[3]};
    if (rec[0] & FLAG_EXPECT_RIGHT) {
        unsigned char all[sizeof m->bytes + 256];
        size_t keep = ret->offset == 0 ? 0 : m->n;

        memcpy(all, m->bytes, keep);
        memcpy(all + keep, data, rec[3]);
        digest_compute(DIGEST_SHA256, all, keep + rec[3], &ret->expected);
    } else if (rec[0] & FLAG_EXPECT_WRONG) {
        digest_compute(DIGEST_SHA256, "never", 5, &ret->expected);
    }
}

static void
agree(const struct model *m, const struct write_reply *rp)
{
    struct digest d;

    digest_compute(DIGEST_SHA256, m->bytes, m->n, &d);
    assert(rp->offset == (int64_t) m->n);
    assert(digest_equal(&rp->digest, &d));
}

static void
follow(struct model *m, const struct write_request *rq)
{
    if (rq->action == WRITE_STAT)
        return;
    assert(rq->offset == 0 || rq->offset == (int64_t) m->n);
    if (rq->offset == 0)
        m->n = 0;
    memcpy(m->bytes + m->n, rq->data, rq->n);
    m->n += rq->n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model m;
    struct write_session s;
    int step = 0;

    if (size > DATA_MAX)
        return 0;
    open_store();
    m = (struct model){0};
    write_session_init(&s, content, &ctx);
    while (step == 0 && size >= 4 && size - 4 >= data[3]) {
        struct write_request rq;
        struct write_reply rp;
        struct err e = {0};

        request_of(data, data + 4, &m, &rq);
        step = write_session_step(&s, &rq, &rp, &e);
        assert((step < 0) == (e.code != 0) || step >= 0);
        if (step >= 0) {
            follow(&m, &rq);
            agree(&m, &rp);
        }
        size -= 4 + (size_t) data[3];
        data += 4 + (size_t) data[3];
    }
    write_session_done(&s);
    if (step > 0) { /* committed: it is there, whole */
        AUTO(content_info) i = {0};
        struct digest d;

        digest_compute(DIGEST_SHA256, m.bytes, m.n, &d);
        assert(content_info_get(content, &ctx, &d, &i, NULL) == 0);
        assert(i.size_bytes == (int64_t) m.n);
        assert(content_delete(content, &ctx, &d, NULL) == 0);
    }
    (void) content_abort(content, &ctx, "ref", NULL);
    (void) content_abort(content, &ctx, "other", NULL);
    return 0;
}
