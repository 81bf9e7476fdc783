/* SPDX-License-Identifier: Apache-2.0 */
/* Proving that the store is what its database says. */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contentd/content/content_meta.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/oci/gc_labels.h"

#define CHUNK (1024 * 1024)

struct state {
    const struct check *c;
    struct check_result *res;
    struct db *db;
    struct blob_store *files;
    bool rebuild; /* the database is new: adopt what is there */
    int64_t started_ns, read_bytes;
    unsigned char *chunk;
};

__attribute__((format(printf, 3, 4))) static void
finding(struct state *s, bool mended, const char *fmt, ...)
{
    va_list ap;

    s->res->findings++;
    if (mended)
        s->res->repaired++;
    va_start(ap, fmt);
    (void) vfprintf(s->c->to, fmt, ap);
    va_end(ap);
    (void) fprintf(s->c->to, "%s\n", mended ? ": mended" : "");
}

/* Sleeps until reading is not ahead of the rate: this is a limit, not a wait for something. */
static void
keep_rate(struct state *s, size_t n)
{
    int64_t due;

    s->read_bytes += (int64_t) n;
    if (s->c->rate_bytes <= 0)
        return;
    due = s->started_ns + (int64_t) ((double) s->read_bytes / (double) s->c->rate_bytes * 1e9);
    if (due > clock_mono_ns()) {
        const struct timespec ts = {.tv_sec = due / NS_PER_S, .tv_nsec = due % NS_PER_S};

        (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
    }
}

static int
hash_file(struct state *s, int fd, enum digest_alg alg, struct digest *ret, struct err *err)
{
    AUTO_PTR(hasher) h = hasher_new(alg);
    ssize_t n;

    while ((n = read(fd, s->chunk, CHUNK)) > 0) {
        hasher_update(h, s->chunk, (size_t) n);
        keep_rate(s, (size_t) n);
    }
    if (n < 0)
        return err_sys(err, errno, "read");
    hasher_peek(h, ret);
    return 0;
}

/* ---- mending ---- */

/* Whoever has it: all rows go, then the file. */
static int
drop_blob(struct state *s, const struct digest *d, struct err *err)
{
    AUTO(db_txn) t = {0};
    char shown[DIGEST_STR_MAX];
    int r;

    (void) digest_format(d, shown);
    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = db_run(&t, err, "DELETE FROM content WHERE digest = ?1", DB_TEXT(shown));
    if (r >= 0)
        r = db_run(&t, err, "DELETE FROM blob WHERE digest = ?1", DB_TEXT(shown));
    if (r >= 0)
        r = db_txn_commit(&t, err);
    return r < 0 ? r : blob_store_remove(s->files, d, err);
}

static int
adopt(struct state *s, const struct digest *d, int64_t size, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(content_info) i = {.digest = *d, .size_bytes = size};
    int r;

    i.created_ns = i.updated_ns = clock_now_ns();
    labels_set(&i.labels, GC_LABEL_ROOT, "rebuilt");
    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = content_meta_add(&t, s->c->rebuild_ns, &i, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

/* ---- files ---- */

static int
row_size(struct state *s, const struct digest *d, int64_t *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    struct err e = {0};
    int64_t created;
    int r;

    r = db_txn_begin(s->db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = content_meta_blob(&t, d, ret, &created, &e);
    if (r < 0 && err)
        *err = e;
    return r;
}

static int
stranger(struct state *s, const char *path, struct err *err)
{
    int r = s->c->repair ? blob_store_remove_path(s->files, path, err) : 0;

    if (r == 0)
        finding(s, s->c->repair, "content/%s is no blob", path);
    return r;
}

static int
check_blob(const struct digest *d, const char *path, void *arg, struct err *err)
{
    struct state *s = arg;
    char shown[DIGEST_STR_MAX];
    auto_close int fd = -1;
    struct digest is;
    int64_t size, expected;
    int r, row;

    if (!digest_is_set(d))
        return stranger(s, path, err);
    r = blob_store_read(s->files, d, &fd, &size, err);
    if (r == -CODE_NOT_FOUND)
        return 0; /* deleted meanwhile */
    if (r == 0)
        r = hash_file(s, fd, d->alg, &is, err);
    if (r < 0)
        return err_wrap(err, r, "content/%s", path);
    s->res->blobs++;
    s->res->bytes += size;
    row = row_size(s, d, &expected, err);
    if (row < 0 && row != -CODE_NOT_FOUND)
        return row;
    (void) digest_format(d, shown);
    if (!digest_equal(d, &is)) {
        r = s->c->repair ? drop_blob(s, d, err) : 0;
        finding(s, s->c->repair && r == 0, "%s: the bytes are not what the name says", shown);
    } else if (row == -CODE_NOT_FOUND && s->rebuild) {
        r = s->c->repair ? adopt(s, d, size, err) : 0;
        finding(s, s->c->repair && r == 0, "%s: no row (to be taken into namespace %s)", shown,
                s->c->rebuild_ns);
    } else if (row == -CODE_NOT_FOUND) {
        r = s->c->repair ? blob_store_remove(s->files, d, err) : 0;
        finding(s, s->c->repair && r == 0, "%s: a file that nobody has", shown);
    } else if (expected != size) {
        r = s->c->repair ? drop_blob(s, d, err) : 0;
        finding(s, s->c->repair && r == 0, "%s: the file has %lld bytes, the row says %lld", shown,
                (long long) size, (long long) expected);
    }
    return r;
}

static int
check_ingest_file(int64_t id, const char *path, void *arg, struct err *err)
{
    struct state *s = arg;
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    if (id < 0)
        return stranger(s, path, err);
    r = db_txn_begin(s->db, DB_READ, &t, err);
    if (r == 0)
        r = db_query(&t, &q, err, "SELECT 1 FROM ingest WHERE id = ?1", DB_INT(id));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r != 0)
        return r < 0 ? r : 0;
    /* While a service runs this may be a write that has no row yet. */
    if (!s->c->repair)
        return 0;
    finding(s, true, "content/%s: an unfinished write without a row", path);
    return blob_store_remove_path(s->files, path, err);
}

/* ---- rows ---- */

static int
blobs_after(struct state *s, const char *after, struct strv *ret, struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_txn_begin(s->db, DB_READ, &t, err);
    if (r == 0)
        r = db_query(&t, &q, err,
                     "SELECT digest FROM blob WHERE digest > ?1 ORDER BY digest LIMIT 1000",
                     DB_TEXT(after));
    while (r >= 0 && (r = db_stmt_next(q, err)) > 0)
        strv_add(ret, db_stmt_text(q, 0));
    return r;
}

static int
check_row(struct state *s, const char *text, struct err *err)
{
    struct digest d;
    int64_t size;
    int r = digest_parse(text, &d, NULL);

    if (r == 0 && (blob_store_has(s->files, &d) || row_size(s, &d, &size, NULL) < 0))
        return 0; /* there, or deleted meanwhile */
    if (r == 0 && s->c->repair) {
        r = drop_blob(s, &d, err);
        if (r < 0)
            return r;
    }
    finding(s, s->c->repair && r == 0, "%s: the file is gone", text);
    return 0;
}

static int
check_rows(struct state *s, struct err *err)
{
    auto_free char *after = xstrdup("");
    size_t n;
    int r;

    do {
        AUTO(strv) page = {0};

        r = blobs_after(s, after, &page, err);
        for (size_t i = 0; r == 0 && i < page.n; i++)
            r = check_row(s, page.items[i], err);
        n = page.n;
        if (n) {
            free(after);
            after = xstrdup(page.items[n - 1]);
        }
    } while (r == 0 && n == 1000);
    return r;
}

/* ---- the database ---- */

static int
put_aside(const struct check *c, struct err *err)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    auto_free char *path = path_join(c->root, "contentd.db");
    long long now = (long long) (clock_now_ns() / NS_PER_S);

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        auto_free char *from = xasprintf("%s%s", path, suffixes[i]);
        auto_free char *to = xasprintf("%s.bad-%lld%s", path, now, suffixes[i]);

        if (rename(from, to) && errno != ENOENT)
            return err_sys(err, errno, "put %s aside", from);
    }
    return 0;
}

static int
open_db(struct state *s, struct err *err)
{
    struct err e = {0};
    bool fresh;
    int r;

    r = contentd_db_open(s->c->root, false, &s->db, &fresh, &e);
    if (r == 0 && !fresh)
        r = db_verify(s->db, &e);
    s->rebuild = fresh;
    if (r != -CODE_DATA_LOSS) {
        if (r < 0 && err)
            *err = e;
        return r;
    }
    finding(s, s->c->repair, "%s", e.msg);
    db_close(TAKE(s->db));
    if (!s->c->repair)
        return err_set(err, CODE_DATA_LOSS, "%s (check --repair puts it aside and makes a new one)",
                       e.msg);
    r = put_aside(s->c, err);
    s->rebuild = true;
    return r < 0 ? r : contentd_db_open(s->c->root, false, &s->db, &fresh, err);
}

int
check_run(const struct check *c, struct check_result *ret, struct err *err)
{
    auto_free unsigned char *chunk = xmalloc(CHUNK);
    struct state s = {.c = c, .res = ret, .started_ns = clock_mono_ns(), .chunk = chunk};
    int r;

    *ret = (struct check_result){0};
    r = open_db(&s, err);
    if (r == 0)
        r = blob_store_open(c->root, &s.files, err);
    if (r == 0)
        r = check_rows(&s, err);
    if (r == 0)
        r = blob_store_each_blob(s.files, check_blob, &s, err);
    if (r == 0)
        r = blob_store_each_ingest(s.files, check_ingest_file, &s, err);
    blob_store_close(s.files);
    db_close(s.db);
    return r;
}
