/* SPDX-License-Identifier: Apache-2.0 */
/* Option words of a mount as what the kernel takes (reference 3.3). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libross/base/err.h"
#include "libross/base/strv.h"

#define IDMAP_RANGES_MAX 340 /* user_namespaces(7) */

struct idmap_range {
    uint32_t container_id, host_id, size;
};

/*
 * The words of an fstab in any order, the last of two opposites wins. Propagation words (rprivate, shared …) are
 * applied to the new mount; "defaults" and "" mean nothing; what is no known word is data for the filesystem.
 */
struct mount_opts {
    unsigned long flags;         /* MS_… of mount(2), without propagation */
    unsigned long propagation;   /* MS_PRIVATE … with MS_REC or not; 0 = as it comes */
    bool loop;                   /* the source is an image file */
    const char *uidmap, *gidmap; /* "C:H:S[,C:H:S…]", borrowed from the options; both or none */
    struct strv data;            /* words for the filesystem, in order */
};

/* InvalidArgument for X-containerd.* words, one of uidmap and gidmap without the other, and malformed maps. */
int mount_opts_parse(const struct strv *options, struct mount_opts *ret, struct err *err);
void mount_opts_done(struct mount_opts *o);

/*
 * The MOUNT_ATTR_… bits that `flags` ask of a mount (mount_setattr(2)); what of them shall be cleared first in
 * *ret_clear.
 */
uint64_t mount_opts_attrs(unsigned long flags, uint64_t *ret_clear);

/*
 * "C:H:S[,C:H:S…]" into ret[0..*ret_n). InvalidArgument when malformed, empty, overlapping the 32-bit end or too
 * long a list.
 */
int idmap_parse(const char *text, struct idmap_range ret[static IDMAP_RANGES_MAX], size_t *ret_n,
                struct err *err);

/*
 * Overlay data for mount(2) when it would not fit a page: the deepest directory that all lowerdirs share, to be the
 * working directory, and the data with lowerdirs relative to it; both malloc'ed. False when there is none to share.
 */
bool mount_opts_shorten_overlay(const struct strv *data, char **ret_dir, char **ret_data);
