/* SPDX-License-Identifier: Apache-2.0 */
/* Schema versions: one transaction leads from the version of the file to the newest. */
#include "db_conn.h"
#include "libross/base/mem.h"

static int
check_version(struct db_conn *c, const struct db_options *opt, int64_t *ret, struct err *err)
{
    int64_t version;
    int r;

    r = db_conn_int(c, "PRAGMA user_version", &version, err);
    if (r < 0)
        return r;
    if (version < 0 || (uint64_t) version > opt->n_migrations)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "database %s has schema version %lld, this program knows up to %zu: it was "
                       "written by a newer version",
                       opt->path, (long long) version, opt->n_migrations);
    *ret = version;
    return 0;
}

static int
run_steps(struct db_conn *c, const struct db_options *opt, struct err *err)
{
    auto_free char *set = xasprintf("PRAGMA user_version = %zu", opt->n_migrations);
    int64_t version;
    int r;

    /* Another process may have done it while we waited for the lock. */
    r = check_version(c, opt, &version, err);
    if (r < 0)
        return r;
    for (size_t i = (size_t) version; r == 0 && i < opt->n_migrations; i++) {
        r = db_conn_exec(c, opt->migrations[i], err);
        if (r < 0)
            return err_wrap(err, r, "schema step %zu", i + 1);
    }
    if (r < 0)
        return r;
    return db_conn_exec(c, set, err);
}

int
db_migrate(struct db_conn *c, const struct db_options *opt, struct err *err)
{
    int64_t version;
    int r;

    r = check_version(c, opt, &version, err);
    if (r < 0 || (size_t) version == opt->n_migrations)
        return r;
    r = db_conn_exec(c, "BEGIN IMMEDIATE", err);
    if (r < 0)
        return r;
    r = run_steps(c, opt, err);
    if (r == 0)
        r = db_conn_exec(c, "COMMIT", err);
    if (r < 0 && !sqlite3_get_autocommit(c->sq))
        (void) db_conn_exec(c, "ROLLBACK", NULL);
    return r;
}
