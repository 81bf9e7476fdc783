/* SPDX-License-Identifier: Apache-2.0 */
/* What a load found in its file: blobs written to the content store, by the names that they had. Inside pull/ only. */
#pragma once

#include "libross/base/buf.h"
#include "libross/contract/content.h"
#include "libross/oci/media_type.h"
#include "libross/oci/oci_desc.h"

#define LOAD_FILES_MAX 20000
#define LOAD_JSON_MAX  (8 * 1024 * 1024) /* index.json, manifest.json */

struct load_file {
    char *name;    /* clean, relative: "blobs/sha256/…", "ID/layer.tar" */
    char *same_as; /* a link: the name of the real one; else NULL */
    struct digest digest;
    int64_t size_bytes;
    enum media_compression compression;
};

struct load_set {
    struct content *content;
    const struct call_ctx *ctx;
    char *index_json, *manifest_json; /* NULL when absent */
    size_t index_bytes, manifest_bytes;
    bool oci_layout; /* the file of that name was seen */
    struct load_file *files;
    size_t n;
};
void load_set_done(struct load_set *s);

/* The file of that name, links followed; NULL when there is none. */
const struct load_file *load_find(const struct load_set *s, const char *name);
int load_add_link(struct load_set *s, const char *name, const char *target, struct err *err);

/* Pieces of a blob: the length, 0 at the end, negative code. */
typedef ssize_t (*load_piece_fn)(void *arg, const void **ret_piece, struct err *err);

/*
 * Writes a blob.
 *   name     kept with it when not NULL
 *   want     its digest when known: a blob that is there is not read; DataLoss when the bytes are others
 *   *ret     borrowed until the next call; may be NULL
 */
int load_write(struct load_set *s, const char *name, const struct digest *want, load_piece_fn next,
               void *arg, struct load_file *ret, struct err *err);
/* "blobs/ALG/HEX": 1 and the digest, 0 for other names, InvalidArgument for a name that is nearly one. */
int load_blob_name(const char *name, struct digest *ret, struct err *err);
