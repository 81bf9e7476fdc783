/* SPDX-License-Identifier: Apache-2.0 */
/* The refs that are open for writing: one writer each, and what others may see of it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libross/base/strv.h"
#include "libross/contract/content.h"

struct ingest_table;

/* One open ref. The writer's thread writes, others read. */
struct ingest_slot {
    char *ns, *ref;
    int64_t locked_ns;   /* monotonic */
    atomic_bool aborted; /* its data and row are gone; set under the lock of the table */
    atomic_int_fast64_t offset, total, started_ns, updated_ns;
    struct ingest_slot *next;
};

struct ingest_table *ingest_table_new(void);
void ingest_table_free(struct ingest_table *t);

/* Unavailable, saying for how long, when another writer has the ref and does not leave it within 100 ms. */
int ingest_table_lock(struct ingest_table *t, const char *ns, const char *ref,
                      struct ingest_slot **ret, struct err *err);
void ingest_table_unlock(struct ingest_table *t, struct ingest_slot *slot);
/* The writer shall find its ingest gone. Yes when there is one that did not know it yet. */
bool ingest_table_abort(struct ingest_table *t, const char *ns, const char *ref);
/* Yes and the status when the ref is open and not aborted. */
bool ingest_table_status(struct ingest_table *t, const char *ns, const char *ref,
                         struct ingest_status *ret);
/* The open refs of a namespace. */
struct strv ingest_table_refs(struct ingest_table *t, const char *ns);
/* How many writers are open. */
size_t ingest_table_count(struct ingest_table *t);
