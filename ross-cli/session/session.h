/* SPDX-License-Identifier: Apache-2.0 */
/* One invocation of ross-cli: where things are, and channels to the services, opened when first used. */
#pragma once

#include <stdbool.h>

#include "api/rpc/rpc.h"
#include "libross/base/call_ctx.h"
#include "libross/config/options.h"
#include "libross/contract/content.h"
#include "libross/contract/snapshots.h"

struct session_options {
    const char *root, *state;        /* --root, --state */
    const char *address;             /* --address: contentd, or a containerd for everything */
    const char *snapshotter_address; /* --snapshotter-address */
    const char *ns;                  /* --namespace */
    const char *snapshotter;         /* --snapshotter: name in requests */
    const char *config, *log_level;
    bool help, version;
};
extern const struct option_row session_option_rows[];
extern const size_t session_option_rows_n;

struct session {
    const char *root, *state, *snapshotter, *log_level;
    char *contentd_address, *snapshotter_address;
    bool foreign;        /* --address was given: nothing is started */
    struct call_ctx ctx; /* namespace; no deadline */
    struct session_service {
        struct rpc_channel *ch;
        int64_t seen_ns; /* when it was last known to be there */
    } contentd, snapshotter_service;
    struct content *content;
    struct snapshots *snapshots;
};

void session_init(struct session *s, const struct session_options *opt);
void session_done(struct session *s);
/* A thread that ends with the process may still use the session: session_done() leaves it alone from now on. */
void session_keep(void);

/*
 * The channel or client, connected and answering; a service of ours is started when needed, and again when it left
 * meanwhile because nobody asked it anything. Borrowed until the next of these calls. Unavailable with the
 * service's last words when it cannot be had.
 */
int session_contentd(struct session *s, struct rpc_channel **ret, struct err *err);
int session_snapshotter(struct session *s, struct rpc_channel **ret, struct err *err);
int session_content(struct session *s, struct content **ret, struct err *err);
int session_snapshots(struct session *s, struct snapshots **ret, struct err *err);
