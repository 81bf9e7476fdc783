/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of exits.
 *
 *   exits   bundle (primary key), ns, id, pid, status, exited_at (ns since 1970)
 *
 * Each change is one short transaction on a connection of its own, made while holding a lock on tasks.lock: asking
 * for that costs microseconds, opening a busy database in vain costs milliseconds, which a thousand shims cannot
 * afford. When another process has the lock just now, the change waits in a list and is tried again after a random
 * pause, so the loop never blocks.
 */
#include "task_record.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/file.h>

#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/path.h"
#include "libross/base/random.h"
#include "libross/db/db.h"
#include "libross/db/db_stmt.h"
#include "libross/db/db_txn.h"

#define BUSY_MAX_MS                                                                                \
    1000 /* for the database itself, which only a reader without the lock can hold */
#define PAUSE_MS_MAX 40

static const char *const migrations[] = {
    "CREATE TABLE exits (bundle TEXT PRIMARY KEY, ns TEXT NOT NULL, id TEXT NOT NULL,"
    " pid INTEGER NOT NULL, status INTEGER NOT NULL, exited_at INTEGER NOT NULL) WITHOUT ROWID;",
};

/* A change that is waiting to be written. */
struct entry {
    struct task_record *record;
    struct entry *next;
    struct loop_timer *timer;
    int64_t deadline_ns;
    struct task_exit_row row; /* strings are ours */
    bool forget;
    void (*done)(void *arg, int r, const struct err *err);
    void *arg;
};

struct task_record {
    struct loop *loop;
    char *state_dir;
    struct entry *waiting;
};

struct task_record *
task_record_new(struct loop *loop, const char *state_dir)
{
    struct task_record *t = xcalloc(1, sizeof *t);

    *t = (struct task_record){.loop = loop, .state_dir = xstrdup(state_dir)};
    return t;
}

