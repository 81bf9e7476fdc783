/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/db/db_copy.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libross/base/mem.h"

#define BUSY_MAX_MS 10000

static int
failed(sqlite3 *c, int code, const char *from, const char *to, struct err *err)
{
    int as = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? CODE_DATA_LOSS
             : code == SQLITE_FULL                           ? CODE_RESOURCE_EXHAUSTED
                                                             : CODE_INTERNAL;

    return err_set(err, as, "copy %s to %s: %s", from, to, c ? sqlite3_errmsg(c) : "no memory");
}

static int
copy(sqlite3 *c, const char *to)
{
    sqlite3_stmt *q = NULL;
    int code;

    (void) sqlite3_busy_timeout(c, BUSY_MAX_MS);
    code = sqlite3_prepare_v2(c, "VACUUM INTO ?1", -1, &q, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(q, 1, to, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(q);
    (void) sqlite3_finalize(q);
    return code;
}

int
db_copy(const char *from, const char *to, struct err *err)
{
    mode_t mask;
    sqlite3 *c = NULL;
    int code, r = 0;

    if (access(from, F_OK) < 0)
        return err_set(err, errno == ENOENT ? CODE_NOT_FOUND : CODE_INTERNAL, "open %s: %m", from);
    /* not read only: a log that nobody has open is put into the database by whoever opens it */
    code = sqlite3_open_v2(from, &c, SQLITE_OPEN_READWRITE, NULL);
    mask = umask(0077);
    if (code == SQLITE_OK)
        code = copy(c, to);
    (void) umask(mask);
    if (code != SQLITE_OK && code != SQLITE_DONE)
        r = failed(c, code, from, to, err);
    (void) sqlite3_close(c);
    if (r < 0)
        (void) unlink(to);
    return r;
}
