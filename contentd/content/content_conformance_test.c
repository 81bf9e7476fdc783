/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of the content contract over everything of ours that implements it. With arguments it runs over
 * a socket instead:  content_conformance_test SOCKET NAMESPACE [foreign]
 */
#include <stdio.h>
#include <string.h>

#include "api/client/content_client.h"
#include "api/client/records_client.h"
#include "api/grpc/grpc_channel.h"
#include "api/grpc/grpc_server.h"
#include "api/rpc/rpc_loopback.h"
#include "content_local.h"
#include "content_service.h"
#include "contentd/store/contentd_db.h"
#include "libross/base/log.h"
#include "libross/base/test.h"
#include "libross/contract/conformance/content_suite.h"
#include "libross/contract/content_trace.h"

/* Keeps what the suite makes from the server's garbage collection. */
#define LEASE "conformance"

static int
run_over_socket(const char *address, const char *ns, bool foreign)
{
    struct rpc_channel *ch;
    struct content_suite suite = {
        .name = address, .ctx.ns = *ns ? ns : NULL, .plain = !*ns, .foreign = foreign};
    struct err e = {0};
    int failed;

    if (grpc_channel_open(address, &ch, &e) < 0) {
        (void) fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    if (suite.ctx.ns && leases_client_create(ch, &suite.ctx, LEASE, NULL, NULL, &e) < 0 &&
        e.code != CODE_ALREADY_EXISTS) {
        (void) fprintf(stderr, "lease: %s\n", e.msg);
        rpc_channel_free(ch);
        return 1;
    }
    suite.ctx.lease = suite.ctx.ns ? LEASE : NULL;
    suite.content = content_client_new(ch);
    failed = content_suite_run(&suite);
    content_free(suite.content);
    rpc_channel_free(ch);
    return failed;
}

static int
run_local(struct content_store *store)
{
    struct content *named = content_local_new(store, false);
    struct content *plain = content_local_new(store, true);
    const struct content_suite in_a = {
        .name = "local, namespace a", .content = named, .ctx.ns = "a"};
    const struct content_suite in_plain = {.name = "local, plain", .content = plain, .plain = true};
    int failed = content_suite_run(&in_a) + content_suite_run(&in_plain);

    content_free(named);
    content_free(plain);
    return failed;
}

static int
run_over_channel(const char *name, struct rpc_channel *ch)
{
    const struct content_suite suite = {
        .name = name, .content = content_client_new(ch), .ctx.ns = "remote"};
    int failed = content_suite_run(&suite);

    content_free(suite.content);
    rpc_channel_free(ch);
    return failed;
}

static int
run_remote(struct content_store *store, const char *dir, struct err *e)
{
    auto_free char *address = xasprintf("%s/c.sock", dir);
    struct content *named = content_local_new(store, false);
    const struct rpc_service service = content_service(named);
    struct grpc_service_host *host;
    struct rpc_channel *ch;
    int failed = 0;

    if (rpc_loopback_channel(&service, 1, &ch, e) < 0)
        return 1;
    failed += run_over_channel("loopback", ch);
    if (grpc_server_serve(&(struct grpc_server_options){.address = address, .listen_fd = -1},
                          &service, 1, &host, e) < 0)
        return 1;
    if (grpc_channel_open(address, &ch, e) < 0)
        return 1;
    failed += run_over_channel("grpc", ch);
    grpc_server_stop(host, 1000);
    content_free(named);
    return failed;
}

/* The wrapper must not change anything; its lines go nowhere. */
static int
run_traced(struct content_store *store)
{
    struct content_suite suite = {.name = "local, traced", .ctx.ns = "traced"};
    int failed;

    (void) setenv("ROSS_TRACE", "content", 1);
    log_init("conformance");
    log_set_fd(-1);
    suite.content = content_trace_new(content_local_new(store, false));
    failed = content_suite_run(&suite);
    content_free(suite.content);
    return failed;
}

int
main(int argc, char **argv)
{
    struct err e = {0};
    struct content_store *store = NULL;
    struct db *db = NULL;
    char *dir;
    bool fresh;
    int failed;

    if (argc >= 3)
        return run_over_socket(argv[1], argv[2], argc > 3 && !strcmp(argv[3], "foreign"));
    dir = test_tmpdir();
    if (contentd_db_open(dir, false, &db, &fresh, &e) < 0 ||
        content_store_open(dir, db, fresh, &store, &e) < 0) {
        (void) fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    failed = run_local(store) + run_remote(store, dir, &e) + run_traced(store);
    if (e.code)
        (void) fprintf(stderr, "%s\n", e.msg);
    content_store_close(store);
    db_close(db);
    test_tmpdir_remove(dir);
    return failed ? 1 : 0;
}
