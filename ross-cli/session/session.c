/* SPDX-License-Identifier: Apache-2.0 */
/* One invocation of ross-cli: where things are, and channels to the services, opened when first used. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "api/client/content_client.h"
#include "api/client/records_client.h"
#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "libross/base/clock.h"
#include "libross/base/path.h"
#include "libross/config/places.h"
#include "services.h"

#define CONNECT_TIMEOUT_NS  (20 * NS_PER_S)
#define SEEN_FOR_NS         (20 * NS_PER_S) /* shorter than any --idle-exit that we ask for */
#define NAMESPACE_DEFAULT   "default"
#define SNAPSHOTTER_DEFAULT "ross"

void
session_init(struct session *s, const struct session_options *opt)
{
    const char *ns = opt->ns ? opt->ns : getenv("CONTAINERD_NAMESPACE");
    const char *snapshotter =
        opt->snapshotter ? opt->snapshotter : getenv("CONTAINERD_SNAPSHOTTER");

    *s = (struct session){
        .root = places_root(opt->root),
        .state = places_state(opt->state),
        .snapshotter = snapshotter && *snapshotter ? snapshotter : SNAPSHOTTER_DEFAULT,
        .log_level = opt->log_level ? opt->log_level : "info",
        .foreign = opt->address != NULL,
        .ctx = {.ns = ns && *ns ? ns : NAMESPACE_DEFAULT},
    };
    s->contentd_address = places_contentd_address(opt->address, s->state);
    if (opt->address && !opt->snapshotter_address)
        s->snapshotter_address = places_contentd_address(opt->address, s->state);
    else
        s->snapshotter_address = places_snapshotter_address(opt->snapshotter_address, s->state);
}

static bool kept;

void
session_keep(void)
{
    kept = true;
}

void
session_done(struct session *s)
{
    if (kept)
        return;
    content_free(s->content);
    snapshots_free(s->snapshots);
    rpc_channel_free(s->contentd.ch);
    rpc_channel_free(s->snapshotter_service.ch);
    free(s->contentd_address);
    free(s->snapshotter_address);
    *s = (struct session){0};
}

static int
open_and_check(const char *address, struct rpc_channel **ret, struct err *err)
{
    struct call_ctx ctx = {.deadline_ns = clock_mono_ns() + CONNECT_TIMEOUT_NS};
    AUTO_PTR(rpc_channel) ch = NULL;
    int r;

    r = grpc_channel_open(address, &ch, err);
    if (r < 0)
        return r;
    r = health_client_check(ch, &ctx, err);
    if (r < 0 && r != -CODE_UNIMPLEMENTED)
        return r;
    *ret = TAKE(ch);
    return 0;
}

static int
connect_service(const struct session *s, const char *program, const char *address,
                struct rpc_channel **ret, struct err *err)
{
    const struct service_spec spec = {
        .program = program,
        .root = s->root,
        .state = s->state,
        .address = address,
        .log_level = s->log_level,
    };
    auto_free char *words = NULL;
    int r = 0;

    if (s->foreign)
        return open_and_check(address, ret, err);
    /* an idle service may leave between our connect and our call: a second round starts a fresh one */
    for (int round = 0; round < 2; round++) {
        r = service_ensure(&spec, err);
        if (r < 0)
            return r;
        r = open_and_check(address, ret, err);
        if (r != -CODE_UNAVAILABLE)
            break;
    }
    if (r < 0) {
        words = service_last_words(program, s->state);
        if (*words)
            return err_set(err, -r, "%s does not answer on %s; its last words: %s", program,
                           address, words);
        return err_wrap(err, r, "%s", program);
    }
    return 0;
}

/*
 * *svc connected. A service that we have not asked for SEEN_FOR_NS may have left (--idle-exit): a connect tells,
 * and when it has, everything that hangs on the old channel goes with it.
 */
static int
refresh(struct session *s, struct session_service *svc, const char *program, const char *address,
        void (*forget)(struct session *s), struct err *err)
{
    int64_t now = clock_mono_ns();
    int r;

    if (svc->ch && now - svc->seen_ns > SEEN_FOR_NS && !s->foreign) {
        forget(s);
        rpc_channel_free(svc->ch);
        svc->ch = NULL;
    }
    if (!svc->ch) {
        r = connect_service(s, program, address, &svc->ch, err);
        if (r < 0)
            return r;
    }
    svc->seen_ns = now;
    return 0;
}

static void
forget_content(struct session *s)
{
    content_free(s->content);
    s->content = NULL;
}

static void
forget_snapshots(struct session *s)
{
    snapshots_free(s->snapshots);
    s->snapshots = NULL;
}

int
session_contentd(struct session *s, struct rpc_channel **ret, struct err *err)
{
    int r;

    r = refresh(s, &s->contentd, "ross-contentd", s->contentd_address, forget_content, err);
    if (r == 0)
        *ret = s->contentd.ch;
    return r;
}

int
session_snapshotter(struct session *s, struct rpc_channel **ret, struct err *err)
{
    int r;

    r = refresh(s, &s->snapshotter_service, "ross-snapshotter", s->snapshotter_address,
                forget_snapshots, err);
    if (r == 0)
        *ret = s->snapshotter_service.ch;
    return r;
}

int
session_content(struct session *s, struct content **ret, struct err *err)
{
    struct rpc_channel *ch;
    int r;

    r = session_contentd(s, &ch, err);
    if (r < 0)
        return r;
    if (!s->content) {
        auto_free char *blobs = path_join(s->root, "content/blobs");
        s->content = content_client_new(ch);
        content_client_read_files(s->content, blobs);
    }
    *ret = s->content;
    return 0;
}

int
session_snapshots(struct session *s, struct snapshots **ret, struct err *err)
{
    struct rpc_channel *ch;
    int r;

    r = session_snapshotter(s, &ch, err);
    if (r < 0)
        return r;
    if (!s->snapshots)
        s->snapshots = snapshots_client_new(ch, s->snapshotter);
    *ret = s->snapshots;
    return 0;
}
