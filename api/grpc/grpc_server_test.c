/* SPDX-License-Identifier: Apache-2.0 */
/* The server and the channel, over real sockets. */
#include "grpc_server.h"

#include <string.h>

#include "api/rpc/toy/toy_cases.h"
#include "grpc_channel.h"
#include "libross/base/test.h"

struct fixture {
    char *dir, *path;
    struct toy toy;
    struct grpc_service_host *host;
    struct rpc_channel *ch;
};

static int
setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct grpc_server_options opt = {.listen_fd = -1};
    struct rpc_service svc;
    struct err err = {0};

    f->dir = test_tmpdir();
    f->path = xasprintf("%s/s.sock", f->dir);
    toy_init(&f->toy);
    svc = toy_service(&f->toy);
    opt.address = f->path;
    assert_ok(grpc_server_serve(&opt, &svc, 1, &f->host, &err), &err);
    assert_ok(grpc_channel_open(f->path, &f->ch, &err), &err);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    rpc_channel_free(f->ch);
    grpc_server_stop(f->host, 0);
    toy_done(&f->toy);
    test_tmpdir_remove(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void
serves_every_kind(void **state)
{
    struct fixture *f = *state;

    toy_case_unary(f->ch);
    toy_case_errors(f->ch);
    toy_case_server_stream(f->ch);
    toy_case_client_stream(f->ch);
    toy_case_bidi(f->ch);
    toy_case_stream_cancel(f->ch, &f->toy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_every_kind, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
