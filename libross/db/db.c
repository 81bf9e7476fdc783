/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a database file. */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "db_conn.h"
#include "libross/base/fd.h"

/* Room of the log that is taken at open, so that deletes can be recorded on a full disk. */
#define DB_WAL_RESERVE_BYTES (4 * 1024 * 1024)

/*
 * sqlite would make the file readable to all. Only a missing file is opened here: closing a descriptor of a database
 * drops the locks that other connections of this process hold on it.
 */
static int
create_private(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST)
        return err_sys(err, errno, "create database %s", path);
    (void) fd_close(fd);
    return 0;
}

static int
open_log(struct db *db, struct err *err)
{
    db->wal_fd = open(db->wal_path, O_RDWR | O_CLOEXEC);
    if (db->wal_fd < 0)
        return err_sys(err, errno, "open %s", db->wal_path);
    if (db->opt.mode == DB_SERVICE)
        (void) fallocate(db->wal_fd, FALLOC_FL_KEEP_SIZE, 0, DB_WAL_RESERVE_BYTES);
    return 0;
}

static struct db *
db_new(const struct db_options *opt)
{
    struct db *db = xcalloc(1, sizeof *db);

    db->opt = *opt;
    db->path = xstrdup(opt->path);
    db->opt.path = db->path;
    db->wal_path = xasprintf("%s-wal", opt->path);
    db->wal_fd = -1;
    if (!db->opt.readers_max)
        db->opt.readers_max = 8;
    (void) pthread_mutex_init(&db->write_lock, NULL);
    (void) pthread_mutex_init(&db->sync_lock, NULL);
    (void) pthread_mutex_init(&db->read_lock, NULL);
    (void) pthread_mutex_init(&db->checkpoint_lock, NULL);
    (void) pthread_cond_init(&db->sync_done, NULL);
    (void) pthread_cond_init(&db->reader_idle, NULL);
    return db;
}

static int
db_start(struct db *db, struct err *err)
{
    int r;

    r = create_private(db->path, err);
    if (r < 0)
        return r;
    r = db_conn_open(db, &db->writer, err);
    if (r < 0)
        return r;
    r = db_migrate(db->writer, &db->opt, err);
    if (r < 0)
        return r;
    return open_log(db, err);
}

int
db_open(const struct db_options *opt, struct db **ret, struct err *err)
{
    AUTO_DB db = db_new(opt);
    int r;

    r = db_start(db, err);
    if (r < 0)
        return r;
    *ret = TAKE(db);
    return 0;
}

void
db_close(struct db *db)
{
    if (!db)
        return;
    while (db->idle) {
        struct db_conn *c = db->idle;

        db->idle = c->next;
        db_conn_close(c);
    }
    db_conn_close(db->checkpointer);
    db_conn_close(db->writer);
    (void) fd_close(db->wal_fd);
    (void) pthread_mutex_destroy(&db->write_lock);
    (void) pthread_mutex_destroy(&db->sync_lock);
    (void) pthread_mutex_destroy(&db->read_lock);
    (void) pthread_mutex_destroy(&db->checkpoint_lock);
    (void) pthread_cond_destroy(&db->sync_done);
    (void) pthread_cond_destroy(&db->reader_idle);
    free(db->path);
    free(db->wal_path);
    free(db);
}

static int
verify_with(struct db_conn *c, const char *sql, const char *good, const char *path, struct err *err)
{
    sqlite3_stmt *s = NULL;
    int rc, r = 0;

    rc = sqlite3_prepare_v2(c->sq, sql, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        const char *found = (const char *) sqlite3_column_text(s, 0);

        if (!found)
            found = "out of memory";
        if (!good || strcmp(found, good))
            r = err_set(err, CODE_DATA_LOSS, "database %s is damaged: %s", path, found);
    } else if (rc != SQLITE_DONE) {
        r = db_conn_err(c, sqlite3_extended_errcode(c->sq), sql, err);
    }
    (void) sqlite3_finalize(s);
    return r;
}

int
db_verify(struct db *db, struct err *err)
{
    int r;

    (void) pthread_mutex_lock(&db->write_lock);
    r = verify_with(db->writer, "PRAGMA quick_check(1)", "ok", db->path, err);
    if (r == 0)
        r = verify_with(db->writer, "PRAGMA foreign_key_check", NULL, db->path, err);
    (void) pthread_mutex_unlock(&db->write_lock);
    return r;
}

int
db_checkpoint(struct db *db, struct err *err)
{
    int r = 0, rc;

    (void) pthread_mutex_lock(&db->write_lock);
    rc = sqlite3_wal_checkpoint_v2(db->writer->sq, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK)
        r = db_conn_err(db->writer, sqlite3_extended_errcode(db->writer->sq), "checkpoint", err);
    else if (db->opt.mode == DB_SERVICE)
        (void) fallocate(db->wal_fd, FALLOC_FL_KEEP_SIZE, 0, DB_WAL_RESERVE_BYTES);
    (void) pthread_mutex_unlock(&db->write_lock);
    return r;
}
