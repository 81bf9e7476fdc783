/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root filesystem as a new image. */
#pragma once

#include "libross/base/strv.h"
#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

struct container_commit {
    const char *name; /* reference as typed; NULL: the image is named by its digest */
    const char *author, *message;
    const struct strv *changes; /* see oci_config_change.h */
    bool pause;                 /* while its files are read */
};

/*
 * The layers of its image and one more with what it has changed; unpacked, so that it runs at once. *ret is the name of
 * the image, *ret_id the digest of its config; malloc'ed. FailedPrecondition when its image is not here any more. On
 * failure no image, snapshot or lease stays.
 */
int container_commit(struct session *s, const struct container *c,
                     const struct container_commit *how, char **ret, char **ret_id,
                     struct err *err);