/* Released by closing. Unavailable when another process has it and `wait` is false. */
static int
lock_take(const char *state_dir, bool wait, int *ret_fd, struct err *err)
{
    auto_free char *path = path_join(state_dir, "tasks.lock");
    auto_close int fd = -1;
    int r = path_mkdirs_at(AT_FDCWD, state_dir, 0711, err);

    if (r < 0)
        return r;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(err, CODE_UNAVAILABLE, "another shim is writing its record");
        if (errno != EINTR)
            return err_sys(err, errno, "lock %s", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int
record_open(const char *state_dir, struct db **ret, struct err *err)
{
    auto_free char *path = path_join(state_dir, "tasks.db");
    struct db_options opt = {.path = path,
                             .mode = DB_SHARED,
                             .migrations = migrations,
                             .n_migrations = ARRAY_LEN(migrations),
                             .busy_max_ms = BUSY_MAX_MS,
                             .no_sync = true}; /* nothing of it outlives the machine's power */

    return db_open(&opt, ret, err);
}

static int
row_write(struct db *db, const struct task_exit_row *row, bool forget, struct err *err)
{
    AUTO(db_txn) t = {0};
    int r = db_txn_begin(db, DB_WRITE, &t, err);

    if (r < 0)
        return r;
    if (forget)
        r = db_run(&t, err, "DELETE FROM exits WHERE bundle = ?1", DB_TEXT(row->bundle));
    else
        r = db_run(&t, err, "INSERT OR REPLACE INTO exits VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   DB_TEXT(row->bundle), DB_TEXT(row->ns), DB_TEXT(row->id), DB_INT(row->pid),
                   DB_INT(row->status), DB_INT(row->exited_at_ns));
    return r < 0 ? r : db_txn_commit(&t, err);
}

static int
write_once(const char *state_dir, const struct task_exit_row *row, bool forget, bool wait,
           struct err *err)
{
    auto_close int lock_fd = -1;
    struct db *db = NULL;
    int r = lock_take(state_dir, wait, &lock_fd, err);

    if (r == 0)
        r = record_open(state_dir, &db, err);
    if (r == 0)
        r = row_write(db, row, forget, err);
    db_close(db);
    (void) malloc_trim(0);
    return r;
}

static void
entry_free(struct entry *e)
{
    struct entry **at = &e->record->waiting;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    loop_timer_free(e->timer);
    free((char *) (uintptr_t) e->row.bundle);
    free((char *) (uintptr_t) e->row.ns);
    free((char *) (uintptr_t) e->row.id);
    free(e);
}

static void entry_try(void *arg);

static void
entry_ended(struct entry *e, int r, const struct err *err)
{
    void (*done)(void *, int, const struct err *) = e->done;
    void *arg = e->arg;

    entry_free(e);
    if (done)
        done(arg, r, err);
    else if (r < 0)
        log_warn("cannot clear an exit from the record", KV_ERR(err));
}

static void
entry_try(void *arg)
{
    struct entry *e = arg;
    struct err err = {0};
    int r;

    e->timer = NULL;
    r = write_once(e->record->state_dir, &e->row, e->forget, false, &err);
    if (r == -CODE_UNAVAILABLE && clock_mono_ns() < e->deadline_ns) {
        int64_t pause_ms = 1 + random_u32() % PAUSE_MS_MAX;

        e->timer =
            loop_timer_add(e->record->loop, clock_mono_ns() + pause_ms * NS_PER_MS, entry_try, e);
        return;
    }
    entry_ended(e, r, &err);
}

static void
change(struct task_record *t, const struct task_exit_row *row, bool forget,
       void (*done)(void *arg, int r, const struct err *err), void *arg)
{
    struct entry *e = xcalloc(1, sizeof *e);

    *e = (struct entry){.record = t,
                        .next = t->waiting,
                        .deadline_ns = clock_mono_ns() + TASK_RECORD_LIMIT_MS * NS_PER_MS,
                        .row = *row,
                        .forget = forget,
                        .done = done,
                        .arg = arg};
    e->row.bundle = xstrdup(row->bundle);
    e->row.ns = row->ns ? xstrdup(row->ns) : NULL;
    e->row.id = row->id ? xstrdup(row->id) : NULL;
    t->waiting = e;
    entry_try(e);
}

void
task_record_exited(struct task_record *t, const struct task_exit_row *row,
                   void (*done)(void *arg, int r, const struct err *err), void *arg)
{
    change(t, row, false, done, arg);
}

void
task_record_forget(struct task_record *t, const char *bundle)
{
    change(t, &(struct task_exit_row){.bundle = bundle}, true, NULL, NULL);
}

void
task_record_free(struct task_record *t)
{
    if (!t)
        return;
    while (t->waiting) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): entry_free takes the freed one out of the list */
        (void) write_once(t->state_dir, &t->waiting->row, t->waiting->forget, true, NULL);
        entry_free(t->waiting);
    }
    free(t->state_dir);
    free(t);
}

int
task_record_find(const char *state_dir, const char *bundle, struct task_exit_row *ret,
                 struct err *err)
{
    auto_close int lock_fd = -1;
    AUTO_DB db = NULL;
    AUTO(db_txn) t = {0};
    AUTO_PTR(db_stmt) q = NULL;
    int r = lock_take(state_dir, true, &lock_fd, err);

    if (r == 0)
        r = record_open(state_dir, &db, err);
    if (r < 0)
        return r;
    r = db_txn_begin(db, DB_READ, &t, err);
    if (r < 0)
        return r;
    r = db_query(&t, &q, err, "SELECT pid, status, exited_at FROM exits WHERE bundle = ?1",
                 DB_TEXT(bundle));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r > 0)
        *ret = (struct task_exit_row){.pid = (uint32_t) db_stmt_int(q, 0),
                                      .status = (uint32_t) db_stmt_int(q, 1),
                                      .exited_at_ns = db_stmt_int(q, 2)};
    return r;
}

int
task_record_forget_now(const char *state_dir, const char *bundle, struct err *err)
{
    return write_once(state_dir, &(struct task_exit_row){.bundle = bundle}, true, true, err);
}
