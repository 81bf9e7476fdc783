/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of another container: --pid, --ipc and --uts container:NAME. */
#pragma once

#include "libross/json/json.h"
#include "libross/oci/spec.h"
#include "ross-cli/session/session.h"
#include "run_options.h"

/* "container:NAME" → NAME, borrowed; NULL for anything else. */
const char *container_join_word(const char *word);

/*
 * Finds the containers and notes them in the spec as annotations; where their namespaces are is known only when they
 * run. A joined uts namespace brings its host name along. NotFound, naming the option.
 */
int container_join_note(struct session *s, const struct run_options *opt, struct spec_options *o,
                        struct arena *arena, struct err *err);

/* Was anything noted in the text of this spec? */
bool container_join_noted(const char *spec, size_t len);

/*
 * Puts the namespaces of what was noted into the spec of a bundle. The other's /dev/shm, which belongs to its ipc
 * namespace, is mounted on `bundle`/shm. FailedPrecondition when one of the others does not run.
 */
int container_join_apply(const struct session *s, const char *bundle, struct json *spec,
                         struct err *err);
