/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc_loopback.h"

#include <string.h>

#include "api/rpc/toy/toy.h"
#include "api/rpc/toy/toy_cases.h"
#include "libross/base/test.h"

struct fixture {
    struct toy toy;
    struct rpc_service svc;
    struct rpc_channel *ch;
};

static int
setup(void **state)
{
    static struct fixture f;
    struct err err = {0};

    toy_init(&f.toy);
    f.svc = toy_service(&f.toy);
    assert_ok(rpc_loopback_channel(&f.svc, 1, &f.ch, &err), &err);
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    rpc_channel_free(f->ch);
    toy_done(&f->toy);
    return 0;
}

static void
serves_every_kind(void **state)
{
    struct fixture *f = *state;

    toy_case_unary(f->ch);
    toy_case_errors(f->ch);
    toy_case_server_stream(f->ch);
    toy_case_large_data(f->ch);
    toy_case_client_stream(f->ch);
    toy_case_bidi(f->ch);
    toy_case_stream_cancel(f->ch, &f->toy);
}

static void
waits_for_a_later_answer(void **state)
{
    struct fixture *f = *state;

    toy_case_later(f->ch, &f->toy);
}

static void
refuses_a_broken_table(void **state)
{
    struct rpc_method row = {.name = "Nothing"};
    struct rpc_service svc = {.desc = &ross__toy__toy__descriptor, .methods = &row, .n_methods = 1};
    struct rpc_channel *ch;
    struct err err = {0};

    (void) state;
    assert_code(rpc_loopback_channel(&svc, 1, &ch, &err), CODE_INTERNAL, &err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_every_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_for_a_later_answer, setup, teardown),
        cmocka_unit_test(refuses_a_broken_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
