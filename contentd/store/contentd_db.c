/* SPDX-License-Identifier: Apache-2.0 */
/* contentd's database: schema and shared columns. */
#include "contentd_db.h"

#include <string.h>
#include <unistd.h>

#include "libross/base/path.h"

static const char *const steps[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE namespace (name TEXT PRIMARY KEY, labels BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE blob ("
    "  digest TEXT PRIMARY KEY, size INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE content ("
    "  ns TEXT NOT NULL, digest TEXT NOT NULL REFERENCES blob (digest), created INTEGER NOT NULL,"
    "  updated INTEGER NOT NULL, labels BLOB NOT NULL, PRIMARY KEY (ns, digest)) WITHOUT ROWID;"
    "CREATE INDEX content_digest ON content (digest);"
    /* state is the hash after `offset` bytes; it counts while `boot` is the running kernel's id. What is on the disk
     * for sure is in synced_offset and synced_state. */
    "CREATE TABLE ingest ("
    "  id INTEGER PRIMARY KEY, ns TEXT NOT NULL, ref TEXT NOT NULL, total INTEGER NOT NULL,"
    "  expected TEXT NOT NULL, started INTEGER NOT NULL, updated INTEGER NOT NULL,"
    "  offset INTEGER NOT NULL, state BLOB NOT NULL, boot TEXT NOT NULL,"
    "  synced_offset INTEGER NOT NULL, synced_state BLOB NOT NULL, UNIQUE (ns, ref));"
    "CREATE TABLE image ("
    "  ns TEXT NOT NULL, name TEXT NOT NULL, labels BLOB NOT NULL, media_type TEXT NOT NULL,"
    "  digest TEXT NOT NULL, size INTEGER NOT NULL, annotations BLOB NOT NULL,"
    "  created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (ns, name)) WITHOUT ROWID;"
    "CREATE TABLE container ("
    "  ns TEXT NOT NULL, id TEXT NOT NULL, labels BLOB NOT NULL, image TEXT NOT NULL,"
    "  runtime TEXT NOT NULL, options_type TEXT, options BLOB, spec_type TEXT, spec BLOB,"
    "  snapshotter TEXT NOT NULL, snapshot_key TEXT NOT NULL, sandbox TEXT NOT NULL,"
    "  created INTEGER NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY (ns, id)) WITHOUT ROWID;"
    "CREATE TABLE container_extension ("
    "  ns TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, type TEXT, value BLOB,"
    "  PRIMARY KEY (ns, id, key),"
    "  FOREIGN KEY (ns, id) REFERENCES container (ns, id) ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE TABLE lease ("
    "  ns TEXT NOT NULL, id TEXT NOT NULL, labels BLOB NOT NULL, created INTEGER NOT NULL,"
    "  PRIMARY KEY (ns, id)) WITHOUT ROWID;"
    "CREATE TABLE lease_resource ("
    "  ns TEXT NOT NULL, lease TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,"
    "  PRIMARY KEY (ns, lease, type, id),"
    "  FOREIGN KEY (ns, lease) REFERENCES lease (ns, id) ON DELETE CASCADE) WITHOUT ROWID",
    /* Each commit takes its ref out of every lease: without this it reads all that the leases of its namespace hold. */
    "CREATE INDEX lease_resource_held ON lease_resource (ns, type, id)",
};

int
contentd_db_open(const char *root, bool no_sync, struct db **ret, bool *ret_fresh, struct err *err)
{
    auto_free char *path = path_join(root, "contentd.db");
    const struct db_options opt = {.path = path,
                                   .mode = DB_SERVICE,
                                   .migrations = steps,
                                   .n_migrations = ARRAY_LEN(steps),
                                   .no_sync = no_sync};

    *ret_fresh = access(path, F_OK) != 0;
    return db_open(&opt, ret, err);
}

void *
contentd_db_pack_labels(const struct labels *l, size_t *ret_n)
{
    size_t n = 0;
    char *p, *bytes;

    for (size_t i = 0; i < l->n; i++)
        n += strlen(l->items[i].key) + strlen(l->items[i].value) + 2;
    p = bytes = xmalloc(n + 1);
    for (size_t i = 0; i < l->n; i++) {
        p = stpcpy(p, l->items[i].key) + 1;
        p = stpcpy(p, l->items[i].value) + 1;
    }
    *ret_n = n;
    return bytes;
}

struct labels
contentd_db_labels(struct db_stmt *q, int col)
{
    struct labels l = {0};
    size_t n;
    const char *p = db_stmt_blob(q, col, &n), *end = p + n;

    while (p < end) {
        const char *key_end = memchr(p, '\0', (size_t) (end - p));
        const char *value = key_end ? key_end + 1 : NULL;
        const char *value_end = value ? memchr(value, '\0', (size_t) (end - value)) : NULL;

        if (!value_end)
            break;
        labels_set_raw(&l, p, value);
        p = value_end + 1;
    }
    return l;
}

int
contentd_db_use_ns(struct db_txn *t, const char *ns, struct err *err)
{
    int r;

    if (!*ns)
        return 0;
    r = db_run(t, err, "INSERT OR IGNORE INTO namespace VALUES (?1, x'')", DB_TEXT(ns));
    return r < 0 ? r : 0;
}

int
contentd_db_meta_get(struct db_txn *t, const char *key, char **ret, struct err *err)
{
    AUTO_PTR(db_stmt) q = NULL;
    int r;

    r = db_query(t, &q, err, "SELECT value FROM meta WHERE key = ?1", DB_TEXT(key));
    if (r == 0)
        r = db_stmt_next(q, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, CODE_NOT_FOUND, "meta '%s': not found", key);
    *ret = xstrdup(db_stmt_text(q, 0));
    return 0;
}

int
contentd_db_meta_set(struct db_txn *t, const char *key, const char *value, struct err *err)
{
    int r =
        db_run(t, err, "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", DB_TEXT(key), DB_TEXT(value));

    return r < 0 ? r : 0;
}
