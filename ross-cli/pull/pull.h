/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a reference to an unpacked image: resolve, fetch every blob into a content store, unpack the layers into
 * snapshots, write the image record (reference 11.6 says what is left behind).
 *
 * Layers are fetched and unpacked side by side; a blob or layer that is there already is left alone, and two pulls
 * of one digest share the work. Whatever fails, no lease, snapshot or ingest lock of this pull stays (an
 * interrupted ingest keeps its bytes for the next try).
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/rpc/rpc.h"
#include "libross/contract/content.h"
#include "libross/contract/snapshots.h"
#include "libross/oci/oci_desc.h"

struct registry;

/*
 * The other processes, borrowed.
 *
 *   records      Images and Leases: contentd or a containerd
 *   snapshots    NULL = content only, nothing is unpacked; diff and snapshotter go with it
 *   snapshotter  name in labels and lease resources ("ross")
 *   rebase       the snapshotter takes a layer's parent at commit (ours does, a containerd of today does not):
 *                layers are
 *                unpacked side by side, else one after the other
 *   lock_dir     where the pulls of this machine meet so that they unpack a layer once; NULL = they do not meet
 */
struct pull_services {
    struct content *content;
    struct rpc_channel *records;
    struct snapshots *snapshots;
    struct rpc_channel *diff;
    const char *snapshotter;
    bool rebase;
    const char *ns;
    const char *lock_dir;
};

enum pull_state {
    PULL_RESOLVING,   /* the image as a whole; no descriptor yet */
    PULL_WAITING,     /* for a free slot, or for another pull that fetches or unpacks it */
    PULL_DOWNLOADING, /* done_bytes of total_bytes are in the store */
    PULL_DOWNLOADED,  /* waits to be unpacked */
    PULL_UNPACKING,
    PULL_DONE,
    PULL_EXISTS,    /* was there already */
    PULL_UPLOADING, /* of a push */
    PULL_FAILED,    /* or given up because another part failed */
};
const char *pull_state_name(enum pull_state s); /* "downloading" … */

/* What became of one object. `desc` is NULL for the image as a whole; everything is borrowed for the call. */
struct pull_event {
    enum pull_state state;
    const struct oci_desc *desc;
    size_t index, n; /* layer `index` of n, base first; n 0 = the image as a whole */
    int64_t done_bytes, total_bytes;
    const char *name; /* the normalised reference */
};

/* Called from the thread that called the function, at most ten times a second for mere bytes. */
typedef void (*pull_event_fn)(const struct pull_event *ev, void *arg);

struct pull_options {
    const char *reference;               /* as typed */
    const struct oci_platform *platform; /* NULL = this machine */
    bool all_platforms;     /* fetch every manifest of an index; only `platform` is unpacked */
    unsigned downloads_max; /* layers on their way at once; 0 = PULL_DOWNLOADS_DEFAULT */
    struct labels labels;   /* for the image record */
    pull_event_fn on_event; /* may be NULL */
    void *on_event_arg;
    const atomic_bool *cancelled; /* set from a signal handler, say; NULL = never */
};
#define PULL_DOWNLOADS_DEFAULT 8

/* Where the time went, summed over layers (they overlap). */
struct pull_timing {
    int64_t resolve_ns, manifests_ns, download_ns, unpack_ns, commit_ns, record_ns, total_ns;
    int64_t downloaded_bytes;
};

struct pull_result {
    char *name;             /* normalised reference = name of the image record */
    struct oci_desc target; /* what the record points at: index or manifest */
    struct oci_desc manifest, config;
    struct digest chain_id; /* top layer; unset when nothing was unpacked */
    bool changed;           /* the record is new or points elsewhere than before */
    struct pull_timing timing;
};
void pull_result_done(struct pull_result *r);

/*
 * Codes: those of registry.h, of the services, and: InvalidArgument for a reference that cannot be parsed or a
 * manifest that is none, NotFound when the index has nothing for the platform, DataLoss when a layer is not what
 * manifest or config promise.
 */
int pull_image(const struct pull_services *svc, struct registry *registry,
               const struct pull_options *opt, struct pull_result *ret, struct err *err);

/*
 * Unpacks an image that is in the content store already (loaded, or pulled without snapshots). `target` is an
 * index or a manifest; no record is made.
 */
int pull_unpack(const struct pull_services *svc, const char *name, const struct oci_desc *target,
                const struct pull_options *opt, struct pull_result *ret, struct err *err);
