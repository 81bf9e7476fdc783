/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a container: from the options to the spec, and brought up beside the other work of a start. */
#pragma once

#include "libross/base/arena.h"
#include "libross/contract/records.h"
#include "libross/oci/oci_config.h"
#include "ross-cli/net/attachment.h"
#include "ross-cli/session/session.h"
#include "run_options.h"

#define NETWORK_ENV "ROSS_NETWORK" /* what `run` takes when --network is not given; else bridge */

static inline struct net_places
container_net_places(const struct session *s)
{
    return (struct net_places){.root = s->root, .state = s->state};
}

/*
 * What the options want. Without --network it is the bridge, or nothing when that cannot be had here (one line says
 * so). InvalidArgument; NotFound: a network or container that is not there; or the package of plugins that is not
 * installed.
 */
int container_net_request(struct session *s, const struct run_options *opt,
                          const struct oci_config *image, struct net_request *ret, struct err *err);

/* The spec's namespace, and the files hosts, hostname and resolv.conf; o->hostname is settled before. */
int container_net_spec(const struct session *s, const char *id, const struct run_options *opt,
                       const struct net_request *q, struct spec_options *o, struct arena *arena,
                       struct err *err);

/* One that is coming up, in a thread of its own. */
struct container_net;

/* Begins; NULL when there is nothing to do. `q` is read before it returns. NotFound: see net_mode. */
int container_net_begin(struct session *s, const char *id, const struct net_request *q,
                        struct container_net **ret, struct err *err);
/* The same from the note beside the container. */
int container_net_begin_again(struct session *s, const struct container *c,
                              struct container_net **ret, struct err *err);
/* It is up, or why not. NULL is fine, and so is asking twice. */
int container_net_wait(struct container_net *n, struct err *err);
/* Its container has been created; until then a crash lets the next start take its network away. */
int container_net_keep(struct container_net *n, struct err *err);
/* Lets it go: it is kept, or container_net_end() follows. Waits for the thread. NULL is fine. */
void container_net_free(struct container_net *n);
DEFINE_AUTO_PTR(container_net)

/* Takes it away. */
int container_net_end(const struct session *s, const char *id, struct err *err);
