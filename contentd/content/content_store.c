/* SPDX-License-Identifier: Apache-2.0 */
/* The store as a whole: opening it after whatever happened before, removing from it, closing it. */
#include "content_store.h"

#include <string.h>

#include "libross/base/fd.h"
#include "libross/base/log.h"

/* ---- collecting what a crash left ---- */

struct sweep {
    struct content_store *s;
    struct db_txn *t;
    int64_t last_id, removed_files, removed_rows;
};

static int
row_exists(struct db_txn *t, const char *sql, struct db_arg arg, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r = db_query_args(t, &q, err, sql, (const struct db_arg[]){{0}, arg}, 1);

    return r < 0 ? r : db_stmt_next(q, err);
}

static int
sweep_ingest_file(int64_t id, const char *path, void *arg, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM ingest WHERE id = ?1";
    struct sweep *w = arg;
    int r;

    if (id > w->last_id)
        w->last_id = id;
    r = row_exists(w->t, sql, DB_INT(id), err);
    if (r != 0)
        return r < 0 ? r : 0;
    w->removed_files++;
    return blob_store_remove_path(w->s->files, path, err);
}

/*
 * A crash between rename and row leaves a blob that nobody sees; its content came whole, but whose it is is not
 * known.
 */
static int
sweep_blob_file(const struct digest *d, const char *path, void *arg, struct err *err)
{
    static const char sql[] = "SELECT 1 FROM blob WHERE digest = ?1";
    char shown[DIGEST_STR_MAX];
    struct sweep *w = arg;
    int r;

    if (!digest_is_set(d))
        return 0; /* a stranger: `check` reports it */
    r = row_exists(w->t, sql, DB_TEXT(digest_format(d, shown)), err);
    if (r != 0)
        return r < 0 ? r : 0;
    w->removed_files++;
    return blob_store_remove_path(w->s->files, path, err);
}

static int
sweep_ingest_rows(struct sweep *w, struct err *err)
{
    auto_free struct ingest_row *rows = xcalloc(CONTENT_PAGE, sizeof *rows);
    int64_t after = 0;
    size_t n;
    int r;

    do {
        r = content_meta_ingest_page(w->t, NULL, after, rows, &n, err);
        for (size_t i = 0; i < n; i++) {
            auto_close int fd = -1;

            after = rows[i].id;
            if (after > w->last_id)
                w->last_id = after;
            if (r == 0 &&
                blob_store_ingest_open(w->s->files, after, false, &fd, NULL) == -CODE_NOT_FOUND) {
                r = content_meta_ingest_delete(w->t, rows[i].ns, rows[i].ref, err);
                w->removed_rows++;
                r = r < 0 ? r : 0;
            }
            ingest_row_done(&rows[i]);
        }
    } while (r == 0 && n == CONTENT_PAGE);
    return r;
}

static int
was_clean(struct db_txn *t, bool *ret, struct err *err)
{
    auto_free char *value = NULL;
    struct err e = {0};
    int r = contentd_db_meta_get(t, "clean", &value, &e);

    *ret = r == 0 && !strcmp(value, "1");
    if (r == -CODE_NOT_FOUND)
        return 0;
    if (r < 0 && err)
        *err = e;
    return r;
}

static int
collect(struct content_store *s, bool fresh, struct err *err)
{
    AUTO(db_txn) t = {0};
    struct sweep w = {.s = s, .t = &t};
    bool clean;
    int r;

    blob_store_growing_clear(s->files);
    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = was_clean(&t, &clean, err);
    if (r == 0)
        r = sweep_ingest_rows(&w, err);
    if (r == 0)
        r = blob_store_each_ingest(s->files, sweep_ingest_file, &w, err);
    if (r == 0 && !clean && !fresh)
        r = blob_store_each_blob(s->files, sweep_blob_file, &w, err);
    if (r == 0)
        r = contentd_db_meta_set(&t, "clean", "0", err);
    if (r == 0)
        r = db_txn_commit(&t, err);
    if (r < 0)
        return err_wrap(err, r, "start of the content store");
    atomic_store(&s->last_ingest_id, w.last_id);
    if (w.removed_files || w.removed_rows)
        log_info("collected what an earlier process left", KV_INT("files", w.removed_files),
                 KV_INT("rows", w.removed_rows));
    return 0;
}

int
content_store_open(const char *root, struct db *db, bool fresh, struct content_store **ret,
                   struct err *err)
{
    struct content_store *s = xcalloc(1, sizeof *s);
    int r;

