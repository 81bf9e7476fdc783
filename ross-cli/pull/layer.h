/* SPDX-License-Identifier: Apache-2.0 */
/* One layer of an image that is unpacked, and its snapshot. Inside pull/ only. */
#pragma once

#include "ross-cli/pull/job.h"

/* On active snapshots: the top layer that they are for. */
#define LABEL_PULL "ross.pull"

enum fetch_state { FETCH_WAITING, FETCH_RUNNING, FETCH_DONE };
enum unpack_state { UNPACK_WAITING, UNPACK_APPLYING, UNPACK_APPLIED, UNPACK_COMMITTED };

struct layer {
    const struct oci_desc *desc;
    struct digest diff_id;
    char chain[DIGEST_STR_MAX];
    size_t same_as; /* index of the first layer with this blob: fetched once */
    enum fetch_state fetch;
    bool streaming; /* its bytes come into the store just now */
    enum unpack_state unpack;
    char *key; /* of the active snapshot; NULL when there is none */
};

/*
 * Prepares a snapshot on `parent` ("" = none), applies the blob, compares the diff id. On failure the snapshot may
 * be left: layer_drop.
 */
int layer_unpack(struct job *j, struct layer *layer, const char *parent, const char *top,
                 struct err *err);
/* Gives it its name; parent "" = as prepared. Nothing to do for a layer that a remote snapshotter had. */
int layer_commit(struct job *j, struct layer *layer, const char *parent, struct err *err);
/* Removes the active snapshot when there is one. */
void layer_drop(struct job *j, struct layer *layer);
