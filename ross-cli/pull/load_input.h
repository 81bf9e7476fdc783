/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is read once, front to end, and whose first bytes can be looked at before. Inside pull/ only. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "libross/base/err.h"

#define LOAD_HEAD_BYTES (64 * 1024)

struct load_input {
    int fd; /* borrowed; may be a pipe */
    unsigned char *head;
    size_t n, at; /* of the head: bytes there, bytes given */
};
void load_input_done(struct load_input *in);

/* A decompress_source_fn: the head again, then the rest. */
ssize_t load_input_read(void *input, void *p, size_t n, struct err *err);

enum load_kind {
    LOAD_IMAGES, /* an OCI layout or what docker saves, as far as the first name tells */
    LOAD_TREE,   /* a tar archive of other files: a root file system */
    LOAD_OTHER,  /* no tar archive, or one that is compressed in another way */
};
/* Looks at the first bytes. */
int load_input_kind(struct load_input *in, enum load_kind *ret, struct err *err);
/* Pure. Whether an archive of images begins with such a (clean, relative) name. */
bool load_name_is_of_images(const char *name);