    s->db = db;
    s->open = ingest_table_new();
    for (size_t i = 0; i < DIGEST_LOCKS; i++)
        (void) pthread_mutex_init(&s->digest_locks[i], NULL);
    r = boot_id_read(s->boot, err);
    if (r == 0)
        r = blob_store_open(root, &s->files, err);
    if (r == 0)
        r = collect(s, fresh, err);
    if (r < 0) {
        blob_store_close(s->files);
        s->files = NULL;
        content_store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* ---- the end ---- */

static int
settle_one(struct content_store *s, struct db_txn *t, struct ingest_row *row, struct err *err)
{
    auto_close int fd = -1;
    int r;

    if (!*row->boot)
        return 0;
    r = blob_store_ingest_open(s->files, row->id, false, &fd, err);
    if (r < 0)
        return 0;
    if (strcmp(row->boot, s->boot) != 0 || fdatasync(fd))
        return 0; /* not from this kernel, or not on the disk: the synced state stands */
    row->synced = row->state;
    *row->boot = '\0';
    return content_meta_ingest_put(t, row, err);
}

static int
settle(struct content_store *s, struct err *err)
{
    AUTO(db_txn) t = {0};
    auto_free struct ingest_row *rows = xcalloc(CONTENT_PAGE, sizeof *rows);
    int64_t after = 0;
    size_t n;
    int r;

    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    do {
        r = content_meta_ingest_page(&t, NULL, after, rows, &n, err);
        for (size_t i = 0; i < n; i++) {
            after = rows[i].id;
            if (r == 0)
                r = settle_one(s, &t, &rows[i], err);
            ingest_row_done(&rows[i]);
        }
    } while (r == 0 && n == CONTENT_PAGE);
    if (r == 0)
        r = contentd_db_meta_set(&t, "clean", "1", err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

void
content_store_close(struct content_store *s)
{
    struct err e = {0};

    if (!s)
        return;
    if (s->files && settle(s, &e) < 0)
        log_warn(
            "the content store could not be closed cleanly, the next start will look for leftovers",
            KV_ERR(&e));
    for (size_t i = 0; i < DIGEST_LOCKS; i++)
        (void) pthread_mutex_destroy(&s->digest_locks[i]);
    ingest_table_free(s->open);
    blob_store_close(s->files);
    verified_free(s->verified);
    free(s);
}

struct blob_store *
content_store_files(struct content_store *s)
{
    return s->files;
}

/* ---- removing ---- */

void
content_store_lock_digest(struct content_store *s, const struct digest *d)
{
    (void) pthread_mutex_lock(&s->digest_locks[d->bytes[0] % DIGEST_LOCKS]);
}

void
content_store_unlock_digest(struct content_store *s, const struct digest *d)
{
    (void) pthread_mutex_unlock(&s->digest_locks[d->bytes[0] % DIGEST_LOCKS]);
}

static int
delete_rows(struct content_store *s, const char *ns, const struct digest *d, bool *ret_last,
            struct err *err)
{
    AUTO(db_txn) t = {0};
    int r;

    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r == 0)
        r = content_meta_delete(&t, ns, d, ret_last, err);
    return r < 0 ? r : db_txn_commit(&t, err);
}

int
content_store_delete(struct content_store *s, const char *ns, const struct digest *d,
                     bool *ret_last, struct err *err)
{
    bool last = false;
    int r;

    content_store_lock_digest(s, d);
    r = delete_rows(s, ns, d, &last, err);
    if (r == 0 && last)
        r = blob_store_remove(s->files, d, err);
    content_store_unlock_digest(s, d);
    *ret_last = last;
    return r;
}

int
content_store_abort(struct content_store *s, const char *ns, const char *ref, bool *ret_found,
                    struct err *err)
{
    AUTO(db_txn) t = {0};
    AUTO(ingest_row) row = {0};
    bool was_open = ingest_table_abort(s->open, ns, ref);
    int r;

    r = db_txn_begin(s->db, DB_WRITE, &t, err);
    if (r < 0)
        return r;
    r = content_meta_ingest_get(&t, ns, ref, &row, err);
    *ret_found = was_open || r == 0;
    if (r == -CODE_NOT_FOUND)
        return 0; /* an open writer removes its own file */
    if (r == 0)
        r = content_meta_ingest_delete(&t, ns, ref, err);
    if (r >= 0)
        r = db_txn_commit(&t, err);
    return r < 0 ? r : blob_store_ingest_remove(s->files, row.id, err);
}

bool
content_store_is_writing(struct content_store *s, const char *ns, const char *ref)
{
    AUTO(ingest_status) st = {0};

    return ingest_table_status(s->open, ns, ref, &st);
}
