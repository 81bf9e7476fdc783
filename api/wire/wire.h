/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generated protobuf-c types ↔ the project's values, for services and clients.
 *
 *   wire_x_to     value → message, copied as a whole into the arena (of the call)
 *   wire_x_from   message → value of its own (malloc'ed; the caller's to `_done`), checked: InvalidArgument
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "libross/base/arena.h"
#include "libross/base/labels.h"
#include "libross/base/strv.h"
#include "libross/contract/records.h"
#include "libross/mount/mount.h"
#include "libross/oci/oci_desc.h"

struct Google__Protobuf__Timestamp;
struct Google__Protobuf__FieldMask;
struct Google__Protobuf__Any;
struct Containerd__Types__Mount;
struct Containerd__Types__Descriptor;

#define WIRE_LABELS_MAX 10000 /* entries of one map */

/* A string of a request as a C string: protobuf-c strings are never NULL, but generated Go peers may send none. */
static inline const char *
wire_str(const char *s)
{
    return s ? s : "";
}

/* 0 ↔ unset, which Go sends as year 1. Times that int64_t nanoseconds cannot hold count as unset. */
struct Google__Protobuf__Timestamp *wire_time_to(struct arena *a, int64_t time_ns);
int64_t wire_time_from(const struct Google__Protobuf__Timestamp *t);

/*
 * Any map<string, string>: `entry` is the descriptor of the generated …LabelsEntry. *ret_n receives the count; the
 * result is the repeated field (NULL when empty), to be cast to the field's type.
 */
void *wire_labels_to(struct arena *a, const struct labels *l,
                     const ProtobufCMessageDescriptor *entry, size_t *ret_n);
/*
 * `entries` is such a field. Empty values are dropped (labels_set). Empty keys and more than WIRE_LABELS_MAX entries
 * are InvalidArgument.
 */
int wire_labels_from(const void *entries, size_t n, struct labels *ret, struct err *err);
/* As wire_labels_from, keeping empty values: annotations, exports. */
int wire_map_from(const void *entries, size_t n, struct labels *ret, struct err *err);

/* A repeated string field. */
char **wire_strv_to(struct arena *a, const struct strv *v, size_t *ret_n);
struct strv wire_strv_from(char *const *items, size_t n);

struct Google__Protobuf__FieldMask *wire_mask_to(struct arena *a, const struct strv *mask);
/* NULL gives an empty list. */
struct strv wire_mask_from(const struct Google__Protobuf__FieldMask *m);

/* Absent ↔ NULL. */
struct Google__Protobuf__Any *wire_any_to(struct arena *a, const struct any_value *v);
struct any_value wire_any_from(const struct Google__Protobuf__Any *m);

/* The repeated field of mounts. */
struct Containerd__Types__Mount **wire_mounts_to(struct arena *a, const struct mount_list *l,
                                                 size_t *ret_n);
struct mount_list wire_mounts_from(struct Containerd__Types__Mount *const *items, size_t n);

struct Containerd__Types__Descriptor *wire_desc_to(struct arena *a, const struct oci_desc *d);
/*
 * The digest may be "" (then unset); sizes below 0 are InvalidArgument. NULL gives a zeroed value with media_type
 * "".
 */
int wire_desc_from(const struct Containerd__Types__Descriptor *m, struct oci_desc *ret,
                   struct err *err);

/* A repeated field of messages that grows in the arena: starts as {.arena = a}; items and n are the field. */
struct wire_list {
    struct arena *arena;
    void *items; /* array of pointers, NULL when empty */
    size_t n, cap;
};
void wire_list_add(struct wire_list *l, void *msg);

/* A string of a value in the arena; NULL gives "". */
char *wire_str_to(struct arena *a, const char *s);
/* A message in the arena, initialised. */
void *wire_new(struct arena *a, const ProtobufCMessageDescriptor *desc);
