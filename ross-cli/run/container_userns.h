/* SPDX-License-Identifier: Apache-2.0 */
/* A container with a user namespace of its own: its root is nobody on the host. */
#pragma once

#include "container_net.h"
#include "libross/oci/spec.h"
#include "ross-cli/session/session.h"
#include "run_options.h"
#include "user_map.h"

/* What --userns asks for, and whether it goes with the rest. InvalidArgument. */
int container_userns_parse(const struct run_options *opt, const struct net_request *net,
                           struct user_map *ret, struct err *err);

/*
 * Takes the ids for the container whose directory is `dir` and puts them into the spec. Without --userns it does
 * nothing. FailedPrecondition when its root could not reach the files below STATE.
 */
int container_userns_begin(const struct session *s, const char *dir, bool durable,
                           struct user_map *map, struct spec_options *o, struct arena *arena,
                           struct err *err);

/* The labels that let the snapshotter map the ids of its root filesystem. */
void container_userns_labels(const struct spec_options *o, struct labels *labels);

/*
 * Volumes and the files that we write are mounted with the container's ids, too, binds when they say `idmap`. For a
 * complete list of mounts. FailedPrecondition when a volume is among them and the runtime cannot do that;
 * InvalidArgument for `idmap` without --userns.
 */
int container_userns_mounts(const struct session *s, const char *dir, const char *runtime,
                            struct spec_options *o, struct err *err);
