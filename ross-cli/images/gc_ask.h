/* SPDX-License-Identifier: Apache-2.0 */
/* The content store's garbage collection, as its command `ross-contentd gc` offers it. */
#pragma once

#include "ross-cli/session/session.h"

/* One object that a collection would take now. Borrowed for the call. */
struct gc_candidate {
    const char *type, *ns, *key, *why;
    int64_t size_bytes;
};
typedef void (*gc_candidate_fn)(const struct gc_candidate *c, void *arg);

/* Tells each object that would go; changes nothing. Nothing to tell with a containerd. */
int gc_ask(const struct session *s, gc_candidate_fn fn, void *arg, struct err *err);
/* Pure. A line of `gc --dry-run`, cut into pieces: true when it is about an object that goes. */
bool gc_candidate_parse(char *line, struct gc_candidate *ret);
/* A lease of our namespace, and what becomes of it at a prune. Borrowed for the call. */
typedef void (*gc_lease_fn)(const char *id, bool goes, const char *why, void *arg);
/* Tells each lease but those that have expired, which gc_ask tells of. */
int gc_leases_tell(struct session *s, gc_lease_fn fn, void *arg, struct err *err);
/* The ids of leases whose owner was killed (lease_owner.h), added to `ret`. */
int gc_leases_gone(struct session *s, struct strv *ret, struct err *err);
int gc_leases_drop(struct session *s, const struct strv *ids, struct err *err);
/* Drops those leases, collects, and waits for it. */
int gc_collect(struct session *s, struct err *err);
